// Blocks of replicas that lose samples at random, merged by seamless deduplication: no hole and no reset that the target did not have.
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite struct SeamlessBlockTests {
  /// The lines of a pattern's replica: chunks as a head would cut them.
  private func chunks(_ samples: [LossPattern.Sample]) throws -> [EncodedChunk] {
    var builder = try SeriesChunkBuilder()
    for sample in samples {
      if let histogram = sample.histogram {
        try builder.append(timestampMs: sample.timeMs, histogram)
      } else {
        try builder.append(timestampMs: sample.timeMs, value: sample.value)
      }
    }
    return builder.finish()
  }

  /// A block of replica `replica` of all patterns, a series each.
  private func block(_ patterns: [LossPattern], _ replica: Int, _ folder: TemporaryFolder) throws -> String {
    let names = patterns.indices.map { "p\(String(100_000 + $0))" }
    let writer = try BlockWriter(
      parentFolder: folder.path, ulid: ULID(timeMs: 1 + Int64(replica), randomBytes: [1]),
      symbols: (["__name__", "latency", "pattern"] + names).sorted())
    for (pattern, name) in zip(patterns, names) where replica < pattern.replicas.count {
      try writer.addSeries(
        labels: Labels([(name: "__name__", value: "latency"), (name: "pattern", value: name)]),
        chunks: chunks(pattern.replicas[replica]))
    }
    return try writer.finish { meta in
      var thanos = ThanosMeta()
      thanos.labels = [Labels.Label(name: "replica", value: "\(replica)")]
      meta.thanos = thanos
    }
  }

  /// The samples of each series of a block, in the order of the index, and how many histogram chunks claim in vain that no reset is
  /// before them.
  private func samples(_ block: Block) throws -> (series: [[LossPattern.Sample]], falseHeaders: Int) {
    var all: [[LossPattern.Sample]] = []
    var falseHeaders = 0
    var decoded = SeriesSamples()
    try block.read(series: try block.index.allPostings().refs()) { batch in
      for index in 0..<batch.seriesCount {
        var series: [LossPattern.Sample] = []
        for chunk in batch.chunkRange(at: index) {
          guard let (encoding, bytes) = batch.chunkBytes(chunk) else { continue }
          let content = try decoded.decode(
            RawSpan(_unsafeBytes: bytes), encoding: ChunkEncoding(rawValue: encoding),
            seriesRef: UInt64(batch.seriesRef(at: index)))
          switch content {
          case .floats:
            let (times, values) = (decoded.floats.timestampsMs, decoded.floats.values)
            for place in 0..<decoded.floats.count {
              series.append(LossPattern.Sample(timeMs: times[place], value: values[place]))
            }
          case .histograms:
            if decoded.histograms.resetHeader == .notReset, !decoded.histograms.isStale(at: 0),
              let last = series.last(where: { $0.histogram != nil && !$0.isStale })?.histogram,
              isReset(decoded.histograms.histogram(at: 0), last)
            {
              falseHeaders += 1
            }
            for place in 0..<decoded.histograms.count {
              series.append(
                LossPattern.Sample(
                  timeMs: decoded.histograms.timestampsMs[place], histogram: decoded.histograms.histogram(at: place)))
            }
          case .aggregates: break
          }
        }
        all.append(series)
      }
    }
    return (all, falseHeaders)
  }

  private func isReset(_ current: Histogram, _ previous: Histogram) -> Bool {
    let pool = HistogramPool()
    let before = pool.append(previous)
    return HistogramMath.isReset(pool.append(current), after: before, pool)
  }

  private func check(_ seeds: Range<UInt64>, lagMaxMs: Int64) throws {
    var (defects, falseHeaders, switched) = ([String](), 0, 0)
    for start in stride(from: seeds.lowerBound, to: seeds.upperBound, by: 200) {
      let part = start..<min(seeds.upperBound, start + 200)
      let folder = try TemporaryFolder("seamless")
      let patterns = part.map { LossPattern(seed: $0, lagMaxMs: lagMaxMs) }
      let blocks = try (0..<3).map { try Block.open(path: try block(patterns, $0, folder)) }
      var options = BlockMerge.Options()
      options.deduplication = .seamless
      options.replicaLabels = ["replica"]
      let result = try #require(try BlockMerge(blocks, options).write(to: folder.path))
      let merged = try Block.open(path: result.path)
      merged.verify(progress: { _ in }, report: { defects.append("\($0)") })
      let found = try samples(merged)
      falseHeaders += found.falseHeaders
      try #require(found.series.count == patterns.count)
      for (place, seed) in part.enumerated() {
        let pattern = MergedPattern(found.series[place], isReset: isReset)
        defects += pattern.defects(patterns[place], seed: seed, lagMaxMs: lagMaxMs)
        if pattern.samples.count > patterns[place].replicas[0].count { switched += 1 }
      }
    }
    #expect(defects.isEmpty, "\(defects.count): \(defects.prefix(20).joined(separator: "\n"))")
    #expect(falseHeaders == 0)
    #expect(switched > seeds.count / 2)
    say("seamless histograms of blocks, lag \(lagMaxMs) ms: seeds \(seeds), \(defects.count) defects")
  }

  @Test func randomLossesLeaveNoHoleAndNoReset() throws { try check(0..<(isLongTier ? 10_000 : 120), lagMaxMs: 0) }

  @Test func replicasThatLagDoNotFall() throws {
    try check(1 << 32..<1 << 32 + (isLongTier ? 10_000 : 120), lagMaxMs: 5000)
  }
}
