// The OpenMetrics text format, read strictly: the 1.0 text with the quoted names that Prometheus 3 added to it.
//
//   # TYPE http_requests counter              metadata, checked and dropped
//   http_requests_total{code="200"} 17 1.5    name, labels, value, seconds; all of them must be there
//   {"http.requests","my label"="x"} 1 2      names of any UTF-8 in quotes
//   # EOF                                      the last line; without it the text was cut short
//
// Labels come out sorted by name, as bytes with 0xFF between (which no UTF-8 text holds), ready to be a key.

/// What a line says.
enum OpenMetricsLine: Equatable {
  /// A sample: its labels are in `OpenMetricsParser.key`.
  case sample(timestampMs: Int64, value: Double)
  /// `# TYPE`, `# HELP` or `# UNIT`.
  case metadata
  /// `# EOF`.
  case end
}

/// Why a line is refused.
struct OpenMetricsError: Error, Equatable {
  let message: String
}

/// Reads one line after another. It holds the labels of the last sample and what it must remember of the lines before.
struct OpenMetricsParser {
  /// The labels of the last sample: name, 0xFF, value, 0xFF and so on, in the order of names.
  private(set) var key: [UInt8] = []
  /// Whether the last sample had the very labels of the one before, byte for byte in the text.
  private(set) var isSameSeries = false
  /// Exemplars met; they are checked and dropped, as blocks hold none.
  private(set) var exemplarCount = 0

  /// The text before the value in the last sample's line.
  private var seriesText: [UInt8] = []
  private var labels: [(name: Range<Int>, value: Range<Int>)] = []
  private var decoded: [UInt8] = []

  init() {}

  /// Reads `line`, which is given without its line feed.
  mutating func parse(_ line: Span<UInt8>) throws(OpenMetricsError) -> OpenMetricsLine {
    if line.count == 0 { throw OpenMetricsError(message: "empty line") }
    if line[0] == UInt8(ascii: "#") { return try comment(line) }
    var at = 0
    if startsWithLastSeries(line) {
      isSameSeries = true
      at = seriesText.count
    } else {
      isSameSeries = false
      at = try series(line)
    }
    return try valueAndTime(line, from: at)
  }

  // MARK: Metadata

  private func comment(_ line: Span<UInt8>) throws(OpenMetricsError) -> OpenMetricsLine {
    if equals(line, from: 0, "# EOF") { return .end }
    for keyword in ["# TYPE ", "# HELP ", "# UNIT "] as [StaticString] where starts(line, keyword) {
      var at = keyword.utf8CodeUnitCount
      let nameStart = at
      var name = nameStart..<nameStart
      if at < line.count, line[at] == UInt8(ascii: "\"") {
        var scratch: [UInt8] = []
        at = try quotedText(line, from: at, into: &scratch)
        name = (nameStart + 1)..<(at - 1)
      } else {
        while at < line.count, isNameByte(line[at], isFirst: at == nameStart, colons: true) { at += 1 }
        name = nameStart..<at
      }
      if name.isEmpty { throw OpenMetricsError(message: "a metric name was expected after \(keyword)") }
      // HELP and UNIT may say nothing, TYPE may not.
      if at == line.count, !starts(line, "# TYPE ") { return .metadata }
      guard at < line.count, line[at] == UInt8(ascii: " ") else {
        throw OpenMetricsError(message: "a blank was expected after the metric name")
      }
      at += 1
      if starts(line, "# TYPE ") {
        let kinds: [StaticString] = [
          "counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary", "unknown",
        ]
        guard kinds.contains(where: { equals(line, from: at, $0) }) else {
          throw OpenMetricsError(message: "invalid metric type \"\(string(of: line.extracting(at..<line.count)))\"")
        }
      } else if starts(line, "# UNIT "), at < line.count {
        let unit = at..<line.count
        let ending = name.count - unit.count - 1
        var matches = ending > 0 && line[name.lowerBound + max(0, ending)] == UInt8(ascii: "_")
        for offset in 0..<unit.count where matches {
          matches = line[name.lowerBound + ending + 1 + offset] == line[unit.lowerBound + offset]
        }
        if !matches { throw OpenMetricsError(message: "the unit is not the end of the metric's name") }
      }
      return .metadata
    }
    throw OpenMetricsError(message: "expected # TYPE, # HELP, # UNIT or # EOF")
  }

  // MARK: Name and labels

  private func startsWithLastSeries(_ line: Span<UInt8>) -> Bool {
    guard !seriesText.isEmpty, line.count > seriesText.count, line[seriesText.count] == UInt8(ascii: " ") else {
      return false
    }
    let text = seriesText.span
    for index in text.indices where text[index] != line[index] { return false }
    return true
  }

