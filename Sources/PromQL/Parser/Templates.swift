// `WITH (name = expression, f(x) = expression) expression`, expanded token by token, with `promql-extras` only.
//
//   WITH (f(x) = x + 1, sel = {job="api"}) f(up{sel}) * 2        what the parser reads:  (up{job="api"} + 1) * 2
//         ▲                                ▲
//         ranges of the query's tokens     sources, the innermost last: what is read at the moment, with the names known there
//
// Nothing is copied but tokens, which keep their place in the query, so that messages point to where something was written. A template
// knows the names before its own and its parameters; it cannot call itself. What expansion costs is counted, and bounded.
internal import TSModel

/// Reads the tokens of a query from its first `WITH` on, templates expanded.
struct TemplateExpansion {
  /// Most tokens that templates may add to a query, work on the way included.
  static let tokensMax = 100_000
  /// Most names that may be known at a place.
  static let namesMax = 256

  /// A name and what stands for it; those known at a place are a chain.
  private final class Name {
    let text: ArraySlice<UInt8>
    /// nil of a name that is used without parentheses.
    let parameters: [ArraySlice<UInt8>]?
    let body: Range<Int>
    /// What is known in the body.
    let known: Name?
    let next: Name?
    let depth: Int

    init(
      _ text: ArraySlice<UInt8>, parameters: [ArraySlice<UInt8>]? = nil, body: Range<Int>, known: Name?, next: Name?
    ) {
      (self.text, self.parameters, self.body, self.known, self.next) = (text, parameters, body, known, next)
      depth = (next?.depth ?? 0) + 1
    }
  }

  private struct Source {
    var rest: Range<Int>
    var names: Name?
    /// What ends it.
    var closing: Token?
  }

  private let bytes: [UInt8]
  /// All of the query's, the last one its end.
  private let tokens: [Token]
  /// Where what opens at a token closes.
  private var closings: [Int: Int] = [:]
  private var sources: [Source]
  /// Read ahead.
  private var following: Token?
  private var cost = 0

  // Around the place that is read.
  private var previous: TokenKind?
  private var isInBraces = false
  private var isInBrackets = false
  private var isInLabels = false

  /// `tokens` begin with a `WITH`, before which stands `previous`.
  init(_ bytes: [UInt8], _ tokens: [Token], after previous: TokenKind?) {
    (self.bytes, self.tokens, self.previous) = (bytes, tokens, previous)
    sources = [Source(rest: 0..<max(0, tokens.count - 1))]
    var open: [Int] = []
    for (index, token) in tokens.enumerated() {
      switch token.kind {
      case .leftParen, .leftBrace, .leftBracket: open.append(index)
      case .rightParen, .rightBrace, .rightBracket: if let opening = open.popLast() { closings[opening] = index }
      default: break
      }
    }
  }

  /// The next token of the expanded query.
  mutating func next() throws(ParseError) -> Token {
    while true {
      var token: Token
      if let following { token = following } else { token = try produce() }
      following = nil
      guard token.kind == .rightBrace else {
        note(token.kind)
        return token
      }
      // `{a="b"}{c="d"}`, of a template and its use, is one selector.
      let before = previous
      note(.rightBrace)
      let next = try produce()
      guard next.kind == .leftBrace else {
        following = next
        return token
      }
      note(.leftBrace)
      previous = before
      guard before != .leftBrace, before != .comma else { continue }
      token.kind = .comma
      note(.comma)
      return token
    }
  }

  private mutating func note(_ kind: TokenKind) {
    switch kind {
    case .leftBrace: isInBraces = true
    case .rightBrace: isInBraces = false
    case .leftBracket: isInBrackets = true
    case .rightBracket: isInBrackets = false
    case .leftParen: isInLabels = previous?.precedesLabels ?? false
    case .rightParen: isInLabels = false
    default: break
    }
    previous = kind
  }

  private mutating func produce() throws(ParseError) -> Token {
    while let source = sources.last {
      let index = source.rest.lowerBound
      guard index < source.rest.upperBound else {
        sources.removeLast()
        if let closing = source.closing { return closing }
        continue
      }
      sources[sources.count - 1].rest = (index + 1)..<source.rest.upperBound
      let token = tokens[index]
      if sources.count > 1 { try charge(1, token) }
      if token.kind == .with {
        if let opening = try beginWith(token) { return opening }
      } else if token.kind.isTemplateName, let name = name(of: token, source.names) {
        switch try use(name, token) {
        case .none: return token
        case .begun(let opening?): return opening
        case .begun(nil): break
        }
      } else {
        return token
      }
    }
    return tokens[tokens.count - 1]
  }

