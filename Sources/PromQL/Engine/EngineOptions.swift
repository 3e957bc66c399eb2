// How an engine is set up.

/// Choices that hold for all queries of an engine.
public struct EngineOptions: Sendable {
  /// How far an instant selector looks back, milliseconds.
  public var lookbackMs: Int64 = 300_000
  /// Step of subqueries that say none, milliseconds.
  public var subqueryStepMs: Int64 = 60_000
  /// The longest that a query may take, milliseconds.
  public var timeoutMs: Int64 = 120_000
  /// The most samples that a query may hold in memory at a time; 0: any number.
  public var samplesMax: Int64 = 50_000_000
  /// The most series that the selectors of a query may read, each selector's counted; 0: any number.
  public var seriesMax: Int64 = 0
  /// How deep subqueries may be nested.
  public var subqueryDepthMax = 16
  /// The most steps of one subquery.
  public var subqueryStepsMax = 50_000_000
  /// Tell how many samples each step looked at: the feature `promql-per-step-stats`.
  public var reportsPerStepStatistics = false
  /// Drop metric names at the end of evaluation only: the feature `promql-delayed-name-removal`.
  public var delaysNameRemoval = false
  /// Treat `__type__` and `__unit__` as parts of the name: the feature `type-and-unit-labels`.
  public var usesTypeAndUnitLabels = false
  /// Let functions over counters look at start timestamps: the feature `use-start-timestamps`.
  public var usesStartTimestamps = false
  /// How many parts of a selector are decoded at the same time.
  public var parallelism = 2

  /// The choices that Prometheus starts with.
  public init() {}

  /// Enables what the feature flag `name` stands for. False where it is no flag of evaluation; it may be one of the language
  /// (`ParserOptions`).
  public mutating func enable(feature name: String) -> Bool {
    switch name {
    case "promql-delayed-name-removal": delaysNameRemoval = true
    case "promql-per-step-stats": reportsPerStepStatistics = true
    case "type-and-unit-labels": usesTypeAndUnitLabels = true
    case "use-start-timestamps": usesStartTimestamps = true
    default: return false
    }
    return true
  }
}
