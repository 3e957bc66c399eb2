// Metrics as OpenTelemetry's protocol carries them (`opentelemetry.proto.collector.metrics.v1`), as values: the fields that become samples.
public import TSModel

/// A value of an attribute.
public indirect enum OTLPValue: Sendable, Equatable {
  case empty
  case string(String)
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case array([OTLPValue])
  case map([OTLPAttribute])
  case bytes([UInt8])
}

/// An attribute (`KeyValue`).
public struct OTLPAttribute: ProtobufMessage {
  /// The key.
  public var key = ""
  /// The value.
  public var value = OTLPValue.empty

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: key = try reader.string()
    case 2:
      var nested = try reader.nested()
      value = try Self.value(&nested)
    default: break
    }
  }

  /// Reads an `AnyValue`. The reader bounds how deep values may lie within values.
  private static func value(_ reader: inout ProtobufReader) throws(ModelError) -> OTLPValue {
    var value = OTLPValue.empty
    while let field = try reader.next() {
      switch field.number {
      case 1: value = .string(try reader.string())
      case 2: value = .bool(try reader.bool())
      case 3: value = .int(try reader.int64())
      case 4: value = .double(try reader.double())
      case 5:
        var elements: [OTLPValue] = []
        var nested = try reader.nested()
        while let field = try nested.next() {
          guard field.number == 1 else { continue }
          var element = try nested.nested()
          elements.append(try Self.value(&element))
        }
        value = .array(elements)
      case 6:
        var attributes: [OTLPAttribute] = []
        var nested = try reader.nested()
        while let field = try nested.next() {
          guard field.number == 1 else { continue }
          attributes.append(try nested.message())
        }
        value = .map(attributes)
      case 7: value = .bytes(try reader.byteArray())
      default: break
      }
    }
    return value
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, key)
    writer.message(field: 2) { Self.write(value, &$0) }
  }

  private static func write(_ value: OTLPValue, _ writer: inout ProtobufWriter) {
    switch value {
    case .empty: break
    case .string(let text): writer.string(field: 1, text, always: true)
    case .bool(let flag): writer.bool(field: 2, flag, always: true)
    case .int(let number): writer.int64(field: 3, number, always: true)
    case .double(let number): writer.double(field: 4, number, always: true)
    case .array(let elements):
      writer.message(field: 5) { list in
        for element in elements { list.message(field: 1) { write(element, &$0) } }
      }
    case .map(let attributes):
      writer.message(field: 6) { list in
        for attribute in attributes { list.message(field: 1) { attribute.write(to: &$0) } }
      }
    case .bytes(let bytes): writer.bytes(field: 7, bytes, always: true)
    }
  }
}

/// An exemplar of a data point.
public struct OTLPExemplar: ProtobufMessage {
  /// Its time, nanoseconds since the Unix epoch.
  public var timeNs: UInt64 = 0
  /// Its value; nil: none is told.
  public var value: Double?
  /// Empty or eight bytes.
  public var spanID: [UInt8] = []
  /// Empty or sixteen bytes.
  public var traceID: [UInt8] = []
  /// Attributes that the data point has not.
  public var attributes: [OTLPAttribute] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 2: timeNs = try reader.fixed64()
    case 3: value = try reader.double()
    case 4: spanID = try reader.byteArray()
    case 5: traceID = try reader.byteArray()
    case 6: value = Double(Int64(bitPattern: try reader.fixed64()))
    case 7: attributes.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.fixed64(field: 2, timeNs)
    if let value { writer.double(field: 3, value, always: true) }
    writer.bytes(field: 4, spanID)
    writer.bytes(field: 5, traceID)
    writer.messages(field: 7, attributes)
  }
}

/// A data point of any kind: each kind has a part of these, under numbers of its own.
public struct OTLPPoint: Sendable, Equatable {
  /// Which message it is.
  public enum Kind: Sendable {
    case number, histogram, exponentialHistogram, summary
  }

  /// Buckets of an exponential histogram.
  public struct Buckets: ProtobufMessage {
    /// The index of the first one.
    public var offset: Int32 = 0
    /// Their counts.
    public var counts: [UInt64] = []

    /// The message with every field at its default.
    public init() {}

    public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
      switch field.number {
      case 1: offset = try reader.sint32()
      case 2: try reader.repeated(into: &counts) { $0 }
      default: break
      }
    }

