// The data sets of the benchmarks: what is in them, and that it is the same every time and everywhere.
import Foundation
import Storage
import TSModel
import TestSupport
import Testing

@testable import Tools

/// The smallest scale: one target, or as many pods as it takes.
private let oneTarget = 0.001

/// A set in a folder of its own.
private struct GeneratedFolder {
  let folder: TemporaryFolder
  let totals: GeneratedTotals
  let blocks: [Block]

  init(_ set: DataSet, scale: Double = oneTarget, blocks: Int? = nil) throws {
    let folder = try TemporaryFolder("generate")
    self.folder = folder
    totals = try set.write(to: folder.path, scale: scale, blocksMax: blocks)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    self.blocks = try names.map { try Block.open(path: folder.file($0)) }
  }

  /// The bytes of every file, by path.
  func files() throws -> [String: Data] {
    var files: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
      var isFolder: ObjCBool = false
      let full = folder.file(path)
      if FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), !isFolder.boolValue {
        files[path] = try Data(contentsOf: URL(fileURLWithPath: full))
      }
    }
    return files
  }
}

/// All samples of a block, by the printed labels of their series.
private func samples(of block: Block) throws -> [String: [(timestampMs: Int64, value: Double)]] {
  var out: [String: [(timestampMs: Int64, value: Double)]] = [:]
  let refs = try block.index.allPostings().refs()
  let batch = SeriesBatch(symbols: block.index.symbols)
  try block.index.series(refs, into: batch, timeRange: nil)
  try block.loadChunks(into: batch)
  for series in 0..<batch.seriesCount {
    var columns = FloatColumns()
    for chunk in batch.chunkRange(at: series) {
      let (encoding, bytes) = try #require(batch.chunkBytes(chunk))
      try columns.append(decoding: bytes.bytes, encoding: ChunkEncoding(rawValue: encoding))
    }
    var pairs: [(timestampMs: Int64, value: Double)] = []
    for index in 0..<columns.count { pairs.append((columns.timestampsMs[index], columns.values[index])) }
    out["\(batch.labels(at: series))"] = pairs
  }
  return out
}

private func defects(of block: Block) -> [String] {
  var defects: [String] = []
  block.verify { defects.append("\($0)") }
  return defects
}

/// FNV-1a-64 over the names and bytes of files, in order of names.
private func digest(_ files: [String: Data]) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for name in files.keys.sorted() {
    for byte in Array(name.utf8) + Array(files[name] ?? Data()) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }
  return hash
}

@Suite struct GenerateTests {
  @Test(arguments: DataSet.allCases) func aSecondRunGivesTheSameBytes(_ set: DataSet) throws {
    let first = try GeneratedFolder(set, blocks: 1).files()
    let second = try GeneratedFolder(set, blocks: 1).files()
    #expect(!first.isEmpty)
    #expect(first == second)
  }

  /// A change here is a change of the data sets: figures measured before and after it do not compare.
  @Test(arguments: [
    (DataSet.day, UInt64(0xd9d9da5d382bbe6f)), (.replicaB, 0x3e293c8b454cd5d4), (.manySeries, 0xbccc7251fca346cf),
    (.manyBlocks, 0xfd26008b707ac009),
  ])
  func bytesAreThoseOfTheDayTheyWerePinned(_ set: DataSet, _ pinned: UInt64) throws {
    let found = digest(try GeneratedFolder(set, blocks: 1).files())
    #expect(found == pinned, "0x\(String(found, radix: 16))")
  }