  private func text(_ token: Token) -> ArraySlice<UInt8> { bytes[token.start..<token.end] }

  private func name(of token: Token, _ names: Name?) -> Name? {
    let wanted = text(token)
    var name = names
    while let known = name {
      if known.text == wanted { return known }
      name = known.next
    }
    return nil
  }

  private func error(_ message: String, _ token: Token) -> ParseError {
    ParseError(message, at: token.position, in: bytes)
  }

  private func unexpected(_ index: Int, _ expected: String) -> ParseError {
    let token = tokens[min(index, tokens.count - 1)]
    return error("unexpected \(token.description(in: bytes)) in WITH, expected \(expected)", token)
  }

  private mutating func charge(_ work: Int, _ token: Token) throws(ParseError) {
    cost += work
    guard cost <= Self.tokensMax + 2 * tokens.count else {
      throw error("WITH templates expand to more than \(Self.tokensMax) tokens", token)
    }
  }

  /// Reads `range` next. With `wraps` in parentheses, of which the opening one is returned.
  private mutating func begin(
    _ range: Range<Int>, _ names: Name?, wraps: Bool, at token: Token
  ) throws(ParseError) -> Token? {
    try charge(1, token)
    guard sources.count < ParserOptions.heightMax else {
      throw error("WITH templates are nested more than \(ParserOptions.heightMax) levels deep", token)
    }
    let closing = wraps ? Token(kind: .rightParen, start: token.end, end: token.end) : nil
    sources.append(Source(rest: range, names: names, closing: closing))
    return wraps ? Token(kind: .leftParen, start: token.start, end: token.start) : nil
  }

  /// The end of the expression that begins at `start`: where a comma or a closing one stands, or `end`.
  private mutating func endOfExpression(from start: Int, to end: Int) throws(ParseError) -> Int {
    var index = start
    while index < end {
      try charge(1, tokens[index])
      switch tokens[index].kind {
      case .comma, .rightParen, .rightBrace, .rightBracket: return index
      default: index = (closings[index] ?? index) + 1
      }
    }
    return min(index, end)
  }

  // MARK: definitions

  /// Reads what is defined after `with`, and begins the expression after that.
  private mutating func beginWith(_ with: Token) throws(ParseError) -> Token? {
    guard let source = sources.last else { return nil }
    let (opening, end) = (source.rest.lowerBound, source.rest.upperBound)
    guard opening < end, tokens[opening].kind == .leftParen, let closing = closings[opening], closing < end else {
      throw unexpected(opening, "\"(\"")
    }
    var names = source.names
    var index = opening + 1
    while index < closing {
      names = try definition(&index, to: closing, names, outer: source.names)
      if index < closing {
        guard tokens[index].kind == .comma else { throw unexpected(index, "\",\" or \")\"") }
        index += 1
      }
    }
    let bodyEnd = try endOfExpression(from: closing + 1, to: end)
    guard bodyEnd > closing + 1 else { throw unexpected(closing + 1, "an expression") }
    sources[sources.count - 1].rest = bodyEnd..<end
    let isAlone = previous == nil || previous == .leftParen || previous == .comma
    return try begin((closing + 1)..<bodyEnd, names, wraps: !isAlone, at: with)
  }

  /// Reads `name = expression` or `name(x, …) = expression`, and what is known with it.
  private mutating func definition(
    _ index: inout Int, to end: Int, _ names: Name?, outer: Name?
  ) throws(ParseError) -> Name? {
    let token = tokens[index]
    guard token.kind.isTemplateName else { throw unexpected(index, "a name") }
    var known = names
    while let one = known, one !== outer {
      if one.text == text(token) { throw error("\(quotedText(text(token))) is defined twice in WITH", token) }
      known = one.next
    }
    index += 1
    var parameters: [ArraySlice<UInt8>]?
    if tokens[index].kind == .leftParen, let closing = closings[index], closing < end {
      var found: [ArraySlice<UInt8>] = []
      index += 1
      while index < closing {
        guard tokens[index].kind.isTemplateName else { throw unexpected(index, "a name") }
        guard !found.contains(text(tokens[index])), found.count < Self.namesMax else {
          throw unexpected(index, "another name")
        }
        found.append(text(tokens[index]))
        index += 1
        if index < closing {
          guard tokens[index].kind == .comma else { throw unexpected(index, "\",\" or \")\"") }
          index += 1
        }
      }
      parameters = found
      index = closing + 1
    }
    guard index < end, tokens[index].kind == .assign else { throw unexpected(index, "\"=\"") }
    let start = index + 1
    index = try endOfExpression(from: start, to: end)
    guard index > start else { throw unexpected(index, "an expression") }
    return try adding(
      Name(text(token), parameters: parameters, body: start..<index, known: names, next: names), at: token)
  }

