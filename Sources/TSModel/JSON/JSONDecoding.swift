// Taking values out of JSON as Go's encoding/json fills a struct: keys match their field whatever their case, the last of
// duplicate keys wins (objects are filled field by field), unknown keys are ignored, null leaves what was there.

extension JSONValue {
  /// The members of an object with their keys folded as Go folds them for comparison (lower case; the Kelvin sign is a k,
  /// the long s an s), in the order of the document; none for null. Throws for any other kind of value; `field` is what
  /// the error should call it.
  public func foldedMembers(_ field: String) throws(JSONError) -> [Member] {
    switch self {
    case .null: return []
    case .object(let members): return members.map { Member(Self.folded($0.key), $0.value) }
    default: throw mismatch(field, "object")
    }
  }

  /// The members of an object with their keys as they are, duplicates resolved (the last one wins), sorted by the keys'
  /// bytes; nil for null.
  public func map(_ field: String) throws(JSONError) -> [Member]? {
    switch self {
    case .null: return nil
    case .object(let members):
      var last: [Member] = []
      for (_, member) in members.enumerated().sorted(by: { a, b in
        let order = compareBytes(a.element.key, b.element.key)
        return order != 0 ? order < 0 : a.offset < b.offset
      }) {
        if let previous = last.last, compareBytes(previous.key, member.key) == 0 { last.removeLast() }
        last.append(member)
      }
      return last
    default: throw mismatch(field, "map")
    }
  }

  /// The elements of an array; none for null.
  public func elements(_ field: String) throws(JSONError) -> [JSONValue] {
    switch self {
    case .null: return []
    case .array(let elements): return elements
    default: throw mismatch(field, "array")
    }
  }

  /// Puts a whole number into `target`; leaves it for null. A fraction, an exponent or a number out of range is an error.
  public func read<Integer: FixedWidthInteger>(
    into target: inout Integer, _ field: String
  ) throws(JSONError) {
    switch self {
    case .null: break
    case .number(let digits):
      guard let value = Integer(digits) else {
        throw JSONError("json: cannot unmarshal number \(digits) into field \(field) of type \(Integer.self)")
      }
      target = value
    default: throw mismatch(field, "\(Integer.self)")
    }
  }

  /// Puts a string into `target`; leaves it for null.
  public func read(into target: inout String, _ field: String) throws(JSONError) {
    switch self {
    case .null: break
    case .string(let value): target = value
    default: throw mismatch(field, "string")
    }
  }

  /// Puts a truth value into `target`; leaves it for null.
  public func read(into target: inout Bool, _ field: String) throws(JSONError) {
    switch self {
    case .null: break
    case .bool(let value): target = value
    default: throw mismatch(field, "bool")
    }
  }

  private func mismatch(_ field: String, _ type: String) -> JSONError {
    JSONError("json: cannot unmarshal \(kindName) into field \(field) of type \(type)")
  }

  private static func folded(_ key: String) -> String {
    var folded = String.UnicodeScalarView()
    for scalar in key.unicodeScalars {
      switch scalar {
      case "A"..."Z": folded.append(Unicode.Scalar(UInt8(scalar.value) | 0x20))
      case "\u{212A}": folded.append("k")
      case "\u{17F}": folded.append("s")
      default: folded.append(scalar)
      }
    }
    return String(folded)
  }
}
