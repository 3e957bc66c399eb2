// Requests of Prometheus remote read, as values. docs/formats/remote-read.md.
public import TSModel

/// A request (`prometheus.ReadRequest`), unpacked from snappy.
public struct ReadRequest: ProtobufMessage {
  /// How an answer may be written. An open set.
  public struct ResponseKind: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public var rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// All samples in one message.
    public static let samples = ResponseKind(rawValue: 0)
    /// Chunks in frames, one series after the other.
    public static let streamedChunks = ResponseKind(rawValue: 1)
  }

  /// What is asked for; answered in this order.
  public var queries: [ReadQuery] = []
  /// What the client understands, the best first; none: samples.
  public var acceptedKinds: [ResponseKind] = []

  /// The message with every field at its default.
  public init() {}

  /// The first kind that Apus can answer in; nil where there is none.
  public var chosenKind: ResponseKind? {
    acceptedKinds.isEmpty ? .samples : acceptedKinds.first { $0 == .samples || $0 == .streamedChunks }
  }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: queries.append(try reader.message())
    case 2: try reader.repeated(into: &acceptedKinds) { ResponseKind(rawValue: Int32(truncatingIfNeeded: $0)) }
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, queries)
    writer.packed(field: 2, acceptedKinds.map { UInt64(bitPattern: Int64($0.rawValue)) })
  }
}

/// Which series, when (`prometheus.Query`).
public struct ReadQuery: ProtobufMessage {
  /// From when on, milliseconds; inclusive.
  public var startTimeMs: Int64 = 0
  /// Until when, milliseconds; inclusive.
  public var endTimeMs: Int64 = 0
  /// Which series.
  public var matchers: [LabelMatcherMessage] = []
  /// What it is for; nil: not told.
  public var hints: ReadHints?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: startTimeMs = try reader.int64()
    case 2: endTimeMs = try reader.int64()
    case 3: matchers.append(try reader.message())
    case 4:
      var known = hints ?? ReadHints()
      try reader.message(into: &known)
      hints = known
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, startTimeMs)
    writer.int64(field: 2, endTimeMs)
    writer.messages(field: 3, matchers)
    writer.message(field: 4, hints)
  }
}

/// What a query's samples are for (`prometheus.ReadHints`): a server may use it to read less.
public struct ReadHints: ProtobufMessage {
  /// Distance of evaluations, milliseconds; 0: one.
  public var stepMs: Int64 = 0
  /// The function or aggregation around the selector.
  public var function: String = ""
  /// From when on samples count, milliseconds.
  public var startTimeMs: Int64 = 0
  /// Until when, milliseconds.
  public var endTimeMs: Int64 = 0
  /// Labels that are aggregated over.
  public var grouping: [String] = []
  /// Whether these are kept (`by`) or dropped (`without`).
  public var isBy = false
  /// Width of a range selector, milliseconds.
  public var rangeMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: stepMs = try reader.int64()
    case 2: function = try reader.string()
    case 3: startTimeMs = try reader.int64()
    case 4: endTimeMs = try reader.int64()
    case 5: grouping.append(try reader.string())
    case 6: isBy = try reader.bool()
    case 7: rangeMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, stepMs)
    writer.string(field: 2, function)
    writer.int64(field: 3, startTimeMs)
    writer.int64(field: 4, endTimeMs)
    writer.strings(field: 5, grouping)
    writer.bool(field: 6, isBy)
    writer.int64(field: 7, rangeMs)
  }
}
