// The names of blocks: 48 bits of time in milliseconds, 80 bits of randomness, written as 26 characters of Crockford's
// base 32. Names sort as their times do.
//
//   01ARZ3NDEK TSV4RRFFQ69G5FAV
//   time (10)  randomness (16); the first character holds three bits only, so it is at most '7'
#if canImport(Glibc)
  private import Glibc
#elseif canImport(Musl)
  private import Musl
#elseif canImport(Darwin)
  private import Darwin
#endif

/// A universally unique, lexicographically sortable identifier.
public struct ULID: Hashable, Comparable, Sendable, CustomStringConvertible, LosslessStringConvertible {
  /// The upper 64 bits: 48 of time, 16 of randomness.
  private let high: UInt64
  /// The lower 64 bits of randomness.
  private let low: UInt64

  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// Reads 26 characters of Crockford's base 32, upper or lower case. Nil for any other length, for a character outside the
  /// alphabet (I, L, O and U among them) and for more than 128 bits (a first character above '7').
  public init?(_ text: String) {
    var (high, low): (UInt64, UInt64) = (0, 0)
    var count = 0
    for byte in text.utf8 {
      guard count < 26, let digit = Self.digit(byte), count > 0 || digit <= 7 else { return nil }
      high = high << 5 | low >> 59
      low = low << 5 | digit
      count += 1
    }
    guard count == 26 else { return nil }
    (self.high, self.low) = (high, low)
  }

  /// The identifier for a time (milliseconds since the Unix epoch, UTC; clamped to 0…2⁴⁸−1) and ten random bytes (missing ones are 0,
  /// further ones are ignored).
  public init(timeMs: Int64, randomBytes: [UInt8]) {
    var (random, low): (UInt64, UInt64) = (0, 0)
    for index in 0..<10 {
      let byte = index < randomBytes.count ? UInt64(randomBytes[index]) : 0
      if index < 2 { random = random << 8 | byte } else { low = low << 8 | byte }
    }
    self.high = UInt64(clamping: min(timeMs, 1 << 48 - 1)) << 16 | random
    self.low = low
  }

  /// A new identifier for `timeMs` with randomness from `generator`.
  public static func generate(timeMs: Int64, using generator: inout some RandomNumberGenerator) -> ULID {
    ULID(timeMs: timeMs, randomBytes: (0..<10).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  /// A new identifier for now, with the system's randomness.
  public static func generate() -> ULID {
    var generator = SystemRandomNumberGenerator()
    return generate(timeMs: WallClock.nowMs(), using: &generator)
  }

  /// Its time, milliseconds since the Unix epoch, UTC.
  public var timeMs: Int64 { Int64(high >> 16) }

  /// The 26 characters, in upper case.
  public var description: String {
    var characters: [UInt8] = []
    characters.reserveCapacity(26)
    for index in 0..<26 {
      let shift = 125 - 5 * index
      let digit = shift >= 64 ? high >> (shift - 64) : shift == 60 ? high << 4 | low >> 60 : low >> shift
      characters.append(Self.alphabet[Int(digit & 31)])
    }
    return String(decoding: characters, as: UTF8.self)
  }

  /// Order of the 128 bits, which is that of the texts.
  public static func < (a: ULID, b: ULID) -> Bool { (a.high, a.low) < (b.high, b.low) }

  private static func digit(_ byte: UInt8) -> UInt64? {
    let upper = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte - 32 : byte
    return alphabet.firstIndex(of: upper).map { UInt64($0) }
  }
}
