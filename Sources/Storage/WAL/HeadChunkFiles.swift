// Files of chunks that a head has written out. docs/formats/head-chunks.md.
internal import CTSDB
public import TSModel

/// A chunk in such a file.
public struct HeadChunk: Sendable, Hashable {
  /// The number of its file << 32 | its offset in it.
  public let ref: UInt64
  /// The series, as the write-ahead log calls it.
  public let seriesRef: UInt64
  /// First and last sample, both included.
  public let timeRange: TimeRange
  /// How the samples are encoded.
  public let encoding: ChunkEncoding
  /// Whether its samples came out of order.
  public let isOutOfOrder: Bool
  /// Where the encoded samples are in the file, bytes.
  public let dataRange: Range<Int>
  /// Where the whole record is in the file, bytes.
  public let recordRange: Range<Int>
}

/// One file of chunks.
public struct HeadChunkFile: Sendable {
  /// Its number.
  public let number: Int
  /// Where it is.
  public let path: String
  /// Length, bytes; most of it may be zeros that have been reserved.
  public let byteCount: Int

  /// The files in `folder`, ascending; none where there is no such folder. Files with other names are not looked at.
  public static func inFolder(_ folder: String) throws(StorageError) -> [HeadChunkFile] {
    guard try kind(of: folder) == .folder else { return [] }
    var files: [HeadChunkFile] = []
    for name in try folderEntries(folder) {
      guard let number = decimal(name), let byteCount = fileSize(of: folder + "/" + name) else { continue }
      files.append(HeadChunkFile(number: number, path: folder + "/" + name, byteCount: byteCount))
    }
    return files.sorted { $0.number < $1.number }
  }

  static func name(_ number: Int) -> String { padded(number, 6) }

  /// Walks the file. Damage costs the chunks it is in: reading goes on behind it. An empty file, or one that begins with zeros, is one
  /// that was reserved and not written to: it holds no chunks. Throws what opening and reading files throws.
  public func forEachChunk(
    _ onChunk: (HeadChunk, RawSpan) throws(StorageError) -> Void, onDamage: (WALDamage) throws(StorageError) -> Void
  ) throws(StorageError) {
    guard byteCount > 0, (fileSize(of: path) ?? 0) > 0 else { return }
    let file = try MappedFile(path: path)
    let region = try file.region(offset: 0, count: file.byteCount)
    try unsafe region.withUnsafeBytes { bytes throws(StorageError) in
      let source = unsafe bytes.assumingMemoryBound(to: UInt8.self)
      let status = unsafe tsdb_head_chunks_header_check(source.baseAddress, source.count)
      if status != TSDB_OK {
        if unsafe source.allSatisfy({ $0 == 0 }) { return }
        try onDamage(
          damage(
            0, min(Int(TSDB_HEAD_CHUNKS_HEADER_SIZE), source.count),
            unsafe String(cString: tsdb_status_text(status)) + " in the file's header", false))
      }
      var cursor = tsdb_head_chunk_cursor_make(source.count)
      var found = unsafe tsdb_head_chunk()
      while unsafe tsdb_head_chunk_next(source.baseAddress, source.count, &cursor, &found) != TSDB_HEAD_CHUNKS_END {
        guard !file.hasFault else {
          throw StorageError(.faulted, "read \(path): the file was cut short or cannot be read")
        }
        guard unsafe found.kind == TSDB_HEAD_CHUNK else {
          try unsafe onDamage(damage(found.offset, found.end_offset, String(cString: found.reason), found.is_torn))
          continue
        }
        let dataRange = unsafe found.data_offset..<found.data_offset + found.data_size
        let chunk = unsafe HeadChunk(
          ref: UInt64(number) << 32 | UInt64(found.offset), seriesRef: found.series_ref,
          timeRange: TimeRange(minTimeMs: found.min_ms, maxTimeMs: found.max_ms),
          encoding: ChunkEncoding(rawValue: found.encoding), isOutOfOrder: found.is_out_of_order,
          dataRange: dataRange, recordRange: found.offset..<found.end_offset)
        try unsafe onChunk(chunk, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[dataRange])))
      }
    }
  }

  private func damage(_ offset: Int, _ endOffset: Int, _ reason: String, _ isTorn: Bool) -> WALDamage {
    WALDamage(
      path: path, segmentNumber: number, offset: offset, endOffset: endOffset, reason: reason, isTorn: isTorn)
  }
}

