// From a syntax tree to the operators that compute it.
//
// Scalars are computed at once, a number a step; what has the same value at every step is evaluated on a grid of one step and
// repeated; vectors become a tree of operators that is pulled from.
internal import CTSDB
internal import TSModel

/// Evaluates the parts of one query.
final class Evaluator {
  let context: QueryContext
  /// First and last time and step of the whole query, as `start()`, `end()` and durations see them.
  let queryStartMs: Int64
  let queryEndMs: Int64
  let queryStepMs: Int64
  /// How far a range looks back that does not say it: a step of the innermost subquery or of the query, or the lookback of an
  /// instant query. With `promql-extras` only.
  private(set) var implicitRangeMs: Int64
  /// Which selectors need no buckets of their histograms.
  let statisticsOnly: StatisticsOnly
  /// What the samples of the selectors that are being planned are counted by.
  private(set) var counts: SampleCounts?
  private var order = 0
  private let root: Operation?
  /// The operations that are being planned, the outermost first.
  private var path: [Operation] = []

  init(
    _ context: QueryContext, _ expression: Expression, startMs: Int64, endMs: Int64, stepMs: Int64,
    counts: SampleCounts? = nil, root: Operation? = nil
  ) {
    self.root = root
    self.counts = counts
    (self.context, queryStartMs, queryEndMs, queryStepMs) = (context, startMs, endMs, stepMs)
    implicitRangeMs = stepMs > 0 ? stepMs : context.lookbackMs
    statisticsOnly = StatisticsOnly(expression)
  }

  /// What the operations took so far; nil where they are not measured, or there are none.
  var analysis: OperationCost? {
    guard let cost = root?.cost else { return nil }
    return cost.children.count == 1 ? cost.children[0] : cost.children.isEmpty ? nil : cost
  }

  /// The operation that is being planned, where operations are measured.
  var operation: Operation? { path.last ?? root }

  /// Calls `body` with counts for what is planned in it, which is evaluated at `stepCount` other steps.
  func counting<Result>(
    in use: SampleCounts.Use, stepCount: Int, _ body: () async throws -> Result
  ) async throws -> Result {
    let outer = counts
    counts = outer?.part(stepCount: stepCount, use)
    defer { counts = outer }
    return try await body()
  }

  /// Calls `body` with counts for the expression of a subquery, and with its step for ranges that say none.
  func inSubquery<Result>(
    _ window: SelectorWindow, inner: StepGrid, _ body: () async throws -> Result
  ) async throws -> Result {
    let outer = implicitRangeMs
    implicitRangeMs = inner.stepMs
    defer { implicitRangeMs = outer }
    return try await counting(in: .windows(window, inner: inner), stepCount: inner.count, body)
  }

  /// How far a range selector looks back, milliseconds.
  func rangeMs(_ node: MatrixSelector) throws -> Int64 {
    node.isImplicit ? implicitRangeMs : try durationMs(node.range)
  }

  /// Where annotations about `expression` point. Asked for in the order of evaluation.
  func site(_ expression: Expression) -> QuerySite { site(expression.position) }

  /// Where annotations about a part of the text point.
  func site(_ position: PositionRange) -> QuerySite {
    order += 1
    return QuerySite(position: position.start, order: order)
  }

  /// A duration's value, milliseconds.
  func durationMs(_ duration: DurationValue?, allowingNegative: Bool = false) throws -> Int64 {
    guard let duration else { return 0 }
    do throws(DurationError) {
      return try duration.milliseconds(
        stepMs: queryStepMs, rangeMs: queryEndMs &- queryStartMs, allowingNegative: allowingNegative)
    } catch { throw QueryError(.badData, error.description, cause: error) }
  }

  /// The time that `@` fixes an evaluation to.
  func fixedTimeMs(_ at: AtModifier?) -> Int64? {
    switch at {
    case .timestampMs(let time): time
    case .start: queryStartMs
    case .end: queryEndMs
    case nil: nil
    }
  }

  /// What functions do to names.
  func labelChange(dropsName: Bool = true) -> LabelChange {
    LabelChange(dropsName: dropsName, isDelayed: context.options.delaysNameRemoval)
  }

  // MARK: Scalars

