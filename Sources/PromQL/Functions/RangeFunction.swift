// Functions over the samples of a range.

/// Which one it is. The raw value is its name in queries.
enum RangeFunction: String, Sendable {
  case rate, increase, delta, irate, idelta, resets, changes, deriv
  case predictLinear = "predict_linear"
  case doubleExponentialSmoothing = "double_exponential_smoothing"
  case sumOverTime = "sum_over_time"
  case avgOverTime = "avg_over_time"
  case countOverTime = "count_over_time"
  case minOverTime = "min_over_time"
  case maxOverTime = "max_over_time"
  case firstOverTime = "first_over_time"
  case lastOverTime = "last_over_time"
  case presentOverTime = "present_over_time"
  case absentOverTime = "absent_over_time"
  case stddevOverTime = "stddev_over_time"
  case stdvarOverTime = "stdvar_over_time"
  case madOverTime = "mad_over_time"
  case modeOverTime = "mode_over_time"
  case quantileOverTime = "quantile_over_time"
  case tsOfFirstOverTime = "ts_of_first_over_time"
  case tsOfLastOverTime = "ts_of_last_over_time"
  case tsOfMinOverTime = "ts_of_min_over_time"
  case tsOfMaxOverTime = "ts_of_max_over_time"

  /// The function of this name; nil where it is none over a range.
  init?(name: String) { self.init(rawValue: name) }

  /// Whether its result is still the same metric.
  var keepsName: Bool { self == .firstOverTime || self == .lastOverTime || self == .modeOverTime }

  /// Whether it takes start timestamps into account, where that is switched on.
  var readsStartTimestamps: Bool {
    switch self {
    case .rate, .irate, .increase, .resets: true
    default: false
    }
  }

  private static let anchored = "changes, delta, increase, rate, resets"
  private static let smoothed = "delta, increase, rate"

  /// Throws where the function cannot be used with a selector that treats its borders so.
  func check(_ boundaries: RangeBoundaries) throws {
    switch (boundaries, self) {
    case (.standard, _), (_, .rate), (_, .increase), (_, .delta): return
    case (.anchored, .resets), (.anchored, .changes): return
    case (.anchored, _):
      throw QueryError.execution("anchored modifier can only be used with: \(Self.anchored) - not with \(rawValue)")
    case (.smoothed, _):
      throw QueryError.execution("smoothed modifier can only be used with: \(Self.smoothed) - not with \(rawValue)")
    }
  }
}
