// The tree as text: on one line, and over several where a line would be too long. Both write what reads back as the same tree.
//
// What is to be written stands in an array, the next piece last, so that no tree needs the thread's stack.
internal import TSModel

extension Expression: CustomStringConvertible {
  /// The expression on one line, as Prometheus writes it.
  public var description: String {
    var printer = Printer(sizeMax: .max)
    printer.print(self)
    return String(decoding: printer.bytes, as: UTF8.self)
  }

  /// The expression over several lines, as Prometheus' `format_query` writes it: what is longer than 100 bytes is split and
  /// indented. Throws where that is longer than `sizeMax` bytes: the indents of a hostile query can be many times its size.
  public func formatted(sizeMax: Int = 64 << 20) throws(ParseError) -> String {
    var printer = Printer(sizeMax: sizeMax)
    printer.measure(self)
    guard printer.format(self) else {
      throw ParseError("formatted, the query is longer than \(sizeMax) bytes", at: position, in: [])
    }
    return String(decoding: printer.bytes, as: UTF8.self)
  }
}

extension DurationOperation: CustomStringConvertible {
  /// The expression as Prometheus writes it: `(5m * 2)`.
  public var description: String {
    var printer = Printer(sizeMax: .max)
    printer.print(duration: .operation(self))
    return String(decoding: printer.bytes, as: UTF8.self)
  }
}

extension Expression {
  /// An aggregation, a binary operation or a subquery without what it is about: `sum by (job)`, `/ on (job)`, `[1h:1m]`; empty for others.
  var headText: String {
    let printer = Printer(sizeMax: 1 << 20)
    return switch self {
    case .aggregation(let node): printer.head(of: node).trimmed
    case .binary(let node): printer.sign(of: node).trimmed
    case .subquery(let node): printer.suffix(of: node).trimmed
    default: ""
    }
  }
}

extension String {
  /// Without spaces at the end.
  fileprivate var trimmed: String { String(reversed().drop { $0 == " " }.reversed()) }
}

private struct Printer {
  /// Longest line, bytes.
  static let lineBytesMax = 100

  private enum Piece {
    case text(String)
    case expression(Expression)
    case arguments([Expression], from: Int)
    case duration(DurationExpression)
    case formatted(Expression, level: Int)
    case formattedArguments([Expression], from: Int, level: Int)
    case indent(Int)
    /// The indent of what comes next is left out.
    case trimmed
    /// A node that began at this byte ends.
    case measured(ObjectIdentifier, from: Int)
  }

  private(set) var bytes: [UInt8] = []
  private let sizeMax: Int
  private var pieces: [Piece] = []
  private var isTrimming = false
  /// How long each node that may be split is on one line.
  private var sizes: [ObjectIdentifier: Int] = [:]
  private var isMeasuring = false

  init(sizeMax: Int) { self.sizeMax = sizeMax }

  /// Whether it was all written: false once it is longer than allowed.
  @discardableResult
  mutating func print(_ expression: Expression) -> Bool {
    pieces.append(.expression(expression))
    return run()
  }

  mutating func print(duration: DurationExpression) {
    pieces.append(.duration(duration))
    _ = run()
  }

  /// Finds the sizes of all nodes, for `format`.
  mutating func measure(_ expression: Expression) {
    var printer = Printer(sizeMax: .max)
    printer.isMeasuring = true
    printer.print(expression)
    sizes = printer.sizes
  }

  mutating func format(_ expression: Expression) -> Bool {
    pieces.append(.formatted(expression, level: 0))
    return run()
  }

  private mutating func run() -> Bool {
    while let piece = pieces.popLast() {
      switch piece {
      case .text(let text): write(text)
      case .expression(let expression): write(expression)
      case .arguments(let arguments, let index):
        if index > 0 { write(", ") }
        if index + 1 < arguments.count { pieces.append(.arguments(arguments, from: index + 1)) }
        pieces.append(.expression(arguments[index]))
      case .duration(let duration): write(duration)
      case .formatted(let expression, let level): format(expression, level)
      case .formattedArguments(let arguments, let index, let level):
        if index > 0 { write(",\n") }
        if index + 1 < arguments.count {
          pieces.append(.formattedArguments(arguments, from: index + 1, level: level))
        }
        pieces.append(.formatted(arguments[index], level: level))
      case .indent(let level): indent(level)
      case .trimmed: isTrimming = true
      case .measured(let node, let start): sizes[node] = bytes.count - start
      }
      guard bytes.count <= sizeMax else { return false }
    }
    return true
  }

  /// What is to be written next, in this order.
  private mutating func push(_ next: Piece...) { pieces.append(contentsOf: next.reversed()) }

