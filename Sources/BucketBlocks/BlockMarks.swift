// Marks: small files beside a block's meta.json that say what may be done with it. Compact JSON without a line end, as Thanos
// writes it.
//
//   deletion-mark.json        {"id":"01J…","version":1,"details":"…","deletion_time":1795359894}
//   no-compact-mark.json      {"id":"01J…","version":1,"details":"…","no_compact_time":1795361076,"reason":"manual"}
//   no-downsample-mark.json   {"id":"01J…","version":1,"details":"…","no_downsample_time":1795361076,"reason":"manual"}
public import ObjectStore
public import TSModel

/// A mark of a block.
public protocol BlockMark: Sendable, Equatable {
  /// The name of its file in the block's folder.
  static var fileName: String { get }
  /// The block.
  var id: ULID { get }
  /// Why, for people.
  var details: String { get }
  /// Reads the bytes of the file. Throws what makes them none.
  init(json: [UInt8]) throws(BlockMarkError)
  /// The bytes of the file.
  var json: [UInt8] { get }
}

/// A file of a mark that says nothing usable.
public enum BlockMarkError: Error, Sendable, Equatable, CustomStringConvertible {
  /// It is no JSON, or not of the right shape; what is wrong in Go's words.
  case malformed(String)
  /// It is of a version that nobody knows: what it is called, and its version.
  case version(String, Int)

  public var description: String {
    switch self {
    case .malformed(let reason): "\(reason): unmarshal marker JSON"
    case .version(let name, let version): "unexpected \(name) file version \(version), expected 1"
    }
  }
}

/// The block will be deleted.
public struct DeletionMark: BlockMark {
  /// The name of its file in the block's folder.
  public static let fileName = "deletion-mark.json"
  public var id: ULID
  /// Why, for people.
  public var details: String
  /// When it was marked, seconds since the Unix epoch.
  public var deletionTimeS: Int64

  /// A mark with everything said by the caller.
  public init(id: ULID, details: String = "", deletionTimeS: Int64) {
    (self.id, self.details, self.deletionTimeS) = (id, details, deletionTimeS)
  }

  /// Reads the bytes of the file. Throws `BlockMarkError` for what says nothing usable.
  public init(json: [UInt8]) throws(BlockMarkError) {
    let fields = try MarkFields(json, timeKey: "deletion_time", name: "deletion-mark")
    self.init(id: fields.id, details: fields.details, deletionTimeS: fields.timeS)
  }

  /// The bytes of the file.
  public var json: [UInt8] {
    MarkFields(id: id, details: details, timeS: deletionTimeS, reason: nil).json(timeKey: "deletion_time")
  }
}

/// The block is not compacted.
public struct NoCompactMark: BlockMark {
  /// The name of its file in the block's folder.
  public static let fileName = "no-compact-mark.json"
  public var id: ULID
  /// Why, for people.
  public var details: String
  /// When it was marked, seconds since the Unix epoch.
  public var noCompactTimeS: Int64
  /// `manual`, `index-size-exceeding`, `block-index-out-of-order-chunk`, `downsample-vertical-compaction`.
  public var reason: String

  /// A mark with everything said by the caller.
  public init(id: ULID, details: String = "", noCompactTimeS: Int64, reason: String) {
    (self.id, self.details, self.noCompactTimeS, self.reason) = (id, details, noCompactTimeS, reason)
  }

  /// Reads the bytes of the file. Throws `BlockMarkError` for what says nothing usable.
  public init(json: [UInt8]) throws(BlockMarkError) {
    let fields = try MarkFields(json, timeKey: "no_compact_time", name: "no-compact-mark")
    self.init(id: fields.id, details: fields.details, noCompactTimeS: fields.timeS, reason: fields.reason ?? "")
  }

  /// The bytes of the file.
  public var json: [UInt8] {
    MarkFields(id: id, details: details, timeS: noCompactTimeS, reason: reason).json(timeKey: "no_compact_time")
  }
}

/// The block is not downsampled.
public struct NoDownsampleMark: BlockMark {
  /// The name of its file in the block's folder.
  public static let fileName = "no-downsample-mark.json"
  public var id: ULID
  /// Why, for people.
  public var details: String
  /// When it was marked, seconds since the Unix epoch.
  public var noDownsampleTimeS: Int64
  /// `manual`.
  public var reason: String

