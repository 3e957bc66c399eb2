// What is counted of queries, under the names that Prometheus' engine has for it.
public import Observability
internal import PromQL

/// By what times of queries are told apart: bounds of buckets, each ascending.
public struct QueryTelemetry: Sendable {
  /// Seconds.
  public var durations: [Double] = []
  /// Samples that queries looked at.
  public var samples: [Double] = []
  /// Series that they read.
  public var series: [Double] = []

  /// No bounds.
  public init() {}

  /// The least of `bounds` that is not below `value`, as text.
  static func bound(_ value: Double, _ bounds: [Double]) -> String {
    guard let bound = bounds.first(where: { value <= $0 }) else { return "+Inf" }
    return bound == bound.rounded() && abs(bound) < 1e15 ? "\(Int64(bound))" : "\(bound)"
  }
}

/// Times and samples of the queries that an API answers.
public struct QueryMetrics: Sendable {
  private let queue, preparation, evaluation, sorting: Histogram
  private let samples: Counter
  private let thanos: Thanos?

  /// What Thanos' querier counts besides.
  private struct Thanos: Sendable {
    let admitted: Counter
    let waits, spans: Histogram
    let selects: HistogramFamily
    let telemetry: QueryTelemetry
  }

  /// Metrics in `registry`; with `telemetry` also those that only Thanos' querier has.
  public init(_ registry: MetricsRegistry, asThanos telemetry: QueryTelemetry? = nil) {
    thanos = telemetry.map { telemetry in
      Thanos(
        admitted: registry.counter(
          "thanos_query_concurrent_gate_queries_total", "Queries whose turn came so far."),
        waits: registry.histogram(
          "thanos_query_concurrent_gate_queries_duration_seconds",
          "How long queries waited for their turn, in seconds.",
          buckets: [0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720]),
        spans: registry.histogram(
          "thanos_query_range_requested_timespan_duration_seconds", "From start to end of range queries, in seconds.",
          buckets: (0..<12).map { 900 * Double(1 << $0) }),
        selects: registry.histogram(
          "thanos_store_api_query_duration_seconds", "How long queries took, by the samples and series that they read.",
          labels: ["samples_le", "series_le"], buckets: telemetry.durations),
        telemetry: telemetry)
    }
    let durations = registry.histogram(
      "prometheus_engine_query_duration_histogram_seconds", "How long the phases of queries took, in seconds.",
      labels: ["slice"], buckets: [0.01, 0.1, 1, 10])
    queue = durations.with("queue_time")
    preparation = durations.with("prepare_time")
    evaluation = durations.with("inner_eval")
    sorting = durations.with("result_sort")
    samples = registry.counter("prometheus_engine_query_samples_total", "Samples that queries decoded.")
  }

  /// A range query of this length was asked.
  func observe(spanS: Double) { thanos?.spans.observe(spanS) }

  func observe(_ statistics: QueryStatistics) {
    queue.observe(statistics.queueS)
    thanos?.admitted.add(1)
    thanos?.waits.observe(statistics.queueS)
    if let thanos {
      thanos.selects.with(
        QueryTelemetry.bound(Double(statistics.samplesDecoded), thanos.telemetry.samples),
        QueryTelemetry.bound(Double(statistics.seriesRead), thanos.telemetry.series)
      ).observe(statistics.evaluationS)
    }
    preparation.observe(statistics.preparationS)
    evaluation.observe(statistics.innerEvaluationS)
    sorting.observe(statistics.sortS)
    samples.add(statistics.samplesDecoded)
  }
}
