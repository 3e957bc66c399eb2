// A bucket in memory: for tests, and for what a single process keeps to itself.
internal import Locking
internal import Synchronization
internal import TSModel

/// Objects in memory. Versions count up, so that no two uploads share one.
public final class MemoryBucket: Bucket {
  private struct Object {
    var bytes: [UInt8]
    var modifiedMs: Int64
    var version: UInt64
  }

  private struct Objects {
    var byName: [String: Object] = [:]
    var lastVersion: UInt64 = 0
  }

  /// What errors, logs and metrics call it.
  public let name: String
  private let nowMs: @Sendable () -> Int64
  private let objects = Guarded(Objects())

  /// An empty bucket. `nowMs` is the clock that objects' times come from.
  public init(name: String = "memory", nowMs: (@Sendable () -> Int64)? = nil) {
    self.name = name
    self.nowMs = nowMs ?? { WallClock.nowMs() }
  }

  /// The whole object. See `Bucket`.
  public func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8] {
    try await getVersioned(name, byteCountMax: byteCountMax).bytes
  }

  /// The whole object with its version. See `Bucket`.
  public func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject {
    let object = try object(name, "read")
    guard object.bytes.count <= byteCountMax else {
      throw BucketError(.size, "read \(name): \(object.bytes.count) bytes, more than the \(byteCountMax) allowed")
    }
    return VersionedObject(bytes: object.bytes, version: ObjectVersion(String(object.version)))
  }

  /// A part of the object. See `Bucket`.
  public func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8] {
    try checkRange(name, offset: offset, byteCount: byteCount)
    let bytes = try object(name, "read").bytes
    let start = Int(clamping: min(offset, Int64(bytes.count)))
    return Array(bytes[start...].prefix(byteCount ?? bytes.count))
  }

  /// Visits what lies below a folder. See `Bucket`.
  public func iterate(
    prefix: String, recursive: Bool, _ visit: (BucketEntry) async throws -> Void
  ) async throws {
    let folder = try ObjectName.folder(prefix)
    let start = folder.isEmpty ? "" : folder + "/"
    let found = objects.withLock { objects in
      objects.byName.filter { $0.key.utf8.starts(with: start.utf8) }
        .map {
          BucketEntry(
            name: $0.key,
            attributes: ObjectAttributes(sizeBytes: Int64($0.value.bytes.count), modifiedMs: $0.value.modifiedMs))
        }
    }
    var lastFolder: String?
    for entry in found.sorted(by: { ObjectName.isOrdered($0.name, before: $1.name) }) {
      let rest = entry.name.utf8.dropFirst(start.utf8.count)
      if !recursive, let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
        let name = String(entry.name[...slash])
        if name == lastFolder { continue }
        lastFolder = name
        try await visit(BucketEntry(name: name))
      } else {
        try await visit(entry)
      }
    }
  }

  /// Whether there is such an object. See `Bucket`.
  public func exists(_ name: String) async throws(BucketError) -> Bool {
    try ObjectName.check(name)
    return objects.withLock { $0.byName[name] != nil }
  }

  /// Size and time of an object. See `Bucket`.
  public func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes {
    let object = try object(name, "examine")
    return ObjectAttributes(sizeBytes: Int64(object.bytes.count), modifiedMs: object.modifiedMs)
  }

  /// Puts an object. See `Bucket`.
  public func upload(
    _ name: String, _ content: UploadContent, condition: UploadCondition
  ) async throws(BucketError) {
    try ObjectName.check(name)
    let bytes: [UInt8]
    switch content {
    case .bytes(let given): bytes = given
    case .file(let path):
      bytes = try await BlockingThreads.files.run { () throws(BucketError) in
        try LocalFile.open(path).contents(of: path, byteCountMax: .max)
      }
    }
    let now = nowMs()
    let refusal: BucketError? = objects.withLock { objects in
      let present = objects.byName[name]
      switch condition {
      case .always: break
      case .ifAbsent: if present != nil { return .exists(name) }
      case .ifMatch(let version):
        guard let present, version.text == String(present.version) else { return .changed(name) }
      }
      objects.lastVersion += 1
      objects.byName[name] = Object(bytes: bytes, modifiedMs: now, version: objects.lastVersion)
      return nil
    }
    if let refusal { throw refusal }
  }

  /// Deletes an object. See `Bucket`.
  public func delete(_ name: String) async throws(BucketError) {
    try ObjectName.check(name)
    _ = objects.withLock { $0.byName.removeValue(forKey: name) }
  }

  /// Where an object lies on this machine. See `Bucket`.
  public func localPath(_ name: String) -> String? { nil }

  private func object(_ name: String, _ attempt: String) throws(BucketError) -> Object {
    try ObjectName.check(name)
    guard let object = objects.withLock({ $0.byName[name] }) else { throw .notFound(name, attempt) }
    return object
  }
}

extension BucketError {
  /// There is no object `name`, which `attempt` ("read") was for.
  static func notFound(_ name: String, _ attempt: String) -> BucketError {
    BucketError(.notFound, "\(attempt) \(name): there is no such object")
  }

  /// An upload that demands that there be none.
  static func exists(_ name: String) -> BucketError {
    BucketError(.precondition, "upload \(name) if absent: the object exists already")
  }

  /// An upload that demands another version.
  static func changed(_ name: String) -> BucketError {
    BucketError(.precondition, "upload \(name) if unchanged: the object is another version by now, or gone")
  }
}

/// Throws `.argument` for a negative offset or count.
func checkRange(_ name: String, offset: Int64, byteCount: Int?) throws(BucketError) {
  guard offset >= 0, byteCount ?? 0 >= 0 else {
    throw BucketError(.argument, "read \(name): a range from \(offset) of \(byteCount ?? 0) bytes")
  }
}
