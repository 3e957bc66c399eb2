// What a plain scalar means: the rules of yaml.v2, which are those of YAML 1.1 with Go's numbers.

/// The meaning of a scalar.
public enum YAMLScalar: Sendable, Equatable {
  /// Nothing, `~` or `null`.
  case null
  /// `true`, `yes`, `on`, `y` and their opposites, in three casings.
  case bool(Bool)
  /// A whole number of 64 bits.
  case integer(Int64)
  /// A whole number above those.
  case unsigned(UInt64)
  /// A number with a fraction or an exponent, an infinity or no number.
  case float(Double)
  /// A date, with or without a time. Its meaning is not looked at.
  case timestamp
  /// Everything else, and everything in quotes.
  case text
  /// `<<`: the pairs of the value are taken over into the mapping.
  case merge
}

extension YAMLNode {
  /// What the text of a scalar means; `.text` for collections.
  public var scalar: YAMLScalar {
    let record = record
    guard record.kind == .scalar else { return .text }
    switch record.tag {
    case "":
      return record.isQuoted ? .text : YAMLScalar.plain(record.text)
    case "tag:yaml.org,2002:int", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge":
      return YAMLScalar.plain(record.text)
    case "tag:yaml.org,2002:float":
      switch YAMLScalar.plain(record.text) {
      case .integer(let value): return .float(Double(value))
      case .unsigned(let value): return .float(Double(value))
      case let other: return other
      }
    default:
      // !!str, !!binary, "!" and tags of others: a text.
      return .text
    }
  }

  /// The short name of what it is, as errors of yaml.v2 show it: `!!str`, `!!map`.
  var tagName: String {
    switch kind {
    case .sequence: return "!!seq"
    case .mapping: return "!!map"
    case .scalar:
      let tag = record.tag
      if tag.hasPrefix("tag:yaml.org,2002:") { return "!!" + tag.dropFirst(18) }
      if !tag.isEmpty, tag != "!" { return tag }
      switch scalar {
      case .null: return "!!null"
      case .bool: return "!!bool"
      case .integer, .unsigned: return "!!int"
      case .float: return "!!float"
      case .timestamp: return "!!timestamp"
      case .text: return "!!str"
      case .merge: return "!!merge"
      }
    }
  }
}

extension YAMLScalar {
  /// What a scalar without quotes and without a tag means.
  static func plain(_ text: String) -> YAMLScalar {
    guard let first = text.utf8.first else { return .null }
    if let known = words[text] { return known }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"):
      if isTimestamp(Array(text.utf8)) { return .timestamp }
      return number(text.replacing("_", with: "")) ?? .text
    case UInt8(ascii: "."):
      return isDecimalFloat(Array(text.utf8)) ? Double(text).map { .float($0) } ?? .text : .text
    default:
      return .text
    }
  }

  private static let words: [String: YAMLScalar] = {
    var words: [String: YAMLScalar] = ["~": .null, "null": .null, "Null": .null, "NULL": .null, "<<": .merge]
    for word in ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"] { words[word] = .bool(true) }
    for word in ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"] {
      words[word] = .bool(false)
    }
    for word in [".inf", ".Inf", ".INF"] {
      words[word] = .float(.infinity)
      words["+" + word] = .float(.infinity)
      words["-" + word] = .float(-.infinity)
    }
    for word in [".nan", ".NaN", ".NAN"] { words[word] = .float(.nan) }
    return words
  }()

  /// A number as Go reads it with base 0: `0x1F`, `0b101`, `0o17`, `017` and plain digits, with a sign; or one with a fraction.
  private static func number(_ text: String) -> YAMLScalar? {
    let negative = text.utf8.first == UInt8(ascii: "-")
    var digits = Substring(text)
    if negative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    var radix = 10
    let bytes = Array(digits.utf8.prefix(2))
    if bytes.count == 2, bytes[0] == UInt8(ascii: "0") {
      switch bytes[1] | 0x20 {
      case UInt8(ascii: "x"): radix = 16
      case UInt8(ascii: "o"): radix = 8
      case UInt8(ascii: "b"): radix = 2
      default: break
      }
      if radix != 10 { digits = digits.dropFirst(2) } else { radix = 8 }
    }
    let isWhole = !digits.isEmpty && digits.utf8.allSatisfy { isDigit($0, radix: radix) }
    if isWhole {
      if let value = Int64((negative ? "-" : "") + digits, radix: radix) { return .integer(value) }
      if !negative, let value = UInt64(digits, radix: radix) { return .unsigned(value) }
    }
    return isDecimalFloat(Array(text.utf8)) ? Double(text).map { .float($0) } : nil
  }

  private static func isDigit(_ byte: UInt8, radix: Int) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0")) < radix
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): radix == 16
    default: false
    }
  }

  /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isDecimalFloat(_ bytes: [UInt8]) -> Bool {
    var at = 0
    func digits() -> Int {
      let start = at
      while at < bytes.count, isDigit(bytes[at], radix: 10) { at += 1 }
      return at - start
    }
    func sign() { if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 } }
    sign()
    let whole = digits()
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      at += 1
      let fraction = digits()
      if whole == 0, fraction == 0 { return false }
    } else if whole == 0 {
      return false
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      sign()
      if digits() == 0 { return false }
    }
    return at == bytes.count
  }

  /// `2026-01-02`, or that with a time behind `T`, `t` or a blank.
  private static func isTimestamp(_ bytes: [UInt8]) -> Bool {
    func digits(_ range: Range<Int>) -> Bool {
      range.upperBound <= bytes.count && bytes[range].allSatisfy { isDigit($0, radix: 10) }
    }
    guard digits(0..<4), bytes.count >= 8, bytes[4] == UInt8(ascii: "-") else { return false }
    // Month and day may have one digit.
    let parts = bytes[5...].prefix(5).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard let month = parts.first, (1...2).contains(month.count), digits(month.startIndex..<month.endIndex) else {
      return false
    }
    var at = 5 + month.count
    guard at < bytes.count, bytes[at] == UInt8(ascii: "-") else { return false }
    at += 1
    let day = at
    while at < bytes.count, at < day + 2, isDigit(bytes[at], radix: 10) { at += 1 }
    if at == day { return false }
    if at == bytes.count { return true }
    return [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(bytes[at]) && digits(at + 1..<at + 2)
  }
}
