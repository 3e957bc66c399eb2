// A function over the samples of a range at each step: C works on floats; series with histograms go step by step.
internal import CTSDB
internal import TSModel

/// Rows of functions over ranges.
struct RangeKernel: RowKernel {
  let function: RangeFunction
  let window: SelectorWindow
  /// Scalar arguments: a number a step each.
  let parameters: [[Double]]
  /// The steps of the result, before any offset.
  let grid: StepGrid
  let site: QuerySite
  let annotations: Annotations
  let usesStartTimestamps: Bool
  let checksTypeLabel: Bool
  /// What is looked at instead of the samples.
  let change: Change?

  /// Changes from one sample of a window to the next, and what of them is wanted. Histograms play no part.
  struct Change: Sendable {
    let kind: tsdb_change
    let statistic: tsdb_change_statistic

    init(_ kind: tsdb_change, _ statistic: tsdb_change_statistic) { (self.kind, self.statistic) = (kind, statistic) }
  }

  var wantsStaleMarkers: Bool { false }

  func evaluate(
    _ samples: borrowing SampleColumns, _ labels: LabelBytes, into batch: VectorBatch, row: Int,
    _ scratch: inout KernelScratch
  ) throws {
    if samples.histogramCount > 0, change == nil {
      try evaluateMixed(samples, labels, into: batch, row: row, &scratch)
    } else if samples.floats.count > 0 {
      try evaluateFloats(samples, labels, into: batch, row: row, &scratch)
    }
    if function == .rate || function == .increase { checkCounter(labels, batch, row, &scratch) }
  }

  func count(_ samples: borrowing SampleColumns, _ batch: VectorBatch, row: Int, into tally: inout SampleTally) {
    tally.add(samples, in: window)
  }

  func evaluateFloats(
    _ samples: borrowing SampleColumns, _ labels: LabelBytes, into batch: VectorBatch, row: Int,
    _ scratch: inout KernelScratch
  ) throws {
    // At one fixed time all steps are alike, but for arguments that differ and for what depends on the evaluation time.
    let isRepeated = window.isFixed
    let depends = function == .predictLinear || !parameters.isEmpty
    let grid = isRepeated && depends ? window.standing : window.grid
    let count = grid.count
    let values = unsafe batch.floats(row)
    let seen = unsafe try floats(samples, grid, &scratch, unsafe UnsafeMutableBufferPointer(rebasing: values[..<count]))
    if seen & UInt32(TSDB_SEEN_START_OVERLAP) != 0 {
      annotations.addStartTimeOverlap(metricName: labelText(labels, LabelNames.name), at: site)
    }
    if count < values.count {
      let value = unsafe values[0]
      unsafe values.update(repeating: value)
    }
    if function == .quantileOverTime { unsafe warnOfQuantiles(values) }
  }

  /// Fills `row` by C. Returns what the kernel saw.
  private func floats(
    _ samples: borrowing SampleColumns, _ grid: StepGrid, _ scratch: inout KernelScratch,
    _ row: UnsafeMutableBufferPointer<Double>
  ) throws -> UInt32 {
    let usesStarts = usesStartTimestamps && function.readsStartTimestamps
    let count = samples.floats.count
    scratch.doubles.resize(to: count, 0)
    scratch.marks.resize(to: count, 0)
    let bounds = window.boundaries == .standard && !window.isFixed
    if bounds { try scratch.findWindows(samples.floats, grid, window.rangeMs) }
    guard let stepsMax = pieceSteps(samples.floats, grid), stepsMax < grid.count else {
      try checkTask()
      return unsafe try self.floats(
        samples, grid, &scratch, row, 0..<grid.count, usesStarts: usesStarts, bounds: bounds)
    }
    var seen: UInt32 = 0
    for start in stride(from: 0, to: grid.count, by: stepsMax) {
      let steps = start..<min(grid.count, start + stepsMax)
      try checkTask()
      seen |= unsafe try self.floats(samples, grid, &scratch, row, steps, usesStarts: usesStarts, bounds: bounds)
    }
    return seen
  }

  /// Windows are computed so many samples at a time, some milliseconds' worth, so that a query can end in between.
  private static let windowSamplesMax = 1 << 21

