// Times and durations as parameters have them: seconds, or RFC 3339; seconds, or `1m30s`.
//
// Prometheus keeps times as Go does, and two of its ways to make milliseconds of them differ where they overflow: queries go by
// nanoseconds (`nanosecondMs`), everything else by seconds (`milliseconds`). Both wrap around.
internal import PromQL

/// A time as Go keeps it.
struct ParameterTime: Equatable {
  /// Seconds since the Unix epoch.
  var seconds: Int64
  /// Nanoseconds behind them, 0 up to 999,999,999.
  var nanoseconds: Int64

  /// Go's `time.Unix`.
  init(seconds: Int64, nanoseconds: Int64) {
    var (seconds, rest) = (seconds, nanoseconds)
    if rest < 0 || rest >= 1_000_000_000 {
      seconds = seconds &+ rest / 1_000_000_000
      rest %= 1_000_000_000
      if rest < 0 {
        rest += 1_000_000_000
        seconds = seconds &- 1
      }
    }
    (self.seconds, self.nanoseconds) = (seconds, rest)
  }

  /// This many milliseconds after the Unix epoch.
  init(ms: Int64) {
    let seconds = ms >= 0 ? ms / 1000 : -((-(ms + 1)) / 1000) - 1
    self.init(seconds: seconds, nanoseconds: (ms - seconds * 1000) * 1_000_000)
  }

  /// Earlier than any sample's, and later: what is meant where no time is given.
  static let earliest = ParameterTime(seconds: Int64.min / 1000 + 62_135_596_801, nanoseconds: 0)
  static let latest = ParameterTime(seconds: Int64.max / 1000 - 62_135_596_801, nanoseconds: 999_999_999)

  /// Milliseconds since the Unix epoch, by way of nanoseconds.
  var nanosecondMs: Int64 { (seconds &* 1_000_000_000 &+ nanoseconds) / 1_000_000 }

  /// Milliseconds since the Unix epoch.
  var milliseconds: Int64 { seconds &* 1000 &+ nanoseconds / 1_000_000 }

  /// Whether it is before `other`.
  func isBefore(_ other: ParameterTime) -> Bool {
    let (a, b) = (secondsOfCalendar, other.secondsOfCalendar)
    return a != b ? a < b : nanoseconds < other.nanoseconds
  }

  /// Seconds since the year 1, which Go compares: they wrap around, too.
  private var secondsOfCalendar: Int64 { seconds &+ 62_135_596_800 }

  /// Nanoseconds from `other` to this, the nearest number where there are too many.
  func nanoseconds(since other: ParameterTime) -> Int64 {
    let (span, overflows) = seconds.subtractingReportingOverflow(other.seconds)
    let (whole, tooMany) = span.multipliedReportingOverflow(by: 1_000_000_000)
    let (total, tooManyInAll) = whole.addingReportingOverflow(nanoseconds - other.nanoseconds)
    if overflows || tooMany || tooManyInAll { return other.isBefore(self) ? .max : .min }
    return total
  }

  /// Reads a time, as Prometheus does; nil where it is none.
  init?(_ text: String) {
    if let number = GoNumber.float(text) {
      let whole = number.rounded(.towardZero)
      let rest = ((number.isInfinite ? .nan : number - whole) * 1000).rounded(.toNearestOrAwayFromZero) / 1000
      self.init(seconds: goInteger(whole), nanoseconds: goInteger(rest * 1e9))
      return
    }
    switch text {
    case "-292273086-05-16T16:47:06Z": self = .earliest
    case "292277025-08-18T07:12:54.999999999Z": self = .latest
    default:
      guard let time = RFC3339Time(text) else { return nil }
      self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
    }
  }
}

/// `2025-06-02T01:00:00.123456789+02:00`
private struct RFC3339Time {
  var seconds: Int64 = 0
  var nanoseconds: Int64 = 0

  init?(_ text: String) {
    var bytes = Array(text.utf8)[...]
    func number(_ digits: Int) -> Int64? {
      guard bytes.count >= digits, bytes.prefix(digits).allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
      defer { bytes = bytes.dropFirst(digits) }
      return bytes.prefix(digits).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
    func skip(_ character: Character) -> Bool {
      guard bytes.first == character.asciiValue else { return false }
      bytes = bytes.dropFirst()
      return true
    }
    guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("T"),
      let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2)
    else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard 1...12 ~= month, day >= 1, day <= days[Int(month) - 1], hour < 24, minute < 60, second < 60
    else { return nil }
    if skip(".") || skip(",") {
      let digits = bytes.prefix { 0x30...0x39 ~= $0 }
      guard !digits.isEmpty else { return nil }
      bytes = bytes.dropFirst(digits.count)
      var unit: Int64 = 100_000_000
      for digit in digits.prefix(9) {
        nanoseconds += Int64(digit - 0x30) * unit
        unit /= 10
      }
    }
    var offset: Int64 = 0
    if !skip("Z") {
      let sign: Int64 = skip("+") ? 1 : skip("-") ? -1 : 0
      guard sign != 0, let hours = number(2), skip(":"), let minutes = number(2), hours <= 24, minutes < 60
      else { return nil }
      offset = sign * (hours * 3600 + minutes * 60)
    }
    guard bytes.isEmpty else { return nil }
    // Days since the first of March of year 0, then since 1970.
    let shifted = month <= 2 ? year - 1 : year
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let era = shifted >= 0 ? shifted / 400 : -1
    let yearOfEra = shifted - era * 400
    let total = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear - 719_468
    seconds = total * 86_400 + hour * 3600 + minute * 60 + second - offset
  }
}

/// What Go on amd64 makes of a number that is to be an integer: the least one where it does not fit.
private func goInteger(_ value: Double) -> Int64 { Int64(exactly: value.rounded(.towardZero)) ?? .min }

/// Reads durations.
enum ParameterDuration {
  /// Why a text is no duration.
  struct Refusal: Error, CustomStringConvertible {
    let description: String
  }

  /// Nanoseconds of a duration, as Prometheus reads it.
  static func nanoseconds(_ text: String) throws(Refusal) -> Int64 {
    if let number = GoNumber.float(text) {
      let value = number * 1e9
      if value > 0x1p63 || value < -0x1p63 {
        throw Refusal(description: "cannot parse \(quotedText(text)) to a valid duration. It overflows int64")
      }
      return goInteger(value)
    }
    guard let value = units(text) else {
      throw Refusal(description: "cannot parse \(quotedText(text)) to a valid duration")
    }
    return value
  }

  /// `1y2w3d4h5m6s7ms`: any of these units, in this order, each once.
  private static func units(_ text: String) -> Int64? {
    let sizes: [(name: String, ms: Int64)] = [
      ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000),
      ("ms", 1),
    ]
    var rest = text.utf8[...]
    var total: Int64 = 0
    var next = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { 0x30...0x39 ~= $0 }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { !(0x30...0x39 ~= $0) }
      rest = rest.dropFirst(name.count)
      guard let count = Int64(Substring(digits)),
        let unit = sizes[next...].firstIndex(where: { name.elementsEqual($0.name.utf8) })
      else { return nil }
      next = unit + 1
      let (part, overflows) = count.multipliedReportingOverflow(by: sizes[unit].ms * 1_000_000)
      let (sum, tooLarge) = total.addingReportingOverflow(part)
      if overflows || tooLarge { return nil }
      total = sum
    }
    return total
  }
}
