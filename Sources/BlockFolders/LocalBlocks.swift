// Folders of blocks on this machine as one catalog: a bucket in a folder, the data folder of a running Prometheus, or a copy of
// some blocks. They are looked through again and again, since blocks come, are compacted into others and go.
//
//   bucket/                01J…  01K…          all of them become one catalog; what else lies there (wal, chunks_head, lock,
//   prometheus/data/       01L…  01M…  wal …   temporary folders) is left alone, and so are blocks that others were made of
internal import BucketBlocks
internal import Locking
internal import ObjectStore
public import Observability
internal import Storage
public import StoreServing
internal import Synchronization
public import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// The blocks of some folders. Thread-safe.
public final class LocalBlocks: Sendable {
  /// A folder of blocks.
  public struct Folder: Sendable {
    /// Its path.
    public var path: String
    /// Whether blocks in it may be marked for deletion, as in a bucket.
    public var hasMarks: Bool

    /// The folder at `path`.
    public init(path: String, hasMarks: Bool = false) {
      self.path = path
      self.hasMarks = hasMarks
    }
  }

  private struct Watched: Sendable {
    let folder: Folder
    let bucket: FolderBucket
    let fetcher: BlockFetcher
  }

  /// A block that is served.
  private struct Found {
    var entry: ServedBlock
    var path: String
    /// Which of the folders it lies in.
    var folder: Int
    var chunkCount: Int64
  }

  private struct State {
    var known: [ULID: Found] = [:]
    var problems: [ULID: String] = [:]
    var unreadable: [String: String] = [:]
  }

  /// What is served.
  public let catalog: ServedBlocks

  private let watched: [Watched]
  private let gate = ConcurrencyGate(width: 1)
  private let logger: Logger
  private let state: SharedState

  /// For the closure that the catalog opens blocks by.
  private final class SharedState: Sendable {
    let value = Guarded(State())
  }

  /// The blocks in `folders`; `sync` looks for them. Blocks marked for deletion longer ago than `deletionDelayMs` are left
  /// out. At most `openBlocksMax` stay open beside those in use.
  public init(
    _ folders: [Folder], deletionDelayMs: Int64 = 86_400_000, openBlocksMax: Int = 4096, logger: Logger = .none
  ) {
    self.logger = logger
    watched = folders.map { folder in
      let bucket = FolderBucket(path: folder.path)
      let marks: [any BlockFilter] = folder.hasMarks ? [DeletionMarkFilter(delayMs: deletionDelayMs)] : []
      return Watched(
        folder: folder, bucket: bucket, fetcher: BlockFetcher(bucket: bucket, filters: marks + [DuplicateFilter()]))
    }
    let state = SharedState()
    self.state = state
    catalog = ServedBlocks(openBlocksMax: openBlocksMax) { entry in
      guard let path = state.value.withLock({ $0.known[entry.ulid]?.path }) else {
        throw StorageError(.notFound, "open block \(entry.ulid): it is served no longer")
      }
      return try Block.open(path: path)
    }
  }

  /// Whether there is a folder at `path` that can be read.
  public static func isFolder(_ path: String) -> Bool {
    guard let folder = unsafe opendir(path) else { return false }
    unsafe closedir(folder)
    return true
  }

  /// Blocks that are there and are not served, with what is wrong.
  public var problems: [ULID: String] { state.value.withLock { $0.problems } }

  /// How many chunks the blocks have, as their meta.json say.
  public var chunkCount: Int64 { state.value.withLock { $0.known.values.reduce(0) { $0 &+ $1.chunkCount } } }

  /// One look at all folders. A folder that cannot be read keeps what was served from it. Throws `CancellationError`.
  public func sync() async throws { try await gate.run { _ in try await look() } }

  private func look() async throws {
    let before = state.value.withLock { $0 }
    var now = State()
    for folder in watched.indices {
      do {
        try await look(at: folder, before, &now)
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        now.unreadable[watched[folder].folder.path] = "\(error)"
        for (ulid, found) in before.known where found.folder == folder && now.known[ulid] == nil {
          now.known[ulid] = found
        }
      }
    }
    note(now, before)
    // What is known first: the catalog opens by it.
    let found = now
    state.value.withLock { $0 = found }
    catalog.replace(with: found.known.values.map(\.entry))
    await open(found.known.values.map(\.entry).filter { before.known[$0.ulid]?.entry != $0 })
  }

  private func look(at folder: Int, _ before: State, _ now: inout State) async throws {
    let watched = watched[folder]
    let view = try await stableView(of: folder, before)
    for meta in view.blocks where now.known[meta.ulid] == nil {
      var entry = ServedBlock(meta)
      // Deleting series from a Prometheus writes this file anew; a bucket's blocks never change.
      if !watched.folder.hasMarks {
        entry.revision = try? await watched.bucket.attributes("\(meta.ulid)/tombstones").modifiedMs
      }
      now.known[meta.ulid] = Found(
        entry: entry, path: "\(watched.folder.path)/\(meta.ulid)", folder: folder,
        chunkCount: Int64(clamping: meta.stats.chunkCount))
    }
    for (ulid, aside) in view.setAside where aside.state == .malformedMeta || aside.state == .failed {
      now.problems[ulid] = aside.reason
    }
    // What could not be read this time says nothing about a block that was good the time before.
    for (ulid, reason) in view.failures where now.known[ulid] == nil {
      if let known = before.known[ulid] {
        now.known[ulid] = known
      } else {
        now.problems[ulid] = reason
      }
    }
  }

  /// What is in a folder, without a hole in it: who compacts writes the new block first and then deletes those that it was made of,
  /// so that a look which misses a block that was there may have begun before the new one was. The next look sees it.
  private func stableView(of folder: Int, _ before: State) async throws -> BlockView {
    var known = Set(before.known.filter { $0.value.folder == folder }.keys)
    while true {
      let view = try await watched[folder].fetcher.fetch()
      let now = Set(view.blocks.ids)
      if known.subtracting(now).isEmpty { return view }
      known = now
    }
  }

  private func note(_ now: State, _ before: State) {
    for (path, reason) in now.unreadable where before.unreadable[path] != reason {
      logger.warn("looking for blocks failed", ("folder", .string(path)), ("err", .string(reason)))
    }
    for (ulid, reason) in now.problems where before.problems[ulid] != reason {
      logger.warn("block is set aside", ("block", .string("\(ulid)")), ("err", .string(reason)))
    }
    let (added, gone) = (
      now.known.keys.filter { before.known[$0] == nil }, before.known.keys.filter { now.known[$0] == nil }
    )
    guard !added.isEmpty || !gone.isEmpty else { return }
    logger.info(
      "blocks changed", ("served", .int(now.known.count)), ("added", .int(added.count)), ("removed", .int(gone.count)))
  }

  /// Opens blocks before somebody asks for them: who deletes them afterwards takes nothing away from a query that has begun.
  private func open(_ entries: [ServedBlock]) async {
    let (catalog, logger) = (catalog, logger)
    await BlockingThreads.files.run {
      for entry in entries {
        if let error = catalog.problemOfOpening(entry) {
          logger.warn("opening block failed", ("block", .string("\(entry.ulid)")), ("err", .string("\(error)")))
        }
      }
    }
  }

  /// Looks at the folders every `intervalMs`, until the task is cancelled.
  public func follow(intervalMs: Int) async throws {
    while true {
      try await Task.sleep(for: .milliseconds(intervalMs))
      try await sync()
    }
  }
}
