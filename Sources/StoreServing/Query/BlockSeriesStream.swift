// The series of one selector, merged over all blocks that it concerns.
internal import Locking
internal import PromQL
internal import Storage
internal import Synchronization
internal import TSModel

/// Series of blocks, some hundred at a time. Used by one task at a time; what reads files runs on the pool's threads.
final class BlockSeriesStream: SeriesStream, @unchecked Sendable {
  // Sendable because only `notes` is touched by more than one task at a time.
  private let owner: BlockQueryable
  private let request: SelectRequest
  private let budget: MemoryBudget
  private let notes = StreamNotes()
  private var demand: SeriesDemand
  private var usage = RequestUsage(StoreLimits())
  private var sources: [SeriesSource] = []
  private var merger: SeriesMerger?

  init(_ owner: BlockQueryable, _ request: SelectRequest, _ budget: MemoryBudget) {
    self.owner = owner
    self.request = request
    self.budget = budget
    demand = SeriesDemand(
      timeRange: request.timeRange, wantsChunks: request.wantsSamples, shard: nil, windowSize: 512, budget: budget,
      convertsForMessages: false)
  }

  var warnings: [String] { notes.warnings }

  /// Chooses the blocks and selects their series. Blocks its thread. False where a block is gone, if `endsWhereGone`; nothing
  /// else can be done with the stream then.
  func open(endsWhereGone: Bool) throws -> Bool {
    guard !demand.timeRange.isEmpty else { return true }
    let range = demand.timeRange
    for group in owner.catalog.snapshot.groups {
      let blocks = group.blocks(minTimeMs: range.minTimeMs, maxTimeMs: range.maxTimeMs, maxResolutionMs: 0)
      for entry in blocks {
        guard let own = entry.ownMatchers(of: request.matchers) else { continue }
        try Task.checkCancellation()
        do {
          let source = try SeriesSource(
            entry, owner.catalog.block(entry), own, dropped: [], budget: budget)
          if source.selectedCount > 0 { sources.append(source) }
        } catch let error as StorageError where endsWhereGone && (error.code == .notFound || error.code == .notABlock) {
          return false
        } catch { notes.add(try owner.failed(error, "select series of block \(entry.ulid)", entry)) }
      }
    }
    guard !sources.isEmpty else { return true }
    // All windows together hold some ten thousand series, however many blocks there are.
    let limit = request.limit > 0 ? request.limit : .max
    demand.windowSize = min(limit, max(64, min(512, 16_384 / sources.count)))
    sources.sort { ($0.entry.minTimeMs, $0.entry.ulid) < ($1.entry.minTimeMs, $1.entry.ulid) }
    let merger = try SeriesMerger(
      sourceCount: sources.count, SeriesEncoding(batchSize: 0, aggregates: 0), budget: budget)
    self.merger = merger
    for index in sources.indices { try refill(index, merger) }
    return true
  }

  func next() async throws -> (any SeriesPart)? {
    try await withTaskExecutorPreference(owner.pool) { try self.part() }
  }

  private func part() throws -> BlockSeriesPart? {
    guard let merger else { return nil }
    while true {
      try Task.checkCancellation()
      var isAtEnd = request.limit > 0 && merger.seriesCount >= Int64(request.limit)
      if !isAtEnd {
        switch try merger.step() {
        case .refill(let index):
          try refill(index, merger)
          guard merger.isWorthTaking else { continue }
        case .output: break
        case .end: isAtEnd = true
        }
      }
      let merged = try merger.takeSeries(limit: Int64(request.limit), budget: budget)
      if isAtEnd {
        self.merger = nil
        sources.removeAll()
      }
      if let merged { return BlockSeriesPart(merged, notes) }
      if isAtEnd { return nil }
    }
  }

  /// Reads the next window of a source that has series.
  private func refill(_ index: Int, _ merger: SeriesMerger) throws {
    let source = sources[index]
    do {
      while let window = try source.next(demand, &usage) {
        guard window.count > 0 else { continue }
        merger.push(window, of: index, isLast: source.isAtEnd, withChunks: demand.wantsChunks)
        return
      }
    } catch { notes.add(try owner.failed(error, "read series of block \(source.entry.ulid)", source.entry)) }
  }
}

/// What could not be read. Any task may add to it.
final class StreamNotes: Sendable {
  private let texts = Guarded<[String]>([])

  var warnings: [String] { texts.withLock { $0 } }

  func add(_ text: String) {
    texts.withLock { texts in
      // Thousands of series of one damaged file say the same.
      if texts.count < 100, !texts.contains(text) { texts.append(text) }
    }
  }
}
