// Reads the records of a log one after the other, segment by segment. Memory: the largest record, twice. Damage costs the record it
// is in: reading goes on behind it, and says what was lost.
internal import CTSDB
internal import TSModel

/// Bytes of a log that should have been one record or several.
public struct WALDamage: Sendable, Hashable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// The segment's number.
  public let segmentNumber: Int
  /// Where the damage begins in the file, bytes.
  public let offset: Int
  /// Where records go on, bytes.
  public let endOffset: Int
  /// What is wrong, in words.
  public let reason: String
  /// Whether the file ends within a record, as after a crash.
  public let isTorn: Bool

  public var description: String { "\(path), offset \(offset): \(reason)" }
}

/// Where a record is, and how.
public struct WALPlace: Sendable, Hashable {
  /// The file.
  public let path: String
  /// The segment's number.
  public let segmentNumber: Int
  /// Of its first fragment in the file, bytes.
  public let offset: Int
  /// Behind its last fragment, bytes.
  public let endOffset: Int
  /// How it is compressed.
  public let compression: WALCompression
}

/// The records of some segments in their order.
public struct WALReader: ~Copyable {
  /// What comes next.
  public enum Event: Sendable {
    /// A record; its bytes are in `record`.
    case record(WALPlace)
    /// Bytes that are none.
    case damage(WALDamage)
  }

  /// The record that was read last.
  public private(set) var record = WALRecord()
  /// Bytes of segments that have been read.
  public private(set) var bytesDone = 0
  /// Bytes of all segments.
  public let bytesTotal: Int

  private let segments: [WALSegment]
  private var nextSegment = 0
  private var map: MappedFile?
  private var cursor = tsdb_wal_cursor()
  private var coder = RecordCoder()
  private var stored: [UInt8] = []
  private let firstOffset: Int

  /// The records of `segments`, of the first one from `offset` on.
  public init(_ segments: [WALSegment], fromOffset offset: Int = 0) {
    self.segments = segments
    self.firstOffset = offset
    bytesTotal = segments.reduce(0) { $0 + $1.byteCount }
  }

  /// The next record or damage; nil at the end. Throws what opening and reading files throws, `.faulted` among it.
  public mutating func next() throws(StorageError) -> Event? {
    while true {
      guard let file = map else {
        guard nextSegment < segments.count else { return nil }
        let segment = segments[nextSegment]
        // A segment is empty when nothing has been written since its writer started.
        if segment.byteCount == 0 || fileSize(of: segment.path) == 0 {
          nextSegment += 1
          continue
        }
        let file = try MappedFile(path: segment.path)
        cursor = tsdb_wal_cursor_make(file.byteCount)
        if nextSegment == 0 { cursor.position = min(firstOffset, file.byteCount) }
        map = file
        continue
      }
      let segment = segments[nextSegment]
      let start = cursor.position
      var extent = unsafe tsdb_wal_extent()
      let region = try file.region(offset: 0, count: file.byteCount)
      unsafe region.withUnsafeBytes { bytes in
        let source = unsafe bytes.assumingMemoryBound(to: UInt8.self)
        unsafe _ = tsdb_wal_next(source.baseAddress, source.count, &cursor, &extent)
        guard unsafe extent.kind == TSDB_WAL_RECORD else { return }
        unsafe resize(&stored, to: extent.data_size)
        unsafe _ = tsdb_wal_record_copy(source.baseAddress, source.count, &extent, &stored, stored.count)
      }
      guard !file.hasFault else {
        throw StorageError(.faulted, "read \(segment.path): the file was cut short or cannot be read")
      }
      bytesDone += cursor.position - start
      switch unsafe extent.kind {
      case TSDB_WAL_RECORD:
        let compression = unsafe WALCompression(extent.compression)
        guard record.fill({ coder.decode(stored, compression, into: &$0) }) else {
          return unsafe .damage(
            WALDamage(
              path: segment.path, segmentNumber: segment.number, offset: extent.offset, endOffset: extent.end_offset,
              reason: "a record cannot be decompressed (\(compression))", isTorn: false))
        }
        return unsafe .record(
          WALPlace(
            path: segment.path, segmentNumber: segment.number, offset: extent.offset, endOffset: extent.end_offset,
            compression: compression))
      case TSDB_WAL_DAMAGE:
        return unsafe .damage(
          WALDamage(
            path: segment.path, segmentNumber: segment.number, offset: extent.offset, endOffset: extent.end_offset,
            reason: String(cString: extent.reason), isTorn: extent.is_torn))
      default:
        map = nil
        nextSegment += 1
      }
    }
  }

  /// The bytes of the record that was read last, as they are stored: compressed, without pages.
  var storedBytes: [UInt8] { stored }

  /// Finds out what the last record holds. Returns nil, or what is wrong with it.
  public mutating func decode() -> StorageError? {
    do throws(StorageError) {
      try record.decode()
      return nil
    } catch {
      return error
    }
  }
}
