// What is counted of queries, under the names that Prometheus' engine has for it.
public import Observability
internal import PromQL

/// Times and samples of the queries that an API answers.
public struct QueryMetrics: Sendable {
  private let queue, preparation, evaluation, sorting: Histogram
  private let samples: Counter

  /// Metrics in `registry`.
  public init(_ registry: MetricsRegistry) {
    let durations = registry.histogram(
      "prometheus_engine_query_duration_histogram_seconds", "How long the phases of queries took, in seconds.",
      labels: ["slice"], buckets: [0.01, 0.1, 1, 10])
    queue = durations.with("queue_time")
    preparation = durations.with("prepare_time")
    evaluation = durations.with("inner_eval")
    sorting = durations.with("result_sort")
    samples = registry.counter("prometheus_engine_query_samples_total", "Samples that queries looked at.")
  }

  func observe(_ statistics: QueryStatistics) {
    queue.observe(statistics.queueS)
    preparation.observe(statistics.preparationS)
    evaluation.observe(statistics.innerEvaluationS)
    sorting.observe(statistics.sortS)
    samples.add(Double(statistics.totalSamples))
  }
}
