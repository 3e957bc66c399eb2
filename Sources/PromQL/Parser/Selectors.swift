// Selectors and what follows them: matchers in braces, ranges, `offset`, `@`, `anchored`, `smoothed`.
public import TSModel

extension LabelMatcher {
  /// Reads a series selector, as in `match[]`. The metric's name becomes a matcher on `__name__`, last in the result as in
  /// Prometheus.
  ///
  /// Throws where the text is no selector and, unless `allowingEmpty`, where every matcher matches the empty value (`{}`,
  /// `{a=""}`, `{a=~".*"}`), which would select all series by mistake.
  public static func parse(selector: String, allowingEmpty: Bool = false) throws(ModelError) -> [LabelMatcher] {
    let matchers: [LabelMatcher]
    do {
      var parser = Parser(Array(selector.utf8), ParserOptions())
      matchers = try parser.wholeSelector()
    } catch { throw ModelError(.selector, error.description) }
    if !allowingEmpty, matchers.allSatisfy({ $0.matchesEmpty }) {
      throw ModelError(.selector, "match[] must contain at least one non-empty matcher")
    }
    return matchers
  }
}

extension Parser {
  // MARK: selectors

  /// The whole text as a selector.
  mutating func wholeSelector() throws(ParseError) -> [LabelMatcher] {
    let token = try peek()
    guard token.kind.isMetricName || token.kind == .leftBrace else { throw try unexpected() }
    if token.kind != .leftBrace { try take() }
    let selector = try selector(name: token.kind == .leftBrace ? nil : token)
    try take(.end)
    return selector.matchers
  }

  /// A selector; its name, if it begins with one, is read.
  mutating func selector(name: Token?) throws(ParseError) -> VectorSelector {
    var matchers: [LabelMatcher] = []
    var position = name?.position ?? PositionRange(0, 0)
    let opening = try peek()
    if opening.kind == .leftBrace {
      let end = try braces(into: &matchers)
      position = PositionRange(name?.start ?? opening.start, end)
    }
    let text = name.map(text) ?? ""
    if name != nil {
      do throws(ModelError) { matchers.append(try LabelMatcher(.equal, name: "__name__", value: text)) } catch {
        throw self.error(error.message, at: position)
      }
    }
    return VectorSelector(name: text, matchers: matchers, position: position)
  }

  /// Matchers in braces, the opening one of which comes next; where they end.
  private mutating func braces(into matchers: inout [LabelMatcher]) throws(ParseError) -> Int {
    try take(.leftBrace)
    while try peek().kind != .rightBrace {
      matchers.append(try matcher())
      switch try peek().kind {
      case .comma: try take()
      case .rightBrace: break
      default: throw try unexpected(.endOfMatcher)
      }
    }
    return try take().end
  }

  private mutating func matcher() throws(ParseError) -> LabelMatcher {
    let name = try peek()
    guard name.kind == .identifier || name.kind == .string else { throw try unexpected(.matcher) }
    try take()
    let sign = try peek()
    guard let kind = sign.kind.matcherKind else {
      guard name.kind == .string else { throw try unexpected(.matcherSign) }
      return try matcher(.equal, "__name__", value(ofString: name), at: name.position)
    }
    try take()
    let value = try take(.string, .matcherValue)
    let label = name.kind == .string ? String(decoding: self.value(ofString: name), as: UTF8.self) : text(name)
    return try matcher(kind, label, self.value(ofString: value), at: PositionRange(name.start, value.end))
  }

  private func matcher(
    _ kind: LabelMatcher.Kind, _ name: String, _ value: [UInt8], at position: PositionRange
  ) throws(ParseError) -> LabelMatcher {
    do throws(ModelError) { return try LabelMatcher(kind, name: name, valueBytes: value) } catch {
      throw self.error(error.message, at: position)
    }
  }

  // MARK: modifiers

  /// `value` with the ranges and modifiers that follow it.
  mutating func modified(_ value: Expression) throws(ParseError) -> Expression {
    var value = value
    while true {
      let token = try peek()
      switch token.kind {
      case .leftBracket: value = try ranged(value)
      case .offset: value = try shifted(value)
      case .at: value = try fixed(value)
      case .anchored: value = try bounded(value, .anchored)
      case .smoothed: value = try bounded(value, .smoothed)
      case .keepMetricNames: value = try keepingNames(value)
      default: return value
      }
    }
  }

  /// `value[range]` or `value[range:step]`, the bracket of which comes next.
  private mutating func ranged(_ value: Expression) throws(ParseError) -> Expression {
    let opening = try take()
    let range = try positiveDuration(.range)
    switch try peek().kind {
    case .rightBracket:
      let closing = try take()
      let position = PositionRange(opening.start, closing.end)
      guard case .vectorSelector(let selector) = value else {
        throw error("ranges only allowed for vector selectors", at: position)
      }
      guard selector.offset == nil else { throw error("no offset modifiers allowed before range", at: position) }
      guard selector.at == nil else { throw error("no @ modifiers allowed before range", at: position) }
      return .matrixSelector(
        MatrixSelector(
          selector: selector, range: range, position: PositionRange(selector.position.start, lastClosing)))
    case .colon:
      try take()
      var step: DurationValue?
      if try peek().kind != .rightBracket {
        step = try positiveDuration(.step)
        guard try peek().kind == .rightBracket else { throw try unexpected(.endOfStep) }
      }
      let closing = try take()
      guard value.height < ParserOptions.heightMax else { throw tooHigh(value.position) }
      return .subquery(
        Subquery(
          expression: value, range: range, step: step,
          position: PositionRange(value.position.start, closing.end)))
    default: throw try unexpected(.endOfRange)
    }
  }