  @Test(arguments: DataSet.allCases) func noBlockHasADefect(_ set: DataSet) throws {
    for block in try GeneratedFolder(set, blocks: 1).blocks { #expect(defects(of: block) == []) }
  }

  @Test func aDayHasTheSeriesAndSamplesOfItsTargets() throws {
    let generated = try GeneratedFolder(.day)
    #expect(generated.totals == GeneratedTotals(blockCount: 12, seriesCount: 12 * 500, sampleCount: 12 * 500 * 480))
    var everySeries = Set<String>()
    for (number, block) in generated.blocks.enumerated() {
      let start = DataSet.startMs + Int64(number) * 7_200_000
      #expect(block.meta.minTimeMs == start)
      #expect(block.meta.maxTimeExclusiveMs == start + 7_200_000)
      #expect(block.meta.stats.seriesCount == 500)
      #expect(block.meta.stats.sampleCount == 500 * 480)
      #expect(block.meta.stats.chunkCount == 500 * 4)
      #expect(block.meta.thanos?.externalLabels == ["cluster": "bench", "replica": "a"])
      #expect(block.meta.thanos?.uploadTime == ThanosMeta().uploadTime)
      everySeries.formUnion(try samples(of: block).keys)
    }
    // 5 % of the series are others in every block.
    #expect(everySeries.count == 475 + 12 * 25)
    #expect(everySeries.count * 50 == 38_750)
  }

  @Test func countersGrowFromBlockToBlock() throws {
    let blocks = try GeneratedFolder(.day, blocks: 2).blocks
    let (first, second) = (try samples(of: blocks[0]), try samples(of: blocks[1]))
    let counters = first.keys.filter { $0.hasPrefix("node_cpu_seconds_total") }
    #expect(counters.count == 64)
    for counter in counters {
      let values = try #require(first[counter]).map(\.value) + #require(second[counter]).map(\.value)
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 })
    }
  }

  @Test func replicasSeeTheSameAndNeverMissAScrapeBoth() throws {
    let (whole, a, b) = (
      try GeneratedFolder(.day, blocks: 3), try GeneratedFolder(.replicaA, blocks: 3),
      try GeneratedFolder(.replicaB, blocks: 3)
    )
    // Of 1440 scrapes in six hours, 40 are missed in one of the two.
    #expect(a.totals.sampleCount + b.totals.sampleCount == 500 * (2 * 1440 - 40))
    for number in whole.blocks.indices {
      let all = try samples(of: whole.blocks[number])
      let (left, right) = (try samples(of: a.blocks[number]), try samples(of: b.blocks[number]))
      #expect(Set(left.keys) == Set(all.keys))
      #expect(Set(right.keys) == Set(all.keys))
      for (series, expected) in all {
        let valueAt = Dictionary(uniqueKeysWithValues: expected.map { ($0.timestampMs, $0.value) })
        let (seenByA, seenByB) = (try #require(left[series]), try #require(right[series]))
        #expect(seenByA.allSatisfy { valueAt[$0.timestampMs] == $0.value })
        #expect(seenByB.allSatisfy { valueAt[$0.timestampMs - 5500] == $0.value })
        let seen = Set(seenByA.map(\.timestampMs)).union(seenByB.map { $0.timestampMs - 5500 })
        #expect(seen.count == expected.count)
      }
    }
    #expect(a.blocks[0].meta.ulid != b.blocks[0].meta.ulid)
  }

  @Test func manySeriesHaveEightLabelsAndFourSamples() throws {
    let generated = try GeneratedFolder(.manySeries, scale: 0.004)
    #expect(generated.totals == GeneratedTotals(blockCount: 1, seriesCount: 4000, sampleCount: 16_000))
    let index = generated.blocks[0].index
    #expect(
      try index.labelNames() == ["__name__", "cluster", "container", "instance", "job", "namespace", "pod", "zone"])
    #expect(try index.labelValues(of: "__name__").count == 100)
    #expect(try index.labelValues(of: "job").count == 40)
    #expect(try index.labelValues(of: "namespace").count == 50)
    #expect(try index.labelValues(of: "zone").count == 3)
    #expect(try index.labelValues(of: "instance").count == 100)
    #expect(try index.labelValues(of: "pod").count == 400)
    #expect(try samples(of: generated.blocks[0]).values.allSatisfy { $0.count == 4 })
  }

  @Test func manyBlocksComeFromFiveSources() throws {
    let generated = try GeneratedFolder(.manyBlocks, blocks: 1)
    #expect(Set(generated.blocks.compactMap { $0.meta.thanos?.externalLabels }).count == 5)
    #expect(DataSet.manyBlocks.blocksPerSource(limit: nil) * 5 == 120)
  }

  @Test func aBlockThatIsThereIsAnError() throws {
    let folder = try TemporaryFolder("generate")
    _ = try DataSet.manySeries.write(to: folder.path, scale: 0.0001)
    #expect {
      try DataSet.manySeries.write(to: folder.path, scale: 0.0002)
    } throws: { error in
      "\(error)".contains("exists already")
    }
  }
}
