// One `eval` command with what is expected of its answer.
internal import PromQL
internal import TSModel

/// An evaluation.
struct ScriptEvaluation {
  let line: Int
  let query: String
  private(set) var startMs: Int64
  private(set) var endMs: Int64
  /// 0 of an instant query.
  private(set) var stepMs: Int64 = 0
  private(set) var expectations = ScriptExpectations()
  private var series: [(labels: Labels, values: [ScriptValue])] = []
  private var scalar: Double?
  /// The steps at which something is expected of a range query that was an instant one.
  private var onlyStep: Int?

  /// Reads a command and its block.
  init(_ command: String, _ body: [(line: Int, text: String)], line: Int) throws {
    self.line = line
    var words = command.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
    let name = words.removeFirst().lowercased()
    expectations.mustFail = name == "eval_fail"
    expectations.isOrdered = name == "eval_ordered"
    if name == "eval_warn" { expectations.warnings.append(.any) }
    if name == "eval_info" { expectations.infos.append(.any) }
    func duration(_ index: Int) throws -> Int64 {
      guard words.startIndex + index < words.endIndex else {
        throw ScriptError(line: line, message: "a time is missing")
      }
      return try milliseconds(words[words.startIndex + index], line)
    }
    guard let kind = words.first else { throw ScriptError(line: line, message: "eval what?") }
    var skipped = 0
    if kind == "instant" {
      startMs = try duration(2)
      endMs = startMs
      skipped = 3
    } else if kind == "range" {
      (startMs, endMs, stepMs) = (try duration(2), try duration(4), try duration(6))
      skipped = 7
    } else {
      throw ScriptError(line: line, message: "no kind of evaluation: \(kind)")
    }
    guard words.count > skipped else { throw ScriptError(line: line, message: "a query is missing") }
    query = String(command[words[words.startIndex + skipped].startIndex...])
    for (line, text) in body { try read(text, line) }
  }

  private mutating func read(_ text: String, _ line: Int) throws {
    if try expectations.read(text, line) { return }
    if let value = number(text) {
      scalar = value
      return
    }
    var notation = ScriptNotation(text, line: line)
    let labels = try notation.series().labels
    series.append((labels, try notation.values()))
  }

  /// The same instant query in the middle of a range; nil where that would be another query.
  var asRange: ScriptEvaluation? {
    guard stepMs == 0, !expectations.isOrdered, expectations.text == nil, expectations.rangeGrid == nil,
      !expectations.mustFail
    else { return nil }
    for name in ["start()", "end()", "step()", "range()"] where query.contains(name) { return nil }
    guard let expression = try? Expression(parsing: query, options: .everything),
      expression.valueType == .vector || expression.valueType == .scalar
    else { return nil }
    var range = self
    range.startMs = startMs - 60_000
    range.endMs = startMs + 60_000
    range.stepMs = 60_000
    range.onlyStep = 1
    // Of its annotations those of the other steps are not known.
    range.expectations.forgetAnnotations()
    return range
  }

  // MARK: Comparing

  /// What of an answer is not as expected.
  func differences(_ result: QueryResult) -> [String] {
    var found = expectations.differences(warnings: result.warnings, infos: result.infos)
    switch result.value {
    case .scalar(let value):
      if let scalar {
        if !areAlmostEqual(scalar, value) { found.append("the scalar is \(value), not \(scalar)") }
      } else {
        found.append("a scalar was not expected: \(value)")
      }
    case .string(let bytes):
      let text = String(decoding: bytes, as: UTF8.self)
      if text != expectations.text { found.append("the string is \(text), not \(expectations.text ?? "expected")") }
    case .vector(let rows): found += differences(rows, isVector: true)
    case .matrix(let rows): found += differences(rows, isVector: false)
    case .samples(let samples): found += differences(samples)
    }
    return found
  }

  private func differences(_ rows: ResultRows, isVector: Bool) -> [String] {
    var found: [String] = []
    var expected = series
    if let scalar { expected = [(Labels(), Array(repeating: .float(scalar), count: rows.stepCount))] }
    var seen: Set<Labels> = []
    for row in 0..<rows.count {
      let labels = Labels(rows.labels(row))
      if !seen.insert(labels).inserted { found.append("\(labels) is there twice") }
      let steps = onlyStep.map { $0..<$0 + 1 } ?? 0..<rows.stepCount
      let isAny = steps.contains { rows.float(row, $0) != nil || rows.histogram(row, $0) != nil }
      guard isAny else { continue }
      guard let place = expected.firstIndex(where: { $0.labels == labels }) else {
        found.append("\(labels) was not expected")
        continue
      }
      if isVector, expectations.isOrdered, place != row { found.append("\(labels) is at \(row), not at \(place)") }
      for step in steps {
        let values = expected[place].values
        let index = onlyStep == nil ? step : 0
        let value = index < values.count ? values[index] : .none
        let actual: ScriptValue =
          rows.float(row, step).map { .float($0) }
          ?? rows.histogram(row, step).map { .histogram(rows.pool.histogram($0), checksHint: false) } ?? .none
        if let difference = difference(value, actual) { found.append("\(labels) at step \(step): \(difference)") }
      }
    }
    for (labels, values) in expected where !seen.contains(labels) {
      if values.contains(where: { if case .none = $0 { false } else { true } }) { found.append("\(labels) is missing") }
    }
    return found
  }

