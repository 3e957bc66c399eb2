// /api/v1/series, /api/v1/labels and /api/v1/label/<name>/values.
internal import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  func series(_ call: HTTPCall) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    try parameters.checkLegible()
    if parameters.values("match[]").isEmpty { throw APIProblem(.badData, "no match[] parameter provided") }
    let limit = try parameters.limit()
    let range = try parameters.timeRange(usualMs: options.metadataRangeMs)
    let budget = requestBudget(ofTenant: try tenantName(of: call))
    let source = try source(for: call, await storeParameters(call, parameters))
    var lists: [LabelSets] = []
    var warnings: Set<String> = []
    var charge = try BudgetCharge(budget, bytes: 0)
    let matcherSets = try await reading(parameters.values("match[]")) { try parameters.matcherSets(isNamed: true) }
    for matchers in matcherSets {
      var request = SelectRequest(matchers: matchers, timeRange: range)
      request.function = "series"
      request.wantsSamples = false
      request.limit = Self.askedFor(limit)
      request.budget = budget
      let (list, said) = try await labelSets(request, source.source, &charge)
      lists.append(list)
      warnings.formUnion(said)
    }
    var data = SeriesData(SeriesMerge.merged(lists))
    var texts = warnings.sorted()
    if limit > 0, data.count > limit {
      data.count = limit
      texts.append(APIAnswer.truncationWarning)
    }
    return APIAnswer(.pieces(data), warnings: texts, coverage: source.coverage)
  }

  private func labelSets(
    _ request: SelectRequest, _ source: any Source, _ charge: inout BudgetCharge
  ) async throws -> (LabelSets, [String]) {
    var sets = LabelSets()
    if request.timeRange.isEmpty { return (sets, []) }
    let stream = try await source.select(request)
    var charged = 0
    while let part = try await stream.next() {
      try Task.checkCancellation()
      try part.appendLabels(to: &sets)
      let used = sets.usedBytes
      if used > charged {
        try charge.grow(by: used - charged)
        charged = used
      }
      if request.limit > 0, sets.count >= request.limit { break }
    }
    return (sets, stream.warnings)
  }

  /// What a source is asked for where at most `limit` items are wanted: one more, which tells that some were left out.
  private static func askedFor(_ limit: Int) -> Int { limit > 0 && limit < 1 << 40 ? limit + 1 : 0 }

  /// What one request's memory is charged to.
  func requestBudget(ofTenant tenant: String) -> MemoryBudget? {
    let parent = tenants?.account(tenant).budget ?? options.budget
    guard options.queryBytesMax != .max || parent != nil else { return nil }
    return MemoryBudget(
      name: "a query (--query.max-memory-per-query)", limitBytes: options.queryBytesMax, parent: parent)
  }

  func labelNames(_ call: HTTPCall) async throws -> APIAnswer {
    try await strings(call) { try await $0.labelNames($1) }
  }

  func labelValues(_ call: HTTPCall) async throws -> APIAnswer {
    let given = call.pathParameters["name"] ?? ""
    // Prometheus looks at the decoded path, in which this name is two segments.
    if given.contains("/") { throw HTTPProblem(status: 404, "404 page not found") }
    if let bytes = call.pathBytes["name"], String(validating: bytes, as: UTF8.self) == nil {
      throw APIProblem(.badData, "invalid label name: \(quotedText(bytes[...]))")
    }
    let name = EscapedName.unescaped(given)
    if name.isEmpty { throw APIProblem(.badData, "invalid label name: \"\"") }
    return try await strings(call) { try await $0.labelValues(of: name, $1) }
  }

  private func strings(
    _ call: HTTPCall, _ ask: (any Source, LabelRequest) async throws -> LabelStrings
  ) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    try parameters.checkLegible()
    let limit = try parameters.limit()
    let range = try parameters.timeRange(usualMs: options.metadataRangeMs)
    let source = try source(for: call, await storeParameters(call, parameters))
    let matcherSets = try await reading(parameters.values("match[]")) { try parameters.matcherSets() }
    var request = LabelRequest(matcherSets: matcherSets, timeRange: range)
    request.limit = Self.askedFor(limit)
    request.budget = requestBudget(ofTenant: try tenantName(of: call))
    var found = LabelStrings(strings: [])
    if !range.isEmpty { found = try await ask(source.source, request) }
    var warnings = found.warnings
    if limit > 0, found.strings.count > limit {
      found.strings.removeLast(found.strings.count - limit)
      warnings.append(APIAnswer.truncationWarning)
    }
    return APIAnswer(.pieces(StringsData(found.strings)), warnings: warnings, coverage: source.coverage)
  }
}

