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

  /// What can be asked now.
  public struct StoreView: Sendable {
    /// The stores that can be asked.
    public var stores: [RemoteStore]
    /// What is missing: sentences about stores that do not answer at present.
    public var missing: [(store: RemoteStore, reason: String)]

    /// These stores.
    public init(stores: [RemoteStore], missing: [(store: RemoteStore, reason: String)] = []) {
      self.stores = stores
      self.missing = missing
    }
  }

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
    _ matchers: [LabelMatcher], _ range: TimeRange, _ warn: (String) throws -> Void
  ) rethrows -> [RemoteStore] {
    let view = stores()
    func isConcerned(_ store: RemoteStore) -> Bool {
      store.mayHave(matchers, in: range, storeMatchers: options.storeMatchers)
    }
    for (store, reason) in view.missing where isConcerned(store) {
      try warn("no answer from store \(store.description): \(reason)")
    }
    return view.stores.filter(isConcerned)
  }

  /// Fields that go along with each call.
  var metadata: HTTPHeaders { ["thanos-tenant": options.tenant] }

  // MARK: Labels

  /// See `LabelQueryable`.
  public func labelNames(_ request: LabelRequest) async throws -> LabelStrings {
    try await strings(request, "fetch label names from store") { store, matchers in
      var message = LabelNamesRequest()
      message.matchers = matchers.map(LabelMatcherMessage.init)
      (message.startMs, message.endMs) = (request.timeRange.minTimeMs, request.timeRange.maxTimeMs)
      message.partialResponseDisabled = !options.allowsPartialResponse
      message.partialResponseStrategy = options.allowsPartialResponse ? .warn : .abort
      message.limit = Int64(clamping: request.limit)
      let answer: LabelNamesResponse = try await ask(store, "/thanos.Store/LabelNames", message)
      return (answer.names, answer.warnings)
    }
  }

  /// See `LabelQueryable`.
  public func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings {
    try await strings(request, "fetch label values from store") { store, matchers in
      var message = LabelValuesRequest()
      message.label = name
      message.matchers = matchers.map(LabelMatcherMessage.init)
      (message.startMs, message.endMs) = (request.timeRange.minTimeMs, request.timeRange.maxTimeMs)
      message.partialResponseDisabled = !options.allowsPartialResponse
      message.partialResponseStrategy = options.allowsPartialResponse ? .warn : .abort
      message.limit = Int64(clamping: request.limit)
      let answer: LabelValuesResponse = try await ask(store, "/thanos.Store/LabelValues", message)
      return (answer.values, answer.warnings)
    }
  }

  private func ask<Answer: ProtobufMessage>(
    _ store: RemoteStore, _ path: String, _ message: some ProtobufMessage
  ) async throws -> Answer {
    let bytes = try await store.channel.unary(
      path: path, message: message.encoded(), metadata: metadata,
      timeoutMs: options.responseTimeoutMs > 0 ? options.responseTimeoutMs : nil)
    do throws(ModelError) { return try Answer(protobuf: bytes) } catch {
      throw GRPCStatus(.internal, "grpc: failed to unmarshal the received message: \(error.message)")
    }
  }

  private func strings(
    _ request: LabelRequest, _ attempt: String,
    _ ask: @escaping @Sendable (RemoteStore, [LabelMatcher]) async throws -> ([String], [String])
  ) async throws -> LabelStrings {
    var warnings: [String] = []
    var found: [String] = []
    var charge = try BudgetCharge(request.budget, bytes: 0)
    for matchers in request.matcherSets.isEmpty ? [[]] : request.matcherSets {
      let stores = try concerned(matchers, request.timeRange) { missing in
        guard options.allowsPartialResponse else { throw QueryError(.execution, missing) }
        warnings.append(missing)
      }
      let answers = await withTaskGroup(of: (RemoteStore, Result<([String], [String]), any Error>).self) { group in
        for store in stores {
          group.addTask {
            do { return (store, .success(try await ask(store, matchers))) } catch { return (store, .failure(error)) }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      try Task.checkCancellation()
      for (store, answer) in answers.sorted(by: { $0.0.address < $1.0.address }) {
        switch answer {
        case .success(let (strings, said)):
          try charge.grow(by: strings.reduce(0) { $0 + $1.utf8.count + 32 })
          found = SortedStrings.union(found, strings)
          warnings += said.filter { !warnings.contains($0) }
        case .failure(let error):
          let warning = "\(attempt) \(store.description): \(GRPCStatus(of: error))"
          guard options.allowsPartialResponse else { throw QueryError(.execution, warning, cause: error) }
          if !warnings.contains(warning) { warnings.append(warning) }
        }
      }
    }
    if request.limit > 0, found.count > request.limit { found.removeLast(found.count - request.limit) }
    return LabelStrings(strings: found, warnings: warnings)
  }
}