/// Writes chunks into files.
public struct HeadChunkWriter: ~Copyable {
  /// How long Prometheus lets files become, bytes.
  public static let fileBytesDefault = 128 << 20

  /// The folder.
  public let folder: String
  /// Most bytes of a file; a chunk that is longer is written into one alone.
  public let fileBytesMax: Int
  /// The number of the file that is being written.
  public private(set) var fileNumber: Int
  private var file: FileDescriptor
  private var fileBytes = 0
  private var buffer: [UInt8] = []

  /// Begins the file with `number` (from 1 on) in `folder`, which must be there. Throws `.io` where it is there already.
  public init(folder: String, number: Int, fileBytesMax: Int = Self.fileBytesDefault) throws(StorageError) {
    let file = try FileDescriptor(folder + "/" + HeadChunkFile.name(number), for: .creating)
    self.folder = folder
    self.fileBytesMax = fileBytesMax
    fileNumber = number
    self.file = file
    begin()
  }

  private mutating func begin() {
    let size = Int(TSDB_HEAD_CHUNKS_HEADER_SIZE)
    resize(&buffer, to: size)
    let status = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe tsdb_head_chunks_header_write($0.baseAddress, $0.count)
    }
    assert(status == TSDB_OK, "there is room for a header")
    fileBytes = size
  }

  /// Appends a chunk. Returns its reference.
  public mutating func append(
    seriesRef: UInt64, timeRange: TimeRange, encoding: ChunkEncoding, isOutOfOrder: Bool, data: RawSpan
  ) throws(StorageError) -> UInt64 {
    let bound = tsdb_head_chunk_bound(data.byteCount)
    if fileBytes > Int(TSDB_HEAD_CHUNKS_HEADER_SIZE), fileBytes + bound > fileBytesMax { try cut() }
    let begin = buffer.count
    resize(&buffer, to: begin + bound)
    var size = 0
    let status = unsafe data.withUnsafeBytes { data in
      unsafe buffer.withUnsafeMutableBufferPointer { target in
        unsafe tsdb_head_chunk_write(
          seriesRef, timeRange.minTimeMs, timeRange.maxTimeMs, encoding.rawValue, isOutOfOrder,
          data.assumingMemoryBound(to: UInt8.self).baseAddress, data.count,
          target.baseAddress.map { unsafe $0 + begin }, target.count - begin, &size)
      }
    }
    guard status == TSDB_OK else { throw StorageError(status, "append a chunk of \(data.byteCount) bytes") }
    resize(&buffer, to: begin + size)
    let ref = UInt64(fileNumber) << 32 | UInt64(fileBytes)
    fileBytes += size
    if buffer.count >= 1 << 20 { try flush() }
    return ref
  }

  private mutating func flush() throws(StorageError) {
    var bytes: [UInt8] = []
    swap(&bytes, &buffer)
    try file.write(bytes)
  }

  /// Ends the file and begins the next one.
  public mutating func cut() throws(StorageError) {
    try flush()
    try file.synchronize()
    fileNumber += 1
    file = try FileDescriptor(folder + "/" + HeadChunkFile.name(fileNumber), for: .creating)
    begin()
  }

  /// All is on the disk when this returns.
  public consuming func finish() throws(StorageError) {
    try flush()
    try file.synchronize()
    try synchronizeFolder(folder)
  }
}
