// Values of attributes as texts, as the collector's `pcommon.Value.AsString` has them: scalars plain, others as JSON of Go's encoder.
internal import CTSDB

extension OTLPValue {
  /// The text that becomes a label's value.
  public var text: String {
    switch self {
    case .empty: ""
    case .string(let text): text
    case .bool(let flag): flag ? "true" : "false"
    case .int(let number): String(number)
    case .double(let number): Self.text(number)
    case .bytes(let bytes): Self.base64(bytes)
    case .array, .map: json
    }
  }

  private var json: String {
    switch self {
    case .empty: "null"
    case .string(let text): Self.quoted(text)
    case .bool, .int: text
    // JSON has no others; Go's encoder then gives nothing for the whole.
    case .double(let number): number.isFinite ? Self.text(number) : ""
    case .bytes(let bytes): "\"" + Self.base64(bytes) + "\""
    case .array(let elements): isEncodable ? "[" + elements.map(\.json).joined(separator: ",") + "]" : ""
    case .map(let attributes): isEncodable ? Self.object(attributes) : ""
    }
  }

  private var isEncodable: Bool {
    switch self {
    case .double(let number): number.isFinite
    case .array(let elements): elements.allSatisfy(\.isEncodable)
    case .map(let attributes): attributes.allSatisfy { $0.value.isEncodable }
    default: true
    }
  }

  /// Members by the bytes of their keys; of several of one key the last.
  private static func object(_ attributes: [OTLPAttribute]) -> String {
    var sorted: [OTLPAttribute] = []
    for attribute in attributes {
      sorted.removeAll { $0.key.utf8.elementsEqual(attribute.key.utf8) }
      sorted.append(attribute)
    }
    sorted.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return "{" + sorted.map { quoted($0.key) + ":" + $0.value.json }.joined(separator: ",") + "}"
  }

  /// Digits as JavaScript has them: plain from 1e-6 to below 1e21.
  private static func text(_ number: Double) -> String {
    guard number.isFinite else {
      return "json: unsupported value: \(number.isNaN ? "NaN" : number > 0 ? "+Inf" : "-Inf")"
    }
    var bytes = [UInt8](repeating: 0, count: Int(TSDB_FLOAT_TEXT_BOUND))
    var size = 0
    guard unsafe tsdb_float_text(number, TSDB_FLOAT_JSON, &bytes, bytes.count, &size) == TSDB_OK else { return "" }
    var text = Array(bytes[..<size])
    // e-09 is e-9 there.
    if size >= 4, text[size - 4] == 0x65, text[size - 3] == 0x2D, text[size - 2] == 0x30 { text.remove(at: size - 2) }
    return String(decoding: text, as: UTF8.self)
  }

  /// Digits without an exponent, as labels have them.
  static func plainText(_ number: Double) -> String {
    var bytes = [UInt8](repeating: 0, count: Int(TSDB_FLOAT_PLAIN_BOUND))
    var size = 0
    guard unsafe tsdb_float_text(number, TSDB_FLOAT_PLAIN, &bytes, bytes.count, &size) == TSDB_OK else { return "" }
    return String(decoding: bytes[..<size], as: UTF8.self)
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for place in 0..<4 { text.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : 0x3D) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// A string as Go's encoder writes it: safe within HTML.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\u{0}"..."\u{1F}", "<", ">", "&", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
