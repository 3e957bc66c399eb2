// What every object store can do, as the rest of the program uses it. Each kind of store is a `Bucket`; wrappers give one a
// prefix or metrics. Tests/ObjectStoreTests/BucketAcceptance.swift holds what all of them promise.

/// A flat space of named objects: whole byte strings that are put, read and deleted, never changed in place.
///
/// Names are parts joined by slashes, "01J…/chunks/000001": UTF-8, no empty part, none that is "." or "..", no zero byte, no
/// slash at either end, at most 1024 bytes. Any other name is an error `.argument`. Folders do not exist for themselves: a
/// folder is there as long as an object's name begins with it.
public protocol Bucket: Sendable {
  /// What errors, logs and metrics call it: its name at the provider, or its path.
  var name: String { get }

  /// The whole object. Throws `.notFound`, and `.size` for more than `byteCountMax` bytes.
  func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8]

  /// The whole object with its version, for a conditional upload. Throws as `get` does.
  func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject

  /// Up to `byteCount` bytes of the object from `offset` on (nil: all that follow), at most to its end; none from the end on.
  /// Throws `.notFound`, `.argument` for a negative number.
  func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8]

  /// Visits what lies directly below the folder `prefix` ("" for the root; with or without a slash at its end): objects and
  /// folders, or with `recursive` all objects below it. Names come ascending by their bytes (those of folders with their
  /// slash). Nothing is visited where there is no such folder. What `visit` throws ends it and is thrown.
  func iterate(
    prefix: String, recursive: Bool, _ visit: (BucketEntry) async throws -> Void
  ) async throws

  /// Whether there is an object of this name.
  func exists(_ name: String) async throws(BucketError) -> Bool

  /// Size and time of an object. Throws `.notFound`.
  func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes

  /// Puts an object, replacing one of the same name: a reader sees the old bytes or the new ones, never a part, and once this
  /// returns they outlast a power failure. Throws `.precondition` where `condition` does not hold.
  func upload(
    _ name: String, _ content: UploadContent, condition: UploadCondition
  ) async throws(BucketError)

  /// Deletes an object. Nothing happens where there is none.
  func delete(_ name: String) async throws(BucketError)

  /// Where the object lies on this machine, so that it can be mapped in place; nil for stores that lie elsewhere. Of a folder
  /// ("01J…") it is where its objects lie. Says nothing about whether it exists.
  func localPath(_ name: String) -> String?
}

extension Bucket {
  /// The most bytes that a whole object may have where a caller says nothing else: documents, not data.
  public static var documentBytesMax: Int { 32 << 20 }

  /// The whole object, of up to 32 MiB. Throws `.notFound`, `.size`.
  public func get(_ name: String) async throws(BucketError) -> [UInt8] {
    try await get(name, byteCountMax: Self.documentBytesMax)
  }

  /// Puts an object, whatever is there.
  public func upload(_ name: String, _ content: UploadContent) async throws(BucketError) {
    try await upload(name, content, condition: .always)
  }

  /// Puts `bytes` as an object.
  public func upload(
    _ name: String, bytes: [UInt8], condition: UploadCondition = .always
  ) async throws(BucketError) {
    try await upload(name, .bytes(bytes), condition: condition)
  }

  /// The entries that `iterate` visits, for folders known to be small.
  public func entries(prefix: String, recursive: Bool = false) async throws -> [BucketEntry] {
    var entries: [BucketEntry] = []
    try await iterate(prefix: prefix, recursive: recursive) { entries.append($0) }
    return entries
  }
}

/// One thing that iterating meets.
public struct BucketEntry: Sendable, Equatable {
  /// Its name from the bucket's root on; that of a folder ends in a slash.
  public var name: String
  /// Size and time of an object where the listing tells; nil for a folder.
  public var attributes: ObjectAttributes?

  /// An entry with everything said by the caller.
  public init(name: String, attributes: ObjectAttributes? = nil) {
    self.name = name
    self.attributes = attributes
  }

  /// Whether it stands for the objects below it.
  public var isFolder: Bool { name.hasSuffix("/") }

  /// The last part of its name, without a slash.
  public var baseName: Substring {
    let trimmed = isFolder ? name.dropLast() : name[...]
    guard let slash = trimmed.lastIndex(of: "/") else { return trimmed }
    return trimmed[trimmed.index(after: slash)...]
  }
}

/// What is known of an object without reading it.
public struct ObjectAttributes: Sendable, Equatable {
  /// Length, bytes.
  public var sizeBytes: Int64
  /// When it was put, milliseconds since the Unix epoch.
  public var modifiedMs: Int64

  /// Attributes with everything said by the caller.
  public init(sizeBytes: Int64, modifiedMs: Int64) {
    self.sizeBytes = sizeBytes
    self.modifiedMs = modifiedMs
  }
}

/// Names one content of an object, in the store's own terms. Two versions that are equal have the same bytes.
public struct ObjectVersion: Sendable, Hashable {
  /// The store's name for it.
  public let text: String

  /// A version by the store's name for it.
  public init(_ text: String) { self.text = text }
}

/// An object's bytes and the version that they are.
public struct VersionedObject: Sendable, Equatable {
  /// The whole object.
  public var bytes: [UInt8]
  /// Which version was read.
  public var version: ObjectVersion

  /// An object with everything said by the caller.
  public init(bytes: [UInt8], version: ObjectVersion) {
    self.bytes = bytes
    self.version = version
  }
}

/// Where the bytes of an upload come from.
public enum UploadContent: Sendable {
  /// Memory.
  case bytes([UInt8])
  /// A file of this machine, by its path; read in parts.
  case file(String)
}

/// When an upload may take place.
public enum UploadCondition: Sendable {
  /// Whatever is there.
  case always
  /// Only where there is no object of this name.
  case ifAbsent
  /// Only where the object is this version.
  case ifMatch(ObjectVersion)
}
