// Native histograms with floating-point counts, many in flat memory: what queries compute with.
//
//   headers  │ schema, sum, count, … where its spans, buckets and bounds lie │ …       one a histogram, known by its index
//   spans    │ positive, negative │ …        shared by all histograms of one chunk
//   buckets  │ positive, negative │ …        absolute counts
//   bounds   │ custom values │ …             shared like spans
//
// No object per histogram exists; a histogram never changes once it is in the pool, but for what it says of a counter reset.
internal import CTSDB

/// Where the parts of one histogram lie in its pool, and its numbers.
public struct PooledHistogram: Sendable {
  /// -4 … 8, or `Histogram.customBoundsSchema`.
  public var schema: Int32 = 0
  /// See `Histogram.ResetHint`.
  public var resetHint: Histogram.ResetHint = .unknown
  /// Half the width of the zero bucket.
  public var zeroThreshold = 0.0
  /// Observations in the zero bucket.
  public var zeroCount = 0.0
  /// Observations.
  public var count = 0.0
  /// Sum of all observations.
  public var sum = 0.0
  /// Index of the first span; the positive ones come first.
  public var spanStart = 0
  /// Spans of the positive side.
  public var positiveSpanCount = 0
  /// Spans of the negative side.
  public var negativeSpanCount = 0
  /// Index of the first bucket; the positive ones come first.
  public var bucketStart = 0
  /// Buckets of the positive side.
  public var positiveBucketCount = 0
  /// Buckets of the negative side.
  public var negativeBucketCount = 0
  /// Index of the first custom bound.
  public var boundStart = 0
  /// Custom bounds.
  public var boundCount = 0

  /// An empty histogram of schema 0.
  public init() {}

  /// Whether bucket bounds are listed rather than exponential.
  public var hasCustomBounds: Bool { schema == Histogram.customBoundsSchema }
  /// Buckets of both sides.
  public var bucketCount: Int { positiveBucketCount + negativeBucketCount }
  /// Spans of both sides.
  public var spanCount: Int { positiveSpanCount + negativeSpanCount }
}

/// Histograms in flat memory. See the drawing above.
///
/// Filled by one task, then read by any number: it is not safe to fill and read at the same time.
public final class HistogramPool: @unchecked Sendable {
  /// The histograms, in the order in which they came.
  public private(set) var headers: [PooledHistogram] = []
  /// Spans of all histograms.
  public private(set) var spans: [Histogram.Span] = []
  /// Buckets of all histograms.
  public private(set) var buckets: [Double] = []
  /// Custom bounds of all histograms.
  public private(set) var bounds: [Double] = []

  /// No histograms.
  public init() {}

  /// How many histograms there are.
  public var count: Int { headers.count }

  /// Bytes that the histograms take.
  public var usedBytes: Int {
    headers.count * MemoryLayout<PooledHistogram>.stride + spans.count * MemoryLayout<Histogram.Span>.stride
      + (buckets.count + bounds.count) * 8
  }

  /// Forgets all histograms and keeps the memory.
  public func removeAll() {
    headers.removeAll(keepingCapacity: true)
    spans.removeAll(keepingCapacity: true)
    buckets.removeAll(keepingCapacity: true)
    bounds.removeAll(keepingCapacity: true)
  }

  /// Puts spans in, for histograms that follow; returns the index of the first.
  public func append(spans positive: [Histogram.Span], _ negative: [Histogram.Span]) -> Int {
    defer {
      spans += positive
      spans += negative
    }
    return spans.count
  }

  /// Puts custom bounds in, for histograms that follow; returns the index of the first.
  public func append(bounds values: [Double]) -> Int {
    defer { bounds += values }
    return bounds.count
  }

  /// Adds a histogram whose spans and bounds are in the pool already: `buckets` (the positive ones first) are copied, and where
  /// they lie is written over `header.bucketStart`. Returns its index.
  public func append(_ header: PooledHistogram, buckets values: some Collection<Double>) -> Int32 {
    precondition(values.count == header.bucketCount, "\(values.count) buckets for \(header.bucketCount)")
    var header = header
    header.bucketStart = buckets.count
    buckets.append(contentsOf: values)
    headers.append(header)
    return Int32(clamping: headers.count - 1)
  }

  /// The same with the buckets that begin at `start` of a larger column.
  package func append(_ header: PooledHistogram, buckets values: Span<Double>, at start: Int) -> Int32 {
    unsafe values.withUnsafeBufferPointer { values in
      unsafe append(header, buckets: UnsafeBufferPointer(rebasing: values[start..<start + header.bucketCount]))
    }
  }

  /// Adds a histogram; counts that are integers become doubles. Returns its index.
  public func append(_ histogram: Histogram) -> Int32 {
    guard case .float(let count, let zeroCount, let positive, let negative) = histogram.asFloat.counts else {
      return -1
    }
    var header = PooledHistogram()
    header.schema = histogram.schema
    header.resetHint = histogram.resetHint
    header.zeroThreshold = histogram.zeroThreshold
    header.zeroCount = zeroCount
    header.count = count
    header.sum = histogram.sum
    header.spanStart = append(spans: histogram.positiveSpans, histogram.negativeSpans)
    header.positiveSpanCount = histogram.positiveSpans.count
    header.negativeSpanCount = histogram.negativeSpans.count
    header.positiveBucketCount = positive.count
    header.negativeBucketCount = negative.count
    header.boundStart = append(bounds: histogram.customValues)
    header.boundCount = histogram.customValues.count
    return append(header, buckets: positive + negative)
  }

