// Runs queries: parses, plans, evaluates and puts the answer in order.
public import TSModel

/// One query to be answered.
public struct QueryRequest: Sendable {
  /// Its text.
  public var query: String
  /// The first time, milliseconds since the Unix epoch.
  public var startMs: Int64
  /// The last time, milliseconds.
  public var endMs: Int64
  /// Distance between evaluations, milliseconds; 0: an instant query at `startMs`.
  public var stepMs: Int64
  /// How far instant selectors look back, milliseconds; nil: as the engine does.
  public var lookbackMs: Int64?
  /// When it is given up at the latest; nil, or where that is later: as the engine does.
  public var deadline: ContinuousClock.Instant?
  /// Whether the samples that selectors look at are counted.
  public var wantsStatistics = false
  /// Whether what each operation takes is measured.
  public var wantsAnalysis = false
  /// What memory is charged to.
  public var budget: MemoryBudget?
  /// What its text means, where it was read already.
  var expression: Expression?

  /// A query at one time.
  public static func instant(_ query: String, atMs timeMs: Int64) -> QueryRequest {
    QueryRequest(query: query, startMs: timeMs, endMs: timeMs, stepMs: 0)
  }

  /// A query at the times from `startMs` up to `endMs`.
  public static func range(_ query: String, startMs: Int64, endMs: Int64, stepMs: Int64) -> QueryRequest {
    QueryRequest(query: query, startMs: startMs, endMs: endMs, stepMs: stepMs)
  }
}

/// Answers queries over what it is given to read.
public struct QueryEngine: Sendable {
  /// How it was set up.
  public let options: EngineOptions
  /// What of the language is enabled.
  public let parserOptions: ParserOptions

  /// An engine with these choices.
  public init(options: EngineOptions = EngineOptions(), parserOptions: ParserOptions = ParserOptions()) {
    self.options = options
    self.parserOptions = parserOptions
  }

  /// The answer. Throws `QueryError`, or what the source threw.
  public func answer(_ request: QueryRequest, from queryable: any Queryable) async throws -> QueryResult {
    let expression = try expression(of: request)
    let watch = Watch()
    let deadline = deadline(of: request, from: watch.start)
    var result = try await Self.withDeadline(deadline) {
      do {
        return try await evaluate(expression, request, queryable, deadline, holdsRows: false)
      } catch is RestartMaterialized {
        return try await evaluate(expression, request, queryable, deadline, holdsRows: true)
      }
    }
    result.statistics.evaluationS = watch.seconds
    result.statistics.totalS = watch.seconds
    return result
  }

  /// When a query that began at `start` is given up.
  func deadline(of request: QueryRequest, from start: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    let ofEngine = options.timeoutMs > 0 ? start + .milliseconds(min(options.timeoutMs, Self.timeoutMsMax)) : nil
    return [ofEngine, request.deadline].compactMap { $0 }.min()
  }

  /// A year, which is as good as without end, and does not overflow clocks.
  private static let timeoutMsMax: Int64 = 31_536_000_000