  /// A mark with everything said by the caller.
  public init(id: ULID, details: String = "", noDownsampleTimeS: Int64, reason: String) {
    (self.id, self.details, self.noDownsampleTimeS, self.reason) = (id, details, noDownsampleTimeS, reason)
  }

  /// Reads the bytes of the file. Throws `BlockMarkError` for what says nothing usable.
  public init(json: [UInt8]) throws(BlockMarkError) {
    let fields = try MarkFields(json, timeKey: "no_downsample_time", name: "no-downsample-mark")
    self.init(id: fields.id, details: fields.details, noDownsampleTimeS: fields.timeS, reason: fields.reason ?? "")
  }

  /// The bytes of the file.
  public var json: [UInt8] {
    MarkFields(id: id, details: details, timeS: noDownsampleTimeS, reason: reason).json(timeKey: "no_downsample_time")
  }
}

/// What all marks hold.
private struct MarkFields {
  var id = ULID(timeMs: 0, randomBytes: [])
  var details = ""
  var timeS: Int64 = 0
  var reason: String?

  init(id: ULID, details: String, timeS: Int64, reason: String?) {
    (self.id, self.details, self.timeS, self.reason) = (id, details, timeS, reason)
  }

  init(_ json: [UInt8], timeKey: String, name: String) throws(BlockMarkError) {
    var version = 0
    do throws(JSONError) {
      for member in try JSONValue(parsing: json).foldedMembers(name) {
        switch member.key {
        case "id":
          var text = ""
          try member.value.read(into: &text, "id")
          guard let id = ULID(text) else {
            if text.isEmpty, member.value == .null { continue }
            throw JSONError("ulid: bad data when unmarshaling (id: \(JSONValue.quoted(text)))")
          }
          self.id = id
        case "version": try member.value.read(into: &version, "version")
        case "details": try member.value.read(into: &details, "details")
        case timeKey: try member.value.read(into: &timeS, timeKey)
        case "reason":
          var text = reason ?? ""
          try member.value.read(into: &text, "reason")
          reason = text
        default: continue
        }
      }
    } catch {
      throw .malformed(error.message)
    }
    guard version == 1 else { throw .version(name, version) }
  }

  func json(timeKey: String) -> [UInt8] {
    var members: [JSONValue.Member] = [.init("id", .string(id.description)), .init("version", .integer(1))]
    if !details.isEmpty { members.append(.init("details", .string(details))) }
    members.append(.init(timeKey, .integer(timeS)))
    if let reason { members.append(.init("reason", .string(reason))) }
    return Array(JSONValue.object(members).compactText.utf8)
  }
}

/// Reading and setting marks in a bucket.
public enum BlockMarkers {
  /// The most that a mark may have, bytes.
  static let byteCountMax = 1 << 20

  /// A mark of a block, or nil where it has none. Throws `BlockMarkError` for a file that says nothing usable, and what the
  /// bucket throws.
  public static func read<Mark: BlockMark>(_ kind: Mark.Type, of id: ULID, in bucket: any Bucket) async throws -> Mark?
  {
    let bytes: [UInt8]
    do throws(BucketError) {
      bytes = try await bucket.get("\(id)/\(kind.fileName)", byteCountMax: byteCountMax)
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
    return try Mark(json: bytes)
  }

  /// Marks a block; whether it was not marked so before. A mark that is there stays as it is: its time never moves.
  @discardableResult
  public static func set(_ mark: some BlockMark, in bucket: any Bucket) async throws(BucketError) -> Bool {
    do throws(BucketError) {
      try await bucket.upload("\(mark.id)/\(type(of: mark).fileName)", bytes: mark.json, condition: .ifAbsent)
      return true
    } catch {
      if error.code == .precondition { return false }
      throw error
    }
  }

  /// Takes a mark from a block; nothing happens where it has none.
  public static func remove(
    _ kind: (some BlockMark).Type, of id: ULID, in bucket: any Bucket
  ) async throws(BucketError) {
    try await bucket.delete("\(id)/\(kind.fileName)")
  }
}