  /// Most steps that are computed together; nil: all, unless the kernel passes over each window and windows are long.
  private func pieceSteps(_ floats: borrowing FloatColumns, _ grid: StepGrid) -> Int? {
    guard function.passesOverWindows || change != nil, floats.count > 1, grid.count > 1 else { return nil }
    let times = floats.timestampsMs
    let spanMs = max(1, Double(times[times.count - 1]) - Double(times[0]))
    let ofWindow = max(1, Double(times.count) * min(1, Double(window.rangeMs) / spanMs))
    return max(1, Int(Double(Self.windowSamplesMax) / ofWindow))
  }

  /// Fills the places of `steps` in `row`.
  private func floats(
    _ samples: borrowing SampleColumns, _ grid: StepGrid, _ scratch: inout KernelScratch,
    _ row: UnsafeMutableBufferPointer<Double>, _ steps: Range<Int>, usesStarts: Bool, bounds: Bool
  ) throws -> UInt32 {
    var seen: UInt32 = 0
    let part = grid.part(steps)
    var badStep = part.count
    let evaluation = self.grid.part(steps)
    let parameters = steps.count == grid.count ? parameters : parameters.map { Array($0[steps]) }
    let place = unsafe row.baseAddress.map { unsafe $0 + steps.lowerBound }
    let status = unsafe withColumns(samples.floats, startTimes: usesStarts) { columns in
      unsafe scratch.bounds.withUnsafeBufferPointer { found in
        unsafe scratch.marks.withUnsafeMutableBufferPointer { marks in
          unsafe scratch.doubles.withUnsafeMutableBufferPointer { doubles in
            var windows = unsafe tsdb_windows(
              grid: tsdb_step_grid(first_ms: part.startMs, step_ms: part.stepMs, count: part.count),
              range_ms: window.rangeMs,
              bounds: bounds ? found.baseAddress.map { unsafe $0 + steps.lowerBound } : nil)
            return unsafe run(
              columns, &windows, evaluation, parameters, KernelBuffers(marks: marks, doubles: doubles, row: place),
              &seen,
              &badStep)
          }
        }
      }
    }
    if status == TSDB_ERR_ARGUMENT, function == .doubleExponentialSmoothing, badStep < part.count {
      try refuseFactors(steps.lowerBound + badStep)
    }
    try check(status, "compute \(function.rawValue) of a series")
    return seen
  }

  private func run(
    _ columns: UnsafePointer<tsdb_float_columns>, _ windows: UnsafePointer<tsdb_windows>, _ evaluation: StepGrid,
    _ parameters: [[Double]], _ buffers: KernelBuffers, _ seen: inout UInt32, _ badStep: inout Int
  ) -> tsdb_status {
    let row = unsafe buffers.row
    if let change { return unsafe tsdb_window_adjacent(columns, windows, change.kind, change.statistic, row) }
    switch function {
    case .rate, .increase, .delta:
      let kind = function == .rate ? TSDB_RATE : function == .increase ? TSDB_INCREASE : TSDB_DELTA
      if window.boundaries != .standard {
        return unsafe tsdb_window_extended_rate(
          columns, windows, window.lookbackMs, window.boundaries == .smoothed, kind, row)
      }
      return unsafe tsdb_window_rate(
        columns, windows, kind, buffers.marks.baseAddress, buffers.marks.count, row, &seen)
    case .irate, .idelta: return unsafe tsdb_window_instant_rate(columns, windows, function == .irate, row)
    case .resets, .changes:
      let call = unsafe function == .resets ? tsdb_window_resets : tsdb_window_changes
      return unsafe call(
        columns, windows, window.boundaries == .anchored, window.lookbackMs, buffers.marks.baseAddress,
        buffers.marks.count, row)
    case .quantileOverTime:
      return unsafe tsdb_window_quantile(
        columns, windows, parameters[0], buffers.doubles.baseAddress, buffers.doubles.count, row)
    case .predictLinear:
      return unsafe withGrid(evaluation) { steps in
        unsafe tsdb_window_predict_linear(columns, windows, steps, parameters[0], row)
      }
    case .doubleExponentialSmoothing:
      return unsafe tsdb_window_smooth(columns, windows, parameters[0], parameters[1], row, &badStep)
    default:
      guard let kind = function.overTime else { return TSDB_ERR_ARGUMENT }
      return unsafe tsdb_window_over_time(
        kind, columns, windows, buffers.doubles.baseAddress, buffers.doubles.count, row)
    }
  }

