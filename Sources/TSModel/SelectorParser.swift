// Series selectors, `up{job="api",env!~"dev.*"}`, read as Prometheus reads them in `match[]`.
//
//   selector  = [metric] [ '{' [ matcher { ',' matcher } [','] ] '}' ]      at least one of the two
//   matcher   = name sign string | string sign string | string              (the last is a metric name)
//   sign      = '=' | '!=' | '=~' | '!~'
//   string    = "…" | '…' with Go's escapes, or `…` without any
//
// Blanks and `# comments` may stand between tokens. Positions in errors are line:column, counted from 1 in bytes.

extension LabelMatcher {
  /// Reads a series selector. The metric's name becomes a matcher on `__name__`, last in the result as in Prometheus.
  ///
  /// Throws `.selector` with line and column where the text is no selector and, unless `allowingEmpty`, where every matcher
  /// matches the empty value (`{}`, `{a=""}`, `{a=~".*"}`), which would select all series by mistake; `.regex` for an
  /// expression that is not valid.
  public static func parse(selector: String, allowingEmpty: Bool = false) throws(ModelError) -> [LabelMatcher] {
    var parser = SelectorParser(selector)
    let matchers = try parser.selector()
    if !allowingEmpty, matchers.allSatisfy({ $0.matchesEmpty }) {
      throw ModelError(.selector, "match[] must contain at least one non-empty matcher")
    }
    return matchers
  }
}

private struct SelectorParser {
  private enum Token: Equatable {
    case name(String)
    case string([UInt8])
    case sign(LabelMatcher.Kind)
    case leftBrace, rightBrace, comma, end

    var text: String {
      switch self {
      case .name(let name): "identifier \(quoted(name))"
      case .string(let bytes): "string \(quoted(String(decoding: bytes, as: UTF8.self)))"
      case .sign(.equal): "\"=\""
      case .sign(.notEqual): "\"!=\""
      case .sign(.regex): "\"=~\""
      case .sign(.notRegex): "\"!~\""
      case .leftBrace: "\"{\""
      case .rightBrace: "\"}\""
      case .comma: "\",\""
      case .end: "end of input"
      }
    }
  }

  /// Words that the grammar keeps for itself, in any case; all other keywords may name a metric.
  private static let reserved: Set<String> = [
    "bool", "on", "ignoring", "group_left", "group_right", "atan2", "inf", "nan",
  ]

  private let bytes: [UInt8]
  private var position = 0
  private var tokenStart = 0
  private var insideBraces = false

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func selector() throws(ModelError) -> [LabelMatcher] {
    var metricName: [UInt8]?
    var matchers: [LabelMatcher] = []
    var token = try next()
    if case .name(let name) = token {
      if Self.reserved.contains(name.lowercased()) { throw unexpected("keyword \(quoted(name))", "selector", nil) }
      metricName = Array(name.utf8)
      token = try next()
    } else if token != .leftBrace {
      throw unexpected(token.text, "selector", nil)
    }
    if token == .leftBrace {
      insideBraces = true
      matchers = try matchersToRightBrace()
      insideBraces = false
      token = try next()
    }
    guard token == .end else { throw unexpected(token.text, "selector", "end of input") }
    if let metricName { matchers.append(try LabelMatcher(.equal, name: "__name__", valueBytes: metricName)) }
    return matchers
  }

  private mutating func matchersToRightBrace() throws(ModelError) -> [LabelMatcher] {
    var matchers: [LabelMatcher] = []
    var token = try next()
    while token != .rightBrace {
      let (matcher, following) = try self.matcher(startingWith: token)
      matchers.append(matcher)
      switch following {
      case .comma: token = try next()
      case .rightBrace: token = following
      default: throw unexpected(following.text, "label matching", "\",\" or \"}\"")
      }
    }
    return matchers
  }

  /// One matcher, and the token after it.
  private mutating func matcher(startingWith token: Token) throws(ModelError) -> (LabelMatcher, Token) {
    let name: String
    switch token {
    case .name(let plain):
      name = plain
      let following = try next()
      guard case .sign(let kind) = following else {
        throw unexpected(following.text, "label matching", "label matching operator")
      }
      return (try matcher(kind, name: name), try next())
    case .string(let quotedName):
      let following = try next()
      if case .sign(let kind) = following {
        name = String(decoding: quotedName, as: UTF8.self)
        return (try matcher(kind, name: name), try next())
      }
      return (try LabelMatcher(.equal, name: "__name__", valueBytes: quotedName), following)
    default:
      throw unexpected(token.text, "label matching", "identifier or \"}\"")
    }
  }

  private mutating func matcher(_ kind: LabelMatcher.Kind, name: String) throws(ModelError) -> LabelMatcher {
    let token = try next()
    guard case .string(let value) = token else { throw unexpected(token.text, "label matching", "string") }
    do {
      return try LabelMatcher(kind, name: name, valueBytes: value)
    } catch {
      throw ModelError(error.code, "\(place(tokenStart)): parse error: \(error.message)")
    }
  }

