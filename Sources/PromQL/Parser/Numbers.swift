// Numbers and durations of a query, read from the bytes that the lexer took for one.

/// The value of a number as Go reads it: `12`, `0x1F`, `017` (octal), `1_000`, `1e3`, `Inf`, `NaN`.
func parseNumber(_ text: ArraySlice<UInt8>) -> Result<Double, TextError> {
  if let integer = parseInteger(text) { return .success(integer) }
  let word = String(decoding: text, as: UTF8.self)
  switch word.lowercased() {
  case "inf": return .success(.infinity)
  case "nan": return .success(.nan)
  default: break
  }
  let failure = "strconv.ParseFloat: parsing \(quotedText(text)): "
  // A hexadecimal number with a fraction would need an exponent of two, which the lexer does not let through.
  let isPrefixed = text.dropFirst().first.map { $0 | 0x20 == UInt8(ascii: "x") } ?? false
  guard !isPrefixed, hasGoodUnderscores(text),
    let value = Double(String(decoding: text.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self))
  else { return .failure(TextError(failure + "invalid syntax")) }
  guard value.isFinite else { return .failure(TextError(failure + "value out of range")) }
  return .success(value)
}

/// A message without a place.
struct TextError: Error {
  var message: String
  init(_ message: String) { self.message = message }
}

/// An integer of 64 bits: decimal, with `0x` hexadecimal, with a leading 0 octal. Nil for everything else.
private func parseInteger(_ text: ArraySlice<UInt8>) -> Double? {
  var (digits, base) = (text, UInt64(10))
  if text.count > 1, text.first == UInt8(ascii: "0") {
    if text[text.startIndex + 1] | 0x20 == UInt8(ascii: "x") {
      (digits, base) = (text.dropFirst(2), 16)
    } else {
      (digits, base) = (text.dropFirst(), 8)
    }
  }
  var value: UInt64 = 0
  var digitCount = 0
  for byte in digits where byte != UInt8(ascii: "_") {
    let digit: UInt64
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = UInt64(byte - UInt8(ascii: "A") + 10)
    default: return nil
    }
    guard digit < base else { return nil }
    let (product, overflows) = value.multipliedReportingOverflow(by: base)
    let (sum, carries) = product.addingReportingOverflow(digit)
    guard !overflows, !carries, sum <= UInt64(Int64.max) else { return nil }
    value = sum
    digitCount += 1
  }
  guard digitCount > 0 || base == 8, hasGoodUnderscores(text) else { return nil }
  return Double(value)
}

/// Whether each underscore stands between two digits, or between `0x` and one.
private func hasGoodUnderscores(_ text: ArraySlice<UInt8>) -> Bool {
  guard text.contains(UInt8(ascii: "_")) else { return true }
  var rest = text
  var isHexadecimal = false
  var (afterDigit, afterUnderscore) = (false, false)
  if text.count >= 2, text.first == UInt8(ascii: "0"), text[text.startIndex + 1] | 0x20 == UInt8(ascii: "x") {
    rest = text.dropFirst(2)
    (isHexadecimal, afterDigit) = (true, true)
  }
  for byte in rest {
    let isDigit =
      (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
      || (isHexadecimal && byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f"))
    if isDigit {
      (afterDigit, afterUnderscore) = (true, false)
    } else if byte == UInt8(ascii: "_") {
      guard afterDigit else { return false }
      (afterDigit, afterUnderscore) = (false, true)
    } else {
      guard !afterUnderscore else { return false }
      afterDigit = false
    }
  }
  return !afterUnderscore
}

/// The seconds of a duration like `1h30m`: units descend, each once.
func parseDuration(_ text: ArraySlice<UInt8>) -> Result<Double, TextError> {
  let whole = quotedText(text)
  var rest = text
  var total: UInt64 = 0
  var previous = 0
  while let first = rest.first {
    var value: UInt64 = 0
    var (isNumber, overflows) = (false, false)
    var byte = first
    while byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      isNumber = true
      let (product, a) = value.multipliedReportingOverflow(by: 10)
      let (sum, b) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      (value, overflows) = (sum, overflows || a || b)
      rest = rest.dropFirst()
      guard let next = rest.first else { break }
      byte = next
    }
    let unit = rest.prefix { $0 < UInt8(ascii: "0") || $0 > UInt8(ascii: "9") }
    guard isNumber, !overflows, !unit.isEmpty else {
      return .failure(TextError("not a valid duration string: \(whole)"))
    }
    rest = rest.dropFirst(unit.count)
    let (rank, size): (Int, UInt64)
    switch String(decoding: unit, as: UTF8.self) {
    case "y": (rank, size) = (1, 31_536_000_000_000_000)
    case "w": (rank, size) = (2, 604_800_000_000_000)
    case "d": (rank, size) = (3, 86_400_000_000_000)
    case "h": (rank, size) = (4, 3_600_000_000_000)
    case "m": (rank, size) = (5, 60_000_000_000)
    case "s": (rank, size) = (6, 1_000_000_000)
    case "ms": (rank, size) = (7, 1_000_000)
    default: return .failure(TextError("unknown unit \(quotedText(unit)) in duration \(whole)"))
    }
    guard rank > previous else { return .failure(TextError("not a valid duration string: \(whole)")) }
    previous = rank
    let (product, a) = value.multipliedReportingOverflow(by: size)
    let (sum, b) = total.addingReportingOverflow(product)
    guard !a, !b, sum <= UInt64(Int64.max) else { return .failure(TextError("duration out of range")) }
    total = sum
  }
  // Whole seconds and the rest apart, as Go does.
  return .success(Double(total / 1_000_000_000) + Double(total % 1_000_000_000) / 1e9)
}
