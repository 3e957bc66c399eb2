// The samples of one histogram chunk as columns. One chunk has one layout (schema, spans, bounds), so a chunk's bucket
// counts are a table: a row a sample, a column a bucket, the positive ones first.
internal import CTSDB
public import TSModel

/// A decoded histogram chunk. The memory is kept from chunk to chunk, so that decoding one after the other allocates nothing
/// once the largest has been seen.
@safe public struct HistogramColumns: ~Copyable {
  /// Which numbers are wanted.
  public enum Numbers: Sendable {
    /// Integer chunks give integers, float chunks doubles: for dumps and for writing again.
    case exact
    /// All counts as doubles: for queries.
    case doubles
  }

  /// Most memory that one chunk's buckets may take, bytes. A chunk of honest size is far below; a hostile one could ask for
  /// 64 times its own length.
  public static let bucketBytesMax = 1 << 28

  /// Samples in the chunk.
  public private(set) var count = 0
  /// Samples that have a bucket row: the first ones. Stale markers, which come last in a chunk, have none.
  public private(set) var rowCount = 0
  /// Buckets of a row.
  public private(set) var bucketsPerRow = 0
  /// Whether the chunk's counts are floats.
  public private(set) var isFloat = false
  /// Whether counts and buckets are in the integer columns rather than in those of doubles.
  public private(set) var isInteger = false
  /// Schema of all samples, -9 … 8 or -53; stored schemas of more than 8 have been reduced to 8.
  public private(set) var schema: Int32 = 0
  /// Half the width of the zero bucket.
  public private(set) var zeroThreshold = 0.0
  /// What the chunk's header says. What a reader may say of single samples is in `resetHint(at:)`.
  public private(set) var resetHeader = Histogram.ResetHint.unknown
  /// Which buckets the first columns of a row are.
  public private(set) var positiveSpans: [Histogram.Span] = []
  /// Which buckets the last columns of a row are.
  public private(set) var negativeSpans: [Histogram.Span] = []
  /// Custom bounds, ascending; empty unless the schema is -53.
  public private(set) var customValues: [Double] = []
  /// Columns of a row that are positive buckets.
  public private(set) var positiveBucketCount = 0

  // Grown, never shrunk: the first `count` (or rowCount × bucketsPerRow) elements are this chunk's.
  private var timestamps: [Int64] = []
  private var startTimestamps: [Int64] = []
  private var sumValues: [Double] = []
  private var countValues: [Double] = []
  private var zeroCountValues: [Double] = []
  private var intCountValues: [UInt64] = []
  private var intZeroCountValues: [UInt64] = []
  private var bucketValues: [Double] = []
  private var intBucketValues: [Int64] = []
  private var scratch: [UInt64] = []

  /// No samples; memory is taken with the first chunk.
  public init() {}

  /// Milliseconds since the Unix epoch, `count` of them.
  public var timestampsMs: Span<Int64> {
    @_lifetime(borrow self) get { timestamps.span.extracting(..<count) }
  }

  /// Since when a counter has been counting, milliseconds since the Unix epoch, `count` of them; 0 where none is known.
  public var startTimestampsMs: Span<Int64> {
    @_lifetime(borrow self) get { startTimestamps.span.extracting(..<count) }
  }

  /// Sums of the observations, `count` of them; the stale marker's bits in stale samples.
  public var sums: Span<Double> {
    @_lifetime(borrow self) get { sumValues.span.extracting(..<count) }
  }

  /// Numbers of observations as doubles, `count` of them; none if `isInteger`.
  public var counts: Span<Double> {
    @_lifetime(borrow self) get { countValues.span.extracting(..<(isInteger ? 0 : count)) }
  }

  /// Observations in the zero bucket as doubles, `count` of them; none if `isInteger`.
  public var zeroCounts: Span<Double> {
    @_lifetime(borrow self) get { zeroCountValues.span.extracting(..<(isInteger ? 0 : count)) }
  }

