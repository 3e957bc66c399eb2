// Functions of whole rows, beside what Swift computes in the plainest way.
import CTSDB
import TestSupport
import Testing

@Suite struct WholeRowKernelTests {
  private static let absent = Double(bitPattern: absentBits)

  private static func row(_ count: Int, _ random: inout SplitMix64) -> [Double] {
    (0..<count).map { _ in
      switch random.below(5) {
      case 0: absent
      case 1: random.below(4) == 0 ? .nan : 3
      default: random.unit() * 100 - 50
      }
    }
  }

  private func isClose(_ a: Double, _ b: Double) -> Bool {
    if b.isNaN { return a.bitPattern == absentBits }
    return a == b || (a - b).magnitude <= 1e-9 * max(1, a.magnitude, b.magnitude)
  }

  private func quantile(_ phi: Double, _ values: [Double]) -> Double { quantileReference(phi, values) }

  private func reference(_ function: tsdb_whole_row, _ parameter: Double, _ row: [Double]) -> [Double] {
    let values = row.filter { !$0.isNaN }
    guard let first = values.first, let last = values.last else { return row.map { _ in .nan } }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / count
    let median = quantile(0.5, values)
    let spread = quantile(0.5, values.map { ($0 - median).magnitude })
    let (least, greatest) = (values.min() ?? .nan, values.max() ?? .nan)
    func all(_ value: Double) -> [Double] { row.map { _ in value } }
    func kept(_ isKept: (Double) -> Bool) -> [Double] { row.map { !$0.isNaN && isKept($0) ? $0 : .nan } }
    switch function {
    case TSDB_WHOLE_SUM: return all(values.reduce(0, +))
    case TSDB_WHOLE_MIN: return all(least)
    case TSDB_WHOLE_MAX: return all(greatest)
    case TSDB_WHOLE_AVG: return all(mean)
    case TSDB_WHOLE_FIRST: return all(first)
    case TSDB_WHOLE_LAST: return all(last)
    case TSDB_WHOLE_QUANTILE: return all(quantile(parameter, values))
    case TSDB_WHOLE_MAD: return all(spread)
    case TSDB_WHOLE_STDDEV: return all(variance.squareRoot())
    case TSDB_WHOLE_STDVAR: return all(variance)
    case TSDB_WHOLE_LINE:
      let points = row.indices.filter { !row[$0].isNaN }
      let middle = points.map { Double($0) * 15 }.reduce(0, +) / count
      let covariance = points.map { (Double($0) * 15 - middle) * (row[$0] - mean) }.reduce(0, +)
      let width = points.map { (Double($0) * 15 - middle) * (Double($0) * 15 - middle) }.reduce(0, +)
      let slope = least == greatest ? 0 : covariance / width
      return row.indices.map { mean + slope * (Double($0) * 15 - middle) }
    case TSDB_WHOLE_NORMALIZE: return row.map { ($0 - least) / (greatest - least) }
    case TSDB_WHOLE_ZSCORE: return row.map { ($0 - mean) / variance.squareRoot() }
    case TSDB_WHOLE_TRIM_ZSCORE:
      return kept { !(($0 - mean).magnitude / variance.squareRoot() > parameter.magnitude) }
    case TSDB_WHOLE_TRIM_OUTLIERS: return kept { !(($0 - median).magnitude > parameter * spread) }
    default:
      let (low, high) = (quantile(parameter / 2, values), quantile(1 - parameter / 2, values))
      return kept { !($0 < low || $0 > high) }
    }
  }

  @Test func wholeRowsAgreeWithTheReference() {
    var random = SplitMix64(seed: 31)
    for _ in 0..<200 {
      let (rows, steps) = (random.below(4), random.below(40))
      let input = (0..<rows).map { _ in Self.row(steps, &random) }
      let parameter = random.unit()
      for number in 0...TSDB_WHOLE_TRIM_SPIKES.rawValue {
        let function = tsdb_whole_row(rawValue: number)
        var values = input.flatMap { $0 }
        var scratch = [Double](repeating: 0, count: steps)
        #expect(tsdb_rows_whole(function, parameter, 15_000, &values, rows, steps, &scratch, steps) == TSDB_OK)
        let expected = input.flatMap { reference(function, parameter, $0) }
        let wrong = values.indices.first { !isClose(values[$0], expected[$0]) }
        #expect(wrong == nil, "function \(number) of \(input): \(wrong.map { values[$0] } ?? 0)")
      }
    }
  }

  @Test func runningFunctionsAgreeWithTheReference() {
    var random = SplitMix64(seed: 32)
    for _ in 0..<200 {
      let row = Self.row(random.below(40), &random)
      for number in 0...TSDB_RUNNING_AVG.rawValue {
        var values = row
        #expect(tsdb_rows_running(tsdb_running(rawValue: number), &values, 1, row.count) == TSDB_OK)
        let expected = row.indices.map { index -> Double in
          let before = row[...index].filter { !$0.isNaN }
          guard !before.isEmpty else { return .nan }
          switch number {
          case TSDB_RUNNING_SUM.rawValue: return before.reduce(0, +)
          case TSDB_RUNNING_MIN.rawValue: return before.min() ?? .nan
          case TSDB_RUNNING_MAX.rawValue: return before.max() ?? .nan
          default: return before.reduce(0, +) / Double(before.count)
          }
        }
        #expect(row.indices.allSatisfy { isClose(values[$0], expected[$0]) }, "function \(number) of \(row)")
      }
    }
  }

