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

  /// What errors, logs and metrics call it.
  public var name: String { bucket.name }

  /// The whole object. See `Bucket`.
  public func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8] {
    try await bucket.get(try full(name), byteCountMax: byteCountMax)
  }

  /// The whole object with its version. See `Bucket`.
  public func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject {
    try await bucket.getVersioned(try full(name), byteCountMax: byteCountMax)
  }

  /// A part of the object. See `Bucket`.
  public func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8] {
    try await bucket.getRange(try full(name), offset: offset, byteCount: byteCount)
  }

  /// Visits what lies below a folder. See `Bucket`.
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

  /// Whether there is such an object. See `Bucket`.
  public func exists(_ name: String) async throws(BucketError) -> Bool { try await bucket.exists(try full(name)) }

  /// Size and time of an object. See `Bucket`.
  public func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes {
    try await bucket.attributes(try full(name))
  }

  /// Puts an object. See `Bucket`.
  public func upload(
    _ name: String, _ content: UploadContent, condition: UploadCondition
  ) async throws(BucketError) {
    try await bucket.upload(try full(name), content, condition: condition)
  }

  /// Deletes an object. See `Bucket`.
  public func delete(_ name: String) async throws(BucketError) { try await bucket.delete(try full(name)) }

  /// Where an object lies on this machine. See `Bucket`.
  public func localPath(_ name: String) -> String? {
    guard let name = try? full(name) else { return nil }
    return bucket.localPath(name)
  }

  private func full(_ name: String) throws(BucketError) -> String {
    try ObjectName.check(name)
    return prefix + name
  }
}
