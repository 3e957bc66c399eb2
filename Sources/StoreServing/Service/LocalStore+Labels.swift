// `/thanos.Store/LabelNames` and `/thanos.Store/LabelValues`.
public import StoreAPI
internal import Storage
internal import TSModel
internal import Transport

extension LocalStore {
  /// Answers which labels the series have. Throws `GRPCStatus`.
  public func labelNames(_ request: LabelNamesRequest) async throws -> LabelNamesResponse {
    let matchers = try request.matchers.compiled("translate request labels matchers: ")
    let hints: LabelNamesRequestHints? = try request.hints.hints(
      named: "hintspb.LabelNamesRequestHints", "unmarshal label names request hints")
    let blockMatchers = try (hints?.blockMatchers ?? []).compiled("translate request hints labels matchers: ")
    var answer = try LabelAnswer(
      self, abortsOnFailure: request.partialResponseDisabled || request.partialResponseStrategy == .abort)
    try answer.eachBlock(request.startMs, request.endMs, matchers, blockMatchers) { entry, own, block, usage in
      try block.labelNames(of: entry, own) { try usage.select($0, block) }
    }
    var response = LabelNamesResponse()
    response.names = answer.strings(
      without: request.withoutReplicaLabels, limit: request.limit)
    response.warnings = answer.warnings
    var responseHints = LabelNamesResponseHints()
    responseHints.queriedBlocks = answer.queried
    response.hints = AnyMessage(packing: responseHints, named: "hintspb.LabelNamesResponseHints")
    return response
  }

  /// Answers which values a label has. Throws `GRPCStatus`.
  public func labelValues(_ request: LabelValuesRequest) async throws -> LabelValuesResponse {
    guard !request.label.isEmpty else {
      throw GRPCStatus(.invalidArgument, "label name parameter cannot be empty")
    }
    let matchers = try request.matchers.compiled("translate request labels matchers: ")
    if request.withoutReplicaLabels.contains(where: { $0.utf8.elementsEqual(request.label.utf8) }) {
      return LabelValuesResponse()
    }
    let hints: LabelValuesRequestHints? = try request.hints.hints(
      named: "hintspb.LabelValuesRequestHints", "unmarshal label values request hints")
    let blockMatchers = try (hints?.blockMatchers ?? []).compiled("translate request hints labels matchers: ")
    var answer = try LabelAnswer(
      self, abortsOnFailure: request.partialResponseDisabled || request.partialResponseStrategy == .abort)
    try answer.eachBlock(request.startMs, request.endMs, matchers, blockMatchers) { entry, own, block, usage in
      try block.labelValues(of: request.label, of: entry, own) { try usage.select($0, block) }
    }
    var response = LabelValuesResponse()
    response.values = answer.strings(without: [], limit: request.limit)
    response.warnings = answer.warnings
    var responseHints = LabelValuesResponseHints()
    responseHints.queriedBlocks = answer.queried
    response.hints = AnyMessage(packing: responseHints, named: "hintspb.LabelValuesResponseHints")
    return response
  }
}

/// Series that a label call selects, counted.
private struct LabelUsage {
  var usage: RequestUsage
  let budget: MemoryBudget

  mutating func select(_ matchers: [LabelMatcher], _ block: Block) throws -> SeriesRefs {
    let refs = try block.index.select(matchers)
    do throws(GRPCStatus) { try usage.add(series: refs.count) } catch { throw error.wrapped("") }
    return refs
  }
}

/// The state of one answer: strings of many blocks, each once.
private struct LabelAnswer: ~Copyable {
  private(set) var queried: [BlockHint] = []
  private(set) var warnings: [String] = []

  private let store: LocalStore
  private let abortsOnFailure: Bool
  private var usage: LabelUsage
  private var found: Set<[UInt8]> = []
  private var charge: BudgetCharge

  init(_ store: LocalStore, abortsOnFailure: Bool) throws(BudgetExceeded) {
    self.store = store
    self.abortsOnFailure = abortsOnFailure
    let budget = store.requestBudget()
    usage = LabelUsage(usage: RequestUsage(store.options.limits), budget: budget)
    charge = try BudgetCharge(budget, bytes: 0)
  }

  /// Calls `body` for every block that the request concerns, with the matchers on the block's own labels.
  mutating func eachBlock(
    _ startMs: Int64, _ endMs: Int64, _ matchers: [LabelMatcher], _ blockMatchers: [LabelMatcher],
    _ body: (ServedBlock, [LabelMatcher], Block, inout LabelUsage) throws -> [String]
  ) throws {
    let range = store.options.timeRange()
    let (minTimeMs, maxTimeMs) = (max(startMs, range.minTimeMs), min(endMs, range.maxTimeMs))
    for entry in store.catalog.snapshot.blocks {
      guard entry.overlaps(minTimeMs: minTimeMs, maxTimeMs: maxTimeMs), entry.fulfils(blockMatchers),
        let own = entry.ownMatchers(of: matchers)
      else { continue }
      try Task.checkCancellation()
      do {
        let strings = try body(entry, own, store.open(entry), &usage)
        queried.append(BlockHint(entry))
        for string in strings where found.insert(Array(string.utf8)).inserted {
          try charge.grow(by: string.utf8.count + 64)
        }
      } catch {
        let status = GRPCStatus.ofBlock(error, "read labels of block \(entry.ulid)")
        guard status.code == .aborted else { throw status }
        if error is StorageError { store.options.onBlockFailure(entry, error) }
        if abortsOnFailure { throw status }
        warnings.append(status.message)
      }
    }
  }

  /// What was found, ascending by bytes.
  func strings(without names: [String], limit: Int64) -> [String] {
    var strings = found
    for name in names { strings.remove(Array(name.utf8)) }
    let sorted = strings.sorted { $0.lexicographicallyPrecedes($1) }
    let wanted = limit > 0 ? sorted.prefix(Int(clamping: limit)) : sorted[...]
    return wanted.map { String(decoding: $0, as: UTF8.self) }
  }
}