  /// The numbers of a scalar expression: one a step.
  func scalar(_ expression: Expression, _ grid: StepGrid) async throws -> [Double] {
    if grid.count > 1, StepInvariance.of(expression).isInvariant {
      let once = try await counting(in: .everyStep, stepCount: 1) {
        try await scalar(expression, StepGrid(atMs: grid.startMs))
      }
      return Array(repeating: once.first ?? .nan, count: grid.count)
    }
    switch expression {
    case .numberLiteral(let node): return Array(repeating: node.value, count: grid.count)
    case .parenthesized(let node): return try await scalar(node.expression, grid)
    case .unary(let node):
      let values = try await scalar(node.expression, grid)
      return node.isNegation ? values.map { -$0 } : values
    case .binary(let node):
      let left = try await scalar(node.lhs, grid)
      let right = try await scalar(node.rhs, grid)
      if node.operation == .defaultTo { return zip(left, right).map { $0.isNaN ? $1 : $0 } }
      return zip(left, right).map { node.operation.apply($0, $1) }
    case .call(let node): return try await scalarCall(node, grid)
    default: throw QueryError(.internal, "evaluate an expression of type \(expression.valueType) as a scalar")
    }
  }

  private func scalarCall(_ call: Call, _ grid: StepGrid) async throws -> [Double] {
    func constant(_ value: Double) -> [Double] { Array(repeating: value, count: grid.count) }
    switch call.function.name {
    case "time": return (0..<grid.count).map { Double(grid.timeMs($0)) / 1000 }
    case "pi": return constant(.pi)
    case "start": return constant(Double(queryStartMs) / 1000)
    case "end": return constant(Double(queryEndMs) / 1000)
    case "step": return constant(Double(queryStepMs) / 1000)
    case "range": return constant(Double(queryEndMs &- queryStartMs) / 1000)
    case "max_of", "min_of":
      let left = try await scalar(call.arguments[0], grid)
      let right = try await scalar(call.arguments[1], grid)
      let operation = call.function.name == "max_of" ? TSDB_MAX_OF : TSDB_MIN_OF
      return zip(left, right).map { tsdb_binary_of(operation, $0, $1) }
    case "scalar":
      let rows = try await vector(call.arguments[0], grid).all(context, stepCount: grid.count)
      return (0..<grid.count).map { step in
        var found: Double?
        for row in 0..<rows.count {
          guard let element = rows.element(row, step) else { continue }
          // Histograms are no numbers: they are not counted.
          guard case .float(let value) = element else { continue }
          if found != nil { return .nan }
          found = value
        }
        return found ?? .nan
      }
    default: throw QueryError(.internal, "function \(call.function.name) gives no scalar")
    }
  }

  // MARK: Vectors

  /// The operator that computes a vector expression at the steps of `grid`.
  func vector(_ expression: Expression, _ grid: StepGrid) async throws -> any VectorOperator {
    guard let above = operation else { return try await planned(expression, grid) }
    if case .parenthesized(let node) = expression { return try await vector(node.expression, grid) }
    let start = ContinuousClock.now
    let own = Operation(expression.operationName)
    above.add(own)
    path.append(own)
    defer { path.removeLast() }
    let rows = try await planned(expression, grid)
    own.add(ContinuousClock.now - start)
    return MeasuredOperator(rows, own, context)
  }

  private func planned(_ expression: Expression, _ grid: StepGrid) async throws -> any VectorOperator {
    if grid.count > 1 {
      let invariance = StepInvariance.of(expression)
      if invariance.isInvariant, invariance.isWorthOnce {
        let once = try await counting(in: .everyStep, stepCount: 1) {
          try await vector(expression, StepGrid(atMs: grid.startMs))
        }
        return StepInvariantOperator(once, stepCount: grid.count, context)
      }
    }
    switch expression {
    case .parenthesized(let node): return try await vector(node.expression, grid)
    case .vectorSelector(let node): return try instantSelector(node, grid)
    case .aggregation(let node): return try await aggregation(node, grid)
    case .binary(let node): return try await binary(node, grid)
    case .unary(let node):
      let child = try await vector(node.expression, grid)
      guard node.isNegation else { return child }
      return merged(NegationOperator(child, labelChange(), context), .merges, grid)
    case .call(let node): return try await self.call(node, grid)
    case .numberLiteral, .stringLiteral, .matrixSelector, .subquery:
      throw QueryError(.internal, "evaluate an expression of type \(expression.valueType) as an instant vector")
    }
  }

  /// Rows whose labels may have become equal, made distinct. With names dropped at the end nothing has become equal yet.
  func merged(_ child: any VectorOperator, _ collision: Collision, _ grid: StepGrid) -> any VectorOperator {
    guard !context.options.delaysNameRemoval else { return child }
    return MergingRows(child, collision, stepCount: grid.count, context)
  }

