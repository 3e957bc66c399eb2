// A reader of one JSON text, piece by piece: the caller says what it expects. For lines of a dump, which are long and of
// a known shape; nothing is kept.
internal import TSModel

/// Why a JSON text is refused.
struct JSONError: Error {
  let message: String
}

/// A place in a JSON text.
struct JSONScanner: ~Escapable {
  private let text: Span<UInt8>
  private(set) var at = 0

  @_lifetime(copy text)
  init(_ text: Span<UInt8>) { self.text = text }

  private func refusal(_ expected: String) -> JSONError { JSONError(message: "column \(at + 1): expected \(expected)") }

  @inline(__always) @_lifetime(self: copy self)
  private mutating func skipBlanks() {
    while at < text.count, text[at] == 0x20 || text[at] == 0x09 || text[at] == 0x0A || text[at] == 0x0D { at += 1 }
  }

  /// Takes `byte` where it comes next; says whether it did.
  @inline(__always) @_lifetime(self: copy self)
  mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard at < text.count, text[at] == byte else { return false }
    at += 1
    return true
  }

  /// Takes `byte`, which must come next.
  @inline(__always) @_lifetime(self: copy self)
  mutating func expect(_ byte: UInt8) throws(JSONError) {
    if !take(byte) { throw refusal("\"\(Character(UnicodeScalar(byte)))\"") }
  }

  /// Nothing but blanks may be left.
  @_lifetime(self: copy self)
  mutating func expectEnd() throws(JSONError) {
    skipBlanks()
    if at != text.count { throw refusal("the end of the line") }
  }

  /// Whether a comma follows (true) or the end of an array or object (false); takes either.
  @_lifetime(self: copy self)
  mutating func goesOn(until close: UInt8) throws(JSONError) -> Bool {
    if take(UInt8(ascii: ",")) { return true }
    try expect(close)
    return false
  }

  /// What comes next, without taking it; 0 at the end.
  @_lifetime(self: copy self)
  mutating func peek() -> UInt8 {
    skipBlanks()
    return at < text.count ? text[at] : 0
  }

  /// A text's bytes, unescaped, appended to `out`.
  @_lifetime(self: copy self)
  mutating func string(into out: inout [UInt8]) throws(JSONError) {
    try expect(UInt8(ascii: "\""))
    while at < text.count {
      let byte = text[at]
      at += 1
      if byte == UInt8(ascii: "\"") { return }
      if byte < 0x20 { break }
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        continue
      }
      guard at < text.count else { break }
      let escape = text[at]
      at += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0C)
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"): try codePoint(into: &out)
      default: throw refusal("an escape that JSON has")
      }
    }
    throw refusal("the end of a text in quotes")
  }

  @_lifetime(self: copy self)
  private mutating func codePoint(into out: inout [UInt8]) throws(JSONError) {
    var value = try fourDigits()
    if value >> 10 == 0x36, at + 1 < text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u") {
      at += 2
      let low = try fourDigits()
      value = low >> 10 == 0x37 ? 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF : 0xFFFD
    }
    let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
    out.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
  }

  @_lifetime(self: copy self)
  private mutating func fourDigits() throws(JSONError) -> UInt32 {
    guard at + 4 <= text.count else { throw refusal("four hexadecimal digits") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = text[at]
      let digit: UInt8 =
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: 99
        }
      if digit > 15 { throw refusal("four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
      at += 1
    }
    return value
  }

  /// A whole number.
  @_lifetime(self: copy self)
  mutating func integer() throws(JSONError) -> Int64 {
    skipBlanks()
    let start = at
    while at < text.count, text[at] == UInt8(ascii: "-") || text[at] &- 48 < 10 { at += 1 }
    guard let value = Tools.integer(of: text.extracting(start..<at)) else {
      at = start
      throw refusal("a whole number")
    }
    return value
  }

  /// A whole number without a sign, of 64 bits.
  @_lifetime(self: copy self)
  mutating func unsigned() throws(JSONError) -> UInt64 {
    skipBlanks()
    let start = at
    var value: UInt64 = 0
    while at < text.count, text[at] &- 48 < 10 {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = tens.addingReportingOverflow(UInt64(text[at] &- 48))
      if overflow || sumOverflow { throw refusal("a whole number of 64 bits") }
      value = sum
      at += 1
    }
    if at == start { throw refusal("a whole number without a sign") }
    return value
  }

  /// A float as the dumps write it: in quotes, NaN as `0x` and 16 digits; or a bare number.
  @_lifetime(self: copy self)
  mutating func float() throws(JSONError) -> Double {
    skipBlanks()
    let isQuoted = take(UInt8(ascii: "\""))
    let start = at
    while at < text.count, isQuoted ? text[at] != UInt8(ascii: "\"") : isNumberByte(text[at]) { at += 1 }
    let word = text.extracting(start..<at)
    if isQuoted { try expect(UInt8(ascii: "\"")) }
    if let value = floatingPoint(of: word) { return value }
    if word.count == 18, word[0] == UInt8(ascii: "0"), word[1] == UInt8(ascii: "x"),
      let bits = UInt64(Tools.string(of: word.extracting(2..<18)), radix: 16)
    {
      return Double(bitPattern: bits)
    }
    at = start
    throw refusal("a number")
  }

  private func isNumberByte(_ byte: UInt8) -> Bool {
    byte &- 48 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
      || byte | 32 == UInt8(ascii: "e")
  }

  /// Steps over a value of any kind. At most 64 deep.
  @_lifetime(self: copy self)
  mutating func skip(depth: Int = 0) throws(JSONError) {
    if depth > 64 { throw refusal("less depth") }
    switch peek() {
    case UInt8(ascii: "\""):
      var scratch: [UInt8] = []
      try string(into: &scratch)
    case UInt8(ascii: "["):
      at += 1
      if take(UInt8(ascii: "]")) { return }
      repeat { try skip(depth: depth + 1) } while try goesOn(until: UInt8(ascii: "]"))
    case UInt8(ascii: "{"):
      at += 1
      if take(UInt8(ascii: "}")) { return }
      repeat {
        var scratch: [UInt8] = []
        try string(into: &scratch)
        try expect(UInt8(ascii: ":"))
        try skip(depth: depth + 1)
      } while try goesOn(until: UInt8(ascii: "}"))
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
      while at < text.count, text[at] >= 97, text[at] <= 122 { at += 1 }
    default:
      _ = try float()
    }
  }
}
