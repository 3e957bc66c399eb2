// Merges of recorded blocks give the blocks that Prometheus and Thanos made of them, byte for byte.
import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// Expects that a block has the series and chunks of another one, in the same bytes.
func expectSameFiles(_ path: String, _ recorded: String, _ name: String) throws {
  for file in ["index", "chunks/000001"] {
    #expect(try readFile(path + "/" + file) == readFile(recorded + "/" + file), "\(name): \(file) is another one")
  }
}

@Suite struct BlockMergeTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder("merge") }

  /// Merges blocks of these paths.
  func merged(_ paths: [String], _ change: (inout BlockMerge.Options) -> Void = { _ in }) throws -> BlockMerge.Result {
    var options = BlockMerge.Options()
    change(&options)
    let merge = try BlockMerge(try paths.map { try Block.open(path: $0) }, options)
    return try #require(try merge.write(to: folder.path))
  }

  @Test(arguments: [("compacted-6h", 9), ("compacted-2h", 4)])
  func overlappingBlocksBecomeWhatPrometheusMadeOfThem(recording: String, count: Int) throws {
    let fixture = try Fixtures.folder("prometheus/overlapping")
    let recorded = try Block.open(path: Fixtures.blocks(in: fixture + "/" + recording)[0])
    let inputs = recorded.meta.compaction.parents.map { fixture + "/input/\($0.ulid)" }
    #expect(inputs.count == count)
    let result = try merged(inputs)
    try expectSameFiles(result.path, recorded.path, recording)
    var meta = result.meta
    meta.ulid = recorded.meta.ulid
    #expect(meta == recorded.meta)
    #expect(try Block.open(path: result.path).meta == result.meta)
  }

  /// All blocks that Thanos' compactor made of raw blocks, through those that it made on the way and did not keep.
  @Test(.needsShared, arguments: [("plain", false, 6), ("vertical", true, 5), ("penalty", true, 5)])
  func aBucketBecomesWhatThanosMadeOfIt(kind: String, hasReplicas: Bool, count: Int) throws {
    let shared = try Fixtures.folder("thanos/blocks")
    let bucket = shared + "/bucket-compacted/\(kind)/bucket"
    var made: [ULID: String] = [:]
    var compared = 0
    func path(of ulid: ULID) throws -> String {
      if let known = made[ulid] { return known }
      let raw = shared + "/bucket-raw/bucket/\(ulid)"
      if FileManager.default.fileExists(atPath: raw + "/index") { return raw }
      let recorded = try BlockMeta(json: readFile(bucket + "/\(ulid)/meta.json"))
      let inputs = try recorded.compaction.parents.map { try path(of: $0.ulid) }
      let merge = try BlockMerge(
        try inputs.map { try Block.open(path: $0) },
        {
          var options = BlockMerge.Options()
          options.replicaLabels = hasReplicas ? ["replica"] : []
          options.deduplication = kind == "penalty" ? .penalty : .chain
          return options
        }())
      let result = try #require(try merge.write(to: folder.path, ulid: ulid))
      made[ulid] = result.path
      guard FileManager.default.fileExists(atPath: bucket + "/\(ulid)/index") else { return result.path }
      try expectSameFiles(result.path, bucket + "/\(ulid)", "\(kind) \(ulid)")
      var meta = recorded
      // Written when it was uploaded.
      meta.thanos?.files = []
      meta.thanos?.uploadTime = ThanosMeta().uploadTime
      #expect(result.meta == meta)
      compared += 1
      return result.path
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: bucket).sorted() {
      guard let ulid = ULID(name), FileManager.default.fileExists(atPath: bucket + "/" + name + "/index"),
        try BlockMeta(json: readFile(bucket + "/" + name + "/meta.json")).compaction.parents.count > 0
      else { continue }
      _ = try path(of: ulid)
    }
    #expect(compared == count, "\(compared) blocks of \(kind) were compared")
  }

  @Test func oneBlockComesOutAsItWas() throws {
    let path = try Fixtures.block("prometheus/block-histograms")
    let result = try merged([path])
    try expectSameFiles(result.path, path, "block-histograms")
    #expect(result.meta.compaction.level == 2)
  }

  @Test func deletedSamplesAreLeftOut() throws {
    let path = try Fixtures.block("prometheus/block-tombstones")
    let block = try Block.open(path: path)
    let result = try merged([path])
    let wanted = try block.dumped().filter { !$0.times.isEmpty }
    #expect(try Block.open(path: result.path).dumped(appliesTombstones: false) == wanted)
    #expect(result.meta.stats.tombstoneCount == 0)
    #expect(result.meta.stats.sampleCount == UInt64(wanted.reduce(0) { $0 + $1.times.count }))
    #expect(result.meta.stats.sampleCount < block.meta.stats.sampleCount)
  }

  @Test func aBlockOfWhichAllIsDeletedLeavesNothing() throws {
    let path = try Fixtures.block("prometheus/block-tombstones")
    let block = try Block.open(path: path)
    var tombstones = Tombstones()
    for ref in try block.index.allPostings().refs() { tombstones.add(.all, toSeries: UInt64(ref)) }
    let empty = try Block(
      name: path, meta: block.meta, index: block.indexSource, segments: block.segments.readers, tombstones: tombstones)
    #expect(try BlockMerge([empty]).write(to: folder.path) == nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func blocksThatDoNotBelongTogetherAreRefused() throws {
    let sidecar = try Block.open(path: try Fixtures.block("thanos/live-sidecar"))
    let hour = try Block.open(path: try Fixtures.block("thanos/downsampled-1h"))
    let plain = try Block.open(path: try Fixtures.block("prometheus/block-floats"))
    func refusal(_ blocks: [Block]) -> String {
      do throws(StorageError) { _ = try BlockMerge(blocks) } catch { return error.message }
      return "nothing was refused"
    }
    #expect(refusal([]).hasSuffix("there is none"))
    #expect(refusal([plain, plain]).contains("are the same block"))
    #expect(refusal([plain, hour]).contains("a resolution of 0 ms"))
    #expect(refusal([plain, sidecar]).contains("external labels"))
  }

  /// The same block under two names: every chunk is there twice, and is written once.
  @Test func copiesOfABlockBecomeOne() throws {
    let path = try Fixtures.block("prometheus/block-histograms")
    let block = try Block.open(path: path)
    var other = block.meta
    other.ulid = ULID(timeMs: 1, randomBytes: [1])
    let copy = try Block(name: "copy", meta: other, index: block.indexSource, segments: block.segments.readers)
    let result = try #require(try BlockMerge([block, copy]).write(to: folder.path))
    try expectSameFiles(result.path, path, "block-histograms twice")
    #expect(result.duplicateChunkCount == block.meta.stats.chunkCount)
  }
}

