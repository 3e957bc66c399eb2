// From the float samples of one series to its chunks, cut where Prometheus' head cuts them. docs/formats/chunks.md.
internal import CTSDB

/// Encodes the float samples of one series, in ascending order of time, into chunks. The bytes and the cuts are those of
/// Prometheus' head: 120 samples a chunk if they come evenly, never across a multiple of the chunk range, no sample more
/// once a chunk is longer than 1005 bytes.
@safe public struct FloatChunkBuilder: Sendable {
  /// How chunks are encoded: `.xor`, or `.xor2` if start timestamps are to be kept.
  public let encoding: ChunkEncoding
  /// No chunk crosses a multiple of this, milliseconds.
  public let chunkRangeMs: Int64
  /// Samples a chunk is meant to hold.
  public let samplesPerChunk: Int
  /// The chunks that are finished. The samples appended since the last cut are not among them.
  public private(set) var chunks: [EncodedChunk] = []

  private var appender: Appender
  private var cut = tsdb_chunk_cut()
  private var size = 0
  private var firstTimeMs: Int64 = 0
  private var lastTimeMs: Int64?
  // A chunk takes no sample once it is longer than TSDB_FLOAT_CHUNK_SIZE_MAX: one sample more is the most that this holds.
  private var buffer: [UInt8]

  private enum Appender: Sendable {
    case xor(tsdb_xor_appender)
    case xor2(tsdb_xor2_appender)

    var sampleCount: UInt32 {
      switch self {
      case .xor(let appender): appender.count
      case .xor2(let appender): appender.count
      }
    }
  }

  /// An empty builder. `encoding` is `.xor` or `.xor2`; `chunkRangeMs` and `samplesPerChunk` (at most 32767) are positive.
  public init(encoding: ChunkEncoding = .xor, chunkRangeMs: Int64 = 7_200_000, samplesPerChunk: Int = 120) {
    precondition(encoding.isFloat, "a float chunk's encoding is xor or xor2")
    precondition(chunkRangeMs > 0, "a chunk range is positive")
    precondition((1...32767).contains(samplesPerChunk), "a chunk is meant to hold 1 to 32767 samples")
    self.encoding = encoding
    self.chunkRangeMs = chunkRangeMs
    self.samplesPerChunk = samplesPerChunk
    appender = encoding == .xor ? .xor(tsdb_xor_appender()) : .xor2(tsdb_xor2_appender())
    buffer = [UInt8](repeating: 0, count: Int(TSDB_FLOAT_CHUNK_SIZE_MAX) + 64)
  }

  /// Samples in the chunk that is not finished yet.
  public var openSampleCount: Int { size == 0 ? 0 : Int(appender.sampleCount) }

  /// Appends one sample. Throws `.order` unless it is later than the one before (nothing is appended then). With `.xor` a start
  /// timestamp is dropped, as Prometheus drops it.
  public mutating func append(
    timestampMs: Int64, value: Double, startTimestampMs: Int64 = 0
  ) throws(StorageError) {
    if let last = lastTimeMs, timestampMs <= last { throw Self.disorder(timestampMs, after: last) }
    unsafe withUnsafePointer(to: timestampMs) { timestamp in
      unsafe withUnsafePointer(to: value) { value in
        unsafe withUnsafePointer(to: startTimestampMs) { start in
          unsafe append(timestamps: timestamp, values: value, startTimestamps: start, count: 1)
        }
      }
    }
  }

  /// Appends samples given as parallel columns; `startTimestampsMs` may be empty if there are none. Throws `.order` unless each
  /// is later than the one before (nothing is appended then) and `.argument` for columns of different length.
  public mutating func append(
    timestampsMs: Span<Int64>, values: Span<Double>, startTimestampsMs: Span<Int64> = Span()
  ) throws(StorageError) {
    let count = timestampsMs.count
    guard values.count == count, startTimestampsMs.isEmpty || startTimestampsMs.count == count else {
      throw StorageError(
        .argument,
        "append \(count) timestamps, \(values.count) values and \(startTimestampsMs.count) start timestamps",
        disposition: .rejectRequest)
    }
    var last = lastTimeMs
    for index in 0..<count {
      let timestamp = timestampsMs[index]
      if let last, timestamp <= last { throw Self.disorder(timestamp, after: last) }
      last = timestamp
    }
    unsafe timestampsMs.withUnsafeBufferPointer { timestamps in
      unsafe values.withUnsafeBufferPointer { values in
        unsafe startTimestampsMs.withUnsafeBufferPointer { starts in
          guard let timestamps = timestamps.baseAddress, let values = values.baseAddress else { return }
          unsafe append(
            timestamps: timestamps, values: values, startTimestamps: starts.isEmpty ? nil : starts.baseAddress,
            count: count)
        }
      }
    }
  }

