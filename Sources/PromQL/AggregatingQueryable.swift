// Sources that compute aggregations of their series themselves, near the data: other queriers.
public import TSModel

/// How an aggregation is to be computed elsewhere.
public struct AggregationRequest: Sendable {
  /// The aggregation, as a query.
  public var query: String
  /// First instant, milliseconds since the Unix epoch.
  public var startMs: Int64
  /// Last instant, milliseconds since the Unix epoch.
  public var endMs: Int64
  /// Distance of the steps, milliseconds; 0: at `startMs` alone.
  public var stepMs: Int64
  /// How far instant selectors look back, milliseconds.
  public var lookbackMs: Int64
  /// When it is given up; nil: never.
  public var deadline: ContinuousClock.Instant?
  /// What memory is charged to.
  public var budget: MemoryBudget?
}

/// What was computed elsewhere: series with their samples.
public struct AggregatedSeries: Sendable {
  /// Labels of each series.
  public var labels: [Labels] = []
  /// Floats of each, by time (milliseconds).
  public var floats: [[(timeMs: Int64, value: Double)]] = []
  /// Histograms of each.
  public var histograms: [[(timeMs: Int64, value: Histogram)]] = []
  /// What went wrong without ending it.
  public var warnings: [String] = []

  /// No series.
  public init() {}
}

/// A part of a source's series that computes aggregations of them.
public protocol Aggregator: Sendable {
  /// The aggregation over the series of this part. Throws `QueryError`, or what the part threw.
  func aggregate(_ request: AggregationRequest) async throws -> AggregatedSeries
}

/// A source whose series lie in parts, no series in two of them, that can compute aggregations.
public protocol AggregatingQueryable: Queryable {
  /// The parts with series that fulfil one of the sets of matchers and have samples in `range`; nil where it is not certain that no series is in two parts, or some
  /// are in none.
  func aggregators(of selectors: [[LabelMatcher]], in range: TimeRange) -> [any Aggregator]?
}
