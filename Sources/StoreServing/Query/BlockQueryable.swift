// What queries read from blocks: series with their samples, label names and label values.
public import PromQL
public import TSModel
internal import Storage

/// The blocks of a catalog, for the query engine. Thread-safe.
///
/// A block that cannot be read costs its own data: the answer goes on without it and carries a warning that names it.
public struct BlockQueryable: Queryable, LabelQueryable {
  let catalog: ServedBlocks
  let pool: BlockingThreads
  let onBlockFailure: @Sendable (ServedBlock, any Error) -> Void
  let refresh: (@Sendable () async throws -> Void)?

  /// Reads the blocks of `catalog`, on the threads of `pool`. `refresh` brings the catalog up to date: it is called where a block
  /// is gone when it is to be opened, compacted into another one perhaps. `onBlockFailure` is told of blocks that could not be
  /// read.
  public init(
    _ catalog: ServedBlocks, pool: BlockingThreads, refresh: (@Sendable () async throws -> Void)? = nil,
    onBlockFailure: @escaping @Sendable (ServedBlock, any Error) -> Void = { _, _ in }
  ) {
    self.catalog = catalog
    self.pool = pool
    self.refresh = refresh
    self.onBlockFailure = onBlockFailure
  }

  /// How often blocks may be gone that were there a moment before.
  private static let refreshesMax = 2

  /// See `Queryable`. Only raw blocks are read.
  public func select(_ request: SelectRequest) async throws -> any SeriesStream {
    let budget = request.budget ?? MemoryBudget(name: "query")
    var refreshesLeft = refresh == nil ? 0 : Self.refreshesMax
    while true {
      let stream = BlockSeriesStream(self, request, budget)
      let endsWhereGone = refreshesLeft > 0
      if try await withTaskExecutorPreference(pool, operation: { try stream.open(endsWhereGone: endsWhereGone) }) {
        return stream
      }
      refreshesLeft -= 1
      try await refresh?()
    }
  }

  /// See `LabelQueryable`.
  public func labelNames(_ request: LabelRequest) async throws -> LabelStrings {
    try await strings(request) { entry, own, block in
      try block.labelNames(of: entry, own) { try block.index.select($0) }
    }
  }

  /// See `LabelQueryable`.
  public func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings {
    try await strings(request) { entry, own, block in
      try block.labelValues(of: name, of: entry, own) { try block.index.select($0) }
    }
  }

  private func strings(
    _ request: LabelRequest, _ read: @escaping @Sendable (ServedBlock, [LabelMatcher], Block) throws -> [String]
  ) async throws -> LabelStrings {
    try await withTaskExecutorPreference(pool) {
      var found: Set<[UInt8]> = []
      var charge = try BudgetCharge(request.budget, bytes: 0)
      var warnings: [String] = []
      let sets = request.matcherSets.isEmpty ? [[]] : request.matcherSets
      for entry in catalog.snapshot.blocks {
        let range = request.timeRange
        guard entry.resolutionMs == 0, entry.overlaps(minTimeMs: range.minTimeMs, maxTimeMs: range.maxTimeMs) else {
          continue
        }
        do {
          for own in sets.compactMap({ entry.ownMatchers(of: $0) }) {
            try Task.checkCancellation()
            for string in try read(entry, own, catalog.block(entry)) where found.insert(Array(string.utf8)).inserted {
              try charge.grow(by: string.utf8.count + 64)
            }
          }
        } catch {
          warnings.append(try failed(error, "read labels of block \(entry.ulid)", entry))
        }
      }
      let sorted = found.sorted { $0.lexicographicallyPrecedes($1) }
      let wanted = request.limit > 0 ? sorted.prefix(request.limit) : sorted[...]
      return LabelStrings(strings: wanted.map { String(decoding: $0, as: UTF8.self) }, warnings: warnings)
    }
  }

  /// The warning for a block that failed; throws where that is not the block's fault.
  func failed(_ error: any Error, _ attempt: String, _ entry: ServedBlock) throws -> String {
    switch error {
    case let error as StorageError where error.code == .budget:
      throw QueryError(.execution, "\(attempt): \(error.message)", cause: error)
    case let error as StorageError where error.code == .cancelled || error.disposition == .rejectRequest: throw error
    case is BudgetExceeded, is CancellationError, is QueryError: throw error
    default:
      onBlockFailure(entry, error)
      return "\(attempt): \((error as? StorageError)?.message ?? "\(error)")"
    }
  }
}
