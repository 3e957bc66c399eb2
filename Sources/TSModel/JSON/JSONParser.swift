// JSON from bytes, as strict as Go's encoding/json: no trailing commas, no byte order mark, no comments, control
// characters only escaped; and as lenient: duplicate keys are kept (the last one wins where a reader asks), bytes that are
// no UTF-8 and halves of surrogate pairs become U+FFFD.

extension JSONValue {
  /// The deepest that arrays and objects may be nested: deep enough for any document there is, and no danger to a stack.
  public static let depthMax = 256

  /// Reads one document, which must be all of `bytes` but for blanks around it.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes)
    self = try parser.document()
  }
}

private struct JSONParser {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSONError) -> JSONValue {
    let value = try value(depth: 0)
    skipBlanks()
    guard position == bytes.count else { throw unexpected("after top-level value") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipBlanks()
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try members(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try elements(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    default: throw unexpected("looking for beginning of value")
    }
  }

  private mutating func members(depth: Int) throws(JSONError) -> [JSONValue.Member] {
    try enter(depth)
    var members: [JSONValue.Member] = []
    if try closes(UInt8(ascii: "}")) { return members }
    while true {
      skipBlanks()
      guard try peek() == UInt8(ascii: "\"") else { throw unexpected("looking for beginning of object key string") }
      let key = try string()
      skipBlanks()
      guard try peek() == UInt8(ascii: ":") else { throw unexpected("after object key") }
      position += 1
      members.append(JSONValue.Member(key, try value(depth: depth)))
      if try closes(UInt8(ascii: "}")) { return members }
      guard try peek() == UInt8(ascii: ",") else { throw unexpected("after object key:value pair") }
      position += 1
    }
  }

  private mutating func elements(depth: Int) throws(JSONError) -> [JSONValue] {
    try enter(depth)
    var elements: [JSONValue] = []
    if try closes(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try value(depth: depth))
      if try closes(UInt8(ascii: "]")) { return elements }
      guard try peek() == UInt8(ascii: ",") else { throw unexpected("after array element") }
      position += 1
    }
  }

  private mutating func enter(_ depth: Int) throws(JSONError) {
    guard depth <= JSONValue.depthMax else { throw JSONError("exceeded max depth", offset: position) }
    position += 1
  }

  private mutating func closes(_ bracket: UInt8) throws(JSONError) -> Bool {
    skipBlanks()
    guard try peek() == bracket else { return false }
    position += 1
    return true
  }

  private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let letters = Array(word.description.utf8)
    for letter in letters {
      guard try peek() == letter else {
        throw unexpected("in literal \(word) (expecting '\(Character(Unicode.Scalar(letter)))')")
      }
      position += 1
    }
    return value
  }

  private mutating func number() throws(JSONError) -> String {
    let start = position
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    if try peek() == UInt8(ascii: "0") {
      position += 1
    } else {
      try digits("in numeric literal")
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      try digits("after decimal point in numeric literal")
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      let sign = try peek()
      if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      try digits("in exponent of numeric literal")
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func digits(_ place: String) throws(JSONError) {
    guard isDigit(try peek()) else { throw unexpected(place) }
    while position < bytes.count, isDigit(bytes[position]) { position += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    var start = position
    while true {
      let byte = try peek()
      if byte == UInt8(ascii: "\"") {
        text += bytes[start..<position]
        position += 1
        return String(decoding: text, as: UTF8.self)
      }
      guard byte >= 0x20 else { throw unexpected("in string literal") }
      if byte == UInt8(ascii: "\\") {
        text += bytes[start..<position]
        position += 1
        try text += escape().utf8
        start = position
      } else {
        position += 1
      }
    }
  }

  /// What stands after a backslash.
  private mutating func escape() throws(JSONError) -> String {
    let letter = try peek()
    let plain: String
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = String(Character(Unicode.Scalar(letter)))
    case UInt8(ascii: "b"): plain = "\u{8}"
    case UInt8(ascii: "f"): plain = "\u{c}"
    case UInt8(ascii: "n"): plain = "\n"
    case UInt8(ascii: "r"): plain = "\r"
    case UInt8(ascii: "t"): plain = "\t"
    case UInt8(ascii: "u"):
      position += 1
      return try escapedScalar()
    default: throw unexpected("in string escape code")
    }
    position += 1
    return plain
  }

  private mutating func escapedScalar() throws(JSONError) -> String {
    let unit = try hexadecimal()
    // A high surrogate counts only together with the low one right after it.
    if unit >= 0xD800, unit < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    {
      let after = position
      position += 2
      let low = try hexadecimal()
      if low >= 0xDC00, low < 0xE000, let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) {
        return String(Character(scalar))
      }
      position = after
    }
    return String(Character(Unicode.Scalar(unit) ?? "\u{FFFD}"))
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(try peek())).hexDigitValue else {
        throw unexpected("in \\u hexadecimal character escape")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func skipBlanks() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private func peek() throws(JSONError) -> UInt8 {
    guard position < bytes.count else { throw JSONError("unexpected end of JSON input", offset: position) }
    return bytes[position]
  }

  private func unexpected(_ place: String) -> JSONError {
    JSONError("invalid character \(quoted(bytes[position])) \(place)", offset: position)
  }

  /// A byte as Go's errors show it: `'x'`, `'\n'`, `'\''`, `'"'`, and bytes from 0x80 on as the scalar of that number.
  private func quoted(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "'"): "'\\''"
    case UInt8(ascii: "\\"): "'\\\\'"
    case 0x07: "'\\a'"
    case 0x08: "'\\b'"
    case 0x09: "'\\t'"
    case 0x0A: "'\\n'"
    case 0x0B: "'\\v'"
    case 0x0C: "'\\f'"
    case 0x0D: "'\\r'"
    case 0x00..<0x20, 0x7F: "'\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))'"
    case 0x80..<0xA0, 0xAD: "'\\u00\(String(byte, radix: 16))'"
    default: "'\(Character(Unicode.Scalar(byte)))'"
    }
  }
}
