// Which blocks a bucket holds. One sync lists the root, reads the metas that are not known yet, and lets the filters decide
// what of it is to be worked with. Nothing that is wrong with one block keeps the others from being used.
internal import Locking
public import ObjectStore
public import Observability
internal import Storage
internal import Synchronization
internal import TSModel

/// Looks for blocks in a bucket, again and again; what it has read it does not read again.
public final class BlockFetcher: Sendable {
  /// How blocks are looked for.
  public enum Discovery: String, Sendable, CaseIterable {
    /// One listing of the root, and for each block a question whether its `meta.json` is there.
    case concurrent
    /// One listing of everything; metas that changed are read again.
    case recursive
  }

  /// Choices of a fetcher.
  public struct Options: Sendable {
    /// A folder in which metas are kept between runs, `<data-dir>/meta-syncer`; nil for none. Not used for buckets that lie
    /// on this machine.
    public var cacheFolder: String?
    /// Metas and marks that are read at a time.
    public var concurrency = 32
    /// How blocks are looked for.
    public var discovery = Discovery.concurrent
    /// Whether metas keep what only people and compactors read: lists of files, parents, rewrites, extensions. Without it ten
    /// thousand blocks take a few MB.
    public var keepsDetails = false

    /// The defaults.
    public init() {}
  }

  private struct Known: Sendable {
    var catalog = BlockCatalog()
    /// When metas were put, by a recursive listing, milliseconds.
    var modifiedMs: [ULID: Int64] = [:]
    var lastView: BlockView?
  }

  private enum Loaded: Sendable {
    case meta(BlockMeta)
    case noMeta
    case malformed(String)
    case failed(String)
  }

  /// The most that a `meta.json` may have, bytes.
  private static let metaBytesMax = 32 << 20

  private let bucket: any Bucket
  private let options: Options
  private let filters: [any BlockFilter]
  private let metrics: BlockFetcherMetrics?
  private let logger: Logger
  private let nowMs: @Sendable () -> Int64
  private let cache: FolderBucket?
  /// Where a bucket's files are on this machine: the threads that read them.
  private let threads: BlockingThreads?
  private let known = Guarded(Known())

  /// A fetcher of `bucket`'s blocks. `filters` are applied in their order; `nowMs` is the clock that ages are taken by.
  public init(
    bucket: any Bucket, options: Options = Options(), filters: [any BlockFilter] = [],
    metrics: BlockFetcherMetrics? = nil, logger: Logger = .none, nowMs: (@Sendable () -> Int64)? = nil
  ) {
    self.bucket = bucket
    self.options = options
    self.filters = filters
    self.metrics = metrics
    self.logger = logger.with(("component", "block.BaseFetcher"))
    self.nowMs = nowMs ?? { WallClock.nowMs() }
    // Copies of files of this machine would only be read twice.
    let isLocal = bucket.localPath("meta.json") != nil
    threads = isLocal ? .files : nil
    cache = isLocal ? nil : options.cacheFolder.map { FolderBucket(path: $0, isDurable: false) }
  }

  /// One look at the bucket. Throws where it cannot be listed, and `CancellationError`; all else is in the view.
  public func fetch() async throws -> BlockView {
    let watch = Stopwatch()
    metrics?.syncs.add(1)
    metrics?.baseSyncs.add(1)
    do {
      var view = try await load()
      let context = BlockFilterContext(
        bucket: bucket, nowMs: nowMs(), concurrency: options.concurrency, logger: logger,
        lastView: known.withLock { $0.lastView }, threads: threads)
      for filter in filters { try await filter.apply(to: &view, context) }
      view.counts[.loaded] = view.blocks.count
      view.counts[.failed] = view.failures.count
      let finished = view
      known.withLock { $0.lastView = finished }
      metrics?.set(view)
      metrics?.syncSeconds.observe(watch.elapsed)
      if !view.isComplete { metrics?.syncFailures.add(1) }
      let duration = watch.elapsed
      logger.info(
        "successfully synchronized block metadata", ("duration", .duration(duration)),
        ("duration_ms", .int(Int64(duration.seconds * 1000))), ("cached", .int(view.knownCount)),
        ("returned", .int(view.blocks.count)), ("partial", .int(view.partial.count)))
      return view
    } catch {
      metrics?.syncFailures.add(1)
      throw error
    }
  }

  // MARK: Loading

