// A request sees the series of its tenant alone, whatever it asks for.
internal import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  /// What a request may see. Throws `APIProblem` where its tenant will not do.
  func source(for call: HTTPCall, _ parameters: StoreParameters? = nil) throws -> StoreSource {
    var source = StoreSource(source)
    if let stores = options.stores { source = stores.source(parameters ?? StoreParameters()) }
    if let matcher = try tenantMatcher(for: call) {
      source.source = EnforcedSource(source: source.source, matcher: matcher)
    }
    return source
  }

  /// Whose request it is; nil where nobody has a name. Throws `APIProblem`.
  func tenant(of call: HTTPCall) throws -> String? {
    guard let tenancy = options.tenancy else { return nil }
    do throws(HTTPProblem) { return try tenancy.tenant(headers: call.headers, peer: call.request.peer) } catch {
      throw APIProblem(.badData, error.message)
    }
  }

  /// Whose request it is, by the name that all have who have none where nobody has one. Throws `APIProblem`.
  func tenantName(of call: HTTPCall) throws -> String { try tenant(of: call) ?? Tenancy.unnamed }

  /// What all series fulfil that a request may see; nil where it may see all.
  func tenantMatcher(for call: HTTPCall) throws -> LabelMatcher? {
    guard let tenant = try tenant(of: call) else { return nil }
    return try options.enforcedTenantLabel.map { try LabelMatcher(.equal, name: $0, value: tenant) }
  }
}

/// A source of which only the series that fulfil one matcher can be seen.
struct EnforcedSource: Queryable, LabelQueryable {
  let source: any QueryAPI.Source
  /// What all series fulfil. What a request says of this label is replaced by it.
  let matcher: LabelMatcher

  private func enforced(_ matchers: [LabelMatcher]) -> [LabelMatcher] {
    matchers.filter { $0.name != matcher.name } + [matcher]
  }

  private func enforced(_ request: LabelRequest) -> LabelRequest {
    var request = request
    request.matcherSets = request.matcherSets.isEmpty ? [[matcher]] : request.matcherSets.map(enforced)
    return request
  }

  func select(_ request: SelectRequest) async throws -> any SeriesStream {
    var request = request
    request.matchers = enforced(request.matchers)
    return try await source.select(request)
  }

  func labelNames(_ request: LabelRequest) async throws -> LabelStrings {
    try await source.labelNames(enforced(request))
  }

  func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings {
    try await source.labelValues(of: name, enforced(request))
  }
}
