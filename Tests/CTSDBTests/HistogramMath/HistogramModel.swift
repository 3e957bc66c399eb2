// A histogram as plain Swift values, for tests of the core's arithmetic.
import CTSDB

struct HistogramModel: Equatable {
  var schema: Int32 = 0
  var hint = UInt8(TSDB_HISTOGRAM_RESET_UNKNOWN)
  var zeroThreshold = 0.0
  var zeroCount = 0.0
  var count = 0.0
  var sum = 0.0
  var positive: [Int: Double] = [:]
  var negative: [Int: Double] = [:]
  var custom: [Double] = []

  /// Buckets that follow each other, the first one at `offset`: the form of the test scripts.
  static func run(_ buckets: [Double], at offset: Int = 0) -> [Int: Double] {
    Dictionary(uniqueKeysWithValues: buckets.enumerated().map { (offset + $0.offset, $0.element) })
  }

  private static func layout(_ buckets: [Int: Double]) -> ([tsdb_histogram_span], [Double]) {
    var spans: [tsdb_histogram_span] = []
    var next = 0
    for index in buckets.keys.sorted() {
      if let last = spans.indices.last, index == next {
        spans[last].length += 1
      } else {
        spans.append(tsdb_histogram_span(offset: Int32(index - next), length: 1))
      }
      next = index + 1
    }
    return (spans, buckets.keys.sorted().map { buckets[$0] ?? 0 })
  }

  func withView<Result>(_ body: (tsdb_histogram_view) -> Result) -> Result {
    let (positiveSpans, positiveBuckets) = Self.layout(positive)
    let (negativeSpans, negativeBuckets) = Self.layout(negative)
    return positiveSpans.withUnsafeBufferPointer { positiveSpans in
      negativeSpans.withUnsafeBufferPointer { negativeSpans in
        positiveBuckets.withUnsafeBufferPointer { positiveBuckets in
          negativeBuckets.withUnsafeBufferPointer { negativeBuckets in
            custom.withUnsafeBufferPointer { custom in
              body(
                tsdb_histogram_view(
                  schema: schema, reset_hint: hint, zero_threshold: zeroThreshold, zero_count: zeroCount, count: count,
                  sum: sum, positive_spans: positiveSpans.baseAddress, negative_spans: negativeSpans.baseAddress,
                  positive_buckets: positiveBuckets.baseAddress, negative_buckets: negativeBuckets.baseAddress,
                  custom_values: custom.baseAddress, positive_span_count: UInt32(positiveSpans.count),
                  negative_span_count: UInt32(negativeSpans.count),
                  positive_bucket_count: UInt32(positiveBuckets.count),
                  negative_bucket_count: UInt32(negativeBuckets.count), custom_value_count: UInt32(custom.count)))
            }
          }
        }
      }
    }
  }

  init(
    schema: Int32 = 0, hint: UInt8 = UInt8(TSDB_HISTOGRAM_RESET_UNKNOWN), zeroThreshold: Double = 0,
    zeroCount: Double = 0, count: Double = 0, sum: Double = 0, positive: [Int: Double] = [:],
    negative: [Int: Double] = [:], custom: [Double] = []
  ) {
    (self.schema, self.hint, self.zeroThreshold, self.zeroCount) = (schema, hint, zeroThreshold, zeroCount)
    (self.count, self.sum, self.positive, self.negative, self.custom) = (count, sum, positive, negative, custom)
  }

  init(_ view: tsdb_histogram_view) {
    func read(_ spans: UnsafePointer<tsdb_histogram_span>?, _ spanCount: UInt32, _ buckets: UnsafePointer<Double>?)
      -> [Int: Double]
    {
      var result: [Int: Double] = [:]
      var (index, at) = (0, 0)
      for i in 0..<Int(spanCount) {
        guard let spans, let buckets else { break }
        index += Int(spans[i].offset)
        for _ in 0..<spans[i].length {
          result[index] = buckets[at]
          index += 1
          at += 1
        }
      }
      return result
    }
    self.init(
      schema: view.schema, hint: view.reset_hint, zeroThreshold: view.zero_threshold, zeroCount: view.zero_count,
      count: view.count, sum: view.sum,
      positive: read(view.positive_spans, view.positive_span_count, view.positive_buckets),
      negative: read(view.negative_spans, view.negative_span_count, view.negative_buckets),
      custom: (0..<Int(view.custom_value_count)).map { view.custom_values[$0] })
  }

  /// Results in memory of exactly the given size, for the length of a call.
  static func withResults<Result>(
    _ number: Int, spans: Int, doubles: Int, _ body: (UnsafeMutablePointer<tsdb_histogram_result>) -> Result
  ) -> Result {
    let results = UnsafeMutablePointer<tsdb_histogram_result>.allocate(capacity: number)
    for i in 0..<number {
      var result = tsdb_histogram_result()
      result.spans = .allocate(capacity: spans)
      result.doubles = .allocate(capacity: doubles)
      result.rests = .allocate(capacity: doubles)
      result.span_capacity = spans
      result.double_capacity = doubles
      (results + i).initialize(to: result)
    }
    defer {
      for i in 0..<number {
        results[i].spans.deallocate()
        results[i].doubles.deallocate()
        results[i].rests.deallocate()
      }
      results.deallocate()
    }
    return body(results)
  }

  /// One operation on this histogram and perhaps another one; nil if it fails.
  func result(
    _ other: HistogramModel? = nil,
    _ operation: (inout tsdb_histogram_view, inout tsdb_histogram_view, UnsafeMutablePointer<tsdb_histogram_result>) ->
      tsdb_status
  ) -> HistogramModel? {
    withView { view in
      (other ?? HistogramModel()).withView { otherView in
        var (a, b) = (view, otherView)
        let spans = tsdb_histogram_spans_bound(&a, &b)
        let doubles = tsdb_histogram_doubles_bound(&a, &b)
        return Self.withResults(1, spans: spans, doubles: doubles) { out in
          operation(&a, &b, out) == TSDB_OK ? HistogramModel(out[0].value) : nil
        }
      }
    }
  }

  /// a + b or a - b, with what there is to tell.
  func adding(_ other: HistogramModel, subtracts: Bool = false) -> (HistogramModel?, UInt32) {
    var seen: UInt32 = 0
    let sum = result(other) { tsdb_histogram_add(&$0, &$1, subtracts, $2, &seen) }
    return (sum, seen)
  }

  /// Without empty buckets.
  var compacted: HistogramModel {
    var copy = self
    copy.positive = positive.filter { $0.value != 0 }
    copy.negative = negative.filter { $0.value != 0 }
    return copy
  }
}