  private mutating func positiveDuration(_ expectation: Expectation) throws(ParseError) -> DurationValue {
    let duration = try duration(expectation)
    if case .literal(let literal) = duration, literal.value <= 0 {
      throw error("duration must be greater than 0", at: literal.position)
    }
    return DurationValue(duration)
  }

  /// `value offset …`
  private mutating func shifted(_ value: Expression) throws(ParseError) -> Expression {
    try take()
    let offset = DurationValue(try offset())
    let isSet: Bool
    switch value {
    case .vectorSelector(let selector): isSet = selector.offset != nil
    case .matrixSelector(let matrix): isSet = matrix.selector.offset != nil
    case .subquery(let subquery): isSet = subquery.offset != nil
    default:
      throw error(
        "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        at: value.position)
    }
    if isSet { throw error("offset may not be set multiple times", at: value.position) }
    // An offset of nothing is none: another may follow.
    if case .nanoseconds(0) = offset { return replacing(value, end: lastClosing) }
    return replacing(value, offset: offset, end: lastClosing)
  }

  /// `value @ …`
  private mutating func fixed(_ value: Expression) throws(ParseError) -> Expression {
    try take()
    let token = try peek()
    let at: AtModifier
    switch token.kind {
    case .start, .atEnd:
      try take()
      try take(.leftParen, .at)
      try take(.rightParen, .at)
      at = token.kind == .start ? .start : .end
    case .add, .subtract, .number, .duration:
      let isSigned = token.kind == .add || token.kind == .subtract
      if isSigned { try take() }
      let kind = try peek().kind
      guard kind == .number || kind == .duration else { throw try unexpected(.at) }
      let magnitude = try number(try take()).value
      let seconds = token.kind == .subtract ? -magnitude : magnitude
      guard seconds.magnitude < 0x1p63 else {
        throw error(
          "timestamp out of bounds for @ modifier: \(fixedText(seconds, decimals: 6))", at: value.position)
      }
      at = .timestampMs(Int64(exactly: (seconds * 1000).rounded(.toNearestOrAwayFromZero)) ?? .min)
    default: throw try unexpected(.at)
    }
    let isSet: Bool
    switch value {
    case .vectorSelector(let selector): isSet = selector.at != nil
    case .matrixSelector(let matrix): isSet = matrix.selector.at != nil
    case .subquery(let subquery): isSet = subquery.at != nil
    default:
      throw error(
        "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        at: value.position)
    }
    if isSet { throw error("@ <timestamp> may not be set multiple times", at: value.position) }
    return replacing(value, at: at, end: lastClosing)
  }

  /// `value anchored` or `value smoothed`
  private mutating func bounded(_ value: Expression, _ boundaries: RangeBoundaries) throws(ParseError) -> Expression {
    let name = boundaries == .anchored ? "anchored" : "smoothed"
    try take()
    guard options.extendedRangeSelectors else {
      throw error("\(name) modifier is experimental and not enabled", at: value.position)
    }
    let old: RangeBoundaries
    switch value {
    case .vectorSelector(let selector): old = selector.boundaries
    case .matrixSelector(let matrix): old = matrix.selector.boundaries
    case .subquery: throw error("\(name) modifier is not supported for subqueries", at: value.position)
    default: throw error("\(name) modifier not implemented", at: value.position)
    }
    guard old == .standard || old == boundaries else {
      throw error("anchored and smoothed modifiers cannot be used together", at: value.position)
    }
    return replacing(value, boundaries: boundaries)
  }

  /// `value keep_metric_names`
  private mutating func keepingNames(_ value: Expression) throws(ParseError) -> Expression {
    let word = try take()
    switch value {
    case .call(let node):
      return .call(
        Call(
          function: node.function, arguments: node.arguments, keepsMetricNames: true,
          position: PositionRange(node.position.start, word.end)))
    case .parenthesized(let outer):
      guard case .binary(let node) = outer.expression else { break }
      let kept = BinaryOperation(
        operation: node.operation, lhs: node.lhs, rhs: node.rhs, written: node.written, returnsBool: node.returnsBool,
        keepsMetricNames: true)
      return .parenthesized(
        Parenthesized(expression: .binary(kept), position: PositionRange(outer.position.start, word.end)))
    default: break
    }
    throw error(
      "keep_metric_names must follow a function or a binary operation in parentheses", at: word.position)
  }

  /// `value`, a selector or a subquery, with what is given in the place of what it has.
  private func replacing(
    _ value: Expression, offset: DurationValue? = nil, at: AtModifier? = nil, boundaries: RangeBoundaries? = nil,
    end: Int? = nil
  ) -> Expression {
    func replaced(_ old: VectorSelector, end: Int?) -> VectorSelector {
      VectorSelector(
        name: old.name, matchers: old.matchers, offset: offset ?? old.offset, at: at ?? old.at,
        boundaries: boundaries ?? old.boundaries,
        position: PositionRange(old.position.start, end ?? old.position.end))
    }
    switch value {
    case .vectorSelector(let old): return .vectorSelector(replaced(old, end: end))
    case .matrixSelector(let old):
      return .matrixSelector(
        MatrixSelector(
          selector: replaced(old.selector, end: nil), range: old.range,
          position: PositionRange(old.position.start, end ?? old.position.end)))
    case .subquery(let old):
      return .subquery(
        Subquery(
          expression: old.expression, range: old.range, step: old.step, offset: offset ?? old.offset, at: at ?? old.at,
          position: PositionRange(old.position.start, end ?? old.position.end)))
    default: return value
    }
  }
}
