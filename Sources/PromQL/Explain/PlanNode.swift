// What a query is computed by, as a tree of operations: for people who want to know what it does before it runs.
internal import TSModel

/// An operation of a query, and those that it takes its input from.
public struct PlanNode: Sendable, Hashable {
  /// What it is: `[aggregate] sum by (job)`.
  public var name: String
  /// Where its input comes from, in the order of evaluation.
  public var children: [PlanNode]
}

extension Expression {
  /// The operations that compute it. Parentheses are none; numbers and texts are where they are all of it.
  public var plan: PlanNode { PlanNode(name: operationName, children: inputs.map(\.plan)) }

  /// What the operation at the root is, in the manner of Thanos' plans.
  var operationName: String {
    switch self {
    case .parenthesized(let node): node.expression.operationName
    case .numberLiteral, .stringLiteral: "[literal] \(self)"
    case .vectorSelector: "[vectorSelector] \(self)"
    case .matrixSelector: "[matrixSelector] \(self)"
    case .subquery: "[subquery] \(headText)"
    case .aggregation: "[aggregate] \(headText)"
    case .call(let node):
      if node.arguments.contains(where: { $0.withoutParentheses.isMatrixSelector }) {
        "[matrixSelector] \(self)"
      } else {
        "[function] \(node.function.name)"
      }
    case .binary: "[binary] \(headText)"
    case .unary(let node): "[unary] \(node.isNegation ? "-" : "+")"
    }
  }

  private var isMatrixSelector: Bool { if case .matrixSelector = self { true } else { false } }

  /// What gives series to the operation: of a function over a range selector nothing, since they are one.
  private var inputs: [Expression] {
    switch self {
    case .parenthesized(let node): node.expression.inputs
    case .matrixSelector: []
    default: children.map(\.withoutParentheses).filter { $0.valueType == .vector || $0.isSubquery }
    }
  }

  private var isSubquery: Bool { if case .subquery = self { true } else { false } }
}
