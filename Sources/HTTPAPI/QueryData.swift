// The data of a query's answer: {"resultType":"matrix","result":[…]}, series by series.
internal import PromQL
internal import TSModel

/// Writes the answer of a query.
struct QueryData: DataPieces {
  private let result: QueryResult
  /// How many series are written.
  let seriesCount: Int
  /// What stands behind the result, from the comma on.
  private let ending: String
  /// The text of all steps' times.
  private let times: [UInt8]
  private var series = 0
  private var part = Part.start
  private var index = 0
  private var isFirst = true
  /// Whether this is a part of an answer.
  private var isPart = false
  private var hasSeriesBefore = false

  private enum Part {
    case start, labels, floats, histograms, end, finished
  }

  /// Some series of a matrix, without anything around them: commas stand before all but the first of the answer.
  init(partOf result: QueryResult, times: [UInt8], isFirst: Bool) {
    self.result = result
    if case .matrix(let rows) = result.value { seriesCount = rows.count } else { seriesCount = 0 }
    ending = ""
    self.times = times
    part = .labels
    (isPart, hasSeriesBefore) = (true, !isFirst)
  }

  /// The answer with at most `limit` series (0: all of them); `isTruncated` tells whether that left some out.
  init(_ result: QueryResult, limit: Int, ending: String, isTruncated: inout Bool) throws {
    self.result = result
    self.ending = ending
    let count =
      switch result.value {
      case .matrix(let rows), .vector(let rows): rows.count
      case .samples(let samples): samples.series.count
      case .scalar, .string: 0
      }
    seriesCount = limit > 0 ? min(limit, count) : count
    isTruncated = seriesCount < count
    if case .matrix = result.value { times = try JSONBytes.times(of: result.grid) } else { times = [] }
  }

  /// About as many bytes are written at a time.
  private static let pieceBytes = 64 << 10

  mutating func write(to json: inout JSONBytes) throws -> Bool {
    let start = json.count
    while json.count - start < Self.pieceBytes {
      switch part {
      case .start: try writeStart(&json)
      case .labels:
        guard series < seriesCount else {
          if isPart {
            part = .finished
            return false
          }
          json.append("]")
          part = .end
          continue
        }
        try writeLabels(&json)
      case .floats, .histograms: try writeSamples(&json)
      case .end:
        json.append(raw: ending)
        json.append("}")
        part = .finished
        return false
      case .finished: return false
      }
    }
    return true
  }

  private mutating func writeStart(_ json: inout JSONBytes) throws {
    part = .labels
    let timeMs = result.grid.startMs
    switch result.value {
    case .matrix, .samples: json.append("{\"resultType\":\"matrix\",\"result\":[")
    case .vector: json.append("{\"resultType\":\"vector\",\"result\":[")
    case .scalar(let value):
      json.append("{\"resultType\":\"scalar\",\"result\":[")
      try json.append(number: Double(timeMs) / 1000)
      json.append(",\"")
      try json.append(plainNumber: value)
      json.append("\"]")
      part = .end
    case .string(let bytes):
      json.append("{\"resultType\":\"string\",\"result\":[")
      try json.append(number: Double(timeMs) / 1000)
      json.append(",")
      try json.append(string: String(decoding: bytes, as: UTF8.self))
      json.append("]")
      part = .end
    }
  }

  private mutating func writeLabels(_ json: inout JSONBytes) throws {
    if series > 0 || hasSeriesBefore { json.append(",") }
    json.append("{\"metric\":")
    switch result.value {
    case .matrix(let rows), .vector(let rows): try json.append(labels: rows.labels(series))
    case .samples(let samples): try json.append(labels: samples.series[series].labels[...])
    case .scalar, .string: break
    }
    if case .vector(let rows) = result.value {
      try writeSample(rows, &json)
      closeSeries(&json)
    } else {
      part = .floats
    }
  }

  private func writeSample(_ rows: ResultRows, _ json: inout JSONBytes) throws {
    if let histogram = rows.histogram(series, 0) {
      json.append(",\"histogram\":[")
      try json.append(timestampMs: result.grid.startMs)
      json.append(",")
      try json.append(histogram: histogram, of: rows.pool)
    } else {
      json.append(",\"value\":[")
      try json.append(timestampMs: result.grid.startMs)
      json.append(",")
      try json.append(value: rows.float(series, 0) ?? .nan)
    }
    json.append("]")
  }

  private mutating func closeSeries(_ json: inout JSONBytes) {
    json.append("}")
    series += 1
    (part, index, isFirst) = (.labels, 0, true)
  }

  private mutating func writeSamples(_ json: inout JSONBytes) throws {
    if part == .floats {
      guard try writeFloats(&json) else { return }
      if !isFirst { json.append("]") }
      (part, index, isFirst) = (.histograms, 0, true)
    }
    guard try writeHistograms(&json) else { return }
    if !isFirst { json.append("]") }
    closeSeries(&json)
  }

  /// Writes some floats of a series. True once there are no more.
  private mutating func writeFloats(_ json: inout JSONBytes) throws -> Bool {
    switch result.value {
    case .matrix(let rows):
      let count = rows.stepCount
      if isFirst {
        // The kernel begins with the first point; whether there is one must be known before.
        index = unsafe rows.withFloats(series) { row in unsafe JSONBytes.firstPoint(of: row) }
        if index == count { return true }
        json.append(",\"values\":[")
      }
      let (series, times) = (series, times)
      try unsafe rows.withFloats(series) { row in
        try unsafe json.append(points: row, times: times, step: &index, isFirst: &isFirst)
      }
      return index == count
    case .samples(let samples):
      let one = samples.series[series]
      if one.floats.isEmpty { return true }
      if isFirst { json.append(",\"values\":[") }
      try json.append(samples: one.floats, timesMs: one.floatTimesMs, index: &index, isFirst: &isFirst)
      return index == one.floats.count
    case .vector, .scalar, .string: return true
    }
  }

  /// Writes some histograms of a series. True once there are no more.
  private mutating func writeHistograms(_ json: inout JSONBytes) throws -> Bool {
    let start = json.count
    while json.count - start < Self.pieceBytes {
      switch result.value {
      case .matrix(let rows):
        guard rows.hasHistograms, index < rows.stepCount else { return true }
        if let histogram = rows.histogram(series, index) {
          try writeHistogram(histogram, of: rows.pool, at: result.grid.timeMs(index), &json)
        }
      case .samples(let samples):
        let one = samples.series[series]
        guard index < one.histograms.count else { return true }
        try writeHistogram(one.histograms[index], of: samples.pool, at: one.histogramTimesMs[index], &json)
      case .vector, .scalar, .string: return true
      }
      index += 1
    }
    return false
  }

  private mutating func writeHistogram(
    _ histogram: Int32, of pool: HistogramPool, at timeMs: Int64, _ json: inout JSONBytes
  ) throws {
    if isFirst { json.append(",\"histograms\":[") } else { json.append(",") }
    isFirst = false
    json.append("[")
    try json.append(timestampMs: timeMs)
    json.append(",")
    try json.append(histogram: histogram, of: pool)
    json.append("]")
  }
}