  /// Absolute bucket counts as doubles, `rowCount` × `bucketsPerRow`, row by row; none if `isInteger`.
  public var buckets: Span<Double> {
    @_lifetime(borrow self) get { bucketValues.span.extracting(..<(isInteger ? 0 : rowCount * bucketsPerRow)) }
  }

  /// Numbers of observations, `count` of them; none unless `isInteger`.
  public var intCounts: Span<UInt64> {
    @_lifetime(borrow self) get { intCountValues.span.extracting(..<(isInteger ? count : 0)) }
  }

  /// Observations in the zero bucket, `count` of them; none unless `isInteger`.
  public var intZeroCounts: Span<UInt64> {
    @_lifetime(borrow self) get { intZeroCountValues.span.extracting(..<(isInteger ? count : 0)) }
  }

  /// Absolute bucket counts, `rowCount` × `bucketsPerRow`, row by row; none unless `isInteger`.
  public var intBuckets: Span<Int64> {
    @_lifetime(borrow self) get { intBucketValues.span.extracting(..<(isInteger ? rowCount * bucketsPerRow : 0)) }
  }

  /// Decodes a chunk; it replaces what the columns held. On error they are empty.
  ///
  /// Throws `.encoding` unless `encoding` is one of the four of histograms; `.truncated`, `.malformed` (an unknown schema among
  /// it) or `.count` for a damaged chunk; `.size` where its buckets would take more than `bucketBytesMax`.
  public mutating func decode(
    _ bytes: RawSpan, encoding: ChunkEncoding, numbers: Numbers = .exact
  ) throws(StorageError) {
    (count, rowCount) = (0, 0)
    var layout = tsdb_histogram_layout()
    var status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      return unsafe tsdb_histogram_layout_read(encoding.rawValue, src.baseAddress, src.count, &layout)
    }
    guard status == TSDB_OK else {
      throw StorageError(status, "read the layout of a chunk of \(encoding) in \(bytes.byteCount) bytes")
    }
    let rows = unsafe tsdb_histogram_rows_bound(&layout, bytes.byteCount)
    let rowSize = Int(layout.positive_bucket_count) + Int(layout.negative_bucket_count)
    // Neither product overflows: there are no more buckets, and no more rows times buckets, than bits in the chunk.
    guard rows * rowSize * 8 <= Self.bucketBytesMax else {
      throw StorageError(
        .size, "decode a chunk of \(encoding) in \(bytes.byteCount) bytes: \(rows) rows of \(rowSize) buckets")
    }
    take(layout, wantsIntegers: numbers == .exact && !layout.is_float, rows: rows, rowSize: rowSize)
    status = readLayoutArrays(bytes, &layout)
    if status == TSDB_OK { status = isInteger ? decodeIntegers(bytes, &layout) : decodeDoubles(bytes, &layout) }
    guard status == TSDB_OK else {
      throw StorageError(
        status, "decode a chunk of \(encoding) of \(layout.sample_count) samples in \(bytes.byteCount) bytes")
    }
  }

  private mutating func take(_ layout: tsdb_histogram_layout, wantsIntegers: Bool, rows: Int, rowSize: Int) {
    isFloat = layout.is_float
    isInteger = wantsIntegers
    schema = layout.schema
    zeroThreshold = layout.zero_threshold
    resetHeader = Histogram.ResetHint(rawValue: layout.reset_header) ?? .unknown
    bucketsPerRow = rowSize
    positiveBucketCount = Int(layout.positive_bucket_count)
    let samples = Int(layout.sample_count)
    grow(&timestamps, to: samples, 0)
    grow(&startTimestamps, to: samples, 0)
    grow(&sumValues, to: samples, 0)
    if wantsIntegers {
      grow(&intCountValues, to: samples, 0)
      grow(&intZeroCountValues, to: samples, 0)
      grow(&intBucketValues, to: rows * rowSize, 0)
    } else {
      grow(&countValues, to: samples, 0)
      grow(&zeroCountValues, to: samples, 0)
      grow(&bucketValues, to: rows * rowSize, 0)
    }
    var layout = layout
    grow(&scratch, to: unsafe tsdb_histogram_scratch_bound(&layout), 0)
  }

  private mutating func readLayoutArrays(_ bytes: RawSpan, _ layout: inout tsdb_histogram_layout) -> tsdb_status {
    var positive = [tsdb_histogram_span](repeating: tsdb_histogram_span(), count: Int(layout.positive_span_count))
    var negative = [tsdb_histogram_span](repeating: tsdb_histogram_span(), count: Int(layout.negative_span_count))
    var bounds = [Double](repeating: 0, count: Int(layout.custom_bound_count))
    let status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      return unsafe tsdb_histogram_layout_arrays(&layout, src.baseAddress, src.count, &positive, &negative, &bounds)
    }
    positiveSpans = positive.map { Histogram.Span(offset: $0.offset, length: $0.length) }
    negativeSpans = negative.map { Histogram.Span(offset: $0.offset, length: $0.length) }
    customValues = bounds
    return status
  }

  private mutating func decodeDoubles(_ bytes: RawSpan, _ layout: inout tsdb_histogram_layout) -> tsdb_status {
    var cursor = tsdb_histogram_cursor()
    let rows = bucketsPerRow == 0 ? timestamps.count : bucketValues.count / bucketsPerRow
    var (decoded, decodedRows) = (0, 0)
    let status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      // The arrays' storage stays where it is during these nested calls.
      return unsafe timestamps.withUnsafeMutableBufferPointer { timestamps in
        unsafe startTimestamps.withUnsafeMutableBufferPointer { starts in
          unsafe sumValues.withUnsafeMutableBufferPointer { sums in
            unsafe countValues.withUnsafeMutableBufferPointer { counts in
              unsafe zeroCountValues.withUnsafeMutableBufferPointer { zeroCounts in
                unsafe bucketValues.withUnsafeMutableBufferPointer { buckets in
                  unsafe scratch.withUnsafeMutableBufferPointer { scratch in
                    var columns = unsafe tsdb_histogram_columns(
                      timestamps_ms: timestamps.baseAddress, start_timestamps_ms: starts.baseAddress,
                      sums: sums.baseAddress, counts: counts.baseAddress, zero_counts: zeroCounts.baseAddress,
                      buckets: buckets.baseAddress, capacity: timestamps.count, row_capacity: rows)
                    return unsafe tsdb_histogram_decode(
                      &layout, &cursor, src.baseAddress, src.count, scratch.baseAddress, scratch.count, &columns,
                      &decoded,
                      &decodedRows)
                  }
                }
              }
            }
          }
        }
      }
    }
    return finish(status, decoded, decodedRows, layout)
  }

  private mutating func decodeIntegers(_ bytes: RawSpan, _ layout: inout tsdb_histogram_layout) -> tsdb_status {
    var cursor = tsdb_histogram_cursor()
    let rows = bucketsPerRow == 0 ? timestamps.count : intBucketValues.count / bucketsPerRow
    var (decoded, decodedRows) = (0, 0)
    let status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      return unsafe timestamps.withUnsafeMutableBufferPointer { timestamps in
        unsafe startTimestamps.withUnsafeMutableBufferPointer { starts in
          unsafe sumValues.withUnsafeMutableBufferPointer { sums in
            unsafe intCountValues.withUnsafeMutableBufferPointer { counts in
              unsafe intZeroCountValues.withUnsafeMutableBufferPointer { zeroCounts in
                unsafe intBucketValues.withUnsafeMutableBufferPointer { buckets in
                  unsafe scratch.withUnsafeMutableBufferPointer { scratch in
                    var columns = unsafe tsdb_histogram_int_columns(
                      timestamps_ms: timestamps.baseAddress, start_timestamps_ms: starts.baseAddress,
                      sums: sums.baseAddress, counts: counts.baseAddress, zero_counts: zeroCounts.baseAddress,
                      buckets: buckets.baseAddress, capacity: timestamps.count, row_capacity: rows)
                    return unsafe tsdb_histogram_decode_int(
                      &layout, &cursor, src.baseAddress, src.count, scratch.baseAddress, scratch.count, &columns,
                      &decoded,
                      &decodedRows)
                  }
                }
              }
            }
          }
        }
      }
    }
    return finish(status, decoded, decodedRows, layout)
  }

  /// Takes over what a decoding call gave, unless it stopped before the end.
  private mutating func finish(
    _ status: tsdb_status, _ decoded: Int, _ rows: Int, _ layout: tsdb_histogram_layout
  ) -> tsdb_status {
    guard status == TSDB_OK else { return status }
    // More rows than the bytes can hold were announced.
    guard decoded == Int(layout.sample_count) else { return TSDB_ERR_TRUNCATED }
    (count, rowCount) = (decoded, rows)
    return status
  }

  /// Whether sample `index` is a stale marker.
  public func isStale(at index: Int) -> Bool { sums[index].bitPattern == Histogram.staleSumBits }

  /// What a reader can say about sample `index`: nothing about the chunk's first one, whatever the header says, as another
  /// chunk may have come before it since; of later ones that counters went on; in gauge chunks that all are gauges.
  public func resetHint(at index: Int) -> Histogram.ResetHint {
    if isStale(at: index) { return .unknown }
    if resetHeader == .gauge { return .gauge }
    return index == 0 ? .unknown : .notReset
  }

  /// Sample `index` as a value. Precondition: 0 ≤ index < count.
  public func histogram(at index: Int) -> Histogram {
    precondition(index >= 0 && index < count, "a chunk's samples are counted from 0")
    if isStale(at: index) { return Histogram.stale(isFloat ? .float : .int) }
    let start = index * bucketsPerRow
    let middle = start + positiveBucketCount
    let end = start + bucketsPerRow
    let counts: Histogram.Counts =
      isInteger
      ? .int(
        count: intCountValues[index], zeroCount: intZeroCountValues[index],
        positive: Array(intBucketValues[start..<middle]),
        negative: Array(intBucketValues[middle..<end]))
      : .float(
        count: countValues[index], zeroCount: zeroCountValues[index], positive: Array(bucketValues[start..<middle]),
        negative: Array(bucketValues[middle..<end]))
    return Histogram(
      schema: schema, zeroThreshold: zeroThreshold, sum: sumValues[index], resetHint: resetHint(at: index),
      positiveSpans: positiveSpans, negativeSpans: negativeSpans, customValues: customValues, counts: counts)
  }
}

