// From bytes to tokens. Three modes follow each other as brackets open and close:
//
//   statements ──{──▶ braces ──}──▶ statements        in braces words are names, never keywords
//   statements ──[──▶ duration ──number or ]──▶ statements   in brackets words are only step, range, max_of, min_of
//
// An error ends the text: nothing is read after it.

struct Lexer {
  private enum Mode {
    case statements, duration
  }

  let bytes: [UInt8]
  private var position = 0
  /// Where the token that is being read begins.
  private(set) var start = 0
  /// Where the token that was read last begins.
  private(set) var startOfLast = 0
  private var mode = Mode.statements
  private var parenDepth = 0
  private var isInBraces = false
  private var isInBrackets = false
  private var hasColon = false
  /// Whether a duration was seen in any brackets so far.
  private var hasDuration = false

  /// Whether the words of `promql-extras` are read.
  private let hasExtras: Bool

  init(_ bytes: [UInt8], hasExtras: Bool = false) { (self.bytes, self.hasExtras) = (bytes, hasExtras) }

  /// The next token. Comments and blanks are none.
  mutating func next() throws(ParseError) -> Token {
    while true {
      let kind: TokenKind?
      if isInBraces {
        kind = try tokenInBraces()
      } else {
        switch mode {
        case .statements: kind = try statementToken()
        case .duration: kind = try durationToken()
        }
      }
      if let kind {
        let token = Token(kind: kind, start: start, end: position)
        startOfLast = start
        start = position
        try checkAfter(kind)
        return token
      }
      start = position
    }
  }

  /// What only shows once the token's end is known: such errors stand behind it.
  private mutating func checkAfter(_ kind: TokenKind) throws(ParseError) {
    switch kind {
    case .leftParen: parenDepth += 1
    case .rightParen:
      parenDepth -= 1
      if parenDepth < 0 { throw error("unexpected right parenthesis ')'") }
    case .leftBrace: isInBraces = true
    case .rightBrace: isInBraces = false
    case .leftBracket:
      hasColon = false
      skipBlanks()
      isInBrackets = true
      mode = .duration
    case .rightBracket:
      isInBrackets = false
      mode = .statements
    case .colon:
      if mode == .duration {
        if !hasDuration { throw error("unexpected colon before duration in duration expression") }
        if hasColon { throw error("unexpected repeated colon in duration expression") }
      }
      hasColon = true
    default: break
    }
  }

  // MARK: modes

  /// A token, or nil after blanks and comments.
  private mutating func statementToken() throws(ParseError) -> TokenKind? {
    guard let byte = peek() else {
      if parenDepth != 0 { throw error("unclosed left parenthesis") }
      if isInBrackets { throw error("unclosed left bracket") }
      return .end
    }
    position += 1
    switch byte {
    case UInt8(ascii: "#"): return skipComment()
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
      skipBlanks()
      return nil
    case UInt8(ascii: ","): return .comma
    case UInt8(ascii: "*"): return .multiply
    case UInt8(ascii: "/"): return .divide
    case UInt8(ascii: "%"): return .modulo
    case UInt8(ascii: "+"): return .add
    case UInt8(ascii: "-"): return .subtract
    case UInt8(ascii: "^"): return .power
    case UInt8(ascii: "@"): return .at
    case UInt8(ascii: "="):
      if take(UInt8(ascii: "=")) { return .equal }
      if peek() == UInt8(ascii: "~") { throw error("unexpected character after '=': '~'") }
      return .assign
    case UInt8(ascii: "!"):
      if take(UInt8(ascii: "=")) { return .notEqual }
      throw error("unexpected character after '!': \(quotedCharacter(at: position))")
    case UInt8(ascii: "<"):
      if take(UInt8(ascii: "=")) { return .lessOrEqual }
      return take(UInt8(ascii: "/")) ? .trimUpper : .less
    case UInt8(ascii: ">"):
      if take(UInt8(ascii: "=")) { return .greaterOrEqual }
      return take(UInt8(ascii: "/")) ? .trimLower : .greater
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return try numberOrDuration()
    case UInt8(ascii: "."):
      if let following = peek(), isDigit(following) { return try numberOrDuration() }
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return try string(quote: byte)
    case UInt8(ascii: "`"): return try rawString()
    case UInt8(ascii: "("): return .leftParen
    case UInt8(ascii: ")"): return .rightParen
    case UInt8(ascii: "{"): return .leftBrace
    case UInt8(ascii: "["):
      if isInBrackets { throw error("unexpected left bracket '['") }
      return .leftBracket
    case UInt8(ascii: "]"):
      if !isInBrackets { throw error("unexpected right bracket ']'") }
      return .rightBracket
    case _ where isLetter(byte) || byte == UInt8(ascii: ":"):
      guard isInBrackets else { return word() }
      if byte == UInt8(ascii: ":") {
        if hasColon { throw error("unexpected colon ':'") }
        return .colon
      }
      if let keyword = durationKeyword(first: byte) { return keyword }
      if hasExtras { return nameInBrackets() }
      throw error("unexpected character: \(quotedCharacter(at: start)), expected ':'")
    default: break
    }
    throw error("unexpected character: \(quotedCharacter(at: start))")
  }

