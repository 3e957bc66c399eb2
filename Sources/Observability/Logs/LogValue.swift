// Values of log fields.

/// The value of a field.
public enum LogValue: Sendable, Equatable {
  /// Text.
  case string(String)
  /// A whole number.
  case integer(Int64)
  /// Any number.
  case number(Double)
  /// True or false.
  case bool(Bool)
  /// A length of time, written as Go does: `3.844439ms`, `24h0m0s`.
  case duration(Duration)
  /// Nothing.
  case null

  /// Any whole number; one that needs more than 63 bits is written as a number with a fraction's precision.
  public static func int(_ value: some BinaryInteger) -> LogValue {
    Int64(exactly: value).map { .integer($0) } ?? .number(Double(value))
  }

  /// What an error or anything else says of itself.
  public static func describing(_ value: some Any) -> LogValue { .string("\(value)") }
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral
{
  /// Text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// True or false.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension Duration {
  /// Its length as Go writes it: `3.844439ms`, `24h0m0s`, `0s`.
  public var goText: String { DurationText.go(self) }
}

/// A length of time as Go writes it.
enum DurationText {
  static func go(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (ns, sumOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    if overflow || sumOverflow { return seconds < 0 ? go(ns: .min) : go(ns: .max) }
    return go(ns: ns)
  }

  static func go(ns: Int64) -> String {
    if ns == 0 { return "0s" }
    let size = ns.magnitude
    let sign = ns < 0 ? "-" : ""
    if size < 1000 { return "\(sign)\(size)ns" }
    if size < 1_000_000 { return sign + fraction(size, 1000) + "µs" }
    if size < 1_000_000_000 { return sign + fraction(size, 1_000_000) + "ms" }
    let seconds = size / 1_000_000_000
    var text = sign
    if seconds >= 3600 { text += "\(seconds / 3600)h" }
    if seconds >= 60 { text += "\(seconds / 60 % 60)m" }
    return text + fraction(size - seconds / 60 * 60_000_000_000, 1_000_000_000) + "s"
  }

  /// `value / unit` with as many decimals as it needs; `unit` is a power of ten.
  private static func fraction(_ value: UInt64, _ unit: UInt64) -> String {
    var rest = value % unit
    if rest == 0 { return "\(value / unit)" }
    var width = 0
    var scale: UInt64 = 1
    while scale < unit {
      scale *= 10
      width += 1
    }
    while rest % 10 == 0 {
      rest /= 10
      width -= 1
    }
    let digits = "\(rest)"
    return "\(value / unit)." + String(repeating: "0", count: width - digits.utf8.count) + digits
  }
}

/// Instants as text.
public enum TimestampText {
  /// `2026-11-22T15:24:36.18821116Z`: UTC, with as many decimals of the second as it needs.
  public static func rfc3339Nano(unixNs: Int64) -> String {
    let (seconds, nanoseconds) = floored(unixNs, by: 1_000_000_000)
    return rfc3339Nano(unixSeconds: seconds, nanoseconds: nanoseconds)
  }

  /// The same for times further away: `nanoseconds`, 0 to 999,999,999, come after `unixSeconds`.
  public static func rfc3339Nano(unixSeconds seconds: Int64, nanoseconds: Int64) -> String {
    var nanoseconds = min(max(0, nanoseconds), 999_999_999)
    let (days, ofDay) = floored(seconds, by: 86_400)
    var text =
      "\(date(daysSinceEpoch: days))T"
      + "\(digits(ofDay / 3600, 2)):\(digits(ofDay / 60 % 60, 2)):\(digits(ofDay % 60, 2))"
    if nanoseconds > 0 {
      var width = 9
      while nanoseconds % 10 == 0 {
        nanoseconds /= 10
        width -= 1
      }
      text += ".\(digits(nanoseconds, width))"
    }
    return text + "Z"
  }

  /// `2026-11-22`: a date of the Gregorian calendar.
  public static func date(daysSinceEpoch: Int64) -> String {
    let date = civil(daysSinceEpoch: daysSinceEpoch)
    return "\(digits(date.year, 4))-\(digits(date.month, 2))-\(digits(date.day, 2))"
  }

  /// Quotient and remainder, the remainder never negative.
  private static func floored(_ value: Int64, by unit: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: unit)
    return remainder < 0 ? (quotient - 1, remainder + unit) : (quotient, remainder)
  }

  private static func digits(_ value: Int64, _ width: Int) -> String {
    let text = "\(value)"
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  /// The date in the Gregorian calendar. Years are counted from March, so that the leap day comes last.
  private static func civil(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = daysSinceEpoch + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
