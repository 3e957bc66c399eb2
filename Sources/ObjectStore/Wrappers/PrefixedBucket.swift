// A part of a bucket as a bucket of its own: the field `prefix` of an object store's configuration.

/// The objects of another bucket whose names begin with a folder, without it.
public final class PrefixedBucket: Bucket {
  private let bucket: any Bucket
  /// With a slash at its end.
  private let prefix: String

  /// The objects of `bucket` below the folder `prefix`, with slashes at its ends or not. Throws `.argument` for a name that
  /// no folder can have, and for none at all.
  public init(_ bucket: any Bucket, prefix: String) throws(BucketError) {
    var trimmed = Substring(prefix)
    while trimmed.hasPrefix("/") { trimmed = trimmed.dropFirst() }
    while trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
    try ObjectName.check(String(trimmed))
    self.bucket = bucket
    self.prefix = trimmed + "/"
  }

  public var name: String { bucket.name }

  public func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8] {
    try await bucket.get(try full(name), byteCountMax: byteCountMax)
  }

  public func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject {
    try await bucket.getVersioned(try full(name), byteCountMax: byteCountMax)
  }

  public func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8] {
    try await bucket.getRange(try full(name), offset: offset, byteCount: byteCount)
  }

  public func iterate(
    prefix: String, recursive: Bool, _ visit: (BucketEntry) async throws -> Void
  ) async throws {
    let folder = try ObjectName.folder(prefix)
    let count = self.prefix.utf8.count
    try await bucket.iterate(prefix: self.prefix + folder, recursive: recursive) { entry in
      let name = String(entry.name.utf8.dropFirst(count)) ?? ""
      try await visit(BucketEntry(name: name, attributes: entry.attributes))
    }
  }

  public func exists(_ name: String) async throws(BucketError) -> Bool { try await bucket.exists(try full(name)) }

  public func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes {
    try await bucket.attributes(try full(name))
  }

  public func upload(
    _ name: String, _ content: UploadContent, condition: UploadCondition
  ) async throws(BucketError) {
    try await bucket.upload(try full(name), content, condition: condition)
  }

  public func delete(_ name: String) async throws(BucketError) { try await bucket.delete(try full(name)) }

  public func localPath(_ name: String) -> String? {
    guard let name = try? full(name) else { return nil }
    return bucket.localPath(name)
  }

  private func full(_ name: String) throws(BucketError) -> String {
    try ObjectName.check(name)
    return prefix + name
  }
}
