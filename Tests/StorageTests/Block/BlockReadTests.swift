import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite struct BlockReadTests {
  @Test(arguments: [Block.Reading.mapped, .copied]) func tombstonesAreApplied(reading: Block.Reading) throws {
    let folder = try Fixtures.folder("prometheus/block-tombstones")
    let block = try Block.open(path: try Fixtures.block("prometheus/block-tombstones"), reading: reading)
    let with = try DumpedSeries.read(folder + "/dump-with-tombstones.jsonl.gz")
    let without = try DumpedSeries.read(folder + "/dump-without-tombstones.jsonl.gz")
    #expect(with.count == 11 && without.count == 12)
    #expect(try block.dumped() == with)
    #expect(try block.dumped(batchSize: 100) == with)
    #expect(try block.dumped(appliesTombstones: false) == without)
  }

  @Test func tombstonesAreThoseRecorded() throws {
    struct Line: Decodable {
      let ref: UInt64
      let intervals: [[Int64]]
    }
    let folder = try Fixtures.folder("prometheus/block-tombstones")
    let path = try Fixtures.block("prometheus/block-tombstones") + "/tombstones"
    let tombstones = try Tombstones(parsing: try readFile(path))
    let lines = try textLines(folder + "/tombstones.jsonl").filter { !$0.isEmpty }
    for line in lines {
      let expected = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
      #expect(tombstones.intervals(of: expected.ref).map { [$0.minTimeMs, $0.maxTimeMs] } == expected.intervals)
    }
    #expect(tombstones.seriesRefs.count == lines.count)
    #expect(try Tombstones(parsing: tombstones.encoded()) == tombstones)
    #expect(tombstones.encoded().count == (try readFile(path)).count)
  }

  @Test(arguments: [Block.Reading.mapped, .copied]) func manySegmentsAreRead(reading: Block.Reading) throws {
    let folder = try Fixtures.folder("prometheus/block-multisegment")
    let budget = MemoryBudget(name: "query")
    let block = try Block.open(path: try Fixtures.block("prometheus/block-multisegment"), reading: reading)
    #expect(block.segments.readers.count == 3)
    let expected = try DumpedSeries.read(folder + "/dump.jsonl.gz")
    #expect(try block.dumped(budget: budget) == expected)
    #expect(try block.dumped(batchSize: 1000, budget: budget) == expected)
    #expect(budget.usedBytes == 0 && budget.peakBytes > 0)
    // Chunks alone and together are the same.
    let batch = SeriesBatch(symbols: block.index.symbols)
    try block.index.series(try block.index.allPostings().refs(), into: batch)
    try block.loadChunks(into: batch)
    for chunk in 0..<batch.chunkCount {
      let (encoding, bytes) = try block.chunk(ref: batch.chunk(chunk).ref)
      let found = try #require(batch.chunkBytes(chunk))
      #expect(found.encoding == encoding.rawValue && Array(found.bytes) == bytes.withUnsafeBytes { Array($0) })
    }
    for ref: UInt64 in [0, 7, 3 << 32 | 8, 9, UInt64.max, 2 << 32 | 0xFFFF_FFFF] {
      #expect(throws: StorageError.self) { try block.chunk(ref: ref) }
    }
  }

  @Test func timeRangesCutSamplesAndSeries() throws {
    let block = try Block.open(path: try Fixtures.block("prometheus/block-multisegment"))
    let all = try block.dumped()
    let (from, to) = (block.meta.minTimeMs + 1_000_000, block.meta.minTimeMs + 3_000_000)
    let cut = try block.dumped(timeRange: TimeRange(minTimeMs: from, maxTimeMs: to))
    let expected = all.compactMap { series -> DumpedSeries? in
      var part = DumpedSeries(labels: series.labels)
      for (time, bits) in zip(series.times, series.valueBits) where time >= from && time <= to {
        part.times.append(time)
        part.valueBits.append(bits)
      }
      return part.times.isEmpty ? nil : part
    }
    #expect(cut == expected && !cut.isEmpty)
    #expect(try block.dumped(timeRange: TimeRange(minTimeMs: 0, maxTimeMs: 1)).isEmpty)
  }

  @Test func matchersSelectInOrder() throws {
    let block = try Block.open(path: try Fixtures.block("prometheus/block-multisegment"))
    let all = try block.dumped().map(\.labels)
    let budget = MemoryBudget(name: "query")
    var found: [String] = []
    try block.select([try LabelMatcher(.regex, name: "__name__", value: ".+")], batchSize: 7, budget: budget) { batch in
      for index in 0..<batch.seriesCount { found.append(batch.labels(at: index).description) }
      #expect(batch.hasChunkBytes && budget.usedBytes > 0)
    }
    #expect(found == all)
    #expect(budget.usedBytes == 0)
    try block.select([try LabelMatcher(.equal, name: "__name__", value: "nothing")]) { _ in Issue.record("found some") }
  }

  @Test func overBudgetIsAnErrorThatNamesIt() throws {
    let block = try Block.open(path: try Fixtures.block("prometheus/block-multisegment"), reading: .copied)
    let budget = MemoryBudget(name: "query", limitBytes: 20_000)
    do {
      _ = try block.dumped(batchSize: 60, budget: budget)
      Issue.record("read")
    } catch let error as StorageError {
      #expect(error.code == .budget && error.message.contains("memory limit of query"), "\(error)")
    }
    #expect(budget.usedBytes == 0)
  }

  /// Of the damaged blocks that open, what can be read is what Prometheus reads, series by series; the rest are errors.
  @Test(arguments: [Block.Reading.mapped, .copied]) func damageIsAnErrorOfThatSeriesOnly(reading: Block.Reading) throws
  {
    let good = try Block.open(path: try Fixtures.folder("prometheus/corrupt/good/block"))
    let whole = try good.dumped(appliesTombstones: false)
    var compared = 0
    for damaged in CorruptCase.all where !damaged.isRefusedAtOpen {
      let block = try Block.open(path: try damaged.folder, reading: reading)
      guard let refs = try? block.index.allPostings().refs() else {
        #expect(damaged.stage == "postings", "\(damaged.case)")
        continue
      }
      var (seriesRead, samplesRead, failures) = (0, 0, 0)
      var samples = SeriesSamples()
      for ref in refs {
        do {
          try block.read(series: [ref]) { batch in
            for index in 0..<batch.seriesCount {
              var series = DumpedSeries(labels: batch.labels(at: index).description)
              for chunk in batch.chunkRange(at: index) {
                guard let (encoding, bytes) = batch.chunkBytes(chunk) else { continue }
                let content = try samples.decode(
                  RawSpan(_unsafeBytes: bytes), encoding: ChunkEncoding(rawValue: encoding))
                let kept = samples.keptIndices
                for position in 0..<kept.count {
                  let sample = Int(kept[position])
                  series.times.append(
                    content == .floats ? samples.floats.timestampsMs[sample] : samples.histograms.timestampsMs[sample])
                }
              }
              let original = whole.first { $0.labels == series.labels }
              // Tombstones hide nothing here but chunks that are deleted as a whole.
              #expect(original.map { Set(series.times).isSubset(of: $0.times) } == true, "\(damaged.case)")
              seriesRead += 1
              samplesRead += series.times.count
            }
          }
        } catch { failures += 1 }
      }
      compared += 1
      if damaged.stage == "ok", damaged.case != "chunk-zero-samples" {
        #expect(failures == 0 && seriesRead == 6, "\(damaged.case)")
        #expect(try block.dumped(appliesTombstones: false) == whole, "\(damaged.case)")
      } else {
        #expect(failures > 0, "\(damaged.case)")
        #expect(seriesRead <= damaged.series_read || damaged.case == "chunk-zero-samples", "\(damaged.case)")
        #expect(seriesRead >= damaged.series_read - (damaged.case == "chunk-zero-samples" ? 1 : 0), "\(damaged.case)")
      }
    }
    #expect(CorruptCase.all.isEmpty || compared >= 10)
  }

  @Test func everyDamagedBlockIsNotedByVerification() throws {
    for damaged in CorruptCase.all where !damaged.isRefusedAtOpen {
      var defects: [BlockDefect] = []
      try Block.open(path: try damaged.folder).verify { defects.append($0) }
      let isHarmless = ["meta-unknown-fields", "tombstones-missing"].contains(damaged.case)
      #expect(isHarmless == defects.filter { !$0.file.hasSuffix("meta.json") }.isEmpty, "\(damaged.case): \(defects)")
    }
  }

  @Test(.needsShared) func soundBlocksHaveNoDefects() throws {
    let shared = try #require(Fixtures.shared)
    let root = shared + "/fixtures"
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    var (blocks, unsound) = (0, Set<String>())
    for name in names.sorted() where name.hasSuffix("/meta.json") && !name.contains("corrupt") {
      guard let block = try? Block.open(path: root + "/" + name.dropLast("/meta.json".count)) else { continue }
      var defects: [BlockDefect] = []
      block.verify { defects.append($0) }
      blocks += 1
      let parts = name.split(separator: "/")
      if !defects.isEmpty { unsound.insert(parts[2] == "cases" ? String(parts[3]) : "\(name): \(defects[0])") }
    }
    say("verified \(blocks) recorded blocks; with defects, as they should be: \(unsound.sorted())")
    #expect(blocks > 300)
    #expect(
      unsound == [
        "chunk-bad-crc", "chunks-outside-completely", "chunks-outside-issue347", "chunks-outside-partly",
        "index-bad-series-crc", "out-of-order-chunks", "out-of-order-chunks-duplicate", "ulid-mismatch",
        "unsorted-labels",
      ])
  }
}
