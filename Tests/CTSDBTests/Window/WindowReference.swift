// The functions over windows as their definitions tell them: one window at a time, sample by sample.
import CTSDB

/// Float samples of a series.
struct FloatSamples {
  var times: [Int64] = []
  var values: [Double] = []
  /// Empty: start times play no part.
  var starts: [Int64] = []

  func withColumns<Result>(_ body: (tsdb_float_columns) throws -> Result) rethrows -> Result {
    try times.withUnsafeBufferPointer { times in
      try values.withUnsafeBufferPointer { values in
        try starts.withUnsafeBufferPointer { starts in
          try body(
            tsdb_float_columns(
              timestamps_ms: times.baseAddress, values: values.baseAddress,
              start_timestamps_ms: starts.isEmpty ? nil : starts.baseAddress, count: times.count))
        }
      }
    }
  }

  /// Indexes of the samples in (end - range, end].
  func window(end: Int64, range: Int64) -> Range<Int> {
    let begin = times.firstIndex { $0 > end - range } ?? times.count
    let stop = times.firstIndex { $0 > end } ?? times.count
    return begin..<max(begin, stop)
  }
}

struct KahanSum {
  var sum = 0.0
  var rest = 0.0

  mutating func add(_ value: Double) {
    let total = sum + value
    if total.isInfinite {
      rest = 0
    } else if abs(sum) >= abs(value) {
      rest += (sum - total) + value
    } else {
      rest += (value - total) + sum
    }
    sum = total
  }
}

/// One function at one window; nil is no result.
func overTimeReference(_ function: tsdb_over_time, _ samples: FloatSamples, _ window: Range<Int>) -> Double? {
  guard let first = window.first, let last = window.last else { return nil }
  let values = Array(samples.values[window])
  switch function {
  case TSDB_SUM_OVER_TIME:
    var sum = KahanSum()
    for value in values { sum.add(value) }
    return sum.sum.isInfinite ? sum.sum : sum.sum + sum.rest
  case TSDB_AVG_OVER_TIME:
    var sum = KahanSum(sum: values[0])
    for (i, value) in values.enumerated().dropFirst() {
      var next = sum
      next.add(value)
      if next.sum.isInfinite {
        var mean = KahanSum(sum: sum.sum / Double(i), rest: sum.rest / Double(i))
        for j in i..<values.count {
          let n = Double(j + 1)
          let q = (n - 1) / n
          mean = KahanSum(sum: q * mean.sum, rest: q * mean.rest)
          mean.add(values[j] / n)
        }
        return mean.sum + mean.rest
      }
      sum = next
    }
    return sum.sum / Double(values.count) + sum.rest / Double(values.count)
  case TSDB_COUNT_OVER_TIME: return Double(values.count)
  case TSDB_MIN_OVER_TIME: return values.dropFirst().reduce(values[0]) { $1 < $0 || $0.isNaN ? $1 : $0 }
  case TSDB_MAX_OVER_TIME: return values.dropFirst().reduce(values[0]) { $1 > $0 || $0.isNaN ? $1 : $0 }
  case TSDB_FIRST_OVER_TIME: return values[0]
  case TSDB_LAST_OVER_TIME: return values[values.count - 1]
  case TSDB_PRESENT_OVER_TIME: return 1
  case TSDB_STDDEV_OVER_TIME, TSDB_STDVAR_OVER_TIME:
    var mean = KahanSum()
    var squares = KahanSum()
    for (i, value) in values.enumerated() {
      let delta = value - (mean.sum + mean.rest)
      mean.add(delta / Double(i + 1))
      squares.add(delta * (value - (mean.sum + mean.rest)))
    }
    let variance = (squares.sum + squares.rest) / Double(values.count)
    return function == TSDB_STDVAR_OVER_TIME ? variance : variance.squareRoot()
  case TSDB_MAD_OVER_TIME:
    if values.contains(where: { $0.isNaN }) { return .nan }
    let median = quantileReference(0.5, values)
    return quantileReference(0.5, values.map { abs($0 - median) })
  case TSDB_MODE_OVER_TIME:
    let counts = Dictionary(values.filter { !$0.isNaN }.map { ($0, 1) }, uniquingKeysWith: +)
    let most = counts.values.max()
    return counts.filter { $0.value == most }.keys.min().map { $0 + 0 } ?? .nan
  case TSDB_TS_OF_FIRST_OVER_TIME: return Double(samples.times[first]) / 1000
  case TSDB_TS_OF_LAST_OVER_TIME: return Double(samples.times[last]) / 1000
  case TSDB_TS_OF_MIN_OVER_TIME, TSDB_TS_OF_MAX_OVER_TIME:
    var at = first
    for i in window {
      let (new, old) = (samples.values[i], samples.values[at])
      if (function == TSDB_TS_OF_MAX_OVER_TIME ? new >= old : new <= old) || old.isNaN { at = i }
    }
    return Double(samples.times[at]) / 1000
  case TSDB_DERIV:
    return values.count < 2 ? nil : lineReference(samples, window, origin: samples.times[first]).slope
  default: return nil
  }
}

