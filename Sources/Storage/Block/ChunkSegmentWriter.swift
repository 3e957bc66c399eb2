// Writes chunks into segment files, cut where Prometheus cuts them. docs/formats/chunk-segments.md.
internal import CTSDB
internal import TSModel

/// The folder `chunks` of a block under construction. After an error only dropping it makes sense.
@safe final class ChunkSegmentWriter {
  /// How many segments there are.
  private(set) var segmentCount = 0
  /// Bytes in all of them.
  private(set) var byteCount = 0

  private let folder: String
  private let segmentBytesMax: UInt64
  private var file: FileDescriptor?
  private var segmentBytes: UInt64 = 0
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  private var filled = 0
  private static let bufferSize = 1 << 20

  /// Writes to `folder`, which exists and is empty. Segments shall not have more than `segmentBytesMax` bytes, at most
  /// 2³²−1, though one that holds a single chunk may.
  init(folder: String, segmentBytesMax: UInt64) {
    precondition(segmentBytesMax <= UInt64(UInt32.max), "the offset of a chunk has 32 bits")
    self.folder = folder
    self.segmentBytesMax = segmentBytesMax
    unsafe buffer = .allocate(capacity: Self.bufferSize)
  }

  deinit { unsafe buffer.deallocate() }

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
    let size = try unsafe withRoom(tsdb_chunk_record_bound(dataSize)) { room in
      var size = 0
      let status = unsafe tsdb_chunk_record_write(
        chunk.encoding.rawValue, chunk.bytes, dataSize, room.baseAddress, room.count, &size)
      assert(status == TSDB_OK, "the room is as large as the bound says")
      return size
    }
    segmentBytes += UInt64(size)
    byteCount += size
  }

  /// Writes the chunks of one series and tells `chunks` their references.
  func write(_ chunks: inout ChunkViews) throws(StorageError) {
    guard !chunks.isEmpty else { return }
    if segmentCount == 0 { try beginSegment() }
    var cutter = tsdb_segment_cutter()
    unsafe tsdb_segment_cutter_begin(&cutter, segmentBytesMax, segmentBytes)
    var (done, cuts) = (0, false)
    while done < chunks.count {
      if cuts { try beginSegment() }
      var offsets = [UInt64](repeating: 0, count: chunks.count - done)
      var written = 0
      let size = try unsafe withRoom(tsdb_chunk_record_bound(chunks.sizes[done])) { room in
        unsafe chunks.encodings.withUnsafeBufferPointer { encodings in
          unsafe chunks.sizes.withUnsafeBufferPointer { sizes in
            unsafe chunks.starts.withUnsafeBufferPointer { starts in
              guard let encodings = encodings.baseAddress, let sizes = sizes.baseAddress,
                let starts = starts.baseAddress
              else { return 0 }
              return unsafe tsdb_chunk_records_write(
                &cutter, encodings + done, starts + done, sizes + done, offsets.count, segmentBytes, room.baseAddress,
                room.count, &offsets, &cuts, &written)
            }
          }
        }
      }
      for index in 0..<written { chunks.setRef(done + index, UInt64(segmentCount - 1) << 32 | offsets[index]) }
      done += written
      segmentBytes += UInt64(size)
      byteCount += size
      assert(written > 0 || cuts, "there is room for one chunk")
    }
  }

  /// Calls `body` with room for at least `count` bytes behind those that wait to be written; it returns how many it used.
  private func withRoom(
    _ count: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Int
  ) throws(StorageError) -> Int {
    if filled + count > Self.bufferSize { try flush() }
    guard count > Self.bufferSize else {
      let used = unsafe body(UnsafeMutableBufferPointer(rebasing: buffer[filled...]))
      filled += used
      return used
    }
    // A chunk that is larger than the buffer goes its own way.
    let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: count)
    defer { unsafe room.deallocate() }
    let used = unsafe body(room)
    unsafe try file?.write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<used]))
    return used
  }

  /// What the segment of number `index`, counted from 0, is called.
  static func fileName(_ index: Int) -> String {
    let number = String(index + 1)
    return String(repeating: "0", count: max(0, 6 - number.count)) + number
  }

  private func beginSegment() throws(StorageError) {
    try endSegment()
    file = try FileDescriptor(folder + "/" + Self.fileName(segmentCount), for: .creating)
    segmentCount += 1
    let size = try unsafe withRoom(Int(TSDB_SEGMENT_HEADER_SIZE)) { room in
      let status = unsafe tsdb_segment_header_write(room.baseAddress, room.count)
      assert(status == TSDB_OK, "there is room for a header")
      return Int(TSDB_SEGMENT_HEADER_SIZE)
    }
    segmentBytes = UInt64(size)
    byteCount += size
  }

  private func endSegment() throws(StorageError) {
    try flush()
    try file?.synchronize()
    file = nil
  }

  private func flush() throws(StorageError) {
    guard filled > 0 else { return }
    unsafe try file?.write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<filled]))
    filled = 0
  }
}
