// Many blocks' metas in little memory: one array sorted by name, and selections of it that share it.
public import Storage
public import TSModel

/// Metas of blocks, ascending by name. Copies and selections share their memory.
public struct BlockCatalog: Sendable, RandomAccessCollection {
  private let storage: [BlockMeta]
  /// Which of them are in it, ascending; nil for all.
  private let chosen: [UInt32]?

  /// No blocks.
  public init() { (storage, chosen) = ([], nil) }

  /// These blocks; of several with one name the last counts.
  public init(_ metas: some Sequence<BlockMeta>) {
    var sorted = metas.sorted { $0.ulid < $1.ulid }
    if zip(sorted, sorted.dropFirst()).contains(where: { $0.ulid == $1.ulid }) {
      var unique: [BlockMeta] = []
      for meta in sorted {
        if unique.last?.ulid == meta.ulid { unique.removeLast() }
        unique.append(meta)
      }
      sorted = unique
    }
    self.init(storage: sorted, chosen: nil)
  }

  private init(storage: [BlockMeta], chosen: [UInt32]?) {
    (self.storage, self.chosen) = (storage, chosen)
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { chosen?.count ?? storage.count }
  public subscript(position: Int) -> BlockMeta {
    if let chosen { return storage[Int(chosen[position])] }
    return storage[position]
  }

  /// The block of this name, if it is in it.
  public subscript(id: ULID) -> BlockMeta? {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      if self[middle].ulid < id { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].ulid == id ? self[low] : nil
  }

  /// Whether the block of this name is in it.
  public func contains(id: ULID) -> Bool { self[id] != nil }

  /// The names, ascending.
  public var ids: [ULID] { map(\.ulid) }

  /// Those blocks for which `isIncluded` says so.
  public func selecting(_ isIncluded: (BlockMeta) throws -> Bool) rethrows -> BlockCatalog {
    var kept: [UInt32] = []
    for position in 0..<count where try isIncluded(self[position]) {
      kept.append(chosen?[position] ?? UInt32(position))
    }
    return kept.count == count ? self : BlockCatalog(storage: storage, chosen: kept)
  }
}