  /// Reads name and labels into `key`; returns where they end.
  private mutating func series(_ line: Span<UInt8>) throws(OpenMetricsError) -> Int {
    labels.removeAll(keepingCapacity: true)
    decoded.removeAll(keepingCapacity: true)
    seriesText.removeAll(keepingCapacity: true)
    var at = 0
    while at < line.count, isNameByte(line[at], isFirst: at == 0, colons: true) { at += 1 }
    if at > 0 { addMetricName(line, 0..<at) }
    if at < line.count, line[at] == UInt8(ascii: "{") {
      at += 1
      while true {
        if at < line.count, line[at] == UInt8(ascii: "}") {
          at += 1
          break
        }
        at = try label(line, from: at)
        if at < line.count, line[at] == UInt8(ascii: ",") {
          at += 1
        } else if at == line.count || line[at] != UInt8(ascii: "}") {
          throw OpenMetricsError(message: "expected , or } at column \(at + 1)")
        }
      }
    }
    if at == 0 { throw OpenMetricsError(message: "expected a metric name or { at column 1") }
    try buildKey()
    for index in 0..<at { seriesText.append(line[index]) }
    return at
  }

  private mutating func addMetricName(_ line: Span<UInt8>, _ name: Range<Int>) {
    let start = decoded.count
    for letter in "__name__".utf8 { decoded.append(letter) }
    let middle = decoded.count
    for index in name { decoded.append(line[index]) }
    labels.append((start..<middle, middle..<decoded.count))
  }

  private mutating func label(_ line: Span<UInt8>, from start: Int) throws(OpenMetricsError) -> Int {
    var at = start
    let nameStart = decoded.count
    let isQuoted = at < line.count && line[at] == UInt8(ascii: "\"")
    if isQuoted {
      at = try quotedText(line, from: at, into: &decoded)
      let next = at < line.count ? line[at] : 0
      if next == UInt8(ascii: ",") || next == UInt8(ascii: "}") {
        // A quoted text alone is the metric's name.
        let text = nameStart..<decoded.count
        let name = decoded.count..<decoded.count + 8
        decoded.append(contentsOf: "__name__".utf8)
        labels.append((name, text))
        return at
      }
    } else {
      while at < line.count, isNameByte(line[at], isFirst: at == start, colons: false) {
        decoded.append(line[at])
        at += 1
      }
    }
    let name = nameStart..<decoded.count
    if name.isEmpty { throw OpenMetricsError(message: "expected a label name at column \(at + 1)") }
    guard at < line.count, line[at] == UInt8(ascii: "=") else {
      throw OpenMetricsError(message: "expected = at column \(at + 1)")
    }
    at += 1
    guard at < line.count, line[at] == UInt8(ascii: "\"") else {
      throw OpenMetricsError(message: "expected a label value in quotes at column \(at + 1)")
    }
    let valueStart = decoded.count
    at = try quotedText(line, from: at, into: &decoded)
    labels.append((name, valueStart..<decoded.count))
    return at
  }

  /// Reads a text in double quotes that begins at `start`; returns where it ends, after the closing quote.
  private func quotedText(_ line: Span<UInt8>, from start: Int, into out: inout [UInt8]) throws(OpenMetricsError) -> Int
  {
    var at = start + 1
    while at < line.count {
      let byte = line[at]
      at += 1
      if byte == UInt8(ascii: "\"") { return at }
      if byte == UInt8(ascii: "\\") {
        guard at < line.count else { break }
        switch line[at] {
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(line[at])
        default:
          // Prometheus keeps what it does not know.
          out.append(byte)
          out.append(line[at])
        }
        at += 1
      } else {
        out.append(byte)
      }
    }
    throw OpenMetricsError(message: "a text in quotes that begins at column \(start + 1) does not end")
  }

  /// Sorts the labels and writes `key`. Labels without a value are no labels.
  private mutating func buildKey() throws(OpenMetricsError) {
    let text = decoded
    func order(_ a: Range<Int>, _ b: Range<Int>) -> Int {
      for (left, right) in zip(text[a], text[b]) where left != right { return Int(left) - Int(right) }
      return a.count - b.count
    }
    // Insertion sort: labels are few, and mostly sorted.
    for index in labels.indices.dropFirst() {
      var place = index
      while place > 0, order(labels[place - 1].name, labels[place].name) > 0 {
        labels.swapAt(place - 1, place)
        place -= 1
      }
    }
    for (left, right) in zip(labels, labels.dropFirst()) where order(left.name, right.name) == 0 {
      throw OpenMetricsError(message: "label \"\(String(decoding: text[left.name], as: UTF8.self))\" occurs twice")
    }
    key.removeAll(keepingCapacity: true)
    for label in labels where !label.value.isEmpty {
      key.append(contentsOf: text[label.name])
      key.append(0xFF)
      key.append(contentsOf: text[label.value])
      key.append(0xFF)
    }
    if !isUTF8(text.span) { throw OpenMetricsError(message: "a name or a label value is not UTF-8") }
    if key.isEmpty { throw OpenMetricsError(message: "a sample without a name and without labels") }
  }

