// The series of one selector, merged over all stores that it concerns.
internal import PromQL
internal import TSModel
internal import Transport

/// Series of stores, some hundred at a time. Used by one task at a time.
final class FanoutSeriesStream: SeriesStream, @unchecked Sendable {
  // Sendable because only `notes` is touched by more than one task at a time.
  private let owner: FanoutQueryable
  private let request: SelectRequest
  private let budget: MemoryBudget
  private let notes = StreamNotes()
  private let reading: ChunkReading
  private var merge: RemoteMerge?

  init(_ owner: FanoutQueryable, _ request: SelectRequest) {
    self.owner = owner
    self.request = request
    budget = request.budget ?? MemoryBudget(name: "query")
    reading = ChunkReading(request, owner.options)
  }

  var warnings: [String] { notes.warnings }

  private var options: FanoutOptions { owner.options }

  /// Asks the stores. Throws where one fails and the request is not content with a part.
  func open() async throws {
    guard !request.timeRange.isEmpty else { return }
    let stores = try owner.concerned(request.matchers, request.timeRange) { try lacks($0, nil, of: $1) }
    let call = RemoteCall(
      request: reading.message(request, options), metadata: owner.metadata,
      droppedLabels: options.droppedLabels, shard: options.shard.flatMap(Shard.init), wantsChunks: request.wantsSamples,
      responseTimeoutMs: options.responseTimeoutMs)
    merge = try await RemoteMerge.open(
      stores, call, SeriesEncoding(batchSize: 0, aggregates: 0), budget: budget, observer: self)
  }

  func next() async throws -> (any SeriesPart)? {
    while let merge {
      let isFull = request.limit > 0 && merge.merger.seriesCount >= Int64(request.limit)
      let isAtEnd = if isFull { true } else { try await !merge.advance() }
      let merged = try merge.merger.takeSeries(limit: Int64(request.limit), budget: budget)
      try check(merge.merger)
      if isAtEnd { self.merge = nil }
      if let merged { return FanoutSeriesPart(merged, reading, notes) }
    }
    return nil
  }

  /// Throws where the merge has handed over more than a selector may have.
  private func check(_ merger: SeriesMerger) throws {
    var usage = RequestUsage(options.limits)
    do throws(GRPCStatus) {
      try usage.add(series: Int(clamping: merger.seriesCount))
      try usage.add(chunks: Int(clamping: merger.chunkCount))
    } catch {
      throw QueryError(.execution, "expanding series: proxy Series(): failed to send series: \(error.message)")
    }
  }
}

extension FanoutSeriesStream: RemoteMergeObserver {
  func warned(_ text: String, by store: RemoteStore) throws { try lacks(text, nil, of: store) }

  func hinted(_ hints: [UInt8], by store: RemoteStore) { options.coverage?.hinted(hints, by: store) }

  /// A part of the answer is missing: a warning, or the end of it.
  func lacks(_ sentence: String, _ cause: (any Error)?, of store: RemoteStore) throws {
    options.coverage?.lacks(sentence, of: store)
    guard options.allowsPartialResponse else {
      let prefix = request.wantsSamples ? "expanding series: " : ""
      throw QueryError(.execution, "\(prefix)proxy Series(): \(sentence)", cause: cause)
    }
    notes.add(sentence)
  }

  func received(_ window: WireWindow, from store: RemoteStore) { options.coverage?.received(window, from: store) }

  func ended(_ store: RemoteStore) { options.coverage?.ended(store) }

  func left(_ store: RemoteStore, _ traffic: RemoteTraffic) {
    if traffic.seriesCount == 0 { options.onEmptyAnswer() }
    request.observer?.answered(
      SourceShare(
        address: store.address, durationS: (ContinuousClock.now - traffic.askedAt) / .seconds(1), bytes: traffic.bytes,
        messageCount: traffic.messageCount, seriesCount: traffic.seriesCount, chunkCount: traffic.chunkCount))
  }
}
