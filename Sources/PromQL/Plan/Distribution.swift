// Aggregations that are computed where the series are: `sum(rate(x[5m]))` is the sum of the sums of all parts of the source.
internal import TSModel

extension Evaluator {
  /// The operator that puts together what the parts of the source computed; nil where the aggregation must be computed here.
  ///
  /// Exact it is (up to the order in which floats are added) where the parts have no series in common, since then each series counts in
  /// one of them, and what is aggregated are values that depend on one series each.
  func distributed(_ node: Aggregation, _ grid: StepGrid) throws -> (any VectorOperator)? {
    guard let source = context.queryable as? any AggregatingQueryable, node.operation.isDistributive,
      grid.startMs == queryStartMs, grid.lastMs <= queryEndMs, grid.count == 1 || grid.stepMs == queryStepMs,
      !context.options.delaysNameRemoval, node.expression.isOfSingleSeries,
      node.parameter.map(\.isLiteral) ?? true, node.expression.height < 200
    else { return nil }
    let isInstant = grid.count == 1 && queryStepMs == 0
    // What travels are whole seconds.
    let times = isInstant ? [grid.startMs] : [grid.startMs, queryEndMs, queryStepMs]
    guard times.allSatisfy({ $0 % 1000 == 0 && $0 > 0 }), context.lookbackMs % 1000 == 0 else { return nil }
    var range = TimeRange.all
    if let reachMs = node.expression.reachMs(lookbackMs: context.lookbackMs, self) {
      range = TimeRange(minTimeMs: grid.startMs &- reachMs, maxTimeMs: isInstant ? grid.startMs : queryEndMs)
    }
    guard let parts = source.aggregators(of: node.expression.selectors, in: range) else { return nil }
    let request = AggregationRequest(
      query: Expression.aggregation(node).description, startMs: grid.startMs,
      endMs: isInstant ? grid.startMs : queryEndMs, stepMs: isInstant ? 0 : queryStepMs, lookbackMs: context.lookbackMs,
      deadline: context.deadline, budget: context.budget.bytes)
    return AggregatedRows(parts, request, grid, context)
  }
}

extension AggregationOperator {
  /// Whether the aggregation of aggregations of parts is that of the whole.
  fileprivate var isDistributive: Bool {
    switch self {
    case .sum, .min, .max, .count, .group, .topk, .bottomk: true
    default: false
    }
  }

  /// What is done with the parts' aggregations: counts are added.
  var ofParts: AggregationOperator { self == .count ? .sum : self }
}

extension Expression {
  fileprivate var isLiteral: Bool { if case .numberLiteral = withoutParentheses { true } else { false } }

  /// Whether each value depends on one series alone, and its labels are those of the series, the name left out or not.
  fileprivate var isOfSingleSeries: Bool {
    switch self {
    case .vectorSelector: return true
    case .matrixSelector(let node): return !node.isImplicit
    case .parenthesized(let node): return node.expression.isOfSingleSeries
    case .unary(let node): return node.expression.isOfSingleSeries
    case .subquery(let node): return node.expression.valueType == .vector && node.expression.isOfSingleSeries
    case .binary(let node):
      if node.keepsMetricNames || node.operation == .defaultTo { return false }
      // Of two vectors a series of one part may meet one of another.
      return node.lhs.isLiteral && node.rhs.isOfSingleSeries || node.rhs.isLiteral && node.lhs.isOfSingleSeries
    case .call(let node):
      guard Self.functionsOfSingleSeries.contains(node.function.name), !node.keepsMetricNames else { return false }
      return node.arguments.allSatisfy { $0.isLiteral || $0.valueType != .scalar && $0.isOfSingleSeries }
    case .numberLiteral, .stringLiteral, .aggregation: return false
    }
  }

  /// How far before an evaluation samples are looked at, milliseconds; nil where that is not simple: with `offset`, `@`, in subqueries.
  fileprivate func reachMs(lookbackMs: Int64, _ evaluator: Evaluator) -> Int64? {
    switch self {
    case .vectorSelector(let node): return node.offset == nil && node.at == nil ? lookbackMs : nil
    case .matrixSelector(let node):
      guard node.selector.offset == nil, node.selector.at == nil, node.selector.boundaries == .standard else {
        return nil
      }
      return try? evaluator.durationMs(node.range)
    case .subquery: return nil
    default:
      var reach: Int64 = 0
      for child in children {
        guard let own = child.reachMs(lookbackMs: lookbackMs, evaluator) else { return nil }
        reach = max(reach, own)
      }
      return reach
    }
  }

  private static let functionsOfSingleSeries: Set<String> = [
    "abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "round", "clamp", "clamp_min", "clamp_max",
    "rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "min_over_time",
    "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "first_over_time", "present_over_time",
    "stddev_over_time", "stdvar_over_time", "quantile_over_time", "mad_over_time", "predict_linear", "timestamp",
    "histogram_count", "histogram_sum", "histogram_avg",
  ]
}

/// The rows that the parts of a source computed, part after part: rows of two may have the same labels.
private final class AggregatedRows: VectorOperator {
  private let request: AggregationRequest
  private let grid: StepGrid
  private let context: QueryContext
  private var parts: [any Aggregator]
  private var ready: [AggregatedSeries] = []

  init(_ parts: [any Aggregator], _ request: AggregationRequest, _ grid: StepGrid, _ context: QueryContext) {
    (self.parts, self.request, self.grid, self.context) = (parts, request, grid, context)
  }

  func next() async throws -> VectorBatch? {
    if !parts.isEmpty {
      let (parts, request) = (parts, request)
      self.parts = []
      ready = try await withThrowingTaskGroup(of: (Int, AggregatedSeries).self) { group in
        for (index, part) in parts.enumerated() { group.addTask { (index, try await part.aggregate(request)) } }
        var answers: [(Int, AggregatedSeries)] = []
        for try await answer in group { answers.append(answer) }
        return answers.sorted { $0.0 < $1.0 }.map(\.1)
      }
    }
    guard !ready.isEmpty else { return nil }
    let series = ready.removeFirst()
    for warning in series.warnings { context.annotations.add(sourceWarning: warning) }
    let batch = try VectorBatch(stepCount: grid.count, capacity: series.labels.count, budget: context.budget)
    var sets = LabelSets()
    for labels in series.labels { sets.append(labels) }
    for index in series.labels.indices {
      let row = try batch.openRow()
      let values = unsafe batch.floats(row)
      for (timeMs, value) in series.floats[index] {
        guard let step = step(timeMs) else { continue }
        unsafe values[step] = value
      }
      for (timeMs, value) in series.histograms[index] {
        guard let step = step(timeMs) else { continue }
        batch.setHistogram(row, step, batch.pool.append(value))
      }
      if batch.hasValues(row) { batch.closeRow(sets[index], dropsName: false) }
    }
    return batch
  }

  /// The step at that time; nil where there is none.
  private func step(_ timeMs: Int64) -> Int? {
    let (distance, overflows) = timeMs.subtractingReportingOverflow(grid.startMs)
    guard !overflows, distance >= 0 else { return nil }
    if grid.count == 1 { return distance == 0 ? 0 : nil }
    guard distance % grid.stepMs == 0, distance / grid.stepMs < grid.count else { return nil }
    return Int(distance / grid.stepMs)
  }
}
