// `/thanos.Store/Series`: blocks are chosen, their series selected, merged and sent.
public import StoreAPI
internal import Storage
internal import TSModel
internal import Transport

/// Messages of a stream, each with gRPC's five bytes before it.
public struct FramedMessages: Sendable {
  /// The bytes.
  public var frames: [UInt8]
  /// How many messages they are.
  public var messageCount: Int
}

extension LocalStore {
  /// Answers a request for series by calling `emit` with messages, some 64 KiB at a time. Throws `GRPCStatus`, and what
  /// `emit` throws. Ends early where the task is cancelled. `observe` is told in the end what the answer took, whole or not.
  public func series(
    _ request: SeriesRequest, observe: (SeriesOutcome) -> Void = { _ in },
    emit: (consuming FramedMessages) async throws -> Void
  ) async throws {
    let begin = ContinuousClock.now
    let matchers = try request.matchers.compiled()
    let hints: SeriesRequestHints? = try request.hints.hints(
      named: "hintspb.SeriesRequestHints", "unmarshal series request hints")
    let blockMatchers = try (hints?.blockMatchers ?? []).compiled("translate request hints labels matchers: ")
    let budget = requestBudget()
    var answer = SeriesAnswer(request, hints, self, budget)
    defer { observe(answer.outcome(begin)) }
    var sources = try answer.select(matchers, blockMatchers)
    answer.selected = ContinuousClock.now
    for warning in answer.takeWarnings() { try await emit(warning) }
    if !sources.isEmpty {
      let merger = try answer.merger(of: sources.count)
      for index in sources.indices { try answer.refill(&sources, index, merger) }
      var isDone = false
      while !isDone {
        try Task.checkCancellation()
        switch try answer.step(merger) {
        case .refill(let index):
          try answer.refill(&sources, index, merger)
          guard merger.isWorthTaking else { continue }
        case .output: break
        case .end: isDone = true
        }
        while let messages = try answer.output(merger) { try await emit(messages) }
        for warning in answer.takeWarnings() { try await emit(warning) }
        if answer.isFull(merger) { isDone = true }
      }
      answer.note(merger)
    }
    answer.isWhole = true
    if options.sendsSeriesHints || hints?.wantsBlockExtents == true { try await emit(answer.hintsMessage()) }
  }
}

/// The state of one answer.
private struct SeriesAnswer {
  private let request: SeriesRequest
  private let hints: SeriesRequestHints?
  private let store: LocalStore
  private let budget: MemoryBudget
  private let abortsOnFailure: Bool
  private var demand: SeriesDemand
  private var usage: RequestUsage
  private var warnings: [String] = []
  private var stats = QueryStatsHint()
  private var queried: [ServedBlock] = []
  /// When all blocks were prepared.
  var selected: ContinuousClock.Instant?
  /// Whether nothing is missing.
  var isWhole = false

  init(_ request: SeriesRequest, _ hints: SeriesRequestHints?, _ store: LocalStore, _ budget: MemoryBudget) {
    self.request = request
    self.hints = hints
    self.store = store
    self.budget = budget
    abortsOnFailure = request.partialResponseDisabled || request.partialResponseStrategy == .abort
    usage = RequestUsage(store.options.limits)
    demand = SeriesDemand(
      timeRange: TimeRange(minTimeMs: request.minTimeMs, maxTimeMs: request.maxTimeMs)
        .intersection(store.options.timeRange()),
      wantsChunks: !request.skipsChunks,
      shard: request.shardInfo.flatMap(Shard.init),
      windowSize: 1024, budget: budget)
  }

  /// The blocks that the request concerns, with their series selected; by time.
  mutating func select(_ matchers: [LabelMatcher], _ blockMatchers: [LabelMatcher]) throws -> [SeriesSource] {
    guard !demand.timeRange.isEmpty, !matchers.isEmpty else { return [] }
    var sources: [SeriesSource] = []
    for group in store.catalog.snapshot.groups {
      let blocks = group.blocks(
        minTimeMs: demand.timeRange.minTimeMs, maxTimeMs: demand.timeRange.maxTimeMs,
        maxResolutionMs: request.maxResolutionWindowMs)
      for entry in blocks where entry.fulfils(blockMatchers) {
        // A block whose own labels nothing is asked of gives nothing.
        guard let own = entry.ownMatchers(of: matchers), !own.isEmpty else { continue }
        try Task.checkCancellation()
        let attempt = "fetch postings for block \(entry.ulid)"
        let source: SeriesSource
        do {
          source = try SeriesSource(
            entry, store.open(entry), own, dropped: request.withoutReplicaLabels, budget: budget)
        } catch {
          try failed(error, attempt, entry)
          continue
        }
        queried.append(entry)
        guard source.selectedCount > 0 else { continue }
        // As many as are wanted at most: no more will be read than a window beyond these.
        let count = request.limit > 0 ? min(source.selectedCount, Int(clamping: request.limit)) : source.selectedCount
        do throws(GRPCStatus) {
          try usage.add(bytes: 4 * count, "fetching postings")
          try usage.add(series: count)
        } catch { throw error.wrapped(attempt) }
        stats.postingsTouched += Int64(source.selectedCount)
        stats.postingsTouchedSizeSum += 4 * Int64(source.selectedCount)
        sources.append(source)
      }
    }
    let limit = request.limit > 0 ? Int(clamping: request.limit) : .max
    // All windows together hold some ten thousand series, however many blocks there are.
    demand.windowSize = min(limit, max(64, min(1024, 16_384 / max(1, sources.count))))
    // Chunks of one series come in the order of their times then, mostly.
    return sources.sorted { ($0.entry.minTimeMs, $0.entry.ulid) < ($1.entry.minTimeMs, $1.entry.ulid) }
  }