  private func refuseFactors(_ step: Int) throws {
    for (index, name) in ["smoothing", "trend"].enumerated() {
      let factor = parameters[index][step]
      guard !(factor > 0 && factor < 1) else { continue }
      throw QueryError.execution(
        "invalid \(name) factor. Expected: 0 < \(index == 0 ? "sf" : "tf") < 1, got: \(sixDecimalsText(factor))")
    }
  }

  /// Warns of quantiles that are none, at steps that have a result.
  func warnOfQuantiles(_ values: UnsafeMutableBufferPointer<Double>) {
    for (step, quantile) in parameters[0].enumerated() where !(quantile >= 0 && quantile <= 1) {
      guard unsafe values[step].bitPattern != absentBits else { continue }
      annotations.add(.warning, "quantile value should be between 0 and 1, got \(goText(quantile))", at: site)
    }
  }

  /// Says so where a metric does not look like a counter.
  private func checkCounter(_ labels: LabelBytes, _ batch: VectorBatch, _ row: Int, _ scratch: inout KernelScratch) {
    let name = labelValue(labels, LabelNames.name)
    if !checksTypeLabel {
      guard name[...] != scratch.counterName[...] else { return }
      if Self.suffixesOfCounters.contains(where: { name.suffix($0.count) == $0[...] }) {
        scratch.counterName = Array(name)
        return
      }
    }
    guard !name.isEmpty, unsafe batch.floats(row).contains(where: { $0.bitPattern != absentBits }) else { return }
    let text = quotedText(String(decoding: name, as: UTF8.self))
    guard checksTypeLabel else {
      annotations.add(
        .info, "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \(text)", at: site)
      return
    }
    let type = labelText(labels, LabelNames.metadata[1])
    guard type != "counter", type != "histogram" else { return }
    annotations.add(
      .info,
      "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got "
        + "\(quotedText(type)): \(text)", at: site)
  }

  private static let suffixesOfCounters = ["_total", "_sum", "_count", "_bucket"].map { Array($0.utf8) }
}

/// Memory that a kernel works in.
@unsafe struct KernelBuffers {
  var marks: UnsafeMutableBufferPointer<UInt32>
  var doubles: UnsafeMutableBufferPointer<Double>
  var row: UnsafeMutablePointer<Double>?
}

extension RangeFunction {
  /// Whether its time grows with the samples of all windows together.
  var passesOverWindows: Bool {
    switch self {
    case .rate, .increase, .delta, .irate, .idelta, .resets, .changes, .countOverTime, .firstOverTime, .lastOverTime,
      .presentOverTime, .absentOverTime, .tsOfFirstOverTime, .tsOfLastOverTime, .minOverTime, .maxOverTime:
      false
    default: true
    }
  }

  /// C's name of a function that needs nothing but its window.
  var overTime: tsdb_over_time? {
    switch self {
    case .sumOverTime: TSDB_SUM_OVER_TIME
    case .avgOverTime: TSDB_AVG_OVER_TIME
    case .countOverTime: TSDB_COUNT_OVER_TIME
    case .minOverTime: TSDB_MIN_OVER_TIME
    case .maxOverTime: TSDB_MAX_OVER_TIME
    case .firstOverTime: TSDB_FIRST_OVER_TIME
    case .lastOverTime: TSDB_LAST_OVER_TIME
    case .presentOverTime, .absentOverTime: TSDB_PRESENT_OVER_TIME
    case .stddevOverTime: TSDB_STDDEV_OVER_TIME
    case .stdvarOverTime: TSDB_STDVAR_OVER_TIME
    case .madOverTime: TSDB_MAD_OVER_TIME
    case .modeOverTime: TSDB_MODE_OVER_TIME
    case .tsOfFirstOverTime: TSDB_TS_OF_FIRST_OVER_TIME
    case .tsOfLastOverTime: TSDB_TS_OF_LAST_OVER_TIME
    case .tsOfMinOverTime: TSDB_TS_OF_MIN_OVER_TIME
    case .tsOfMaxOverTime: TSDB_TS_OF_MAX_OVER_TIME
    case .deriv: TSDB_DERIV
    default: nil
    }
  }
}
