// The two forms of a log line. Either is one line, whatever the fields hold.

enum LogText {
  /// `key=value` pairs, values in quotes where they need them.
  static func logfmt(_ event: [(key: String, value: LogValue)]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(256)
    for (key, value) in event {
      // A key without a single usable character has no form: such a field is left out, as by go-logfmt's users.
      let name = key.unicodeScalars.filter { !isSpecial($0) }
      if name.isEmpty { continue }
      if !out.isEmpty { out.append(0x20) }
      for scalar in name { out.append(contentsOf: String(scalar).utf8) }
      out.append(0x3D)
      switch value {
      case .string(let text):
        if text == "null" || text.unicodeScalars.contains(where: isSpecial) {
          appendQuoted(text, to: &out)
        } else {
          out.append(contentsOf: text.utf8)
        }
      case .null: out.append(contentsOf: "null".utf8)
      default: out.append(contentsOf: plain(value).utf8)
      }
    }
    out.append(0x0A)
    return out
  }

  /// One JSON object, keys in alphabetical order; of two fields of one name the last one counts.
  static func json(_ event: [(key: String, value: LogValue)]) -> [UInt8] {
    var fields: [String: LogValue] = [:]
    for (key, value) in event { fields[key] = value }
    var out: [UInt8] = [0x7B]
    for key in fields.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      guard let value = fields[key] else { continue }
      if out.count > 1 { out.append(0x2C) }
      appendJSONString(key, to: &out)
      out.append(0x3A)
      switch value {
      case .string(let text): appendJSONString(text, to: &out)
      case .duration: appendJSONString(plain(value), to: &out)
      // JSON has no form for these numbers.
      case .number(let number) where !number.isFinite: appendJSONString(shortestText(number), to: &out)
      default: out.append(contentsOf: plain(value).utf8)
      }
    }
    out.append(0x7D)
    out.append(0x0A)
    return out
  }

  private static func plain(_ value: LogValue) -> String {
    switch value {
    case .string(let text): text
    case .integer(let number): "\(number)"
    case .number(let number): shortestText(number)
    case .bool(let flag): flag ? "true" : "false"
    case .duration(let duration): DurationText.go(duration)
    case .null: "null"
    }
  }

  /// Whether logfmt needs quotes around it: blanks and controls, `=`, `"`, and the replacement character.
  private static func isSpecial(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value <= 0x20 || scalar == "=" || scalar == "\"" || scalar == "\u{FFFD}"
  }

  private static func appendQuoted(_ text: String, to out: inout [UInt8]) {
    out.append(0x22)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out.append(contentsOf: "\\\"".utf8)
      case "\\": out.append(contentsOf: "\\\\".utf8)
      case "\n": out.append(contentsOf: "\\n".utf8)
      case "\r": out.append(contentsOf: "\\r".utf8)
      case "\t": out.append(contentsOf: "\\t".utf8)
      case "\u{FFFD}": out.append(contentsOf: "\\ufffd".utf8)
      default:
        if scalar.value < 0x20 {
          appendHex(scalar, to: &out)
        } else {
          out.append(contentsOf: String(scalar).utf8)
        }
      }
    }
    out.append(0x22)
  }

  private static func appendJSONString(_ text: String, to out: inout [UInt8]) {
    out.append(0x22)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out.append(contentsOf: "\\\"".utf8)
      case "\\": out.append(contentsOf: "\\\\".utf8)
      case "\n": out.append(contentsOf: "\\n".utf8)
      case "\r": out.append(contentsOf: "\\r".utf8)
      case "\t": out.append(contentsOf: "\\t".utf8)
      default:
        if scalar.value < 0x20 || scalar.value == 0x2028 || scalar.value == 0x2029 {
          appendHex(scalar, to: &out)
        } else {
          out.append(contentsOf: String(scalar).utf8)
        }
      }
    }
    out.append(0x22)
  }

  private static func appendHex(_ scalar: Unicode.Scalar, to out: inout [UInt8]) {
    let digits = String(scalar.value, radix: 16)
    out.append(contentsOf: ("\\u" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits).utf8)
  }
}
