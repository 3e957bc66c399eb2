// Sums and means of the histograms of a window.
internal import TSModel

extension MixedWindow {
  private struct Hints {
    var sawReset = false
    var sawNoReset = false
    var sawReconciled = false

    mutating func see(_ hint: Histogram.ResetHint) {
      if hint == .reset { sawReset = true }
      if hint == .notReset { sawNoReset = true }
    }
  }

  private func tell(_ hints: Hints) {
    if hints.sawReset, hints.sawNoReset {
      note(.warning, "conflicting counter resets during histogram aggregation")
    }
    if hints.sawReconciled { note(.info, "mismatched custom buckets were reconciled during aggregation") }
  }

  func warnOfMixedSchemas() {
    note(
      .warning,
      "vector contains a mix of histograms with exponential and custom buckets schemas for metric name "
        + quotedText(metricName))
  }

  func sum(_ samples: borrowing SampleColumns) -> ElementResult {
    let work = HistogramPool()
    var hints = Hints()
    var sum = CompensatedHistogram(value: -1, compensation: -1, isReconciled: false)
    for index in histograms {
      let histogram = samples.histogramIndices[index]
      hints.see(samples.pool.headers[Int(histogram)].resetHint)
      guard sum.value >= 0 else {
        sum.value = work.append(histogram, of: samples.pool)
        continue
      }
      guard
        let next = HistogramMath.compensatedSum(sum.value, sum.compensation, work, adding: histogram, samples.pool)
      else {
        warnOfMixedSchemas()
        return .none
      }
      if next.isReconciled { hints.sawReconciled = true }
      sum = next
    }
    tell(hints)
    return finish(sum.value, sum.compensation, work)
  }

  /// The sum with its compensation, in the pool of results.
  private func finish(_ value: Int32, _ compensation: Int32, _ work: HistogramPool) -> ElementResult {
    guard compensation >= 0 else { return .histogram(pool.append(value, of: work)) }
    let sum = HistogramMath.combined(value, work, compensation, work, subtracts: false, compacts: false, into: pool)
    return sum.map { .histogram($0.index) } ?? .none
  }

  func average(_ samples: borrowing SampleColumns) -> ElementResult {
    let work = HistogramPool()
    var hints = Hints()
    var sum = CompensatedHistogram(value: -1, compensation: -1, isReconciled: false)
    var (count, isIncremental) = (0.0, false)
    func scaled(_ index: Int32, _ source: HistogramPool, _ factor: Double) -> Int32 {
      HistogramMath.scaled(index, source, by: factor, compacts: false, into: work)
    }
    func divided(_ index: Int32, _ source: HistogramPool, _ divisor: Double) -> Int32 {
      HistogramMath.divided(index, source, by: divisor, compacts: false, into: work)
    }
    for index in histograms {
      let histogram = samples.histogramIndices[index]
      hints.see(samples.pool.headers[Int(histogram)].resetHint)
      count += 1
      guard sum.value >= 0 else {
        sum.value = work.append(histogram, of: samples.pool)
        continue
      }
      var next: CompensatedHistogram?
      if !isIncremental {
        next = HistogramMath.compensatedSum(sum.value, sum.compensation, work, adding: histogram, samples.pool)
        if let found = next, HistogramMath.overflows(found.value, work) {
          if found.isReconciled { hints.sawReconciled = true }
          isIncremental = true
          sum.value = divided(sum.value, work, count - 1)
          if sum.compensation >= 0 { sum.compensation = divided(sum.compensation, work, count - 1) }
        }
      }
      if isIncremental {
        let share = (count - 1) / count
        let rest = sum.compensation >= 0 ? scaled(sum.compensation, work, share) : -1
        let added = divided(histogram, samples.pool, count)
        next = HistogramMath.compensatedSum(scaled(sum.value, work, share), rest, work, adding: added, work)
      }
      guard let next else {
        warnOfMixedSchemas()
        return .none
      }
      if next.isReconciled { hints.sawReconciled = true }
      sum = next
    }
    tell(hints)
    if !isIncremental {
      sum.value = divided(sum.value, work, count)
      if sum.compensation >= 0 { sum.compensation = divided(sum.compensation, work, count) }
    }
    return finish(sum.value, sum.compensation, work)
  }
}
