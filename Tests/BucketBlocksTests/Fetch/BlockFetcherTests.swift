// What one look at a bucket finds, and what the next one reads again.
import BucketBlocks
import Foundation
import ObjectStore
import Observability
import Storage
import TSModel
import Synchronization
import TestSupport
import Testing

@Suite struct BlockFetcherTests {
  @Test(arguments: BlockFetcher.Discovery.allCases)
  func blocksAreFoundAndOthersAreNot(_ discovery: BlockFetcher.Discovery) async throws {
    let bucket = try await bucket(of: [blockMeta(1), blockMeta(2)])
    for name in ["debug/metas/\(blockID(1)).json", "stray", "\(blockID(5))", "x/\(blockID(6))/meta.json"] {
      try await bucket.upload(name, bytes: [1])
    }
    var options = BlockFetcher.Options()
    options.discovery = discovery
    let view = try await BlockFetcher(bucket: bucket, options: options).fetch()
    #expect(view.numbers == [1, 2])
    #expect(view.setAside.isEmpty && view.isComplete)
    #expect(view.blocks[blockID(2)]?.thanos?.labels == [.init(name: "cluster", value: "a")])
    #expect(view.blocks[blockID(3)] == nil)
  }

  @Test(arguments: BlockFetcher.Discovery.allCases)
  func whatIsWrongWithOneBlockIsSaidAndTheOthersAreFound(_ discovery: BlockFetcher.Discovery) async throws {
    let bucket = WatchedBucket(try await bucket(of: [blockMeta(1), blockMeta(2), blockMeta(7)]))
    try await bucket.upload("\(blockID(3))/chunks/000001", bytes: [1])
    try await bucket.upload("\(blockID(4))/meta.json", bytes: Array("{".utf8))
    try await bucket.upload("\(blockID(5))/meta.json", bytes: Array(#"{"version":2}"#.utf8))
    try await bucket.upload("\(blockID(6))/meta.json", bytes: Array(#"{"version":1,"thanos":{"version":7}}"#.utf8))
    try await bucket.upload("\(blockID(8))/meta.json", bytes: Array(#"{"version":1,"thanos":[]}"#.utf8))
    bucket.refused = ["\(blockID(7))/meta.json"]
    var options = BlockFetcher.Options()
    options.discovery = discovery
    let registry = MetricsRegistry()
    let metrics = BlockFetcherMetrics(registry)
    let view = try await BlockFetcher(bucket: bucket, options: options, metrics: metrics).fetch()
    #expect(view.numbers == [1, 2])
    #expect(Set(view.partial.keys) == [blockID(3), blockID(4), blockID(8)])
    #expect(view.setAside[blockID(3)]?.state == .noMeta)
    #expect(view.setAside[blockID(4)]?.state == .malformedMeta)
    #expect(view.setAside[blockID(4)]?.reason.contains("unexpected end of JSON input") == true)
    #expect(Set(view.failures.keys) == [blockID(5), blockID(6), blockID(7)])
    #expect(view.failures[blockID(5)]?.contains("unexpected meta file version 2") == true)
    #expect(!view.isComplete)
    let text = String(decoding: registry.exposition(), as: UTF8.self)
    for line in [
      "synced{state=\"loaded\"} 2", "synced{state=\"no-meta-json\"} 1", "synced{state=\"corrupted-meta-json\"} 2",
      "synced{state=\"failed\"} 3", "synced{state=\"duplicate\"} 0", "syncs_total 1", "sync_failures_total 1",
    ] { #expect(text.contains("thanos_blocks_meta_\(line)\n"), "\(line)") }
  }

  @Test func bucketThatCannotBeListedIsAnError() async throws {
    let bucket = WatchedBucket(MemoryBucket())
    bucket.refused = ["iterate"]
    await #expect(throws: BucketError.self) { _ = try await BlockFetcher(bucket: bucket).fetch() }
  }

  @Test func knownMetasAreNotReadAgain() async throws {
    let bucket = WatchedBucket(try await bucket(of: [blockMeta(1), blockMeta(2)]))
    let fetcher = BlockFetcher(bucket: bucket)
    _ = try await fetcher.fetch()
    #expect(try await bucket.takeReads().count == 2)
    try await put(blockMeta(3), in: bucket)
    try await bucket.delete("\(blockID(1))/meta.json")
    try await bucket.upload("\(blockID(1))/index", bytes: [1])
    let view = try await fetcher.fetch()
    #expect(try await bucket.takeReads() == ["\(blockID(3))/meta.json"])
    #expect(view.numbers == [2, 3])
    #expect(view.setAside[blockID(1)]?.state == .noMeta)
  }

  @Test func recursiveListingSeesChangedMetas() async throws {
    let clock = HandClock()
    let memory = MemoryBucket(nowMs: { clock.nowMs.load(ordering: .relaxed) })
    try await put(blockMeta(1), in: memory)
    let bucket = WatchedBucket(memory)
    var options = BlockFetcher.Options()
    options.discovery = .recursive
    let fetcher = BlockFetcher(bucket: bucket, options: options)
    _ = try await fetcher.fetch()
    _ = try await bucket.takeReads()
    _ = try await fetcher.fetch()
    #expect(try await bucket.takeReads().isEmpty)
    clock.nowMs.wrappingAdd(1, ordering: .relaxed)
    try await put(blockMeta(1, labels: ["cluster": "b"]), in: memory)
    let view = try await fetcher.fetch()
    #expect(view.blocks[blockID(1)]?.thanos?.externalLabels == ["cluster": "b"])
  }

  @Test func metasAreKeptBetweenRunsAndBadCopiesAreReadAgain() async throws {
    let folder = try TemporaryFolder("metas")
    var options = BlockFetcher.Options()
    options.cacheFolder = folder.file("meta-syncer")
    let bucket = WatchedBucket(try await bucket(of: [blockMeta(1), blockMeta(2), blockMeta(3)]))
    _ = try await BlockFetcher(bucket: bucket, options: options).fetch()
    #expect(try await bucket.takeReads().count == 3)
    let file = folder.file("meta-syncer/\(blockID(1))/meta.json")
    #expect(try readFile(file) == blockMeta(1).thanosJSON())
    try writeFile(file, Array("{".utf8))
    try await bucket.delete("\(blockID(3))/meta.json")
    let view = try await BlockFetcher(bucket: bucket, options: options).fetch()
    #expect(view.numbers == [1, 2])
    #expect(try await bucket.takeReads() == ["\(blockID(1))/meta.json"])
    #expect(try readFile(file) == blockMeta(1).thanosJSON())
    #expect(!FileManager.default.fileExists(atPath: folder.file("meta-syncer/\(blockID(3))")))
  }

  @Test func folderOfABlockNamesIt() async throws {
    let bucket = MemoryBucket()
    try await bucket.upload("\(blockID(2))/meta.json", bytes: blockMeta(1).thanosJSON())
    let view = try await BlockFetcher(bucket: bucket).fetch()
    #expect(view.numbers == [2])
  }

  @Test func catalogKeepsLittleUnlessDetailsAreWanted() async throws {
    let bucket = try await bucket(of: [blockMeta(1)])
    let view = try await BlockFetcher(bucket: bucket).fetch()
    #expect(view.blocks[0].thanos?.files.isEmpty == true)
    var options = BlockFetcher.Options()
    options.keepsDetails = true
    let detailed = try await BlockFetcher(bucket: bucket, options: options).fetch()
    #expect(detailed.blocks[0] == blockMeta(1))
    #expect(MemoryLayout<BlockMeta>.stride <= 400, "ten thousand blocks are a few MB")
  }

  @Test(.needsShared) func recordedBucketsAreFoundWhole() async throws {
    let raw = FolderBucket(path: try Fixtures.folder("thanos/blocks/bucket-raw/bucket"))
    let view = try await BlockFetcher(bucket: raw).fetch()
    #expect(view.blocks.count == 26 && view.setAside.isEmpty && view.isComplete)
    for (name, known, partial, failed) in [
      ("malformed-meta", 4, 1, 0), ("partial-upload", 5, 2, 0), ("stray-objects", 5, 0, 0),
      ("meta-unknown-version", 4, 0, 1), ("ulid-mismatch", 5, 0, 0),
    ] {
      let path = try Fixtures.folder("thanos/blocks/cases/\(name)/bucket")
      let view = try await BlockFetcher(bucket: FolderBucket(path: path)).fetch()
      #expect(view.knownCount == known, "\(name): \(view.setAside)")
      #expect(view.partial.count == partial, "\(name): \(view.setAside)")
      #expect(view.failures.count == failed, "\(name): \(view.failures)")
    }
  }

  @Test func catalogsSelectWithoutCopies() {
    let catalog = BlockCatalog([5, 1, 3, 3].map { blockMeta($0) })
    #expect(catalog.ids == [1, 3, 5].map(blockID))
    let odd = catalog.selecting { $0.ulid != blockID(3) }
    #expect(odd.ids == [1, 5].map(blockID))
    #expect(odd.selecting { $0.ulid == blockID(5) }.ids == [blockID(5)])
    #expect(odd[blockID(3)] == nil && odd[blockID(5)] != nil && odd[blockID(9)] == nil)
    #expect(BlockCatalog()[blockID(1)] == nil)
  }
}

/// A clock that a test sets.
private final class HandClock: Sendable {
  let nowMs = Atomic<Int64>(1_700_000_000_000)
}
