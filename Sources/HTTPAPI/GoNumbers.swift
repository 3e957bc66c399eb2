// Numbers as Go's strconv reads them, with its words where it does not.
internal import PromQL

/// Reads numbers and truth values of parameters.
enum GoNumber {
  /// What Go says of a text that it cannot read.
  struct Refusal: Error, CustomStringConvertible {
    let description: String

    init(_ function: String, _ text: String, isOutOfRange: Bool = false) {
      description =
        "strconv.\(function): parsing \(quotedText(text)): \(isOutOfRange ? "value out of range" : "invalid syntax")"
    }
  }

  /// A whole number, as `Atoi` (or another `function` for the error) reads it.
  static func integer(_ text: String, function: String = "Atoi") throws(Refusal) -> Int {
    let digits = text.utf8.first == 0x2B || text.utf8.first == 0x2D ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { throw Refusal(function, text) }
    guard let value = Int(text) else { throw Refusal(function, text, isOutOfRange: true) }
    return value
  }

  /// A truth value, as `ParseBool` reads it.
  static func bool(_ text: String) throws(Refusal) -> Bool {
    switch text {
    case "1", "t", "T", "TRUE", "true", "True": true
    case "0", "f", "F", "FALSE", "false", "False": false
    default: throw Refusal("ParseBool", text)
    }
  }

  /// A number, as `ParseFloat` reads it; nil where it is none or is too large.
  static func float(_ text: String) -> Double? {
    var digits = Array(text.utf8)
    if digits.contains(0x5F) {
      guard hasUnderscoresBetweenDigits(digits) else { return nil }
      digits.removeAll { $0 == 0x5F }
    }
    let plain = String(decoding: digits, as: UTF8.self)
    let unsigned = plain.drop { $0 == "+" || $0 == "-" }.lowercased()
    guard plain.utf8.count - unsigned.utf8.count <= 1 else { return nil }
    switch unsigned {
    case "inf", "infinity": return plain.hasPrefix("-") ? -.infinity : .infinity
    // Go knows a NaN without a sign only.
    case "nan": return plain == unsigned || plain.utf8.count == 3 ? .nan : nil
    default: break
    }
    guard unsigned.utf8.allSatisfy({ 0x30...0x39 ~= $0 || 0x61...0x66 ~= $0 || "xp.+-".utf8.contains($0) })
    else { return nil }
    guard unsigned.utf8.contains(where: { 0x30...0x39 ~= $0 }) || unsigned.hasPrefix("0x") else { return nil }
    if unsigned.hasPrefix("0x") {
      // Go's hexadecimal numbers have an exponent.
      guard unsigned.contains("p") else { return nil }
    } else if unsigned.contains("x") || unsigned.contains("p") {
      return nil
    }
    guard let value = Double(plain), value.isFinite else { return nil }
    return value
  }

  private static func hasUnderscoresBetweenDigits(_ bytes: [UInt8]) -> Bool {
    func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte || 0x41...0x46 ~= byte || 0x61...0x66 ~= byte }
    for (index, byte) in bytes.enumerated() where byte == 0x5F {
      guard index > 0, index + 1 < bytes.count, isDigit(bytes[index - 1]) || bytes[index - 1] | 0x20 == 0x78,
        isDigit(bytes[index + 1])
      else { return false }
    }
    return true
  }
}
