// The one source of randomness of tests and data sets: the same numbers for the same seed on any machine.

/// splitmix64: a generator of 64-bit numbers with 64 bits of state.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in `[0, 1)`, from the top 53 bits of the next one.
  public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number in `[0, bound)`, by the remainder (its bias does not matter to a test).
  public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
