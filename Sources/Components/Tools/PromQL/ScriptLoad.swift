// What a `load` command brings.
internal import PromQL
internal import TSModel

/// Series of one `load`.
struct ScriptLoad {
  private var series: [Labels: [ScriptSample]] = [:]

  /// Reads the lines of a block: a series with its values each, the first at time 0, the others `stepMs` apart.
  init(_ lines: [(line: Int, text: String)], stepMs: Int64) throws {
    var starts: (labels: Labels, offsets: [Int64?])?
    for (line, text) in lines {
      var notation = ScriptNotation(text, line: line)
      let (labels, suffix) = try notation.series()
      if suffix == "@st" {
        starts = (labels, try notation.startOffsets())
        continue
      }
      guard suffix.isEmpty else { throw ScriptError(line: line, message: "\(suffix) behind a series") }
      let values = try notation.values()
      if let starts, starts.labels != labels || starts.offsets.count != values.count {
        throw ScriptError(line: line, message: "start times are not those of the series that follows")
      }
      var samples: [ScriptSample] = []
      for (index, value) in values.enumerated() {
        let timeMs = Int64(index) * stepMs
        let startMs = starts?.offsets[index].map { timeMs + $0 } ?? 0
        switch value {
        case .none: break
        case .float(let number): samples.append(ScriptSample(timeMs: timeMs, startMs: startMs, value: .float(number)))
        case .histogram(let histogram, _):
          samples.append(ScriptSample(timeMs: timeMs, startMs: startMs, value: .histogram(histogram)))
        }
      }
      series[labels] = samples
      starts = nil
    }
  }

  /// Puts the series into a storage.
  func store(in storage: ScriptStorage) {
    for (labels, samples) in series { storage.append(samples, to: labels) }
  }

  /// Puts native histograms with custom buckets into a storage, one for each classic histogram of this load at each time.
  func storeCustomBuckets(in storage: ScriptStorage) {
    for (labels, samples) in ClassicConversion(series).histograms { storage.append(samples, to: labels) }
  }
}

extension ScriptNotation {
  /// Start times relative to their samples, milliseconds: `_`, `-1m`, `-1m-1sx3`, `_x3`.
  mutating func startOffsets() throws -> [Int64?] {
    var result: [Int64?] = []
    while let word = nextWord() {
      if word == "_" {
        result.append(nil)
      } else if word.hasPrefix("_x"), let count = Int(word.dropFirst(2)) {
        result += Array(repeating: nil, count: count)
      } else {
        result += try offsets(word)
      }
    }
    return result
  }

  private func offsets(_ word: String) throws -> [Int64?] {
    if let value = try? milliseconds(word, line) { return [value] }
    guard let times = word.lastIndex(of: "x"), let count = Int(word[word.index(after: times)...]) else {
      throw ScriptError(line: line, message: "no start time: \(word)")
    }
    let base = word[..<times]
    if let value = try? milliseconds(base, line) { return Array(repeating: value, count: count + 1) }
    var place = base.endIndex
    while place > base.startIndex {
      place = base.index(before: place)
      guard place > base.startIndex, base[place] == "+" || base[place] == "-",
        let start = try? milliseconds(base[..<place], line),
        let step = try? milliseconds(base[base.index(after: place)...], line)
      else { continue }
      return (0...count).map { start + Int64($0) * (base[place] == "+" ? step : -step) }
    }
    throw ScriptError(line: line, message: "no start time: \(word)")
  }
}

/// Classic histograms made into native ones with custom buckets.
private struct ClassicConversion {
  private struct Parts {
    var buckets: [Double: Double] = [:]
    var count: Double?
    var sum: Double?
  }

  private var found: [Labels: [Int64: Parts]] = [:]

  init(_ series: [Labels: [ScriptSample]]) {
    for (labels, samples) in series {
      guard let name = labels["__name__"] else { continue }
      for suffix in ["_bucket", "_count", "_sum"] where name.hasSuffix(suffix) {
        let bound = labels["le"].flatMap { number($0) }
        if suffix == "_bucket", bound == nil { continue }
        var pairs = labels.filter { $0.name != "le" && $0.name != "__name__" }.map { ($0.name, $0.value) }
        pairs.append(("__name__", String(name.dropLast(suffix.count))))
        let key = Labels(pairs.map { (name: $0.0, value: $0.1) })
        for sample in samples {
          guard case .float(let value) = sample.value else { continue }
          var parts = found[key, default: [:]][sample.timeMs, default: Parts()]
          switch suffix {
          case "_bucket": parts.buckets[bound ?? .infinity] = value
          case "_count": parts.count = value
          default: parts.sum = value
          }
          found[key, default: [:]][sample.timeMs] = parts
        }
      }
    }
  }

  var histograms: [(Labels, [ScriptSample])] {
    found.map { labels, times in
      (
        labels,
        times.sorted { $0.key < $1.key }.compactMap { timeMs, parts in
          histogram(parts).map { ScriptSample(timeMs: timeMs, value: .histogram($0)) }
        }
      )
    }
  }

  private func histogram(_ parts: Parts) -> Histogram? {
    guard !parts.buckets.isEmpty else { return nil }
    let sorted = parts.buckets.sorted { $0.key < $1.key }
    let bounds = sorted.map(\.key).filter { $0 != .infinity }
    var (previous, buckets) = (0.0, [Double]())
    for (_, count) in sorted {
      buckets.append(count - previous)
      previous = count
    }
    let count = parts.count ?? previous
    if sorted.last?.key != .infinity { buckets.append(count - previous) }
    return Histogram(
      schema: Histogram.customBoundsSchema, sum: parts.sum ?? 0,
      positiveSpans: [Histogram.Span(offset: 0, length: UInt32(buckets.count))], customValues: bounds,
      counts: .float(count: count, zeroCount: 0, positive: buckets, negative: []))
  }
}
