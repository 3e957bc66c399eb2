// A line of a dump, read back. docs/formats/dump.md. Keys may come in any order, unknown ones are stepped over.
internal import Storage
internal import TSModel

/// A sample of a dump.
struct DumpedSample {
  enum Value {
    case float(Double)
    case histogram(Histogram)
  }
  var timestampMs: Int64 = 0
  var value = Value.float(0)
  var startTimestampMs: Int64 = 0
}

/// What a dump says about a chunk.
struct DumpedChunk {
  var minTimeMs: Int64 = 0
  var maxTimeMs: Int64 = 0
  var encoding = ChunkEncoding.xor
  var sampleCount = 0
  var resetHeader = Histogram.ResetHint.unknown
  /// Of a downsampled block: the samples of each aggregate.
  var aggregates: [AggregateChunk.Slot: [DumpedSample]] = [:]
  var aggregateEncodings: [AggregateChunk.Slot: ChunkEncoding] = [:]
}

/// A line of a dump.
struct DumpedSeries {
  var labels = Labels()
  var samples: [DumpedSample] = []
  /// Nil where the dump does not list chunks.
  var chunks: [DumpedChunk]?

  /// Reads `line`; with `labelsOnly` nothing but the labels, which is fast as they come first.
  init(_ line: Span<UInt8>, labelsOnly: Bool = false) throws(JSONError) {
    var json = JSONScanner(line)
    var hasLabels = false
    try json.expect(UInt8(ascii: "{"))
    if !json.take(UInt8(ascii: "}")) {
      repeat {
        switch try json.key() {
        case "labels":
          labels = try json.labels()
          hasLabels = true
          if labelsOnly { return }
        case "samples" where !labelsOnly: samples = try json.samples()
        case "chunks" where !labelsOnly: chunks = try json.chunks()
        case "samples_total", "samples_sha256", "samples_xxh64", "samples_head":
          throw JSONError(message: "this dump is shortened: it does not hold all samples")
        default: try json.skip()
        }
      } while try json.goesOn(until: UInt8(ascii: "}"))
    }
    try json.expectEnd()
    guard hasLabels else { throw JSONError(message: "a series without \"labels\"") }
  }
}

extension JSONScanner {
  @_lifetime(self: copy self)
  fileprivate mutating func text() throws(JSONError) -> String {
    var bytes: [UInt8] = []
    try string(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @_lifetime(self: copy self)
  fileprivate mutating func key() throws(JSONError) -> String {
    let name = try text()
    try expect(UInt8(ascii: ":"))
    return name
  }

  @_lifetime(self: copy self)
  fileprivate mutating func labels() throws(JSONError) -> Labels {
    var pairs: [Labels.Label] = []
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return Labels() }
    repeat {
      let name = try key()
      pairs.append(Labels.Label(name: name, value: try text()))
    } while try goesOn(until: UInt8(ascii: "}"))
    let labels = Labels(labels: pairs)
    if labels.count != pairs.filter({ !$0.value.isEmpty }).count { throw JSONError(message: "a label occurs twice") }
    return labels
  }

  @_lifetime(self: copy self)
  fileprivate mutating func samples() throws(JSONError) -> [DumpedSample] {
    var out: [DumpedSample] = []
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return out }
    repeat {
      var sample = DumpedSample()
      try expect(UInt8(ascii: "["))
      sample.timestampMs = try integer()
      try expect(UInt8(ascii: ","))
      sample.value = peek() == UInt8(ascii: "{") ? .histogram(try histogram()) : .float(try float())
      while try goesOn(until: UInt8(ascii: "]")) {
        try expect(UInt8(ascii: "{"))
        if take(UInt8(ascii: "}")) { continue }
        repeat {
          if try key() == "st" { sample.startTimestampMs = try integer() } else { try skip() }
        } while try goesOn(until: UInt8(ascii: "}"))
      }
      out.append(sample)
    } while try goesOn(until: UInt8(ascii: "]"))
    return out
  }

  /// A histogram. `kind` comes first in a dump; where it does not, counts in quotes tell that it is a float one.
  @_lifetime(self: copy self)
  private mutating func histogram() throws(JSONError) -> Histogram {
    var out = Histogram(sum: 0, counts: .int(count: 0, zeroCount: 0, positive: [], negative: []))
    var isFloat = false
    var (count, zeroCount) = (UInt64(0), UInt64(0))
    var (floatCount, floatZeroCount) = (0.0, 0.0)
    var (positive, negative): ([Int64], [Int64]) = ([], [])
    var (floatPositive, floatNegative): ([Double], [Double]) = ([], [])
    try expect(UInt8(ascii: "{"))
    repeat {
      switch try key() {
      case "kind": isFloat = try text() == "float"
      case "schema":
        guard let schema = Int32(exactly: try integer()) else { throw JSONError(message: "a schema out of range") }
        out.schema = schema
      case "zero_threshold": out.zeroThreshold = try float()
      case "zero_count": if isFloat { floatZeroCount = try float() } else { zeroCount = try unsigned() }
      case "count": if isFloat { floatCount = try float() } else { count = try unsigned() }
      case "sum": out.sum = try float()
      case "reset_hint": out.resetHint = try resetHint()
      case "positive_spans": out.positiveSpans = try spans()
      case "negative_spans": out.negativeSpans = try spans()
      case "positive_buckets": if isFloat { floatPositive = try floats() } else { positive = try integers() }
      case "negative_buckets": if isFloat { floatNegative = try floats() } else { negative = try integers() }
      case "custom_values": out.customValues = try floats()
      default: try skip()
      }
    } while try goesOn(until: UInt8(ascii: "}"))
    out.counts =
      isFloat
      ? .float(count: floatCount, zeroCount: floatZeroCount, positive: floatPositive, negative: floatNegative)
      : .int(count: count, zeroCount: zeroCount, positive: positive, negative: negative)
    return out
  }

