// What becomes of the labels of a block's series: external labels are added, and win; replica labels are left out.
internal import CTSDB
internal import Storage
internal import StoreAPI
internal import TSModel

/// Bytes that C reads for as long as this lives.
@safe final class StableBytes: @unchecked Sendable {
  // Written in init only.
  private let buffer: UnsafeMutableBufferPointer<UInt8>

  init(_ text: String) {
    unsafe buffer = .allocate(capacity: text.utf8.count)
    _ = unsafe buffer.initialize(from: text.utf8)
  }

  deinit { unsafe buffer.deallocate() }

  var view: tsdb_bytes_view {
    unsafe tsdb_bytes_view(bytes: UnsafePointer(buffer.baseAddress), size: buffer.count)
  }
}

/// The rules for one block and one request.
@safe struct LabelRules {
  /// The strings of the block's labels.
  let symbols: IndexSymbols
  /// Whether applying the rules can bring series out of order by more than `tsdb_label_runs_last` tells.
  let reorders: Bool
  /// Whether labels are added, so that the order can change within runs.
  let addsLabels: Bool

  private let strings: [StableBytes]
  private let added: [tsdb_added_label]
  private let droppedIDs: [UInt32]

  /// The rules for `index`, a block with `externalLabels`, of a request that does without `dropped`.
  init(_ index: IndexReader, externalLabels: Labels, dropped: [String]) throws(StorageError) {
    symbols = index.symbolTable
    var strings: [StableBytes] = []
    var added = unsafe [tsdb_added_label]()
    var droppedIDs: [UInt32] = []
    var reorders = false
    // All names: a name that occurs as a value only is no label.
    let names = try Set(index.labelNames().map { Array($0.utf8) })
    for name in dropped {
      if let id = symbols.id(of: name) { droppedIDs.append(id) }
      if names.contains(Array(name.utf8)) { reorders = true }
    }
    for label in externalLabels where !dropped.contains(where: { $0.utf8.elementsEqual(label.name.utf8) }) {
      let (name, value) = (StableBytes(label.name), StableBytes(label.value))
      strings += [name, value]
      unsafe added.append(
        tsdb_added_label(name: name.view, value: value.view, name_rank: symbols.rank(of: label.name)))
      if names.contains(Array(label.name.utf8)) { reorders = true }
    }
    self.strings = strings
    unsafe self.added = added
    self.droppedIDs = droppedIDs
    self.reorders = reorders
    addsLabels = unsafe !added.isEmpty
  }

  /// Calls `body` with the series of `batch` and the rules, for C.
  func withSource<Result>(
    _ batch: SeriesBatch, _ slices: UnsafeRawBufferPointer, _ body: (inout tsdb_labels_source) -> Result
  ) -> Result {
    defer { withExtendedLifetime(strings) {} }
    return unsafe symbols.withSymbolBytes { symbols in
      unsafe added.withUnsafeBufferPointer { added in
        unsafe droppedIDs.withUnsafeBufferPointer { dropped in
          var source = unsafe batch.withColumns { columns, _ in
            unsafe tsdb_labels_source(
              label_offsets: columns.labelOffsets, label_ids: columns.labelIDs.map { unsafe UnsafePointer($0) },
              slices: slices.baseAddress?.assumingMemoryBound(to: tsdb_index_slice.self),
              series_count: batch.seriesCount, symbols: symbols.baseAddress?.assumingMemoryBound(to: UInt8.self),
              symbols_size: symbols.count, added: added.baseAddress, added_count: added.count,
              dropped_ids: dropped.baseAddress, dropped_count: dropped.count)
          }
          return unsafe body(&source)
        }
      }
    }
  }
}

extension IndexSymbols {
  /// How many symbols sort before `text`.
  func rank(of text: String) -> UInt32 {
    var text = text
    return text.withUTF8 { text in
      var (low, high) = (0, count)
      while low < high {
        let middle = low + (high - low) / 2
        let isBefore =
          unsafe withSymbol(UInt32(middle)) { symbol in
            unsafe symbol.lexicographicallyPrecedes(UnsafeRawBufferPointer(text))
          } ?? false
        if isBefore { low = middle + 1 } else { high = middle }
      }
      return UInt32(low)
    }
  }
}

/// One part of all series, by a hash over some of their labels.
@safe struct Shard: @unchecked Sendable {
  // Nothing changes after `init`.
  private let index: UInt64
  private let count: UInt64
  private let isBy: Bool
  private let strings: [StableBytes]
  private let names: [tsdb_bytes_view]

  /// The part that `info` means; nil where there are not several, so that it is all series.
  init?(_ info: ShardInfo) {
    guard info.totalShards > 1 else { return nil }
    index = UInt64(bitPattern: info.shardIndex)
    count = UInt64(info.totalShards)
    isBy = info.isBy
    strings = info.labels.map { StableBytes($0) }
    unsafe names = strings.map { unsafe $0.view }
  }

  /// Whether the series with these labels belongs to it.
  func takes(_ blob: tsdb_bytes_view) -> Bool {
    let hash = unsafe tsdb_label_blob_shard_hash(blob, names, names.count, isBy)
    withExtendedLifetime(strings) {}
    return hash % count == index
  }
}
