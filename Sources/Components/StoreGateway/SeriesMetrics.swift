// What Series calls take, in Thanos' names.
internal import Observability
internal import StoreServing
internal import Transport

/// Counts what Series calls take.
final class SeriesMetrics: SeriesObserver {
  private let asked: Counter
  private let waited: Observability.Histogram
  private let touched, touchedBytes, blocks, getAll, merge, result: HistogramFamily
  private let dropped: CounterFamily
  private let seriesSent, chunksSent: Observability.Histogram

  private static func doubling(_ first: Double, _ count: Int) -> [Double] {
    (0..<count).map { first * Double(UInt64(1) << UInt64($0)) }
  }

  private static let seconds = [0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120]

  /// Metrics in `metrics` for calls that pass `gate`.
  init(_ metrics: MetricsRegistry, _ gate: ConcurrencyGate) {
    let tenant = ["tenant"]
    asked = metrics.counter(
      "thanos_bucket_store_series_gate_queries_total", "Series calls that came to the gate.")
    waited = metrics.histogram(
      "thanos_bucket_store_series_gate_queries_duration_seconds", "How long Series calls waited at the gate.",
      buckets: [0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720])
    touched = metrics.histogram(
      "thanos_bucket_store_series_data_touched", "Postings, series and chunks that a Series call looked at.",
      labels: ["data_type", "tenant"], buckets: Self.doubling(200, 15))
    touchedBytes = metrics.histogram(
      "thanos_bucket_store_series_data_size_touched_bytes", "Bytes that a Series call looked at, by what is counted.",
      labels: ["data_type", "tenant"], buckets: Self.doubling(1024, 15))
    blocks = metrics.histogram(
      "thanos_bucket_store_series_blocks_queried", "Blocks that a Series call looked into.", labels: tenant,
      buckets: Self.doubling(1, 10))
    getAll = metrics.histogram(
      "thanos_bucket_store_series_get_all_duration_seconds", "How long it took until all blocks were prepared.",
      labels: tenant, buckets: Self.seconds)
    merge = metrics.histogram(
      "thanos_bucket_store_series_merge_duration_seconds", "How long merging and sending took.", labels: tenant,
      buckets: Self.seconds)
    result = metrics.histogram(
      "thanos_bucket_store_series_result_series", "Series that a Series call sent.", labels: tenant,
      buckets: Self.doubling(100, 15))
    dropped = metrics.counter(
      "thanos_bucket_store_queries_dropped_total", "Calls that reached a limit.", labels: ["reason", "tenant"])
    for reason in ["series", "chunks", "bytes"] { _ = dropped.with([reason, "default-tenant"]) }
    seriesSent = metrics.histogram(
      "thanos_store_server_series_requested", "Series that a Series call sent.",
      buckets: [1, 10, 100, 1000, 10_000, 100_000, 1_000_000])
    chunksSent = metrics.histogram(
      "thanos_store_server_chunks_requested", "Chunks that a Series call sent.",
      buckets: [1, 100, 1000, 10_000, 100_000, 10_000_000, 100_000_000, 1_000_000_000])
    metrics.collect { metrics in
      metrics.gauge(
        "thanos_bucket_store_series_gate_queries_max", "Series calls that may run at the same time.",
        Double(gate.width),
        labels: [:])
      metrics.gauge(
        "thanos_bucket_store_series_gate_queries_in_flight", "Series calls that run or wait.",
        Double(gate.inUseCount + gate.waitingCount + gate.outsideCount), labels: [:])
      metrics.gauge(
        "thanos_store_server_pending_series_requests", "Series calls that run or wait.",
        Double(gate.inUseCount + gate.waitingCount + gate.outsideCount), labels: [:])
    }
  }

  func seriesAsked() { asked.add(1) }

  func seriesBegan(after wait: Duration) { waited.observe(wait) }

  func seriesEnded(_ outcome: SeriesOutcome?, tenant: String, error: (any Error)?) {
    if let error, GRPCStatus(of: error).code == .resourceExhausted {
      let message = GRPCStatus(of: error).message
      let reason =
        message.contains("exceeded series limit")
        ? "series" : message.contains("exceeded chunks limit") ? "chunks" : "bytes"
      dropped.with([reason, tenant]).add(1)
    }
    guard let outcome else { return }
    touched.with(["postings", tenant]).observe(Double(outcome.postingsTouched))
    touched.with(["series", tenant]).observe(Double(outcome.seriesTouched))
    touched.with(["chunks", tenant]).observe(Double(outcome.chunksTouched))
    touchedBytes.with(["all", tenant]).observe(Double(outcome.bytesTouched))
    blocks.with([tenant]).observe(Double(outcome.blocksQueried))
    getAll.with([tenant]).observe(outcome.selecting)
    merge.with([tenant]).observe(outcome.sending)
    guard outcome.isWhole else { return }
    result.with([tenant]).observe(Double(outcome.seriesSent))
    seriesSent.observe(Double(outcome.seriesSent))
    chunksSent.observe(Double(outcome.chunksSent))
  }
}
