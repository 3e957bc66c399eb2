// Metas for tests, and buckets full of them.
import BucketBlocks
import ObjectStore
import Storage
import TSModel
import TestSupport
import Testing

/// The block with a number: its name's time is `number` minutes after 2026-01-01.
func blockID(_ number: Int) -> ULID {
  ULID(timeMs: 1_767_225_600_000 + Int64(number) * 60_000, randomBytes: [UInt8(truncatingIfNeeded: number)])
}

/// A meta with what tests care for.
func blockMeta(
  _ number: Int, sources: [Int]? = nil, resolutionMs: Int64 = 0, labels: [String: String] = ["cluster": "a"],
  hours: ClosedRange<Int64> = 0...2, source: String = "sidecar", uploadTime: String? = nil
) -> BlockMeta {
  var meta = BlockMeta(
    ulid: blockID(number), minTimeMs: hours.lowerBound * 3_600_000, maxTimeExclusiveMs: hours.upperBound * 3_600_000)
  meta.compaction.level = sources.map { $0.count > 1 ? 2 : 1 } ?? 1
  meta.compaction.sources = (sources ?? [number]).map(blockID)
  var section = ThanosMeta()
  section.labels = labels.map { Labels.Label(name: $0.key, value: $0.value) }.sorted()
  section.resolutionMs = resolutionMs
  section.source = source
  section.segmentFiles = ["000001"]
  section.files = [.init(relativePath: "index", sizeBytes: 10), .init(relativePath: "meta.json")]
  if let uploadTime { section.uploadTime = uploadTime }
  meta.thanos = section
  return meta
}

/// A bucket with these metas.
func bucket(of metas: [BlockMeta]) async throws -> MemoryBucket {
  let bucket = MemoryBucket()
  for meta in metas { try await put(meta, in: bucket) }
  return bucket
}

func put(_ meta: BlockMeta, in bucket: any Bucket) async throws {
  try await bucket.upload("\(meta.ulid)/meta.json", bytes: meta.thanosJSON())
}

extension BlockView {
  /// The numbers of its blocks.
  var numbers: [Int] { blocks.map { Int(($0.ulid.timeMs - 1_767_225_600_000) / 60_000) } }
}

/// A bucket that counts what is read of it, and can refuse to.
final class WatchedBucket: Bucket, @unchecked Sendable {
  // Sendable because tests change `refused` only while nothing reads.
  let bucket: any Bucket
  var refused: Set<String> = []
  private let reads = MemoryBucket()

  init(_ bucket: any Bucket) { self.bucket = bucket }

  var name: String { bucket.name }

  /// Names that were read since the last call.
  func takeReads() async throws -> [String] {
    let names = try await reads.entries(prefix: "", recursive: true).map(\.name)
    for name in names { try await reads.delete(name) }
    return names
  }

  private func check(_ name: String) throws(BucketError) {
    if refused.contains(name) { throw BucketError(.unavailable, "\(name): refused") }
  }

  func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8] {
    try check(name)
    try await reads.upload(name, bytes: [])
    return try await bucket.get(name, byteCountMax: byteCountMax)
  }
  func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject {
    try await bucket.getVersioned(name, byteCountMax: byteCountMax)
  }
  func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8] {
    try await bucket.getRange(name, offset: offset, byteCount: byteCount)
  }
  func iterate(prefix: String, recursive: Bool, _ visit: (BucketEntry) async throws -> Void) async throws {
    try check("iterate")
    try await bucket.iterate(prefix: prefix, recursive: recursive, visit)
  }
  func exists(_ name: String) async throws(BucketError) -> Bool {
    try check(name)
    return try await bucket.exists(name)
  }
  func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes { try await bucket.attributes(name) }
  func upload(_ name: String, _ content: UploadContent, condition: UploadCondition) async throws(BucketError) {
    try check(name)
    try await bucket.upload(name, content, condition: condition)
  }
  func delete(_ name: String) async throws(BucketError) { try await bucket.delete(name) }
  func localPath(_ name: String) -> String? { bucket.localPath(name) }
}
