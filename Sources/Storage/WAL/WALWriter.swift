// Writes records into the segments of a log. docs/formats/wal.md.
//
//   record ──▶ compressed, if that is shorter ──▶ fragments on pages ──▶ buffer ──▶ file
//
// What `append` returned for is in the file after `flush` and on the disk after `synchronize`. A segment is on the disk before the next
// one is begun, so that only the last segment can end within a record. A segment that others wrote is never gone on with.
internal import CTSDB

/// The end of a log.
public struct WALWriter: ~Copyable {
  /// How long Prometheus lets segments become, bytes.
  public static let segmentBytesDefault = 128 << 20

  /// The folder of the log.
  public let folder: String
  /// How records are compressed.
  public let compression: WALCompression
  /// Most bytes of a segment, a multiple of the page size; a record that is longer still is written into one alone.
  public let segmentBytesMax: Int
  /// The number of the segment that is being written.
  public private(set) var segmentNumber: Int
  /// Bytes of it, those in the buffer included.
  public private(set) var segmentBytes = 0

  private var file: FileDescriptor
  private var buffer: [UInt8] = []
  private var coder: RecordCoder

  /// Begins a segment in `folder`, which must be there: the one with `number`, or the next one behind the last. Throws `.argument` where
  /// `segmentBytesMax` is no multiple of the page size, and `.io` where that segment is there already.
  public init(
    folder: String, number: Int? = nil, compression: WALCompression = .snappy,
    segmentBytesMax: Int = Self.segmentBytesDefault
  ) throws(StorageError) {
    guard segmentBytesMax > 0, segmentBytesMax % Int(TSDB_WAL_PAGE_SIZE) == 0 else {
      throw StorageError(
        .argument, "write a log with segments of \(segmentBytesMax) bytes: not a multiple of \(TSDB_WAL_PAGE_SIZE)",
        disposition: .rejectRequest)
    }
    var next = number
    if next == nil {
      let last = try WALSegment.inFolder(folder).last?.number ?? -1
      next = max(last, try WALCheckpoint.inFolder(folder).last?.number ?? -1) + 1
    }
    let file = try Self.begin(folder, next ?? 0)
    self.folder = folder
    self.compression = compression
    self.segmentBytesMax = segmentBytesMax
    segmentNumber = next ?? 0
    self.file = file
    coder = RecordCoder()
  }

  private static func begin(_ folder: String, _ number: Int) throws(StorageError) -> FileDescriptor {
    let file = try FileDescriptor(folder + "/" + WALSegment.name(number), for: .creating)
    // The segment's name must not be lost while what is in it is kept.
    try synchronizeFolder(folder)
    return file
  }

  /// Appends a record.
  public mutating func append(_ record: [UInt8]) throws(StorageError) {
    if let stored = try coder.encode(record, compression) {
      try append(stored: stored, compression)
    } else {
      try append(stored: record, .none)
    }
  }

  /// Appends a record that has been compressed so.
  mutating func append(stored: [UInt8], _ compression: WALCompression) throws(StorageError) {
    if !tsdb_wal_record_fits(segmentBytes, segmentBytesMax, stored.count) { try cut() }
    let begin = buffer.count
    resize(&buffer, to: begin + tsdb_wal_record_bound(stored.count))
    var size = 0
    let status = unsafe buffer.withUnsafeMutableBufferPointer { target in
      unsafe tsdb_wal_record_write(
        segmentBytes, stored, stored.count, compression.stored, target.baseAddress.map { unsafe $0 + begin },
        target.count - begin, &size)
    }
    guard status == TSDB_OK else { throw StorageError(status, "append a record of \(stored.count) bytes") }
    resize(&buffer, to: begin + size)
    segmentBytes += size
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// Hands what was appended over to the operating system.
  public mutating func flush() throws(StorageError) {
    guard !buffer.isEmpty else { return }
    // Out and back in: the file is read while this is written.
    var bytes: [UInt8] = []
    swap(&bytes, &buffer)
    try file.write(bytes)
    bytes.removeAll(keepingCapacity: true)
    buffer = bytes
  }

  /// Waits until what was appended is on the disk.
  public mutating func synchronize() throws(StorageError) {
    try flush()
    try file.synchronize()
  }

  /// Ends the segment and begins the next one.
  public mutating func cut() throws(StorageError) {
    try end()
    segmentNumber += 1
    segmentBytes = 0
    file = try Self.begin(folder, segmentNumber)
  }

  private mutating func end() throws(StorageError) {
    let padding = tsdb_wal_page_padding(segmentBytes)
    resize(&buffer, to: buffer.count + padding)
    segmentBytes += padding
    try synchronize()
  }

  /// Ends the last page; all is on the disk when this returns.
  public consuming func finish() throws(StorageError) {
    try end()
    try synchronizeFolder(folder)
  }
}
