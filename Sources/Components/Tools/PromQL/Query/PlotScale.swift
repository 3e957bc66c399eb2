// The axes of a plot: which values and which times are marked, and how they are written.
internal import Observability
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// An axis of values, its ends at round numbers.
struct ValueScale {
  private(set) var low: Double
  private(set) var high: Double
  /// From one mark to the next.
  private(set) var step: Double

  /// An axis that `values` (finite ones) fit on, with about `markCount` marks.
  init(_ values: ClosedRange<Double>, markCount: Int) {
    (low, high) = (values.lowerBound, values.upperBound)
    let size = max(low.magnitude, high.magnitude)
    if high / 2 - low / 2 <= size * 1e-12 {
      // All the same: a tenth above and below it.
      let margin = size < 1e-300 ? 1 : size * 0.1
      low = max(-.greatestFiniteMagnitude, low - margin)
      high = min(.greatestFiniteMagnitude, high + margin)
    }
    let least = high / Double(max(1, markCount)) - low / Double(max(1, markCount))
    let power = pow(10, log10(least).rounded(.down))
    step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= least } ?? least
    let (below, above) = ((low / step).rounded(.down) * step, (high / step).rounded(.up) * step)
    if below.isFinite { low = below }
    if above.isFinite { high = above }
  }

  /// Where `value` lies between the lower end, 0, and the upper one, 1.
  func place(_ value: Double) -> Double { (value / 2 - low / 2) / (high / 2 - low / 2) }

  /// The values that are marked, from below.
  var marks: [Double] {
    let first = (low / step).rounded()
    return (0...64).map { (first + Double($0)) * step }.filter { $0.isFinite && place($0) <= 1 + 1e-9 }
  }

  /// A mark as text: `0.25`, `1500`, `20k`, `1.5M`, `300µ`.
  func text(_ mark: Double) -> String {
    let size = max(low.magnitude, high.magnitude)
    let units: [(name: String, factor: Double)] = [
      ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9),
    ]
    guard mark != 0 else { return "0" }
    guard size < 1e18, size >= 1e-9 else { return "\(mark)" }
    let unit =
      size >= 1e-2 && size < 1e4 ? units[5] : units.first { size >= $0.factor } ?? units[8]
    let decimals = Int(min(9, max(0, -log10(step / unit.factor * 1.000001).rounded(.down))))
    return fixed(mark / unit.factor, decimals: decimals) + unit.name
  }
}

/// An axis of time, in UTC.
struct TimeScale {
  let startMs: Int64
  let endMs: Int64
  /// From one mark to the next, milliseconds.
  let stepMs: Int64

  /// An axis with at most `markCount` marks.
  init(startMs: Int64, endMs: Int64, markCount: Int) {
    self.startMs = startMs
    self.endMs = max(startMs, endMs)
    let seconds: [Int64] = [
      1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
      1_209_600, 2_419_200, 7_257_600, 31_536_000,
    ]
    let partMs = (Double(self.endMs) - Double(startMs)) / Double(max(1, markCount))
    stepMs = seconds.map { $0 * 1000 }.first { partMs <= Double($0) } ?? Int64(partMs.rounded(.up))
  }

  /// Where the time lies between the start, 0, and the end, 1.
  func place(_ timeMs: Int64) -> Double {
    let spanMs = Double(endMs) - Double(startMs)
    return spanMs > 0 ? (Double(timeMs) - Double(startMs)) / spanMs : 0
  }

  /// The times that are marked: full minutes, hours, days.
  var marks: [Int64] {
    let (below, rest) = startMs.quotientAndRemainder(dividingBy: stepMs)
    var timeMs = rest > 0 ? (below + 1) * stepMs : below * stepMs
    var all: [Int64] = []
    while timeMs <= endMs {
      all.append(timeMs)
      let (next, overflow) = timeMs.addingReportingOverflow(stepMs)
      if overflow { break }
      timeMs = next
    }
    return all.isEmpty ? [startMs] : all
  }

  /// A mark as text: `12:30:15`, `12:30`, `06-01 12:00`, `06-01`, `2025-06-01`.
  func text(_ mark: Int64) -> String {
    let text = timeText(ms: mark)
    guard text.count >= 20, text.utf8.dropFirst(10).first == UInt8(ascii: "T") else { return text }
    let (date, time) = (text.prefix(10), text.dropFirst(11).prefix(8))
    let isLong = Double(endMs) - Double(startMs) > 86_400_000
    if stepMs < 60_000 { return String(time) }
    if stepMs >= 2_419_200_000 { return String(date) }
    if stepMs >= 86_400_000 { return String(date.dropFirst(5)) }
    return isLong ? "\(date.dropFirst(5)) \(time.prefix(5))" : String(time.prefix(5))
  }
}
