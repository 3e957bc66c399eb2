// What one look at a bucket found: the blocks to work with, and what became of the others.
public import Storage
public import TSModel

/// What became of a block, in the words of the label `state` of `thanos_blocks_meta_synced`.
public enum BlockState: String, Sendable, CaseIterable {
  /// It can be used.
  case loaded
  /// Its `meta.json` could not be read, or is of a version that nobody knows.
  case failed
  /// It has no `meta.json`: it is being uploaded or deleted, or was never finished.
  case noMeta = "no-meta-json"
  /// Its `meta.json` is no JSON or no meta.
  case malformedMeta = "corrupted-meta-json"
  /// It is so young that parts of it may be missing still.
  case tooFresh = "too-fresh"
  /// It lies outside the range of time that is asked for.
  case timeExcluded = "time-excluded"
  /// Relabelling of its external labels drops it.
  case labelExcluded = "label-excluded"
  /// Another block has all that it has.
  case duplicate
  /// It was marked for deletion, long enough ago.
  case markedForDeletion = "marked-for-deletion"
  /// It is used, but never compacted.
  case markedForNoCompact = "marked-for-no-compact"
  /// It is used, but never downsampled.
  case markedForNoDownsample = "marked-for-no-downsample"
  /// Its data was converted to another format.
  case parquetMigrated = "parquet-migrated"
}

/// Why a block is not among those to work with.
public struct SetAside: Sendable, Equatable {
  /// What became of it.
  public var state: BlockState
  /// Why, for people.
  public var reason: String

  /// A fate with everything said by the caller.
  public init(_ state: BlockState, _ reason: String) {
    self.state = state
    self.reason = reason
  }
}

/// The blocks of a bucket as one sync found them.
public struct BlockView: Sendable {
  /// The blocks to work with.
  public internal(set) var blocks: BlockCatalog
  /// The others, each with a reason; those outside of the wanted time or labels are only counted.
  public internal(set) var setAside: [ULID: SetAside] = [:]
  /// Blocks that look used but about which something could not be learnt (their meta or a mark): whether they are there is
  /// not known, so nobody should conclude from their absence.
  public internal(set) var failures: [ULID: String] = [:]
  /// Marks of the blocks that have one, deleted soon or not.
  public internal(set) var deletionMarks: [ULID: DeletionMark] = [:]
  /// Marks that forbid compaction, where a filter gathers them.
  public internal(set) var noCompactMarks: [ULID: NoCompactMark] = [:]
  /// Marks that forbid downsampling, where a filter gathers them.
  public internal(set) var noDownsampleMarks: [ULID: NoDownsampleMark] = [:]
  /// How many blocks met which fate.
  public internal(set) var counts: [BlockState: Int] = [:]
  /// Labels that were taken away from metas.
  public internal(set) var removedReplicaLabelCount = 0
  /// Blocks whose meta is known, before filters.
  public internal(set) var knownCount = 0

  /// A view of these blocks with nothing set aside.
  public init(blocks: BlockCatalog = BlockCatalog()) { self.blocks = blocks }

  /// Whether everything about every block could be learnt.
  public var isComplete: Bool { failures.isEmpty }

  /// Blocks without a meta, or with one that cannot be read, and why.
  public var partial: [ULID: String] {
    setAside.filter { $0.value.state == .noMeta || $0.value.state == .malformedMeta }.mapValues(\.reason)
  }

  /// Sets aside each block that `decide` gives a fate to. With `listed` false they are counted, not listed.
  public mutating func setAside(listed: Bool = true, _ decide: (BlockMeta) -> SetAside?) {
    var (list, counted) = (setAside, counts)
    blocks = blocks.selecting { meta in
      guard let fate = decide(meta) else { return true }
      if listed { list[meta.ulid] = fate }
      counted[fate.state, default: 0] += 1
      return false
    }
    (setAside, counts) = (list, counted)
  }
}