extension BlockMergeTests {
  /// Of two replicas, each with outages of its own, seamless leaves fewer holes than penalty and no counter that falls more often.
  @Test(.needsShared) func seamlessReplicasHaveFewerHolesThanByPenalty() throws {
    let bucket = try Fixtures.folder("thanos/blocks/bucket-raw/bucket")
    let inputs = Fixtures.blocks(in: bucket).filter { path in
      let meta = try? BlockMeta(json: readFile(path + "/meta.json"))
      return meta?.thanos?.labels?.contains { $0.name == "cluster" && $0.value == "a" } == true
    }
    #expect(inputs.count == 18)
    func samples(_ deduplication: Deduplication) throws -> [DumpedSeries] {
      let result = try merged(inputs) {
        $0.deduplication = deduplication
        $0.replicaLabels = ["replica"]
      }
      var defects: [String] = []
      try Block.open(path: result.path).verify(progress: { _ in }, report: { defects.append("\($0)") })
      #expect(defects.isEmpty)
      return try Block.open(path: result.path).dumped()
    }
    func holes(_ series: [DumpedSeries]) -> Int {
      series.reduce(0) { sum, series in
        sum + zip(series.times, series.times.dropFirst()).count { $1 - $0 > 25_000 && $1 - $0 < 3_600_000 }
      }
    }
    func falls(_ series: [DumpedSeries]) -> Int {
      series.filter { $0.labels.contains("_total") }.reduce(0) { sum, series in
        let values = series.valueBits.map { Double(bitPattern: $0) }
        return sum + zip(values, values.dropFirst()).count { $1 < $0 }
      }
    }
    let (seamless, penalty) = (try samples(.seamless), try samples(.penalty))
    #expect(seamless.map(\.labels) == penalty.map(\.labels))
    #expect(holes(seamless) < holes(penalty), "\(holes(seamless)) holes, by penalty \(holes(penalty))")
    #expect(falls(seamless) <= falls(penalty), "\(falls(seamless)) falls, by penalty \(falls(penalty))")
  }
}