/// Writes label sets as a list of objects.
private struct SeriesData: DataPieces {
  private let sets: LabelSets
  /// How many of them are written.
  var count: Int
  private var index = 0

  init(_ sets: LabelSets) {
    self.sets = sets
    count = sets.count
  }

  mutating func write(to json: inout JSONBytes) throws -> Bool {
    if index == 0 { json.append("[") }
    let start = json.count
    while index < count {
      if json.count - start > 64 << 10 { return true }
      if index > 0 { json.append(",") }
      try json.append(labels: sets[index])
      index += 1
    }
    json.append("]")
    return false
  }
}

/// Writes strings as a list.
private struct StringsData: DataPieces {
  private let strings: [String]
  private var index = 0

  init(_ strings: [String]) { self.strings = strings }

  mutating func write(to json: inout JSONBytes) throws -> Bool {
    if index == 0 { json.append("[") }
    let start = json.count
    while index < strings.count {
      if json.count - start > 64 << 10 { return true }
      if index > 0 { json.append(",") }
      try json.append(string: strings[index])
      index += 1
    }
    json.append("]")
    return false
  }
}

/// Several lists of label sets become one.
enum SeriesMerge {
  /// The sets of all lists, each once, in order. Every list is in order.
  static func merged(_ lists: [LabelSets]) -> LabelSets {
    guard lists.count > 1 else { return lists.first ?? LabelSets() }
    return lists.dropFirst().reduce(lists[0]) { merged($0, $1) }
  }

  private static func merged(_ a: LabelSets, _ b: LabelSets) -> LabelSets {
    var all = LabelSets()
    all.reserveCapacity(sets: a.count + b.count, bytes: a.bytes.count + b.bytes.count)
    var (left, right) = (0, 0)
    while left < a.count, right < b.count {
      let order = compareLabels(a[left], b[right])
      all.append(order <= 0 ? a[left] : b[right])
      if order <= 0 { left += 1 }
      if order >= 0 { right += 1 }
    }
    while left < a.count {
      all.append(a[left])
      left += 1
    }
    while right < b.count {
      all.append(b[right])
      right += 1
    }
    return all
  }
}

/// Names in paths: `U__my_2e_dotted` stands for `my.dotted`.
enum EscapedName {
  /// What `name` stands for; itself where it is not escaped, or not as it should be.
  static func unescaped(_ name: String) -> String {
    guard name.hasPrefix("U__") else { return name }
    var scalars = String.UnicodeScalarView()
    var rest = name.unicodeScalars.dropFirst(3)
    while let next = rest.popFirst() {
      guard next == "_" else {
        scalars.append(next)
        continue
      }
      if rest.first == "_" {
        scalars.append("_")
        rest = rest.dropFirst()
        continue
      }
      let digits = rest.prefix { $0 != "_" }
      // Go reads six digits at most.
      guard digits.count < rest.count, !digits.isEmpty, digits.count <= 6,
        digits.allSatisfy({ $0.properties.isASCIIHexDigit }), let value = UInt32(String(digits), radix: 16),
        let scalar = Unicode.Scalar(value)
      else { return name }
      scalars.append(scalar)
      rest = rest.dropFirst(digits.count + 1)
    }
    return String(scalars)
  }
}
