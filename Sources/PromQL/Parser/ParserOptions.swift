// What of the language is enabled. docs/promql.md lists the flags.

/// Which parts of the language a parser accepts. The stable language is always accepted.
public struct ParserOptions: Hashable, Sendable {
  /// `promql-experimental-functions`: functions and aggregations that may still change.
  public var experimentalFunctions = false
  /// `promql-extended-range-selectors`: `anchored` and `smoothed`.
  public var extendedRangeSelectors = false
  /// `promql-binop-fill-modifiers`: `fill`, `fill_left` and `fill_right`.
  public var binopFillModifiers = false
  /// `promql-duration-expr`: arithmetic in durations, `[5m * 2]`. A server of Prometheus 3.14 has it always on.
  public var durationExpressions = true
  /// Thanos' `xrate`, `xincrease` and `xdelta`.
  public var extendedFunctions = false
  /// `promql-extras`: what users of VictoriaMetrics know from its language, MetricsQL.
  public var extras = false

  /// The stable language.
  public init() {}

  /// All of Prometheus' language, with its experimental parts; without Thanos' functions and MetricsQL's.
  public static let everything: ParserOptions = {
    var options = ParserOptions()
    options.experimentalFunctions = true
    options.extendedRangeSelectors = true
    options.binopFillModifiers = true
    return options
  }()

  /// Enables what the feature flag `name` stands for. False where it is no flag of the language.
  public mutating func enable(feature name: String) -> Bool {
    switch name {
    case "promql-experimental-functions": experimentalFunctions = true
    case "promql-extended-range-selectors": extendedRangeSelectors = true
    case "promql-binop-fill-modifiers": binopFillModifiers = true
    case "promql-duration-expr": durationExpressions = true
    case "promql-x-functions": extendedFunctions = true
    case Self.extrasName: extras = true
    default: return false
    }
    return true
  }

  /// The feature flag of `extras`.
  static let extrasName = "promql-extras"

  /// How high a tree may be. Real queries stay below 50.
  public static let heightMax = 1000
}
