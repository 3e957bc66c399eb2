// What an upload leaves in a bucket.
import BucketBlocks
import Foundation
import ObjectStore
import Storage
import TSModel
import TestSupport
import Testing

@Suite struct BlockUploadTests {
  private let path: String
  private let id: ULID

  init() throws {
    path = try Fixtures.block("prometheus/block-floats")
    id = try #require(ULID(String(path.split(separator: "/").last ?? "")))
  }

  private func options(_ labels: [String: String]) -> BlockUploadOptions {
    var options = BlockUploadOptions(
      source: "bucket.upload", labels: labels.map { .init(name: $0.key, value: $0.value) },
      nowNs: { 1_795_361_107_709_066_606 })
    options.concurrency = 2
    return options
  }

  @Test func blockIsUploadedWithItsMetaLast() async throws {
    let bucket = WatchedBucket(MemoryBucket())
    let meta = try await uploadBlock(from: path, to: bucket, options: options(["b": "2", "a": "1"]))
    let names = try await bucket.entries(prefix: "", recursive: true).map(\.name)
    #expect(names == ["\(id)/chunks/000001", "\(id)/index", "\(id)/meta.json"])
    for name in ["chunks/000001", "index"] {
      #expect(try await bucket.get("\(id)/\(name)") == readFile("\(path)/\(name)"))
    }
    let section = try #require(meta.thanos)
    #expect(section.labels == [.init(name: "a", value: "1"), .init(name: "b", value: "2")])
    #expect(section.source == "bucket.upload" && section.uploadTime == "2026-11-22T15:25:07.709066606Z")
    #expect(section.segmentFiles == ["000001"])
    #expect(section.files.map(\.relativePath) == ["chunks/000001", "index", "meta.json"])
    #expect(section.files.map { $0.sizeBytes > 0 } == [true, true, false])
    let stored = try await bucket.get("\(id)/meta.json")
    #expect(try BlockMeta(json: stored) == meta)
    // As the recorded one has it: a section without a version, with empty index statistics.
    let text = String(decoding: stored, as: UTF8.self)
    #expect(text.contains("\"thanos\": {\n\t\t\"labels\": {") && text.contains("\"index_stats\": {},"))

    let failing = WatchedBucket(MemoryBucket())
    failing.refused = ["\(id)/index"]
    await #expect(throws: BucketError.self) {
      try await uploadBlock(from: path, to: failing, options: options(["a": "1"]))
    }
    #expect(try await failing.entries(prefix: "", recursive: true).map(\.name) == ["\(id)/chunks/000001"])
  }

  @Test func blocksThatNobodyCouldTellApartOrOpenAreRefused() async throws {
    let bucket = MemoryBucket()
    await #expect(throws: StorageError.self) { try await uploadBlock(from: path, to: bucket, options: options([:])) }
    let folder = try TemporaryFolder("upload")
    let renamed = try folder.copy(path, as: blockID(1).description)
    await #expect(throws: StorageError.self) {
      try await uploadBlock(from: renamed, to: bucket, options: options(["a": "1"]))
    }
    let damaged = try folder.copy(path)
    try writeFile(damaged + "/index", Array(readFile(damaged + "/index").dropLast(20)))
    await #expect(throws: StorageError.self) {
      try await uploadBlock(from: damaged, to: bucket, options: options(["a": "1"]))
    }
    #expect(try await bucket.entries(prefix: "").isEmpty)
  }

  @Test func labelsOfTheBlockStayButForThoseThatAreSet() async throws {
    let folder = try TemporaryFolder("upload")
    let copy = try folder.copy(path)
    var meta = try BlockMeta(json: readFile(copy + "/meta.json"))
    meta.thanos = ThanosMeta()
    meta.thanos?.labels = [.init(name: "a", value: "own"), .init(name: "z", value: "own")]
    meta.thanos?.resolutionMs = 300_000
    try writeFile(copy + "/meta.json", meta.thanosJSON())
    let uploaded = try await uploadBlock(from: copy, to: MemoryBucket(), options: options(["a": "1"]))
    #expect(uploaded.thanos?.externalLabels == ["a": "1", "z": "own"])
    #expect(uploaded.thanos?.resolutionMs == 300_000 && uploaded.thanos?.version == 1)
  }

  @Test(.needsShared) func shipperStatesComeBackByteForByte() throws {
    for name in ["sidecar", "ruler", "receive-tenant"] {
      let bytes = try readFile(try Fixtures.folder("thanos/blocks/meta") + "/thanos.shipper.\(name).json")
      #expect(ShipperState(json: bytes)?.json == bytes, "\(name)")
    }
    #expect(String(decoding: ShipperState().json, as: UTF8.self) == "{\n\t\"version\": 1,\n\t\"uploaded\": null\n}\n")
    #expect(ShipperState(json: Array(#"{"version":2}"#.utf8)) == nil)
    #expect(ShipperState(json: Array("{".utf8)) == nil)
  }

  @Test func timesAreWrittenAndReadAsGoDoes() {
    #expect(TimestampText.seconds(ms: 1_775_376_000_999) == "2026-04-05T08:00:00Z")
    #expect(TimestampText.seconds(ms: -1) == "1969-12-31T23:59:59Z")
    #expect(TimestampText.nanoseconds(unixNs: 1_700_000_000_500_000_000) == "2023-11-14T22:13:20.5Z")
    #expect(TimestampText.ms("2026-11-22T15:04:53.174878763Z") == 1_795_359_893_174)
    #expect(TimestampText.ms("2026-11-22T17:04:53+02:00") == 1_795_359_893_000)
    #expect(TimestampText.ms("0001-01-01T00:00:00Z") == -62_135_596_800_000)
    for text in ["", "2026-11-22", "2026-11-22T15:04:53", "2026-13-22T15:04:53Z", "2026-11-22T15:04:53.1"] {
      #expect(TimestampText.ms(text) == nil, "\(text)")
    }
  }
}
