// Instants as RFC 3339 has them, in the forms that Go writes into files and prints.

/// Times as text and back.
public enum TimestampText {
  /// `2026-11-22T15:04:53Z`: UTC, whole seconds.
  public static func seconds(ms: Int64) -> String { text(seconds: floored(ms, 1000).quotient, ns: 0) }

  /// `2026-11-22T15:04:53.174878763Z`: UTC, with as many decimals as it needs.
  public static func nanoseconds(unixNs: Int64) -> String {
    let (seconds, ns) = floored(unixNs, 1_000_000_000)
    return text(seconds: seconds, ns: ns)
  }

  /// Milliseconds since the Unix epoch of `2026-11-22T15:04:53.17Z` or `…+02:00`; nil for what is no such text.
  public static func ms(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[range] {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      return value
    }
    guard bytes.count >= 20, let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    var at = 19
    var fractionMs: Int64 = 0
    if bytes[at] == UInt8(ascii: ".") {
      at += 1
      var scale: Int64 = 100
      while at < bytes.count, let digit = number(at..<at + 1) {
        fractionMs += digit * scale
        scale /= 10
        at += 1
      }
    }
    var offsetMinutes: Int64 = 0
    if at + 6 == bytes.count, let hours = number(at + 1..<at + 3), let minutes = number(at + 4..<at + 6) {
      offsetMinutes = (hours * 60 + minutes) * (bytes[at] == UInt8(ascii: "-") ? -1 : 1)
    } else if at + 1 != bytes.count || bytes[at] != UInt8(ascii: "Z") {
      return nil
    }
    let days = daysSinceEpoch(year, month, day)
    return ((days * 24 + hour) * 60 + minute - offsetMinutes) * 60_000 + second * 1000 + fractionMs
  }

  private static func text(seconds: Int64, ns: Int64) -> String {
    let (days, ofDay) = floored(seconds, 86_400)
    let (year, month, day) = civil(days)
    var text =
      "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T"
      + "\(digits(ofDay / 3600, 2)):\(digits(ofDay / 60 % 60, 2)):\(digits(ofDay % 60, 2))"
    if ns > 0 {
      var (rest, width) = (ns, 9)
      while rest % 10 == 0 { (rest, width) = (rest / 10, width - 1) }
      text += "." + digits(rest, width)
    }
    return text + "Z"
  }

  private static func floored(_ value: Int64, _ unit: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: unit)
    return remainder < 0 ? (quotient - 1, remainder + unit) : (quotient, remainder)
  }

  private static func digits(_ value: Int64, _ width: Int) -> String {
    let text = String(value.magnitude)
    return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  /// Days of the Gregorian calendar from 1970-01-01, counting years from March so that the leap day comes last.
  private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = floored(shifted, 400).quotient
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// Year, month and day of a day counted from 1970-01-01: the reverse of the above.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = floored(shifted, 146_097).quotient
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
