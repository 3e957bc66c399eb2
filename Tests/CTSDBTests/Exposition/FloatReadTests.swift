// Texts of numbers, against the library's reader, which rounds correctly.
import CTSDB
import Foundation
import TestSupport
import Testing

private func read(_ text: String) -> (status: tsdb_status, value: Double) {
  var value = 0.0
  let bytes = Array(text.utf8)
  let status = tsdb_float_read(bytes, bytes.count, &value)
  return (status, value)
}

private func expectSame(_ text: String) {
  let (status, value) = read(text)
  let wanted = strtod(text, nil)
  #expect(value.bitPattern == wanted.bitPattern, "\(text)")
  #expect(status == (wanted.isInfinite ? TSDB_ERR_SIZE : TSDB_OK), "\(text)")
}

@Suite struct FloatReadTests {
  @Test func digitsOfAnyKind() {
    var random = SplitMix64(seed: 21)
    for round in 0..<60_000 {
      let value = Double(bitPattern: random.next())
      let small = random.next() >> (random.next() % 60)
      switch round % 6 {
      case 0: if value.isFinite { expectSame("\(value)") }
      case 1: if value.isFinite { expectSame(String(format: "%.\(random.next() % 30)e", value)) }
      case 2: expectSame("\(small)e\(Int(random.next() % 800) - 400)")
      case 3: expectSame("\(small).\(random.next() >> (random.next() % 60))")
      case 4: expectSame("-0.\(String(repeating: "0", count: Int(random.next() % 330)))\(small)\(random.next())")
      default: expectSame("\(small)\(random.next())\(round % 12 == 5 ? ".0" : "e-17")")
      }
    }
  }

  /// The middle of a double and the next one above it, with all its digits: (2 m + 1) 2^e, which for e < 0 is (2 m + 1) 5^-e 10^e.
  private func middle(above lower: Double) -> String {
    let fraction = lower.bitPattern & (1 << 52 - 1)
    let biased = Int(lower.bitPattern >> 52)
    let exponent = (biased == 0 ? -1074 : biased - 1075) - 1
    var pieces = [2 * (biased == 0 ? fraction : fraction | 1 << 52) + 1]  // nine digits each, the lowest ones first
    for step in 0...abs(exponent) {
      var carry: UInt64 = 0
      for index in pieces.indices {
        let sum = pieces[index] * (step == 0 ? 1 : exponent < 0 ? 5 : 2) + carry
        pieces[index] = sum % 1_000_000_000
        carry = sum / 1_000_000_000
      }
      while carry > 0 {
        pieces.append(carry % 1_000_000_000)
        carry /= 1_000_000_000
      }
    }
    let digits = pieces.reversed().map { String(String($0 + 1_000_000_000).dropFirst()) }.joined()
    return digits + (exponent < 0 ? "e\(exponent)" : ".0")
  }

  @Test func middlesGoToTheEvenOne() {
    var random = SplitMix64(seed: 22)
    for round in 0..<200 {
      let lower = Double(bitPattern: round % 3 == 0 ? random.next() >> 13 : random.next() >> 1)
      guard lower.isFinite, lower.nextUp.isFinite else { continue }
      let text = middle(above: lower)
      expectSame(text)
      #expect(read(text).value == (lower.bitPattern % 2 == 0 ? lower : lower.nextUp))
      // A digit far behind it decides.
      let parts = text.split(separator: "e")
      let above =
        "\(parts[0])\(parts.count > 1 ? "." : "")\(String(repeating: "0", count: 900))1"
        + (parts.count > 1 ? "e\(parts[1])" : "")
      expectSame(above)
      #expect(read(above).value == lower.nextUp)
    }
    for text in [
      "9007199254740993", "9007199254740993.0", "9007199254740993.00000000000000000000000000000000000000000001",
      "9007199254740992.9999999999999999999999999999999999999999", "2.4703282292062327208e-324",
      "2.4703282292062327209e-324", "2.2250738585072011e-308", "1.7976931348623158e308", "1.7976931348623159e308",
      "0." + String(repeating: "0", count: 1000) + "1e1001", "1" + String(repeating: "0", count: 1000) + "e-1000",
      String(repeating: "1", count: 2000) + "e-1999", "1e400", "-1e400", "1e-400", "0e999999999999999999", "-0", ".5",
      "5.",
    ] { expectSame(text) }
  }

  @Test func wordsAndMistakes() {
    for text in ["inf", "+Inf", "infinity", "INFINITY", "+Infinity"] { #expect(read(text).value == .infinity) }
    for text in ["-inf", "-Infinity"] { #expect(read(text) == (TSDB_OK, -.infinity)) }
    for text in ["nan", "NaN", "NAN"] { #expect(read(text).value.bitPattern == 0x7FF8_0000_0000_0001) }
    for text in [
      "", "-", ".", "-.", "1e", "1e+", "0x1", "0x1p4", "1_0", "infi", "infinit", "1 ", " 1", "--1", "+-1", "+nan",
      "-nan",
      "e5", ".e5", "1.2.3", "n", "i", "1e5.", "nanx", "1f", "\u{0}",
    ] { #expect(read(text).status == TSDB_ERR_MALFORMED, "\(text)") }
  }

  /// Every text at the very end of its memory.
  @Test func nothingIsReadBehindTheEnd() {
    let text = Array("-123456789012345678901234567890.1234567890e-12 inf nan infinity".utf8)
    for start in text.indices {
      for end in start...text.count {
        let exact = UnsafeMutablePointer<UInt8>.allocate(capacity: end - start)
        exact.update(from: Array(text[start..<end]), count: end - start)
        var value = 0.0
        _ = tsdb_float_read(exact, end - start, &value)
        exact.deallocate()
      }
    }
  }
}
