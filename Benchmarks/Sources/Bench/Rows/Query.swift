// Rows of the query engine's kernels (see targets.tsv): windows over columns, aggregation of rows, JSON of results.
internal import CTSDB

let queryRows: [Row] = [
  Row(name: "rate_5m_own_windows", unit: "ns/sample") { rateOfDay(sharesWindows: false) },
  Row(name: "rate_5m_shared_windows", unit: "ns/sample") { rateOfDay(sharesWindows: true) },
  Row(name: "max_over_time_1h", unit: "ns/window sample") { maxOfHours() },
  Row(name: "sum_by_10k_series", unit: "ns/point") { sumBy() },
  Row(name: "json_rate", unit: "ns/point") { jsonOfRows(.rates) },
  Row(name: "json_int", unit: "ns/point") { jsonOfRows(.integers) },
  Row(name: "json_mixed", unit: "ns/point") { jsonOfRows(.mixed) },
]

/// Series of one day, scraped every 15 s at the same times.
private final class Day {
  static let sampleCount = 5760
  static let startMs: Int64 = 1_767_225_600_000
  let seriesCount = benchSize.pick(200, toy: 2)
  var timestampsMs: [Int64]
  var values: [Double] = []

  init() {
    var random = SplitMix64(seed: 42)
    timestampsMs = (0..<Int64(Self.sampleCount)).map { Self.startMs + 7000 + 15_000 * $0 }
    for _ in 0..<seriesCount {
      var value = Double(random.below(1_000_000))
      for _ in 0..<Self.sampleCount {
        value += Double(random.below(1000))
        values.append(value)
      }
    }
  }

  /// Hands over the columns of each series.
  func forEachSeries(_ body: (inout tsdb_float_columns) -> Void) {
    timestampsMs.withUnsafeBufferPointer { times in
      values.withUnsafeBufferPointer { values in
        for series in 0..<seriesCount {
          var columns = tsdb_float_columns(
            timestamps_ms: times.baseAddress, values: values.baseAddress.map { $0 + series * Self.sampleCount },
            start_timestamps_ms: nil, count: Self.sampleCount)
          body(&columns)
        }
      }
    }
  }
}

/// rate(x[5m]) every 30 s over a day.
private func rateOfDay(sharesWindows: Bool) -> Workload {
  let day = Day()
  let grid = tsdb_step_grid(first_ms: Day.startMs + 300_000, step_ms: 30_000, count: 2870)
  var bounds = [tsdb_window](repeating: tsdb_window(), count: grid.count)
  var row = [Double](repeating: 0, count: grid.count)
  var scratch = [UInt32](repeating: 0, count: Day.sampleCount)
  return Workload(unitsPerRun: Double(day.seriesCount * Day.sampleCount)) {
    var steps = grid
    if sharesWindows {
      let status = tsdb_window_find(day.timestampsMs, Day.sampleCount, &steps, 300_000, &bounds)
      precondition(status == TSDB_OK)
    }
    bounds.withUnsafeBufferPointer { bounds in
      var windows = tsdb_windows(grid: steps, range_ms: 300_000, bounds: sharesWindows ? bounds.baseAddress : nil)
      day.forEachSeries { columns in
        let status = tsdb_window_rate(&columns, &windows, TSDB_RATE, &scratch, scratch.count, &row, nil)
        precondition(status == TSDB_OK)
      }
    }
    blackHole(row[0])
  }
}

/// max_over_time(x[1h]) every 5 m over a day: 240 samples a window.
private func maxOfHours() -> Workload {
  let day = Day()
  let grid = tsdb_step_grid(first_ms: Day.startMs + 3_600_000, step_ms: 300_000, count: 276)
  var row = [Double](repeating: 0, count: grid.count)
  var scratch = [Double](repeating: 0, count: Day.sampleCount)
  return Workload(unitsPerRun: Double(day.seriesCount * grid.count * 240)) {
    var windows = tsdb_windows(grid: grid, range_ms: 3_600_000, bounds: nil)
    day.forEachSeries { columns in
      let status = tsdb_window_over_time(TSDB_MAX_OVER_TIME, &columns, &windows, &scratch, scratch.count, &row)
      precondition(status == TSDB_OK)
    }
    blackHole(row[0])
  }
}

/// sum by (…) of 10,000 series × 100 steps into 50 groups: compensated, as PromQL's sums are.
private func sumBy() -> Workload {
  let (seriesCount, steps, groupCount) = (benchSize.pick(10_000, toy: 100), 100, 50)
  var random = SplitMix64(seed: 7)
  let rows = (0..<seriesCount * steps).map { _ in random.uniform() * 1000 }
  var state = [Double](repeating: 0, count: groupCount * steps * 2)
  return Workload(unitsPerRun: Double(seriesCount * steps)) {
    state.withUnsafeMutableBufferPointer { state in
      rows.withUnsafeBufferPointer { rows in
        guard let state = state.baseAddress, let rows = rows.baseAddress else { return }
        tsdb_row_clear(state, groupCount * steps * 2)
        for series in 0..<seriesCount {
          let value = state + (series % groupCount) * steps * 2
          var group = tsdb_group_rows(value: value, rest: value + steps, count: nil)
          let status = tsdb_group_add(TSDB_AGGREGATE_SUM, rows + series * steps, steps, &group)
          precondition(status == TSDB_OK)
        }
      }
    }
    blackHole(state[0])
  }
}

private enum Numbers {
  /// Quotients with some 16 digits.
  case rates
  /// Counters.
  case integers
  /// One kind a series, in turns.
  case mixed
}

/// A matrix of 1000 series × 250 points.
private func jsonOfRows(_ numbers: Numbers) -> Workload {
  let (seriesCount, count) = (benchSize.pick(1000, toy: 10), 250)
  var random = SplitMix64(seed: 11)
  let rows = (0..<seriesCount * count).map { i -> Double in
    let isRate = numbers == .rates || (numbers == .mixed && i / count % 2 == 1)
    return isRate ? Double(random.below(300_000)) / (290 + random.uniform() * 10) : Double(random.below(100_000_000))
  }
  // {a="b"}
  let labels: [UInt8] = [1, 0x61, 1, 0x62]
  let grid = tsdb_step_grid(first_ms: 1_767_225_600_000, step_ms: 60_000, count: count)
  var times = [UInt8](repeating: 0, count: count * Int(TSDB_JSON_TIME_SIZE))
  var text = [UInt8](repeating: 0, count: tsdb_json_series_bound(labels.count, count))
  return Workload(unitsPerRun: Double(seriesCount * count)) {
    var steps = grid
    precondition(tsdb_json_times(&steps, &times) == TSDB_OK)
    var total = 0
    rows.withUnsafeBufferPointer { rows in
      guard let rows = rows.baseAddress else { return }
      for series in 0..<seriesCount {
        var size = 0
        let status = tsdb_json_series(
          labels, labels.count, rows + series * count, times, count, &text, text.count, &size)
        precondition(status == TSDB_OK)
        total += size
      }
    }
    blackHole(total)
  }
}
