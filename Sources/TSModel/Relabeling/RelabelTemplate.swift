// Texts with `$1`, `${1}` and `${name}` in them, as Go's regexp.Expand reads them: a name is the longest run of letters,
// digits and `_`, so `$1x` is a group called "1x"; `$$` is a dollar; a dollar that begins no name stands for itself; a group
// that the expression lacks, or that took no part in the match, is nothing.

/// A text into which the groups of a match are put.
struct RelabelTemplate: Sendable {
  private enum Part: Sendable {
    case literal([UInt8])
    case group(Int)
    case named(String)
  }

  private var parts: [Part] = []

  /// Whether it is the same for all matches.
  var isLiteral: Bool {
    parts.allSatisfy { part in
      if case .literal = part { return true }
      return false
    }
  }

  /// The names of groups that it asks for.
  var names: [String] {
    parts.compactMap { part in
      if case .named(let name) = part { return name }
      return nil
    }
  }

  /// The highest number of a group that it asks for.
  var groupMax: Int {
    parts.reduce(0) { most, part in
      if case .group(let number) = part { return max(most, number) }
      return most
    }
  }

  init(_ text: String) {
    var literal: [UInt8] = []
    let scalars = Array(text.unicodeScalars)
    var at = 0
    while at < scalars.count {
      guard scalars[at] == "$" else {
        literal += Array(UTF8.encode(scalars[at]) ?? .init())
        at += 1
        continue
      }
      at += 1
      if at < scalars.count, scalars[at] == "$" {
        literal.append(UInt8(ascii: "$"))
        at += 1
        continue
      }
      let isBraced = at < scalars.count && scalars[at] == "{"
      let start = isBraced ? at + 1 : at
      var end = start
      while end < scalars.count, Self.isNameScalar(scalars[end]) { end += 1 }
      guard end > start, !isBraced || (end < scalars.count && scalars[end] == "}") else {
        literal.append(UInt8(ascii: "$"))
        continue
      }
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = []
      var name = ""
      name.unicodeScalars.append(contentsOf: scalars[start..<end])
      parts.append(Self.groupNumber(name).map { .group($0) } ?? .named(name))
      at = isBraced ? end + 1 : end
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
  }

  /// Digits without a leading zero, below 100,000,000.
  private static func groupNumber(_ name: String) -> Int? {
    let digits = Array(name.utf8)
    guard digits.allSatisfy({ $0 >= 48 && $0 <= 57 }), digits.count == 1 || digits[0] != 48, digits.count <= 8 else {
      return nil
    }
    return Int(name)
  }

  private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_": return true
    default:
      guard scalar.value >= 0x80 else { return false }
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber:
        return true
      default: return false
      }
    }
  }

  /// The same text with the names that `numbers` knows replaced by numbers; others stand for nothing.
  func resolved(_ numbers: [String: Int]) -> RelabelTemplate {
    var copy = self
    copy.parts = parts.compactMap { part in
      guard case .named(let name) = part else { return part }
      return numbers[name].map { .group($0) }
    }
    return copy
  }

  /// The text for a match: `bounds` holds start and end of its groups in `value`, bytes, -1 where a group took no part.
  func expanded(_ value: [UInt8], _ bounds: [Int64]) -> [UInt8] {
    var out: [UInt8] = []
    for part in parts {
      switch part {
      case .literal(let bytes): out += bytes
      case .named: break
      case .group(let number):
        guard 2 * number + 1 < bounds.count, bounds[2 * number] >= 0 else { break }
        out += value[Int(bounds[2 * number])..<Int(bounds[2 * number + 1])]
      }
    }
    return out
  }
}