    public func write(to writer: inout ProtobufWriter) {
      writer.sint32(field: 1, offset)
      writer.packed(field: 2, counts)
    }
  }

  /// A quantile of a summary.
  public struct Quantile: ProtobufMessage {
    /// Which: 0 … 1.
    public var quantile = 0.0
    /// Its value.
    public var value = 0.0

    /// The message with every field at its default.
    public init() {}

    public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
      switch field.number {
      case 1: quantile = try reader.double()
      case 2: value = try reader.double()
      default: break
      }
    }

    public func write(to writer: inout ProtobufWriter) {
      writer.double(field: 1, quantile)
      writer.double(field: 2, value)
    }
  }

  /// Which message it is.
  public var kind: Kind
  /// Its attributes.
  public var attributes: [OTLPAttribute] = []
  /// Since when it counts, nanoseconds; 0: not known.
  public var startTimeNs: UInt64 = 0
  /// Its time, nanoseconds since the Unix epoch.
  public var timeNs: UInt64 = 0
  /// Bits; 1: there is no value.
  public var flags: UInt32 = 0
  /// The value of a number.
  public var value = 0.0
  /// Number of observations.
  public var count: UInt64 = 0
  /// Their sum; nil: not told.
  public var sum: Double?
  /// Counts of a histogram's buckets, and its bounds, which are one fewer.
  public var bucketCounts: [UInt64] = []
  /// See `bucketCounts`.
  public var bounds: [Double] = []
  /// Scale of an exponential histogram.
  public var scale: Int32 = 0
  /// Observations in its zero bucket.
  public var zeroCount: UInt64 = 0
  /// Its buckets.
  public var positive = Buckets()
  /// Its buckets of negative observations.
  public var negative = Buckets()
  /// Quantiles of a summary.
  public var quantiles: [Quantile] = []
  /// Its exemplars.
  public var exemplars: [OTLPExemplar] = []

  /// A data point with every field at its default.
  public init(_ kind: Kind) { self.kind = kind }

  /// Whether it says that there is no value.
  public var hasNoValue: Bool { flags & 1 != 0 }

  private enum Field {
    case attributes, startTime, time, flags, double, integer, count, sum, bucketCounts, bounds, scale, zeroCount
    case positive, negative, quantiles, exemplars
  }

  /// What a field is, by the kind of message and its number.
  private static func field(_ kind: Kind, _ number: Int) -> Field? {
    switch (kind, number) {
    case (.exponentialHistogram, 1): .attributes
    case (_, 2): .startTime
    case (_, 3): .time
    case (.number, 4): .double
    case (.number, 5): .exemplars
    case (.number, 6): .integer
    case (_, 4): .count
    case (_, 5): .sum
    case (.histogram, 6): .bucketCounts
    case (.exponentialHistogram, 6): .scale
    case (.summary, 6): .quantiles
    case (.exponentialHistogram, 7): .zeroCount
    case (.histogram, 7): .bounds
    case (_, 7): .attributes
    case (.histogram, 8): .exemplars
    case (.exponentialHistogram, 8): .positive
    case (_, 8): .flags
    case (.histogram, 9): .attributes
    case (.exponentialHistogram, 9): .negative
    case (.histogram, 10), (.exponentialHistogram, 10): .flags
    case (.exponentialHistogram, 11): .exemplars
    default: nil
    }
  }

  mutating func read(_ number: Int, from reader: inout ProtobufReader) throws(ModelError) {
    switch Self.field(kind, number) {
    case .attributes: attributes.append(try reader.message())
    case .startTime: startTimeNs = try reader.fixed64()
    case .time: timeNs = try reader.fixed64()
    case .flags: flags = try reader.uint32()
    case .double: value = try reader.double()
    case .integer: value = Double(Int64(bitPattern: try reader.fixed64()))
    case .count: count = try reader.fixed64()
    case .sum: sum = try reader.double()
    case .bucketCounts:
      // Fixed numbers, packed as doubles are.
      var numbers: [Double] = []
      try reader.repeatedDouble(into: &numbers)
      bucketCounts += numbers.map(\.bitPattern)
    case .bounds: try reader.repeatedDouble(into: &bounds)
    case .scale: scale = try reader.sint32()
    case .zeroCount: zeroCount = try reader.fixed64()
    case .positive: try reader.message(into: &positive)
    case .negative: try reader.message(into: &negative)
    case .quantiles: quantiles.append(try reader.message())
    case .exemplars: exemplars.append(try reader.message())
    case nil: break
    }
  }
}

/// A metric with its data points.
public struct OTLPMetric: Sendable, Equatable {
  /// What it is.
  public enum Kind: Sendable {
    case gauge, sum, histogram, exponentialHistogram, summary
  }

  /// Its name.
  public var name = ""
  /// What it is about.
  public var description = ""
  /// Its unit, as UCUM has it.
  public var unit = ""
  /// What it is; nil: nothing that we know.
  public var kind: Kind?
  /// 0 not told, 1 delta, 2 cumulative.
  public var temporality: Int32 = 0
  /// Whether a sum never falls.
  public var isMonotonic = false
  /// The points.
  public var points: [OTLPPoint] = []

  /// A metric without anything.
  public init() {}

  mutating func read(_ reader: inout ProtobufReader) throws(ModelError) {
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try reader.string()
      case 2: description = try reader.string()
      case 3: unit = try reader.string()
      case 5: try readData(.gauge, .number, &reader)
      case 7: try readData(.sum, .number, &reader)
      case 9: try readData(.histogram, .histogram, &reader)
      case 10: try readData(.exponentialHistogram, .exponentialHistogram, &reader)
      case 11: try readData(.summary, .summary, &reader)
      default: break
      }
    }
  }

  private mutating func readData(
    _ kind: Kind, _ pointKind: OTLPPoint.Kind, _ reader: inout ProtobufReader
  ) throws(ModelError) {
    // Of several kinds the last counts.
    if self.kind != kind { points.removeAll() }
    self.kind = kind
    var data = try reader.nested()
    while let field = try data.next() {
      switch field.number {
      case 1:
        var point = OTLPPoint(pointKind)
        var message = try data.nested()
        while let field = try message.next() { try point.read(field.number, from: &message) }
        points.append(point)
      case 2: temporality = try data.int32()
      case 3: isMonotonic = try data.bool()
      default: break
      }
    }
  }
}
