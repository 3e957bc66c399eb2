// What Thanos tells about its looks at a bucket.
public import Observability

/// `thanos_blocks_meta_*`, or the same under another prefix.
public struct BlockFetcherMetrics: Sendable {
  let baseSyncs, baseCacheBusts, syncs, syncFailures: Counter
  let syncSeconds: Histogram
  private let synced: GaugeFamily
  private let modified: Gauge

  /// The metrics in `registry`; `prefix` is `thanos_blocks_meta` in components and `thanos_bucket_blocks_meta` in tools.
  public init(_ registry: MetricsRegistry, prefix: String = "thanos_blocks_meta") {
    baseSyncs = registry.counter("\(prefix)_base_syncs_total", "Rounds of reading the blocks' metas.")
    baseCacheBusts = registry.counter(
      "\(prefix)_base_cache_busts_total", "Metas that were read again since the object had changed.")
    syncs = registry.counter("\(prefix)_syncs_total", "Rounds of reading and filtering the blocks' metas.")
    syncFailures = registry.counter("\(prefix)_sync_failures_total", "Rounds in which not everything could be learnt.")
    syncSeconds = registry.histogram(
      "\(prefix)_sync_duration_seconds", "How long rounds took.", buckets: [0.01, 1, 10, 100, 300, 600, 1000])
    synced = registry.gauge("\(prefix)_synced", "Blocks by what became of them in the last round.", labels: ["state"])
    modified =
      registry.gauge(
        "\(prefix)_modified", "Changes that the last round made to metas in memory.", labels: ["modified"]
      ).with("replica-label-removed")
    for state in BlockState.allCases { synced.with(state.rawValue).set(0) }
  }

  func set(_ view: BlockView) {
    for state in BlockState.allCases { synced.with(state.rawValue).set(view.counts[state] ?? 0) }
    modified.set(view.removedReplicaLabelCount)
  }
}