  /// All blocks with their metas, unfiltered.
  private func load() async throws -> BlockView {
    let (ids, modifiedMs) = try await list()
    let before = known.withLock { ($0.catalog, $0.modifiedMs) }
    let isRecursive = options.discovery == .recursive
    let loaded = try await concurrentMap(ids, width: options.concurrency, on: threads) { [self] id in
      if let meta = before.0[id] {
        if isRecursive, modifiedMs[id] == nil { return Loaded.noMeta }
        if isRecursive, before.1[id] == modifiedMs[id] { return .meta(meta) }
        if isRecursive {
          metrics?.baseCacheBusts.add(1)
          return try await read(id, fromCache: false)
        }
        return try await isThere(id, meta)
      }
      if isRecursive, modifiedMs[id] == nil { return .noMeta }
      return try await read(id, fromCache: true)
    }
    var view = BlockView()
    var metas: [BlockMeta] = []
    metas.reserveCapacity(ids.count)
    var labels: Set<[Labels.Label]> = []
    for (id, loaded) in zip(ids, loaded) {
      switch loaded {
      case .meta(var meta):
        // External labels are those of few Prometheus servers: one copy for all their blocks.
        if let own = meta.thanos?.labels { meta.thanos?.labels = labels.insert(own).memberAfterInsert }
        metas.append(meta)
      case .noMeta:
        view.setAside[id] = SetAside(.noMeta, "there is no meta.json: the block is not complete, or is being deleted")
        view.counts[.noMeta, default: 0] += 1
      case .malformed(let reason):
        view.setAside[id] = SetAside(.malformedMeta, reason)
        view.counts[.malformedMeta, default: 0] += 1
      case .failed(let reason):
        view.failures[id] = reason
        view.setAside[id] = SetAside(.failed, reason)
      }
    }
    let catalog = BlockCatalog(metas)
    view.blocks = catalog
    view.knownCount = catalog.count
    let isComplete = view.isComplete
    known.withLock { known in
      known.catalog = catalog
      known.modifiedMs = modifiedMs
    }
    if isComplete { await removeFromCache(allBut: catalog) }
    return view
  }

  /// The names of what looks like a block, ascending, and with a recursive listing when their metas were put.
  private func list() async throws -> (ids: [ULID], modifiedMs: [ULID: Int64]) {
    var ids: [ULID] = []
    var modifiedMs: [ULID: Int64] = [:]
    try await bucket.iterate(prefix: "", recursive: options.discovery == .recursive) { entry in
      guard let slash = entry.name.firstIndex(of: "/"), let id = ULID(String(entry.name[..<slash])) else { return }
      if ids.last != id { ids.append(id) }
      if entry.name[slash...] == "/meta.json" { modifiedMs[id] = entry.attributes?.modifiedMs ?? 0 }
    }
    return (Array(Set(ids)).sorted(), modifiedMs)
  }

  private func isThere(_ id: ULID, _ meta: BlockMeta) async throws -> Loaded {
    do throws(BucketError) {
      return try await bucket.exists("\(id)/meta.json") ? .meta(meta) : .noMeta
    } catch {
      if error.code == .cancelled { throw CancellationError() }
      return .failed("\(error)")
    }
  }

  /// The meta of a block that is not known yet, or has changed.
  private func read(_ id: ULID, fromCache: Bool) async throws -> Loaded {
    let name = "\(id)/meta.json"
    if fromCache, let cache, let meta = await cached(id, name, cache) { return try await isThere(id, meta) }
    let bytes: [UInt8]
    do throws(BucketError) {
      bytes = try await bucket.get(name, byteCountMax: Self.metaBytesMax)
    } catch {
      switch error.code {
      case .notFound: return .noMeta
      case .cancelled: throw CancellationError()
      case .size: return .malformed("\(error)")
      default: return .failed("\(error)")
      }
    }
    do throws(StorageError) {
      let meta = trimmed(try BlockMeta(json: bytes), id)
      if let cache {
        do throws(BucketError) { try await cache.upload(name, bytes: bytes) } catch {
          logger.warn(
            "best effort save of the meta.json to local dir failed; ignoring", ("block", .describing(id)), error: error)
        }
      }
      return .meta(meta)
    } catch {
      return error.code == .version ? .failed("\(name): \(error)") : .malformed("\(name): \(error)")
    }
  }

  /// The meta of an earlier run. One that cannot be read is deleted.
  private func cached(_ id: ULID, _ name: String, _ cache: FolderBucket) async -> BlockMeta? {
    do {
      return trimmed(try BlockMeta(json: try await cache.get(name, byteCountMax: Self.metaBytesMax)), id)
    } catch {
      if (error as? BucketError)?.code == .notFound { return nil }
      logger.warn(
        "best effort read of the local meta.json failed; removing it", ("block", .describing(id)), error: error)
      do { try await cache.delete(name) } catch {
        logger.warn(
          "best effort remove of a malformed local meta.json failed; ignoring", ("block", .describing(id)), error: error
        )
      }
      return nil
    }
  }

  /// Forgets metas of blocks that are gone.
  private func removeFromCache(allBut catalog: BlockCatalog) async {
    guard let cache else { return }
    do {
      for entry in try await cache.entries(prefix: "") where entry.isFolder {
        guard let id = ULID(String(entry.baseName)), !catalog.contains(id: id) else { continue }
        try await cache.delete("\(id)/meta.json")
      }
    } catch {
      logger.warn("best effort remove of not needed cached dirs failed; ignoring", error: error)
    }
  }

  /// The meta under the name of its folder, which is where the block is found, and without what nobody here reads.
  private func trimmed(_ meta: BlockMeta, _ id: ULID) -> BlockMeta {
    var meta = meta
    meta.ulid = id
    guard !options.keepsDetails else { return meta }
    meta.compaction.parents = []
    meta.compaction.hints = []
    meta.thanos?.segmentFiles = []
    meta.thanos?.files = []
    meta.thanos?.rewrites = []
    meta.thanos?.extensions = nil
    return meta
  }
}
