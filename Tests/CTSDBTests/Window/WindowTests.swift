import CTSDB
import TestSupport
import Testing

/// Equal to the last bit, but that all NaNs with a result are one.
func isSame(_ value: Double, _ expected: Double?) -> Bool {
  guard let expected else { return value.bitPattern == absentBits }
  if value.bitPattern == absentBits { return false }
  return value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN)
}

/// The bits of a step without a result.
let absentBits: UInt64 = 0x7FF0_0000_0000_0002

@Suite struct WindowTests {
  /// A series and the steps to look at it.
  struct Case {
    var samples = FloatSamples()
    var grid = tsdb_step_grid()
    var range: Int64 = 0

    func end(_ step: Int) -> Int64 { grid.first_ms + grid.step_ms * Int64(step) }
    func window(_ step: Int) -> Range<Int> { samples.window(end: end(step), range: range) }

    /// Calls `body` with windows found on the way and with windows found before, with and without vector instructions.
    func inAllWays(_ body: (tsdb_windows) -> Void) {
      var bounds = [tsdb_window](repeating: tsdb_window(), count: grid.count)
      var grid = grid
      #expect(tsdb_window_find(samples.times, samples.times.count, &grid, range, &bounds) == TSDB_OK)
      for forbidden in [UInt32(0), .max] {
        tsdb_cpu_features_forbid(forbidden)
        body(tsdb_windows(grid: grid, range_ms: range, bounds: nil))
        bounds.withUnsafeBufferPointer {
          body(tsdb_windows(grid: grid, range_ms: range, bounds: $0.baseAddress))
        }
      }
      tsdb_cpu_features_forbid(0)
    }
  }

