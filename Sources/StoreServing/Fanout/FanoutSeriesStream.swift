// The series of one selector, merged over all stores that it concerns.
internal import PromQL
internal import StoreAPI
internal import TSModel
internal import Transport

/// Series of stores, some hundred at a time. Used by one task at a time.
///
/// All stores are asked at once; from then on what a store sends is read when the merge needs it, so that no more than a window of each
/// is in memory, and a store that is faster than the others waits.
final class FanoutSeriesStream: SeriesStream, @unchecked Sendable {
  // Sendable because only `notes` is touched by more than one task at a time.
  private let owner: FanoutQueryable
  private let request: SelectRequest
  private let budget: MemoryBudget
  private let notes = StreamNotes()
  private let reading: ChunkReading
  private var sources: [RemoteSeries?] = []
  private var merger: SeriesMerger?
  /// The store whose next window must be read before the merge goes on.
  private var pending: Int?

  init(_ owner: FanoutQueryable, _ request: SelectRequest) {
    self.owner = owner
    self.request = request
    budget = request.budget ?? MemoryBudget(name: "query")
    reading = ChunkReading(request, owner.options)
  }

  var warnings: [String] { notes.warnings }

  private var options: FanoutOptions { owner.options }

  // MARK: Asking

  /// Asks the stores. Throws where one fails and the request is not content with a part.
  func open() async throws {
    guard !request.timeRange.isEmpty else { return }
    let stores = try owner.concerned(request.matchers, request.timeRange) { try lacks($0) }
    guard !stores.isEmpty else { return }
    let message = reading.message(request, options).encoded()
    let (metadata, timeoutMs) = (owner.metadata, options.responseTimeoutMs)
    let calls = await withTaskGroup(of: BegunCall.self) { group in
      for (index, store) in stores.enumerated() {
        group.addTask { await BegunCall(index, store, message, metadata) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    try Task.checkCancellation()
    for begun in calls.sorted(by: { $0.index < $1.index }) {
      let store = stores[begun.index]
      if let call = begun.call {
        sources.append(
          RemoteSeries(
            store, call, dropped: store.dropsReplicaLabels ? [] : options.droppedLabels, timeoutMs: timeoutMs,
            budget: budget))
      } else {
        let status = begun.failure ?? GRPCStatus(.unknown, "the store was not asked")
        try failed("fetch series for \(store.seriesDescription): \(status)", status)
      }
    }
    guard !sources.isEmpty else { return }
    let merger = try SeriesMerger(
      sourceCount: sources.count, SeriesEncoding(batchSize: 0, aggregates: 0), budget: budget)
    self.merger = merger
    for index in sources.indices { try await refill(index, merger) }
  }

  /// A part of the answer is missing: a warning, or the end of it.
  private func lacks(_ sentence: String) throws { try failed(sentence, nil) }

  private func failed(_ sentence: String, _ cause: (any Error)?) throws {
    guard options.allowsPartialResponse else {
      let prefix = request.wantsSamples ? "expanding series: " : ""
      throw QueryError(.execution, "\(prefix)proxy Series(): \(sentence)", cause: cause)
    }
    notes.add(sentence)
  }

  // MARK: Merging

  func next() async throws -> (any SeriesPart)? {
    guard let merger else { return nil }
    if let index = pending {
      pending = nil
      try await refill(index, merger)
    }
    while true {
      try Task.checkCancellation()
      var isAtEnd = request.limit > 0 && merger.seriesCount >= Int64(request.limit)
      if !isAtEnd {
        switch try merger.step() {
        case .refill(let index):
          // What is complete is handed on before this waits for a store.
          if merger.isWorthTaking, let merged = try take(merger) {
            pending = index
            return merged
          }
          try await refill(index, merger)
          continue
        case .output: break
        case .end: isAtEnd = true
        }
      }
      let part = try take(merger)
      if isAtEnd {
        self.merger = nil
        sources.removeAll()
      }
      if part != nil || isAtEnd { return part }
    }
  }

  private func take(_ merger: SeriesMerger) throws -> FanoutSeriesPart? {
    try merger.takeSeries(limit: Int64(request.limit), budget: budget).map { FanoutSeriesPart($0, reading, notes) }
  }

  /// Reads the next window of a store.
  private func refill(_ index: Int, _ merger: SeriesMerger) async throws {
    guard let source = sources[index] else { return }
    do {
      guard let window = try await source.next({ notes.add($0) }) else {
        sources[index] = nil
        return
      }
      merger.push(window, of: index, isLast: source.isAtEnd, withChunks: request.wantsSamples)
    } catch let error as BudgetExceeded {
      throw error
    } catch {
      sources[index] = nil
      try Task.checkCancellation()
      try failed("receive series from \(source.store.seriesDescription): \(GRPCStatus(of: error))", error)
    }
  }
}

/// A call to one of the stores, or why there is none.
private struct BegunCall: Sendable {
  let index: Int
  var call: GRPCClientCall?
  var failure: GRPCStatus?

  init(_ index: Int, _ store: RemoteStore, _ message: [UInt8], _ metadata: HTTPHeaders) async {
    self.index = index
    do {
      call = try await store.channel.serverStream(path: "/thanos.Store/Series", message: message, metadata: metadata)
    } catch { failure = GRPCStatus(of: error) }
  }
}
