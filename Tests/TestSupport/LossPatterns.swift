// Replicas of one series of native histograms that lose samples at random, beside the series that loses none.
import TSModel

/// Two or three replicas of one target. Each scrapes every 15 s, at a phase and with a jitter of its own, and reads a state that may be up
/// to a lag old; at most one is dead at a time. The target starts anew now and then.
public struct LossPattern: Sendable {
  /// What the series is made of.
  public enum Kind: Int, CaseIterable, Sendable {
    case ints, floats, customBounds, coarserWithTime, coarserReplica, gauges, floatsBefore, kindsOfReplicas
  }

  /// One sample of a replica.
  public struct Sample: Sendable {
    public var timeMs: Int64
    /// Nil: a float, which is `value`.
    public var histogram: Histogram?
    public var value = 0.0

    public init(timeMs: Int64, histogram: Histogram? = nil, value: Double = 0) {
      self.timeMs = timeMs
      self.histogram = histogram
      self.value = value
    }

    public var isStale: Bool { histogram?.isStale ?? (value.bitPattern == Histogram.staleSumBits) }
  }

  public static let intervalMs: Int64 = 15_000

  public let kind: Kind
  /// Samples by time.
  public private(set) var replicas: [[Sample]] = []
  /// What a replica that is never dead has, of no jitter.
  public private(set) var whole: [Sample] = []
  /// When the target started anew.
  public private(set) var resetsMs: [Int64] = []
  /// After the last sample.
  public let endMs: Int64
  /// Observations a millisecond.
  public private(set) var slope = 0.0

  private var buckets: [(index: Int, rate: Double, value: Double)] = []
  private var firstMs: Int64 = 0
  private let schema: Int32
  private let coarserAfterMs: Int64
  private let histogramsFromMs: Int64

  /// The pattern of a seed: always the same one.
  public init(seed: UInt64, scrapes: Int = 160, lagMaxMs: Int64 = 0, startMs: Int64 = 0) {
    var random = SplitMix64(seed: seed)
    func below(_ bound: Int64) -> Int64 { Int64(random.below(Int(bound))) }
    kind = Kind(rawValue: Int(seed % UInt64(Kind.allCases.count))) ?? .ints
    let interval = Self.intervalMs
    let span = interval * Int64(scrapes)
    firstMs = startMs
    endMs = startMs + span
    schema = kind == .customBounds ? Histogram.customBoundsSchema : Int32(random.below(6))
    coarserAfterMs = interval * (5 + below(40))
    histogramsFromMs = startMs + (kind == .floatsBefore ? below(span) : 0)
    var index = random.below(20) - 10
    for _ in 0..<1 + random.below(8) {
      index += 1 + (random.below(3) == 0 ? random.below(6) : 0)
      buckets.append((index, 0.00002 * Double(1 + random.below(200)), Double(1 + random.below(50)) / 8))
    }
    if kind == .customBounds { for place in buckets.indices { buckets[place].index = place } }
    slope = buckets.reduce(0) { $0 + $1.rate }
    var time = below(span)
    while time < span, resetsMs.count < 5 {
      resetsMs.append(startMs + time)
      time += interval * 10 + below(span)
    }
    let count = 2 + random.below(2)
    var losses: [(range: Range<Int64>, replica: Int, isStale: Bool)] = []
    time = interval * 3 + below(interval * 30)
    while time < span {
      let length = random.below(4) == 0 ? interval * below(30) : below(interval * 3)
      losses.append((startMs + time..<startMs + time + length, random.below(count), random.below(2) == 0))
      time += length + interval * 3 + below(interval * 30)
    }
    for replica in 0..<count {
      let phase = below(interval)
      let jitter = random.below(2) == 0 ? 20 : 1 + below(1000)
      let lag = lagMaxMs > 0 ? below(lagMaxMs + 1) : 0
      let shift = kind == .coarserReplica && replica % 2 == 1 ? 1 + random.below(2) : 0
      var samples: [Sample] = []
      var lastLoss: Range<Int64>?
      for scrape in 0..<scrapes {
        let at = startMs + max(0, phase + interval * Int64(scrape) + below(2 * jitter + 1) - jitter)
        let loss = losses.first { $0.replica == replica && $0.range.contains(at) }
        if let loss {
          // A scrape that failed marks the series as stale, once; a replica that is down does nothing.
          if loss.isStale, loss.range != lastLoss, !samples.isEmpty { samples.append(staleMarker(at, replica)) }
          lastLoss = loss.range
          continue
        }
        samples.append(sample(at, at - lag, shift, isFloat(replica)))
      }
      replicas.append(samples)
    }
    for scrape in 0..<scrapes {
      let at = startMs + interval * Int64(scrape)
      whole.append(sample(at, at, 0, isFloat(0)))
    }
  }

  private func isFloat(_ replica: Int) -> Bool { kind == .floats || (kind == .kindsOfReplicas && replica % 2 == 1) }