func quantileReference(_ phi: Double, _ values: [Double]) -> Double {
  if values.isEmpty || phi.isNaN { return .nan }
  if phi < 0 { return -.infinity }
  if phi > 1 { return .infinity }
  let sorted = values.sorted { ($0.isNaN && !$1.isNaN) || $0 < $1 }
  let rank = phi * Double(sorted.count - 1)
  let lower = max(0, Int(rank.rounded(.down)))
  let weight = rank - rank.rounded(.down)
  return sorted[lower] * (1 - weight) + sorted[min(sorted.count - 1, lower + 1)] * weight
}

func lineReference(_ samples: FloatSamples, _ window: Range<Int>, origin: Int64) -> (slope: Double, intercept: Double) {
  var (x, y, xy, xx) = (KahanSum(), KahanSum(), KahanSum(), KahanSum())
  let first = samples.values[window.lowerBound]
  if window.allSatisfy({ samples.values[$0] == first }) {
    return first.isInfinite ? (.nan, .nan) : (0, first)
  }
  for i in window {
    let time = Double(samples.times[i] - origin) / 1e3
    x.add(time)
    y.add(samples.values[i])
    xy.add(time * samples.values[i])
    xx.add(time * time)
  }
  let n = Double(window.count)
  let (sumX, sumY) = (x.sum + x.rest, y.sum + y.rest)
  let covariance = (xy.sum + xy.rest) - sumX * sumY / n
  let variance = (xx.sum + xx.rest) - sumX * sumX / n
  let slope = covariance / variance
  return (slope, sumY / n - slope * sumX / n)
}

func startIsReset(_ samples: FloatSamples, _ i: Int) -> Bool {
  if samples.starts.isEmpty { return false }
  let (beforeStart, before, start, time) = (
    samples.starts[i - 1], samples.times[i - 1], samples.starts[i], samples.times[i]
  )
  if start == 0 || start >= time || start < before { return false }
  if start > before { return true }
  if beforeStart > before { return false }
  return beforeStart != 0 && beforeStart != before
}

func rangeSeconds(_ range: Int64) -> Double { Double(range / 1000) + Double(range % 1000 * 1_000_000) / 1e9 }

func rateReference(
  _ kind: tsdb_rate_kind, _ samples: FloatSamples, _ window: Range<Int>, end: Int64, range: Int64
) -> Double? {
  guard let first = window.first, let last = window.last else { return nil }
  let isCounter = kind != TSDB_DELTA
  var difference = samples.values[last] - samples.values[first]
  if isCounter {
    for i in window.dropFirst()
    where samples.values[i] < samples.values[i - 1] || startIsReset(samples, i) {
      difference += samples.values[i - 1]
    }
  }
  var toStart = Double(samples.times[first] - (end - range)) / 1000
  var toEnd = Double(end - samples.times[last]) / 1000
  var sampled = Double(samples.times[last] - samples.times[first]) / 1000
  let gap = window.count > 1 ? sampled / Double(window.count - 1) : 0
  let start = isCounter && !samples.starts.isEmpty ? samples.starts[first] : 0
  if start != 0, start > end - range, start < samples.times[first] {
    toStart = 0
    sampled = Double(samples.times[last] - start) / 1000
    difference += samples.values[first]
  } else if window.count == 1 {
    return nil
  } else {
    if toStart >= gap * 1.1 { toStart = gap / 2 }
    if isCounter, difference > 0, samples.values[first] >= 0 {
      toStart = min(toStart, sampled * (samples.values[first] / difference))
    }
  }
  if toEnd >= gap * 1.1 { toEnd = gap / 2 }
  var factor = sampled == 0 ? 1 : (sampled + toStart + toEnd) / sampled
  if kind == TSDB_RATE { factor /= rangeSeconds(range) }
  return difference * factor
}

/// Rates of selectors that look beyond their window.
func extendedRateReference(
  _ kind: tsdb_rate_kind, _ samples: FloatSamples, end: Int64, range: Int64, lookback: Int64, isSmoothed: Bool
) -> Double? {
  let isCounter = kind != TSDB_DELTA
  let start = end - range
  let wide = samples.times.indices.filter {
    samples.times[$0] > start - lookback && samples.times[$0] <= (isSmoothed ? end + lookback : end)
  }
  guard let newest = wide.last, let oldest = wide.first else { return nil }
  let first = wide.dropLast().last { samples.times[$0] <= start } ?? oldest
  let last = isSmoothed ? wide.first { samples.times[$0] >= end } ?? newest : newest
  if samples.times[last] <= start || (isSmoothed && samples.times[first] > end) { return nil }
  func line(_ i: Int, _ time: Int64) -> Double {
    let from = isCounter && samples.values[i + 1] < samples.values[i] ? 0 : samples.values[i]
    return from + (samples.values[i + 1] - from) * Double(time - samples.times[i])
      / Double(samples.times[i + 1] - samples.times[i])
  }
  let left = isSmoothed && samples.times[first] < start ? line(first, start) : samples.values[first]
  let right =
    isSmoothed && last > oldest && samples.times[last] > end ? line(last - 1, end) : samples.values[last]
  var result = right - left
  if isCounter {
    var correction = 0.0
    var before = left
    for i in wide where samples.times[i] > start && samples.times[i] < end {
      if samples.values[i] < before { correction += before }
      before = samples.values[i]
    }
    if right < before { correction += before }
    result += correction
  }
  return kind == TSDB_RATE ? result / rangeSeconds(range) : result
}
