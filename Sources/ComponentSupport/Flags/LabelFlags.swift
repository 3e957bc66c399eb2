// Labels in flags.
public import TSModel

/// Labels as flags give them: `name="value"`.
public enum LabelFlags {
  /// Reads them. Throws in Thanos' words for what is none; of several with one name the last counts.
  public static func parse(_ texts: [String]) throws(ConfigurationError) -> [Labels.Label] {
    var labels: [Labels.Label] = []
    for text in texts {
      guard let equals = text.firstIndex(of: "=") else {
        throw ConfigurationError(.value, "unrecognized label \(JSONValue.quoted(text))")
      }
      let name = String(text[..<equals])
      guard isLabelName(name) else { throw ConfigurationError(.value, "unsupported format for label \(text)") }
      guard let value = unquoted(text[text.index(after: equals)...]) else {
        throw ConfigurationError(.value, "unquote label value: invalid syntax")
      }
      labels.removeAll { $0.name == name }
      labels.append(Labels.Label(name: name, value: value))
    }
    return labels
  }

  private static func isLabelName(_ name: String) -> Bool {
    guard let first = name.utf8.first, first < 0x30 || first > 0x39 else { return false }
    return name.utf8.allSatisfy { byte in
      byte == 0x5F || byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A
    }
  }

  /// A string in double quotes with Go's escapes, or in back quotes with none; nil for anything else.
  private static func unquoted(_ text: Substring) -> String? {
    guard let mark = text.first, text.count >= 2, text.last == mark else { return nil }
    let inner = text.dropFirst().dropLast()
    if mark == "`" { return inner.contains("`") ? nil : String(inner) }
    guard mark == "\"" else { return nil }
    var result: [UInt8] = []
    var rest = inner.utf8[...]
    while let byte = rest.popFirst() {
      guard byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\n") else { return nil }
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      guard let letter = rest.popFirst() else { return nil }
      let digits: Int
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        result.append(letter)
        continue
      case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"):
        result.append(letter == UInt8(ascii: "n") ? 0x0A : letter == UInt8(ascii: "t") ? 0x09 : 0x0D)
        continue
      case UInt8(ascii: "x"): digits = 2
      case UInt8(ascii: "u"): digits = 4
      case UInt8(ascii: "U"): digits = 8
      default: return nil
      }
      guard rest.count >= digits,
        let value = UInt32(String(decoding: rest.prefix(digits), as: UTF8.self), radix: 16),
        rest.first != UInt8(ascii: "+"),
        rest.first != UInt8(ascii: "-")
      else { return nil }
      rest = rest.dropFirst(digits)
      if digits == 2 {
        result.append(UInt8(value))
      } else {
        guard let scalar = Unicode.Scalar(value) else { return nil }
        result += Array(String(Character(scalar)).utf8)
      }
    }
    return String(validating: result, as: UTF8.self)
  }
}
