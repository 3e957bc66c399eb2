// Queries that a querier asks of another (`thanos.Query`). Times are whole seconds.
public import TSModel

/// Asks for the value of an expression at one instant (`/thanos.Query/Query`).
public struct QueryRequest: ProtobufMessage {
  /// The expression.
  public var query: String = ""
  /// The instant, seconds.
  public var timeSeconds: Int64 = 0
  /// The plan to execute, instead of `query`.
  public var queryPlan: QueryPlan?
  /// How long it may take, seconds; 0: as long as the server allows.
  public var timeoutSeconds: Int64 = 0
  /// The coarsest resolution that will do, seconds.
  public var maxResolutionSeconds: Int64 = 0
  /// Labels that tell replicas apart.
  public var replicaLabels: [String] = []
  /// Only stores that fulfil one of these.
  public var storeMatchers: [StoreMatchersMessage] = []
  /// Whether replicas become one.
  public var enablesDeduplication: Bool = false
  /// Whether failing stores are no error.
  public var enablesPartialResponse: Bool = false
  /// Labels only.
  public var skipsChunks: Bool = false
  /// Only one of several parts of the series.
  public var shardInfo: ShardInfo?
  /// How far back a sample is still seen, seconds.
  public var lookbackDeltaSeconds: Int64 = 0
  /// Which engine evaluates.
  public var engine = QueryEngine(rawValue: 0)
  /// How many series a message may carry; below 2: one.
  public var responseBatchSize: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: query = try reader.string()
    case 2: timeSeconds = try reader.int64()
    case 3: timeoutSeconds = try reader.int64()
    case 4: maxResolutionSeconds = try reader.int64()
    case 5: replicaLabels.append(try reader.string())
    case 6: storeMatchers.append(try reader.message())
    case 7: enablesDeduplication = try reader.bool()
    case 8: enablesPartialResponse = try reader.bool()
    case 10: skipsChunks = try reader.bool()
    case 11:
      var message = shardInfo ?? ShardInfo()
      try reader.message(into: &message)
      shardInfo = message
    case 12: lookbackDeltaSeconds = try reader.int64()
    case 13: engine = QueryEngine(rawValue: try reader.int32())
    case 14:
      var message = queryPlan ?? QueryPlan()
      try reader.message(into: &message)
      queryPlan = message
    case 15: responseBatchSize = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, query)
    writer.int64(field: 2, timeSeconds)
    writer.int64(field: 3, timeoutSeconds)
    writer.int64(field: 4, maxResolutionSeconds)
    writer.strings(field: 5, replicaLabels)
    writer.messages(field: 6, storeMatchers)
    writer.bool(field: 7, enablesDeduplication)
    writer.bool(field: 8, enablesPartialResponse)
    writer.bool(field: 10, skipsChunks)
    writer.message(field: 11, shardInfo)
    writer.int64(field: 12, lookbackDeltaSeconds)
    writer.int32(field: 13, engine.rawValue)
    writer.message(field: 14, queryPlan)
    writer.int64(field: 15, responseBatchSize)
  }
}

/// Asks for the values of an expression over a range (`/thanos.Query/QueryRange`).
public struct QueryRangeRequest: ProtobufMessage {
  /// The expression.
  public var query: String = ""
  /// First instant, seconds.
  public var startSeconds: Int64 = 0
  /// Last instant, seconds.
  public var endSeconds: Int64 = 0
  /// Distance of the steps, seconds.
  public var intervalSeconds: Int64 = 0
  /// The plan to execute, instead of `query`.
  public var queryPlan: QueryPlan?
  /// How long it may take, seconds; 0: as long as the server allows.
  public var timeoutSeconds: Int64 = 0
  /// The coarsest resolution that will do, seconds.
  public var maxResolutionSeconds: Int64 = 0
  /// Labels that tell replicas apart.
  public var replicaLabels: [String] = []
  /// Only stores that fulfil one of these.
  public var storeMatchers: [StoreMatchersMessage] = []
  /// Whether replicas become one.
  public var enablesDeduplication: Bool = false
  /// Whether failing stores are no error.
  public var enablesPartialResponse: Bool = false
  /// Labels only.
  public var skipsChunks: Bool = false
  /// Only one of several parts of the series.
  public var shardInfo: ShardInfo?
  /// How far back a sample is still seen, seconds.
  public var lookbackDeltaSeconds: Int64 = 0
  /// Which engine evaluates.
  public var engine = QueryEngine(rawValue: 0)
  /// How many series a message may carry; below 2: one.
  public var responseBatchSize: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: query = try reader.string()
    case 2: startSeconds = try reader.int64()
    case 3: endSeconds = try reader.int64()
    case 4: intervalSeconds = try reader.int64()
    case 5: timeoutSeconds = try reader.int64()
    case 6: maxResolutionSeconds = try reader.int64()
    case 7: replicaLabels.append(try reader.string())
    case 8: storeMatchers.append(try reader.message())
    case 9: enablesDeduplication = try reader.bool()
    case 10: enablesPartialResponse = try reader.bool()
    case 12: skipsChunks = try reader.bool()
    case 13:
      var message = shardInfo ?? ShardInfo()
      try reader.message(into: &message)
      shardInfo = message
    case 14: lookbackDeltaSeconds = try reader.int64()
    case 15: engine = QueryEngine(rawValue: try reader.int32())
    case 16:
      var message = queryPlan ?? QueryPlan()
      try reader.message(into: &message)
      queryPlan = message
    case 17: responseBatchSize = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, query)
    writer.int64(field: 2, startSeconds)
    writer.int64(field: 3, endSeconds)
    writer.int64(field: 4, intervalSeconds)
    writer.int64(field: 5, timeoutSeconds)
    writer.int64(field: 6, maxResolutionSeconds)
    writer.strings(field: 7, replicaLabels)
    writer.messages(field: 8, storeMatchers)
    writer.bool(field: 9, enablesDeduplication)
    writer.bool(field: 10, enablesPartialResponse)
    writer.bool(field: 12, skipsChunks)
    writer.message(field: 13, shardInfo)
    writer.int64(field: 14, lookbackDeltaSeconds)
    writer.int32(field: 15, engine.rawValue)
    writer.message(field: 16, queryPlan)
    writer.int64(field: 17, responseBatchSize)
  }
}

