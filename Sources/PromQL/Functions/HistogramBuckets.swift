// The buckets of a histogram, one by one and as text.
internal import CTSDB
internal import TSModel

extension HistogramMath {
  /// The buckets that are not empty, ascending.
  static func buckets(_ index: Int32, _ pool: HistogramPool) -> [tsdb_histogram_bucket] {
    unsafe pool.withView(index) { pointer in
      let view = unsafe pointer.assumingMemoryBound(to: tsdb_histogram_view.self)
      var (walk, bucket) = (tsdb_histogram_walk(), tsdb_histogram_bucket())
      var found: [tsdb_histogram_bucket] = []
      unsafe tsdb_histogram_walk_start(view, false, &walk)
      while unsafe tsdb_histogram_walk_next(view, &walk, &bucket) {
        if bucket.count != 0 { found.append(bucket) }
      }
      return found
    }
  }
}

/// A histogram as Prometheus prints it: `{count:3, sum:2.5, [-0.001,0.001]:1, (1,2]:2}`.
func histogramText(_ index: Int32, _ pool: HistogramPool) -> String {
  let header = pool.headers[Int(index)]
  var text = "{count:\(goText(header.count)), sum:\(goText(header.sum))"
  // Among the buckets is that of zero only where its count is positive, but it is printed unless it is 0.
  var zeroBucket = ""
  if header.zeroCount != 0, !(header.zeroCount > 0) {
    zeroBucket = ", [\(goText(-header.zeroThreshold)),\(goText(header.zeroThreshold))]:\(goText(header.zeroCount))"
  }
  for bucket in HistogramMath.buckets(index, pool) {
    if bucket.lower >= 0 {
      text += zeroBucket
      zeroBucket = ""
    }
    text += ", \(bucket.is_lower_inclusive ? "[" : "(")\(goText(bucket.lower)),\(goText(bucket.upper))"
    text += "\(bucket.is_upper_inclusive ? "]" : ")"):\(goText(bucket.count))"
  }
  return text + zeroBucket + "}"
}
