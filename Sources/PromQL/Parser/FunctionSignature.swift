// What each function takes and gives. The parser checks calls against this table; the engine finds its code by the name.

/// A function of the language.
public struct FunctionSignature: Hashable, Sendable {
  /// Who has a function.
  public enum Origin: Hashable, Sendable {
    /// Prometheus, for everybody.
    case stable
    /// Prometheus, with `promql-experimental-functions`.
    case experimental
    /// Thanos, with `--query.enable-x-functions`.
    case extended
    /// VictoriaMetrics, with `promql-extras`.
    case extras
  }

  /// The name, as queries write it.
  public let name: String
  /// The types of the arguments. Of a variadic function the last one is that of all that follow.
  public let argumentTypes: [ValueType]
  /// 0: exactly these arguments. Above 0: the last may be missing, or there may be so many in its place. Below 0: any number.
  public let variadic: Int
  /// What it gives.
  public let returnType: ValueType
  /// Who has it.
  public let origin: Origin

  /// Whether it needs `promql-experimental-functions`.
  public var isExperimental: Bool { origin == .experimental }

  /// The function of this name, whether or not options allow it; nil where there is none.
  public static func named(_ name: String) -> FunctionSignature? { table[name] }

  /// All functions, sorted by name.
  public static let all: [FunctionSignature] = signatures.sorted { $0.name < $1.name }

  private static let table: [String: FunctionSignature] = Dictionary(
    signatures.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}

private func same(
  _ names: String, _ argumentTypes: [ValueType], variadic: Int = 0, gives returnType: ValueType = .vector,
  _ origin: FunctionSignature.Origin = .stable
) -> [FunctionSignature] {
  names.split(separator: " ").map {
    FunctionSignature(
      name: String($0), argumentTypes: argumentTypes, variadic: variadic, returnType: returnType, origin: origin)
  }
}

private let signatures: [FunctionSignature] = [
  // Each value for itself.
  same(
    "abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sqrt tan tanh",
    [.vector]),
  same("clamp", [.vector, .scalar, .scalar]),
  same("clamp_max clamp_min", [.vector, .scalar]),
  same("round", [.vector, .scalar], variadic: 1),
  same("days_in_month day_of_month day_of_week day_of_year hour minute month year", [.vector], variadic: 1),

  // Histograms.
  same("histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum", [.vector]),
  same("histogram_fraction", [.scalar, .scalar, .vector]),
  same("histogram_quantile", [.scalar, .vector]),
  same("histogram_quantiles", [.vector, .string, .scalar, .scalar], variadic: 9, .experimental),

  // Over a range.
  same(
    """
    absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate last_over_time \
    max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time
    """, [.matrix]),
  same(
    "mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time", [.matrix],
    .experimental),
  same("predict_linear", [.matrix, .scalar]),
  same("quantile_over_time", [.scalar, .matrix]),
  same("double_exponential_smoothing", [.matrix, .scalar, .scalar], .experimental),
  same("xdelta xincrease xrate", [.matrix], .extended),

  // Labels and order.
  same("label_join", [.vector, .string, .string, .string], variadic: -1),
  same("label_replace", [.vector, .string, .string, .string, .string]),
  same("info", [.vector, .vector], variadic: 1, .experimental),
  same("sort sort_desc", [.vector]),
  same("sort_by_label sort_by_label_desc", [.vector, .string], variadic: -1, .experimental),

  // Of VictoriaMetrics: whole rows, several vectors, and over a range.
  same("running_avg running_max running_min running_sum", [.vector], .extras),
  same(
    """
    range_avg range_first range_last range_linear_regression range_mad range_max range_median range_min range_stddev \
    range_stdvar range_sum range_zscore
    """, [.vector], .extras),
  same("range_quantile range_trim_outliers range_trim_spikes range_trim_zscore", [.scalar, .vector], .extras),
  same("range_normalize union", [.vector, .vector], variadic: -1, .extras),
  same("limit_offset", [.scalar, .scalar, .vector], .extras),
  same("mode_over_time", [.matrix], .extras),
  same("rollup rollup_delta rollup_deriv rollup_increase rollup_rate", [.matrix, .string], variadic: 1, .extras),

  // Between types, and about time.
  same("absent timestamp", [.vector]),
  same("start_timestamp", [.vector], .experimental),
  same("scalar", [.vector], gives: .scalar),
  same("vector", [.scalar]),
  same("pi time", [], gives: .scalar),
  same("end range start step", [], gives: .scalar, .experimental),
  same("max_of min_of", [.scalar, .scalar], gives: .scalar, .experimental),
].flatMap { $0 }
