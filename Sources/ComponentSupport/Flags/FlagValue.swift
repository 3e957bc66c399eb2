// Reading the text of a flag or an argument. Refusals are worded as kingpin, Prometheus and Go word them, since scripts
// and people look for those words.
/// The value of a flag or an argument, read.
public enum FlagValue: Sendable, Equatable {
  /// Of `.string` and `.enumeration`.
  case text(String)
  /// Of `.int`, `.int64` and `.bytes`; of `.duration` milliseconds, of `.goDuration` nanoseconds, of `.time` milliseconds
  /// since the Unix epoch.
  case integer(Int64)
  /// Of `.double`.
  case number(Double)
  /// Of `.bool`.
  case flag(Bool)
}

/// Why a text is not a value of its kind.
struct ValueError: Error {
  let message: String
}

extension ValueKind {
  /// The value that `text` means. `nowMs` is what relative times count from.
  func read(_ text: String, nowMs: Int64) throws(ValueError) -> FlagValue {
    switch self {
    case .string:
      return .text(text)
    case .int:
      guard let value = Self.float(text), let whole = Int64(exactly: value.rounded(.towardZero)) else {
        throw ValueError(message: "strconv.ParseFloat: parsing \(quoted(text)): invalid syntax")
      }
      return .integer(whole)
    case .int64:
      return .integer(try Self.int64(text))
    case .double:
      guard let value = Self.float(text) else {
        throw ValueError(message: "strconv.ParseFloat: parsing \(quoted(text)): invalid syntax")
      }
      return .number(value)
    case .bool:
      switch text {
      case "1", "t", "T", "true", "TRUE", "True": return .flag(true)
      case "0", "f", "F", "false", "FALSE", "False": return .flag(false)
      default: throw ValueError(message: "strconv.ParseBool: parsing \(quoted(text)): invalid syntax")
      }
    case .enumeration(let allowed):
      guard allowed.contains(text) else {
        throw ValueError(message: "enum value must be one of \(allowed.joined(separator: ",")), got '\(text)'")
      }
      return .text(text)
    case .duration:
      return .integer(try Self.prometheusDurationMs(text))
    case .goDuration:
      return .integer(try Self.goDurationNs(text))
    case .bytes:
      return .integer(try Self.byteCount(text))
    case .time:
      return .integer(try Self.timeMs(text, nowMs: nowMs))
    }
  }

  private static func float(_ text: String) -> Double? {
    // Swift reads what Go reads but for blanks, which Go refuses and so does Swift, and for "_", which neither takes here.
    guard !text.isEmpty else { return nil }
    return Double(text)
  }

