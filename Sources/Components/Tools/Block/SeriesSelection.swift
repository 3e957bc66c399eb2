// Which series of a block a tool is asked for, handed over in batches.
internal import ComponentSupport
internal import PromQL
internal import Storage
internal import TSModel

/// What `--match`, `--min-time` and `--max-time` say.
struct SeriesChoice {
  /// Selectors; a series that fits one of them is chosen. None: all series.
  var selectors: [[LabelMatcher]] = []
  /// Only samples in this range.
  var timeRange = TimeRange.all

  /// The flags of the range.
  static let timeFlags = [
    FlagSpec(
      "min-time", .time, "Only samples from this time on: RFC 3339, milliseconds, or a duration from now such as -1h.",
      placeholder: "TIME"),
    FlagSpec("max-time", .time, "Only samples up to this time.", placeholder: "TIME"),
  ]

  init() {}

  /// Reads the texts of `--match`. Throws `.argument`, with the text, where one is no selector.
  init(matching texts: [String], minTimeMs: Int64?, maxTimeMs: Int64?) throws {
    for text in texts {
      do throws(ModelError) { selectors.append(try LabelMatcher.parse(selector: text)) } catch {
        throw StorageError(.argument, "read selector '\(text)': \(error)", disposition: .rejectRequest)
      }
    }
    timeRange = TimeRange(minTimeMs: minTimeMs ?? .min, maxTimeMs: maxTimeMs ?? .max)
  }

  /// The ids of the chosen series, in the order of the index.
  func refs(in index: IndexReader) throws -> [UInt32] {
    if selectors.isEmpty { return try index.allPostings().refs() }
    var chosen = Set<UInt32>()
    for selector in selectors { chosen.formUnion(try index.select(selector)) }
    return chosen.sorted()
  }

  /// Hands the chosen series that have a chunk in the time range to `body`, 1024 at a time; chunk bytes are loaded.
  /// Deletions are not applied: `Block.tombstones` has them. Memory: one batch.
  func forEachBatch(of block: Block, loadsChunks: Bool = true, _ body: (SeriesBatch) throws -> Void) throws {
    let refs = try refs(in: block.index)
    let batch = SeriesBatch(symbols: block.index.symbols)
    for start in stride(from: 0, to: refs.count, by: 1024) {
      let part = Array(refs[start..<min(refs.count, start + 1024)])
      if fills(batch, part, block, loadsChunks) {
        if batch.seriesCount > 0 { try body(batch) }
      } else {
        // One of them is damaged: what comes before it is still handed over.
        for ref in part {
          try fill(batch, [ref], block, loadsChunks)
          if batch.seriesCount > 0 { try body(batch) }
        }
      }
    }
  }

  private func fills(_ batch: SeriesBatch, _ refs: [UInt32], _ block: Block, _ loadsChunks: Bool) -> Bool {
    do {
      try fill(batch, refs, block, loadsChunks)
      return true
    } catch {
      return false
    }
  }

  private func fill(_ batch: SeriesBatch, _ refs: [UInt32], _ block: Block, _ loadsChunks: Bool) throws(StorageError) {
    batch.removeAll()
    try block.index.series(refs, into: batch, timeRange: timeRange == .all ? nil : timeRange)
    if loadsChunks { try block.loadChunks(into: batch) }
    try block.index.checkFault()
  }
}
