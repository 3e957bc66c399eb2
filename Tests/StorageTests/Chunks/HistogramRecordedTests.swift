// Histogram chunks as Prometheus wrote them: decoded to their dump, validated, and encoded again to the same bytes.
import CTSDB
import TSModel
import TestSupport
import Testing

@testable import Storage

/// Encodes samples into one chunk, without cutting.
func encodeOneChunk(
  _ encoding: ChunkEncoding, resetHeader: UInt8, _ samples: [(Int64, Histogram, Int64)]
) throws -> [UInt8] {
  var builder = try HistogramChunkBuilder(encoding: encoding, chunkRangeMs: .max / 4, cutsForSize: false)
  builder.begin(resetHeader: resetHeader)
  for (timestampMs, histogram, start) in samples {
    try builder.append(timestampMs: timestampMs, histogram, startTimestampMs: start)
  }
  let chunks = builder.finish()
  #expect(chunks.count == 1)
  return chunks.first?.bytes ?? []
}

@Suite struct HistogramRecordedTests {
  static let folders = [
    "prometheus/block-histograms", "prometheus/block-newchunks/xor2-no-st", "prometheus/block-newchunks/xor2-st",
  ]

  @Test(arguments: folders)
  func everyChunkDecodesToItsDumpAndEncodesToItsBytes(_ folder: String) throws {
    let block = try Fixtures.block(folder)
    let series = try RecordedSeries.all(block: block, dump: try Fixtures.folder(folder) + "/dump.jsonl.gz")
    var columns = HistogramColumns()
    var chunkCount = 0
    for series in series {
      for chunk in series.chunks where chunk.encoding.isHistogram {
        let hint: Comment = "\(series.name), chunk at \(chunk.minTimeMs)"
        try chunk.bytes.withExactCopy { try columns.decode($0, encoding: chunk.encoding) }
        #expect(columns.resetHeader.description == chunk.resetHeader, hint)
        let decoded = (0..<columns.count).map { index in
          RecordedSample.histogram(
            timestampMs: columns.timestampsMs[index], columns.histogram(at: index),
            startTimestampMs: columns.startTimestampsMs[index])
        }
        #expect(decoded == chunk.samples, hint)
        // As doubles, every number is that of the integers.
        let exact = (0..<columns.count).map { columns.histogram(at: $0).asFloat.counts }
        try chunk.bytes.withExactCopy { try columns.decode($0, encoding: chunk.encoding, numbers: .doubles) }
        for index in 0..<columns.count where !columns.isStale(at: index) {
          #expect(columns.histogram(at: index).counts == exact[index], hint)
        }
        #expect(chunk.bytes.withExactCopy { histogramChunkDefect($0, encoding: chunk.encoding) } == nil, hint)
        let samples = decoded.compactMap { sample -> (Int64, Histogram, Int64)? in
          guard case .histogram(let timestampMs, let histogram, let start) = sample else { return nil }
          return (timestampMs, histogram, start)
        }
        let bytes = try encodeOneChunk(chunk.encoding, resetHeader: columns.resetHeader.rawValue, samples)
        #expect(bytes == chunk.bytes, hint)
        chunkCount += 1
      }
    }
    #expect(chunkCount > 100)
  }

  /// The dump shows each sample in the layout that its chunk ended up with, but the head looked at sizes when the layout was
  /// smaller. Where the producer named populated buckets only, leaving out the empty ones gives back what was appended.
  private func withoutEmptyBuckets(_ histogram: Histogram) -> Histogram {
    var result = histogram
    func populated<Count: Numeric>(_ spans: [Histogram.Span], _ counts: [Count]) -> ([Histogram.Span], [Count]) {
      var (kept, keptSpans, place, index, end) = ([Count](), [Histogram.Span](), 0, Int32(0), Int32(0))
      for span in spans {
        index += span.offset
        for _ in 0..<span.length {
          if counts[place] != 0 {
            if !keptSpans.isEmpty && index == end {
              keptSpans[keptSpans.count - 1].length += 1
            } else {
              keptSpans.append(.init(offset: index - end, length: 1))
            }
            end = index + 1
            kept.append(counts[place])
          }
          place += 1
          index += 1
        }
      }
      return (keptSpans, kept)
    }
    switch histogram.counts {
    case .int(let count, let zeroCount, var positive, var negative):
      (result.positiveSpans, positive) = populated(histogram.positiveSpans, positive)
      (result.negativeSpans, negative) = populated(histogram.negativeSpans, negative)
      result.counts = .int(count: count, zeroCount: zeroCount, positive: positive, negative: negative)
    case .float(let count, let zeroCount, var positive, var negative):
      (result.positiveSpans, positive) = populated(histogram.positiveSpans, positive)
      (result.negativeSpans, negative) = populated(histogram.negativeSpans, negative)
      result.counts = .float(count: count, zeroCount: zeroCount, positive: positive, negative: negative)
    }
    return result
  }

