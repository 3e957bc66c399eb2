import Foundation
import TestSupport
import Testing

@testable import Tools

private func text(_ value: Double) -> String {
  var buffer = TextBuffer()
  buffer.append(value)
  return buffer.text
}

/// Swift's own shortest digits, laid out differently: what the digits are compared with.
private func digitsOfDescription(_ value: Double) -> ShortestDecimal {
  var text = Substring("\(value.magnitude)")
  var exponent = 0
  if let e = text.firstIndex(of: "e") {
    exponent = Int(text[text.index(after: e)...]) ?? 0
    text = text[..<e]
  }
  if let point = text.firstIndex(of: ".") {
    exponent -= text[text.index(after: point)...].count
  }
  var digits = UInt64(text.filter { $0 != "." }) ?? 0
  while digits != 0, digits % 10 == 0 {
    digits /= 10
    exponent += 1
  }
  var decimal = ShortestDecimal(0)
  decimal.digits = digits
  decimal.exponent = digits == 0 ? 0 : exponent
  return decimal
}

@Test(
  arguments: [
    (0, "0"), (-0.0, "-0"), (1, "1"), (-1, "-1"), (10, "10"), (999_999, "999999"), (1_000_000, "1e+06"),
    (1_234_567, "1.234567e+06"),
    (0.1, "0.1"), (0.0001, "0.0001"), (0.00001, "1e-05"), (0.000123, "0.000123"), (123.456, "123.456"),
    (100_000.5, "100000.5"),
    (1e18, "1e+18"), (3.602879701896397e16, "3.602879701896397e+16"), (.leastNonzeroMagnitude, "5e-324"),
    (1e100, "1e+100"),
    (1.7976931348623157e308, "1.7976931348623157e+308"), (2.2250738585072014e-308, "2.2250738585072014e-308"),
    (1e23, "1e+23"),
    (9_007_199_254_740_992, "9.007199254740992e+15"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    (1e21, "1e+21"), (4.35, "4.35"),
    (2.938735877055719e-39, "2.938735877055719e-39"), (1e-128, "1e-128"), (123_456, "123456"), (0.3, "0.3"),
    (5e-5, "5e-05"),
  ] as [(Double, String)])
func floatsAsGoWritesThem(value: Double, wanted: String) {
  #expect(text(value) == wanted)
}

@Test func digitsAreTheShortestOfRandomDoubles() {
  var random = SplitMix64(seed: 7)
  var failures = 0
  for round in 0..<(isLongTier ? 5_000_000 : 200_000) {
    var value = Double(bitPattern: random.next())
    if round % 4 == 1 { value = Double(Int64(truncatingIfNeeded: random.next()) >> 20) / 1000 }
    if round % 4 == 2 { value = Double(sign: .plus, exponent: Int(random.next() % 2098) - 1074, significand: 1) }
    if !value.isFinite { continue }
    if ShortestDecimal(value) != digitsOfDescription(value) { failures += 1 }
    if Double(text(value)) != value { failures += 1 }
  }
  #expect(failures == 0)
}

@Test(.needsShared) func recordedValuesAreWrittenAsRecorded() throws {
  var count = 0
  var wrong: [String] = []
  for line in try textLines(try Fixtures.folder("prometheus/block-floats") + "/dump.jsonl.gz") {
    // Values stand between quotes after a comma: [1748736000000,"0.1"]
    for piece in line.components(separatedBy: ",\"").dropFirst() {
      guard !piece.hasPrefix("0x"), let end = piece.firstIndex(of: "\""), let value = Double(piece[..<end]),
        !value.isNaN
      else { continue }
      count += 1
      if text(value) != piece[..<end] { wrong.append(String(piece[..<end])) }
    }
  }
  #expect(count > 30_000)
  #expect(wrong.isEmpty)
}

@Test func whole64BitNumbers() {
  for value in [
    0, 9, 10, 99, 100, 12345, UInt64.max, UInt64.max / 10, 10_000_000_000_000_000_000, 9_999_999_999_999_999_999,
  ] as [UInt64] {
    var buffer = TextBuffer()
    buffer.append(value)
    #expect(buffer.text == String(value))
  }
  var buffer = TextBuffer()
  buffer.append(Int64.min)
  buffer.append(UInt64(7), width: 3)
  buffer.appendBits(0x7ff0_0000_0000_0002)
  #expect(buffer.text == "-92233720368547758080070x7ff0000000000002")
}

@Test func jsonStringsAsGoWritesThem() {
  func json(_ bytes: [UInt8]) -> String {
    var buffer = TextBuffer()
    bytes.withUnsafeBytes { buffer.appendJSON($0) }
    return buffer.text
  }
  #expect(json(Array("a\"b\\c\n\t\u{1}<>&\u{7f}".utf8)) == "\"a\\\"b\\\\c\\n\\t\\u0001<>&\u{7f}\"")
  #expect(json(Array("温度🔥\u{2028}".utf8)) == "\"温度🔥\\u2028\"")
  #expect(json([0x61, 0xFF, 0x62, 0xC3]) == "\"a\\ufffdb\\ufffd\"")
  #expect(json([0xED, 0xA0, 0x80, 0xC0, 0x80]) == "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"")
}

@Test func fixedPointText() {
  #expect(fixed(1.005, decimals: 2) == "1.00")
  #expect(fixed(-0.001, decimals: 2) == "0.00")
  #expect(fixed(12.5, decimals: 0) == "13")
  #expect(grouped(-1_234_567) == "-1 234 567")
  #expect(byteText(1536) == "1.5 KiB")
}
