// Whole numbers and strings from text; floating-point numbers are read by the core (`floatingPoint(of:)`).

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

/// A copy of `text` as a String; bytes that are no UTF-8 become U+FFFD.
func string(of text: Span<UInt8>) -> String {
  unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
}