  /// Counters, gauges and nonsense; even and uneven scrapes; windows of no, one and many samples.
  static func randomCase(_ random: inout SplitMix64) -> Case {
    var samples = FloatSamples()
    let kind = Int.random(in: 0..<3, using: &random)
    let odd: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, 1e308, -1e308, 1, 2]
    var (time, value) = (Int64.random(in: -100_000..<100_000, using: &random), 0.0)
    for _ in 0..<Int.random(in: 0..<150, using: &random) {
      time += kind == 0 ? 15_000 : Int64.random(in: 1..<40_000, using: &random)
      value = Int.random(in: 0..<30, using: &random) == 0 ? 0 : value + Double(Int.random(in: 0..<100, using: &random))
      samples.times.append(time)
      samples.values.append(kind == 1 ? odd.randomElement(using: &random) ?? 0 : value / 7)
    }
    if Bool.random(using: &random) {
      samples.starts = samples.times.map {
        Int.random(in: 0..<3, using: &random) == 0 ? $0 - Int64.random(in: 0..<50_000, using: &random) : 0
      }
    }
    let grid = tsdb_step_grid(
      first_ms: .random(in: -100_000..<200_000, using: &random),
      step_ms: [0, 1000, 15_000, 60_000, 7777].randomElement(using: &random) ?? 0,
      count: .random(in: 0..<90, using: &random))
    return Case(samples: samples, grid: grid, range: .random(in: 0..<900_000, using: &random))
  }

  @Test func functionsOverTimeAgreeWithTheReference() {
    var random = SplitMix64(seed: 1)
    for _ in 0..<150 {
      let test = Self.randomCase(&random)
      for number in 0...TSDB_MODE_OVER_TIME.rawValue {
        let function = tsdb_over_time(rawValue: number)
        let expected = (0..<test.grid.count).map { overTimeReference(function, test.samples, test.window($0)) }
        test.inAllWays { windows in
          var windows = windows
          var row = [Double](repeating: 0, count: test.grid.count)
          var scratch = [Double](repeating: 0, count: test.samples.times.count)
          let status = test.samples.withColumns { columns in
            var columns = columns
            return tsdb_window_over_time(function, &columns, &windows, &scratch, scratch.count, &row)
          }
          #expect(status == TSDB_OK)
          let wrong = row.indices.first { !isSame(row[$0], expected[$0]) }
          #expect(wrong == nil, "function \(number), step \(wrong ?? 0): \(row[wrong ?? 0])")
        }
      }
    }
  }

  @Test func ratesAgreeWithTheReference() {
    var random = SplitMix64(seed: 2)
    for _ in 0..<200 {
      let test = Self.randomCase(&random)
      for kind in [TSDB_RATE, TSDB_INCREASE, TSDB_DELTA] {
        let expected = (0..<test.grid.count).map {
          rateReference(kind, test.samples, test.window($0), end: test.end($0), range: test.range)
        }
        test.inAllWays { windows in
          var windows = windows
          var row = [Double](repeating: 0, count: test.grid.count)
          var scratch = [UInt32](repeating: 0, count: test.samples.times.count)
          var seen: UInt32 = 0
          let status = test.samples.withColumns { columns in
            var columns = columns
            return tsdb_window_rate(&columns, &windows, kind, &scratch, scratch.count, &row, &seen)
          }
          #expect(status == TSDB_OK)
          let wrong = row.indices.first { !isSame(row[$0], expected[$0]) }
          #expect(wrong == nil, "kind \(kind.rawValue), step \(wrong ?? 0): \(row[wrong ?? 0])")
        }
        for isSmoothed in [false, true] {
          var windows = tsdb_windows(grid: test.grid, range_ms: test.range, bounds: nil)
          var row = [Double](repeating: 0, count: test.grid.count)
          let status = test.samples.withColumns { columns in
            var columns = columns
            return tsdb_window_extended_rate(&columns, &windows, 60_000, isSmoothed, kind, &row)
          }
          #expect(status == TSDB_OK)
          let wrong = row.indices.first {
            !isSame(
              row[$0],
              extendedRateReference(
                kind, test.samples, end: test.end($0), range: test.range, lookback: 60_000, isSmoothed: isSmoothed))
          }
          #expect(wrong == nil, "extended \(isSmoothed), kind \(kind.rawValue), step \(wrong ?? 0)")
        }
      }
    }
  }

  @Test func countsOfResetsAndChangesAgreeWithTheReference() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<200 {
      let test = Self.randomCase(&random)
      let values = test.samples.values
      for isAnchored in [false, true] {
        var windows = tsdb_windows(grid: test.grid, range_ms: test.range, bounds: nil)
        var resets = [Double](repeating: 0, count: test.grid.count)
        var changes = resets
        var scratch = [UInt32](repeating: 0, count: values.count)
        test.samples.withColumns { columns in
          var columns = columns
          #expect(
            tsdb_window_resets(&columns, &windows, isAnchored, 60_000, &scratch, scratch.count, &resets) == TSDB_OK)
          #expect(
            tsdb_window_changes(&columns, &windows, isAnchored, 60_000, &scratch, scratch.count, &changes) == TSDB_OK)
        }
        for step in 0..<test.grid.count {
          var window = test.window(step)
          if isAnchored, window.lowerBound > 0, !window.isEmpty,
            test.samples.times[window.lowerBound - 1] > test.end(step) - test.range - 60_000
          {
            window = window.lowerBound - 1..<window.upperBound
          }
          let isReset = { (i: Int) in values[i] < values[i - 1] || startIsReset(test.samples, i) }
          let isChange = { (i: Int) in values[i] != values[i - 1] && !(values[i].isNaN && values[i - 1].isNaN) }
          let pairs = window.dropFirst()
          #expect(isSame(resets[step], window.isEmpty ? nil : Double(pairs.filter(isReset).count)))
          #expect(isSame(changes[step], window.isEmpty ? nil : Double(pairs.filter(isChange).count)))
        }
      }
    }
  }

  @Test func instantRatesQuantilesAndPredictionsAgreeWithTheReference() {
    var random = SplitMix64(seed: 4)
    for _ in 0..<150 {
      let test = Self.randomCase(&random)
      var windows = tsdb_windows(grid: test.grid, range_ms: test.range, bounds: nil)
      let phis = (0..<test.grid.count).map { _ in Double.random(in: -0.1...1.1, using: &random) }
      var (rates, deltas, quantiles, predictions) = (phis, phis, phis, phis)
      var scratch = [Double](repeating: 0, count: test.samples.times.count)
      var evaluation = tsdb_step_grid(
        first_ms: test.grid.first_ms + 5000, step_ms: test.grid.step_ms, count: test.grid.count)
      test.samples.withColumns { columns in
        var columns = columns
        #expect(tsdb_window_instant_rate(&columns, &windows, true, &rates) == TSDB_OK)
        #expect(tsdb_window_instant_rate(&columns, &windows, false, &deltas) == TSDB_OK)
        #expect(tsdb_window_quantile(&columns, &windows, phis, &scratch, scratch.count, &quantiles) == TSDB_OK)
        #expect(tsdb_window_predict_linear(&columns, &windows, &evaluation, phis, &predictions) == TSDB_OK)
      }
      let (values, times) = (test.samples.values, test.samples.times)
      for step in 0..<test.grid.count {
        let window = test.window(step)
        let quantile = quantileReference(phis[step], Array(values[window]))
        #expect(quantiles[step] == quantile || isSame(quantiles[step], window.isEmpty ? nil : quantile))
        guard window.count >= 2, let last = window.last else {
          #expect(isSame(rates[step], nil) && isSame(deltas[step], nil) && isSame(predictions[step], nil))
          continue
        }
        let difference = values[last] - values[last - 1]
        let isReset = values[last] < values[last - 1] || startIsReset(test.samples, last)
        #expect(isSame(deltas[step], difference))
        #expect(
          isSame(rates[step], (isReset ? values[last] : difference) / (Double(times[last] - times[last - 1]) / 1000)))
        let line = lineReference(test.samples, window, origin: test.end(step) + 5000)
        #expect(isSame(predictions[step], line.slope * phis[step] + line.intercept))
      }
    }
  }

  /// The newest sample counts if it is younger than the lookback, and ends the series if it is a stale marker.
  @Test func instantSelectorsLookBackAndSeeStaleMarkers() {
    let samples = FloatSamples(
      times: [10_000, 20_000, 30_000], values: [1, Double(bitPattern: absentBits), 3], starts: [5, 6, 7])
    var grid = tsdb_step_grid(first_ms: 9_999, step_ms: 1, count: 2)
    func select(_ first: Int64, _ lookback: Int64) -> (Double, Int64, Int64) {
      grid = tsdb_step_grid(first_ms: first, step_ms: 0, count: 1)
      var row = [0.0]
      var (time, start) = ([Int64(-1)], [Int64(-1)])
      samples.withColumns { columns in
        var columns = columns
        #expect(tsdb_select_instant(&columns, &grid, lookback, &row, &time, &start) == TSDB_OK)
      }
      return (row[0], time[0], start[0])
    }
    #expect(isSame(select(9_999, 5000).0, nil))
    #expect(select(10_000, 5000) == (1, 10_000, 5))
    #expect(select(14_999, 5000) == (1, 10_000, 5))
    // A sample exactly as old as the lookback is not seen.
    #expect(isSame(select(15_000, 5000).0, nil))
    #expect(isSame(select(20_000, 50_000).0, nil))
    #expect(select(31_000, 5000) == (3, 30_000, 7))
  }

  @Test func smoothedSelectorsDrawLinesBetweenNeighbours() {
    let samples = FloatSamples(times: [10_000, 20_000], values: [1, 3])
    func select(_ time: Int64, _ lookback: Int64) -> Double {
      var grid = tsdb_step_grid(first_ms: time, step_ms: 0, count: 1)
      var row = [0.0]
      samples.withColumns { columns in
        var columns = columns
        #expect(tsdb_select_smoothed(&columns, &grid, lookback, &row) == TSDB_OK)
      }
      return row[0]
    }
    #expect(isSame(select(9_000, 5000), nil))
    #expect(select(10_000, 5000) == 1)
    #expect(select(15_000, 5001) == 2)
    #expect(select(12_000, 5000) == 1)  // the next sample is too far away
    #expect(select(24_000, 5000) == 3)
    #expect(isSame(select(25_000, 5000), nil))
  }

  @Test func staleMarkersAreTakenOutInPlace() {
    var random = SplitMix64(seed: 5)
    for count in 0..<70 {
      var values = (0..<count).map { Double($0) }
      for _ in 0..<Int.random(in: 0..<4, using: &random) where count > 0 {
        values[.random(in: 0..<count, using: &random)] = Double(bitPattern: absentBits)
      }
      if count > 3 { values[3] = .nan }  // an ordinary NaN stays
      let kept = values.indices.filter { values[$0].bitPattern != absentBits }
      var (times, copy, starts) = ((0..<Int64(count)).map { $0 * 10 }, values, (0..<Int64(count)).map { $0 + 1 })
      let left = tsdb_stale_remove(&times, &copy, &starts, count)
      #expect(left == kept.count)
      #expect(Array(times.prefix(left)) == kept.map { Int64($0) * 10 })
      #expect(Array(starts.prefix(left)) == kept.map { Int64($0) + 1 })
      #expect(copy.prefix(left).map(\.bitPattern) == kept.map { values[$0].bitPattern })
    }
  }

  @Test func rangeSelectorsAreExtendedToTheirBorders() {
    let samples = FloatSamples(times: [10, 20, 30, 40], values: [1, 2, 4, 8])
    func extend(_ isSmoothed: Bool) -> ([Int64], [Double]) {
      var times = [Int64](repeating: 0, count: 6)
      var values = [Double](repeating: 0, count: 6)
      var count = 0
      samples.withColumns { columns in
        var columns = columns
        #expect(tsdb_window_extend(&columns, 35, 20, 100, isSmoothed, &times, &values, 6, &count) == TSDB_OK)
      }
      return (Array(times.prefix(count)), Array(values.prefix(count)))
    }
    #expect(extend(false) == ([15, 20, 30, 35], [1, 2, 4, 4]))
    #expect(extend(true) == ([15, 20, 30, 35], [1.5, 2, 4, 6]))
  }

  @Test func smoothingFollowsItsDefinitionAndNamesABadFactor() {
    let samples = FloatSamples(times: [1, 2, 3, 4], values: [1, 3, 2, 5])
    var windows = tsdb_windows(
      grid: tsdb_step_grid(first_ms: 0, step_ms: 1, count: 5), range_ms: 100, bounds: nil)
    var row = [Double](repeating: 0, count: 5)
    var bad = 0
    let (factor, trend) = ([Double](repeating: 0.5, count: 5), [Double](repeating: 0.25, count: 5))
    samples.withColumns { columns in
      var columns = columns
      #expect(tsdb_window_smooth(&columns, &windows, factor, trend, &row, &bad) == TSDB_OK)
      #expect(tsdb_window_smooth(&columns, &windows, [2, 0.5, 0.5, 1, 0.5], trend, &row, &bad) == TSDB_ERR_ARGUMENT)
    }
    #expect(bad == 3)  // at step 0 there is nothing to smooth
    // s1 = 1, b = 2; s = 0.5·3 + 0.5·(1 + 2) = 3; b = 0.25·2 + 0.75·2 = 2; s = 0.5·2 + 0.5·(3 + 2) = 3.5
    samples.withColumns { columns in
      var columns = columns
      #expect(tsdb_window_smooth(&columns, &windows, factor, trend, &row, &bad) == TSDB_OK)
    }
    #expect(isSame(row[0], nil) && isSame(row[1], nil))
    #expect(row[2] == 3 && row[3] == 3.5)
  }

  @Test func badArgumentsAreToldAndExtremeTimesAreHarmless() {
    let samples = FloatSamples(times: [.min, -1, 0, .max], values: [1, 2, 3, 4], starts: [.max, .min, 1, 5])
    var row = [Double](repeating: 0, count: 3)
    var scratch = [UInt32](repeating: 0, count: 4)
    samples.withColumns { columns in
      var columns = columns
      func rate(_ first: Int64, _ step: Int64, _ range: Int64, capacity: Int = 4) -> tsdb_status {
        var windows = tsdb_windows(
          grid: tsdb_step_grid(first_ms: first, step_ms: step, count: 3), range_ms: range, bounds: nil)
        return tsdb_window_rate(&columns, &windows, TSDB_RATE, &scratch, capacity, &row, nil)
      }
      #expect(rate(0, -1, 5) == TSDB_ERR_ARGUMENT)
      #expect(rate(0, .max, 5) == TSDB_ERR_ARGUMENT)
      #expect(rate(0, 1, -1) == TSDB_ERR_ARGUMENT)
      #expect(rate(0, 1, 1, capacity: 3) == TSDB_ERR_CAPACITY)
      for first in [Int64.min, -5, 0, Int64.max - 2] as [Int64] { #expect(rate(first, 1, .max) == TSDB_OK) }
    }
  }
}