  /// Says that nothing is known of a counter reset before histogram `index`, unless it is a gauge.
  func forgetResetHint(_ index: Int32) {
    if headers[Int(index)].resetHint != .gauge { headers[Int(index)].resetHint = .unknown }
  }

  /// Adds a copy of histogram `index` of another pool (or of this one). Returns its index.
  public func append(_ index: Int32, of other: HistogramPool) -> Int32 {
    var header = other.headers[Int(index)]
    let (spanStart, boundStart, bucketStart) = (spans.count, bounds.count, buckets.count)
    spans += other.spans[header.spanStart..<header.spanStart + header.spanCount]
    bounds += other.bounds[header.boundStart..<header.boundStart + header.boundCount]
    buckets += other.buckets[header.bucketStart..<header.bucketStart + header.bucketCount]
    (header.spanStart, header.boundStart, header.bucketStart) = (spanStart, boundStart, bucketStart)
    headers.append(header)
    return Int32(clamping: headers.count - 1)
  }

  /// Divides sum, counts and buckets of histogram `index`.
  public func divide(_ index: Int32, by number: Double) {
    let header = headers[Int(index)]
    headers[Int(index)].sum /= number
    headers[Int(index)].count /= number
    headers[Int(index)].zeroCount /= number
    for bucket in header.bucketStart..<header.bucketStart + header.bucketCount { buckets[bucket] /= number }
  }

  /// Changes what stands in the header of histogram `index`.
  public func update(_ index: Int32, _ body: (inout PooledHistogram) -> Void) { body(&headers[Int(index)]) }

  /// Histogram `index` as a value: for the edges of the process and for tests.
  public func histogram(_ index: Int32) -> Histogram {
    let header = headers[Int(index)]
    let positiveSpans = spans[header.spanStart..<header.spanStart + header.positiveSpanCount]
    let negativeSpans = spans[header.spanStart + header.positiveSpanCount..<header.spanStart + header.spanCount]
    let positive = buckets[header.bucketStart..<header.bucketStart + header.positiveBucketCount]
    let negative = buckets[
      header.bucketStart + header.positiveBucketCount..<header.bucketStart + header.bucketCount]
    return Histogram(
      schema: header.schema, zeroThreshold: header.zeroThreshold, sum: header.sum, resetHint: header.resetHint,
      positiveSpans: Array(positiveSpans), negativeSpans: Array(negativeSpans),
      customValues: Array(bounds[header.boundStart..<header.boundStart + header.boundCount]),
      counts: .float(
        count: header.count, zeroCount: header.zeroCount, positive: Array(positive), negative: Array(negative)))
  }
}

extension HistogramPool {
  /// Calls `body` with histogram `index` as the C core sees it, a `tsdb_histogram_view` that is valid during the call.
  package func withView<Result>(_ index: Int32, _ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
    try unsafe withColumns { columns in
      var view = unsafe columns.view(of: headers[Int(index)])
      return try unsafe body(&view)
    }
  }

  /// Calls `body` with all histograms, in their order, as the C core sees them.
  func withViews<Result>(_ body: (UnsafePointer<tsdb_histogram_view>?) -> Result) -> Result {
    unsafe withColumns { columns in
      unsafe withUnsafeTemporaryAllocation(of: tsdb_histogram_view.self, capacity: headers.count) { views in
        for index in headers.indices {
          unsafe views.initializeElement(at: index, to: columns.view(of: headers[index]))
        }
        return unsafe body(views.baseAddress)
      }
    }
  }

  /// Where the columns begin.
  @unsafe private struct Columns {
    let spans: UnsafePointer<tsdb_histogram_span>?
    let buckets: UnsafePointer<Double>?
    let bounds: UnsafePointer<Double>?

    func view(of header: PooledHistogram) -> tsdb_histogram_view {
      let firstBucket = unsafe buckets.map { unsafe $0 + header.bucketStart }
      let positiveSpan = unsafe spans.map { unsafe $0 + header.spanStart }
      var view = unsafe tsdb_histogram_view()
      unsafe view.schema = header.schema
      unsafe view.reset_hint = header.resetHint.rawValue
      unsafe view.zero_threshold = header.zeroThreshold
      unsafe view.zero_count = header.zeroCount
      unsafe view.count = header.count
      unsafe view.sum = header.sum
      unsafe view.positive_spans = positiveSpan
      unsafe view.negative_spans = positiveSpan.map { unsafe $0 + header.positiveSpanCount }
      unsafe view.positive_buckets = firstBucket
      unsafe view.negative_buckets = firstBucket.map { unsafe $0 + header.positiveBucketCount }
      unsafe view.custom_values = bounds.map { unsafe $0 + header.boundStart }
      unsafe view.positive_span_count = UInt32(clamping: header.positiveSpanCount)
      unsafe view.negative_span_count = UInt32(clamping: header.negativeSpanCount)
      unsafe view.positive_bucket_count = UInt32(clamping: header.positiveBucketCount)
      unsafe view.negative_bucket_count = UInt32(clamping: header.negativeBucketCount)
      unsafe view.custom_value_count = UInt32(clamping: header.boundCount)
      return unsafe view
    }
  }

  private func withColumns<Result>(_ body: (Columns) throws -> Result) rethrows -> Result {
    try unsafe spans.withUnsafeBytes { spans in
      try unsafe buckets.withUnsafeBufferPointer { buckets in
        try unsafe bounds.withUnsafeBufferPointer { bounds in
          // A span has the layout of C's.
          try unsafe body(
            Columns(
              spans: spans.baseAddress?.assumingMemoryBound(to: tsdb_histogram_span.self), buckets: buckets.baseAddress,
              bounds: bounds.baseAddress))
        }
      }
    }
  }
}
