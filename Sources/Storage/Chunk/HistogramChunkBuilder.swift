// From the histogram samples of one series to its chunks, cut where Prometheus' head cuts them.
// docs/formats/histogram-chunks.md, "Where the head cuts".
internal import CTSDB
public import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Encodes histogram samples of one kind, in ascending order of time, into chunks. The bytes and the cuts are those of
/// Prometheus' head: about 1024 bytes a chunk, at least 10 samples, never across a multiple of the chunk range; a new chunk
/// where counters start anew, or where schema, bounds or zero threshold change; the chunk rewritten where buckets appear.
@safe public struct HistogramChunkBuilder: ~Copyable {
  /// Bytes that a chunk is meant to have.
  public static let targetBytes = 1024
  /// Samples that a chunk has at least before it is cut for its size.
  public static let samplesMin = 10

  /// How chunks are encoded: one of the four encodings of histograms.
  public let encoding: ChunkEncoding
  /// No chunk crosses a multiple of this, milliseconds.
  public let chunkRangeMs: Int64
  /// The chunks that are finished. The samples appended since the last cut are not among them.
  public private(set) var chunks: [EncodedChunk] = []

  private let appender: OpaquePointer
  private let isFloat: Bool
  private let cutsForSize: Bool
  private var firstTimeMs: Int64 = 0
  private var lastTimeMs: Int64?
  /// The open chunk ends before this, if int64 holds such a time.
  private var endMs: Int64?
  // A cut for a change in the samples does not clear this, only one for size or time does: so it is in Prometheus, and so
  // chunks that follow a reset can grow to 2048 bytes.
  private var hasPredictedEnd = false

  /// An empty builder. `encoding` is one of histograms; `chunkRangeMs` is positive. Throws `.memory`.
  public init(encoding: ChunkEncoding, chunkRangeMs: Int64 = 7_200_000) throws(StorageError) {
    try self.init(encoding: encoding, chunkRangeMs: chunkRangeMs, cutsForSize: true)
  }

  /// Without `cutsForSize` only the samples themselves, and the chunk range, begin a new chunk.
  init(encoding: ChunkEncoding, chunkRangeMs: Int64, cutsForSize: Bool) throws(StorageError) {
    precondition(encoding.isHistogram, "a histogram chunk's encoding is one of the four of histograms")
    precondition(chunkRangeMs > 0, "a chunk range is positive")
    var allocator = unsafe tsdb_allocator(
      context: nil, allocate: { _, size in unsafe malloc(size) }, release: { _, memory, _ in unsafe free(memory) })
    var created: OpaquePointer?
    let status = unsafe tsdb_histogram_appender_create(&allocator, encoding.rawValue, &created)
    guard status == TSDB_OK, let created = unsafe created else {
      throw StorageError(status, "begin a chunk of \(encoding)")
    }
    unsafe appender = created
    self.encoding = encoding
    self.chunkRangeMs = chunkRangeMs
    self.cutsForSize = cutsForSize
    isFloat = encoding == .floatHistogram || encoding == .floatHistogramST
  }

  deinit { unsafe tsdb_histogram_appender_destroy(appender) }

  /// Forgets the open chunk and begins one with this reset header (the numbers of `Histogram.ResetHint`).
  mutating func begin(resetHeader: UInt8) { unsafe tsdb_histogram_appender_begin(appender, resetHeader) }

  /// Samples in the chunk that is not finished yet.
  public var openSampleCount: Int { unsafe Int(tsdb_histogram_appender_sample_count(appender)) }

  private var openByteCount: Int {
    var size = 0
    _ = unsafe tsdb_histogram_appender_bytes(appender, &size)
    return size
  }

  /// Appends one sample. With an encoding that has no start timestamps, one is dropped.
  ///
  /// Throws `.order` unless it is later than the one before, `.argument` where the histogram is not of this builder's kind or
  /// its parts do not fit together (`Histogram.defect` says more), `.memory`. Nothing is appended then.
  public mutating func append(
    timestampMs: Int64, _ histogram: Histogram, startTimestampMs: Int64 = 0
  ) throws(StorageError) {
    if let last = lastTimeMs, timestampMs <= last {
      throw StorageError(.order, "append a histogram at \(timestampMs) ms to a series that has one at \(last) ms")
    }
    guard histogram.isStale || (histogram.kind == .float) == isFloat else {
      throw StorageError(
        .argument, "append \(histogram.kind) counts to a chunk of \(encoding)", disposition: .rejectRequest)
    }
    let sample = SampleArrays(histogram)
    if openSampleCount > 0, try isCutDue(before: timestampMs, sample, startTimestampMs) { hasPredictedEnd = false }
    var result = tsdb_histogram_append_result()
    let wasEmpty = openSampleCount == 0
    try unsafe check(
      call(timestampMs, startTimestampMs, sample) { unsafe tsdb_histogram_appender_append(appender, $0, &result) })
    if result.kind == TSDB_HISTOGRAM_REFUSED {
      cutChunk(nextHeader: result.next_reset_header)
      try unsafe check(
        call(timestampMs, startTimestampMs, sample) { unsafe tsdb_histogram_appender_append(appender, $0, &result) })
      startChunk(at: timestampMs)
    } else if wasEmpty {
      startChunk(at: timestampMs)
    }
    lastTimeMs = timestampMs
  }

