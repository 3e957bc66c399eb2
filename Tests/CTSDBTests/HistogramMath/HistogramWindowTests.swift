import CTSDB
import TestSupport
import Testing

@Suite struct HistogramWindowTests {
  /// Samples of one shape, columns as a decoded chunk has them.
  private struct Series {
    var times: [Int64] = []
    var starts: [Int64] = []
    var hints: [UInt8] = []
    var zeroCounts: [Double] = []
    var counts: [Double] = []
    var sums: [Double] = []
    var rows: [[Double]] = []

    func withSamples<Result>(_ body: (tsdb_histogram_samples) -> Result) -> Result {
      let width = rows.first?.count ?? 0
      let buckets = rows.flatMap { $0 }
      let shapeIndexes = [UInt32](repeating: 0, count: times.count)
      let offsets = times.indices.map { UInt64($0 * width) }
      let spans = [tsdb_histogram_span(offset: 0, length: UInt32(width))]
      return spans.withUnsafeBufferPointer { spans in
        let shape = tsdb_histogram_shape(
          schema: 0, zero_threshold: 0.001, positive_spans: spans.baseAddress, negative_spans: nil, custom_values: nil,
          positive_span_count: 1, negative_span_count: 0, positive_bucket_count: UInt32(width),
          negative_bucket_count: 0, custom_value_count: 0)
        return withUnsafePointer(to: shape) { shape in
          times.withUnsafeBufferPointer { times in
            starts.withUnsafeBufferPointer { starts in
              hints.withUnsafeBufferPointer { hints in
                zeroCounts.withUnsafeBufferPointer { zeroCounts in
                  counts.withUnsafeBufferPointer { counts in
                    sums.withUnsafeBufferPointer { sums in
                      buckets.withUnsafeBufferPointer { buckets in
                        shapeIndexes.withUnsafeBufferPointer { shapeIndexes in
                          offsets.withUnsafeBufferPointer { offsets in
                            body(
                              tsdb_histogram_samples(
                                timestamps_ms: times.baseAddress,
                                start_timestamps_ms: starts.isEmpty ? nil : starts.baseAddress,
                                shape_indexes: shapeIndexes.baseAddress, bucket_offsets: offsets.baseAddress,
                                reset_hints: hints.baseAddress, zero_counts: zeroCounts.baseAddress,
                                counts: counts.baseAddress, sums: sums.baseAddress, count: times.count, shapes: shape,
                                shape_count: 1, buckets: buckets.baseAddress, bucket_count: buckets.count))
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }

    /// One function over all samples.
    func call(
      _ body: (
        inout tsdb_histogram_samples, tsdb_window, UnsafeMutablePointer<tsdb_histogram_result>, inout Int32,
        inout UInt32
      ) ->
        tsdb_status
    ) -> (HistogramModel?, UInt32) {
      withSamples { samples in
        var samples = samples
        var (spans, doubles) = (0, 0)
        #expect(tsdb_histogram_samples_bound(&samples, &spans, &doubles) == TSDB_OK)
        return HistogramModel.withResults(3, spans: spans, doubles: doubles) { results in
          var (at, seen) = (Int32(-1), UInt32(0))
          let window = tsdb_window(begin: 0, end: UInt32(samples.count))
          #expect(body(&samples, window, results, &at, &seen) == TSDB_OK)
          return (at < 0 ? nil : HistogramModel(results[Int(at)].value), seen)
        }
      }
    }
  }

  /// A counter of two buckets and a zero bucket that grows and starts anew.
  private static func counter(_ random: inout SplitMix64, count: Int) -> Series {
    var series = Series()
    var (time, zero, row) = (Int64(1_000_000), 0.0, [0.0, 0.0])
    for _ in 0..<count {
      time += 15_000
      if random.below(10) == 0 { (zero, row) = (0, [0, 0]) }
      zero += Double(random.below(3))
      row = row.map { $0 + Double(random.below(9)) }
      series.times.append(time)
      series.hints.append(UInt8(TSDB_HISTOGRAM_RESET_UNKNOWN))
      series.zeroCounts.append(zero)
      series.rows.append(row)
      series.counts.append(zero + row[0] + row[1])
      series.sums.append(row[0] * 0.75 + row[1] * 1.5)
    }
    return series
  }

  /// Each number of a histogram is a counter that starts anew where the histogram does.
  @Test func ratesAreThoseOfTheirNumbers() {
    var random = SplitMix64(seed: 41)
    for _ in 0..<300 {
      let count = 2 + random.below(30)
      let series = Self.counter(&random, count: count)
      guard let last = series.times.last else { continue }
      let end = last + Int64(random.below(20_000))
      let range = end - series.times[0] + 1 + Int64(random.below(20_000))
      var resets: [Int] = []
      for i in 1..<count {
        let isSmaller = series.counts[i] < series.counts[i - 1] || series.zeroCounts[i] < series.zeroCounts[i - 1]
        let isBucketSmaller = series.rows[i][0] < series.rows[i - 1][0] || series.rows[i][1] < series.rows[i - 1][1]
        if isSmaller || isBucketSmaller { resets.append(i) }
      }
      func increase(_ values: [Double]) -> Double {
        var sum = values[count - 1] - (resets.first == 1 ? 0 : values[0])
        for reset in resets where reset != 1 { sum += values[reset - 1] }
        return sum
      }
      let sampled = Double(last - series.times[0]) / 1000
      var toStart = Double(series.times[0] - (end - range)) / 1000
      var toEnd = Double(end - last) / 1000
      let gap = sampled / Double(count - 1)
      if toStart >= gap * 1.1 { toStart = gap / 2 }
      if increase(series.counts) > 0 { toStart = min(toStart, sampled * (series.counts[0] / increase(series.counts))) }
      if toEnd >= gap * 1.1 { toEnd = gap / 2 }
      let factor = (sampled + toStart + toEnd) / sampled
      let (result, seen) = series.call {
        tsdb_histogram_window_rate(&$0, $1, end, range, TSDB_INCREASE, $2, &$3, &$4)
      }
      #expect(seen == 0 && result?.hint == UInt8(TSDB_HISTOGRAM_GAUGE))
      func isNear(_ value: Double?, _ expected: Double) -> Bool {
        abs((value ?? .nan) - expected) <= 1e-9 * max(1, abs(expected))
      }
      #expect(isNear(result?.count, increase(series.counts) * factor))
      #expect(isNear(result?.sum, increase(series.sums) * factor))
      #expect(isNear(result?.zeroCount, increase(series.zeroCounts) * factor))
      for bucket in 0..<2 {
        #expect(isNear(result?.positive[bucket] ?? 0, increase(series.rows.map { $0[bucket] }) * factor))
      }
      var found: UInt32 = 0
      series.withSamples { samples in
        var samples = samples
        #expect(
          tsdb_histogram_window_resets(&samples, tsdb_window(begin: 0, end: UInt32(count)), &found) == TSDB_OK)
      }
      #expect(Int(found) == resets.count)
    }
  }

  @Test func gaugesAndCountersAreTold() {
    var random = SplitMix64(seed: 42)
    var series = Self.counter(&random, count: 5)
    let told = { (kind: tsdb_rate_kind, series: Series) in
      series.call { tsdb_histogram_window_rate(&$0, $1, 1_100_000, 200_000, kind, $2, &$3, &$4) }.1
    }
    #expect(told(TSDB_DELTA, series) == UInt32(TSDB_HISTOGRAM_SEEN_NOT_GAUGE))
    series.hints = .init(repeating: UInt8(TSDB_HISTOGRAM_GAUGE), count: 5)
    #expect(told(TSDB_DELTA, series) == 0)
    #expect(told(TSDB_RATE, series) == UInt32(TSDB_HISTOGRAM_SEEN_NOT_COUNTER))
  }

  @Test func sumsAndAveragesAreThoseOfTheirNumbersEvenWhereSumsOverflow() {
    var random = SplitMix64(seed: 43)
    var series = Self.counter(&random, count: 20)
    let (sum, _) = series.call { tsdb_histogram_window_sum(&$0, $1, false, $2, &$3, &$4) }
    #expect(sum?.count == series.counts.reduce(0, +) && sum?.positive[1] == series.rows.map { $0[1] }.reduce(0, +))
    let (average, _) = series.call { tsdb_histogram_window_sum(&$0, $1, true, $2, &$3, &$4) }
    #expect(average?.count == series.counts.reduce(0, +) / 20)
    series.sums = .init(repeating: 1.5e308, count: 20)
    let (large, _) = series.call { tsdb_histogram_window_sum(&$0, $1, true, $2, &$3, &$4) }
    #expect(abs((large?.sum ?? 0) / 1.5e308 - 1) < 1e-12)
    series.hints[3] = UInt8(TSDB_HISTOGRAM_RESET)
    series.hints[7] = UInt8(TSDB_HISTOGRAM_RESET_NOT)
    let (_, seen) = series.call { tsdb_histogram_window_sum(&$0, $1, false, $2, &$3, &$4) }
    #expect(seen == UInt32(TSDB_HISTOGRAM_SEEN_RESET_COLLISION))
  }
}
