// Writes chunks into segment files, cut where Prometheus cuts them. docs/formats/chunk-segments.md.
internal import CTSDB
internal import TSModel

/// The folder `chunks` of a block under construction. After an error only dropping it makes sense.
final class ChunkSegmentWriter {
  /// How many segments there are.
  private(set) var segmentCount = 0
  /// Bytes in all of them.
  private(set) var byteCount = 0

  private let folder: String
  private let segmentBytesMax: UInt64
  private var file: FileDescriptor?
  private var segmentBytes: UInt64 = 0
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 20

  /// Writes to `folder`, which exists and is empty. Segments shall not have more than `segmentBytesMax` bytes, at most
  /// 2³²−1, though one that holds a single chunk may.
  init(folder: String, segmentBytesMax: UInt64) {
    precondition(segmentBytesMax <= UInt64(UInt32.max), "the offset of a chunk has 32 bits")
    self.folder = folder
    self.segmentBytesMax = segmentBytesMax
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// Writes the chunks of one series and returns their references.
  func write(_ chunks: [EncodedChunk]) throws(StorageError) -> [UInt64] {
    guard !chunks.isEmpty else { return [] }
    if segmentCount == 0 { try beginSegment() }
    var cutter = tsdb_segment_cutter()
    unsafe tsdb_segment_cutter_begin(&cutter, segmentBytesMax, segmentBytes)
    var refs: [UInt64] = []
    refs.reserveCapacity(chunks.count)
    for chunk in chunks {
      guard let size = UInt32(exactly: chunk.bytes.count) else {
        throw StorageError(.size, "write a chunk of \(chunk.bytes.count) bytes to \(folder): its length has 32 bits")
      }
      if unsafe tsdb_segment_cutter_next(&cutter, size) { try beginSegment() }
      refs.append(UInt64(segmentCount - 1) << 32 | segmentBytes)
      try append(chunk, size)
    }
    return refs
  }

  /// Waits until the files and their folder are on the disk.
  func finish() throws(StorageError) {
    try endSegment()
    try synchronizeFolder(folder)
  }

  private func append(_ chunk: EncodedChunk, _ dataSize: UInt32) throws(StorageError) {
    let room = tsdb_chunk_record_bound(dataSize)
    if buffer.count + room > Self.bufferSize { try flush() }
    let start = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: room))
    var size = 0
    let status = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      unsafe tsdb_chunk_record_write(
        chunk.encoding.rawValue, chunk.bytes, dataSize, buffer.baseAddress.map { unsafe $0 + start }, room, &size)
    }
    guard status == TSDB_OK else { throw StorageError(status, "write a chunk to \(folder)") }
    buffer.removeLast(room - size)
    segmentBytes += UInt64(size)
    byteCount += size
  }

  private func beginSegment() throws(StorageError) {
    try endSegment()
    let number = String(segmentCount + 1)
    file = try FileDescriptor(
      folder + "/" + String(repeating: "0", count: max(0, 6 - number.count)) + number, for: .creating)
    segmentCount += 1
    var header = [UInt8](repeating: 0, count: Int(TSDB_SEGMENT_HEADER_SIZE))
    let status = unsafe tsdb_segment_header_write(&header, header.count)
    assert(status == TSDB_OK, "there is room for a header")
    buffer += header
    segmentBytes = UInt64(header.count)
    byteCount += header.count
  }

  private func endSegment() throws(StorageError) {
    try flush()
    try file?.synchronize()
    file = nil
  }

  private func flush() throws(StorageError) {
    guard !buffer.isEmpty else { return }
    let written = unsafe buffer.withUnsafeBytes { bytes -> Result<Void, StorageError> in
      do throws(StorageError) { return .success(unsafe try file?.write(bytes) ?? ()) } catch { return .failure(error) }
    }
    try written.get()
    buffer.removeAll(keepingCapacity: true)
  }
}
