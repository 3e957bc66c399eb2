// Which blocks are served: looks at the bucket from time to time, opens what is new, and sets aside what cannot be opened.
internal import BucketBlocks
internal import ComponentSupport
internal import Locking
internal import ObjectStore
internal import Observability
internal import Storage
internal import StoreServing
internal import Synchronization
internal import TSModel

/// What happens to the blocks of a store gateway, in Thanos' names.
struct BlockMetrics: Sendable {
  let loads, loadFailures, drops, dropFailures, readFailures: Counter
  let loaded, lastLoaded: Gauge
  let loadSeconds: Observability.Histogram

  init(_ registry: MetricsRegistry, consistencyDelaySeconds: Double) {
    loads = registry.counter("thanos_bucket_store_block_loads_total", "Blocks that were opened, or tried to.")
    loadFailures = registry.counter(
      "thanos_bucket_store_block_load_failures_total", "Blocks that could not be opened and were set aside.")
    drops = registry.counter("thanos_bucket_store_block_drops_total", "Blocks that are not served any more.")
    dropFailures = registry.counter(
      "thanos_bucket_store_block_drop_failures_total",
      "Blocks that could not be let go; there is nothing that could fail.")
    readFailures = registry.counter(
      "apus_store_block_read_failures_total",
      "Blocks that could not be read while they were served, and were set aside.")
    loaded = registry.gauge("thanos_bucket_store_blocks_loaded", "Blocks that are served.")
    lastLoaded = registry.gauge(
      "thanos_bucket_store_blocks_last_loaded_timestamp_seconds", "When the blocks were looked through last, Unix time."
    )
    registry.gauge("thanos_consistency_delay_seconds", "Blocks younger than this are left alone.").set(
      consistencyDelaySeconds)
    loadSeconds = registry.histogram(
      "thanos_bucket_store_block_load_duration_seconds", "How long opening a block took.",
      buckets: [0.1, 0.2, 0.5, 1, 2, 5, 15, 30, 60, 120, 300])
  }
}

/// A block that is there and is not served, and why.
struct BadBlock: Sendable {
  /// What became of it: a label of `thanos_blocks_meta_synced`, `load-failed` or `read-failed`.
  var state: String
  /// What is wrong.
  var reason: String
}

/// Keeps a catalog in step with a bucket.
final class BlockSync: Sendable {
  /// A block that could not be read while it was served. It stays aside until its files are others.
  private struct Unreadable {
    var block: BadBlock
    /// What its files were like at the first look after the failure.
    var files: String?
  }

  private struct State {
    var served: Set<ULID> = []
    var unreadable: [ULID: Unreadable] = [:]
    var bad: [ULID: BadBlock] = [:]
    var syncedMs: Int64 = 0
    var failure: String?
  }

  private let bucket: any Bucket
  private let fetcher: BlockFetcher
  private let openConcurrency: Int
  private let metrics: BlockMetrics
  private let logger: Logger
  private let state = Guarded(State())
  /// What is served.
  let catalog: ServedBlocks

  init(_ settings: StoreSettings, bucket: any Bucket, metrics registry: MetricsRegistry, logger: Logger) {
    self.bucket = bucket
    self.logger = logger
    openConcurrency = settings.openConcurrency
    metrics = BlockMetrics(registry, consistencyDelaySeconds: Double(settings.consistencyDelayMs) / 1000)
    var options = BlockFetcher.Options()
    options.cacheFolder = settings.dataFolder
    options.concurrency = settings.metaConcurrency
    options.discovery = settings.discovery
    fetcher = BlockFetcher(
      bucket: bucket, options: options,
      filters: [
        TimeRangeFilter { settings.timeRange(nowMs: $0) }, RelabelFilter(settings.rules),
        ConsistencyDelayFilter(delayMs: settings.consistencyDelayMs),
        DeletionMarkFilter(delayMs: settings.deletionDelayMs),
        DuplicateFilter(),
      ], metrics: BlockFetcherMetrics(registry), logger: logger)
    catalog = ServedBlocks { entry in try Self.open(entry.ulid, nil, in: bucket) }
  }

  /// The blocks that are set aside, the time of the last look (milliseconds, 0: none yet) and what went wrong with it.
  var status: (bad: [ULID: BadBlock], syncedMs: Int64, failure: String?) {
    state.withLock { ($0.bad, $0.syncedMs, $0.failure) }
  }

  private static func open(_ ulid: ULID, _ meta: BlockMeta?, in bucket: any Bucket) throws -> Block {
    guard let path = bucket.localPath("\(ulid)") else {
      throw StorageError(.io, "open block \(ulid): the bucket \(bucket.name) is not a folder of this machine")
    }
    return try Block.open(path: path, meta: meta)
  }

