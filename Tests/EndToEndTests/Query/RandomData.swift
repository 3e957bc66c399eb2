// Series of every kind with random samples, as a dump that `apus tools block create-from jsonl` makes a block of.
import Foundation
import TestSupport

/// Two hours of counters, gauges, classic and native histograms, from one seed.
struct RandomData {
  /// 2025-06-02T00:00:00Z.
  static let startMs: Int64 = 1_748_822_400_000
  static let endMs = startMs + 7_200_000
  static let intervalMs: Int64 = 15_000

  private var random: SplitMix64
  private(set) var lines: [(labels: [(String, String)], line: String)] = []

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    for job in ["api", "db", "web"] {
      for instance in 1...3 {
        let target = [("job", job), ("instance", "\(instance)")]
        for path in ["/", "/a"] { add("c_total", target + [("path", path)], counter()) }
        add("g", target + [("zone", instance == 1 ? "x" : "y")], gauge())
        add("other", target, gauge())
        addClassic(target)
        add("nh", target, nativeHistograms(isFloat: job == "db", customBounds: false, isGauge: false))
        add("nhg", target, nativeHistograms(isFloat: true, customBounds: false, isGauge: true))
        add("nhcb", target, nativeHistograms(isFloat: instance == 2, customBounds: true, isGauge: false))
        add("info_metric", target + [("version", "v\(random.below(3))")], times().map { .init($0, "1") })
      }
    }
    add("special", [("kind", "values")], special())
    add("mixed", [("kind", "both")], mixed())
    add("lonely", [], times().prefix(20).map { .init($0, "\(Double($0 % 1000))") })
  }

  /// The dump.
  var text: String {
    lines.sorted { Self.sortKey($0.labels).lexicographicallyPrecedes(Self.sortKey($1.labels)) }.map(\.line)
      .joined(separator: "\n") + "\n"
  }

  private static func sortKey(_ labels: [(String, String)]) -> [String] {
    labels.sorted { $0.0 < $1.0 }.flatMap { [$0.0, $0.1] }
  }

  private struct Sample {
    var timeMs: Int64
    var json: String

    /// `value` is a float, or an object where `isObject`.
    init(_ timeMs: Int64, _ value: String, isObject: Bool = false) {
      self.timeMs = timeMs
      json = isObject ? "[\(timeMs),\(value)]" : "[\(timeMs),\"\(value)\"]"
    }
  }

  private mutating func add(_ name: String, _ labels: [(String, String)], _ samples: some Sequence<Sample>) {
    let all = labels + [("__name__", name)]
    let pairs = all.sorted { $0.0 < $1.0 }.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",")
    lines.append((all, "{\"labels\":{\(pairs)},\"samples\":[\(samples.map(\.json).joined(separator: ","))]}"))
  }

  /// Times of scrapes with a phase of their own, some jitter, and an outage here and there.
  private mutating func times() -> [Int64] {
    let phase = Int64(random.below(15_000))
    let outage = random.below(4) == 0 ? random.below(300) : -1
    let length = 1 + random.below(60)
    var times: [Int64] = []
    for index in 0..<480 {
      if outage >= 0, index >= outage, index < outage + length { continue }
      let jitter = random.below(10) == 0 ? Int64(random.below(40)) : 0
      let time = Self.startMs + Int64(index) * Self.intervalMs + phase + jitter
      if time < Self.endMs { times.append(time) }
    }
    return times
  }

  private static func text(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
    return "\(value)"
  }

  private mutating func counter() -> [Sample] {
    var value = 0.0
    let isWhole = random.below(2) == 0
    return times().map { time in
      if random.below(120) == 0 { value = 0 }
      if random.below(150) == 0 { return Sample(time, "0x7ff0000000000002") }
      value += isWhole ? Double(random.below(50)) : random.unit() * 10
      return Sample(time, Self.text(value))
    }
  }

  private mutating func gauge() -> [Sample] {
    var value = random.unit() * 100 - 30
    return times().map { time in
      if random.below(200) == 0 { return Sample(time, "0x7ff0000000000002") }
      value += random.unit() * 8 - 4
      if random.below(40) == 0 { value = value.rounded() }
      return Sample(time, Self.text(value))
    }
  }

  private mutating func special() -> [Sample] {
    let values = ["+Inf", "-Inf", "0x7ff8000000000001", "0", "-0", "1", "-1", "1e300", "1e-300", "0.1"]
    return times().map { Sample($0, values[random.below(values.count)]) }
  }

  private mutating func addClassic(_ target: [(String, String)]) {
    let bounds = ["0.1", "0.5", "1", "5", "+Inf"]
    let times = times()
    var counts = [Double](repeating: 0, count: bounds.count)
    var (sums, rows): ([Double], [[Double]]) = ([], [])
    var sum = 0.0
    for _ in times {
      if random.below(200) == 0 {
        counts = counts.map { _ in 0 }
        sum = 0
      }
      for _ in 0..<random.below(6) {
        let bucket = random.below(bounds.count)
        for index in bucket..<bounds.count { counts[index] += 1 }
        sum += random.unit()
      }
      rows.append(counts)
      sums.append(sum)
    }
    for (index, bound) in bounds.enumerated() {
      let samples = zip(times, rows).map { Sample($0, Self.text($1[index])) }
      add("ch_bucket", target + [("le", bound)], samples)
    }
    add("ch_count", target, zip(times, rows).map { Sample($0, Self.text($1[bounds.count - 1])) })
    add("ch_sum", target, zip(times, sums).map { Sample($0, Self.text($1)) })
  }

  /// A histogram that grows bucket by bucket, or whose counts wander where it is a gauge.
  private mutating func nativeHistograms(isFloat: Bool, customBounds: Bool, isGauge: Bool) -> [Sample] {
    let schema = customBounds ? -53 : [0, 1, 3][random.below(3)]
    let bounds = ["0.5", "1", "2.5", "10"]
    let width = customBounds ? bounds.count + 1 : 4 + random.below(5)
    var positive = [Double](repeating: 0, count: width)
    var negative = [Double](repeating: 0, count: customBounds ? 0 : 2)
    var (zero, sum) = (0.0, 0.0)
    let gap = customBounds ? 0 : random.below(3)
    let hasNegative = random.below(2) == 0 && !customBounds
    return times().map { time in
      if random.below(220) == 0, !isGauge {
        (positive, negative) = (positive.map { _ in 0 }, negative.map { _ in 0 })
        (zero, sum) = (0, 0)
      }
      for _ in 0..<random.below(5) {
        let sign = isGauge && random.below(3) == 0 ? -1.0 : 1.0
        let bucket = random.below(width)
        positive[bucket] = max(0, positive[bucket] + sign)
        if hasNegative { negative[random.below(2)] += 1 }
        if !customBounds, random.below(3) == 0 { zero += 1 }
        sum += random.unit() * 4 - 0.5
      }
      let count = positive.reduce(0, +) + (hasNegative ? negative.reduce(0, +) : 0) + zero
      func number(_ value: Double) -> String { isFloat ? "\"\(Self.text(value))\"" : Self.text(value) }
      func list(_ values: [Double]) -> String { "[" + values.map(number).joined(separator: ",") + "]" }
      let half = width / 2
      let spans = gap == 0 ? "[[0,\(width)]]" : "[[-1,\(half)],[\(gap),\(width - half)]]"
      var json =
        "{\"kind\":\"\(isFloat ? "float" : "int")\",\"schema\":\(schema),\"zero_threshold\":\"\(customBounds ? "0" : "0.001")\""
      json += ",\"zero_count\":\(number(zero)),\"count\":\(number(count)),\"sum\":\"\(sum)\""
      json += ",\"reset_hint\":\"\(isGauge ? "gauge" : "unknown")\",\"positive_spans\":\(spans)"
      json += ",\"positive_buckets\":\(list(positive)),\"negative_spans\":\(hasNegative ? "[[1,2]]" : "[]")"
      json += ",\"negative_buckets\":\(hasNegative ? list(negative) : "[]")"
      json += ",\"custom_values\":\(customBounds ? "[\(bounds.map { "\"\($0)\"" }.joined(separator: ","))]" : "[]")}"
      return Sample(time, json, isObject: true)
    }
  }

  /// Floats and histograms take turns.
  private mutating func mixed() -> [Sample] {
    let histograms = nativeHistograms(isFloat: false, customBounds: false, isGauge: false)
    var isFloat = false
    return histograms.map { sample in
      if random.below(25) == 0 { isFloat.toggle() }
      return isFloat ? Sample(sample.timeMs, Self.text(random.unit() * 50)) : sample
    }
  }
}