  private func build(
    _ series: RecordedSeries, isNew: Bool, _ change: (Histogram) -> Histogram
  ) throws -> [EncodedChunk] {
    var builder = try SeriesChunkBuilder(.init(floatEncoding: isNew ? .xor2 : .xor, histogramStartTimestamps: isNew))
    for sample in series.chunks.flatMap(\.samples) {
      switch sample {
      case .float(let timestampMs, let bits, let start):
        try builder.append(timestampMs: timestampMs, value: Double(bitPattern: bits), startTimestampMs: start)
      case .histogram(let timestampMs, let histogram, let start):
        try builder.append(timestampMs: timestampMs, change(histogram), startTimestampMs: start)
      }
    }
    return builder.finish()
  }

  private func isSame(_ ours: [EncodedChunk], _ theirs: [RecordedChunk]) -> Bool {
    ours.count == theirs.count
      && zip(ours, theirs).allSatisfy { ours, theirs in
        ours.encoding == theirs.encoding && ours.bytes == theirs.bytes && ours.minTimeMs == theirs.minTimeMs
          && ours.maxTimeMs == theirs.maxTimeMs && ours.sampleCount == theirs.samples.count
      }
  }

  /// Series whose cuts depend on what the dump does not tell: hints that the writer gave, or empty buckets that it named.
  static let untold: Set<String> = ["hist_explicit_hints"]

  @Test(arguments: folders)
  func seriesAreCutWherePrometheusCutsThem(_ folder: String) throws {
    let block = try Fixtures.block(folder)
    let series = try RecordedSeries.all(block: block, dump: try Fixtures.folder(folder) + "/dump.jsonl.gz")
    let isNew = folder.contains("newchunks")
    var (asDumped, populated, other) = (0, 0, 0)
    for series in series {
      let ours = try build(series, isNew: isNew) { $0 }
      if isSame(ours, series.chunks) {
        asDumped += 1
        continue
      }
      let trimmed = try build(series, isNew: isNew, withoutEmptyBuckets)
      if isSame(trimmed, series.chunks) {
        populated += 1
        continue
      }
      other += 1
      func list(_ chunks: [(Int, Int)]) -> String { chunks.map { "\($0.0)/\($0.1)" }.joined(separator: " ") }
      #expect(
        Self.untold.contains(series.labels["__name__"] ?? ""),
        """
        \(series.name): \(list(ours.map { ($0.sampleCount, $0.bytes.count) })) or \
        \(list(trimmed.map { ($0.sampleCount, $0.bytes.count) })) instead of \
        \(list(series.chunks.map { ($0.samples.count, $0.bytes.count) }))
        """)
    }
    #expect(asDumped + populated > 9 * other)
    say("\(folder): \(asDumped) series cut as recorded, \(populated) without empty buckets, \(other) otherwise")
  }

  @Test func onlyTheLastChunkOfABlockCutFromTheHeadLosesItsHeader() throws {
    for reencodesLast in [false, true] {
      var builder = try SeriesChunkBuilder(.init(reencodesLast: reencodesLast))
      for index in 0..<30 {
        let count = UInt64(index % 10)
        try builder.append(
          timestampMs: Int64(index) * 1000,
          Histogram(sum: 1, counts: .int(count: count, zeroCount: count, positive: [], negative: [])))
      }
      let headers = builder.finish().map { $0.bytes[2] >> 6 }
      #expect(headers == (reencodesLast ? [0, 2, 0] : [0, 2, 2]))
    }
  }

  @Test func staleMarkersTakeTheKindOfTheSampleBefore() throws {
    let stale = Double(bitPattern: Histogram.staleSumBits)
    var builder = try SeriesChunkBuilder()
    try builder.append(timestampMs: 1, value: 5)
    try builder.append(timestampMs: 2, value: stale)
    for (index, kind) in [Histogram.Kind.int, .float].enumerated() {
      var histogram = Histogram.stale(kind)
      histogram.sum = 4
      try builder.append(timestampMs: Int64(10 * index + 10), histogram)
      try builder.append(timestampMs: Int64(10 * index + 11), value: stale)
    }
    #expect(throws: StorageError.self) { try builder.append(timestampMs: 21, value: 1) }
    let chunks = builder.finish()
    #expect(chunks.map(\.encoding) == [.xor, .histogram, .floatHistogram] && chunks.map(\.sampleCount) == [2, 2, 2])
  }
}
