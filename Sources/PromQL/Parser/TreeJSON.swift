// The tree as `/api/v1/parse_query` tells it: objects whose members ascend, as Go writes maps. Like the printer it keeps what
// is to come in an array.
internal import TSModel

extension Expression {
  /// The tree as JSON; nil where it holds a number that JSON has none for (a fill value of NaN or infinity).
  public var jsonText: String? {
    var writer = TreeWriter()
    return writer.write(self) ? String(decoding: writer.bytes, as: UTF8.self) : nil
  }
}

private struct TreeWriter {
  private enum Piece {
    case text(String)
    case expression(Expression?)
    case duration(DurationExpression?)
  }

  private(set) var bytes: [UInt8] = []
  private var pieces: [Piece] = []
  private var isWritable = true

  mutating func write(_ expression: Expression) -> Bool {
    pieces.append(.expression(expression))
    while let piece = pieces.popLast(), isWritable {
      switch piece {
      case .text(let text): bytes.append(contentsOf: text.utf8)
      case .expression(nil), .duration(nil): bytes.append(contentsOf: "null".utf8)
      case .expression(let node?): write(oneOf: node)
      case .duration(.literal(let node)?): push(.text(text(of: node, isInDuration: true)))
      case .duration(.operation(let node)?):
        push(
          .text("{\"lhs\":"), .duration(node.lhs), .text(",\"op\":\(quote(node.operation.rawValue)),\"rhs\":"),
          .duration(node.rhs), .text(",\"type\":\"durationExpr\",\"wrapped\":\(node.isWrapped)}"))
      }
    }
    return isWritable
  }

  /// What is to be written next, in this order.
  private mutating func push(_ next: Piece...) { pieces.append(contentsOf: next.reversed()) }

  private mutating func write(oneOf expression: Expression) {
    switch expression {
    case .numberLiteral(let node): push(.text(text(of: node, isInDuration: false)))
    case .stringLiteral(let node): push(.text("{\"type\":\"stringLiteral\",\"val\":\(quote(node.value))}"))
    case .vectorSelector(let node): writeSelector("vectorSelector", node, range: nil)
    case .matrixSelector(let node): writeSelector("matrixSelector", node.selector, range: node.range)
    case .subquery(let node): write(node)
    case .call(let node): write(node)
    case .aggregation(let node):
      push(
        .text("{\"expr\":"), .expression(node.expression),
        .text(",\"grouping\":\(list(node.grouping)),\"op\":\(quote(node.operation.rawValue)),\"param\":"),
        .expression(node.parameter), .text(",\"type\":\"aggregation\",\"without\":\(node.isWithout)}"))
    case .binary(let node):
      push(
        .text("{\"bool\":\(node.returnsBool)\(kept(node.keepsMetricNames)),\"lhs\":"), .expression(node.lhs),
        .text(",\"matching\":\(text(of: node.matching)),\"op\":\(quote(node.operation.rawValue)),\"rhs\":"),
        .expression(node.rhs), .text(",\"type\":\"binaryExpr\"}"))
    case .unary(let node):
      push(
        .text("{\"expr\":"), .expression(node.expression),
        .text(",\"op\":\"\(node.isNegation ? "-" : "+")\",\"type\":\"unaryExpr\"}"))
    case .parenthesized(let node):
      push(.text("{\"expr\":"), .expression(node.expression), .text(",\"type\":\"parenExpr\"}"))
    }
  }

  private mutating func writeSelector(_ type: String, _ node: VectorSelector, range: DurationValue?) {
    let matchers = node.matchers.map {
      "{\"name\":\(quote($0.name)),\"type\":\(quote($0.kind.sign)),\"value\":\(quote($0.value))}"
    }
    // The last first.
    push(
      .text(
        ",\"smoothed\":\(node.boundaries == .smoothed),\"startOrEnd\":\(border(node.at))"
          + ",\"timestamp\":\(timestamp(node.at)),\"type\":\(quote(type))}"))
    if let range { push(.text(",\"range\":\(milliseconds(range)),\"rangeExpr\":"), .duration(operation(range))) }
    push(
      .text("{\"anchored\":\(node.boundaries == .anchored),\"matchers\":[\(matchers.joined(separator: ","))]"),
      .text(",\"name\":\(quote(node.name)),\"offset\":\(milliseconds(node.offset)),\"offsetExpr\":"),
      .duration(operation(node.offset)))
  }

