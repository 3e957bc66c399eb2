// Samples as messages carry them one by one (package `prometheus_copy`): answers of `thanos.Query`, and what
// `thanos.WriteableStore` takes.
public import TSModel

/// A float sample.
public struct SampleMessage: ProtobufMessage {
  /// The value.
  public var value: Double = 0.0
  /// Its time, milliseconds.
  public var timestampMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: value = try reader.double()
    case 2: timestampMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.double(field: 1, value)
    writer.int64(field: 2, timestampMs)
  }
}

/// An exemplar beside samples (`Exemplar`).
public struct SampleExemplarMessage: ProtobufMessage {
  /// Its labels.
  public var labels: [LabelMessage] = []
  /// Its value.
  public var value: Double = 0.0
  /// Its time, milliseconds.
  public var timestampMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: labels.append(try reader.message())
    case 2: value = try reader.double()
    case 3: timestampMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, labels)
    writer.double(field: 2, value)
    writer.int64(field: 3, timestampMs)
  }
}

/// Neighbouring buckets of a native histogram.
public struct BucketSpanMessage: ProtobufMessage {
  /// Buckets that are skipped before them.
  public var offset: Int32 = 0
  /// How many they are.
  public var length: UInt32 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: offset = try reader.sint32()
    case 2: length = try reader.uint32()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.sint32(field: 1, offset)
    writer.uint32(field: 2, length)
  }
}

/// What is known about a counter reset before a histogram. An open set: a number that this program does not know
/// is still a value.
public struct HistogramResetHint: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Nothing.
  public static let unknown = HistogramResetHint(rawValue: 0)
  /// There was one.
  public static let yes = HistogramResetHint(rawValue: 1)
  /// There was none.
  public static let no = HistogramResetHint(rawValue: 2)
  /// It is a gauge: resets mean nothing.
  public static let gauge = HistogramResetHint(rawValue: 3)
}

/// A native histogram. Of the two forms of a count one is there.
public struct HistogramMessage: ProtobufMessage {
  /// Number of observations, of an integer histogram.
  public var countInteger: UInt64?
  /// The same of a float histogram.
  public var countFloat: Double?
  /// Sum of the observations.
  public var sum: Double = 0.0
  /// Resolution of the buckets.
  public var schema: Int32 = 0
  /// Width of the zero bucket.
  public var zeroThreshold: Double = 0.0
  /// Observations in it, of an integer histogram.
  public var zeroCountInteger: UInt64?
  /// The same of a float histogram.
  public var zeroCountFloat: Double?
  /// Where the buckets of negative observations are.
  public var negativeSpans: [BucketSpanMessage] = []
  /// Their counts, each less the one before.
  public var negativeDeltas: [Int64] = []
  /// Their counts, of a float histogram.
  public var negativeCounts: [Double] = []
  /// Where the buckets of positive observations are.
  public var positiveSpans: [BucketSpanMessage] = []
  /// Their counts, each less the one before.
  public var positiveDeltas: [Int64] = []
  /// Their counts, of a float histogram.
  public var positiveCounts: [Double] = []
  /// Whether a counter was reset before.
  public var resetHint = HistogramResetHint(rawValue: 0)
  /// Its time, milliseconds.
  public var timestampMs: Int64 = 0
  /// Bounds of custom buckets.
  public var customValues: [Double] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: countInteger = try reader.uint64()
    case 2: countFloat = try reader.double()
    case 3: sum = try reader.double()
    case 4: schema = try reader.sint32()
    case 5: zeroThreshold = try reader.double()
    case 6: zeroCountInteger = try reader.uint64()
    case 7: zeroCountFloat = try reader.double()
    case 8: negativeSpans.append(try reader.message())
    case 9: try reader.repeated(into: &negativeDeltas) { ProtobufReader.zigzag($0) }
    case 10: try reader.repeatedDouble(into: &negativeCounts)
    case 11: positiveSpans.append(try reader.message())
    case 12: try reader.repeated(into: &positiveDeltas) { ProtobufReader.zigzag($0) }
    case 13: try reader.repeatedDouble(into: &positiveCounts)
    case 14: resetHint = HistogramResetHint(rawValue: try reader.int32())
    case 15: timestampMs = try reader.int64()
    case 16: try reader.repeatedDouble(into: &customValues)
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    if let countInteger { writer.uint64(field: 1, countInteger, always: true) }
    if let countFloat { writer.double(field: 2, countFloat, always: true) }
    writer.double(field: 3, sum)
    writer.sint32(field: 4, schema)
    writer.double(field: 5, zeroThreshold)
    if let zeroCountInteger { writer.uint64(field: 6, zeroCountInteger, always: true) }
    if let zeroCountFloat { writer.double(field: 7, zeroCountFloat, always: true) }
    writer.messages(field: 8, negativeSpans)
    writer.packed(field: 9, negativeDeltas.map { ProtobufWriter.zigzag($0) })
    writer.packedDoubles(field: 10, negativeCounts)
    writer.messages(field: 11, positiveSpans)
    writer.packed(field: 12, positiveDeltas.map { ProtobufWriter.zigzag($0) })
    writer.packedDoubles(field: 13, positiveCounts)
    writer.int32(field: 14, resetHint.rawValue)
    writer.int64(field: 15, timestampMs)
    writer.packedDoubles(field: 16, customValues)
  }
}

/// A series with samples (`TimeSeries`).
public struct TimeSeriesMessage: ProtobufMessage {
  /// Its labels, sorted by name.
  public var labels: [LabelMessage] = []
  /// Its float samples.
  public var samples: [SampleMessage] = []
  /// Its exemplars.
  public var exemplars: [SampleExemplarMessage] = []
  /// Its native histograms.
  public var histograms: [HistogramMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: labels.append(try reader.message())
    case 2: samples.append(try reader.message())
    case 3: exemplars.append(try reader.message())
    case 4: histograms.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, labels)
    writer.messages(field: 2, samples)
    writer.messages(field: 3, exemplars)
    writer.messages(field: 4, histograms)
  }
}
