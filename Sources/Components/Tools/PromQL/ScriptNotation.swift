// The notation of series and their values in test scripts:
//
//   http_requests{job="api"}  0+10x5 _ 3 stale {{schema:0 sum:4 count:2 buckets:[1 1]}}x2
internal import PromQL
internal import TSModel

/// What is wrong with a script's text.
struct ScriptError: Error, CustomStringConvertible {
  var line: Int
  var message: String
  var description: String { "line \(line): \(message)" }
}

/// One value of a sequence.
enum ScriptValue: Sendable {
  /// No sample.
  case none
  case float(Double)
  /// `checksHint`: the notation named the counter reset hint.
  case histogram(Histogram, checksHint: Bool)
}

/// Reads series and values.
struct ScriptNotation {
  private let text: [UInt8]
  let line: Int
  private var position = 0

  init(_ text: some StringProtocol, line: Int) {
    self.text = Array(text.utf8)
    self.line = line
  }

  private func error(_ message: String) -> ScriptError { ScriptError(line: line, message: message) }

  private var current: UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipBlanks() {
    while let byte = current, byte == 0x20 || byte == 0x09 { position += 1 }
  }

  /// Whether all has been read.
  var isAtEnd: Bool {
    mutating get {
      skipBlanks()
      return position == text.count
    }
  }

  /// The next word; nil at the end.
  mutating func nextWord() -> String? {
    isAtEnd ? nil : word { $0 != 0x20 && $0 != 0x09 }
  }

  // MARK: Series

  /// The labels of a series, and what is glued to it: `up{job="a"}@st`.
  mutating func series() throws -> (labels: Labels, suffix: String) {
    skipBlanks()
    var pairs: [(name: String, value: String)] = []
    let name = word { Self.isNameByte($0) }
    if !name.isEmpty { pairs.append(("__name__", name)) }
    if current == UInt8(ascii: "{") {
      position += 1
      while true {
        skipBlanks()
        if current == UInt8(ascii: "}") {
          position += 1
          break
        }
        let isQuoted = current == UInt8(ascii: "\"") || current == UInt8(ascii: "'")
        let label = isQuoted ? try quotedText() : word { Self.isNameByte($0) }
        skipBlanks()
        if current == UInt8(ascii: "=") {
          position += 1
          skipBlanks()
          pairs.append((label, try quotedText()))
        } else if isQuoted {
          pairs.append(("__name__", label))
        } else {
          throw error("a label without a value in a series")
        }
        skipBlanks()
        if current == UInt8(ascii: ",") { position += 1 }
      }
    } else if name.isEmpty {
      throw error("no series at column \(position + 1)")
    }
    let suffix = word { $0 != 0x20 && $0 != 0x09 }
    return (Labels(pairs), suffix)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private mutating func word(while condition: (UInt8) -> Bool) -> String {
    let start = position
    while let byte = current, condition(byte) { position += 1 }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  private mutating func quotedText() throws -> String {
    guard let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") || quote == UInt8(ascii: "`")
    else { throw error("a text in quotes was expected at column \(position + 1)") }
    let start = position
    position += 1
    while let byte = current, byte != quote {
      position += byte == UInt8(ascii: "\\") && quote != UInt8(ascii: "`") ? 2 : 1
    }
    guard current == quote else { throw error("a text in quotes has no end") }
    position += 1
    // The language has the same texts: its parser undoes the escapes.
    let literal = String(decoding: text[start..<position], as: UTF8.self)
    do {
      guard case .stringLiteral(let node) = try Expression(parsing: literal) else { throw error("no text: \(literal)") }
      return node.value
    } catch let failure as ParseError { throw error("\(failure)") }
  }

  // MARK: Values

  /// All values of a line.
  mutating func values() throws -> [ScriptValue] {
    var result: [ScriptValue] = []
    while !isAtEnd { result += try item() }
    return result
  }

  private mutating func item() throws -> [ScriptValue] {
    if text[position...].starts(with: "{{".utf8) { return try histograms() }
    let word = word { $0 != 0x20 && $0 != 0x09 }
    if word == "stale" { return [.float(Double(bitPattern: Histogram.staleSumBits))] }
    if word.hasPrefix("_") {
      if word == "_" { return [.none] }
      guard word.hasPrefix("_x"), let count = Int(word.dropFirst(2)) else { throw error("no value: \(word)") }
      return Array(repeating: .none, count: count)
    }
    return try floats(word)
  }

  /// `1`, `1x3`, `1+2x3`, `1-2x3`
  private func floats(_ word: String) throws -> [ScriptValue] {
    guard let times = word.lastIndex(of: "x"), let count = Int(word[word.index(after: times)...]), count >= 0 else {
      guard let value = number(word) else { throw error("no value: \(word)") }
      return [.float(value)]
    }
    let base = String(word[..<times])
    if let value = number(base) { return Array(repeating: .float(value), count: count + 1) }
    // The sign of the step is the last one that does not belong to an exponent.
    var place = base.endIndex
    while place > base.startIndex {
      place = base.index(before: place)
      guard place > base.startIndex, base[place] == "+" || base[place] == "-",
        let start = number(String(base[..<place])), let step = number(String(base[base.index(after: place)...]))
      else { continue }
      var (value, values) = (start, [ScriptValue]())
      for _ in 0...count {
        values.append(.float(value))
        value += base[place] == "+" ? step : -step
      }
      return values
    }
    throw error("no value: \(word)")
  }

  /// `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`
  private mutating func histograms() throws -> [ScriptValue] {
    let (first, checksHint) = try histogram()
    var step: (histogram: Histogram, subtracts: Bool)?
    if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") {
      let subtracts = current == UInt8(ascii: "-")
      position += 1
      step = (try histogram().0, subtracts)
    }
    guard current == UInt8(ascii: "x") else {
      guard step == nil else { throw error("a step of histograms without a number of times") }
      return [.histogram(first, checksHint: checksHint)]
    }
    position += 1
    let digits = word { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let count = Int(digits) else { throw error("no number of times behind x") }
    guard let step else { return Array(repeating: .histogram(first, checksHint: checksHint), count: count + 1) }
    var (value, values) = (first, [ScriptValue]())
    for index in 0...count {
      values.append(.histogram(value, checksHint: checksHint))
      guard index < count else { break }
      guard let next = value.combined(with: step.histogram, subtracts: step.subtracts) else {
        throw error("histograms whose schemas do not go together")
      }
      value = next
    }
    return values
  }

  private mutating func histogram() throws -> (Histogram, Bool) {
    guard text[position...].starts(with: "{{".utf8) else {
      throw error("a histogram was expected at column \(position + 1)")
    }
    position += 2
    var fields = HistogramFields()
    while true {
      skipBlanks()
      if text[position...].starts(with: "}}".utf8) {
        position += 2
        return (fields.histogram, fields.namesHint)
      }
      let name = word { Self.isNameByte($0) && $0 != UInt8(ascii: ":") }
      guard current == UInt8(ascii: ":") else { throw error("a histogram's field without a value: \(name)") }
      position += 1
      try field(name, &fields)
    }
  }

  private mutating func field(_ name: String, _ fields: inout HistogramFields) throws {
    var list: [Double]?
    var value = ""
    if current == UInt8(ascii: "[") {
      position += 1
      var numbers: [Double] = []
      while true {
        skipBlanks()
        if current == UInt8(ascii: "]") {
          position += 1
          break
        }
        let text = word { $0 != 0x20 && $0 != 0x09 && $0 != UInt8(ascii: "]") }
        guard let number = number(text) else { throw error("no number: \(text)") }
        numbers.append(number)
      }
      list = numbers
    } else {
      value = word { $0 != 0x20 && $0 != 0x09 && $0 != UInt8(ascii: "}") }
    }
    guard fields.set(name, value, list) else { throw error("no field of a histogram: \(name):\(value)") }
  }
}

/// What a histogram's notation said.
private struct HistogramFields {
  private var schema: Int32 = 0
  private var (sum, count, zeroCount, zeroWidth) = (0.0, 0.0, 0.0, 0.0)
  private var (positive, negative, custom) = ([Double](), [Double](), [Double]())
  private var (offset, negativeOffset) = (Int32(0), Int32(0))
  private var hint = Histogram.ResetHint.unknown
  var namesHint = false