  /// Calls `body` in a task that is cancelled at `deadline`, so that it does not wait longer for its source either.
  static func withDeadline<Result: Sendable>(
    _ deadline: ContinuousClock.Instant?, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    guard let deadline else { return try await body() }
    if ContinuousClock.now >= deadline { throw QueryError.timedOut }
    do {
      return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
          try await Task.sleep(until: deadline, clock: .continuous)
          return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else { throw QueryError.timedOut }
        return result
      }
    } catch is CancellationError {
      throw QueryError.canceled
    }
  }

  /// The request with its text read, which is not read again. Throws what is wrong with it.
  public func prepared(_ request: QueryRequest) throws -> QueryRequest {
    var request = request
    request.expression = try expression(of: request)
    return request
  }

  /// The operations that would compute a query. Throws what is wrong with its text.
  public func plan(of request: QueryRequest) throws -> PlanNode { try expression(of: request).plan }

  func expression(of request: QueryRequest) throws -> Expression {
    if let expression = request.expression { return expression }
    let expression: Expression
    do throws(ParseError) {
      expression = try Expression(parsing: request.query, options: parserOptions)
    } catch { throw QueryError(.badData, error.description, cause: error) }
    let isInstant = request.stepMs == 0
    guard isInstant || expression.valueType == .vector || expression.valueType == .scalar else {
      throw QueryError(
        .badData,
        "invalid expression type \"\(expression.valueType.documentedName)\" for range query, must be Scalar or instant "
          + "Vector")
    }
    let depth = expression.subqueryDepth
    guard depth <= options.subqueryDepthMax else {
      throw QueryError.execution(
        "the query nests \(depth) subqueries, of which \(options.subqueryDepthMax) are allowed; compute the inner ones "
          + "by recording rules, or raise the limit")
    }
    return expression
  }

  /// What the parts of a query share.
  func context(
    _ request: QueryRequest, _ queryable: any Queryable, deadline: ContinuousClock.Instant?, holdsRows: Bool
  ) -> QueryContext {
    QueryContext(
      queryable: queryable, options: options, lookbackMs: request.lookbackMs ?? options.lookbackMs,
      budget: QueryBudget(bytes: request.budget, samplesMax: options.samplesMax, seriesMax: options.seriesMax),
      annotations: Annotations(query: request.query), holdsRows: holdsRows, deadline: deadline)
  }

  private func evaluate(
    _ expression: Expression, _ request: QueryRequest, _ queryable: any Queryable,
    _ deadline: ContinuousClock.Instant?, holdsRows: Bool
  ) async throws -> QueryResult {
    let context = context(request, queryable, deadline: deadline, holdsRows: holdsRows)
    let isInstant = request.stepMs == 0
    let grid =
      isInstant
      ? StepGrid(atMs: request.startMs)
      : StepGrid(startMs: request.startMs, endMs: request.endMs, stepMs: request.stepMs)
    let evaluator = Evaluator(
      context, expression, startMs: request.startMs, endMs: isInstant ? request.startMs : request.endMs,
      stepMs: request.stepMs, counts: request.wantsStatistics ? SampleCounts(stepCount: grid.count) : nil,
      root: request.wantsAnalysis ? Operation("[query]") : nil)
    let counts = evaluator.counts
    var statistics = QueryStatistics()
    let value = try await value(of: expression, grid, evaluator, isInstant: isInstant, &statistics)
    try context.budget.checkSamples()
    context.report(counts, in: &statistics)
    let texts = context.annotations.texts
    var result = QueryResult(
      value: value, grid: grid, warnings: texts.warnings, infos: texts.infos, statistics: statistics)
    result.analysis = evaluator.analysis
    return result
  }

  private func value(
    of expression: Expression, _ grid: StepGrid, _ evaluator: Evaluator, isInstant: Bool,
    _ statistics: inout QueryStatistics
  ) async throws -> QueryResult.Value {
    let watch = Watch()
    defer { statistics.innerEvaluationS = watch.seconds - statistics.preparationS - statistics.sortS }
    switch expression.valueType {
    case .string:
      guard case .stringLiteral(let literal) = expression.withoutParentheses else { return .string([]) }
      return .string(literal.bytes)
    case .scalar:
      let numbers = try await evaluator.scalar(expression, grid)
      if isInstant { return .scalar(numbers.first ?? .nan) }
      let rows = try await ConstantOperator(numbers, evaluator.context).all(evaluator.context, stepCount: grid.count)
      return .matrix(ResultRows(batch: rows))
    case .vector:
      let rows = try await evaluator.vector(expression, grid)
      statistics.preparationS = watch.seconds
      let all = try await rows.all(evaluator.context, stepCount: grid.count)
      let sorting = Watch()
      let batch = try finished(all, evaluator.context, sorts: !isInstant)
      statistics.sortS = isInstant ? 0 : sorting.seconds
      return isInstant ? .vector(ResultRows(batch: batch)) : .matrix(ResultRows(batch: batch))
    case .matrix: return .samples(try await evaluator.samples(expression.withoutParentheses, grid))
    }
  }

  /// Names dropped where that was put off, rows without values left out, and all of it in order of labels.
  private func finished(_ rows: VectorBatch, _ context: QueryContext, sorts: Bool) throws -> VectorBatch {
    var rows = rows
    if context.options.delaysNameRemoval {
      let merger = RowMerger(
        try VectorBatch(stepCount: rows.stepCount, capacity: rows.count, pool: rows.pool, budget: context.budget))
      for row in 0..<rows.count {
        let labels = rows.dropsName[row] ? LabelFilter.withoutMetadata.apply(rows.labels[row])[...] : rows.labels[row]
        try merger.add(row, of: rows, labels: labels)
      }
      rows = merger.rows
    }
    var order = (0..<rows.count).filter { rows.hasValues($0) }
    if sorts { order.sort { compareLabels(rows.labels[$0], rows.labels[$1]) < 0 } }
    guard order != Array(0..<rows.count) else { return rows }
    let result = try VectorBatch(
      stepCount: rows.stepCount, capacity: order.count, pool: rows.pool, budget: context.budget)
    for row in order { try result.append(row, of: rows) }
    return result
  }
}

/// Measures time.
private struct Watch {
  let start = ContinuousClock.now

  /// Since it was made.
  var seconds: Double { PromQL.seconds(ContinuousClock.now - start) }
}

/// A length of time in seconds.
func seconds(_ duration: Duration) -> Double {
  let (seconds, attoseconds) = duration.components
  return Double(seconds) + Double(attoseconds) / 1e18
}