  /// Ends the chunk that is not finished yet, if there is one, so that the next sample starts another.
  public mutating func cutChunk() {
    guard size > 0, let lastTimeMs else { return }
    chunks.append(
      EncodedChunk(
        encoding: encoding, minTimeMs: firstTimeMs, maxTimeMs: lastTimeMs, bytes: Array(buffer[..<size]),
        sampleCount: Int(appender.sampleCount)))
    size = 0
  }

  /// Ends the last chunk, hands all chunks over and leaves the builder empty, as new.
  public mutating func finish() -> [EncodedChunk] {
    cutChunk()
    lastTimeMs = nil
    let finished = chunks
    chunks = []
    return finished
  }

  private static func disorder(_ timestampMs: Int64, after lastMs: Int64) -> StorageError {
    StorageError(.order, "append a sample at \(timestampMs) ms to a series that has one at \(lastMs) ms")
  }

  /// Appends `count` samples whose order has been checked.
  private mutating func append(
    timestamps: UnsafePointer<Int64>, values: UnsafePointer<Double>, startTimestamps: UnsafePointer<Int64>?, count: Int
  ) {
    var done = 0
    while done < count {
      if size == 0 { unsafe startChunk(at: timestamps[done]) }
      let limits = unsafe tsdb_chunk_cut_float_limits(&cut, appender.sampleCount, lastTimeMs ?? 0)
      let appended = unsafe appendToChunk(
        timestamps + done, values + done, startTimestamps.map { unsafe $0 + done }, count - done, limits)
      if appended == 0 {
        cutChunk()
      } else {
        done += appended
        lastTimeMs = unsafe timestamps[done - 1]
      }
    }
  }

  private mutating func startChunk(at timestampMs: Int64) {
    firstTimeMs = timestampMs
    unsafe tsdb_chunk_cut_start(&cut, timestampMs, chunkRangeMs, UInt32(samplesPerChunk))
    var newSize = 0
    var started = appender
    let status = unsafe buffer.withUnsafeMutableBufferPointer { dst in
      switch started {
      case .xor(var state):
        let status = unsafe tsdb_xor_appender_init(&state, dst.baseAddress, dst.count, &newSize)
        started = .xor(state)
        return status
      case .xor2(var state):
        let status = unsafe tsdb_xor2_appender_init(&state, dst.baseAddress, dst.count, &newSize)
        started = .xor2(state)
        return status
      }
    }
    precondition(status == TSDB_OK, "the buffer of a chunk holds its header")
    appender = started
    size = newSize
  }

  /// One call of the core: as many samples as the limits let in.
  private mutating func appendToChunk(
    _ timestamps: UnsafePointer<Int64>, _ values: UnsafePointer<Double>, _ startTimestamps: UnsafePointer<Int64>?,
    _ count: Int, _ limits: tsdb_append_limits
  ) -> Int {
    var limits = limits
    var appended = 0
    var newSize = 0
    var advanced = appender
    let status = unsafe buffer.withUnsafeMutableBufferPointer { dst in
      switch advanced {
      case .xor(var state):
        let status = unsafe tsdb_xor_append(
          &state, dst.baseAddress, dst.count, timestamps, values, count, &limits, &appended, &newSize)
        advanced = .xor(state)
        return status
      case .xor2(var state):
        let status = unsafe tsdb_xor2_append(
          &state, dst.baseAddress, dst.count, timestamps, values, startTimestamps, count, &limits, &appended, &newSize)
        advanced = .xor2(state)
        return status
      }
    }
    precondition(status == TSDB_OK || status == TSDB_ERR_FULL, "the buffer of a chunk holds what its limits let in")
    appender = advanced
    size = newSize
    return appended
  }
}
