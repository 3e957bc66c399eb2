// Numbers as the dumps and the exposition formats write them: the shortest decimal digits that read back as the same
// double, laid out as Go's strconv does with format 'g' (an exponent below 10⁻⁴ and from 10⁶, of at least two digits).
//
// The digits come from Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020): with a 128-bit power of ten
// the three products of the value and its two neighbours' midpoints decide between at most two candidates. The powers are
// computed once, exactly, with long integers, so that there is no table to trust. Source of the layout: the recorded dumps
// under fixtures/prometheus and Go's documented 'g' format; tests compare all of them.

/// Decimal digits and exponent: the value is `digits × 10^exponent`. `digits` has no trailing zero, unless it is 0.
struct ShortestDecimal: Equatable {
  var digits: UInt64
  var exponent: Int

  /// Of the absolute value of `value`, which must be finite.
  init(_ value: Double) {
    let bits = value.bitPattern & 0x7FFF_FFFF_FFFF_FFFF
    let fraction = bits & 0xF_FFFF_FFFF_FFFF
    let biased = Int(bits >> 52)
    if bits == 0 {
      (digits, exponent) = (0, 0)
      return
    }
    let significand = biased == 0 ? fraction : fraction | 1 << 52
    let binaryExponent = (biased == 0 ? 1 : biased) - 1075
    // Whole numbers below 2⁵³ are their own digits.
    if binaryExponent <= 0, binaryExponent > -53, significand & ((1 << UInt64(-binaryExponent)) - 1) == 0 {
      (digits, exponent) = (significand >> UInt64(-binaryExponent), 0)
    } else {
      (digits, exponent) = Self.schubfach(
        significand, binaryExponent, lowerIsCloser: fraction == 0 && biased > 1)
    }
    while digits % 10 == 0 {
      digits /= 10
      exponent += 1
    }
  }

  private static func schubfach(_ c: UInt64, _ q: Int, lowerIsCloser: Bool) -> (UInt64, Int) {
    let isEven = c & 1 == 0
    let left = 4 * c - 2 + (lowerIsCloser ? 1 : 0)
    let middle = 4 * c
    let right = 4 * c + 2
    // k = floor(log10(2^q)), of the narrower interval floor(log10(3/4 · 2^q)).
    let k = (q * 1_262_611 - (lowerIsCloser ? 524_031 : 0)) >> 22
    let h = UInt64(q + ((-k * 1_741_647) >> 19) + 1)
    let power = PowersOfTen.power(-k)
    let lower = roundedToOdd(power, left << h) + (isEven ? 0 : 1)
    let value = roundedToOdd(power, middle << h)
    let upper = roundedToOdd(power, right << h) - (isEven ? 0 : 1)
    let s = value / 4
    if s >= 10 {
      let tens = s / 10
      let downFits = lower <= 40 * tens
      let upFits = 40 * tens + 40 <= upper
      if downFits != upFits { return (tens + (upFits ? 1 : 0), k + 1) }
    }
    let downFits = lower <= 4 * s
    let upFits = 4 * s + 4 <= upper
    if downFits != upFits { return (s + (upFits ? 1 : 0), k) }
    let half = 4 * s + 2
    let roundsUp = value > half || (value == half && s & 1 == 1)
    return (s + (roundsUp ? 1 : 0), k)
  }

  /// The upper 64 bits of the 192-bit product, with the lowest bit set where anything below was not zero.
  @inline(__always)
  private static func roundedToOdd(_ power: (high: UInt64, low: UInt64), _ factor: UInt64) -> UInt64 {
    let below = power.low.multipliedFullWidth(by: factor).high
    let product = power.high.multipliedFullWidth(by: factor)
    let (middle, carry) = product.low.addingReportingOverflow(below)
    let top = product.high &+ (carry ? 1 : 0)
    return top | (middle > 1 ? 1 : 0)
  }
}

/// 10^k for k in -324…324 as 128 bits with the highest one set, rounded up.
private enum PowersOfTen {
  static let smallest = -324
  static let all: [(high: UInt64, low: UInt64)] = (smallest...324).map { exact($0) }

  @inline(__always) static func power(_ k: Int) -> (high: UInt64, low: UInt64) { all[k - smallest] }

  /// 5^|k| as a long integer, then its upper 128 bits, or those of its reciprocal. Powers of two do not count.
  private static func exact(_ k: Int) -> (high: UInt64, low: UInt64) {
    var five: [UInt32] = [1]
    for _ in 0..<abs(k) { multiply(&five, by: 5) }
    var quotient: UInt128
    if k >= 0 {
      (quotient, _) = topBits(five)
    } else {
      // 2^n / five with 128 bits: long division, bit by bit, from a remainder that is just below the divisor.
      var remainder: [UInt32] = Array(repeating: 0, count: five.count)
      let width = five.count * 32 - (five.last.map { $0.leadingZeroBitCount } ?? 0)
      remainder[(width - 1) / 32] = 1 << UInt32((width - 1) % 32)
      quotient = 0
      for _ in 0..<128 {
        shiftLeft(&remainder)
        quotient <<= 1
        if subtract(five, from: &remainder) { quotient |= 1 }
      }
      quotient += 1  // five is odd and above 1: the division never ends exactly
    }
    return (UInt64(truncatingIfNeeded: quotient >> 64), UInt64(truncatingIfNeeded: quotient))
  }

