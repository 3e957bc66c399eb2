// What is counted of the Series calls that a querier answers, in Thanos' names.
internal import Observability
internal import StoreServing

struct ProxyMetrics {
  private let series, chunks: Observability.Histogram
  private let pending: Gauge
  private let dropped: CounterFamily
  private let empty: Counter

  /// Metrics in `registry`.
  init(_ registry: MetricsRegistry) {
    let bounds: [Double] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
    series = registry.histogram(
      "thanos_store_server_series_requested", "Series that were sent in answer to a Series call.", buckets: bounds)
    chunks = registry.histogram(
      "thanos_store_server_chunks_requested", "Chunks that were sent in answer to a Series call.", buckets: bounds)
    pending = registry.gauge("thanos_store_server_pending_series_requests", "Series calls that are being answered.")
    dropped = registry.counter(
      "thanos_store_selects_dropped_total", "Series calls that went beyond a limit.", labels: ["reason"])
    empty = Self.emptyAnswers(registry)
  }

  /// Counts stores that had nothing to answer with.
  static func emptyAnswers(_ registry: MetricsRegistry) -> Counter {
    registry.counter("thanos_proxy_store_empty_stream_responses_total", "Answers of stores without any series.")
  }

  /// Counts calls.
  var observer: ProxyStoreService.Observer {
    let (series, chunks, pending, dropped, empty) = (series, chunks, pending, dropped, empty)
    for reason in ["series", "chunks"] { dropped.with(reason).add(0) }
    return ProxyStoreService.Observer(
      began: { pending.add(1) },
      ended: { outcome in
        pending.add(-1)
        series.observe(Double(outcome.seriesSent))
        chunks.observe(Double(outcome.chunksSent))
        empty.add(Double(outcome.emptyAnswers))
        if let limit = outcome.brokenLimit { dropped.with(limit.rawValue).add(1) }
      })
  }
}
