// Functions over ranges with histograms in them: window by window, as few series have histograms, and fewer have both kinds.
internal import TSModel

extension RangeKernel {
  /// Writes the row of a series with histograms. Windows without any have what C makes of the floats.
  func evaluateMixed(
    _ samples: borrowing SampleColumns, _ labels: LabelBytes, into batch: VectorBatch, row: Int,
    _ scratch: inout KernelScratch
  ) throws {
    if samples.floats.count > 0 { try evaluateFloats(samples, labels, into: batch, row: row, &scratch) }
    let name = labelText(labels, LabelNames.name)
    let stepCount = window.isFixed && parameters.isEmpty ? 1 : batch.stepCount
    for step in 0..<stepCount {
      try checkTask()
      let endMs = window.grid.timeMs(window.isFixed ? 0 : step)
      var found = MixedWindow(
        kernel: self, startMs: endMs &- window.rangeMs, endMs: endMs, metricName: name, pool: batch.pool)
      found.find(samples)
      guard !found.histograms.isEmpty else { continue }
      switch found.evaluate(samples, floatResult: unsafe batch.floats(row)[step]) {
      case .float(let value):
        batch.clear(row, step)
        unsafe batch.floats(row)[step] = value
      case .histogram(let index): batch.setHistogram(row, step, index)
      case .dropped, .none: batch.clear(row, step)
      }
    }
    guard stepCount < batch.stepCount else { return }
    let index = batch.histogram(row, 0)
    for step in 1..<batch.stepCount {
      if index >= 0 {
        batch.setHistogram(row, step, index)
      } else {
        unsafe batch.floats(row)[step] = batch.floats(row)[0]
      }
    }
  }
}

/// One window with histograms in it.
struct MixedWindow {
  let kernel: RangeKernel
  let startMs: Int64
  let endMs: Int64
  let metricName: String
  /// Where results go.
  let pool: HistogramPool
  var histograms = 0..<0
  var floats = 0..<0

  /// One sample of either kind.
  struct Sample {
    var timeMs: Int64
    var startMs: Int64
    var float: Double
    /// -1 of a float.
    var histogram: Int32
  }

  /// Finds the samples in the window, with those around it where these matter.
  mutating func find(_ samples: borrowing SampleColumns) {
    let window = kernel.window
    let first = window.boundaries == .standard ? startMs : startMs &- window.lookbackMs
    let last = window.boundaries == .smoothed ? endMs &+ window.lookbackMs : endMs
    histograms = samples.histogramRange(after: first, upTo: last)
    floats = samples.floatRange(after: first, upTo: last)
  }

  func note(_ kind: Annotations.Kind, _ text: String) { kernel.annotations.add(kind, text, at: kernel.site) }

  func warnOfMix() {
    note(.warning, "encountered a mix of histograms and floats for metric name \(quotedText(metricName))")
  }

  private func noteIgnored() {
    note(
      .info,
      "ignored histograms in a range containing both floats and histograms for metric name \(quotedText(metricName))")
  }

  /// The function's result. `floatResult` is what it is without the histograms.
  func evaluate(_ samples: borrowing SampleColumns, floatResult: Double) -> ElementResult {
    let fromFloats: ElementResult = floatResult.bitPattern == absentBits ? .none : .float(floatResult)
    switch kernel.function {
    case .rate, .increase, .delta:
      guard floats.isEmpty else {
        warnOfMix()
        return .none
      }
      return kernel.window.boundaries == .standard ? rate(samples) : extendedRate(samples)
    case .irate, .idelta: return instantRate(samples)
    case .resets, .changes: return count(samples)
    case .sumOverTime, .avgOverTime:
      guard floats.isEmpty else {
        warnOfMix()
        return .none
      }
      return kernel.function == .sumOverTime ? sum(samples) : average(samples)
    case .countOverTime: return .float(Double(histograms.count + floats.count))
    case .presentOverTime, .absentOverTime: return .float(1)
    case .firstOverTime, .lastOverTime, .tsOfFirstOverTime, .tsOfLastOverTime: return edge(samples)
    case .deriv, .predictLinear, .doubleExponentialSmoothing, .minOverTime, .maxOverTime, .stddevOverTime,
      .stdvarOverTime, .madOverTime, .modeOverTime, .quantileOverTime, .tsOfMinOverTime, .tsOfMaxOverTime:
      if !floats.isEmpty { noteIgnored() }
      return floats.isEmpty ? .none : fromFloats
    }
  }

