// From tokens to the tree.
//
// What is open around the place that is read stands in an array of frames, so that no nesting, however deep, needs the
// thread's stack:
//
//   sum(a + -b * (c    frames: aggregation sum │ binary a + │ binary -b * │ parenthesis        value: c
//
// An operand pushes frames until it has a value; what follows the value decides how many frames it completes. Where a token
// fits nowhere, the message tells the innermost thing that was begun and is known to the reader (`Expectation`).
//
// Messages are Prometheus', and of several faults the one it finds first is told. That fixes when the token after something
// is looked at: `peek` reads it, and may throw, so what can be decided without it must be decided before.
internal import TSModel

extension Expression {
  /// The expression that `query` is.
  ///
  /// Throws with Prometheus' text and place where it is none, or uses what `options` do not enable; also where the tree would
  /// be higher than `ParserOptions.heightMax`.
  public init(parsing query: String, options: ParserOptions = ParserOptions()) throws(ParseError) {
    var parser = Parser(Array(query.utf8), options)
    self = try parser.expression()
  }
}

/// What was begun, and what would go on with it.
struct Expectation {
  var inside: StaticString
  var expected: StaticString = ""

  static let aggregation = Expectation(inside: "aggregation")
  static let offset = Expectation(inside: "offset", expected: "number, duration, step(), or range()")
  static let at = Expectation(inside: "@", expected: "timestamp")
  static let openGrouping = Expectation(inside: "grouping opts", expected: "\"(\"")
  static let label = Expectation(inside: "grouping opts", expected: "label")
  static let endOfGrouping = Expectation(inside: "grouping opts", expected: "\",\" or \")\"")
  static let range = Expectation(inside: "subquery or range selector", expected: "number, duration, step(), or range()")
  static let endOfRange = Expectation(inside: "subquery or range", expected: "\":\" or \"]\"")
  static let step = Expectation(inside: "subquery selector", expected: "number, duration, step(), range(), or \"]\"")
  static let endOfStep = Expectation(inside: "subquery selector", expected: "\"]\"")
  static let matcher = Expectation(inside: "label matching", expected: "identifier or \"}\"")
  static let matcherSign = Expectation(inside: "label matching", expected: "label matching operator")
  static let matcherValue = Expectation(inside: "label matching", expected: "string")
  static let endOfMatcher = Expectation(inside: "label matching", expected: "\",\" or \"}\"")
}

struct Parser {
  /// Something begun whose end is to come.
  private enum Frame {
    case parenthesis(Token)
    case sign(Token)
    case binary(lhs: Expression, BinaryOperator, precedence: Int, BinaryModifiers)
    case call(name: Token, argumentsFrom: Int)
    /// Parentheses around several expressions.
    case union(Token, argumentsFrom: Int)
    case aggregation(AggregationFrame)
  }

  private struct AggregationFrame {
    var name: Token
    var operation: AggregationOperator
    var grouping: Grouping?
    var argumentsFrom: Int
  }

  private struct Grouping {
    var labels: [String]
    var isWithout: Bool
  }

  /// What a value and the token after it make.
  private enum Completion {
    case value(Expression)
    case argumentFollows
    case all(Expression)
  }

  private struct BinaryModifiers {
    var returnsBool = false
    var matching = VectorMatching()
  }

  let bytes: [UInt8]
  let options: ParserOptions
  private var lexer: Lexer
  private var following: Token?
  /// What tokens are read from after the first `WITH`.
  private var templates: TemplateExpansion?
  /// The token that was read last, while there are no templates.
  private var previous: TokenKind?
  /// The end of the last token that may end an expression, looked at or read.
  private(set) var lastClosing = 0
  private var frames: [Frame] = []
  /// The arguments that were read of all open frames: each frame knows where its own begin.
  private var arguments: [Expression] = []

  init(_ bytes: [UInt8], _ options: ParserOptions) {
    self.bytes = bytes
    self.options = options
    lexer = Lexer(bytes, hasExtras: options.extras)
  }

  // MARK: tokens

  mutating func peek() throws(ParseError) -> Token {
    if let following { return following }
    let token = try read()
    if token.kind.closes { lastClosing = token.end }
    following = token
    return token
  }

