// From the samples of a cluster to chunks, cut as Prometheus' merge cuts them: 120 samples a chunk, whatever their size; a
// chunk of its own for each kind of sample; histograms also where they start anew or change their layout.
internal import CTSDB
internal import TSModel

/// Encodes clusters. The memory is kept from cluster to cluster, and the chunks stay where they are until `removeAll`.
@safe struct ClusterEncoder: ~Copyable {
  /// Samples of a chunk.
  static let samplesPerChunk = 120

  /// Chunks made since `removeAll`. Their data is in `bytes`.
  struct Chunk {
    let encoding: ChunkEncoding
    let minTimeMs: Int64
    let maxTimeMs: Int64
    let range: Range<Int>
  }

  /// The chunks made since `removeAll`.
  private(set) var chunks: [Chunk] = []
  private var filled = 0
  private var buffer: UnsafeMutableBufferPointer<UInt8>
  private var floats = FloatColumns()

  init() { unsafe buffer = .allocate(capacity: 1 << 16) }
  deinit { unsafe buffer.deallocate() }

  /// Forgets the chunks.
  mutating func removeAll() {
    chunks.removeAll(keepingCapacity: true)
    filled = 0
  }

  /// Where the data of a chunk lies until the next call that adds one.
  func start(of chunk: Chunk) -> UnsafePointer<UInt8>? {
    unsafe buffer.baseAddress.map { unsafe UnsafePointer($0 + chunk.range.lowerBound) }
  }

  /// Makes chunks of the ordered samples. Throws `.argument` for histograms that do not make a chunk, `.memory`.
  mutating func encode(_ samples: borrowing ClusterSamples) throws(StorageError) {
    var place = 0
    let count = samples.order.count
    while place < count {
      let list = samples.list(of: Int(samples.order[place]))
      var end = place + 1
      if list.kind == .floats {
        while end < count, samples.list(of: Int(samples.order[end])).kind == .floats { end += 1 }
        encodeFloats(samples, place..<end)
      } else {
        while end < count, samples.list(of: Int(samples.order[end])).kind == list.kind { end += 1 }
        try encodeHistograms(samples, place..<end, isFloat: list.kind == .floatHistograms)
      }
      place = end
    }
  }

  /// Adds a chunk that was made elsewhere.
  mutating func append(_ chunk: EncodedChunk) {
    unsafe chunk.bytes.withUnsafeBytes { bytes in
      unsafe append(bytes, encoding: chunk.encoding, minTimeMs: chunk.minTimeMs, maxTimeMs: chunk.maxTimeMs)
    }
  }

