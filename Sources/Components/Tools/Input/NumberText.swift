// Numbers from text. The usual ones without a String: up to 15 digits and a small power of ten are exact in a double, so
// that one multiplication or division gives the right answer (W. Clinger, 1990). The others go through the library.

/// The double that `text` means: decimal digits with an optional sign, point and exponent, or infinity or NaN in any case
/// (`Inf`, `+infinity`, `nan`). Nil for anything else, blanks and hexadecimal digits among it.
func double(of text: Span<UInt8>) -> Double? {
  var at = 0
  let count = text.count
  var isNegative = false
  if count > 0, text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+") {
    isNegative = text[0] == UInt8(ascii: "-")
    at = 1
  }
  let first = at
  var digits: UInt64 = 0
  var digitCount = 0
  var pointExponent = 0
  var hasDigits = false
  while at < count, text[at] &- 48 < 10 {
    hasDigits = true
    if digitCount < 19 {
      digits = digits &* 10 &+ UInt64(text[at] &- 48)
      if digits != 0 { digitCount += 1 }
    } else {
      digitCount += 1
    }
    at += 1
  }
  if at < count, text[at] == UInt8(ascii: ".") {
    at += 1
    while at < count, text[at] &- 48 < 10 {
      hasDigits = true
      if digitCount < 19 {
        digits = digits &* 10 &+ UInt64(text[at] &- 48)
        if digits != 0 { digitCount += 1 }
        pointExponent -= 1
      } else {
        digitCount += 1
      }
      at += 1
    }
  }
  if !hasDigits { return special(text, from: first, isNegative: isNegative) }
  var exponent = 0
  if at < count, text[at] | 32 == UInt8(ascii: "e") {
    at += 1
    var exponentIsNegative = false
    if at < count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
      exponentIsNegative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    let firstOfExponent = at
    while at < count, text[at] &- 48 < 10 {
      exponent = min(100_000, exponent * 10 + Int(text[at] &- 48))
      at += 1
    }
    if at == firstOfExponent { return nil }
    if exponentIsNegative { exponent = -exponent }
  }
  if at != count { return nil }
  exponent += pointExponent
  if digitCount <= 15, exponent >= -22, exponent <= 22 {
    let magnitude = Double(digits)
    let value = exponent < 0 ? magnitude / exactPowers[-exponent] : magnitude * exactPowers[exponent]
    return isNegative ? -value : value
  }
  return Double(string(of: text))
}

private let exactPowers: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]

private func special(_ text: Span<UInt8>, from first: Int, isNegative: Bool) -> Double? {
  func isWord(_ word: StaticString) -> Bool {
    guard text.count - first == word.utf8CodeUnitCount else { return false }
    var matches = true
    word.withUTF8Buffer { letters in
      for offset in 0..<letters.count where unsafe text[first + offset] | 32 != letters[offset] { matches = false }
    }
    return matches
  }
  if isWord("inf") || isWord("infinity") { return isNegative ? -.infinity : .infinity }
  // What Prometheus calls the normal NaN.
  if isWord("nan") { return Double(bitPattern: 0x7FF8_0000_0000_0001) }
  return nil
}

/// The whole number that `text` means in decimal, or nil.
func integer(of text: Span<UInt8>) -> Int64? {
  var at = 0
  let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
  if isNegative { at = 1 }
  if at == text.count { return nil }
  var value: Int64 = 0
  while at < text.count {
    let digit = text[at] &- 48
    guard digit < 10 else { return nil }
    let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, sumOverflow) = tens.subtractingReportingOverflow(Int64(digit))  // negative numbers reach one further
    if overflow || sumOverflow { return nil }
    value = sum
    at += 1
  }
  if isNegative { return value }
  return value == .min ? nil : -value
}

/// Milliseconds of a time in seconds, exact: `1.0395` is 1039 (what is below a millisecond counts for nothing). Times with
/// an exponent go through a double. Nil where `text` is no finite number, or one that milliseconds of 64 bits cannot hold.
func milliseconds(ofSeconds text: Span<UInt8>) -> Int64? {
  var whole: Int64 = 0
  var at = 0
  let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
  if isNegative || (text.count > 0 && text[0] == UInt8(ascii: "+")) { at = 1 }
  let first = at
  while at < text.count, text[at] &- 48 < 10, whole < 1_000_000_000_000_000 {
    whole = whole * 10 + Int64(text[at] &- 48)
    at += 1
  }
  var fraction: Int64 = 0
  if at > first, at < text.count, text[at] == UInt8(ascii: ".") {
    at += 1
    var scale: Int64 = 100
    while at < text.count, text[at] &- 48 < 10 {
      fraction += Int64(text[at] &- 48) * scale
      scale /= 10
      at += 1
    }
  }
  if at == text.count, at > first {
    let ms = whole * 1000 + fraction
    return isNegative ? -ms : ms
  }
  guard let seconds = double(of: text) else { return nil }
  return Int64(exactly: (seconds * 1000).rounded(.towardZero))
}

/// A copy of `text` as a String; bytes that are no UTF-8 become U+FFFD.
func string(of text: Span<UInt8>) -> String {
  unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
}