  private mutating func read() throws(ParseError) -> Token {
    guard options.extras else { return try lexer.next() }
    if templates == nil {
      let token = try lexer.next()
      guard token.kind == .with else {
        previous = token.kind
        return token
      }
      var tokens = [token]
      while let last = tokens.last, last.kind != .end { tokens.append(try lexer.next()) }
      templates = TemplateExpansion(bytes, tokens, after: previous)
    }
    guard let token = try templates?.next() else { return try lexer.next() }
    return token
  }

  @discardableResult
  mutating func take() throws(ParseError) -> Token {
    let token = try peek()
    following = nil
    return token
  }

  /// Takes a token of this kind, or throws.
  @discardableResult
  mutating func take(_ kind: TokenKind, _ expectation: Expectation? = nil) throws(ParseError) -> Token {
    guard try peek().kind == kind else { throw try unexpected(expectation) }
    return try take()
  }

  func error(_ message: String, at position: PositionRange) -> ParseError {
    ParseError(message, at: position, in: bytes)
  }

  /// The next token does not fit. Without an expectation, the innermost aggregation is told.
  mutating func unexpected(_ expectation: Expectation? = nil) throws(ParseError) -> ParseError {
    let token = try peek()
    var message = "unexpected \(token.description(in: bytes))"
    let isInAggregation = frames.contains {
      if case .aggregation = $0 { true } else { false }
    }
    if let expectation = expectation ?? (isInAggregation ? .aggregation : nil) {
      message += " in \(expectation.inside)"
      if expectation.expected.utf8CodeUnitCount > 0 { message += ", expected \(expectation.expected)" }
    }
    return error(message, at: token.position)
  }

  func tooHigh(_ position: PositionRange) -> ParseError {
    error("expression is nested more than \(ParserOptions.heightMax) levels deep: split it into several", at: position)
  }

  func text(_ token: Token) -> String { String(decoding: bytes[token.start..<token.end], as: UTF8.self) }

  func value(ofString token: Token) -> [UInt8] { lexer.value(ofString: token) }

  // MARK: expressions

  /// The whole text as an expression, checked.
  mutating func expression() throws(ParseError) -> Expression {
    if try peek().kind == .end { throw error("no expression found in input", at: PositionRange(0, 0)) }
    while true {
      var value = try operand()
      while let operand = value {
        let modified = try modified(operand)
        guard try !beginBinary(modified) else { break }
        switch try completeFrame(modified) {
        case .value(let completed): value = completed
        case .argumentFollows: value = nil
        case .all(let whole):
          try TypeCheck(bytes).check(whole)
          return whole
        }
      }
    }
  }

  /// Reads what stands before a value and, unless that only begins something, the value.
  private mutating func operand() throws(ParseError) -> Expression? {
    let token = try peek()
    switch token.kind {
    case .number, .duration: return .numberLiteral(try number(try take()))
    case .string: return .stringLiteral(StringLiteral(bytes: value(ofString: try take()), position: token.position))
    case .leftParen: return try begin(.parenthesis(try take()))
    case .add, .subtract: return try begin(.sign(try take()))
    case .leftBrace: return .vectorSelector(try selector(name: nil))
    case .identifier, .start, .atEnd, .step, .range, .maxOf, .minOf:
      try take()
      guard try peek().kind == .leftParen else { return .vectorSelector(try selector(name: token)) }
      return try beginArguments(.call(name: token, argumentsFrom: arguments.count))
    default:
      if let operation = token.kind.aggregation { return try aggregation(operation, try take()) }
      guard token.kind.isMetricName else { throw try unexpected() }
      return .vectorSelector(try selector(name: try take()))
    }
  }

  private mutating func begin(_ frame: Frame) throws(ParseError) -> Expression? {
    guard frames.count < ParserOptions.heightMax else { throw tooHigh(try peek().position) }
    frames.append(frame)
    return nil
  }

  /// A call without arguments is complete at once.
  private mutating func beginArguments(_ frame: Frame) throws(ParseError) -> Expression? {
    _ = try begin(frame)
    try take(.leftParen)
    guard try peek().kind == .rightParen else { return nil }
    try take()
    frames.removeLast()
    return try completeArguments(frame)
  }

