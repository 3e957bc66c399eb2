// What only shows once the tree stands: types of operands and arguments, their number, selectors that select everything. The
// tree is walked with a stack of its own; as all of the parser, this tells the fault that Prometheus finds first.
internal import TSModel

struct TypeCheck {
  private enum Step {
    case check(Expression)
    /// A selector that may match everything.
    case checkLoosely(VectorSelector)
    case require(Expression, ValueType, Place)
    case binary(BinaryOperation)
    case unary(UnaryOperation)
    case subquery(Subquery)
  }

  /// Where a type is required.
  private enum Place {
    case aggregation, parameter
    case call(FunctionSignature)
  }

  private let bytes: [UInt8]
  private var steps: [Step] = []

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  consuming func check(_ expression: Expression) throws(ParseError) {
    steps.append(.check(expression))
    while let step = steps.popLast() {
      switch step {
      case .check(let expression): try check(oneOf: expression)
      case .checkLoosely(let selector): try checkName(of: selector)
      case .require(let expression, let type, let place): try require(type, of: expression, place)
      case .binary(let node): try check(node)
      case .unary(let node):
        let type = node.valueType
        guard type == .scalar || type == .vector else {
          throw error(
            "unary expression only allowed on expressions of type scalar or instant vector, got "
              + quotedText(type.documentedName), at: node.position)
        }
      case .subquery(let node):
        let type = node.expression.valueType
        guard type == .vector else {
          throw error("subquery is only allowed on instant vector, got \(type.rawValue) instead", at: node.position)
        }
      }
    }
  }

  /// Pushes what has to be checked below a node and then of it. The last step pushed is the first one done.
  private mutating func check(oneOf expression: Expression) throws(ParseError) {
    switch expression {
    case .numberLiteral, .stringLiteral: break
    case .vectorSelector(let selector): try check(selector)
    case .matrixSelector(let node): try check(node.selector)
    case .parenthesized(let node): steps.append(.check(node.expression))
    case .subquery(let node):
      steps.append(.subquery(node))
      steps.append(.check(node.expression))
    case .unary(let node):
      steps.append(.unary(node))
      steps.append(.check(node.expression))
    case .binary(let node):
      steps.append(.binary(node))
      steps.append(.check(node.rhs))
      steps.append(.check(node.lhs))
    case .aggregation(let node):
      if let parameter = node.parameter {
        steps.append(.require(parameter, node.operation == .countValues ? .string : .scalar, .parameter))
        steps.append(.check(parameter))
      }
      steps.append(.require(node.expression, .vector, .aggregation))
      steps.append(.check(node.expression))
    case .call(let node): try check(node)
    }
  }

  private func require(_ type: ValueType, of expression: Expression, _ place: Place) throws(ParseError) {
    let got = expression.valueType
    guard got != type else { return }
    let name =
      switch place {
      case .aggregation: "aggregation expression"
      case .parameter: "aggregation parameter"
      case .call(let function): "call to function \(quotedText(function.name))"
      }
    throw error(
      "expected type \(type.documentedName) in \(name), got \(got.documentedName)", at: expression.position)
  }

  private mutating func check(_ node: Call) throws(ParseError) {
    let (function, arguments) = (node.function, node.arguments)
    let types = function.argumentTypes
    let name = quotedText(function.name)
    if function.variadic == 0 {
      guard arguments.count == types.count else {
        throw error("expected \(types.count) argument(s) in call to \(name), got \(arguments.count)", at: node.position)
      }
    } else {
      let countMin = types.count - 1
      guard arguments.count >= countMin else {
        throw error(
          "expected at least \(countMin) argument(s) in call to \(name), got \(arguments.count)", at: node.position)
      }
      let countMax = countMin + function.variadic
      guard function.variadic < 0 || arguments.count <= countMax else {
        throw error(
          "expected at most \(countMax) argument(s) in call to \(name), got \(arguments.count)", at: node.position)
      }
    }
    var loose: VectorSelector?
    if function.name == "info", arguments.count > 1 { loose = try selectorOfInfo(node, arguments[1]) }
    guard let lastType = types.last else { return }
    for (index, argument) in arguments.enumerated().reversed() {
      steps.append(.require(argument, index < types.count ? types[index] : lastType, .call(function)))
      if index == 1, let loose { steps.append(.checkLoosely(loose)) } else { steps.append(.check(argument)) }
    }
  }

