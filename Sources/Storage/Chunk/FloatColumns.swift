// The samples of float chunks as columns: a timestamp, a value and a start timestamp a row.
internal import CTSDB

/// Decoded float samples in three parallel columns. The memory is kept when the columns are emptied, so that decoding one
/// chunk after the other allocates nothing once the largest has been seen.
@safe public struct FloatColumns: ~Copyable {
  // One allocation each; the first `count` entries are initialised. Written by the methods below only.
  private var timestamps: UnsafeMutablePointer<Int64>
  private var values_: UnsafeMutablePointer<Double>
  private var startTimestamps: UnsafeMutablePointer<Int64>
  private var capacity: Int

  /// Samples in the columns.
  public private(set) var count: Int

  /// No samples; memory is taken with the first chunk.
  public init() {
    unsafe timestamps = UnsafeMutablePointer<Int64>.allocate(capacity: 0)
    unsafe values_ = UnsafeMutablePointer<Double>.allocate(capacity: 0)
    unsafe startTimestamps = UnsafeMutablePointer<Int64>.allocate(capacity: 0)
    capacity = 0
    count = 0
  }

  deinit {
    unsafe timestamps.deallocate()
    unsafe values_.deallocate()
    unsafe startTimestamps.deallocate()
  }

  /// Milliseconds since the Unix epoch, `count` of them, in the order of the chunks.
  public var timestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: timestamps, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The values, `count` of them. A stale marker is the NaN with the bits 0x7FF0000000000002.
  public var values: Span<Double> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: values_, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Since when a counter has been counting, milliseconds since the Unix epoch, `count` of them; 0 where none is known (always
  /// in chunks of encoding `.xor`).
  public var startTimestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: startTimestamps, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Forgets the samples and keeps the memory.
  public mutating func removeAll() { count = 0 }

  /// Makes room for this many samples altogether. For a caller that knows how many chunks are to come.
  public mutating func reserveCapacity(_ minimum: Int) {
    guard minimum > capacity else { return }
    let grown = max(minimum, 2 * capacity, 128)
    func move<Element>(_ old: UnsafeMutablePointer<Element>) -> UnsafeMutablePointer<Element> {
      // On a cache line's start: decoding writes whole lines, and none of its stores then crosses two.
      let memory = UnsafeMutableRawPointer.allocate(byteCount: grown * MemoryLayout<Element>.stride, alignment: 64)
      let new = unsafe memory.bindMemory(to: Element.self, capacity: grown)
      unsafe new.moveInitialize(from: old, count: count)
      unsafe old.deallocate()
      return unsafe new
    }
    unsafe timestamps = move(timestamps)
    unsafe values_ = move(values_)
    unsafe startTimestamps = move(startTimestamps)
    capacity = grown
  }

  /// Decodes all samples of a chunk behind those that are there already. On error nothing is added.
  ///
  /// Throws `.encoding` unless `encoding` is `.xor` or `.xor2`, `.truncated` where a sample crosses the end of `bytes`,
  /// `.malformed` for a chunk of no samples or a field that no encoder writes. Bytes behind the last sample are not looked at.
  public mutating func append(decoding bytes: RawSpan, encoding: ChunkEncoding) throws(StorageError) {
    guard encoding.isFloat else {
      throw StorageError(.encoding, "decode floats from a chunk of \(encoding)")
    }
    let sampleCount = try chunkSampleCount(bytes, encoding)
    reserveCapacity(count + sampleCount)
    let (status, decoded) = encoding == .xor ? decodeXOR(bytes) : decodeXOR2(bytes)
    guard status == TSDB_OK else {
      throw StorageError(status, "decode \(encoding) chunk of \(sampleCount) samples in \(bytes.byteCount) bytes")
    }
    count += decoded
  }

  /// Room for all samples has been made.
  private mutating func decodeXOR(_ bytes: RawSpan) -> (status: tsdb_status, decoded: Int) {
    let timestamps = unsafe timestamps + count
    let values = unsafe values_ + count
    let room = capacity - count
    var decoded = 0
    let status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      var cursor = tsdb_xor_cursor()
      let status = unsafe tsdb_xor_cursor_init(&cursor, src.baseAddress, src.count)
      guard status == TSDB_OK else { return status }
      return unsafe tsdb_xor_decode(&cursor, src.baseAddress, src.count, timestamps, values, room, &decoded)
    }
    unsafe (startTimestamps + count).update(repeating: 0, count: decoded)
    return (status, decoded)
  }

  /// Room for all samples has been made.
  private mutating func decodeXOR2(_ bytes: RawSpan) -> (status: tsdb_status, decoded: Int) {
    let timestamps = unsafe timestamps + count
    let values = unsafe values_ + count
    let starts = unsafe startTimestamps + count
    let room = capacity - count
    var decoded = 0
    let status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      var cursor = tsdb_xor2_cursor()
      let status = unsafe tsdb_xor2_cursor_init(&cursor, src.baseAddress, src.count)
      guard status == TSDB_OK else { return status }
      return unsafe tsdb_xor2_decode(&cursor, src.baseAddress, src.count, timestamps, values, starts, room, &decoded)
    }
    return (status, decoded)
  }
}

/// Looks a float chunk's bytes through beyond what reading needs: samples as counted, timestamps ascending, nothing behind the
/// last sample. Returns what is wrong with it as the end of a sentence ("has bytes behind its last sample"), or nil.
public func floatChunkDefect(_ bytes: RawSpan, encoding: ChunkEncoding) -> String? {
  guard encoding.isFloat else { return "is of \(encoding) and not of floats" }
  return unsafe bytes.withUnsafeBytes { source in
    let src = unsafe source.assumingMemoryBound(to: UInt8.self)
    var reason: UnsafePointer<CChar>?
    let status =
      encoding == .xor
      ? unsafe tsdb_xor_validate(src.baseAddress, src.count, &reason)
      : unsafe tsdb_xor2_validate(src.baseAddress, src.count, &reason)
    guard status != TSDB_OK else { return nil }
    return unsafe reason.map { unsafe String(cString: $0) } ?? "is unsound"
  }
}