  private mutating func aggregation(_ operation: AggregationOperator, _ name: Token) throws(ParseError) -> Expression? {
    var frame = AggregationFrame(name: name, operation: operation, argumentsFrom: arguments.count)
    switch try peek().kind {
    case .by, .without:
      frame.grouping = try grouping()
      guard try peek().kind == .leftParen else { throw try unexpected(.aggregation) }
    case .leftParen: break
    default: return .vectorSelector(try selector(name: name))
    }
    return try beginArguments(.aggregation(frame))
  }

  /// Begins a binary operation with `lhs` if an operator follows, after completing the operations that bind stronger.
  private mutating func beginBinary(_ value: Expression) throws(ParseError) -> Bool {
    guard let (operation, precedence) = try peek().kind.binaryOperator else { return false }
    let lhs = try completeOperators(value, before: precedence)
    try take()
    let modifiers = try binaryModifiers()
    _ = try begin(.binary(lhs: lhs, operation, precedence: precedence, modifiers))
    return true
  }

  /// Completes signs and operations on top of the frames that bind stronger than an operator of this precedence.
  private mutating func completeOperators(_ value: Expression, before precedence: Int) throws(ParseError) -> Expression
  {
    var value = value
    while let frame = frames.last {
      switch frame {
      case .sign(let token):
        guard precedence <= TokenKind.precedenceOfSign else { return value }
        frames.removeLast()
        value = try signed(value, token)
      case .binary(let lhs, let operation, let own, let modifiers):
        guard precedence < own || (precedence == own && own != TokenKind.precedenceOfPower) else { return value }
        frames.removeLast()
        value = try binary(operation, lhs, value, modifiers)
      case .parenthesis, .call, .union, .aggregation: return value
      }
    }
    return value
  }

  /// Completes what ends with the next token.
  private mutating func completeFrame(_ value: Expression) throws(ParseError) -> Completion {
    let value = try completeOperators(value, before: 0)
    guard let frame = frames.last else {
      try take(.end)
      return .all(value)
    }
    switch try peek().kind {
    case .rightParen: break
    case .comma:
      if case .parenthesis(let opening) = frame {
        guard options.extras else { throw try unexpected() }
        // `(a, b)` is `union(a, b)`.
        frames[frames.count - 1] = .union(opening, argumentsFrom: arguments.count)
      }
      arguments.append(value)
      let comma = try take()
      guard try peek().kind.beginsExpression else {
        throw error("trailing commas not allowed in function call args", at: comma.position)
      }
      return .argumentFollows
    default: throw try unexpected()
    }
    let closing = try take()
    frames.removeLast()
    if case .parenthesis(let opening) = frame {
      guard value.height < ParserOptions.heightMax else { throw tooHigh(opening.position) }
      let position = PositionRange(opening.start, closing.end)
      return .value(.parenthesized(Parenthesized(expression: value, position: position)))
    }
    arguments.append(value)
    return .value(try completeArguments(frame))
  }

  private mutating func completeArguments(_ frame: Frame) throws(ParseError) -> Expression {
    switch frame {
    case .call(let name, let index):
      return .call(try call(named: text(name), name, takeArguments(from: index)))
    case .union(let opening, let index): return .call(try call(named: "union", opening, takeArguments(from: index)))
    case .aggregation(let frame): return .aggregation(try aggregation(frame))
    case .parenthesis, .sign, .binary: throw error("arguments without a function", at: PositionRange(0, 0))
    }
  }

  private mutating func takeArguments(from index: Int) -> [Expression] {
    let taken = Array(arguments[index...])
    arguments.removeSubrange(index...)
    return taken
  }