  mutating func set(_ name: String, _ value: String, _ list: [Double]?) -> Bool {
    if let list {
      switch name {
      case "buckets": positive = list
      case "n_buckets": negative = list
      case "custom_values": custom = list
      default: return false
      }
      return true
    }
    if name == "counter_reset_hint" {
      let hints: [String: Histogram.ResetHint] = [
        "unknown": .unknown, "reset": .reset, "not_reset": .notReset, "gauge": .gauge,
      ]
      guard let found = hints[value] else { return false }
      (hint, namesHint) = (found, true)
      return true
    }
    guard let number = number(value) else { return false }
    switch name {
    case "schema": schema = Int32(number)
    case "sum": sum = number
    case "count": count = number
    case "z_bucket": zeroCount = number
    case "z_bucket_w": zeroWidth = number
    case "offset": offset = Int32(number)
    case "n_offset": negativeOffset = Int32(number)
    default: return false
    }
    return true
  }

  var histogram: Histogram {
    func spans(_ buckets: [Double], _ offset: Int32) -> [Histogram.Span] {
      buckets.isEmpty ? [] : [Histogram.Span(offset: offset, length: UInt32(buckets.count))]
    }
    return Histogram(
      schema: schema, zeroThreshold: zeroWidth, sum: sum, resetHint: hint, positiveSpans: spans(positive, offset),
      negativeSpans: spans(negative, negativeOffset), customValues: custom,
      counts: .float(count: count, zeroCount: zeroCount, positive: positive, negative: negative))
  }
}
