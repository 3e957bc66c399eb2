// Answers that are handed over while they are computed: of range queries whose series are those of one selector, in its order.
internal import TSModel

extension QueryEngine {
  /// The answer of a range query, some series at a time; nil where all of it must be computed before any of it is known. That is so
  /// of everything but a selector, or a function over the range of one, whose series stay different and in order.
  ///
  /// Throws `QueryError`, or what the source threw.
  public func stream(_ request: QueryRequest, from queryable: any Queryable) async throws -> QueryStream? {
    let expression = try expression(of: request)
    guard request.stepMs > 0, isStreamed(expression.withoutParentheses) else { return nil }
    return try await QueryStream(expression, request, queryable, self)
  }

  private func isStreamed(_ expression: Expression) -> Bool {
    if options.delaysNameRemoval { return false }
    switch expression {
    case .vectorSelector: return true
    case .call(let call):
      guard let function = RangeFunction(name: call.function.name), function != .absentOverTime else { return false }
      let ranges = call.arguments.map(\.withoutParentheses).filter { $0.valueType == .matrix }
      guard ranges.count == 1, case .matrixSelector(let range)? = ranges.first else { return false }
      // Without their names series of one name are still different, and those of several names perhaps not.
      return function.keepsName
        || range.selector.matchers.contains { $0.kind == .equal && $0.name == "__name__" && !$0.value.isEmpty }
    default: return false
    }
  }
}

/// The series of an answer, some at a time, in ascending order of the labels that they have in the source. Used by one task at a
/// time.
public final class QueryStream: @unchecked Sendable {
  /// The times of the values.
  public let grid: StepGrid

  private let rows: any VectorOperator
  private let evaluator: Evaluator
  let context: QueryContext
  private let counts: SampleCounts?
  private var statistics = QueryStatistics()
  /// When the caller took over; its time is not the query's.
  private var idleSince = ContinuousClock.now

  fileprivate init(
    _ expression: Expression, _ request: QueryRequest, _ queryable: any Queryable, _ engine: QueryEngine
  ) async throws {
    let start = ContinuousClock.now
    let grid = StepGrid(startMs: request.startMs, endMs: request.endMs, stepMs: request.stepMs)
    let counts = request.wantsStatistics ? SampleCounts(stepCount: grid.count) : nil
    context = engine.context(request, queryable, deadline: engine.deadline(of: request, from: start), holdsRows: false)
    let evaluator = Evaluator(
      context, expression, startMs: request.startMs, endMs: request.endMs, stepMs: request.stepMs, counts: counts,
      root: request.wantsAnalysis ? Operation("[query]") : nil)
    self.evaluator = evaluator
    rows = try await evaluator.vector(expression, grid)
    (self.grid, self.counts) = (grid, counts)
    idleSince = .now
    statistics.preparationS = seconds(idleSince - start)
  }

  /// A matrix of the next series; nil at the end. Throws as `QueryEngine.answer` does. Time between calls does not count.
  public func next() async throws -> QueryResult? {
    let start = ContinuousClock.now
    context.extendDeadline(by: start - idleSince)
    defer {
      idleSince = .now
      statistics.innerEvaluationS += seconds(idleSince - start)
    }
    let batch = try await QueryEngine.withDeadline(context.deadline) { try await self.rows.next() }
    try context.budget.checkSamples()
    return batch.map { QueryResult(value: .matrix(ResultRows(batch: $0)), grid: grid, warnings: [], infos: []) }
  }

  /// What there is to tell at the end, beside the series: a result without any.
  public func ending() throws -> QueryResult {
    let empty = try VectorBatch(stepCount: grid.count, capacity: 0, budget: context.budget)
    let texts = context.annotations.texts
    var result = QueryResult(
      value: .matrix(ResultRows(batch: empty)), grid: grid, warnings: texts.warnings, infos: texts.infos,
      statistics: statistics)
    result.analysis = evaluator.analysis
    context.report(counts, in: &result.statistics)
    result.statistics.evaluationS = statistics.preparationS + statistics.innerEvaluationS
    result.statistics.totalS = result.statistics.evaluationS
    return result
  }
}
