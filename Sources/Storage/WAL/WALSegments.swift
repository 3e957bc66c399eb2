// The files of a write-ahead log: numbered segments, and checkpoints that stand for those before them. docs/formats/wal.md.
//
//   wal/checkpoint.00000001/00000000   what is still needed of segments up to 1
//   wal/00000002
//   wal/00000003

/// One file of a log.
public struct WALSegment: Sendable, Hashable {
  /// Its number.
  public let number: Int
  /// Where it is.
  public let path: String
  /// Length, bytes.
  public let byteCount: Int

  /// The segments in `folder`, ascending; none where there is no such folder. Files with other names are not looked at.
  public static func inFolder(_ folder: String) throws(StorageError) -> [WALSegment] {
    guard try kind(of: folder) == .folder else { return [] }
    var segments: [WALSegment] = []
    for name in try folderEntries(folder) {
      guard let number = decimal(name), let byteCount = fileSize(of: folder + "/" + name) else { continue }
      segments.append(WALSegment(number: number, path: folder + "/" + name, byteCount: byteCount))
    }
    return segments.sorted { $0.number < $1.number }
  }

  /// The name of a segment: eight digits, or more where they are needed.
  static func name(_ number: Int) -> String { padded(number, 8) }
}

/// A folder that stands for all segments up to a number.
public struct WALCheckpoint: Sendable, Hashable {
  /// The last segment that it stands for.
  public let number: Int
  /// Where it is.
  public let path: String

  /// The checkpoints in the folder of a log, ascending. Those that were being written when their writer ended are not among them.
  public static func inFolder(_ folder: String) throws(StorageError) -> [WALCheckpoint] {
    guard try kind(of: folder) == .folder else { return [] }
    var checkpoints: [WALCheckpoint] = []
    for name in try folderEntries(folder) where name.hasPrefix(prefix) {
      guard let number = decimal(String(name.dropFirst(prefix.count))) else { continue }
      guard try kind(of: folder + "/" + name) == .folder else { continue }
      checkpoints.append(WALCheckpoint(number: number, path: folder + "/" + name))
    }
    return checkpoints.sorted { $0.number < $1.number }
  }

  static let prefix = "checkpoint."

  /// The name of a checkpoint's folder.
  static func name(_ number: Int) -> String { prefix + padded(number, 8) }
}

/// A number without sign, if `text` is one.
func decimal(_ text: String) -> Int? {
  guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
  return Int(text)
}

/// `number` with at least `width` digits.
func padded(_ number: Int, _ width: Int) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