  private mutating func write(_ node: Subquery) {
    push(
      .text("{\"expr\":"), .expression(node.expression),
      .text(",\"offset\":\(milliseconds(node.offset)),\"offsetExpr\":"),
      .duration(operation(node.offset)), .text(",\"range\":\(milliseconds(node.range)),\"rangeExpr\":"),
      .duration(operation(node.range)),
      .text(",\"startOrEnd\":\(border(node.at)),\"step\":\(milliseconds(node.step)),\"stepExpr\":"),
      .duration(operation(node.step)), .text(",\"timestamp\":\(timestamp(node.at)),\"type\":\"subquery\"}"))
  }

  private mutating func write(_ node: Call) {
    let function = node.function
    let types = function.argumentTypes.map { quote($0.rawValue) }.joined(separator: ",")
    push(
      .text(
        "],\"func\":{\"argTypes\":[\(types)],\"name\":\(quote(function.name)),\"returnType\":"
          + "\(quote(function.returnType.rawValue)),\"variadic\":\(function.variadic)}\(kept(node.keepsMetricNames)),"
          + "\"type\":\"call\"}"))
    for (index, argument) in node.arguments.enumerated().reversed() {
      push(.text(index > 0 ? "," : ""), .expression(argument))
    }
    push(.text("{\"args\":["))
  }

  /// A member that only is there where names are kept, so that other trees stay Prometheus'.
  private func kept(_ keepsMetricNames: Bool) -> String { keepsMetricNames ? ",\"keepMetricNames\":true" : "" }

  private func text(of literal: NumberLiteral, isInDuration: Bool) -> String {
    "{" + (isInDuration ? "\"duration\":\(literal.isDuration)," : "")
      + "\"type\":\"numberLiteral\",\"val\":\(quote(fixedText(literal.value)))}"
  }

  private mutating func text(of matching: VectorMatching?) -> String {
    guard let matching else { return "null" }
    return
      "{\"card\":\(quote(matching.cardinality.rawValue)),\"fillValues\":{\"lhs\":\(number(matching.fillLeft)),\"rhs\":"
      + "\(number(matching.fillRight))},\"include\":\(list(matching.include)),\"labels\":\(list(matching.labels)),\"on\":"
      + "\(matching.isOn)}"
  }

  private mutating func number(_ value: Double?) -> String {
    guard let value else { return "null" }
    guard value.isFinite else {
      isWritable = false
      return "null"
    }
    return jsonText(value)
  }

  private func milliseconds(_ duration: DurationValue?) -> Int64 {
    if case .nanoseconds(let count)? = duration { return count / 1_000_000 }
    return 0
  }

  private func operation(_ duration: DurationValue?) -> DurationExpression? {
    if case .expression(let operation)? = duration { return .operation(operation) }
    return nil
  }

  private func border(_ at: AtModifier?) -> String {
    switch at {
    case .start: "\"start\""
    case .end: "\"end\""
    case .timestampMs, nil: "null"
    }
  }

  private func timestamp(_ at: AtModifier?) -> String {
    if case .timestampMs(let timeMs)? = at { return String(timeMs) }
    return "null"
  }

  private func list(_ texts: [String]) -> String { "[" + texts.map(quote).joined(separator: ",") + "]" }

  private func quote(_ text: String) -> String { JSONValue.quoted(text) }
}

/// `value`, which is finite, as Go's `json.Marshal` writes it: with an exponent from 1e21 and below 1e-6.
private func jsonText(_ value: Double) -> String {
  if value == 0 || (value.magnitude >= 1e-6 && value.magnitude < 1e21) { return fixedText(value) }
  let text = goText(value)
  // Exponents of one digit lose their zero.
  guard text.utf8.suffix(4).starts(with: "e-0".utf8) else { return text }
  return String(text.dropLast(2)) + String(text.suffix(1))
}
