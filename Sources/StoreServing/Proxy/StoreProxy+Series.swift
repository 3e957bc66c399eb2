// `/thanos.Store/Series` of a proxy: what its stores send, merged, and sent on as messages.
public import StoreAPI
internal import TSModel
internal import Transport

extension StoreProxy {
  /// Answers a request for series of `tenant` by calling `emit` with messages, some 64 KiB at a time. Throws `GRPCStatus`, and what `emit`
  /// throws. Ends early where the task is cancelled.
  public func series(
    _ request: SeriesRequest, tenant: String, observe: (ProxyOutcome) -> Void = { _ in },
    emit: (consuming FramedMessages) async throws -> Void
  ) async throws {
    let answer = ProxyAnswer(request, limits: options.limits)
    defer { observe(answer.outcome) }
    guard let matchers = try matchers(of: request.matchers) else { return }
    guard !matchers.isEmpty else {
      throw GRPCStatus(.invalidArgument, "no matchers specified (excluding selector labels)")
    }
    let view = stores()
    if view.stores.isEmpty, view.missing.isEmpty, !answer.allowsPartialResponse {
      throw GRPCStatus(.unknown, "no StoreAPIs available")
    }
    let range = TimeRange(minTimeMs: request.minTimeMs, maxTimeMs: request.maxTimeMs)
    let concerned = view.concerned(matchers, range)
    for (store, reason) in concerned.missing { try answer.lacks(Self.missing(store, reason), nil, of: store) }
    var message = request
    message.matchers = matchers.map(LabelMatcherMessage.init)
    let call = RemoteCall(
      request: message, metadata: GRPCTenant.fields(tenant), droppedLabels: request.withoutReplicaLabels,
      shard: request.shardInfo.flatMap(Shard.init), wantsChunks: !request.skipsChunks,
      responseTimeoutMs: options.responseTimeoutMs)
    let budget = MemoryBudget(name: "request", limitBytes: options.limits.memoryBytesMax, parent: budget)
    do {
      let merge = try await RemoteMerge.open(
        concerned.stores, call, SeriesEncoding(batchSize: Int(clamping: request.responseBatchSize), aggregates: 0),
        budget: budget, observer: answer)
      for notes in try answer.takeNotes() { try await emit(notes) }
      guard let merge else { return }
      var isAtEnd = false
      while !isAtEnd {
        isAtEnd = try await !merge.advance()
        while let output = try merge.merger.output(limit: request.limit, budget: budget) {
          try answer.count(merge.merger)
          try await emit(FramedMessages(frames: output.frames, messageCount: output.messageCount))
        }
        for notes in try answer.takeNotes() { try await emit(notes) }
        if request.limit > 0, merge.merger.seriesCount >= request.limit { isAtEnd = true }
      }
    } catch let error as BudgetExceeded {
      throw GRPCStatus(.resourceExhausted, "merge series of stores: \(error)")
    }
  }
}

/// What a Series call of a proxy took: for metrics.
public struct ProxyOutcome: Sendable {
  /// Series that were sent.
  public var seriesSent: Int64 = 0
  /// Their chunks.
  public var chunksSent: Int64 = 0
  /// Stores that sent no series.
  public var emptyAnswers = 0
  /// The limit that ended it.
  public var brokenLimit: Limit?

  /// Limits of a call.
  public enum Limit: String, Sendable {
    case series, chunks
  }
}

/// The state of one answer. Used by one task at a time.
private final class ProxyAnswer: RemoteMergeObserver {
  let allowsPartialResponse: Bool
  var outcome = ProxyOutcome()

  private let limits: StoreLimits
  private var warnings: [String] = []
  private var hints: [[UInt8]] = []
  private var sent: Set<String> = []

  init(_ request: SeriesRequest, limits: StoreLimits) {
    allowsPartialResponse = !request.partialResponseDisabled && request.partialResponseStrategy != .abort
    self.limits = limits
  }

  func warned(_ text: String, by store: RemoteStore) throws { try lacks(text, nil, of: store) }

  func hinted(_ hints: [UInt8], by store: RemoteStore) { self.hints.append(hints) }

  func lacks(_ sentence: String, _ cause: (any Error)?, of store: RemoteStore) throws {
    guard allowsPartialResponse else { throw GRPCStatus(.aborted, sentence) }
    warnings.append(sentence)
  }

  func received(_ window: WireWindow, from store: RemoteStore) {}

  func ended(_ store: RemoteStore) {}

  func left(_ store: RemoteStore, _ traffic: RemoteTraffic) {
    if traffic.seriesCount == 0 { outcome.emptyAnswers += 1 }
  }

  /// Messages about what went wrong since the last time, and how stores came to their answers.
  func takeNotes() throws -> [FramedMessages] {
    defer {
      warnings.removeAll()
      hints.removeAll()
    }
    let new = warnings.filter { sent.count < 1000 && sent.insert($0).inserted }
    return try new.map { FramedMessages(SeriesResponse(.warning($0))) }
      + hints.map { FramedMessages(SeriesResponse(.hints(try AnyMessage(protobuf: $0)))) }
  }

  /// Counts what `merger` has handed over. Throws where that is more than a call may have.
  func count(_ merger: SeriesMerger) throws(GRPCStatus) {
    (outcome.seriesSent, outcome.chunksSent) = (merger.seriesCount, merger.chunkCount)
    var usage = RequestUsage(limits)
    do throws(GRPCStatus) { try usage.add(series: Int(clamping: merger.seriesCount)) } catch {
      outcome.brokenLimit = .series
      throw GRPCStatus(error.code, "failed to send series: \(error.message)")
    }
    do throws(GRPCStatus) { try usage.add(chunks: Int(clamping: merger.chunkCount)) } catch {
      outcome.brokenLimit = .chunks
      throw GRPCStatus(error.code, "failed to send samples: \(error.message)")
    }
  }
}