/// Which engine evaluates a query. An open set: a number that this program does not know is still a value.
public struct QueryEngine: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The server's default.
  public static let standard = QueryEngine(rawValue: 0)
  /// Prometheus' own.
  public static let prometheus = QueryEngine(rawValue: 1)
  /// The one that distributes.
  public static let thanos = QueryEngine(rawValue: 2)
}

/// A plan of a query, in place of its text.
public struct QueryPlan: ProtobufMessage {
  /// The plan, as JSON.
  public var json: [UInt8]?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: json = try reader.byteArray()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    if let json { writer.bytes(field: 1, json, always: true) }
  }
}

/// Conditions on a store.
public struct StoreMatchersMessage: ProtobufMessage {
  /// All of them must hold.
  public var labelMatchers: [LabelMatcherMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: labelMatchers.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, labelMatchers)
  }
}

/// One message of the stream.
public struct QueryResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// Something that went wrong without ending the call.
    case warning(String)
    /// A series of the result.
    case timeSeries(TimeSeriesMessage)
    /// What it cost; the last message.
    case stats(QueryStatsMessage)
    /// Several series of the result.
    case timeSeriesBatch(TimeSeriesBatchMessage)
  }
  /// What it carries; nil where that is nothing this program knows.
  public var result: Result?

  /// The message with every field at its default.
  public init() {}

  /// A message that carries `result`.
  public init(_ result: Result) { self.result = result }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: result = .warning(try reader.string())
    case 2: result = .timeSeries(try reader.message())
    case 3: result = .stats(try reader.message())
    case 4: result = .timeSeriesBatch(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .warning(let value): writer.string(field: 1, value, always: true)
    case .timeSeries(let value): writer.message(field: 2, value)
    case .stats(let value): writer.message(field: 3, value)
    case .timeSeriesBatch(let value): writer.message(field: 4, value)
    case nil: break
    }
  }
}

/// One message of the stream.
public struct QueryRangeResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// Something that went wrong without ending the call.
    case warning(String)
    /// A series of the result.
    case timeSeries(TimeSeriesMessage)
    /// What it cost; the last message.
    case stats(QueryStatsMessage)
    /// Several series of the result.
    case timeSeriesBatch(TimeSeriesBatchMessage)
  }
  /// What it carries; nil where that is nothing this program knows.
  public var result: Result?

  /// The message with every field at its default.
  public init() {}

  /// A message that carries `result`.
  public init(_ result: Result) { self.result = result }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: result = .warning(try reader.string())
    case 2: result = .timeSeries(try reader.message())
    case 3: result = .stats(try reader.message())
    case 4: result = .timeSeriesBatch(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .warning(let value): writer.string(field: 1, value, always: true)
    case .timeSeries(let value): writer.message(field: 2, value)
    case .stats(let value): writer.message(field: 3, value)
    case .timeSeriesBatch(let value): writer.message(field: 4, value)
    case nil: break
    }
  }
}

/// What a query cost (`QueryStats`).
public struct QueryStatsMessage: ProtobufMessage {
  /// Samples that were read.
  public var samplesTotal: Int64 = 0
  /// The most samples at one time.
  public var peakSamples: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: samplesTotal = try reader.int64()
    case 2: peakSamples = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, samplesTotal)
    writer.int64(field: 2, peakSamples)
  }
}

/// Several series of a result.
public struct TimeSeriesBatchMessage: ProtobufMessage {
  /// The series.
  public var series: [TimeSeriesMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: series.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, series)
  }
}