  @_lifetime(self: copy self)
  private mutating func resetHint() throws(JSONError) -> Histogram.ResetHint {
    switch try text() {
    case "unknown": return .unknown
    case "reset": return .reset
    case "not_reset": return .notReset
    case "gauge": return .gauge
    case let other: throw JSONError(message: "unknown reset hint \"\(other)\"")
    }
  }

  @_lifetime(self: copy self)
  private mutating func spans() throws(JSONError) -> [Histogram.Span] {
    var out: [Histogram.Span] = []
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return out }
    repeat {
      try expect(UInt8(ascii: "["))
      let offset = Int32(exactly: try integer())
      try expect(UInt8(ascii: ","))
      let length = UInt32(exactly: try integer())
      try expect(UInt8(ascii: "]"))
      guard let offset, let length else { throw JSONError(message: "a span out of range") }
      out.append(Histogram.Span(offset: offset, length: length))
    } while try goesOn(until: UInt8(ascii: "]"))
    return out
  }

  @_lifetime(self: copy self)
  private mutating func integers() throws(JSONError) -> [Int64] {
    var out: [Int64] = []
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return out }
    repeat { out.append(try integer()) } while try goesOn(until: UInt8(ascii: "]"))
    return out
  }

  @_lifetime(self: copy self)
  private mutating func floats() throws(JSONError) -> [Double] {
    var out: [Double] = []
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return out }
    repeat { out.append(try float()) } while try goesOn(until: UInt8(ascii: "]"))
    return out
  }

  @_lifetime(self: copy self)
  fileprivate mutating func chunks() throws(JSONError) -> [DumpedChunk]? {
    // Some dumps have only the number of chunks here.
    if peek() != UInt8(ascii: "[") {
      try skip()
      return nil
    }
    var out: [DumpedChunk] = []
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return out }
    repeat {
      var chunk = DumpedChunk()
      try expect(UInt8(ascii: "{"))
      repeat {
        switch try key() {
        case "min": chunk.minTimeMs = try integer()
        case "max": chunk.maxTimeMs = try integer()
        case "encoding": chunk.encoding = try encoding()
        case "samples": chunk.sampleCount = Int(clamping: try integer())
        case "reset_header": chunk.resetHeader = try resetHint()
        case "aggr": chunk.aggregates = try aggregates()
        case "aggr_encoding": chunk.aggregateEncodings = try aggregateEncodings()
        case "aggr_omitted": throw JSONError(message: "this dump is shortened: it does not hold all aggregates")
        default: try skip()
        }
      } while try goesOn(until: UInt8(ascii: "}"))
      out.append(chunk)
    } while try goesOn(until: UInt8(ascii: "]"))
    return out
  }

  @_lifetime(self: copy self)
  private mutating func encoding() throws(JSONError) -> ChunkEncoding {
    // Thanos' recordings have XOR.
    let name = try text().lowercased()
    let all: [ChunkEncoding] = [
      .xor, .histogram, .floatHistogram, .xor2, .histogramST, .floatHistogramST, .aggregates,
    ]
    guard let encoding = all.first(where: { $0.name == name }) else {
      throw JSONError(message: "unknown chunk encoding \"\(name)\"")
    }
    return encoding
  }

  @_lifetime(self: copy self)
  private mutating func slot() throws(JSONError) -> AggregateChunk.Slot {
    let name = try key()
    guard let slot = AggregateChunk.Slot.allCases.first(where: { $0.description == name }) else {
      throw JSONError(message: "unknown aggregate \"\(name)\"")
    }
    return slot
  }

  @_lifetime(self: copy self)
  private mutating func aggregates() throws(JSONError) -> [AggregateChunk.Slot: [DumpedSample]] {
    var out: [AggregateChunk.Slot: [DumpedSample]] = [:]
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return out }
    repeat {
      let slot = try slot()
      out[slot] = try samples()
    } while try goesOn(until: UInt8(ascii: "}"))
    return out
  }

  @_lifetime(self: copy self)
  private mutating func aggregateEncodings() throws(JSONError) -> [AggregateChunk.Slot: ChunkEncoding] {
    var out: [AggregateChunk.Slot: ChunkEncoding] = [:]
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return out }
    repeat {
      let slot = try slot()
      out[slot] = try encoding()
    } while try goesOn(until: UInt8(ascii: "}"))
    return out
  }
}
