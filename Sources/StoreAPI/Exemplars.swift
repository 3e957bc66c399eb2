// Exemplars (`/thanos.Exemplars/Exemplars`).
public import TSModel

/// Asks for exemplars.
public struct ExemplarsRequest: ProtobufMessage {
  /// An expression; exemplars of the series it selects are wanted.
  public var query: String = ""
  /// First instant, milliseconds.
  public var startMs: Int64 = 0
  /// Last instant, milliseconds.
  public var endMs: Int64 = 0
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: query = try reader.string()
    case 2: startMs = try reader.int64()
    case 3: endMs = try reader.int64()
    case 4: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, query)
    writer.int64(field: 2, startMs)
    writer.int64(field: 3, endMs)
    writer.int32(field: 4, partialResponseStrategy.rawValue)
  }
}

/// One message of the stream.
public struct ExemplarsResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// Exemplars of a series.
    case data(ExemplarDataMessage)
    /// Something that went wrong without ending the call.
    case warning(String)
  }
  /// What it carries; nil where that is nothing this program knows.
  public var result: Result?

  /// The message with every field at its default.
  public init() {}

  /// A message that carries `result`.
  public init(_ result: Result) { self.result = result }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: result = .data(try reader.message())
    case 2: result = .warning(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .data(let value): writer.message(field: 1, value)
    case .warning(let value): writer.string(field: 2, value, always: true)
    case nil: break
    }
  }
}

/// Exemplars of a series (`ExemplarData`).
public struct ExemplarDataMessage: ProtobufMessage {
  /// The series.
  public var seriesLabels = LabelSetMessage()
  /// Its exemplars.
  public var exemplars: [ExemplarMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &seriesLabels)
    case 2: exemplars.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, seriesLabels)
    writer.messages(field: 2, exemplars)
  }
}

/// An exemplar.
public struct ExemplarMessage: ProtobufMessage {
  /// Its labels.
  public var labels = LabelSetMessage()
  /// Its value.
  public var value: Double = 0.0
  /// Its time, milliseconds.
  public var timestampMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &labels)
    case 2: value = try reader.double()
    case 3: timestampMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, labels)
    writer.double(field: 2, value)
    writer.int64(field: 3, timestampMs)
  }
}