  /// The second argument of `info` is a selector without a name before the braces.
  private func selectorOfInfo(_ node: Call, _ argument: Expression) throws(ParseError) -> VectorSelector {
    let type = argument.valueType
    guard type == .vector else {
      throw error(
        "expected type instant vector in call to function \"info\", got \(type.documentedName)", at: node.position)
    }
    guard case .vectorSelector(let selector) = argument else {
      throw error("expected label selectors only", at: argument.position)
    }
    guard selector.name.isEmpty else {
      throw error("expected label selectors only, got vector selector instead", at: argument.position)
    }
    return selector
  }

  private func check(_ selector: VectorSelector) throws(ParseError) {
    try checkName(of: selector)
    if selector.name.isEmpty, selector.matchers.allSatisfy({ $0.matchesEmpty }) {
      throw error("vector selector must contain at least one non-empty matcher", at: selector.position)
    }
  }

  private func checkName(of selector: VectorSelector) throws(ParseError) {
    guard !selector.name.isEmpty else { return }
    for matcher in selector.matchers.dropLast() where matcher.name == "__name__" {
      throw error(
        "metric name must not be set twice: \(quotedText(selector.name)) or \(quotedText(matcher.valueBytes[...]))",
        at: selector.position)
    }
  }

  private func check(_ node: BinaryOperation) throws(ParseError) {
    let operation = node.operation
    let (left, right) = (node.lhs.valueType, node.rhs.valueType)
    let written = node.written
    if node.returnsBool, !operation.isComparison {
      throw error("bool modifier can only be used on comparison operators", at: sign(of: node))
    }
    if operation.isComparison, !node.returnsBool, left == .scalar, right == .scalar {
      throw error("comparisons between scalars must use BOOL modifier", at: sign(of: node))
    }
    if written.isOn, !written.include.isEmpty {
      let included = Set(written.include.map { Array($0.utf8) })
      for label in written.labels where included.contains(Array(label.utf8)) {
        throw error("label \(quotedText(label)) must not occur in ON and GROUP clause at once", at: sign(of: node))
      }
    }
    for (side, type) in [(node.lhs, left), (node.rhs, right)] where type != .scalar && type != .vector {
      throw error("binary expression must contain only scalar and instant vector types", at: side.position)
    }
    if left != .vector || right != .vector {
      if !written.labels.isEmpty {
        throw error("vector matching only allowed between instant vectors", at: node.position)
      }
      if written.fills {
        throw error("filling in missing series only allowed between instant vectors", at: node.position)
      }
      if operation.isSetOperator {
        throw error(
          "set operator \(quotedText(operation.rawValue)) not allowed in binary scalar expression", at: node.position)
      }
    } else if operation.isAboutPresence {
      guard written.cardinality == .oneToOne else {
        throw error("no grouping allowed for \(quotedText(operation.rawValue)) operation", at: node.position)
      }
      if written.fills { throw error("filling in missing series not allowed for set operators", at: node.position) }
    }
  }

  /// Where the operator stands: from the first byte that is no blank after the left side.
  private func sign(of node: BinaryOperation) -> PositionRange {
    var (start, end) = (max(0, node.lhs.position.end), min(node.rhs.position.start, bytes.count))
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    return PositionRange(start, end)
  }

  private func error(_ message: String, at position: PositionRange) -> ParseError {
    ParseError(message, at: position, in: bytes)
  }
}