  /// Whether the open chunk ends before a sample for its size or its time; it is cut then.
  private mutating func isCutDue(
    before timestampMs: Int64, _ sample: SampleArrays, _ startTimestampMs: Int64
  ) throws(StorageError) -> Bool {
    let (size, samples) = (cutsForSize ? openByteCount : 0, openSampleCount)
    let rangeEndMs = rangeEnd(of: firstTimeMs)
    if !hasPredictedEnd, size >= Self.targetBytes / 4, let end = endMs, let last = lastTimeMs {
      endMs = tsdb_chunk_predict_end(firstTimeMs, last, end, Double(Self.targetBytes) / Double(size))
      hasPredictedEnd = true
    }
    let isPast = endMs.map { timestampMs >= $0 } ?? false
    let isPastRange = rangeEndMs.map { timestampMs >= $0 } ?? false
    guard isPast || size >= 2 * Self.targetBytes, samples >= Self.samplesMin || isPastRange else { return false }
    var header: UInt8 = 0
    try unsafe check(
      call(timestampMs, startTimestampMs, sample) {
        unsafe tsdb_histogram_appender_header_of_next(appender, $0, &header)
      })
    cutChunk(nextHeader: header)
    return true
  }

  private func rangeEnd(of timestampMs: Int64) -> Int64? {
    var end: Int64 = 0
    return unsafe tsdb_chunk_range_end(timestampMs, chunkRangeMs, &end) ? end : nil
  }

  private mutating func startChunk(at timestampMs: Int64) {
    firstTimeMs = timestampMs
    endMs = rangeEnd(of: timestampMs)
  }

  private mutating func cutChunk(nextHeader: UInt8) {
    var size = 0
    let samples = openSampleCount
    let bytes = unsafe tsdb_histogram_appender_bytes(appender, &size)
    if samples > 0, let last = lastTimeMs {
      chunks.append(
        EncodedChunk(
          encoding: encoding, minTimeMs: firstTimeMs, maxTimeMs: last,
          bytes: unsafe Array(UnsafeBufferPointer(start: bytes, count: size)), sampleCount: samples))
    }
    unsafe tsdb_histogram_appender_begin(appender, nextHeader)
  }

  /// Ends the chunk that is not finished yet, if there is one: the next sample starts one of unknown history, as after a
  /// sample of another kind.
  public mutating func cutChunk() {
    cutChunk(nextHeader: Histogram.ResetHint.unknown.rawValue)
    hasPredictedEnd = false
  }

  /// Ends the last chunk, hands all chunks over and leaves the builder empty, as new.
  public mutating func finish() -> [EncodedChunk] {
    cutChunk()
    lastTimeMs = nil
    let finished = chunks
    chunks = []
    return finished
  }

  private func check(_ status: tsdb_status) throws(StorageError) {
    guard status == TSDB_OK else { throw StorageError(status, "append a histogram to a chunk of \(encoding)") }
  }

  /// Calls the core with a sample made of `arrays`.
  private func call(
    _ timestampMs: Int64, _ startTimestampMs: Int64, _ arrays: SampleArrays,
    _ body: (UnsafePointer<tsdb_histogram_sample>) -> tsdb_status
  ) -> tsdb_status {
    unsafe arrays.positiveSpans.withUnsafeBufferPointer { positive in
      unsafe arrays.negativeSpans.withUnsafeBufferPointer { negative in
        unsafe arrays.intBuckets.withUnsafeBufferPointer { ints in
          unsafe arrays.buckets.withUnsafeBufferPointer { doubles in
            unsafe arrays.histogram.customValues.withUnsafeBufferPointer { bounds in
              let histogram = arrays.histogram
              // Only one kind of buckets may be there; the address of an empty array is as good as none.
              let sample = unsafe tsdb_histogram_sample(
                timestamp_ms: timestampMs, start_timestamp_ms: startTimestampMs, schema: histogram.schema,
                reset_hint: histogram.resetHint.rawValue, zero_threshold: histogram.zeroThreshold, sum: histogram.sum,
                count: arrays.count, zero_count: arrays.zeroCount, count_double: arrays.countDouble,
                zero_count_double: arrays.zeroCountDouble, positive_spans: positive.baseAddress,
                negative_spans: negative.baseAddress, positive_span_count: UInt32(clamping: positive.count),
                negative_span_count: UInt32(clamping: negative.count), int_buckets: isFloat ? nil : ints.baseAddress,
                buckets: isFloat ? doubles.baseAddress : nil, bucket_count: isFloat ? doubles.count : ints.count,
                custom_bounds: bounds.baseAddress, custom_bound_count: UInt32(clamping: bounds.count))
              return unsafe withUnsafePointer(to: sample) { unsafe body($0) }
            }
          }
        }
      }
    }
  }
}

/// A histogram in the arrays that the core reads.
private struct SampleArrays {
  let histogram: Histogram
  let positiveSpans, negativeSpans: [tsdb_histogram_span]
  let intBuckets: [Int64]
  let buckets: [Double]
  let count, zeroCount: UInt64
  let countDouble, zeroCountDouble: Double

  init(_ histogram: Histogram) {
    self.histogram = histogram
    positiveSpans = histogram.positiveSpans.map { tsdb_histogram_span(offset: $0.offset, length: $0.length) }
    negativeSpans = histogram.negativeSpans.map { tsdb_histogram_span(offset: $0.offset, length: $0.length) }
    switch histogram.counts {
    case .int(let count, let zeroCount, let positive, let negative):
      (intBuckets, buckets) = (positive + negative, [])
      (self.count, self.zeroCount, countDouble, zeroCountDouble) = (count, zeroCount, 0, 0)
    case .float(let count, let zeroCount, let positive, let negative):
      (intBuckets, buckets) = ([], positive + negative)
      (self.count, self.zeroCount, countDouble, zeroCountDouble) = (0, 0, count, zeroCount)
    }
  }
}