  /// One look at the bucket. Throws where the bucket cannot be listed: what was served stays.
  func sync() async throws {
    let view: BlockView
    do { view = try await fetcher.fetch() } catch {
      state.withLock { $0.failure = "\(error)" }
      throw error
    }
    let entries = view.blocks.map { ServedBlock($0) }
    let before = state.withLock { $0.served }
    await lookAtUnreadable(Set(view.blocks.map(\.ulid)).union(view.failures.keys))
    let aside = state.withLock { $0.unreadable }
    let failed = await openNew(view.blocks.filter { !before.contains($0.ulid) && aside[$0.ulid] == nil })
    try Task.checkCancellation()
    var bad: [ULID: BadBlock] = failed.mapValues { BadBlock(state: "load-failed", reason: $0) }
    for (ulid, aside) in view.setAside where aside.state.isDefect {
      bad[ulid] = BadBlock(state: aside.state.rawValue, reason: aside.reason)
    }
    for (ulid, reason) in view.failures { bad[ulid] = BadBlock(state: "failed", reason: reason) }
    // A meta that could not be read this time says nothing about a block that was good the time before.
    let known = Dictionary(catalog.blocks.map { ($0.ulid, $0) }, uniquingKeysWith: { first, _ in first })
    var served = entries.filter { failed[$0.ulid] == nil }
    served += view.failures.keys.compactMap { known[$0] }
    // Also what failed while this look went on.
    let unreadable = state.withLock { $0.unreadable }
    served.removeAll { unreadable[$0.ulid] != nil }
    for (ulid, block) in unreadable { bad[ulid] = block.block }
    let now = Set(served.map(\.ulid))
    for ulid in before.subtracting(now) where unreadable[ulid] == nil {
      metrics.drops.add(1)
      logger.info("dropped outdated block", ("block", .string("\(ulid)")))
    }
    catalog.replace(with: served)
    metrics.loaded.set(served.count)
    let syncedMs = WallClock.nowMs()
    metrics.lastLoaded.set(Double(syncedMs) / 1000)
    let listed = bad
    state.withLock {
      $0.served = now
      $0.bad = listed
      $0.syncedMs = syncedMs
      $0.failure = nil
    }
  }

  /// A request could not read a block that is served: it is set aside, and the next requests do without it. Not where the failure says nothing
  /// about the block (too many open files), and not where it is gone: the next look finds that.
  func readingFailed(_ entry: ServedBlock, _ error: any Error) {
    guard let failure = error as? StorageError, failure.disposition == .skipBlock, failure.code != .notFound,
      failure.code != .memory, failure.code != .permission
    else {
      logger.warn("reading block failed", ("block", .string("\(entry.ulid)")), error: error)
      return
    }
    let block = BadBlock(state: "read-failed", reason: failure.message)
    let isFirst = state.withLock { state in
      let isFirst = state.unreadable.updateValue(Unreadable(block: block), forKey: entry.ulid) == nil
      state.served.remove(entry.ulid)
      state.bad[entry.ulid] = block
      return isFirst
    }
    let wasServed = catalog.remove(entry)
    metrics.loaded.set(catalog.count)
    // Requests that began before may meet the same.
    guard isFirst || wasServed else { return }
    metrics.readFailures.add(1)
    logger.warn("reading block failed, it is set aside", ("block", .string("\(entry.ulid)")), error: error)
  }

  /// Blocks that are gone, or whose files have changed since they could not be read, are looked at anew.
  private func lookAtUnreadable(_ present: Set<ULID>) async {
    for (ulid, known) in state.withLock({ $0.unreadable }) {
      let files = present.contains(ulid) ? await self.files(of: ulid) : nil
      state.withLock { state in
        if !present.contains(ulid) || (known.files != nil && files != nil && files != known.files) {
          state.unreadable[ulid] = nil
        } else if known.files == nil {
          state.unreadable[ulid]?.files = files
        }
      }
    }
  }

  /// Names, sizes and times of a block's files; nil where they cannot be had.
  private func files(of ulid: ULID) async -> String? {
    do {
      var lines: [String] = []
      for entry in try await bucket.entries(prefix: "\(ulid)/", recursive: true) where !entry.isFolder {
        let attributes = try await bucket.attributes(entry.name)
        lines.append("\(entry.name) \(attributes.sizeBytes) \(attributes.modifiedMs)")
      }
      return lines.sorted().joined(separator: "\n")
    } catch { return nil }
  }

  /// Opens each block once, so that a broken one is found before somebody asks for it. What fails, and why.
  private func openNew(_ blocks: [BlockMeta]) async -> [ULID: String] {
    let width = min(openConcurrency, blocks.count)
    let failed = await withTaskGroup(of: [ULID: String].self) { group in
      for worker in 0..<width {
        group.addTask(executorPreference: BlockingThreads.files) { [self] in
          var failed: [ULID: String] = [:]
          for index in stride(from: worker, to: blocks.count, by: width) {
            if Task.isCancelled { break }
            if let problem = tryOpening(blocks[index]) { failed[blocks[index].ulid] = problem }
            // Others wait for the threads, too.
            if index / width % 64 == 63 { await Task.yield() }
          }
          return failed
        }
      }
      return await group.reduce(into: [:]) { all, failed in all.merge(failed) { first, _ in first } }
    }
    if !blocks.isEmpty {
      logger.info("loaded new blocks", ("count", .int(blocks.count - failed.count)), ("failed", .int(failed.count)))
    }
    return failed
  }

  /// What keeps a block from being opened; nil where nothing does.
  private func tryOpening(_ meta: BlockMeta) -> String? {
    metrics.loads.add(1)
    let watch = Stopwatch()
    var problem: String?
    do { _ = try Self.open(meta.ulid, meta, in: bucket) } catch { problem = "\(error)" }
    metrics.loadSeconds.observe(watch.elapsed)
    if let problem {
      metrics.loadFailures.add(1)
      logger.warn(
        "loading block failed", ("elapsed", .duration(watch.elapsed)), ("id", .string("\(meta.ulid)")),
        ("err", .string(problem)))
    } else {
      logger.debug("loaded new block", ("elapsed", .duration(watch.elapsed)), ("id", .string("\(meta.ulid)")))
    }
    return problem
  }
}

extension BlockState {
  /// Whether the block is not as it should be, and not just out of the question.
  fileprivate var isDefect: Bool { self == .malformedMeta || self == .noMeta || self == .failed }
}