/// Makes `column` at least `count` long.
private func grow<Element>(_ column: inout [Element], to count: Int, _ zero: Element) {
  if column.count < count {
    column.reserveCapacity(count)
    column.append(contentsOf: repeatElement(zero, count: count - column.count))
  }
}

/// Looks a histogram chunk's bytes through beyond what reading needs: ascending timestamps and bounds, counts that add up,
/// nothing behind the last sample. Returns what is wrong with it, and where ("timestamps do not ascend at sample 3"), or nil.
public func histogramChunkDefect(_ bytes: RawSpan, encoding: ChunkEncoding) -> String? {
  guard encoding.isHistogram else { return "is of \(encoding) and not of histograms" }
  var defect = tsdb_histogram_defect()
  unsafe bytes.withUnsafeBytes { source in
    let src = unsafe source.assumingMemoryBound(to: UInt8.self)
    let words = unsafe tsdb_histogram_validate_scratch_bound(encoding.rawValue, src.baseAddress, src.count)
    var scratch = [UInt64](repeating: 0, count: words)
    let status = unsafe tsdb_histogram_validate(
      encoding.rawValue, src.baseAddress, src.count, &scratch, words, &defect)
    precondition(status == TSDB_OK, "the scratch is as large as the bound says")
  }
  guard defect.kind != TSDB_HISTOGRAM_SOUND else { return nil }
  var text = unsafe String(cString: tsdb_histogram_defect_text(defect.kind))
  if defect.status != TSDB_OK { text += unsafe " (\(String(cString: tsdb_status_text(defect.status))))" }
  return "\(text) at sample \(defect.sample_index), bit \(defect.position_bits)"
}