  private func differences(_ samples: ResultSamples) -> [String] {
    var found: [String] = []
    guard let grid = expectations.rangeGrid else { return ["a range vector was not expected"] }
    for one in samples.series {
      let labels = Labels(one.labels[...])
      guard let expected = series.first(where: { $0.labels == labels }) else {
        found.append("\(labels) was not expected")
        continue
      }
      var actual: [Int64: ScriptValue] = [:]
      for (time, value) in zip(one.floatTimesMs, one.floats) { actual[time] = .float(value) }
      for (time, index) in zip(one.histogramTimesMs, one.histograms) {
        actual[time] = .histogram(samples.pool.histogram(index), checksHint: false)
      }
      for (index, value) in expected.values.enumerated() {
        let timeMs = grid.startMs + Int64(index) * grid.stepMs
        if let difference = difference(value, actual.removeValue(forKey: timeMs) ?? .none) {
          found.append("\(labels) at \(timeMs) ms: \(difference)")
        }
      }
      for time in actual.keys { found.append("\(labels) has a sample at \(time) ms that was not expected") }
    }
    for expected in series where !samples.series.contains(where: { Labels($0.labels[...]) == expected.labels }) {
      found.append("\(expected.labels) is missing")
    }
    return found
  }

  private func difference(_ expected: ScriptValue, _ actual: ScriptValue) -> String? {
    switch (expected, actual) {
    case (.none, .none): return nil
    case (.float(let a), .float(let b)): return areAlmostEqual(a, b) ? nil : "it is \(b), not \(a)"
    case (.histogram(let a, let checksHint), .histogram(let b, _)):
      if checksHint, a.resetHint != b.resetHint { return "the hint is \(b.resetHint), not \(a.resetHint)" }
      return areAlmostEqual(a, b) ? nil : "it is \(b), not \(a)"
    case (.none, _): return "there is a value: \(actual)"
    case (_, .none): return "there is no value, not \(expected)"
    default: return "it is \(actual), not \(expected)"
    }
  }
}

/// Whether two numbers differ by no more than scripts allow.
private func areAlmostEqual(_ a: Double, _ b: Double) -> Bool {
  let isStale = { (value: Double) in value.bitPattern == Histogram.staleSumBits }
  if isStale(a) || isStale(b) { return isStale(a) && isStale(b) }
  if a.isNaN && b.isNaN || a == b { return true }
  let (sum, difference) = (a.magnitude + b.magnitude, (a - b).magnitude)
  if a == 0 || b == 0 || sum < .leastNormalMagnitude { return difference < 1e-6 * .leastNormalMagnitude }
  return difference / min(sum, .greatestFiniteMagnitude) < 1e-6
}

/// The same for histograms: buckets that are empty do not count.
private func areAlmostEqual(_ a: Histogram, _ b: Histogram) -> Bool {
  guard a.schema == b.schema, a.zeroThreshold == b.zeroThreshold, a.customValues == b.customValues,
    areAlmostEqual(a.sum, b.sum), case .float(let aCount, let aZero, let aPositive, let aNegative) = a.asFloat.counts,
    case .float(let bCount, let bZero, let bPositive, let bNegative) = b.asFloat.counts,
    areAlmostEqual(aCount, bCount), areAlmostEqual(aZero, bZero)
  else { return false }
  func buckets(_ spans: [Histogram.Span], _ counts: [Double]) -> [Int: Double] {
    var (found, index, place) = ([Int: Double](), 0, 0)
    for span in spans {
      index += Int(span.offset)
      for _ in 0..<span.length {
        if place < counts.count, counts[place] != 0 { found[index] = counts[place] }
        index += 1
        place += 1
      }
    }
    return found
  }
  func areEqual(_ x: [Int: Double], _ y: [Int: Double]) -> Bool {
    x.keys == y.keys && x.allSatisfy { areAlmostEqual($0.value, y[$0.key] ?? .nan) }
  }
  return areEqual(buckets(a.positiveSpans, aPositive), buckets(b.positiveSpans, bPositive))
    && areEqual(buckets(a.negativeSpans, aNegative), buckets(b.negativeSpans, bNegative))
}