  // MARK: Binary operations

  private func binary(_ node: BinaryOperation, _ grid: StepGrid) async throws -> any VectorOperator {
    if node.operation == .defaultTo { return try await defaulted(node, grid) }
    let leftIsScalar = node.lhs.valueType == .scalar
    if leftIsScalar || node.rhs.valueType == .scalar {
      let numbers = try await scalar(leftIsScalar ? node.lhs : node.rhs, grid)
      let child = try await vector(leftIsScalar ? node.rhs : node.lhs, grid)
      let dropsName = (node.operation.changesMetric || node.returnsBool) && !node.keepsMetricNames
      return merged(
        ScalarBinaryOperator(
          child, node.operation, numbers, scalarIsLeft: leftIsScalar, returnsBool: node.returnsBool,
          labelChange(dropsName: dropsName), at: site(node.position), context), .merges, grid)
    }
    let left = try await vector(node.lhs, grid)
    let right = try await vector(node.rhs, grid)
    let matching = node.matching ?? VectorMatching()
    let set: SetOperation? =
      switch node.operation {
      case .and: .and
      case .or: .or
      case .unless: .unless
      default: nil
      }
    if let set {
      return SetOperator(
        set, left, right, try MatchSignatures(on: matching.isOn, names: matching.labels, context.budget),
        stepCount: grid.count, context)
    }
    return VectorBinaryOperator(
      left, node.operation, right, matching, returnsBool: node.returnsBool, keepsNames: node.keepsMetricNames,
      at: site(node.position), stepCount: grid.count, context)
  }

  // MARK: Aggregations

  private func aggregation(_ node: Aggregation, _ grid: StepGrid) async throws -> any VectorOperator {
    let parameter = node.parameter?.withoutParentheses
    var numbers: [Double] = []
    if let parameter, parameter.valueType == .scalar { numbers = try await scalar(parameter, grid) }
    let inner = node.expression.withoutParentheses
    let ofParts = try distributed(node, grid)
    let child: any VectorOperator
    if let ofParts { child = ofParts } else { child = try await vector(inner, grid) }
    let grouping = Grouping(node.grouping, without: node.isWithout)
    let innerSite = site(inner)
    func streaming(_ aggregate: StreamingAggregate) throws -> any VectorOperator {
      try StreamingAggregation(child, aggregate, grouping, at: innerSite, stepCount: grid.count, context)
    }
    func selecting(_ selection: RowSelection) -> any VectorOperator {
      SelectingAggregation(
        child, selection, numbers,
        isConstant: parameter.map { if case .numberLiteral = $0 { true } else { false } } ?? true,
        grouping, at: site(node.position), parameterSite: parameter.map { site($0) } ?? innerSite,
        stepCount: grid.count,
        context)
    }
    switch ofParts == nil ? node.operation : node.operation.ofParts {
    case .sum: return try streaming(.sum)
    case .avg: return try streaming(.average)
    case .count: return try streaming(.count)
    case .min: return try streaming(.minimum)
    case .max: return try streaming(.maximum)
    case .group: return try streaming(.group)
    case .stddev: return try streaming(.deviation)
    case .stdvar: return try streaming(.variance)
    case .topk: return selecting(.largest)
    case .bottomk: return selecting(.smallest)
    case .limitk: return selecting(.first)
    case .limitRatio: return selecting(.share)
    case .quantile:
      let parameterSite = parameter.map { site($0) } ?? innerSite
      return QuantileAggregation(
        child, numbers, grouping, at: innerSite, parameterSite: parameterSite, stepCount: grid.count, context)
    case .median:
      return QuantileAggregation(
        child, Array(repeating: 0.5, count: grid.count), grouping, at: innerSite, parameterSite: innerSite,
        stepCount: grid.count, context)
    case .share: return ShareAggregation(child, grouping, stepCount: grid.count, context)
    case .outliersk: return OutlierAggregation(child, numbers, grouping, stepCount: grid.count, context)
    case .countValues:
      guard let parameter, case .stringLiteral(let label) = parameter else {
        throw QueryError(.internal, "count_values without the name of a label")
      }
      return try CountValuesAggregation(
        child, label: label.bytes, node.grouping, isWithout: node.isWithout, stepCount: grid.count, context)
    }
  }
}