  @Test func infiniteValuesGiveInfinityOrNothing() {
    var row = [1, .infinity, 2]
    #expect(tsdb_rows_running(TSDB_RUNNING_SUM, &row, 1, 3) == TSDB_OK && row == [1, .infinity, .infinity])
    row = [.infinity, -.infinity]
    #expect(tsdb_rows_running(TSDB_RUNNING_SUM, &row, 1, 2) == TSDB_OK)
    #expect(row[0] == .infinity && row[1].bitPattern == absentBits)
    row = [1, .infinity]
    var scratch = [0.0, 0]
    #expect(tsdb_rows_whole(TSDB_WHOLE_NORMALIZE, 0, 1000, &row, 1, 2, &scratch, 2) == TSDB_OK)
    #expect(row.allSatisfy { $0.bitPattern == absentBits })
  }

  @Test func badArgumentsAreRefused() {
    var row = [1.0, 2]
    var scratch = [0.0]
    #expect(tsdb_rows_running(tsdb_running(rawValue: 4), &row, 1, 2) == TSDB_ERR_ARGUMENT)
    #expect(tsdb_rows_whole(tsdb_whole_row(rawValue: 16), 0, 0, &row, 1, 2, &scratch, 2) == TSDB_ERR_ARGUMENT)
    #expect(tsdb_rows_whole(TSDB_WHOLE_SUM, 0, 0, &row, 1, 2, &scratch, 1) == TSDB_ERR_CAPACITY)
    #expect(tsdb_rows_running(TSDB_RUNNING_SUM, &row, .max, .max) == TSDB_ERR_SIZE)
    #expect(row == [1, 2])
  }

  @Test func sharesAndDistances() {
    let (a, b) = ([1, -1, .nan, Self.absent, 0], [3, 4, 5, Self.absent, 0])
    var sums = [Double](repeating: Self.absent, count: 5)
    tsdb_row_add_shares(a, 5, &sums)
    tsdb_row_add_shares(b, 5, &sums)
    #expect(sums[..<3] == [4, 4, 5] && sums[3].bitPattern == absentBits && sums[4] == 0)
    var row = a
    tsdb_row_divide_shares(&row, 5, sums)
    #expect(row[0] == 0.25 && row[1...].allSatisfy { $0.bitPattern == absentBits })
    #expect(tsdb_row_squared_distance(b, [1, 1, .nan, 1, Self.absent], 5) == 13)
  }

  /// Changes from sample to sample of windows, one by one.
  @Test func changesAgreeWithTheReference() {
    var random = SplitMix64(seed: 33)
    for _ in 0..<100 {
      let test = WindowTests.randomCase(&random)
      for kind in 0...TSDB_CHANGE_DERIV.rawValue {
        for statistic in 0...TSDB_CHANGE_AVG.rawValue {
          let expected = (0..<test.grid.count).map { changeReference(kind, statistic, test.samples, test.window($0)) }
          test.inAllWays { windows in
            var windows = windows
            var row = [Double](repeating: 0, count: test.grid.count)
            let status = test.samples.withColumns { columns in
              var columns = columns
              return tsdb_window_adjacent(
                &columns, &windows, tsdb_change(rawValue: kind), tsdb_change_statistic(rawValue: statistic), &row)
            }
            #expect(status == TSDB_OK)
            #expect(row.indices.allSatisfy { isSame(row[$0], expected[$0]) }, "kind \(kind), statistic \(statistic)")
          }
        }
      }
    }
  }

  private func changeReference(
    _ kind: UInt32, _ statistic: UInt32, _ samples: FloatSamples, _ window: Range<Int>
  ) -> Double? {
    guard window.count > 1 else { return nil }
    let changes = window.dropFirst().map { index -> Double in
      let (before, value) = (samples.values[index - 1], samples.values[index])
      let isCounter = kind == TSDB_CHANGE_INCREASE.rawValue || kind == TSDB_CHANGE_RATE.rawValue
      let change = isCounter && value < before ? value : value - before
      let isPerSecond = kind == TSDB_CHANGE_RATE.rawValue || kind == TSDB_CHANGE_DERIV.rawValue
      return isPerSecond ? change / (Double(samples.times[index] - samples.times[index - 1]) / 1000) : change
    }
    switch statistic {
    case TSDB_CHANGE_MIN.rawValue: return changes.dropFirst().reduce(changes[0]) { $1 < $0 || $0.isNaN ? $1 : $0 }
    case TSDB_CHANGE_MAX.rawValue: return changes.dropFirst().reduce(changes[0]) { $1 > $0 || $0.isNaN ? $1 : $0 }
    default:
      var mean = changes[0]
      for (index, change) in changes.enumerated().dropFirst() { mean += (change - mean) / Double(index + 1) }
      return mean
    }
  }
}