  private func edge(_ samples: borrowing SampleColumns) -> ElementResult {
    let isFirst = kernel.function == .firstOverTime || kernel.function == .tsOfFirstOverTime
    let histogram = isFirst ? histograms.lowerBound : histograms.upperBound - 1
    let histogramMs = samples.histogramTimesMs[histogram]
    var floatMs: Int64?
    if !floats.isEmpty {
      floatMs = samples.floats.timestampsMs[isFirst ? floats.lowerBound : floats.upperBound - 1]
    }
    let takesFloat = floatMs.map { isFirst ? $0 < histogramMs : $0 > histogramMs } ?? false
    if kernel.function == .tsOfFirstOverTime || kernel.function == .tsOfLastOverTime {
      return .float(Double(takesFloat ? floatMs ?? histogramMs : histogramMs) / 1000)
    }
    if takesFloat { return .float(samples.floats.values[isFirst ? floats.lowerBound : floats.upperBound - 1]) }
    return .histogram(pool.append(samples.histogramIndices[histogram], of: samples.pool))
  }

  // MARK: Counting

  private func count(_ samples: borrowing SampleColumns) -> ElementResult {
    let all = merged(samples)
    var first = 0
    if kernel.window.boundaries == .anchored {
      // The newest sample at or before the start is what the others are compared with.
      let before = all.lastIndex { $0.timeMs <= startMs }
      guard (before ?? -1) + 1 < all.count else { return .none }
      first = before ?? 0
    }
    var found = 0
    for (previous, current) in zip(all[first...], all[(first + 1)...]) where differs(previous, current, samples) {
      found += 1
    }
    return .float(Double(found))
  }

  private func differs(_ previous: Sample, _ current: Sample, _ samples: borrowing SampleColumns) -> Bool {
    let isReset = kernel.function == .resets
    if (previous.histogram < 0) != (current.histogram < 0) { return true }
    if isReset, startsAnew(previous, current) { return true }
    if current.histogram < 0 {
      return isReset
        ? current.float < previous.float
        : current.float != previous.float && !(current.float.isNaN && previous.float.isNaN)
    }
    return isReset
      ? HistogramMath.isReset(current.histogram, after: previous.histogram, samples.pool)
      : !HistogramMath.areEqual(current.histogram, samples.pool, previous.histogram, samples.pool)
  }

  /// Whether start times say that the counter began anew between two samples.
  func startsAnew(_ previous: Sample, _ current: Sample) -> Bool {
    guard kernel.usesStartTimestamps, kernel.function.readsStartTimestamps else { return false }
    let start = current.startMs
    guard start != 0, start < current.timeMs, start >= previous.timeMs else { return false }
    if start > previous.timeMs { return true }
    return previous.startMs <= previous.timeMs && previous.startMs != 0 && previous.startMs != previous.timeMs
  }

  /// All samples of the window by time.
  func merged(_ samples: borrowing SampleColumns) -> [Sample] {
    var result: [Sample] = []
    result.reserveCapacity(floats.count + histograms.count)
    for index in floats {
      result.append(
        Sample(
          timeMs: samples.floats.timestampsMs[index], startMs: samples.floats.startTimestampsMs[index],
          float: samples.floats.values[index], histogram: -1))
    }
    for index in histograms { result.append(histogram(samples, index)) }
    return result.sorted { $0.timeMs < $1.timeMs }
  }

  func histogram(_ samples: borrowing SampleColumns, _ index: Int) -> Sample {
    Sample(
      timeMs: samples.histogramTimesMs[index], startMs: samples.histogramStartTimesMs[index], float: 0,
      histogram: samples.histogramIndices[index])
  }
}
