// Numbers about a database in memory (`/thanos.Status/TSDBStatistics`).
public import TSModel

/// Asks for statistics.
public struct TSDBStatisticsRequest: ProtobufMessage {
  /// Only this tenant; deprecated: see `matchers`.
  public var tenant: String = ""
  /// The most entries of each list.
  public var limit: Int32 = 0
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)
  /// Only databases whose external labels fulfil these.
  public var matchers: [LabelMatcherMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: tenant = try reader.string()
    case 2: limit = try reader.int32()
    case 3: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    case 4: matchers.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, tenant)
    writer.int32(field: 2, limit)
    writer.int32(field: 3, partialResponseStrategy.rawValue)
    writer.messages(field: 4, matchers)
  }
}

/// One message of the stream.
public struct TSDBStatisticsResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// Statistics.
    case statistics(TSDBStatisticsMessage)
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
    case 1: result = .statistics(try reader.message())
    case 2: result = .warning(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .statistics(let value): writer.message(field: 1, value)
    case .warning(let value): writer.string(field: 2, value, always: true)
    case nil: break
    }
  }
}

/// Statistics by tenant.
public struct TSDBStatisticsMessage: ProtobufMessage {
  /// By tenant.
  public var statistics: [String: TSDBStatisticsEntry] = [:]

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1:
      let entry: MapEntry<TSDBStatisticsEntry> = try reader.message()
      statistics[entry.key] = entry.value
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    MapEntry<TSDBStatisticsEntry>.write(statistics, field: 1, to: &writer)
  }
}

/// Statistics of one database.
public struct TSDBStatisticsEntry: ProtobufMessage {
  /// Of the head.
  public var headStatistics = HeadStatisticsMessage()
  /// Series by metric name.
  public var seriesCountByMetricName: [StatisticMessage] = []
  /// Values by label name.
  public var labelValueCountByLabelName: [StatisticMessage] = []
  /// Bytes by label name.
  public var memoryInBytesByLabelName: [StatisticMessage] = []
  /// Series by `name=value`.
  public var seriesCountByLabelValuePair: [StatisticMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &headStatistics)
    case 2: seriesCountByMetricName.append(try reader.message())
    case 3: labelValueCountByLabelName.append(try reader.message())
    case 4: memoryInBytesByLabelName.append(try reader.message())
    case 5: seriesCountByLabelValuePair.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, headStatistics)
    writer.messages(field: 2, seriesCountByMetricName)
    writer.messages(field: 3, labelValueCountByLabelName)
    writer.messages(field: 4, memoryInBytesByLabelName)
    writer.messages(field: 5, seriesCountByLabelValuePair)
  }
}

/// Numbers of a head.
public struct HeadStatisticsMessage: ProtobufMessage {
  /// Series.
  public var seriesCount: UInt64 = 0
  /// Different pairs of label and value.
  public var labelPairCount: Int64 = 0
  /// Chunks.
  public var chunkCount: Int64 = 0
  /// Time of the first sample, milliseconds.
  public var minTimeMs: Int64 = 0
  /// Time of the last sample, milliseconds.
  public var maxTimeMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: seriesCount = try reader.uint64()
    case 2: labelPairCount = try reader.int64()
    case 3: chunkCount = try reader.int64()
    case 4: minTimeMs = try reader.int64()
    case 5: maxTimeMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.uint64(field: 1, seriesCount)
    writer.int64(field: 2, labelPairCount)
    writer.int64(field: 3, chunkCount)
    writer.int64(field: 4, minTimeMs)
    writer.int64(field: 5, maxTimeMs)
  }
}

/// A name with a number.
public struct StatisticMessage: ProtobufMessage {
  /// The name.
  public var name: String = ""
  /// The number.
  public var value: UInt64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: name = try reader.string()
    case 2: value = try reader.uint64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, name)
    writer.uint64(field: 2, value)
  }
}
