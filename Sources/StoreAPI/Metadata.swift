// Type, help and unit of metrics (`/thanos.Metadata/MetricMetadata`).
public import TSModel

/// Asks for metadata.
public struct MetricMetadataRequest: ProtobufMessage {
  /// Only this metric; empty: all.
  public var metric: String = ""
  /// The most metrics; negative: all.
  public var limit: Int32 = 0
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: metric = try reader.string()
    case 2: limit = try reader.int32()
    case 3: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, metric)
    writer.int32(field: 2, limit)
    writer.int32(field: 3, partialResponseStrategy.rawValue)
  }
}

/// One message of the stream.
public struct MetricMetadataResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// Metadata.
    case metadata(MetricMetadataMessage)
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
    case 1: result = .metadata(try reader.message())
    case 2: result = .warning(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .metadata(let value): writer.message(field: 1, value)
    case .warning(let value): writer.string(field: 2, value, always: true)
    case nil: break
    }
  }
}

/// Metadata by metric (`MetricMetadata`).
public struct MetricMetadataMessage: ProtobufMessage {
  /// By name of the metric.
  public var metadata: [String: MetricMetadataEntry] = [:]

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1:
      let entry: MapEntry<MetricMetadataEntry> = try reader.message()
      metadata[entry.key] = entry.value
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    MapEntry<MetricMetadataEntry>.write(metadata, field: 1, to: &writer)
  }
}

/// All that was said about a metric.
public struct MetricMetadataEntry: ProtobufMessage {
  /// One for each thing that was said.
  public var metas: [MetricMetaMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 2: metas.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 2, metas)
  }
}

/// What a metric is (`Meta`).
public struct MetricMetaMessage: ProtobufMessage {
  /// `counter`, `gauge`, `histogram`, …
  public var type: String = ""
  /// Its help text.
  public var help: String = ""
  /// Its unit.
  public var unit: String = ""

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: type = try reader.string()
    case 2: help = try reader.string()
    case 3: unit = try reader.string()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, type)
    writer.string(field: 2, help)
    writer.string(field: 3, unit)
  }
}
