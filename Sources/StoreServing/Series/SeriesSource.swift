// One block as a request reads it: its series window by window, in the order that the answer has them in.
//
// Within a block series are sorted by their own labels. Added labels change that only within runs of series that begin
// alike (`tsdb_label_runs_last`), so that a window ends where such a run begins; replica labels that the series themselves
// have can change it anywhere, so that the whole block is one window then.
internal import CTSDB
internal import Storage
internal import TSModel
internal import Transport

/// What all sources of a request have in common.
struct SeriesDemand {
  /// Chunks that overlap it are wanted.
  var timeRange: TimeRange
  /// Whether chunks are sent.
  var wantsChunks: Bool
  /// Which part of the series is wanted.
  var shard: Shard?
  /// Series that a source should read at once.
  var windowSize: Int
  /// What the request's memory is charged to.
  var budget: MemoryBudget
  /// Whether chunks become those of encodings that messages know.
  var convertsForMessages = true
}

/// A block and the series of it that a request selects. Used by one task.
final class SeriesSource {
  /// What the catalog says of the block.
  let entry: ServedBlock
  /// Whether all windows have been read.
  private(set) var isAtEnd = false

  private let block: Block
  private let rules: LabelRules
  private let refs: SeriesRefs
  private var position = 0
  private var slices: [SymbolSlice] = []
  private let charge: BudgetCharge

  /// How many series are selected, before times are looked at.
  var selectedCount: Int { refs.count }

  /// The series of `block` that fulfil `matchers`, all of which are on labels of its own. Throws what is wrong with the block.
  init(
    _ entry: ServedBlock, _ block: Block, _ matchers: [LabelMatcher], dropped: [String], budget: MemoryBudget
  ) throws {
    self.entry = entry
    self.block = block
    do throws(StorageError) {
      refs = try block.index.select(matchers)
      rules = try LabelRules(block.index, externalLabels: entry.externalLabels, dropped: dropped)
    } catch { throw block.withFault(error) }
    charge = try BudgetCharge(budget, bytes: refs.count * MemoryLayout<UInt32>.size)
    isAtEnd = refs.isEmpty
  }

  /// The next window, which may be without series; nil at the end. Blocks its thread.
  func next(_ demand: SeriesDemand, _ usage: inout RequestUsage) throws -> SeriesWindow? {
    guard position < refs.count else {
      isAtEnd = true
      return nil
    }
    var size = rules.reorders ? refs.count : demand.windowSize
    while true {
      let end = min(refs.count, position + size)
      let batch = SeriesBatch(symbols: block.index.symbols, budget: demand.budget)
      do throws(StorageError) {
        try block.index.series(Array(refs[position..<end]), into: batch, timeRange: demand.timeRange)
        if !block.tombstones.isEmpty { batch.removeDeleted(block.tombstones) }
      } catch { throw block.withFault(error) }
      var next = end
      if end < refs.count, rules.addsLabels {
        // The last run may go on in the next window: it is read there, whole.
        let kept = batch.lastRun
        if kept == 0, batch.seriesCount > 0 {
          size *= 2
          continue
        }
        if batch.seriesCount > 0 { next = try place(of: batch.seriesRef(at: kept), in: position..<end) }
        batch.keepFirst(kept)
      }
      try count(batch, demand, &usage)
      var convertedBytes = 0
      if demand.wantsChunks {
        do throws(StorageError) {
          try block.loadChunks(into: batch, budget: demand.budget)
          if !block.tombstones.isEmpty { convertedBytes += try batch.cutDeleted(block.tombstones) }
          if demand.convertsForMessages { convertedBytes += try batch.convertForMessages() }
        } catch { throw block.withFault(error) }
        try countBytes(batch, &usage)
      }
      let window = try SeriesWindow(
        batch, rules, demand.shard, slices: &slices, ownBytes: convertedBytes, budget: demand.budget)
      do throws(StorageError) { try block.index.checkFault() } catch { throw block.withFault(error) }
      position = next
      isAtEnd = position == refs.count
      return window
    }
  }

  /// Where `ref` is among the selected ones.
  private func place(of ref: UInt32, in range: Range<Int>) throws -> Int {
    guard let index = refs[range].firstIndex(of: ref) else {
      throw StorageError(.reference, "read series of \(entry.ulid): series \(ref) was not asked for")
    }
    return index
  }

  private func count(_ batch: SeriesBatch, _ demand: SeriesDemand, _ usage: inout RequestUsage) throws {
    // A label pair takes some four bytes of an entry, a chunk some eight.
    let entryBytes = 4 * batch.labelIDs.count / 2 + 8 * batch.chunkCount
    do throws(GRPCStatus) {
      try usage.add(bytes: entryBytes, "fetching series")
    } catch { throw error.wrapped("receive series from \(entry.ulid): preload series") }
    guard demand.wantsChunks, usage.limitsChunks else { return }
    do throws(GRPCStatus) {
      for series in 0..<batch.seriesCount { try usage.add(chunks: batch.chunkRange(at: series).count) }
    } catch { throw error.wrapped("receive series from \(entry.ulid)") }
  }

  private func countBytes(_ batch: SeriesBatch, _ usage: inout RequestUsage) throws {
    var sum = 0
    for chunk in 0..<batch.chunkCount { sum += unsafe batch.chunkBytes(chunk)?.bytes.count ?? 0 }
    do throws(GRPCStatus) {
      try usage.add(bytes: sum, "fetching chunks")
    } catch { throw error.wrapped("receive series from \(entry.ulid): load chunks") }
  }
}

extension SeriesBatch {
  /// Where the last run of series that begin alike starts: see `tsdb_label_runs_last`.
  fileprivate var lastRun: Int {
    unsafe withColumns { columns, _ in
      unsafe tsdb_label_runs_last(columns.labelOffsets, columns.labelIDs, seriesCount)
    }
  }

  /// Takes out all but the first `count` series. Before chunk bytes are loaded.
  fileprivate func keepFirst(_ count: Int) {
    guard count < seriesCount else { return }
    unsafe fill { _ in count }
  }
}