  private mutating func durationToken() throws(ParseError) -> TokenKind? {
    guard let byte = peek() else { throw error("unexpected end of input in duration expression") }
    position += 1
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
      skipBlanks()
      return nil
    case UInt8(ascii: "]"): return .rightBracket
    case UInt8(ascii: ":"): return .colon
    case UInt8(ascii: "("): return .leftParen
    case UInt8(ascii: ")"): return .rightParen
    case UInt8(ascii: "+"): return .add
    case UInt8(ascii: "-"): return .subtract
    case UInt8(ascii: "*"): return .multiply
    case UInt8(ascii: "/"): return .divide
    case UInt8(ascii: "%"): return .modulo
    case UInt8(ascii: "^"): return .power
    case UInt8(ascii: ","): return .comma
    case _ where isDigit(byte) || (byte == UInt8(ascii: ".") && peek().map(isDigit) == true):
      hasDuration = true
      mode = .statements
      return try numberOrDuration()
    default:
      if isLetter(byte), let keyword = durationKeyword(first: byte) { return keyword }
      if isLetter(byte), hasExtras {
        hasDuration = true
        mode = .statements
        return nameInBrackets()
      }
      throw error("unexpected character in duration expression: \(quotedCharacter(at: start))")
    }
  }

  private mutating func tokenInBraces() throws(ParseError) -> TokenKind? {
    guard let byte = peek() else { throw error("unexpected end of input inside braces") }
    position += 1
    switch byte {
    case UInt8(ascii: "#"): return skipComment()
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
      skipBlanks()
      return nil
    case _ where isLetter(byte):
      while let following = peek(), isLetter(following) || isDigit(following) { position += 1 }
      return .identifier
    case UInt8(ascii: ","): return .comma
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return try string(quote: byte)
    case UInt8(ascii: "`"): return try rawString()
    case UInt8(ascii: "="): return take(UInt8(ascii: "~")) ? .matchesRegex : .assign
    case UInt8(ascii: "!"):
      if take(UInt8(ascii: "~")) { return .matchesNotRegex }
      if take(UInt8(ascii: "=")) { return .notEqual }
      throw error("unexpected character after '!' inside braces: \(quotedCharacter(at: position))")
    case UInt8(ascii: "{"): throw error("unexpected left brace '{'")
    case UInt8(ascii: "}"): return .rightBrace
    default: throw error("unexpected character inside braces: \(quotedCharacter(at: start))")
    }
  }

  // MARK: words

  /// A name or a keyword, from its first byte on, which is read.
  private mutating func word() -> TokenKind {
    var hasColon = bytes[start] == UInt8(ascii: ":")
    while let following = peek() {
      if following == UInt8(ascii: ":") {
        hasColon = true
      } else if !isLetter(following), !isDigit(following) {
        break
      }
      position += 1
    }
    if hasColon { return .metricIdentifier }
    guard position - start <= TokenKind.keywordBytesMax, let keyword = keyword(lowercased()) else {
      return .identifier
    }
    switch keyword {
    // Only before a parenthesis, so that metrics of these names stay metrics.
    case .fill, .fillLeft, .fillRight, .with: return isBeforeLeftParen() ? keyword : .identifier
    default: return keyword
    }
  }

  /// The name of a template, where a duration is wanted.
  private mutating func nameInBrackets() -> TokenKind {
    position = start + 1
    while let following = peek(), isLetter(following) || isDigit(following) { position += 1 }
    return .identifier
  }

  private func keyword(_ word: String) -> TokenKind? {
    TokenKind.keyword(word) ?? (hasExtras ? TokenKind.extraKeyword(word) : nil)
  }

  private mutating func durationKeyword(first: UInt8) -> TokenKind? {
    switch first | 0x20 {
    case UInt8(ascii: "s"), UInt8(ascii: "r"), UInt8(ascii: "m"): break
    default: return nil
    }
    while let following = peek(), isLetter(following) { position += 1 }
    guard position - start <= TokenKind.keywordBytesMax else { return nil }
    switch TokenKind.keyword(lowercased()) {
    case .step: return .step
    case .range: return .range
    case .maxOf: return .maxOf
    case .minOf: return .minOf
    default: return nil
    }
  }

  private func lowercased() -> String {
    String(decoding: bytes[start..<position].map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  private func isBeforeLeftParen() -> Bool {
    var index = position
    while index < bytes.count, isBlank(bytes[index]) { index += 1 }
    return index < bytes.count && bytes[index] == UInt8(ascii: "(")
  }

  // MARK: numbers

  /// From the first byte on, which is read.
  private mutating func numberOrDuration() throws(ParseError) -> TokenKind {
    position = start
    if skipNumber() { return .number }
    if skipDuration() { return .duration }
    throw error("bad number or duration syntax: \(quotedText(bytes[start..<position]))")
  }

  /// Reads what may be a number; false, somewhere in it, where it is none.
  private mutating func skipNumber() -> Bool {
    let isHexadecimal = take(UInt8(ascii: "0")) && (take(UInt8(ascii: "x")) || take(UInt8(ascii: "X")))
    if isHexadecimal { _ = take(UInt8(ascii: "_")) }
    _ = take(UInt8(ascii: "."))
    if let byte = peek(), isDigit(byte, hexadecimal: isHexadecimal) { position += 1 }
    var (hasPoint, hasExponent) = (false, false)
    scan: while let byte = peek() {
      switch byte {
      case UInt8(ascii: "."):
        position += 1
        if hasPoint { return false }
        hasPoint = true
        if take(UInt8(ascii: "_")) || take(UInt8(ascii: ".")) || isHexadecimal { return false }
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        position += 1
        if hasExponent { return false }
        hasExponent = true
        if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
        if isFollowedByBreak() { return false }
      case UInt8(ascii: "_"):
        position += 1
        if isFollowedByBreak() { return false }
      case _ where isDigit(byte, hexadecimal: isHexadecimal): position += 1
      default: break scan
      }
    }
    return position > start && !(peek().map { isLetter($0) || isDigit($0) } ?? false)
  }

  /// Whether nothing follows, or one of `._eE`, which is read.
  private mutating func isFollowedByBreak() -> Bool {
    guard let byte = peek() else { return true }
    switch byte {
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "e"), UInt8(ascii: "E"):
      position += 1
      return true
    default: return false
    }
  }

  /// Reads the rest of a duration behind its first digits. Units are only looked at roughly.
  private mutating func skipDuration() -> Bool {
    guard takeUnit(years: true) else { return false }
    while let byte = peek(), isDigit(byte) {
      while let digit = peek(), isDigit(digit) { position += 1 }
      guard takeUnit(years: false) else { return false }
    }
    guard let byte = peek(), isLetter(byte) || isDigit(byte) else { return true }
    position += 1
    return false
  }

  private mutating func takeUnit(years: Bool) -> Bool {
    guard let byte = peek() else { return false }
    switch byte {
    case UInt8(ascii: "s"), UInt8(ascii: "m"), UInt8(ascii: "h"), UInt8(ascii: "d"), UInt8(ascii: "w"): break
    case UInt8(ascii: "y") where years: break
    default: return false
    }
    position += 1
    _ = take(UInt8(ascii: "s"))
    return true
  }

  // MARK: strings

  private mutating func string(quote: UInt8) throws(ParseError) -> TokenKind {
    while true {
      guard let byte = peek(), byte != UInt8(ascii: "\n") else { throw error("unterminated quoted string") }
      position += 1
      if byte == quote { return .string }
      if byte == UInt8(ascii: "\\") { try skipEscape(quote: quote) } else { try checkCharacter(byte) }
    }
  }

  private mutating func rawString() throws(ParseError) -> TokenKind {
    while true {
      guard let byte = peek() else { throw error("unterminated raw string") }
      position += 1
      if byte == UInt8(ascii: "`") { return .string }
      try checkCharacter(byte)
    }
  }

  /// U+FFFD, which also stands for bytes that were no UTF-8, is no character of a string.
  private func checkCharacter(_ byte: UInt8) throws(ParseError) {
    guard byte == 0xEF, position + 1 < bytes.count, bytes[position] == 0xBF, bytes[position + 1] == 0xBD else { return }
    throw error("invalid UTF-8 rune")
  }

  /// What follows a backslash.
  private mutating func skipEscape(quote: UInt8) throws(ParseError) {
    guard let byte = peek() else { throw error("escape sequence not terminated") }
    var (digits, base, largest) = (0, UInt32(16), UInt32(0x10FFFF))
    switch byte {
    case quote, UInt8(ascii: "a"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
      UInt8(ascii: "t"), UInt8(ascii: "v"), UInt8(ascii: "\\"):
      position += 1
      return
    case UInt8(ascii: "0")...UInt8(ascii: "7"): (digits, base, largest) = (3, 8, 255)
    case UInt8(ascii: "x"): (digits, largest) = (2, 255)
    case UInt8(ascii: "u"): digits = 4
    case UInt8(ascii: "U"): digits = 8
    default: throw error("unknown escape sequence \(codePoint(at: position))")
    }
    if base == 16 { position += 1 }
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let byte = peek() else { throw error("escape sequence not terminated") }
      guard let digit = digitValue(byte), digit < base else {
        throw error("illegal character \(codePoint(at: position)) in escape sequence")
      }
      value = (value << (base == 16 ? 4 : 3)) | digit
      position += 1
    }
    if value > largest || (0xD800..<0xE000).contains(value) {
      throw error("escape sequence is an invalid Unicode code point")
    }
  }

  /// The bytes that a string token stands for.
  func value(ofString token: Token) -> [UInt8] {
    guard token.end - token.start >= 2 else { return [] }
    let inner = bytes[(token.start + 1)..<(token.end - 1)]
    guard bytes[token.start] != UInt8(ascii: "`"), inner.contains(UInt8(ascii: "\\")) else { return Array(inner) }
    var result: [UInt8] = []
    result.reserveCapacity(inner.count)
    var index = inner.startIndex
    /// The value of so many digits.
    func number(_ digits: Int, shift: UInt32) -> UInt32 {
      var value: UInt32 = 0
      for _ in 0..<digits where index < inner.endIndex {
        value = (value << shift) | (digitValue(inner[index]) ?? 0)
        index += 1
      }
      return value
    }
    while index < inner.endIndex {
      var byte = inner[index]
      index += 1
      guard byte == UInt8(ascii: "\\"), index < inner.endIndex else {
        result.append(byte)
        continue
      }
      byte = inner[index]
      index += 1
      switch byte {
      case UInt8(ascii: "a"): result.append(0x07)
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "v"): result.append(0x0B)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        index -= 1
        result.append(UInt8(truncatingIfNeeded: number(3, shift: 3)))
      case UInt8(ascii: "x"): result.append(UInt8(truncatingIfNeeded: number(2, shift: 4)))
      case UInt8(ascii: "u"), UInt8(ascii: "U"):
        let value = number(byte == UInt8(ascii: "u") ? 4 : 8, shift: 4)
        result.append(contentsOf: Array(String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8))
      default: result.append(byte)
      }
    }
    return result
  }

  private func digitValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  // MARK: bytes

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipBlanks() {
    while let byte = peek(), isBlank(byte) { position += 1 }
    start = position
  }

  private mutating func skipComment() -> TokenKind? {
    while let byte = peek(), byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") { position += 1 }
    return nil
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private func isDigit(_ byte: UInt8, hexadecimal: Bool) -> Bool {
    hexadecimal ? digitValue(byte) != nil : isDigit(byte)
  }

  // MARK: errors

  private func error(_ message: String) -> ParseError {
    ParseError(message, at: PositionRange(start, bytes.count), in: bytes)
  }

  /// The character that begins at `index`; nil at the end. Bytes that are no UTF-8 are U+FFFD.
  private func character(at index: Int) -> Unicode.Scalar? {
    guard index < bytes.count else { return nil }
    return String(decoding: bytes[index..<min(index + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
  }

  private func quotedCharacter(at index: Int) -> String { quotedCharacterText(character(at: index) ?? "\u{FFFD}") }

  /// The character at `index` as `U+0071 'q'`.
  private func codePoint(at index: Int) -> String {
    let scalar = character(at: index) ?? "\u{FFFD}"
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let number = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return isPrintable(scalar) ? "\(number) '\(Character(scalar))'" : number
  }
}

/// Whether `byte` is a blank between tokens.
func isBlank(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
}