  /// See the other one.
  mutating func append(
    _ bytes: UnsafeRawBufferPointer, encoding: ChunkEncoding, minTimeMs: Int64, maxTimeMs: Int64
  ) {
    reserve(bytes.count)
    let start = filled
    unsafe UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[start...])).copyMemory(from: bytes)
    filled += bytes.count
    chunks.append(Chunk(encoding: encoding, minTimeMs: minTimeMs, maxTimeMs: maxTimeMs, range: start..<filled))
  }

  /// Lets the last chunk, which is one of histograms, say nothing of a reset before it, unless it is one of gauges.
  mutating func forgetResetOfLast() {
    guard let chunk = chunks.last else { return }
    unsafe tsdb_histogram_chunk_forget_reset(
      chunk.encoding.rawValue, buffer.baseAddress.map { unsafe $0 + chunk.range.lowerBound }, chunk.range.count)
  }

  /// Adds the chunks to `views`, which are good until this is changed.
  func show(_ range: Range<Int>, in views: inout ChunkViews) {
    for chunk in chunks[range] {
      unsafe views.append(
        minTimeMs: chunk.minTimeMs, maxTimeMs: chunk.maxTimeMs, encoding: chunk.encoding.rawValue,
        start: start(of: chunk), size: UInt32(chunk.range.count))
    }
  }

  // MARK: Floats

  private mutating func encodeFloats(_ samples: borrowing ClusterSamples, _ range: Range<Int>) {
    floats.removeAll()
    floats.reserveCapacity(range.count)
    var hasStarts = false
    let (times, values, starts) = (samples.rows.timestampsMs, samples.rows.values, samples.rows.startTimestampsMs)
    unsafe floats.append(upTo: range.count) { toTimes, toValues, toStarts in
      for index in 0..<range.count {
        let row = Int(samples.order[range.lowerBound + index])
        unsafe toTimes[index] = times[row]
        let isLifted = !samples.lifted.isEmpty
        unsafe toValues[index] = isLifted ? samples.lifted[range.lowerBound + index] : values[row]
        let start = starts[row]
        unsafe toStarts[index] = start
        if start != 0 { hasStarts = true }
      }
      return range.count
    }
    var start = 0
    while start < floats.count {
      var end = min(floats.count, start + Self.samplesPerChunk)
      var encoding = ChunkEncoding.xor
      if hasStarts {
        if floats.startTimestampsMs[start] != 0 {
          encoding = .xor2
        } else if let first = (start..<end).first(where: { floats.startTimestampsMs[$0] != 0 }) {
          end = first
        }
      }
      appendFloatChunk(start..<end, encoding)
      start = end
    }
  }

  /// One chunk of rows of `floats`.
  private mutating func appendFloatChunk(_ range: Range<Int>, _ encoding: ChunkEncoding) {
    let bound = 64 + range.count * 40
    reserve(bound)
    let start = filled
    var (appended, size) = (0, 0)
    var limits = tsdb_append_limits(
      size_bytes_max: Int.max, samples_max: UInt32.max, has_time_end: false, time_end_ms: 0)
    let room = unsafe UnsafeMutableBufferPointer(rebasing: buffer[start..<start + bound])
    let status = unsafe floats.timestampsMs.withUnsafeBufferPointer { times in
      unsafe floats.values.withUnsafeBufferPointer { values in
        unsafe floats.startTimestampsMs.withUnsafeBufferPointer { starts in
          guard let time = times.baseAddress, let value = values.baseAddress, let first = starts.baseAddress
          else { return TSDB_ERR_ARGUMENT }
          let offset = range.lowerBound
          if encoding == .xor {
            var appender = tsdb_xor_appender()
            let begun = unsafe tsdb_xor_appender_init(&appender, room.baseAddress, room.count, &size)
            guard begun == TSDB_OK else { return begun }
            return unsafe tsdb_xor_append(
              &appender, room.baseAddress, room.count, time + offset, value + offset, range.count, &limits, &appended,
              &size)
          }
          var appender = tsdb_xor2_appender()
          let begun = unsafe tsdb_xor2_appender_init(&appender, room.baseAddress, room.count, &size)
          guard begun == TSDB_OK else { return begun }
          return unsafe tsdb_xor2_append(
            &appender, room.baseAddress, room.count, time + offset, value + offset, first + offset, range.count,
            &limits, &appended, &size)
        }
      }
    }
    precondition(status == TSDB_OK && appended == range.count, "the room holds a chunk of \(range.count) samples")
    filled += size
    chunks.append(
      Chunk(
        encoding: encoding, minTimeMs: floats.timestampsMs[range.lowerBound],
        maxTimeMs: floats.timestampsMs[range.upperBound - 1], range: start..<filled))
  }

  // MARK: Histograms

  private mutating func encodeHistograms(
    _ samples: borrowing ClusterSamples, _ range: Range<Int>, isFloat: Bool
  ) throws(StorageError) {
    var start = range.lowerBound
    while start < range.upperBound {
      // Chunks of samples with start timestamps are of another encoding.
      let hasStart = samples.rows.startTimestampsMs[Int(samples.order[start])] != 0
      var end = start + 1
      while end < range.upperBound, (samples.rows.startTimestampsMs[Int(samples.order[end])] != 0) == hasStart {
        end += 1
      }
      var builder = try HistogramChunkBuilder(
        encoding: isFloat ? hasStart ? .floatHistogramST : .floatHistogram : hasStart ? .histogramST : .histogram,
        chunkRangeMs: 1 << 62, cutsForSize: false)
      for place in start..<end {
        let row = Int(samples.order[place])
        if builder.openSampleCount >= Self.samplesPerChunk { builder.cutChunk() }
        try builder.append(
          timestampMs: samples.rows.timestampsMs[row], samples.histogram(row: row, of: samples.list(of: row)),
          startTimestampMs: samples.rows.startTimestampsMs[row])
      }
      for chunk in builder.finish() { append(chunk) }
      start = end
    }
  }

  /// Makes room for `count` more bytes.
  private mutating func reserve(_ count: Int) {
    guard unsafe filled + count > buffer.count else { return }
    let larger = unsafe UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(2 * buffer.count, filled + count))
    _ = unsafe larger.update(fromContentsOf: buffer[..<filled])
    unsafe buffer.deallocate()
    unsafe buffer = larger
  }
}
