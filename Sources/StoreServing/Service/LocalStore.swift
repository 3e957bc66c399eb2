// The StoreAPI over the blocks of a catalog, without a network: requests in, messages out.
public import StoreAPI
public import TSModel
internal import Storage

/// What a store is and how much it gives.
public struct LocalStoreOptions: Sendable {
  /// The component, as Info tells it: `store`.
  public var componentType = "store"
  /// Limits of each request.
  public var limits = StoreLimits()
  /// Only samples in this range are given, the times of `--min-time` and `--max-time`.
  public var timeRange: @Sendable () -> TimeRange = { .all }
  /// Whether Series ends with hints about the blocks that were asked.
  public var sendsSeriesHints = false
  /// Is told of blocks that could not be opened or read, so that they can be counted, logged and set aside.
  public var onBlockFailure: @Sendable (ServedBlock, any Error) -> Void = { _, _ in }

  /// As `thanos store` is by default.
  public init() {}
}

/// A store over local blocks. Thread-safe; its calls block the thread for reading, and are meant for one where that does no
/// harm.
public final class LocalStore: Sendable {
  /// The blocks.
  public let catalog: ServedBlocks
  /// What it is and how much it gives.
  public let options: LocalStoreOptions
  /// What all requests together may take.
  let budget: MemoryBudget

  /// A store over `catalog` whose requests are charged to `budget`.
  public init(catalog: ServedBlocks, options: LocalStoreOptions = LocalStoreOptions(), budget: MemoryBudget) {
    self.catalog = catalog
    self.options = options
    self.budget = budget
  }

  /// What `/thanos.info.Info/Info` answers: times, external labels, and what the store can do.
  public func info() -> InfoResponse {
    var response = InfoResponse()
    response.componentType = options.componentType
    var store = StoreInfo()
    store.supportsSharding = true
    store.supportsWithoutReplicaLabels = true
    // Of no blocks: a range that no time is in.
    (store.minTimeMs, store.maxTimeMs) = (.max, .min)
    for group in catalog.snapshot.groups {
      let labels = LabelSetMessage(group.externalLabels)
      if !group.externalLabels.isEmpty { response.labelSets.append(labels) }
      for range in group.ranges {
        var info = TSDBInfo()
        info.labels = labels
        (info.minTimeMs, info.maxTimeMs) = (range.minTimeMs, range.maxTimeMs)
        store.tsdbInfos.append(info)
        store.minTimeMs = min(store.minTimeMs, range.minTimeMs)
        store.maxTimeMs = max(store.maxTimeMs, range.maxTimeMs)
      }
    }
    let range = options.timeRange()
    if range != .all, store.minTimeMs <= store.maxTimeMs {
      store.minTimeMs = max(store.minTimeMs, range.minTimeMs)
      store.maxTimeMs = min(store.maxTimeMs, range.maxTimeMs)
    }
    response.store = store
    return response
  }

  /// The memory of one request.
  func requestBudget() -> MemoryBudget {
    MemoryBudget(name: "request", limitBytes: options.limits.memoryBytesMax, parent: budget)
  }

  /// The block of `entry`, opened. What fails is told to `onBlockFailure`.
  func open(_ entry: ServedBlock) throws -> Block {
    do { return try catalog.block(entry) } catch {
      options.onBlockFailure(entry, error)
      throw error
    }
  }
}

extension BlockSnapshot.Group {
  /// The ranges of time that blocks cover without a gap, whatever their resolution: first instants, and the instants after.
  fileprivate var ranges: [TimeRange] {
    var ranges: [TimeRange] = []
    for block in levels.flatMap(\.blocks).sorted(by: { $0.minTimeMs < $1.minTimeMs }) {
      if let last = ranges.last, block.minTimeMs <= last.maxTimeMs {
        ranges[ranges.count - 1].maxTimeMs = max(last.maxTimeMs, block.maxTimeExclusiveMs)
      } else {
        ranges.append(TimeRange(minTimeMs: block.minTimeMs, maxTimeMs: block.maxTimeExclusiveMs))
      }
    }
    return ranges
  }
}
