// The random numbers of Go's math/rand: an additive lagged Fibonacci generator over 607 words, of which each is the sum of those 607 and
// 273 before it. Thanos draws the nodes of a tenant by it.
//
// Go mixes the seed with the state that its generator has after 7.8 × 10¹² steps from the seed 1. That state is computed here: steps are
// linear, so that so many of them are a power of x modulo x⁶⁰⁷ - x³³⁴ - 1, with coefficients modulo 2⁶⁴.

/// The generator that `rand.NewSource(seed)` gives.
struct GoRandom {
  private static let length = 607
  private static let tap = 273

  private var words: [UInt64]
  private var feed = GoRandom.length - GoRandom.tap
  private var tapPlace = 0

  /// The generator of a seed.
  init(seed: Int64) {
    words = Self.seeded(seed, shifts: (40, 20))
    for index in words.indices { words[index] ^= Self.cooked[index] }
  }

  /// The next 64 bits.
  mutating func next() -> UInt64 {
    tapPlace = tapPlace == 0 ? Self.length - 1 : tapPlace - 1
    feed = feed == 0 ? Self.length - 1 : feed - 1
    words[feed] &+= words[tapPlace]
    return words[feed]
  }

  /// Words of a multiplicative generator modulo 2³¹ - 1, three numbers each.
  private static func seeded(_ seed: Int64, shifts: (UInt64, UInt64)) -> [UInt64] {
    let modulus: Int64 = (1 << 31) - 1
    var number = seed % modulus
    if number < 0 { number += modulus }
    if number == 0 { number = 89_482_311 }
    func next() -> UInt64 {
      number = number * 48_271 % modulus
      return UInt64(number)
    }
    for _ in 0..<20 { _ = next() }
    return (0..<length).map { _ in next() << shifts.0 ^ next() << shifts.1 ^ next() }
  }

  /// The state that seeds are mixed with. Some tens of milliseconds, once.
  private static let cooked: [UInt64] = {
    let start = seeded(1, shifts: (20, 10))
    // In the order of their making: word 334 - m (modulo 607) was made in step m.
    let order = (0..<length).map { (length - tap - ($0 - (length - 1)) + length * 2) % length }
    var sequence = order.map { start[$0] }
    for index in length..<(2 * length - 1) { sequence.append(sequence[index - length] &+ sequence[index - tap]) }
    let steps: UInt64 = 7_800_000_000_000
    let power = powerOfX(steps)
    var words = [UInt64](repeating: 0, count: length)
    for place in 0..<length {
      var sum: UInt64 = 0
      for index in 0..<length { sum &+= power[index] &* sequence[index + place] }
      // The words made last: in steps `steps` - 606 and on.
      let step = Int(steps % UInt64(length)) + place - (length - 1)
      words[(length - tap - step + length * 4) % length] = sum
    }
    return words
  }()

  /// x to that power modulo x⁶⁰⁷ - x³³⁴ - 1.
  private static func powerOfX(_ exponent: UInt64) -> [UInt64] {
    var result = [UInt64](repeating: 0, count: length)
    result[0] = 1
    for bit in (0..<(64 - exponent.leadingZeroBitCount)).reversed() {
      var wide = [UInt64](repeating: 0, count: 2 * length)
      for (place, factor) in result.enumerated() where factor != 0 {
        for (index, other) in result.enumerated() { wide[place + index] &+= factor &* other }
      }
      if exponent >> UInt64(bit) & 1 != 0 { wide.insert(0, at: 0) }
      for place in (length..<wide.count).reversed() where wide[place] != 0 {
        wide[place - tap] &+= wide[place]
        wide[place - length] &+= wide[place]
      }
      result = Array(wide[..<length])
    }
    return result
  }
}