  private static func topBits(_ limbs: [UInt32]) -> (UInt128, Bool) {
    let leading = limbs.last?.leadingZeroBitCount ?? 0
    let width = limbs.count * 32 - leading
    var value: UInt128 = 0
    var isInexact = false
    for bit in 0..<width where limbs[bit / 32] >> UInt32(bit % 32) & 1 == 1 {
      let place = bit - width + 128
      if place >= 0 { value |= 1 << UInt128(place) } else { isInexact = true }
    }
    return (isInexact ? value + 1 : value, isInexact)
  }

  private static func multiply(_ limbs: inout [UInt32], by factor: UInt32) {
    var carry: UInt64 = 0
    for i in limbs.indices {
      let product = UInt64(limbs[i]) * UInt64(factor) + carry
      limbs[i] = UInt32(truncatingIfNeeded: product)
      carry = product >> 32
    }
    if carry != 0 { limbs.append(UInt32(truncatingIfNeeded: carry)) }
  }

  private static func shiftLeft(_ limbs: inout [UInt32]) {
    var carry: UInt32 = 0
    for i in limbs.indices {
      let next = limbs[i] >> 31
      limbs[i] = limbs[i] << 1 | carry
      carry = next
    }
    if carry != 0 { limbs.append(carry) }
  }

  /// Subtracts where it can; says whether it did.
  private static func subtract(_ other: [UInt32], from limbs: inout [UInt32]) -> Bool {
    for i in limbs.indices.reversed() {
      let theirs = i < other.count ? other[i] : 0
      if limbs[i] != theirs {
        if limbs[i] < theirs { return false }
        break
      }
    }
    var borrow: Int64 = 0
    for i in limbs.indices {
      var difference = Int64(limbs[i]) - Int64(i < other.count ? other[i] : 0) - borrow
      borrow = difference < 0 ? 1 : 0
      if difference < 0 { difference += 1 << 32 }
      limbs[i] = UInt32(truncatingIfNeeded: difference)
    }
    while limbs.count > other.count, limbs.last == 0 { limbs.removeLast() }
    return true
  }
}

extension TextBuffer {
  /// `value` as Go's strconv with 'g' and the shortest digits: `1e+06`, `0.0001`, `-0`, `+Inf`, `NaN`.
  mutating func append(_ value: Double) {
    if !value.isFinite {
      if value.isNaN { append("NaN") } else if value < 0 { append("-Inf") } else { append("+Inf") }
      return
    }
    if value.sign == .minus { append(UInt8(ascii: "-")) }
    let magnitude = value.magnitude
    if magnitude < 1_000_000 {
      let whole = UInt64(magnitude)
      if Double(whole) == magnitude {
        append(whole)
        return
      }
    }
    let decimal = ShortestDecimal(value)
    var digits = (UInt64(0), UInt64(0), UInt8(0))  // 17 bytes of digits, the most a double needs
    var rest = decimal.digits
    var digitCount = 0
    // The digits, last one first, into a small tuple: read backwards below.
    unsafe withUnsafeMutableBytes(of: &digits) { bytes in
      while rest > 0, digitCount < 17 {
        unsafe bytes[digitCount] = UInt8(truncatingIfNeeded: 48 + rest % 10)
        rest /= 10
        digitCount += 1
      }
    }
    let pointExponent = decimal.exponent + digitCount - 1  // of the first digit
    unsafe withUnsafeBytes(of: &digits) { bytes in
      if pointExponent < -4 || pointExponent >= 6 {
        unsafe append(bytes[digitCount - 1])
        if digitCount > 1 {
          append(UInt8(ascii: "."))
          for at in stride(from: digitCount - 2, through: 0, by: -1) { unsafe append(bytes[at]) }
        }
        append(UInt8(ascii: "e"))
        append(pointExponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        append(UInt64(pointExponent.magnitude), width: 2)
        return
      }
      if pointExponent < 0 {
        append("0.")
        for _ in 0..<(-pointExponent - 1) { append(UInt8(ascii: "0")) }
      }
      for at in stride(from: digitCount - 1, through: 0, by: -1) {
        unsafe append(bytes[at])
        if at > 0, digitCount - 1 - at == pointExponent { append(UInt8(ascii: ".")) }
      }
      if decimal.exponent > 0 { for _ in 0..<decimal.exponent { append(UInt8(ascii: "0")) } }
    }
  }
}