  private func staleMarker(_ time: Int64, _ replica: Int) -> Sample {
    if time < histogramsFromMs { return Sample(timeMs: time, value: Double(bitPattern: Histogram.staleSumBits)) }
    return Sample(timeMs: time, histogram: .stale(isFloat(replica) ? .float : .int))
  }

  /// What the target was at `time`, of schema `shift` coarser than its own.
  private func sample(_ at: Int64, _ time: Int64, _ shift: Int, _ isFloat: Bool) -> Sample {
    let age = time - (resetsMs.last { $0 <= time } ?? firstMs - 1_000_000)
    var steps = kind == .customBounds ? 0 : shift
    if kind == .coarserWithTime, age > coarserAfterMs { steps += 1 }
    var counts: [Int: Int64] = [:]
    var (count, sum): (Int64, Double) = (0, 0)
    for bucket in buckets {
      var number = Int64(bucket.rate * Double(age))
      if kind == .gauges { number = Int64(bucket.rate * Double((time / 7919 * 104_729) % 500_000)) }
      guard number > 0 else { continue }
      counts[kind == .customBounds ? bucket.index : ((bucket.index - 1) >> steps) + 1, default: 0] += number
      count += number
      sum += Double(number) * bucket.value
    }
    if at < histogramsFromMs { return Sample(timeMs: at, value: Double(count)) }
    var spans: [Histogram.Span] = []
    var last: Int?
    let indices = counts.keys.sorted()
    for index in indices {
      if let before = last, before + 1 == index {
        spans[spans.count - 1].length += 1
      } else {
        spans.append(Histogram.Span(offset: Int32(last.map { index - $0 - 1 } ?? index), length: 1))
      }
      last = index
    }
    let numbers = indices.map { counts[$0] ?? 0 }
    return Sample(
      timeMs: at,
      histogram: Histogram(
        schema: kind == .customBounds ? schema : schema - Int32(steps), sum: sum,
        resetHint: kind == .gauges ? .gauge : .unknown, positiveSpans: spans,
        customValues: kind == .customBounds ? buckets.indices.map { Double($0) } : [],
        counts: isFloat
          ? .float(count: Double(count), zeroCount: 0, positive: numbers.map { Double($0) }, negative: [])
          : .int(count: UInt64(count), zeroCount: 0, positive: numbers, negative: [])))
  }
}

/// A series that replicas of a pattern were merged to, and what is wrong with it.
public struct MergedPattern {
  /// Its samples by time, histograms with the hints that they came with.
  public var samples: [LossPattern.Sample]
  /// Whether a reset is between two histograms, as a query finds it: `isReset(current, previous)`.
  public var isReset: (Histogram, Histogram) -> Bool

  public init(_ samples: [LossPattern.Sample], isReset: @escaping (Histogram, Histogram) -> Bool) {
    self.samples = samples
    self.isReset = isReset
  }

  /// Observations; those of a float are its value.
  static func count(of sample: LossPattern.Sample) -> Double {
    guard case .float(let count, _, _, _) = sample.histogram?.asFloat.counts else { return sample.value }
    return count
  }

  private struct Window {
    var (count, increase, resets, switches) = (0, 0.0, 0, 0)
  }

  /// The sample before each one that is not stale, and whether counters started anew between the two.
  private func steps() -> [(before: Int?, isReset: Bool)] {
    var last: Int?
    return samples.indices.map { place in
      if samples[place].isStale { return (nil, false) }
      defer { last = place }
      guard let before = last else { return (nil, false) }
      guard let current = samples[place].histogram, let previous = samples[before].histogram else {
        return (before, Self.count(of: samples[place]) < Self.count(of: samples[before]))
      }
      return (before, isReset(current, previous))
    }
  }

  private func window(
    _ start: Int64, _ end: Int64, _ steps: [(before: Int?, isReset: Bool)], sources: [Int]
  ) -> Window {
    var found = Window()
    for (place, sample) in samples.enumerated() where sample.timeMs > start && sample.timeMs <= end {
      if place > 0, sources[place] != sources[place - 1] { found.switches += 1 }
      if sample.isStale { continue }
      found.count += 1
      guard let before = steps[place].before, samples[before].timeMs > start else { continue }
      let now = Self.count(of: sample)
      found.resets += steps[place].isReset ? 1 : 0
      found.increase += steps[place].isReset ? now : now - Self.count(of: samples[before])
    }
    return found
  }

