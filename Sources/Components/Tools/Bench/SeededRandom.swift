// The source of all randomness in generated data: splitmix64 (S. Vigna), the same numbers on every machine.

/// A stream of 64-bit numbers.
struct SeededRandom: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A series' stream: the seed is FNV-1a-64 of its printed label set, XOR 42.
  init(labelText: some Sequence<UInt8>) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in labelText { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    state = hash ^ 42
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A double in [0, 1): 53 bits, exact.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A whole number in 0..<bound. Bounds are small here: the bias of the remainder is below 2⁻⁴⁰.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// Nearly normal with mean 0 and variance 1: (sum of 4 uniforms − 2)·√3. Additions, one multiplication, and a constant
  /// for the root, so that every machine gets the same bits.
  mutating func normal() -> Double {
    let sum = unit() + unit() + unit() + unit()
    return (sum - 2) * 1.7320508075688772
  }

  /// Ten bytes, as a ULID needs.
  mutating func tenBytes() -> [UInt8] {
    let (first, second) = (next(), next())
    return (0..<10).map { UInt8(truncatingIfNeeded: ($0 < 8 ? first : second) >> UInt64($0 % 8 * 8)) }
  }
}