  private mutating func write(_ text: String) {
    isTrimming = false
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func indent(_ level: Int) {
    guard !isTrimming else { return }
    bytes.append(contentsOf: [UInt8](repeating: UInt8(ascii: " "), count: 2 * level))
  }

  // MARK: on one line

  private mutating func write(_ expression: Expression) {
    if isMeasuring, let node = expression.identityIfSplittable { push(.measured(node, from: bytes.count)) }
    switch expression {
    case .numberLiteral(let node): write(text(of: node))
    case .stringLiteral(let node): write(quotedText(node.bytes[...]))
    case .vectorSelector(let node):
      writeSeries(of: node)
      writeAt(node.at)
      writeBoundaries(node.boundaries)
      writeOffset(node.offset)
    case .matrixSelector(let node):
      writeSeries(of: node.selector)
      if !node.isImplicit { write("[" + text(of: node.range) + "]") }
      writeBoundaries(node.selector.boundaries)
      writeAt(node.selector.at)
      writeOffset(node.selector.offset)
    case .subquery(let node): push(.expression(node.expression), .text(suffix(of: node)))
    case .call(let node):
      write(node.function.name + "(")
      push(.text(end(of: node)))
      if !node.arguments.isEmpty { push(.arguments(node.arguments, from: 0)) }
    case .aggregation(let node):
      write(head(of: node) + "(")
      push(.expression(node.expression), .text(")"))
      if let parameter = node.parameter { push(.expression(parameter), .text(", ")) }
    case .binary(let node): push(.expression(node.lhs), .text(" \(sign(of: node)) "), .expression(node.rhs))
    case .unary(let node):
      write(node.isNegation ? "-" : "+")
      push(.expression(node.expression))
    case .parenthesized(let node):
      write("(")
      push(.expression(node.expression), .text(end(of: node)))
    }
  }

  private func end(of node: Call) -> String { node.keepsMetricNames ? ") keep_metric_names" : ")" }

  private func end(of node: Parenthesized) -> String {
    if case .binary(let inner) = node.expression, inner.keepsMetricNames { return ") keep_metric_names" }
    return ")"
  }

  private func text(of literal: NumberLiteral) -> String {
    guard literal.isDuration else { return fixedText(literal.value) }
    let nanoseconds = Int64(exactly: (literal.value * 1e9).rounded(.towardZero)) ?? .min
    return durationText(milliseconds: nanoseconds / 1_000_000)
  }

  /// The name and the matchers, sorted by their text.
  private mutating func writeSeries(of selector: VectorSelector) {
    write(selector.name)
    let matchers = selector.matchers.filter {
      $0.name != "__name__" || $0.kind != .equal || $0.valueBytes.isEmpty
        || !$0.valueBytes.elementsEqual(selector.name.utf8)
    }
    guard !matchers.isEmpty else { return }
    let texts = matchers.map { matcher in
      (isPlainName(matcher.name) ? matcher.name : quotedText(matcher.name)) + matcher.kind.sign
        + quotedText(matcher.valueBytes[...])
    }
    write("{" + texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: ",") + "}")
  }

  private mutating func writeAt(_ at: AtModifier?) { write(text(of: at)) }

  private func text(of at: AtModifier?) -> String {
    switch at {
    case nil: ""
    case .start: " @ start()"
    case .end: " @ end()"
    case .timestampMs(let timeMs): " @ " + fixedText(Double(timeMs) / 1000, decimals: 3)
    }
  }

  private mutating func writeBoundaries(_ boundaries: RangeBoundaries) {
    switch boundaries {
    case .standard: break
    case .anchored: write(" anchored")
    case .smoothed: write(" smoothed")
    }
  }

  private mutating func writeOffset(_ offset: DurationValue?) { write(offsetText(offset)) }

  private func offsetText(_ offset: DurationValue?) -> String {
    switch offset {
    case nil, .nanoseconds(0): return ""
    case .nanoseconds(let count):
      // Less than a millisecond is written as 0s, with its sign.
      let text = durationText(milliseconds: count / 1_000_000)
      return " offset " + (count < 0 && !text.hasPrefix("-") ? "-" : "") + text
    case .expression(let operation): return " offset " + operation.description
    }
  }

  private func text(of duration: DurationValue) -> String {
    switch duration {
    case .nanoseconds(let count): durationText(milliseconds: count / 1_000_000)
    case .expression(let operation): operation.description
    }
  }

  func suffix(of node: Subquery) -> String {
    "[" + text(of: node.range) + ":" + (node.step.map(text) ?? "") + "]" + text(of: node.at) + offsetText(node.offset)
  }

  /// An aggregation up to its parenthesis: `sum by (job) `.
  func head(of node: Aggregation) -> String {
    if node.isWithout { return node.operation.rawValue + " without (" + list(node.grouping) + ") " }
    if node.grouping.isEmpty { return node.operation.rawValue }
    return node.operation.rawValue + " by (" + list(node.grouping) + ") "
  }