  /// What is wrong, in words; empty where all is well. In each of some windows, against the series that loses nothing: samples differ
  /// by no more than the changes (and two at the window's ends), observations by no more than an interval's for each change, end and
  /// reset, and no reset is there that did not happen.
  public func defects(_ pattern: LossPattern, seed: UInt64, lagMaxMs: Int64 = 0) -> [String] {
    var defects: [String] = []
    func say(_ text: String) { defects.append("\(pattern.kind), seed \(seed): \(text)") }
    var byTime: [Int64: [(replica: Int, sample: LossPattern.Sample)]] = [:]
    for (replica, samples) in pattern.replicas.enumerated() {
      for sample in samples { byTime[sample.timeMs, default: []].append((replica, sample)) }
    }
    var sources: [Int] = []
    for (place, sample) in samples.enumerated() {
      if place > 0, sample.timeMs <= samples[place - 1].timeMs { say("times do not ascend at \(sample.timeMs)") }
      let known = byTime[sample.timeMs] ?? []
      let same = known.first { one in
        one.sample.isStale == sample.isStale
          && (sample.isStale
            || Self.count(of: one.sample) == Self.count(of: sample)
              && one.sample.histogram?.sum == sample.histogram?.sum)
      }
      if same == nil { say("no replica has what is there at \(sample.timeMs)") }
      sources.append(known.count == 1 ? known[0].replica : sources.last ?? same?.replica ?? 0)
      guard let histogram = sample.histogram, !sample.isStale else { continue }
      guard case .float(let count, let zeros, let positive, let negative) = histogram.asFloat.counts else { continue }
      if zeros + (positive + negative).reduce(0, +) != count { say("buckets are not the count at \(sample.timeMs)") }
      if (pattern.kind == .gauges) != (histogram.resetHint == .gauge) { say("a gauge or none at \(sample.timeMs)") }
      // What it says of resets must be so.
      if histogram.resetHint == .notReset,
        let before = samples[..<place].last(where: { $0.histogram != nil && !$0.isStale })
      {
        var silent = histogram
        silent.resetHint = .unknown
        if let previous = before.histogram, isReset(silent, previous) { say("a false hint at \(sample.timeMs)") }
      }
    }
    var random = SplitMix64(seed: seed ^ 0x5EED)
    let interval = LossPattern.intervalMs
    var whole = self
    whole.samples = pattern.whole
    let wholeSources = [Int](repeating: 0, count: pattern.whole.count)
    let (wholeSteps, steps) = (whole.steps(), steps())
    let (first, length) = (pattern.whole[0].timeMs, pattern.endMs - pattern.whole[0].timeMs)
    for _ in 0..<6 {
      let start = first + interval * 2 + Int64(random.below(Int(length - interval * 8)))
      let end = min(
        pattern.endMs - interval * 3,
        start + interval * 4 + Int64(random.below(Int(max(1, pattern.endMs - start - interval * 4)))))
      let (wanted, found) = (
        whole.window(start, end, wholeSteps, sources: wholeSources), window(start, end, steps, sources: sources)
      )
      let name = "(\(start), \(end)]: \(found) for \(wanted)"
      // While a replica lags by more than half an interval, samples wait.
      let waits = lagMaxMs == 0 ? 0 : Int(2 * lagMaxMs / interval)
      if abs(found.count - wanted.count) > found.switches * (1 + waits) + 2 + waits { say("samples in \(name)") }
      guard pattern.kind != .gauges else { continue }
      let real = pattern.resetsMs.count { $0 > start - interval * 2 - lagMaxMs && $0 <= end }
      // A series of floats and histograms has its resets where it is one of both: a change of kinds is none.
      if found.resets > real { say("\(found.resets) resets of \(real) in \(name)") }
      let bound =
        pattern.slope * Double(interval) * Double(found.switches + 2 + 2 * real) * 1.05
        + pattern.slope * 2 * Double(lagMaxMs) * Double(found.switches + 1 + real) + 16 * Double(1 + real)
      if abs(found.increase - wanted.increase) > bound { say("increase in \(name)") }
    }
    return defects
  }
}

extension LossPattern.Sample {
  /// The sample as a dump has it (docs/formats/dump.md).
  public var dumpText: String {
    guard let histogram else { return "[\(timeMs),\"\(isStale ? "0x7ff0000000000002" : "\(value)")\"]" }
    let kind: String
    let (count, zeros, buckets): (String, String, [String])
    switch histogram.counts {
    case .int(let number, let zeroCount, let positive, _):
      kind = "int"
      (count, zeros, buckets) = ("\(number)", "\(zeroCount)", positive.map { "\($0)" })
    case .float(let number, let zeroCount, let positive, _):
      kind = "float"
      (count, zeros, buckets) = ("\"\(number)\"", "\"\(zeroCount)\"", positive.map { "\"\($0)\"" })
    }
    let spans = histogram.positiveSpans.map { "[\($0.offset),\($0.length)]" }.joined(separator: ",")
    let bounds = histogram.customValues.map { "\"\($0)\"" }.joined(separator: ",")
    let sum = histogram.isStale ? "0x7ff0000000000002" : "\(histogram.sum)"
    return """
      [\(timeMs),{"kind":"\(kind)","schema":\(histogram.schema),"zero_threshold":"\(histogram.zeroThreshold)",\
      "zero_count":\(zeros),"count":\(count),"sum":"\(sum)","reset_hint":"\(histogram.resetHint)",\
      "positive_spans":[\(spans)],"positive_buckets":[\(buckets.joined(separator: ","))],"negative_spans":[],\
      "negative_buckets":[],"custom_values":[\(bounds)]}]
      """
  }
}
