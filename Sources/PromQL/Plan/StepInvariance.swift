// Which parts of a query have the same value at every step: those are evaluated once.

/// What is known of one expression.
struct StepInvariance {
  /// Whether it has the same value at every step.
  var isInvariant: Bool
  /// Whether evaluating it once pays; not so for texts and for what functions over ranges evaluate themselves.
  var isWorthOnce: Bool

  private static let never = StepInvariance(isInvariant: false, isWorthOnce: false)

  /// Functions whose value depends on the evaluation time, whatever their arguments.
  private static let timeDependent: Set<String> = [
    "days_in_month", "day_of_month", "day_of_week", "day_of_year", "end", "hour", "minute", "month", "year",
    "predict_linear", "range", "start", "step", "time", "timestamp",
  ]

  /// What is known of `expression`.
  static func of(_ expression: Expression) -> StepInvariance {
    switch expression {
    case .numberLiteral: return StepInvariance(isInvariant: true, isWorthOnce: false)
    case .stringLiteral: return StepInvariance(isInvariant: true, isWorthOnce: false)
    case .vectorSelector(let node): return StepInvariance(isInvariant: node.at != nil, isWorthOnce: node.at != nil)
    case .matrixSelector(let node): return StepInvariance(isInvariant: node.selector.at != nil, isWorthOnce: false)
    case .subquery(let node): return StepInvariance(isInvariant: node.at != nil, isWorthOnce: false)
    case .parenthesized(let node): return of(node.expression)
    case .unary(let node): return of(node.expression)
    case .aggregation(let node): return of(node.expression.withoutParentheses)
    case .binary(let node):
      let isInvariant = of(node.lhs).isInvariant && of(node.rhs).isInvariant
      return StepInvariance(isInvariant: isInvariant, isWorthOnce: isInvariant)
    case .call(let node):
      let arguments = node.arguments.map(\.withoutParentheses)
      let areInvariant = arguments.allSatisfy { of($0).isInvariant }
      // What looks at whole rows sees a value as often as there are steps.
      if node.function.origin == .extras, WholeRowFunction(name: node.function.name, parameter: nil) != nil {
        return never
      }
      if !timeDependent.contains(node.function.name) {
        return areInvariant ? StepInvariance(isInvariant: true, isWorthOnce: true) : never
      }
      // The time of a selected sample is that of the sample.
      guard node.function.name == "timestamp", areInvariant,
        arguments.allSatisfy({ if case .vectorSelector = $0 { true } else { false } })
      else { return never }
      return StepInvariance(isInvariant: true, isWorthOnce: true)
    }
  }
}
