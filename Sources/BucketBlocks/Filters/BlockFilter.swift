// What decides which blocks are worked with. Filters are applied one after the other; each sees what those before it left.
public import ObjectStore
public import Observability
internal import Storage
public import TSModel

/// What a filter may need besides the blocks.
public struct BlockFilterContext: Sendable {
  /// Where the blocks lie.
  public let bucket: any Bucket
  /// Now, milliseconds since the Unix epoch.
  public let nowMs: Int64
  /// Objects that may be read at a time.
  public let concurrency: Int
  /// Where warnings go.
  public let logger: Logger
  /// What the sync before this one found; nil for the first.
  public let lastView: BlockView?
  /// Where the bucket's files are on this machine: the threads that read them.
  let threads: BlockingThreads?
}

/// A rule for which blocks are worked with.
public protocol BlockFilter: Sendable {
  /// Sets blocks of `view` aside, or notes something about them. Throws only what makes the whole sync worthless.
  func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws
}

/// Keeps blocks that overlap a range of time; both ends count.
public struct TimeRangeFilter: BlockFilter {
  private let range: @Sendable (_ nowMs: Int64) -> TimeRange

  /// Keeps what overlaps `range`.
  public init(_ range: TimeRange) { self.range = { _ in range } }

  /// Keeps what overlaps a range that moves on with time, as `--min-time=-2w` says it.
  public init(_ range: @escaping @Sendable (_ nowMs: Int64) -> TimeRange) { self.range = range }

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    let range = range(context.nowMs)
    view.setAside(listed: false) { meta in
      if meta.maxTimeExclusiveMs >= range.minTimeMs, meta.minTimeMs <= range.maxTimeMs { return nil }
      return SetAside(.timeExcluded, "")
    }
  }
}

/// Keeps blocks whose external labels, with `__block_id`, outlast relabelling.
public struct RelabelFilter: BlockFilter {
  private let relabel: @Sendable (Labels) -> Labels?

  /// Keeps blocks of whose labels `rules` leave something.
  public init(_ rules: [RelabelRule]) { relabel = { rules.apply(to: $0) } }

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    view.setAside(listed: false) { meta in
      let own = meta.thanos?.labels ?? []
      let labels = Labels(
        labels: own.filter { $0.name != "__block_id" } + [.init(name: "__block_id", value: meta.ulid.description)])
      if let left = relabel(labels), !left.isEmpty { return nil }
      return SetAside(.labelExcluded, "")
    }
  }
}

/// Sets aside blocks that are so young that a bucket may not show all their parts yet. Those that a compactor made count as
/// old enough.
public struct ConsistencyDelayFilter: BlockFilter {
  private let delayMs: Int64

  /// Sets aside what is younger than `delayMs`; 0 lets all pass.
  public init(delayMs: Int64) { self.delayMs = delayMs }

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    guard delayMs > 0 else { return }
    view.setAside { meta in
      if ["bucket.repair", "compactor", "compactor.repair"].contains(meta.thanos?.source ?? "") { return nil }
      // The time of the upload where it is known (it never is before 1970), else that of the name.
      let uploadMs = meta.thanos.flatMap { TimestampText.ms($0.uploadTime) } ?? -1
      let bornMs = uploadMs > 0 ? uploadMs : meta.ulid.timeMs
      let ageMs = context.nowMs.subtractingReportingOverflow(bornMs).partialValue
      guard ageMs < delayMs else { return nil }
      return SetAside(
        .tooFresh, "it is \(ageMs / 1000) s old, less than the \(delayMs / 1000) s of the consistency delay")
    }
  }
}

/// Sets aside blocks all of whose sources are in another block of the same resolution as well: what compaction has replaced
/// and not deleted yet. A block that names no sources is kept: nothing says what it holds.
public struct DuplicateFilter: BlockFilter {
  /// Sets aside what another block has as well.
  public init() {}

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    struct Key: Hashable {
      var resolutionMs: Int64
      var source: ULID
    }
    // Most sources first, then by name, so that the block that stays comes before those that it covers.
    let order = view.blocks.indices.sorted { a, b in
      let (left, right) = (view.blocks[a].compaction.sources.count, view.blocks[b].compaction.sources.count)
      return left != right ? left > right : a < b
    }
    var holders: [Key: [Int]] = [:]
    var covered: [ULID: ULID] = [:]
    for index in order {
      let meta = view.blocks[index]
      let sources = meta.compaction.sources
      guard let first = sources.first else { continue }
      let resolutionMs = meta.thanos?.resolutionMs ?? 0
      // A block that covers this one holds its first source: only those need to be looked at.
      let holder = holders[Key(resolutionMs: resolutionMs, source: first)]?.first { candidate in
        let theirs = Set(view.blocks[candidate].compaction.sources)
        return sources.allSatisfy(theirs.contains)
      }
      if let holder {
        covered[meta.ulid] = view.blocks[holder].ulid
      } else {
        for source in Set(sources) {
          holders[Key(resolutionMs: resolutionMs, source: source), default: []].append(index)
        }
      }
    }
    view.setAside { meta in
      covered[meta.ulid].map { SetAside(.duplicate, "all of its sources are in block \($0) as well") }
    }
  }
}

/// Takes replica labels from the external labels, so that blocks of replicas look like those of one.
public struct ReplicaLabelFilter: BlockFilter {
  private let names: [String]

  /// Takes these labels away. Where no label is left, the first of them stays with the value `deduped`.
  public init(_ names: [String]) { self.names = names }

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    guard let first = names.first else { return }
    let wanted = Set(names)
    var count = 0
    let metas = view.blocks.map { meta in
      guard let labels = meta.thanos?.labels else { return meta }
      var left = labels.filter { !wanted.contains($0.name) }
      count += labels.count - left.count
      if left.isEmpty { left = [Labels.Label(name: first, value: "deduped")] }
      var changed = meta
      changed.thanos?.labels = left
      return changed
    }
    view.blocks = BlockCatalog(metas)
    view.removedReplicaLabelCount += count
  }
}