  // MARK: tokens

  private mutating func next() throws(ModelError) -> Token {
    skipBlanksAndComments()
    tokenStart = position
    guard let byte = peek() else {
      if insideBraces { throw error("unexpected end of input inside braces") }
      return .end
    }
    position += 1
    switch byte {
    case UInt8(ascii: "{"): return .leftBrace
    case UInt8(ascii: "}"): return .rightBrace
    case UInt8(ascii: ",") where insideBraces: return .comma
    case UInt8(ascii: "=") where insideBraces:
      return .sign(take(UInt8(ascii: "~")) ? .regex : .equal)
    case UInt8(ascii: "!") where insideBraces:
      if take(UInt8(ascii: "=")) { return .sign(.notEqual) }
      if take(UInt8(ascii: "~")) { return .sign(.notRegex) }
      throw error("unexpected character after '!' inside braces: \(character(at: position))")
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try quotedString(quote: byte))
    case UInt8(ascii: "`"): return .string(try rawString())
    case UInt8(ascii: ":") where !insideBraces, UInt8(ascii: "_"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      while let following = peek(), isNameByte(following) { position += 1 }
      return .name(String(decoding: bytes[tokenStart..<position], as: UTF8.self))
    default:
      position -= 1
      throw error("unexpected character\(insideBraces ? " inside braces" : ""): \(character(at: position))")
    }
  }

  private mutating func skipBlanksAndComments() {
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
      case UInt8(ascii: "#"):
        while let following = peek(), following != UInt8(ascii: "\n") { position += 1 }
      default: return
      }
    }
  }

  private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "_"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: ":"): !insideBraces
    default: false
    }
  }

  private mutating func rawString() throws(ModelError) -> [UInt8] {
    let start = position
    while let byte = peek() {
      position += 1
      if byte == UInt8(ascii: "`") { return Array(bytes[start..<(position - 1)]) }
    }
    throw error("unterminated raw string")
  }

  private mutating func quotedString(quote: UInt8) throws(ModelError) -> [UInt8] {
    var result: [UInt8] = []
    while let byte = peek(), byte != UInt8(ascii: "\n") {
      position += 1
      switch byte {
      case quote: return result
      case UInt8(ascii: "\\"): try escape(quote: quote, into: &result)
      default: result.append(byte)
      }
    }
    throw error("unterminated quoted string")
  }

  /// What follows a backslash.
  private mutating func escape(quote: UInt8, into result: inout [UInt8]) throws(ModelError) {
    guard let byte = peek() else { throw error("escape sequence not terminated") }
    position += 1
    switch byte {
    case UInt8(ascii: "a"): result.append(0x07)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "v"): result.append(0x0B)
    case UInt8(ascii: "\\"), quote: result.append(byte)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      position -= 1
      let value = try number(digits: 3, base: 8)
      guard value <= 255 else { throw error("escape sequence is an invalid Unicode code point") }
      result.append(UInt8(truncatingIfNeeded: value))
    case UInt8(ascii: "x"): result.append(UInt8(truncatingIfNeeded: try number(digits: 2, base: 16)))
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      let value = try number(digits: byte == UInt8(ascii: "u") ? 4 : 8, base: 16)
      guard let scalar = Unicode.Scalar(value) else { throw error("escape sequence is an invalid Unicode code point") }
      result.append(contentsOf: Array(String(Character(scalar)).utf8))
    default:
      position -= 1
      throw error("unknown escape sequence \(character(at: position))")
    }
  }

  private mutating func number(digits: Int, base: UInt32) throws(ModelError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let byte = peek() else { throw error("escape sequence not terminated") }
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < base else {
        throw error("illegal character \(character(at: position)) in escape sequence")
      }
      value = value << (base == 16 ? 4 : 3) | UInt32(digit)
      position += 1
    }
    return value
  }

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  // MARK: errors

  private func character(at index: Int) -> String {
    guard index < bytes.count else { return "end of input" }
    let text = String(decoding: bytes[index..<min(index + 4, bytes.count)], as: UTF8.self)
    return "'\(text.unicodeScalars.first.map { String(Character($0)) } ?? "")'"
  }

  private func place(_ offset: Int) -> String {
    let before = bytes[..<min(offset, bytes.count)]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return "\(before.count { $0 == UInt8(ascii: "\n") } + 1):\(before.count - lineStart + 1)"
  }

  private func error(_ text: String) -> ModelError {
    ModelError(.selector, "\(place(tokenStart)): parse error: \(text)")
  }

  private func unexpected(_ what: String, _ place: String, _ expected: String?) -> ModelError {
    error("unexpected \(what) in \(place)" + (expected.map { ", expected \($0)" } ?? ""))
  }
}
