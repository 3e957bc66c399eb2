// What `promql-extras` adds: functions of whole rows, unions, pages, roll-ups, and `default`.
internal import CTSDB
internal import TSModel

extension Evaluator {
  /// The operator of a call of an extra function; nil where it is none of those.
  func extraCall(_ call: Call, _ arguments: [Expression], _ grid: StepGrid) async throws -> (any VectorOperator)? {
    guard call.function.origin == .extras else { return nil }
    let name = call.function.name
    switch name {
    case "union": return try await union(arguments, grid)
    case "limit_offset":
      let limit = try await scalar(arguments[0], grid).first ?? 0
      let offset = try await scalar(arguments[1], grid).first ?? 0
      var isSorted = false
      if case .call(let inner) = arguments[2] { isSorted = inner.function.name.hasPrefix("sort") }
      return PageOperator(
        try await vector(arguments[2], grid), limit: limit, offset: offset, isSorted: isSorted, stepCount: grid.count,
        context)
    case "rollup", "rollup_increase", "rollup_delta", "rollup_rate", "rollup_deriv":
      return try await rollup(call, arguments, grid)
    default: break
    }
    let hasParameter = call.function.argumentTypes.first == .scalar
    let parameter = hasParameter ? try await scalar(arguments[0], grid).first : nil
    guard let function = WholeRowFunction(name: name, parameter: parameter) else { return nil }
    let child = try await union(hasParameter ? Array(arguments.dropFirst()) : arguments, grid)
    let dropsName = WholeRowFunction.changesMetric(name) && !call.keepsMetricNames
    return merged(
      WholeRowOperator(child, function, labelChange(dropsName: dropsName), grid, context), .merges, grid)
  }

  private func union(_ arguments: [Expression], _ grid: StepGrid) async throws -> any VectorOperator {
    var children: [any VectorOperator] = []
    for argument in arguments { children.append(try await vector(argument, grid)) }
    return children.count == 1 ? children[0] : try UnionOperator(children, stepCount: grid.count, context)
  }

  private func rollup(_ call: Call, _ arguments: [Expression], _ grid: StepGrid) async throws -> any VectorOperator {
    let name = call.function.name
    var statistics = RollupStatistic.allCases
    let isOne = arguments.count > 1
    if isOne, case .stringLiteral(let literal) = arguments[1] {
      guard let one = RollupStatistic(rawValue: literal.value) else {
        throw QueryError.execution(
          "the second argument of \(name)() must be \"min\", \"max\" or \"avg\", got \(quotedText(literal.bytes[...]))")
      }
      statistics = [one]
    }
    let change: tsdb_change? =
      switch name {
      case "rollup_increase": TSDB_CHANGE_INCREASE
      case "rollup_delta": TSDB_CHANGE_DELTA
      case "rollup_rate": TSDB_CHANGE_RATE
      case "rollup_deriv": TSDB_CHANGE_DERIV
      default: nil
      }
    let isCounter = change == TSDB_CHANGE_INCREASE || change == TSDB_CHANGE_RATE
    let labelChange = labelChange(dropsName: change != nil && !call.keepsMetricNames)
    var children: [any VectorOperator] = []
    for statistic in statistics {
      let rows = try await rangeRows(
        statistic.function, arguments[0], change: change.map { RangeKernel.Change($0, statistic.ofChanges) },
        hint: isCounter ? RangeFunction.increase.rawValue : statistic.function.rawValue, labelChange, grid)
      let child = merged(rows, .fails, grid)
      children.append(
        isOne
          ? child
          : LabelRewritingOperator(
            child, FixedLabel(destination: Array("rollup".utf8), value: Array(statistic.rawValue.utf8)), context))
    }
    return children.count == 1 ? children[0] : try UnionOperator(children, stepCount: grid.count, context)
  }

  /// The operator of `default`; scalars stand for a row without labels.
  func defaulted(_ node: BinaryOperation, _ grid: StepGrid) async throws -> any VectorOperator {
    let left = try await rows(of: node.lhs, grid)
    let right = try await rows(of: node.rhs, grid)
    let written = node.written
    return DefaultOperator(
      left, right, try MatchSignatures(on: written.isOn, names: written.labels, context.budget),
      isPlain: !written.isOn && written.labels.isEmpty, stepCount: grid.count, context)
  }

  private func rows(of expression: Expression, _ grid: StepGrid) async throws -> any VectorOperator {
    guard expression.valueType == .scalar else { return try await vector(expression, grid) }
    return ConstantOperator(try await scalar(expression, grid), context)
  }
}

/// What a roll-up tells of a window. The raw value is its argument and its label.
private enum RollupStatistic: String, CaseIterable {
  case min, max, avg

  var function: RangeFunction {
    switch self {
    case .min: .minOverTime
    case .max: .maxOverTime
    case .avg: .avgOverTime
    }
  }

  var ofChanges: tsdb_change_statistic {
    switch self {
    case .min: TSDB_CHANGE_MIN
    case .max: TSDB_CHANGE_MAX
    case .avg: TSDB_CHANGE_AVG
    }
  }
}

/// A label that all rows get.
private struct FixedLabel: LabelRewriting {
  let destination: [UInt8]
  let value: [UInt8]

  func value(for set: LabelBytes) -> [UInt8]? { value }
}