  private mutating func adding(_ name: Name, at token: Token) throws(ParseError) -> Name {
    try charge(1, token)
    guard name.depth <= Self.namesMax else {
      throw error("WITH defines more than \(Self.namesMax) names", token)
    }
    return name
  }

  // MARK: uses

  private enum Use {
    /// The word is no use of a template.
    case none
    /// What it stands for comes next, after this token.
    case begun(Token?)
  }

  /// Begins what `name` stands for where the word `token`, which is read, uses it.
  private mutating func use(_ name: Name, _ token: Token) throws(ParseError) -> Use {
    guard let source = sources.last else { return .none }
    let after = source.rest.isEmpty ? nil : tokens[source.rest.lowerBound].kind
    let body = name.body
    if isInBraces { return try useInBraces(name, token, before: after) }
    guard let parameters = name.parameters else {
      // A function of the same name.
      if after == .leftParen, !isInBrackets { return .none }
      if isInLabels {
        let inner = isGroup(body, .leftParen) ? body.dropFirst().dropLast() : body
        return .begun(try begin(inner, name.known, wraps: false, at: token))
      }
      return .begun(try begin(body, name.known, wraps: !isPrimary(body), at: token))
    }
    guard after == .leftParen, !isInBrackets, !isInLabels else { return .none }
    let (opening, end) = (source.rest.lowerBound, source.rest.upperBound)
    guard let closing = closings[opening], closing < end else { return .none }
    var arguments: [Range<Int>] = []
    var index = opening + 1
    while index < closing {
      let start = index
      index = try endOfExpression(from: start, to: closing)
      guard index > start, index == closing || tokens[index].kind == .comma else {
        throw unexpected(index, "an argument")
      }
      arguments.append(start..<index)
      index += 1
    }
    guard arguments.count == parameters.count else {
      throw error(
        "expected \(parameters.count) argument(s) in use of template \(quotedText(name.text)), got \(arguments.count)",
        token)
    }
    sources[sources.count - 1].rest = (closing + 1)..<end
    var names = name.known
    for (parameter, argument) in zip(parameters, arguments) {
      names = try adding(Name(parameter, body: argument, known: source.names, next: names), at: token)
    }
    return .begun(try begin(body, names, wraps: !isPrimary(body), at: token))
  }

  /// The same among matchers: a value, or matchers that a selector without a name has.
  private mutating func useInBraces(_ name: Name, _ token: Token, before after: TokenKind?) throws(ParseError) -> Use {
    guard name.parameters == nil else { return .none }
    if previous?.matcherKind != nil { return .begun(try begin(name.body, name.known, wraps: false, at: token)) }
    guard after?.matcherKind == nil else { return .none }
    var body = name.body
    var known = name.known
    // A template may be another one's name.
    while body.count == 1, tokens[body.lowerBound].kind.isTemplateName,
      let other = self.name(of: tokens[body.lowerBound], known), other.parameters == nil
    {
      try charge(1, token)
      (body, known) = (other.body, other.known)
    }
    guard isGroup(body, .leftBrace) else {
      throw error("template \(quotedText(name.text)) among matchers must be matchers in braces", token)
    }
    let inner = body.dropFirst().dropLast()
    if inner.isEmpty, after == .comma, let source = sources.last {
      sources[sources.count - 1].rest = source.rest.dropFirst()
    }
    return .begun(try begin(inner, known, wraps: false, at: token))
  }

  /// Whether all of `range` is one pair of these with what is inside.
  private func isGroup(_ range: Range<Int>, _ opening: TokenKind) -> Bool {
    tokens[range.lowerBound].kind == opening && closings[range.lowerBound] == range.upperBound - 1
  }

  /// Whether it means the same without parentheses, whatever stands around it: a word, a number, a text, a selector or a call.
  private func isPrimary(_ range: Range<Int>) -> Bool {
    if range.count == 1 { return true }
    let inner = tokens[range.lowerBound].kind.isMetricName ? range.dropFirst() : range
    return isGroup(inner, .leftParen) || isGroup(inner, .leftBrace)
  }
}

extension TokenKind {
  /// Whether a template, or a parameter of one, can have it for a name.
  fileprivate var isTemplateName: Bool {
    switch self {
    case .identifier, .start, .atEnd, .step, .range, .maxOf, .minOf: true
    default: false
    }
  }

  /// Whether labels in parentheses come next.
  fileprivate var precedesLabels: Bool {
    switch self {
    case .by, .without, .on, .ignoring, .groupLeft, .groupRight: true
    default: false
    }
  }
}