  private func list(_ labels: [String]) -> String {
    labels.map { isPlainName($0) ? $0 : quotedText($0) }.joined(separator: ", ")
  }

  /// An operator with all that modifies it: `/ on (job) group_left ()`.
  func sign(of node: BinaryOperation) -> String {
    var text = node.operation.rawValue + (node.returnsBool ? " bool" : "")
    guard let matching = node.matching else { return text }
    let isGrouped = matching.cardinality == .manyToOne || matching.cardinality == .oneToMany
    if !matching.labels.isEmpty || matching.isOn || isGrouped {
      text += (matching.isOn ? " on (" : " ignoring (") + list(matching.labels) + ")"
    }
    if isGrouped {
      text += matching.cardinality == .manyToOne ? " group_left (" : " group_right ("
      text += list(matching.include) + ")"
    }
    if let left = matching.fillLeft, let right = matching.fillRight, left == right {
      return text + " fill (\(goText(left)))"
    }
    if let left = matching.fillLeft { text += " fill_left (\(goText(left)))" }
    if let right = matching.fillRight { text += " fill_right (\(goText(right)))" }
    return text
  }

  private mutating func write(_ duration: DurationExpression) {
    guard case .operation(let node) = duration else {
      if case .literal(let literal) = duration { write(text(of: literal)) }
      return
    }
    if node.isWrapped {
      write("(")
      push(.text(")"))
    }
    switch node.operation {
    case .step: write("step()")
    case .range: write("range()")
    case .minOf, .maxOf:
      write(node.operation.rawValue + "(")
      push(.text(")"))
      if let rhs = node.rhs { push(.duration(rhs)) }
      if let lhs = node.lhs { push(.duration(lhs), .text(", ")) }
    default:
      if let rhs = node.rhs { push(.duration(rhs)) }
      if let lhs = node.lhs {
        push(.duration(lhs), .text(" \(node.operation.rawValue) "))
      } else if node.operation == .subtract {
        write("-")
      }
    }
  }

  // MARK: over several lines

  private func isTooLong(_ expression: Expression) -> Bool {
    guard let node = expression.identityIfSplittable else { return false }
    return sizes[node, default: 0] > Self.lineBytesMax
  }

  private mutating func format(_ expression: Expression, _ level: Int) {
    switch expression {
    case .unary(let node):
      indent(level)
      write(node.isNegation ? "-" : "+")
      push(.trimmed, .formatted(node.expression, level: level))
      return
    case .subquery(let node):
      // On one line it has no indent, as in Prometheus.
      if isTooLong(expression) {
        push(.formatted(node.expression, level: level), .text(suffix(of: node)))
      } else {
        push(.expression(expression))
      }
      return
    case .numberLiteral, .stringLiteral, .vectorSelector, .matrixSelector: break
    case .call, .aggregation, .binary, .parenthesized:
      if isTooLong(expression) {
        formatSplit(expression, level)
        return
      }
    }
    indent(level)
    push(.expression(expression))
  }

  private mutating func formatSplit(_ expression: Expression, _ level: Int) {
    switch expression {
    case .call(let node):
      indent(level)
      write(node.function.name + "(\n")
      push(.text("\n"), .indent(level), .text(end(of: node)))
      if !node.arguments.isEmpty { push(.formattedArguments(node.arguments, from: 0, level: level + 1)) }
    case .aggregation(let node):
      indent(level)
      write(head(of: node) + "(\n")
      push(.formatted(node.expression, level: level + 1), .text("\n"), .indent(level), .text(")"))
      if let parameter = node.parameter { push(.formatted(parameter, level: level + 1), .text(",\n")) }
    case .binary(let node):
      push(
        .formatted(node.lhs, level: level + 1), .text("\n"), .indent(level), .text(sign(of: node) + "\n"),
        .formatted(node.rhs, level: level + 1))
    case .parenthesized(let node):
      indent(level)
      write("(\n")
      push(.formatted(node.expression, level: level + 1), .text("\n"), .indent(level), .text(end(of: node)))
    default: push(.expression(expression))
    }
  }
}

extension Expression {
  /// The node, if lines may be split inside it.
  fileprivate var identityIfSplittable: ObjectIdentifier? {
    switch self {
    case .numberLiteral, .stringLiteral, .vectorSelector, .matrixSelector, .unary: nil
    case .subquery(let node): ObjectIdentifier(node)
    case .call(let node): ObjectIdentifier(node)
    case .aggregation(let node): ObjectIdentifier(node)
    case .binary(let node): ObjectIdentifier(node)
    case .parenthesized(let node): ObjectIdentifier(node)
    }
  }
}

extension LabelMatcher.Kind {
  /// `=`, `!=`, `=~` or `!~`.
  var sign: String {
    switch self {
    case .equal: "="
    case .notEqual: "!="
    case .regex: "=~"
    case .notRegex: "!~"
    }
  }
}
