// What queries read from many stores: each selector becomes a call to every store that may have its series.
public import PromQL
internal import StoreAPI
internal import TSModel
internal import Transport

/// Many stores, for the query engine. Thread-safe.
public struct FanoutQueryable: Queryable, LabelQueryable {
  let stores: @Sendable () -> StoreView
  /// How requests want their series.
  public var options: FanoutOptions

  /// Asks the stores that `stores` tells at the begin of each selector.
  public init(options: FanoutOptions, stores: @escaping @Sendable () -> StoreView) {
    self.options = options
    self.stores = stores
  }

  /// See `Queryable`.
  public func select(_ request: SelectRequest) async throws -> any SeriesStream {
    let stream = FanoutSeriesStream(self, request)
    try await stream.open()
    return stream
  }

  /// The stores that `matchers` and `range` concern. Stores that are known and do not answer are told to `warn`.
  func concerned(
    _ matchers: [LabelMatcher], _ range: TimeRange, _ warn: (String, RemoteStore) throws -> Void
  ) rethrows -> [RemoteStore] {
    let concerned = stores().concerned(matchers, range, storeMatchers: options.storeMatchers)
    for (store, reason) in concerned.missing { try warn("no answer from store \(store.description): \(reason)", store) }
    if let coverage = options.coverage { for store in concerned.stores { coverage.asked(store) } }
    return concerned.stores
  }

  /// Fields that go along with each call.
  var metadata: HTTPHeaders { GRPCTenant.fields(options.tenant) }

  // MARK: Labels

  /// See `LabelQueryable`.
  public func labelNames(_ request: LabelRequest) async throws -> LabelStrings {
    try await strings(request, LabelNamesRequest(), answer: LabelNamesResponse.self)
  }

  /// See `LabelQueryable`.
  public func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings {
    var message = LabelValuesRequest()
    message.label = name
    return try await strings(request, message, answer: LabelValuesResponse.self)
  }

  private func strings<Answer: LabelAnswerMessage>(
    _ request: LabelRequest, _ message: some LabelRequestMessage, answer: Answer.Type
  ) async throws -> LabelStrings {
    var warnings: [String] = []
    var found: [String] = []
    var charge = try BudgetCharge(request.budget, bytes: 0)
    var message = message
    (message.startMs, message.endMs) = (request.timeRange.minTimeMs, request.timeRange.maxTimeMs)
    message.partialResponseDisabled = !options.allowsPartialResponse
    message.partialResponseStrategy = options.allowsPartialResponse ? .warn : .abort
    message.limit = Int64(clamping: request.limit)
    for matchers in request.matcherSets.isEmpty ? [[]] : request.matcherSets {
      func lacks(_ sentence: String, _ store: RemoteStore, _ cause: (any Error)? = nil) throws {
        options.coverage?.lacks(sentence, of: store)
        guard options.allowsPartialResponse else { throw QueryError(.execution, sentence, cause: cause) }
        if !warnings.contains(sentence) { warnings.append(sentence) }
      }
      let stores = try concerned(matchers, request.timeRange) { try lacks($0, $1) }
      message.matchers = matchers.map(LabelMatcherMessage.init)
      let answers: [RemoteLabels.Answer] = await RemoteLabels.ask(
        stores, message, answer: answer, metadata, timeoutMs: options.responseTimeoutMs)
      try Task.checkCancellation()
      for (store, answer) in answers {
        switch answer {
        case .success(let (strings, said)):
          try charge.grow(by: strings.reduce(0) { $0 + $1.utf8.count + 32 })
          found = SortedStrings.union(found, strings)
          warnings += said.filter { !warnings.contains($0) }
          options.coverage?.ended(store)
        case .failure(let error): try lacks(RemoteLabels.sentence(answer: Answer.self, store, error), store, error)
        }
      }
    }
    if request.limit > 0, found.count > request.limit { found.removeLast(found.count - request.limit) }
    return LabelStrings(strings: found, warnings: warnings)
  }
}