  // MARK: Value, time, exemplar

  private mutating func valueAndTime(_ line: Span<UInt8>, from start: Int) throws(OpenMetricsError) -> OpenMetricsLine {
    guard let valueText = word(line, after: start) else {
      throw OpenMetricsError(message: "expected a blank and a value at column \(start + 1)")
    }
    guard let value = double(of: line.extracting(valueText)) else {
      throw OpenMetricsError(message: "invalid value \"\(string(of: line.extracting(valueText)))\"")
    }
    guard let timeText = word(line, after: valueText.upperBound), line[timeText.lowerBound] != UInt8(ascii: "#") else {
      throw OpenMetricsError(message: "a timestamp is missing: every sample of a block needs one")
    }
    guard let timestampMs = milliseconds(ofSeconds: line.extracting(timeText)) else {
      throw OpenMetricsError(message: "invalid timestamp \"\(string(of: line.extracting(timeText)))\"")
    }
    if timeText.upperBound < line.count { try exemplar(line, from: timeText.upperBound) }
    return .sample(timestampMs: timestampMs, value: value)
  }

  /// ` # {labels} value [timestamp]` to the end of the line.
  private mutating func exemplar(_ line: Span<UInt8>, from start: Int) throws(OpenMetricsError) {
    let refusal = OpenMetricsError(message: "unexpected text at column \(start + 1)")
    guard let hash = word(line, after: start), equals(line.extracting(hash), from: 0, "#"),
      hash.upperBound + 1 < line.count, line[hash.upperBound] == UInt8(ascii: " "),
      line[hash.upperBound + 1] == UInt8(ascii: "{")
    else { throw refusal }
    var at = hash.upperBound + 2
    var scratch = OpenMetricsParser()
    while at < line.count, line[at] != UInt8(ascii: "}") {
      at = try scratch.label(line, from: at)
      if at < line.count, line[at] == UInt8(ascii: ",") {
        at += 1
      } else if at == line.count || line[at] != UInt8(ascii: "}") {
        throw OpenMetricsError(message: "expected , or } at column \(at + 1)")
      }
    }
    guard at < line.count, let value = word(line, after: at + 1), double(of: line.extracting(value)) != nil else {
      throw OpenMetricsError(message: "an exemplar without a value")
    }
    if value.upperBound < line.count {
      guard let time = word(line, after: value.upperBound), milliseconds(ofSeconds: line.extracting(time)) != nil,
        time.upperBound == line.count
      else { throw OpenMetricsError(message: "invalid timestamp of an exemplar") }
    }
    exemplarCount += 1
  }

  /// One blank at `start`, then what follows up to the next blank; nil where there is none.
  private func word(_ line: Span<UInt8>, after start: Int) -> Range<Int>? {
    guard start < line.count, line[start] == UInt8(ascii: " ") else { return nil }
    var at = start + 1
    while at < line.count, line[at] != UInt8(ascii: " ") { at += 1 }
    return at == start + 1 ? nil : start + 1..<at
  }

  // MARK: Bytes

  private func isNameByte(_ byte: UInt8, isFirst: Bool, colons: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): !isFirst
    case UInt8(ascii: ":"): colons
    default: false
    }
  }

  private func starts(_ line: Span<UInt8>, _ text: StaticString) -> Bool {
    line.count >= text.utf8CodeUnitCount && equals(line.extracting(0..<text.utf8CodeUnitCount), from: 0, text)
  }

  private func equals(_ line: Span<UInt8>, from start: Int, _ text: StaticString) -> Bool {
    guard line.count - start == text.utf8CodeUnitCount else { return false }
    var matches = true
    text.withUTF8Buffer { letters in
      for offset in 0..<letters.count where unsafe line[start + offset] != letters[offset] { matches = false }
    }
    return matches
  }
}

/// Whether all bytes are UTF-8 sequences, one after another.
func isUTF8(_ text: Span<UInt8>) -> Bool {
  unsafe text.withUnsafeBytes { bytes in
    var at = 0
    while at < bytes.count {
      let length = unsafe utf8Length(of: bytes, at: at)
      if length == 0 { return false }
      at += length
    }
    return true
  }
}
