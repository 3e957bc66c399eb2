// Functions of numbers, as the language defines them.
internal import Glibc

/// Numbers in, a number out.
enum ElementaryFunctions {
  /// The remainder of a division, with the sign of `left`.
  static func remainder(_ left: Double, _ right: Double) -> Double { left.truncatingRemainder(dividingBy: right) }
  /// `left` to the power of `right`.
  static func power(_ left: Double, _ right: Double) -> Double { pow(left, right) }
  /// The angle of the point (right, left).
  static func atan2(_ left: Double, _ right: Double) -> Double { Glibc.atan2(left, right) }

  /// The larger of two; NaN where either is, unless one is infinite; +0 rather than -0.
  static func maximum(_ a: Double, _ b: Double) -> Double {
    if a == .infinity || b == .infinity { return .infinity }
    if a.isNaN || b.isNaN { return .nan }
    if a == 0, b == 0 { return a.sign == .minus ? b : a }
    return max(a, b)
  }

  /// The smaller of two; NaN where either is, unless one is negative and infinite; -0 rather than +0.
  static func minimum(_ a: Double, _ b: Double) -> Double { -maximum(-a, -b) }
}

/// The function of one value that is called `name`; nil where there is none.
func elementwiseFunction(_ name: String) -> ((Double) -> Double)? {
  switch name {
  case "abs": { $0.magnitude }
  case "ceil": { $0.rounded(.up) }
  case "floor": { $0.rounded(.down) }
  case "sqrt": { $0.squareRoot() }
  case "exp": { exp($0) }
  case "ln": { log($0) }
  case "log2": { log2($0) }
  case "log10": { log10($0) }
  case "sin": { sin($0) }
  case "cos": { cos($0) }
  case "tan": { tan($0) }
  case "asin": { asin($0) }
  case "acos": { acos($0) }
  case "atan": { atan($0) }
  case "sinh": { sinh($0) }
  case "cosh": { cosh($0) }
  case "tanh": { tanh($0) }
  case "asinh": { asinh($0) }
  case "acosh": { acosh($0) }
  case "atanh": { atanh($0) }
  case "rad": { $0 * .pi / 180 }
  case "deg": { $0 * 180 / .pi }
  case "sgn": { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 }
  case "minute": { Double(TimeOfDay($0).minute) }
  case "hour": { Double(TimeOfDay($0).hour) }
  case "day_of_week": { Double(TimeOfDay($0).weekday) }
  case "day_of_month": { Double(TimeOfDay($0).date.day) }
  case "day_of_year": { Double(TimeOfDay($0).date.dayOfYear) }
  case "days_in_month": { Double(TimeOfDay($0).date.daysInMonth) }
  case "month": { Double(TimeOfDay($0).date.month) }
  case "year": { Double(TimeOfDay($0).date.year) }
  default: nil
  }
}

/// A time of so many seconds since the Unix epoch, UTC.
private struct TimeOfDay {
  private let days: Int64
  private let seconds: Int64

  init(_ value: Double) {
    // Truncated. What does not fit becomes the smallest number, as it does on the machines of Prometheus.
    let whole = Int64(exactly: value.rounded(.towardZero)) ?? .min
    days = whole >= 0 ? whole / 86_400 : -((-1 - whole) / 86_400) - 1
    seconds = whole &- days &* 86_400
  }

  var minute: Int64 { seconds / 60 % 60 }
  var hour: Int64 { seconds / 3600 }
  var weekday: Int64 { ((days % 7) + 11) % 7 }
  var date: CivilDate { CivilDate(daysSinceEpoch: days) }
}