  /// The call of `word`, which stands at `name`.
  private func call(named word: String, _ name: Token, _ arguments: [Expression]) throws(ParseError) -> Call {
    let function = FunctionSignature.named(word)
    guard let function, function.origin != .extended || options.extendedFunctions else {
      throw error("unknown function with name \(quotedText(bytes[name.start..<name.end]))", at: name.position)
    }
    guard function.origin != .extras || options.extras else {
      throw error(
        "unknown function with name \(quotedText(function.name)); --enable-feature=\(ParserOptions.extrasName) knows it",
        at: name.position)
    }
    let arguments = options.extras ? arguments.withImplicitRanges(of: function) : arguments
    guard !function.isExperimental || options.experimentalFunctions else {
      throw error("function \(quotedText(function.name)) is not enabled", at: name.position)
    }
    let node = Call(function: function, arguments: arguments, position: PositionRange(name.start, lastClosing))
    guard node.height <= ParserOptions.heightMax else { throw tooHigh(name.position) }
    return node
  }

  private mutating func aggregation(_ frame: AggregationFrame) throws(ParseError) -> Aggregation {
    var grouping = frame.grouping
    var position = PositionRange(frame.name.start, lastClosing)
    if grouping == nil {
      switch try peek().kind {
      case .by, .without:
        grouping = try self.grouping()
        position.end = lastClosing
      default: position.end = endBeforeNext(lastClosing)
      }
    }
    let arguments = takeArguments(from: frame.argumentsFrom)
    let operation = frame.operation
    guard let first = arguments.first, let last = arguments.last else {
      throw error("no arguments for aggregate expression provided", at: position)
    }
    guard !operation.isExperimental || options.experimentalFunctions else {
      throw error(
        "\(operation.rawValue)() is experimental and must be enabled with "
          + "--enable-feature=promql-experimental-functions", at: position)
    }
    let count = operation.hasParameter ? 2 : 1
    guard arguments.count == count else {
      throw error(
        "wrong number of arguments for aggregate expression provided, expected \(count), got \(arguments.count)",
        at: position)
    }
    let node = Aggregation(
      operation: operation, expression: last, parameter: operation.hasParameter ? first : nil,
      grouping: grouping?.labels ?? [], isWithout: grouping?.isWithout ?? false, position: position)
    guard node.height <= ParserOptions.heightMax else { throw tooHigh(frame.name.position) }
    return node
  }

  /// The end of an aggregation after which the next token had to be looked at. If that is a parenthesis, the last closing is
  /// its own, and the one before it, with only blanks between, is meant.
  private func endBeforeNext(_ end: Int) -> Int {
    let next = lexer.startOfLast
    guard end > 0, end <= bytes.count, next > 0, next < bytes.count, bytes[next] == UInt8(ascii: ")") else {
      return end
    }
    var index = next - 1
    while index > 0 {
      if bytes[index] == UInt8(ascii: ")") { return index + 1 }
      guard isBlank(bytes[index]) else { return end }
      index -= 1
    }
    return end
  }

  private func signed(_ value: Expression, _ sign: Token) throws(ParseError) -> Expression {
    let isNegation = sign.kind == .subtract
    if case .numberLiteral(let literal) = value {
      return .numberLiteral(literal.signed(isNegation: isNegation, start: sign.start))
    }
    let node = UnaryOperation(isNegation: isNegation, expression: value, start: sign.start)
    guard node.height <= ParserOptions.heightMax else { throw tooHigh(sign.position) }
    return .unary(node)
  }

  private func binary(
    _ operation: BinaryOperator, _ lhs: Expression, _ rhs: Expression, _ modifiers: BinaryModifiers
  ) throws(ParseError) -> Expression {
    let node = BinaryOperation(
      operation: operation, lhs: lhs, rhs: rhs, written: modifiers.matching, returnsBool: modifiers.returnsBool)
    guard node.height <= ParserOptions.heightMax else { throw tooHigh(lhs.position) }
    guard options.binopFillModifiers || !modifiers.matching.fills else {
      throw error("binop fill modifiers are experimental and not enabled", at: node.position)
    }
    return .binary(node)
  }

  // MARK: modifiers of operators and aggregations