  private static func int64(_ text: String) throws(ValueError) -> Int64 {
    var digits = Substring(text)
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    var radix = 10
    let lower = digits.lowercased()
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] where lower.hasPrefix(prefix) {
      digits = digits.dropFirst(2)
      radix = base
    }
    if radix == 10, digits.count > 1, digits.hasPrefix("0") {
      digits = digits.dropFirst()
      radix = 8
    }
    let body = (isNegative ? "-" : "") + digits
    if !digits.hasPrefix("-"), !digits.hasPrefix("+"), let value = Int64(body, radix: radix) { return value }
    let isNumber = !digits.isEmpty && digits.allSatisfy { $0.isASCII && ($0.hexDigitValue ?? 99) < radix }
    throw ValueError(
      message: "strconv.ParseInt: parsing \(quoted(text)): \(isNumber ? "value out of range" : "invalid syntax")")
  }

  /// Prometheus: whole numbers with the units y w d h m s ms, each at most once and in this order; or a bare 0.
  static func prometheusDurationMs(_ text: String) throws(ValueError) -> Int64 {
    if text.isEmpty { throw ValueError(message: "empty duration string") }
    if text == "0" { return 0 }
    let units: [(name: String, ms: Int64)] = [
      ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000),
      ("ms", 1),
    ]
    let refusal = ValueError(message: "not a valid duration string: \(quoted(text))")
    var rest = Substring(text)
    var total: Int64 = 0
    var nextUnit = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest[digits.endIndex...]
      let name = rest.prefix { !($0.isASCII && $0.isNumber) }
      rest = rest[name.endIndex...]
      guard !digits.isEmpty, let at = units[nextUnit...].firstIndex(where: { $0.name == name }) else { throw refusal }
      nextUnit = at + 1
      guard let count = Int64(digits) else { throw ValueError(message: "duration out of range") }
      let (ms, overflow) = count.multipliedReportingOverflow(by: units[at].ms)
      let (sum, sumOverflow) = total.addingReportingOverflow(ms)
      // Prometheus counts in nanoseconds of 64 bits.
      if overflow || sumOverflow || sum > Int64.max / 1_000_000 { throw ValueError(message: "duration out of range") }
      total = sum
    }
    return total
  }

  /// Go: numbers with fractions and the units h m s ms us µs ns, in any order, with a sign.
  static func goDurationNs(_ text: String) throws(ValueError) -> Int64 {
    let units: [String: Int64] = [
      "h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "µs": 1000,
      "μs": 1000, "ns": 1,
    ]
    let refusal = ValueError(message: "time: invalid duration \(quoted(text))")
    var rest = Substring(text)
    let isNegative = rest.hasPrefix("-")
    if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
    if rest == "0" { return 0 }
    if rest.isEmpty { throw refusal }
    var total: Int64 = 0
    while !rest.isEmpty {
      let number = rest.prefix { $0 == "." || ($0.isASCII && $0.isNumber) }
      rest = rest[number.endIndex...]
      let parts = number.split(separator: ".", omittingEmptySubsequences: false)
      guard number.contains(where: \.isNumber), parts.count <= 2 else { throw refusal }
      let name = rest.prefix { $0 != "." && !($0.isASCII && $0.isNumber) }
      rest = rest[name.endIndex...]
      if name.isEmpty { throw ValueError(message: "time: missing unit in duration \(quoted(text))") }
      guard let unit = units[String(name)] else {
        throw ValueError(message: "time: unknown unit \(quoted(String(name))) in duration \(quoted(text))")
      }
      let whole: Int64? = parts[0].isEmpty ? 0 : Int64(parts[0])
      guard let whole else { throw refusal }
      var fraction: Int64 = 0
      var scale = unit
      for digit in (parts.count == 2 ? parts[1] : "").prefix(18) {
        // Digits below a nanosecond count for nothing.
        scale /= 10
        fraction += Int64(digit.wholeNumberValue ?? 0) * scale
      }
      let (ns, overflow) = whole.multipliedReportingOverflow(by: unit)
      let (sum, sumOverflow) = total.addingReportingOverflow(ns)
      let (all, allOverflow) = sum.addingReportingOverflow(fraction)
      if overflow || sumOverflow || allOverflow { throw refusal }
      total = all
    }
    return isNegative ? -total : total
  }

  /// Numbers with fractions and the units B KB MB GB TB PB EB (also KiB …), all powers of 1024.
  static func byteCount(_ text: String) throws(ValueError) -> Int64 {
    let refusal = ValueError(message: "units: invalid \(text)")
    var rest = Substring(text)
    let isNegative = rest.hasPrefix("-")
    if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
    if rest == "0" { return 0 }
    if rest.isEmpty { throw refusal }
    var total = 0.0
    while !rest.isEmpty {
      let number = rest.prefix { $0 == "." || ($0.isASCII && $0.isNumber) }
      rest = rest[number.endIndex...]
      guard number.contains(where: \.isNumber),
        let value = Double(number.hasPrefix(".") ? "0" + number : String(number))
      else { throw refusal }
      let name = rest.prefix { $0 != "." && !($0.isASCII && $0.isNumber) }
      rest = rest[name.endIndex...]
      let order = ["B", "KB", "MB", "GB", "TB", "PB", "EB"].firstIndex(of: name.replacing("i", with: ""))
      guard let order, name != "iB" else { throw ValueError(message: "units: unknown unit \(name) in \(text)") }
      total += value * Double(Int64(1) << Int64(10 * order))
    }
    guard let whole = Int64(exactly: total.rounded(.down)) else { throw refusal }
    return isNegative ? -whole : whole
  }

  /// RFC 3339, milliseconds since the Unix epoch, or a signed Prometheus duration from now.
  static func timeMs(_ text: String, nowMs: Int64) throws(ValueError) -> Int64 {
    if let ms = rfc3339Ms(text) { return ms }
    if let ms = Int64(text) { return ms }
    let isNegative = text.hasPrefix("-")
    let ms: Int64
    do { ms = try prometheusDurationMs(isNegative ? String(text.dropFirst()) : text) } catch {
      throw ValueError(message: "not a valid duration string: \(quoted(text))")
    }
    let (sum, overflow) = nowMs.addingReportingOverflow(isNegative ? -ms : ms)
    if overflow { throw ValueError(message: "duration out of range") }
    return sum
  }

  /// `2026-01-01T00:00:00Z`, with an optional fraction and an optional offset, as milliseconds since the Unix epoch.
  static func rfc3339Ms(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[range] {
        guard byte >= 48, byte <= 57 else { return nil }
        value = value * 10 + Int64(byte - 48)
      }
      return value
    }
    guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, bytes[10] | 32 == 116, bytes[13] == 58, bytes[16] == 58,
      let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
      let minute = number(14..<16), let second = number(17..<19),
      (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day), hour < 24, minute < 60,
      second < 60
    else { return nil }
    var at = 19
    var fractionMs: Int64 = 0
    if bytes[at] == 46 {
      var scale: Int64 = 100
      at += 1
      let first = at
      while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57 {
        fractionMs += Int64(bytes[at] - 48) * scale
        scale /= 10
        at += 1
      }
      if at == first { return nil }
    }
    var offsetMinutes: Int64 = 0
    if at + 1 == bytes.count, bytes[at] | 32 == 122 {
      offsetMinutes = 0
    } else if at + 6 == bytes.count, bytes[at] == 43 || bytes[at] == 45, bytes[at + 3] == 58,
      let hours = number(at + 1..<at + 3), let minutes = number(at + 4..<at + 6), hours < 24, minutes < 60
    {
      offsetMinutes = (hours * 60 + minutes) * (bytes[at] == 45 ? -1 : 1)
    } else {
      return nil
    }
    let days = daysSinceEpoch(year: year, month: month, day: day)
    return ((days * 24 + hour) * 60 + minute - offsetMinutes) * 60_000 + second * 1000 + fractionMs
  }

  private static func daysIn(month: Int64, year: Int64) -> Int64 {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Days of the Gregorian calendar from 1970-01-01, counting years from March so that the leap day comes last.
  private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
