// Which blocks a store serves, and those of them that are open.
//
//   replace(with:) ──▶ snapshot ◀── a request takes one and keeps it
//                         │ open(entry), at the first use
//                         ▼
//                  open blocks, the least recently used are let go beyond a bound
//
// A block that is let go, or is served no longer, lives on as long as a request uses it: its files stay mapped.
internal import Locking
public import Storage
internal import Synchronization
internal import TSModel

/// The blocks of a store. Thread-safe.
public final class ServedBlocks: Sendable {
  private struct OpenBlock {
    let entry: ServedBlock
    let block: Block
    var lastUse: UInt64
  }

  private struct State {
    var snapshot = BlockSnapshot()
    var open: [ULID: OpenBlock] = [:]
    var clock: UInt64 = 0
  }

  private let state = Guarded(State())
  private let openBlocksMax: Int
  private let openBlock: @Sendable (ServedBlock) throws -> Block

  /// An empty catalog that opens blocks by `open`, which may block its thread, and keeps at most `openBlocksMax` of them open
  /// beside those in use.
  public init(openBlocksMax: Int = 256, open: @escaping @Sendable (ServedBlock) throws -> Block) {
    precondition(openBlocksMax > 0, "at least one block stays open")
    self.openBlocksMax = openBlocksMax
    openBlock = open
  }

  /// Serves `blocks`, and only these, from the next request on.
  public func replace(with blocks: [ServedBlock]) {
    let snapshot = BlockSnapshot(blocks)
    let served = Dictionary(uniqueKeysWithValues: snapshot.blocks.map { ($0.ulid, $0) })
    let gone = state.withLock { state -> [Block] in
      state.snapshot = snapshot
      // Also where it is served with other labels or times: it may be another block of that name.
      let gone = state.open.values.filter { served[$0.entry.ulid] != $0.entry }
      for open in gone { state.open[open.entry.ulid] = nil }
      return gone.map(\.block)
    }
    // Their files are unmapped here, not under the lock.
    withExtendedLifetime(gone) {}
  }

  /// Serves `entry` no longer; requests that have begun go on with it. Whether it was served.
  @discardableResult public func remove(_ entry: ServedBlock) -> Bool {
    let (wasServed, gone) = state.withLock { state -> (Bool, Block?) in
      let blocks = state.snapshot.blocks
      let left = blocks.filter { $0 != entry }
      guard left.count < blocks.count else { return (false, nil) }
      state.snapshot = BlockSnapshot(left)
      return (true, state.open.removeValue(forKey: entry.ulid)?.block)
    }
    withExtendedLifetime(gone) {}
    return wasServed
  }

  /// The blocks that are served, by external labels, resolution and time.
  public var blocks: [ServedBlock] { snapshot.blocks }

  /// How many blocks are served.
  public var count: Int { snapshot.count }

  /// How many blocks are kept open.
  public var openCount: Int { state.withLock { $0.open.count } }

  /// Opens the block that `entry` describes, if it is served and not open yet; what keeps it from being opened, or nil. May block.
  public func problemOfOpening(_ entry: ServedBlock) -> (any Error)? {
    do { _ = try block(entry) } catch { return error }
    return nil
  }

  /// The blocks at this moment.
  var snapshot: BlockSnapshot { state.withLock { $0.snapshot } }

  /// The block that `entry` describes, opened now if it is not. May block. Throws what opening throws.
  func block(_ entry: ServedBlock) throws -> Block {
    let known = state.withLock { state -> Block? in
      state.clock += 1
      guard state.open[entry.ulid]?.entry == entry else { return nil }
      state.open[entry.ulid]?.lastUse = state.clock
      return state.open[entry.ulid]?.block
    }
    if let known { return known }
    let opened = try openBlock(entry)
    let (block, letGo) = state.withLock { state -> (Block, Block?) in
      // Somebody else may have opened it meanwhile: one is enough.
      if let other = state.open[entry.ulid], other.entry == entry { return (other.block, nil) }
      var letGo: Block?
      if state.open.count >= openBlocksMax, let oldest = state.open.values.min(by: { $0.lastUse < $1.lastUse }) {
        letGo = state.open.removeValue(forKey: oldest.entry.ulid)?.block
      }
      state.open[entry.ulid] = OpenBlock(entry: entry, block: opened, lastUse: state.clock)
      return (opened, letGo)
    }
    withExtendedLifetime(letGo) {}
    return block
  }
}