  private mutating func binaryModifiers() throws(ParseError) -> BinaryModifiers {
    var modifiers = BinaryModifiers()
    if try peek().kind == .bool {
      try take()
      modifiers.returnsBool = true
    }
    var token = try peek()
    if token.kind == .on || token.kind == .ignoring {
      try take()
      modifiers.matching.labels = try groupingLabels()
      modifiers.matching.isOn = token.kind == .on
      token = try peek()
      if token.kind == .groupLeft || token.kind == .groupRight {
        try take()
        modifiers.matching.cardinality = token.kind == .groupLeft ? .manyToOne : .oneToMany
        token = try peek()
        if token.kind == .leftParen || !token.kind.beginsExpression {
          modifiers.matching.include = try groupingLabels()
          token = try peek()
        }
      }
    }
    switch token.kind {
    case .fill:
      try take()
      let value = try fillValue()
      (modifiers.matching.fillLeft, modifiers.matching.fillRight) = (value, value)
    case .fillLeft, .fillRight:
      try fill(try take().kind, &modifiers.matching)
      let second = try peek().kind
      if second != token.kind, second == .fillLeft || second == .fillRight {
        try fill(try take().kind, &modifiers.matching)
      }
    default: break
    }
    return modifiers
  }

  private mutating func fill(_ side: TokenKind, _ matching: inout VectorMatching) throws(ParseError) {
    let value = try fillValue()
    if side == .fillLeft { matching.fillLeft = value } else { matching.fillRight = value }
  }

  private mutating func fillValue() throws(ParseError) -> Double {
    try take(.leftParen)
    let sign = try peek().kind
    if sign == .add || sign == .subtract { try take() }
    let token = try peek()
    guard token.kind == .number || token.kind == .duration else { throw try unexpected() }
    let value = try number(try take()).value
    try take(.rightParen)
    return sign == .subtract ? -value : value
  }

  /// `by (…)` or `without (…)`, the keyword of which comes next.
  private mutating func grouping() throws(ParseError) -> Grouping {
    let isWithout = try take().kind == .without
    return Grouping(labels: try groupingLabels(), isWithout: isWithout)
  }

  private mutating func groupingLabels() throws(ParseError) -> [String] {
    try take(.leftParen, .openGrouping)
    var labels: [String] = []
    while try peek().kind != .rightParen {
      labels.append(try label())
      switch try peek().kind {
      case .comma: try take()
      case .rightParen: break
      default: throw try unexpected(.endOfGrouping)
      }
    }
    try take()
    return labels
  }

  private mutating func label() throws(ParseError) -> String {
    let token = try peek()
    if token.kind == .string {
      try take()
      let name = value(ofString: token)
      guard !name.isEmpty, let label = String(validating: name, as: UTF8.self) else {
        throw error("invalid label name for grouping: \(quotedText(name[...]))", at: token.position)
      }
      return label
    }
    guard token.kind.isLabelName else { throw try unexpected(.label) }
    return text(try take())
  }

  // MARK: literals

  mutating func number(_ token: Token) throws(ParseError) -> NumberLiteral {
    let text = bytes[token.start..<token.end]
    let isDuration = token.kind == .duration
    switch isDuration ? parseDuration(text) : parseNumber(text) {
    case .success(let value): return NumberLiteral(value: value, isDuration: isDuration, position: token.position)
    case .failure(let failure):
      throw error((isDuration ? "" : "error parsing number: ") + failure.message, at: token.position)
    }
  }
}

extension NumberLiteral {
  /// The same with a sign before it.
  func signed(isNegation: Bool, start: Int) -> NumberLiteral {
    NumberLiteral(
      value: isNegation ? -value : value, isDuration: isDuration, position: PositionRange(start, position.end))
  }
}

extension [Expression] {
  /// Arguments of `function`, with a range around each selector that stands where one is wanted.
  fileprivate func withImplicitRanges(of function: FunctionSignature) -> [Expression] {
    guard function.argumentTypes.contains(.matrix) else { return self }
    return zip(indices, self).map { index, argument in
      guard index < function.argumentTypes.count, function.argumentTypes[index] == .matrix,
        case .vectorSelector(let selector) = argument.withoutParentheses
      else { return argument }
      return .matrixSelector(MatrixSelector(implicitOf: selector))
    }
  }
}

extension VectorMatching {
  /// Whether anything stands in for missing series.
  var fills: Bool { fillLeft != nil || fillRight != nil }
}
