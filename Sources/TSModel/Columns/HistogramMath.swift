// Arithmetic on native histograms, by the C core: histograms of pools in, new histograms of a pool out.
internal import CTSDB

/// What two histograms make together.
package struct CombinedHistogram {
  /// In the pool of results.
  package var index: Int32
  /// One says that counters started anew, the other that they did not.
  package var collides: Bool
  /// Their custom bounds differed and were brought together.
  package var isReconciled: Bool
}

/// A sum with what it has lost to rounding: a histogram with the same buckets, or -1 where there is nothing yet.
package struct CompensatedHistogram {
  package var value: Int32
  package var compensation: Int32
  package var isReconciled: Bool

  /// A sum with everything said by the caller.
  package init(value: Int32, compensation: Int32, isReconciled: Bool) {
    self.value = value
    self.compensation = compensation
    self.isReconciled = isReconciled
  }
}

/// Operations on histograms. Indices are those of the pools beside them; -1 stands for a result that cannot be.
package enum HistogramMath {
  /// What an estimate has to say.
  package enum Note {
    case none, resultIsNaN, isSkewed
  }

  // MARK: New histograms

  /// All counts and the sum multiplied.
  package static func scaled(
    _ index: Int32, _ source: HistogramPool, by factor: Double, compacts: Bool = true, into pool: HistogramPool
  ) -> Int32 {
    unsafe changed(index, source, compacts, into: pool) { unsafe tsdb_histogram_multiply($0, factor) }
  }

  /// All counts and the sum divided.
  package static func divided(
    _ index: Int32, _ source: HistogramPool, by divisor: Double, compacts: Bool = true, into pool: HistogramPool
  ) -> Int32 {
    unsafe changed(index, source, compacts, into: pool) { unsafe tsdb_histogram_divide($0, divisor) }
  }

  private static func changed(
    _ index: Int32, _ source: HistogramPool, _ compacts: Bool, into pool: HistogramPool,
    _ change: (UnsafeMutablePointer<tsdb_histogram_result>) -> Void
  ) -> Int32 {
    unsafe withView(index, source) { view in
      unsafe withResult(view, nil) { result in
        guard unsafe tsdb_histogram_copy(view, result) == TSDB_OK else { return -1 }
        unsafe change(result)
        return unsafe compacts ? compacted(&result.pointee.value, into: pool) : append(result.pointee.value, to: pool)
      }
    }
  }

  /// Only what is below (`upper`) or above a bound.
  package static func trimmed(
    _ index: Int32, _ source: HistogramPool, upper: Bool, at bound: Double, into pool: HistogramPool
  ) -> Int32 {
    unsafe withView(index, source) { view in
      unsafe withResult(view, nil) { result in
        guard unsafe tsdb_histogram_trim(view, bound, upper, result) == TSDB_OK else { return -1 }
        return unsafe append(result.pointee.value, to: pool)
      }
    }
  }

  /// Without empty buckets.
  package static func compacted(_ index: Int32, _ source: HistogramPool, into pool: HistogramPool) -> Int32 {
    unsafe withView(index, source) { view in unsafe compacted(view, into: pool) }
  }

  private static func compacted(_ view: UnsafePointer<tsdb_histogram_view>, into pool: HistogramPool) -> Int32 {
    unsafe withResult(view, nil) { result in
      guard unsafe tsdb_histogram_compact(view, 0, result) == TSDB_OK else { return -1 }
      return unsafe append(result.pointee.value, to: pool)
    }
  }

  /// At a coarser schema.
  package static func reduced(
    _ index: Int32, _ source: HistogramPool, toSchema schema: Int32, into pool: HistogramPool
  ) -> Int32 {
    unsafe withView(index, source) { view in
      unsafe withResult(view, nil) { result in
        guard unsafe tsdb_histogram_copy_to_schema(view, schema, result) == TSDB_OK else { return -1 }
        return unsafe append(result.pointee.value, to: pool)
      }
    }
  }

  /// Of the same schema and bounds, without observations.
  package static func empty(like index: Int32, _ source: HistogramPool, into pool: HistogramPool) -> Int32 {
    let other = source.headers[Int(index)]
    var header = PooledHistogram()
    header.schema = other.schema
    header.spanStart = pool.append(spans: [], [])
    header.boundStart = pool.append(
      bounds: Array(source.bounds[other.boundStart..<other.boundStart + other.boundCount]))
    header.boundCount = other.boundCount
    return pool.append(header, buckets: [])
  }

  /// The sum or the difference of two; nil where their schemas do not go together.
  package static func combined(
    _ a: Int32, _ left: HistogramPool, _ b: Int32, _ right: HistogramPool, subtracts: Bool, compacts: Bool = true,
    into pool: HistogramPool
  ) -> CombinedHistogram? {
    unsafe withView(a, left) { a in
      unsafe withView(b, right) { b in
        unsafe withResult(a, b) { result in
          var seen: UInt32 = 0
          guard unsafe tsdb_histogram_add(a, b, subtracts, result, &seen) == TSDB_OK else { return nil }
          let index =
            unsafe compacts
            ? compacted(&result.pointee.value, into: pool) : append(result.pointee.value, to: pool)
          return CombinedHistogram(
            index: index, collides: seen & UInt32(TSDB_HISTOGRAM_SEEN_RESET_COLLISION) != 0,
            isReconciled: isReconciled(seen))
        }
      }
    }
  }

  private static func isReconciled(_ seen: UInt32) -> Bool {
    seen & UInt32(TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED | TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED_SUB) != 0
  }

  /// A compensated sum with one more histogram; nil where the schemas do not go together.
  package static func compensatedSum(
    _ sum: Int32, _ compensation: Int32, _ pool: HistogramPool, adding index: Int32, _ source: HistogramPool
  ) -> CompensatedHistogram? {
    unsafe withView(sum, pool) { sumView in
      unsafe withView(index, source) { added in
        unsafe withResult(sumView, nil) { before in
          unsafe withResult(sumView, added) { after in
            guard unsafe tsdb_histogram_copy(sumView, before) == TSDB_OK else { return nil }
            if compensation >= 0 { unsafe setRests(before, compensation, pool) }
            var seen: UInt32 = 0
            guard unsafe tsdb_histogram_kahan_add(before, added, after, &seen) == TSDB_OK else { return nil }
            let value = unsafe append(after.pointee.value, to: pool)
            return CompensatedHistogram(
              value: value, compensation: unsafe appendRests(after, like: value, to: pool),
              isReconciled: isReconciled(seen))
          }
        }
      }
    }
  }

  private static func setRests(
    _ result: UnsafeMutablePointer<tsdb_histogram_result>, _ compensation: Int32, _ pool: HistogramPool
  ) {
    let header = pool.headers[Int(compensation)]
    unsafe result.pointee.has_rests = true
    unsafe result.pointee.rest_zero_count = header.zeroCount
    unsafe result.pointee.rest_count = header.count
    unsafe result.pointee.rest_sum = header.sum
    guard let rests = unsafe result.pointee.rests else { return }
    for place in 0..<min(header.bucketCount, unsafe result.pointee.double_capacity) {
      unsafe rests[place] = pool.buckets[header.bucketStart + place]
    }
  }

  private static func appendRests(
    _ result: UnsafeMutablePointer<tsdb_histogram_result>, like value: Int32, to pool: HistogramPool
  ) -> Int32 {
    guard unsafe result.pointee.has_rests else { return -1 }
    var header = pool.headers[Int(value)]
    header.zeroCount = unsafe result.pointee.rest_zero_count
    header.count = unsafe result.pointee.rest_count
    header.sum = unsafe result.pointee.rest_sum
    let rests = unsafe UnsafeBufferPointer(start: result.pointee.rests, count: header.bucketCount)
    return unsafe pool.append(header, buckets: rests)
  }

  // MARK: Questions

  /// Whether a count, a bucket or the sum is infinite.
  package static func overflows(_ index: Int32, _ pool: HistogramPool) -> Bool {
    unsafe withView(index, pool) { unsafe tsdb_histogram_has_overflow($0) }
  }

  /// Whether both are the same but for what they say of resets.
  package static func areEqual(_ a: Int32, _ left: HistogramPool, _ b: Int32, _ right: HistogramPool) -> Bool {
    unsafe withView(a, left) { a in unsafe withView(b, right) { b in unsafe tsdb_histogram_equals(a, b) } }
  }

  /// Whether the counters started anew between two histograms.
  package static func isReset(_ index: Int32, after previous: Int32, _ pool: HistogramPool) -> Bool {
    unsafe withView(index, pool) { current in
      unsafe withView(previous, pool) { previous in unsafe tsdb_histogram_detect_reset(current, previous) }
    }
  }

  /// The variance of the observations, as the buckets tell it.
  package static func variance(_ index: Int32, _ pool: HistogramPool) -> Double {
    unsafe withView(index, pool) { unsafe tsdb_histogram_variance($0) }
  }

  /// The quantile of the observations.
  package static func quantile(_ quantile: Double, of index: Int32, _ pool: HistogramPool) -> (
    value: Double, note: Note
  ) {
    unsafe withView(index, pool) { view in
      var seen: UInt32 = 0
      let value = unsafe tsdb_histogram_quantile(view, quantile, &seen)
      if seen & UInt32(TSDB_HISTOGRAM_SEEN_NAN_RESULT) != 0 { return (value, .resultIsNaN) }
      return (value, seen & UInt32(TSDB_HISTOGRAM_SEEN_NAN_SKEW) != 0 ? .isSkewed : .none)
    }
  }

  /// The share of observations between two values.
  package static func fraction(
    from lower: Double, to upper: Double, of index: Int32, _ pool: HistogramPool
  ) -> (value: Double, hasNaNs: Bool) {
    unsafe withView(index, pool) { view in
      var seen: UInt32 = 0
      let value = unsafe tsdb_histogram_fraction(view, lower, upper, &seen)
      return (value, seen & UInt32(TSDB_HISTOGRAM_SEEN_NAN_SKEW) != 0)
    }
  }

  // MARK: C's memory

  /// Calls `body` with histogram `index` for C.
  private static func withView<Result>(
    _ index: Int32, _ pool: HistogramPool, _ body: (UnsafePointer<tsdb_histogram_view>) -> Result
  ) -> Result {
    unsafe pool.withView(index) { unsafe body($0.assumingMemoryBound(to: tsdb_histogram_view.self)) }
  }

  /// Calls `body` with room for the result of an operation on `a` and `b`.
  private static func withResult<Result>(
    _ a: UnsafePointer<tsdb_histogram_view>, _ b: UnsafePointer<tsdb_histogram_view>?,
    _ body: (UnsafeMutablePointer<tsdb_histogram_result>) -> Result
  ) -> Result {
    let spanCount = unsafe tsdb_histogram_spans_bound(a, b)
    let doubleCount = unsafe tsdb_histogram_doubles_bound(a, b)
    return unsafe withUnsafeTemporaryAllocation(of: tsdb_histogram_span.self, capacity: spanCount) { spans in
      unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * doubleCount) { doubles in
        var result = unsafe tsdb_histogram_result()
        unsafe result.spans = spans.baseAddress
        unsafe result.span_capacity = spanCount
        unsafe result.doubles = doubles.baseAddress
        unsafe result.rests = doubles.baseAddress.map { unsafe $0 + doubleCount }
        unsafe result.double_capacity = doubleCount
        return unsafe body(&result)
      }
    }
  }

  /// Copies a view into a pool.
  private static func append(_ view: tsdb_histogram_view, to pool: HistogramPool) -> Int32 {
    func spans(_ start: UnsafePointer<tsdb_histogram_span>?, _ count: UInt32) -> [Histogram.Span] {
      unsafe UnsafeBufferPointer(start: start, count: Int(count)).map {
        Histogram.Span(offset: $0.offset, length: $0.length)
      }
    }
    var header = PooledHistogram()
    header.schema = unsafe view.schema
    header.resetHint = unsafe Histogram.ResetHint(rawValue: view.reset_hint) ?? .unknown
    header.zeroThreshold = unsafe view.zero_threshold
    header.zeroCount = unsafe view.zero_count
    header.count = unsafe view.count
    header.sum = unsafe view.sum
    header.spanStart = unsafe pool.append(
      spans: spans(view.positive_spans, view.positive_span_count), spans(view.negative_spans, view.negative_span_count))
    header.positiveSpanCount = unsafe Int(view.positive_span_count)
    header.negativeSpanCount = unsafe Int(view.negative_span_count)
    header.positiveBucketCount = unsafe Int(view.positive_bucket_count)
    header.negativeBucketCount = unsafe Int(view.negative_bucket_count)
    header.boundStart = unsafe pool.append(
      bounds: Array(UnsafeBufferPointer(start: view.custom_values, count: Int(view.custom_value_count))))
    header.boundCount = unsafe Int(view.custom_value_count)
    let positive = unsafe UnsafeBufferPointer(start: view.positive_buckets, count: header.positiveBucketCount)
    let negative = unsafe UnsafeBufferPointer(start: view.negative_buckets, count: header.negativeBucketCount)
    return unsafe pool.append(header, buckets: Array(positive) + Array(negative))
  }
}

extension Histogram {
  /// This histogram with another one added or subtracted; nil where their schemas do not go together.
  package func combined(with other: Histogram, subtracts: Bool) -> Histogram? {
    let pool = HistogramPool()
    let (left, right) = (pool.append(self), pool.append(other))
    return HistogramMath.combined(left, pool, right, pool, subtracts: subtracts, compacts: false, into: pool)
      .map { pool.histogram($0.index) }
  }
}
