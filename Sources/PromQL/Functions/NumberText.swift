// Numbers as Prometheus prints them.

/// The decimal digits of `value`, shortest that read back as it, and the power of ten of the first: 12.5 is ("125", 1).
private func shortest(_ value: Double) -> (digits: [UInt8], exponent: Int) {
  var (digits, exponent, pointAfter) = ([UInt8](), 0, -1)
  var text = value.magnitude.description.utf8[...]
  if let mark = text.firstIndex(of: UInt8(ascii: "e")) {
    exponent = Int(String(decoding: text[text.index(after: mark)...], as: UTF8.self)) ?? 0
    text = text[..<mark]
  }
  for byte in text {
    if byte == UInt8(ascii: ".") { pointAfter = digits.count } else { digits.append(byte) }
  }
  if pointAfter < 0 { pointAfter = digits.count }
  exponent += pointAfter - 1
  while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
  while digits.count > 1, digits.first == UInt8(ascii: "0") {
    digits.removeFirst()
    exponent -= 1
  }
  return digits == [UInt8(ascii: "0")] ? (digits, 0) : (digits, exponent)
}

private func special(_ value: Double) -> String? {
  if value.isNaN { return "NaN" }
  return value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : nil
}

/// `value` without an exponent, as a sample's value is printed: `12.5`, `NaN`, `+Inf`.
package func fixedText(_ value: Double) -> String {
  if let text = special(value) { return text }
  let (digits, exponent) = shortest(value)
  var text = value.sign == .minus ? "-" : ""
  if exponent < 0 {
    text += "0." + String(repeating: "0", count: -exponent - 1) + String(decoding: digits, as: UTF8.self)
  } else if digits.count <= exponent + 1 {
    text += String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: exponent + 1 - digits.count)
  } else {
    text += String(decoding: digits[..<(exponent + 1)], as: UTF8.self) + "."
    text += String(decoding: digits[(exponent + 1)...], as: UTF8.self)
  }
  return text
}

/// `value` as messages have it: with an exponent from 1e6 and below 1e-4. With `digits`, rounded to so many, and an exponent
/// from there.
func goText(_ value: Double, digits count: Int? = nil) -> String {
  if let text = special(value) { return text }
  var (digits, exponent) = shortest(value)
  if let count, digits.count > count {
    let roundsUp = digits[count] >= UInt8(ascii: "5")
    digits.removeSubrange(count...)
    if roundsUp {
      var index = count - 1
      while index >= 0, digits[index] == UInt8(ascii: "9") { index -= 1 }
      if index < 0 {
        digits = [UInt8(ascii: "1")]
        exponent += 1
      } else {
        digits[index] += 1
        digits.removeSubrange((index + 1)...)
      }
    }
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
  }
  guard exponent < -4 || exponent >= (count.map { max($0, digits.count) } ?? 6) else {
    let sign = value.sign == .minus ? "-" : ""
    guard exponent >= 0 else {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + String(decoding: digits, as: UTF8.self)
    }
    let whole = digits.prefix(exponent + 1)
    let rest = digits.dropFirst(exponent + 1)
    return sign + String(decoding: whole, as: UTF8.self)
      + String(repeating: "0", count: exponent + 1 - whole.count)
      + (rest.isEmpty ? "" : "." + String(decoding: rest, as: UTF8.self))
  }
  var text = value.sign == .minus ? "-" : ""
  text += String(decoding: digits[..<1], as: UTF8.self)
  if digits.count > 1 { text += "." + String(decoding: digits[1...], as: UTF8.self) }
  let magnitude = exponent.magnitude
  return text + (exponent < 0 ? "e-" : "e+") + (magnitude < 10 ? "0" : "") + String(magnitude)
}

/// `value` with six decimals.
func sixDecimalsText(_ value: Double) -> String {
  if let text = special(value) { return text }
  let scaled = (value.magnitude * 1e6).rounded(.toNearestOrEven)
  guard scaled < 1e18 else { return fixedText(value) + ".000000" }
  let digits = String(UInt64(scaled))
  let padded = String(repeating: "0", count: max(0, 7 - digits.utf8.count)) + digits
  return (value.sign == .minus ? "-" : "") + padded.dropLast(6) + "." + padded.suffix(6)
}

/// `value` as a label of the exposition formats: whole numbers with `.0`.
func openMetricsText(_ value: Double) -> String {
  let text = goText(value)
  return text.utf8.contains {
    $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "N") || $0 == UInt8(ascii: "I")
  }
    ? text : text + ".0"
}

/// The number that a text says, in the forms that Go reads; nil where it says none.
package func number(_ text: String) -> Double? {
  switch text.lowercased() {
  case "inf", "+inf", "infinity", "+infinity": return .infinity
  case "-inf", "-infinity": return -.infinity
  case "nan": return .nan
  default:
    guard let first = text.utf8.first, first != UInt8(ascii: " "), !text.lowercased().hasPrefix("nan") else {
      return nil
    }
    return Double(text)
  }
}
