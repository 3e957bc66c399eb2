// The StoreAPI over other stores: a querier offers what its stores have, so that another can ask it as one of its own.
public import StoreAPI
public import TSModel
internal import Transport

/// How a proxy answers.
public struct StoreProxyOptions: Sendable {
  /// The component, as Info tells it: `query`.
  public var componentType = "query"
  /// Labels that stand for this proxy: they are told with the labels of each store, and matchers on them are answered by it.
  public var selectorLabels = Labels()
  /// Limits of each Series call, on what is sent.
  public var limits = StoreLimits()
  /// How long a store may be silent, milliseconds; 0: as long as the call lasts.
  public var responseTimeoutMs = 0

  /// As `thanos query` is by default.
  public init() {}
}

/// Stores behind one StoreAPI. Thread-safe.
public struct StoreProxy: Sendable {
  let stores: @Sendable () -> StoreView
  let options: StoreProxyOptions
  let budget: MemoryBudget

  /// Asks the stores that `stores` tells at the begin of each call. What waits in memory is charged to `budget`.
  public init(
    options: StoreProxyOptions = StoreProxyOptions(), budget: MemoryBudget, stores: @escaping @Sendable () -> StoreView
  ) {
    self.options = options
    self.budget = budget
    self.stores = stores
  }

  /// What `/thanos.info.Info/Info` answers of the stores: their external labels and times together.
  public func info() -> InfoResponse {
    var response = InfoResponse()
    response.componentType = options.componentType
    let all = stores().stores
    var sets: Set<Labels> = []
    for set in all.flatMap(\.labelSets) where sets.insert(set.replacing(options.selectorLabels)).inserted {
      response.labelSets.append(LabelSetMessage(set.replacing(options.selectorLabels)))
    }
    if sets.isEmpty, !options.selectorLabels.isEmpty { response.labelSets = [LabelSetMessage(options.selectorLabels)] }
    var store = StoreInfo()
    store.supportsSharding = true
    store.supportsWithoutReplicaLabels = true
    store.minTimeMs = all.map(\.timeRange.minTimeMs).min() ?? .min
    store.maxTimeMs = all.map(\.timeRange.maxTimeMs).max() ?? .max
    store.tsdbInfos = all.flatMap(\.parts).map { part in
      var info = TSDBInfo()
      info.labels = LabelSetMessage(part.labels)
      (info.minTimeMs, info.maxTimeMs) = (part.timeRange.minTimeMs, part.timeRange.maxTimeMs)
      return info
    }
    response.store = store
    return response
  }

  /// What a request is about: its matchers without those on selector labels; nil where one of these fails.
  func matchers(of messages: [LabelMatcherMessage]) throws(GRPCStatus) -> [LabelMatcher]? {
    var own: [LabelMatcher] = []
    for matcher in try messages.compiled() {
      guard let value = options.selectorLabels[matcher.name] else {
        own.append(matcher)
        continue
      }
      if !matcher.matches(value) { return nil }
    }
    return own
  }

  /// What is said where known stores do not answer.
  static func missing(_ store: RemoteStore, _ reason: String) -> String {
    "no answer from store \(store.description): \(reason)"
  }

  // MARK: Labels

  /// Answers which labels the series have. Throws `GRPCStatus`.
  public func labelNames(_ request: LabelNamesRequest, tenant: String) async throws -> LabelNamesResponse {
    try await strings(request, tenant)
  }

  /// Answers which values a label has. Throws `GRPCStatus`.
  public func labelValues(_ request: LabelValuesRequest, tenant: String) async throws -> LabelValuesResponse {
    guard !request.label.isEmpty else {
      throw GRPCStatus(.invalidArgument, "label name parameter cannot be empty")
    }
    return try await strings(request, tenant)
  }

  private func strings<Answer: LabelAnswerMessage>(
    _ request: some LabelRequestMessage, _ tenant: String
  ) async throws -> Answer {
    guard let matchers = try matchers(of: request.matchers) else { return Answer() }
    let allowsPartialResponse = !request.partialResponseDisabled && request.partialResponseStrategy != .abort
    let range = TimeRange(minTimeMs: request.startMs, maxTimeMs: request.endMs)
    let concerned = stores().concerned(matchers, range)
    var answer = Answer()
    func lacks(_ sentence: String, _ code: GRPCStatus.Code) throws(GRPCStatus) {
      guard allowsPartialResponse else { throw GRPCStatus(code, sentence) }
      if !answer.warnings.contains(sentence) { answer.warnings.append(sentence) }
    }
    for (store, reason) in concerned.missing { try lacks(Self.missing(store, reason), .unavailable) }
    var message = request
    message.matchers = matchers.map(LabelMatcherMessage.init)
    let answers = await RemoteLabels.ask(
      concerned.stores, message, answer: Answer.self, GRPCTenant.fields(tenant), timeoutMs: options.responseTimeoutMs)
    try Task.checkCancellation()
    do throws(BudgetExceeded) {
      var charge = try BudgetCharge(budget, bytes: 0)
      for case (_, .success(let found)) in answers {
        try charge.grow(by: found.strings.reduce(0) { $0 + $1.utf8.count + 32 })
        answer.strings = SortedStrings.union(answer.strings, found.strings)
        for warning in found.warnings where !answer.warnings.contains(warning) { answer.warnings.append(warning) }
      }
    } catch { throw GRPCStatus(.resourceExhausted, "\(error)") }
    for case (let store, .failure(let error)) in answers {
      try lacks(RemoteLabels.sentence(answer: Answer.self, store, error), .unknown)
    }
    if request.limit > 0, answer.strings.count > request.limit {
      answer.strings.removeLast(answer.strings.count - Int(request.limit))
    }
    return answer
  }
}

extension Labels {
  /// These labels and `others`, which win.
  fileprivate func replacing(_ others: Labels) -> Labels {
    others.isEmpty ? self : Labels(labels: filter { others[$0.name] == nil } + Array(others))
  }
}
