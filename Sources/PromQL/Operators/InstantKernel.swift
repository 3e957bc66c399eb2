// The newest sample of a series at each step.
internal import CTSDB
internal import TSModel

/// What an instant selector yields.
enum InstantYield: Sendable {
  /// The sample's value.
  case value
  /// The sample's own time, seconds.
  case time
  /// Since when the sample has been counting, seconds.
  case startTime
}

/// Rows of instant selectors.
struct InstantKernel: RowKernel {
  let window: SelectorWindow
  let yields: InstantYield
  /// Whether a histogram is an error: of info metrics.
  var refusesHistograms = false

  var wantsStaleMarkers: Bool { true }

  var newestAt: (timeMs: Int64, lookbackMs: Int64)? {
    guard yields == .value, !refusesHistograms, !window.isFixed, window.grid.count == 1 else { return nil }
    return (window.grid.startMs, window.lookbackMs)
  }

  func evaluate(
    _ samples: borrowing SampleColumns, _ labels: LabelBytes, into batch: VectorBatch, row: Int,
    _ scratch: inout KernelScratch
  ) throws {
    let count = window.grid.count
    if samples.histogramCount == 0, yields == .value, !window.isFixed {
      unsafe try select(samples, unsafe batch.floats(row), nil, nil)
      return
    }
    scratch.doubles.resize(to: count, absent)
    scratch.times.resize(to: count, 0)
    scratch.startTimes.resize(to: count, 0)
    try unsafe scratch.doubles.withUnsafeMutableBufferPointer { values in
      try unsafe scratch.times.withUnsafeMutableBufferPointer { times in
        try unsafe scratch.startTimes.withUnsafeMutableBufferPointer { starts in
          try unsafe select(samples, values, times.baseAddress, starts.baseAddress)
        }
      }
    }
    var newest = HistogramCursor()
    for step in 0..<batch.stepCount {
      let place = window.isFixed ? 0 : step
      let endMs = window.grid.timeMs(place)
      let floatMs = newestFloatMs(samples, scratch, place, endMs)
      if let found = newest.newest(samples, endMs, window.lookbackMs), found.timeMs > floatMs ?? .min {
        if refusesHistograms {
          throw QueryError.execution(
            "this should be an info metric, with float samples: \(labelSetText(labels))")
        }
        set(found, in: samples, batch, row, step)
      } else if floatMs != nil, scratch.doubles[place].bitPattern != absentBits {
        unsafe batch.floats(row)[step] =
          switch yields {
          case .value: scratch.doubles[place]
          case .time: Double(scratch.times[place]) / 1000
          case .startTime: Double(scratch.startTimes[place]) / 1000
          }
      }
    }
  }

  /// The time of the newest float, stale or not.
  private func newestFloatMs(
    _ samples: borrowing SampleColumns, _ scratch: KernelScratch, _ place: Int, _ endMs: Int64
  ) -> Int64? {
    if scratch.doubles[place].bitPattern != absentBits { return scratch.times[place] }
    guard samples.histogramCount > 0 else { return nil }
    // Absent: perhaps a stale marker, which hides an older histogram.
    let times = samples.floats.timestampsMs
    var (low, high) = (0, times.count)
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= endMs { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? times[low - 1] : nil
  }

  private func set(
    _ found: HistogramCursor.Found, in samples: borrowing SampleColumns, _ batch: VectorBatch, _ row: Int, _ step: Int
  ) {
    let index = samples.histogramIndices[found.index]
    guard samples.pool.headers[Int(index)].sum.bitPattern != absentBits else { return }
    switch yields {
    case .value: batch.setHistogram(row, step, batch.pool.append(index, of: samples.pool))
    case .time: unsafe batch.floats(row)[step] = Double(found.timeMs) / 1000
    case .startTime:
      unsafe batch.floats(row)[step] = Double(samples.histogramStartTimesMs[found.index]) / 1000
    }
  }

  private func select(
    _ samples: borrowing SampleColumns, _ row: UnsafeMutableBufferPointer<Double>,
    _ times: UnsafeMutablePointer<Int64>?, _ starts: UnsafeMutablePointer<Int64>?
  ) throws {
    let status = unsafe withColumns(samples.floats, startTimes: true) { columns in
      unsafe withGrid(window.grid) { grid in
        unsafe tsdb_select_instant(columns, grid, window.lookbackMs, row.baseAddress, times, starts)
      }
    }
    try check(status, "select samples of a series")
  }
}

/// A walk over the histograms of a series along with the steps.
struct HistogramCursor {
  struct Found {
    var index: Int
    var timeMs: Int64
  }

  private var next = 0

  /// The newest histogram in (end - lookback, end]. The ends of successive calls never fall.
  mutating func newest(_ samples: borrowing SampleColumns, _ endMs: Int64, _ lookbackMs: Int64) -> Found? {
    while next < samples.histogramCount, samples.histogramTimesMs[next] <= endMs { next += 1 }
    guard next > 0 else { return nil }
    let timeMs = samples.histogramTimesMs[next - 1]
    return timeMs > endMs &- lookbackMs ? Found(index: next - 1, timeMs: timeMs) : nil
  }
}

extension Array {
  /// Makes the array hold at least `count` elements.
  mutating func resize(to count: Int, _ value: Element) {
    if self.count < count { append(contentsOf: repeatElement(value, count: count - self.count)) }
  }
}

/// Calls `body` with the columns of floats for C.
func withColumns<Result>(
  _ floats: borrowing FloatColumns, startTimes: Bool, _ body: (UnsafePointer<tsdb_float_columns>) -> Result
) -> Result {
  unsafe floats.timestampsMs.withUnsafeBufferPointer { times in
    unsafe floats.values.withUnsafeBufferPointer { values in
      unsafe floats.startTimestampsMs.withUnsafeBufferPointer { starts in
        var columns = unsafe tsdb_float_columns(
          timestamps_ms: times.baseAddress, values: values.baseAddress,
          start_timestamps_ms: startTimes ? starts.baseAddress : nil, count: times.count)
        return unsafe body(&columns)
      }
    }
  }
}

/// Calls `body` with a grid for C.
func withGrid<Result>(_ grid: StepGrid, _ body: (UnsafePointer<tsdb_step_grid>) -> Result) -> Result {
  var steps = tsdb_step_grid(first_ms: grid.startMs, step_ms: grid.stepMs, count: grid.count)
  return unsafe body(&steps)
}

/// Throws what a kernel said.
func check(_ status: tsdb_status, _ what: String) throws {
  guard status != TSDB_OK else { return }
  throw QueryError(.internal, "\(what): \(unsafe String(cString: tsdb_status_text(status)))")
}
