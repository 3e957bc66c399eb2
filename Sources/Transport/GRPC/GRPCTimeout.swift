// The header `grpc-timeout`: up to eight digits and a unit, `1500m` for 1.5 s.

/// Time that a call may take, as its header says it.
enum GRPCTimeout {
  /// The longest that is told apart from forever: about 292 years, what a 64-bit number of nanoseconds holds.
  private static let maxNanoseconds = Int64.max

  /// The time of a header's text; nil where it is malformed. Longer than 292 years is 292 years.
  static func parse(_ text: String) -> Duration? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 2, bytes.count <= 9, let unit = bytes.last else { return nil }
    let nanosecondsOfUnit: Int64
    switch unit {
    case UInt8(ascii: "H"): nanosecondsOfUnit = 3_600_000_000_000
    case UInt8(ascii: "M"): nanosecondsOfUnit = 60_000_000_000
    case UInt8(ascii: "S"): nanosecondsOfUnit = 1_000_000_000
    case UInt8(ascii: "m"): nanosecondsOfUnit = 1_000_000
    case UInt8(ascii: "u"): nanosecondsOfUnit = 1_000
    case UInt8(ascii: "n"): nanosecondsOfUnit = 1
    default: return nil
    }
    var value: Int64 = 0
    for digit in bytes.dropLast() {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      // At most eight digits: no overflow.
      value = value * 10 + Int64(digit - 0x30)
    }
    let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: nanosecondsOfUnit)
    return .nanoseconds(overflow ? maxNanoseconds : nanoseconds)
  }

  /// The header's text for `duration`, in the finest unit that eight digits hold; rounded up, so that a server does not end
  /// a call before its client does.
  static func format(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0, duration > .zero else { return "0n" }
    let (scaled, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflow) = scaled.addingReportingOverflow((attoseconds + 999_999_999) / 1_000_000_000)
    let nanoseconds = tooLong || overflow ? maxNanoseconds : sum
    let units: [(Int64, String)] = [
      (1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"), (3_600_000_000_000, "H"),
    ]
    for (size, unit) in units {
      let value = nanoseconds / size + (nanoseconds % size == 0 ? 0 : 1)
      if value < 100_000_000 { return "\(value)\(unit)" }
    }
    return "99999999H"
  }
}
