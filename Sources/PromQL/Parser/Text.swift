// Texts in messages and in printed queries: quoted as Go's `strconv.Quote`, durations as Prometheus writes them.

/// `bytes` in double quotes. What is no UTF-8 or not printable is escaped.
package func quotedText(_ bytes: ArraySlice<UInt8>) -> String {
  var result = "\""
  var index = bytes.startIndex
  var run = index
  /// Appends what was found to need no escape.
  func flush() {
    if run < index { result += String(decoding: bytes[run..<index], as: UTF8.self) }
  }
  while index < bytes.endIndex {
    let byte = bytes[index]
    if byte < 0x80 {
      if byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += 1
        continue
      }
      flush()
      result += escaped(Unicode.Scalar(byte), quote: "\"")
      index += 1
    } else if let (scalar, size) = scalar(in: bytes, at: index) {
      if isPrintable(scalar) {
        index += size
        continue
      }
      flush()
      result += escaped(scalar, quote: "\"")
      index += size
    } else {
      flush()
      result += "\\x" + hexadecimal(UInt32(byte), digits: 2)
      index += 1
    }
    run = index
  }
  flush()
  return result + "\""
}

/// `text` in double quotes.
package func quotedText(_ text: String) -> String { quotedText(Array(text.utf8)[...]) }

/// A character in single quotes.
func quotedCharacterText(_ scalar: Unicode.Scalar) -> String {
  "'" + (scalar == "\"" ? "\"" : escaped(scalar, quote: "'")) + "'"
}

/// `scalar` as it stands in quotes.
private func escaped(_ scalar: Unicode.Scalar, quote: Unicode.Scalar) -> String {
  switch scalar {
  case quote: return "\\" + String(scalar)
  case "\\": return "\\\\"
  case "\u{07}": return "\\a"
  case "\u{08}": return "\\b"
  case "\u{0C}": return "\\f"
  case "\n": return "\\n"
  case "\r": return "\\r"
  case "\t": return "\\t"
  case "\u{0B}": return "\\v"
  default:
    if isPrintable(scalar) { return String(scalar) }
    if scalar.value < 0x80 { return "\\x" + hexadecimal(scalar.value, digits: 2) }
    return scalar.value < 0x10000
      ? "\\u" + hexadecimal(scalar.value, digits: 4) : "\\U" + hexadecimal(scalar.value, digits: 8)
  }
}

/// The character that begins at `index` and its size, or nil where there is none.
private func scalar(in bytes: ArraySlice<UInt8>, at index: Int) -> (Unicode.Scalar, Int)? {
  let size =
    switch bytes[index] {
    case 0xC2...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xF4: 4
    default: 0
    }
  guard size > 0, index + size <= bytes.endIndex,
    let text = String(validating: bytes[index..<(index + size)], as: UTF8.self)
  else { return nil }
  return text.unicodeScalars.first.map { ($0, size) }
}

/// What Go's `strconv.IsPrint` takes for printable: letters, marks, numbers, punctuation, symbols and the ASCII blank.
func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.value < 0x80 { return scalar.value >= 0x20 && scalar.value < 0x7F }
  switch scalar.properties.generalCategory {
  case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
    .spacingMark,
    .enclosingMark, .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation,
    .openPunctuation,
    .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol,
    .modifierSymbol, .otherSymbol:
    return true
  default: return false
  }
}

private func hexadecimal(_ value: UInt32, digits: Int) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}

/// Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`, so that it needs no quotes.
func isPlainName(_ name: String) -> Bool {
  var isFirst = true
  for byte in name.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
    case UInt8(ascii: "0")...UInt8(ascii: "9"): if isFirst { return false }
    default: return false
    }
    isFirst = false
  }
  return !isFirst
}

/// A duration as `1h30m`, in milliseconds; years and weeks only where nothing is left over. With a sign where it is negative.
func durationText(milliseconds: Int64) -> String {
  guard milliseconds != 0 else { return "0s" }
  var rest = milliseconds.magnitude
  var text = milliseconds < 0 ? "-" : ""
  for (unit, size, isExact) in [
    ("y", 31_536_000_000 as UInt64, true), ("w", 604_800_000, true), ("d", 86_400_000, false), ("h", 3_600_000, false),
    ("m", 60_000, false), ("s", 1000, false), ("ms", 1, false),
  ] where rest >= size && (!isExact || rest % size == 0) {
    text += String(rest / size) + unit
    rest %= size
  }
  return text
}

/// `value` with so many digits after the point, rounded exactly, half to even; `NaN`, `+Inf`, `-Inf`.
func fixedText(_ value: Double, decimals: Int) -> String {
  guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
  precondition((0...6).contains(decimals), "as many decimals as 128 bits allow")
  var digits: [UInt8]
  let isSubnormal = value.exponentBitPattern == 0
  let exponent = (isSubnormal ? 1 : Int(value.exponentBitPattern)) - 1075
  var scaled = UInt128(value.significandBitPattern | (isSubnormal ? 0 : 1 << 52))
  if exponent < 0 {
    for _ in 0..<decimals { scaled *= 10 }
    var whole: UInt128 = 0
    if -exponent < 128 {
      let shift = UInt128(-exponent)
      whole = scaled >> shift
      let half: UInt128 = 1 << (shift - 1)
      let rest = scaled & ((half - 1) | half)
      if rest > half || (rest == half && whole & 1 == 1) { whole += 1 }
    }
    digits = Array(String(whole).utf8)
  } else {
    // Doubled digit by digit, the last first.
    var reversed = String(scaled).utf8.reversed().map { $0 - UInt8(ascii: "0") }
    for _ in 0..<exponent {
      var carry: UInt8 = 0
      for index in reversed.indices {
        let doubled = reversed[index] * 2 + carry
        (reversed[index], carry) = (doubled % 10, doubled / 10)
      }
      if carry > 0 { reversed.append(carry) }
    }
    digits = reversed.reversed().map { $0 + UInt8(ascii: "0") } + Array(repeating: UInt8(ascii: "0"), count: decimals)
  }
  if digits.count <= decimals {
    digits.insert(contentsOf: Array(repeating: UInt8(ascii: "0"), count: decimals + 1 - digits.count), at: 0)
  }
  let sign = value.sign == .minus ? "-" : ""
  guard decimals > 0 else { return sign + String(decoding: digits, as: UTF8.self) }
  let point = digits.count - decimals
  return sign + String(decoding: digits[..<point], as: UTF8.self) + "."
    + String(decoding: digits[point...], as: UTF8.self)
}