  /// A merge of so many sources.
  func merger(of count: Int) throws -> SeriesMerger {
    var aggregates: UInt32 = 0
    for aggregate in request.aggregates where (0..<6).contains(aggregate.rawValue) {
      aggregates |= 1 << UInt32(aggregate.rawValue)
    }
    do throws(BudgetExceeded) {
      return try SeriesMerger(
        sourceCount: count,
        SeriesEncoding(batchSize: Int(clamping: request.responseBatchSize), aggregates: aggregates), budget: budget)
    } catch { throw GRPCStatus.ofBlock(error, "merge \(count) blocks") }
  }

  /// Reads the next window of a source that has series, and lets the source go at its end.
  mutating func refill(_ sources: inout [SeriesSource], _ index: Int, _ merger: SeriesMerger) throws {
    let source = sources[index]
    do {
      while let window = try source.next(demand, &usage) {
        stats.seriesTouched += Int64(window.batch.seriesCount)
        stats.chunksTouched += Int64(window.batch.chunkCount)
        guard window.count > 0 else { continue }
        merger.push(window, of: index, isLast: source.isAtEnd, withChunks: demand.wantsChunks)
        return
      }
    } catch { try failed(error, "receive series from \(source.entry.ulid)", source.entry) }
  }

  /// The next step of the merge.
  func step(_ merger: SeriesMerger) throws -> SeriesMerger.Step {
    do throws(BudgetExceeded) { return try merger.step() } catch { throw GRPCStatus.ofBlock(error, "merge series") }
  }

  /// The next messages of the merge.
  func output(_ merger: SeriesMerger) throws -> FramedMessages? {
    do {
      return try merger.output(limit: request.limit, budget: budget).map {
        FramedMessages(frames: $0.frames, messageCount: $0.messageCount)
      }
    } catch { throw GRPCStatus.ofBlock(error, "send series") }
  }

  /// Whether as many series were sent as are wanted.
  func isFull(_ merger: SeriesMerger) -> Bool { request.limit > 0 && merger.seriesCount >= request.limit }

  /// What was sent, for the hints.
  mutating func note(_ merger: SeriesMerger) {
    stats.mergedSeriesCount = merger.seriesCount
    stats.mergedChunksCount = merger.chunkCount
  }

  /// What the answer took since `begin`.
  func outcome(_ begin: ContinuousClock.Instant) -> SeriesOutcome {
    let end = ContinuousClock.now
    let selected = selected ?? end
    return SeriesOutcome(
      blocksQueried: queried.count, postingsTouched: stats.postingsTouched, seriesTouched: stats.seriesTouched,
      chunksTouched: stats.chunksTouched, bytesTouched: usage.bytes, seriesSent: stats.mergedSeriesCount,
      chunksSent: stats.mergedChunksCount, selecting: selected - begin, sending: end - selected, isWhole: isWhole)
  }

  /// What went wrong since the last time.
  mutating func takeWarnings() -> [FramedMessages] {
    defer { warnings.removeAll() }
    return warnings.map { FramedMessages(SeriesResponse(.warning($0))) }
  }

  /// Hints about how the answer came to be.
  mutating func hintsMessage() -> FramedMessages {
    var hints = SeriesResponseHints()
    let wantsExtents = self.hints?.wantsBlockExtents == true
    hints.queriedBlocks = queried.map { BlockHint($0, withExtent: wantsExtents) }
    if self.hints?.wantsQueryStats == true {
      stats.blocksQueried = Int64(queried.count)
      stats.seriesFetched = stats.seriesTouched
      stats.chunksFetched = stats.chunksTouched
      hints.queryStats = stats
    }
    return FramedMessages(SeriesResponse(.hints(AnyMessage(packing: hints, named: "hintspb.SeriesResponseHints"))))
  }

  /// A block could not be read: the end of the answer, or a warning, as the request wants it. Limits and cancellation
  /// are the end in any case.
  private mutating func failed(_ error: any Error, _ attempt: String, _ entry: ServedBlock) throws {
    let status = GRPCStatus.ofBlock(error, attempt)
    guard status.code == .aborted else { throw status }
    if error is StorageError { store.options.onBlockFailure(entry, error) }
    if abortsOnFailure { throw status }
    warnings.append(status.message)
  }
}

extension FramedMessages {
  /// One message.
  init(_ message: some ProtobufMessage) {
    let bytes = message.encoded()
    var frames: [UInt8] = [0]
    let count = UInt32(clamping: bytes.count)
    for shift in stride(from: 24, through: 0, by: -8) {
      frames.append(UInt8(truncatingIfNeeded: count >> UInt32(shift)))
    }
    self.init(frames: frames + bytes, messageCount: 1)
  }
}

extension BlockHint {
  /// That block.
  init(_ block: ServedBlock, withExtent: Bool = false) {
    self.init()
    id = block.ulid.description
    guard withExtent else { return }
    var extent = BlockExtent()
    (extent.minTimeMs, extent.maxTimeMs) = (block.minTimeMs, block.maxTimeExclusiveMs &- 1)
    extent.resolutionMs = block.resolutionMs
    self.extent = extent
  }
}
