// What is asked of `thanos.Store`. All times are milliseconds since the Unix epoch, UTC.
public import TSModel

/// Asks for series and their chunks (`/thanos.Store/Series`).
public struct SeriesRequest: ProtobufMessage {
  /// First instant, milliseconds.
  public var minTimeMs: Int64 = 0
  /// Last instant, milliseconds; inclusive.
  public var maxTimeMs: Int64 = 0
  /// Conditions that a series must fulfil, all of them.
  public var matchers: [LabelMatcherMessage] = []
  /// The coarsest resolution that will do, milliseconds; 0: raw data.
  public var maxResolutionWindowMs: Int64 = 0
  /// Which aggregates of downsampled data are wanted.
  public var aggregates: [Aggregate] = []
  /// Any failure is an error: the older way to say ABORT.
  public var partialResponseDisabled: Bool = false
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)
  /// Labels only.
  public var skipsChunks: Bool = false
  /// `hintspb.SeriesRequestHints`.
  public var hints: AnyMessage?
  /// Deprecated: see `queryHints`.
  public var stepMs: Int64 = 0
  /// Deprecated: see `queryHints`.
  public var rangeMs: Int64 = 0
  /// What the query does with the series.
  public var queryHints: QueryHints?
  /// Only one of several parts of the series.
  public var shardInfo: ShardInfo?
  /// Labels that are taken out of every series.
  public var withoutReplicaLabels: [String] = []
  /// The most series that are wanted; 0: all.
  public var limit: Int64 = 0
  /// How many series a message may carry; 0 and 1: one.
  public var responseBatchSize: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: minTimeMs = try reader.int64()
    case 2: maxTimeMs = try reader.int64()
    case 3: matchers.append(try reader.message())
    case 4: maxResolutionWindowMs = try reader.int64()
    case 5: try reader.repeated(into: &aggregates) { Aggregate(rawValue: Int32(truncatingIfNeeded: $0)) }
    case 6: partialResponseDisabled = try reader.bool()
    case 7: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    case 8: skipsChunks = try reader.bool()
    case 9:
      var message = hints ?? AnyMessage()
      try reader.message(into: &message)
      hints = message
    case 10: stepMs = try reader.int64()
    case 11: rangeMs = try reader.int64()
    case 12:
      var message = queryHints ?? QueryHints()
      try reader.message(into: &message)
      queryHints = message
    case 13:
      var message = shardInfo ?? ShardInfo()
      try reader.message(into: &message)
      shardInfo = message
    case 14: withoutReplicaLabels.append(try reader.string())
    case 15: limit = try reader.int64()
    case 16: responseBatchSize = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, minTimeMs)
    writer.int64(field: 2, maxTimeMs)
    writer.messages(field: 3, matchers)
    writer.int64(field: 4, maxResolutionWindowMs)
    writer.packed(field: 5, aggregates.map { UInt64(bitPattern: Int64($0.rawValue)) })
    writer.bool(field: 6, partialResponseDisabled)
    writer.int32(field: 7, partialResponseStrategy.rawValue)
    writer.bool(field: 8, skipsChunks)
    writer.message(field: 9, hints)
    writer.int64(field: 10, stepMs)
    writer.int64(field: 11, rangeMs)
    writer.message(field: 12, queryHints)
    writer.message(field: 13, shardInfo)
    writer.strings(field: 14, withoutReplicaLabels)
    writer.int64(field: 15, limit)
    writer.int64(field: 16, responseBatchSize)
  }
}

/// An aggregate of downsampled data. An open set: a number that this program does not know is still a value.
public struct Aggregate: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The samples themselves.
  public static let raw = Aggregate(rawValue: 0)
  /// Number of samples.
  public static let count = Aggregate(rawValue: 1)
  /// Their sum.
  public static let sum = Aggregate(rawValue: 2)
  /// The smallest.
  public static let min = Aggregate(rawValue: 3)
  /// The largest.
  public static let max = Aggregate(rawValue: 4)
  /// The value of a counter, resets taken out.
  public static let counter = Aggregate(rawValue: 5)
}

/// What a failure of a part of the stores means. An open set: a number that this program does not know is still a
/// value.
public struct PartialResponseStrategy: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The rest is answered, with a warning.
  public static let warn = PartialResponseStrategy(rawValue: 0)
  /// The call fails.
  public static let abort = PartialResponseStrategy(rawValue: 1)
}

/// What a query does with the series it asks for.
public struct QueryHints: ProtobufMessage {
  /// Distance of its steps, milliseconds.
  public var stepMs: Int64 = 0
  /// The function around the selector (`func`).
  public var function: FunctionHint?
  /// The aggregation around the selector.
  public var grouping: GroupingHint?
  /// The range of the selector.
  public var range: RangeHint?
  /// Labels that the query needs, or does not need.
  public var projectionLabels: [String] = []
  /// Whether `projectionLabels` are the ones needed.
  public var projectionIncludes: Bool = false
  /// The label that would tell projected series apart.
  public var seriesHashLabelName: String = ""

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: stepMs = try reader.int64()
    case 2:
      var message = function ?? FunctionHint()
      try reader.message(into: &message)
      function = message
    case 4:
      var message = grouping ?? GroupingHint()
      try reader.message(into: &message)
      grouping = message
    case 5:
      var message = range ?? RangeHint()
      try reader.message(into: &message)
      range = message
    case 6: projectionLabels.append(try reader.string())
    case 7: projectionIncludes = try reader.bool()
    case 8: seriesHashLabelName = try reader.string()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, stepMs)
    writer.message(field: 2, function)
    writer.message(field: 4, grouping)
    writer.message(field: 5, range)
    writer.strings(field: 6, projectionLabels)
    writer.bool(field: 7, projectionIncludes)
    writer.string(field: 8, seriesHashLabelName)
  }
}

/// The name of a function (`Func`).
public struct FunctionHint: ProtobufMessage {
  /// The name.
  public var name: String = ""

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: name = try reader.string()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, name)
  }
}

/// Labels of an aggregation (`Grouping`).
public struct GroupingHint: ProtobufMessage {
  /// Whether it is `by`, else `without`.
  public var isBy: Bool = false
  /// The labels.
  public var labels: [String] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: isBy = try reader.bool()
    case 3: labels.append(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.bool(field: 1, isBy)
    writer.strings(field: 3, labels)
  }
}

/// The range of a selector (`Range`).
public struct RangeHint: ProtobufMessage {
  /// Milliseconds.
  public var rangeMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: rangeMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, rangeMs)
  }
}

/// One part of the series: those whose hash over some labels leaves a certain remainder.
public struct ShardInfo: ProtobufMessage {
  /// The remainder.
  public var shardIndex: Int64 = 0
  /// The divisor; below 1: all series.
  public var totalShards: Int64 = 0
  /// Whether `labels` are those that are hashed, else all but these.
  public var isBy: Bool = false
  /// The labels.
  public var labels: [String] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: shardIndex = try reader.int64()
    case 2: totalShards = try reader.int64()
    case 3: isBy = try reader.bool()
    case 4: labels.append(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, shardIndex)
    writer.int64(field: 2, totalShards)
    writer.bool(field: 3, isBy)
    writer.strings(field: 4, labels)
  }
}

/// Asks for label names (`/thanos.Store/LabelNames`).
public struct LabelNamesRequest: ProtobufMessage {
  /// See `SeriesRequest`.
  public var partialResponseDisabled: Bool = false
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)
  /// First instant, milliseconds.
  public var startMs: Int64 = 0
  /// Last instant, milliseconds.
  public var endMs: Int64 = 0
  /// `hintspb.LabelNamesRequestHints`.
  public var hints: AnyMessage?
  /// Only names of series that fulfil these.
  public var matchers: [LabelMatcherMessage] = []
  /// Names that are left out.
  public var withoutReplicaLabels: [String] = []
  /// The most names that are wanted; 0: all.
  public var limit: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: partialResponseDisabled = try reader.bool()
    case 2: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    case 3: startMs = try reader.int64()
    case 4: endMs = try reader.int64()
    case 5:
      var message = hints ?? AnyMessage()
      try reader.message(into: &message)
      hints = message
    case 6: matchers.append(try reader.message())
    case 7: withoutReplicaLabels.append(try reader.string())
    case 8: limit = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.bool(field: 1, partialResponseDisabled)
    writer.int32(field: 2, partialResponseStrategy.rawValue)
    writer.int64(field: 3, startMs)
    writer.int64(field: 4, endMs)
    writer.message(field: 5, hints)
    writer.messages(field: 6, matchers)
    writer.strings(field: 7, withoutReplicaLabels)
    writer.int64(field: 8, limit)
  }
}

/// Names of labels.
public struct LabelNamesResponse: ProtobufMessage {
  /// The names, ascending by bytes.
  public var names: [String] = []
  /// What could not be asked.
  public var warnings: [String] = []
  /// `hintspb.LabelNamesResponseHints`.
  public var hints: AnyMessage?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: names.append(try reader.string())
    case 2: warnings.append(try reader.string())
    case 3:
      var message = hints ?? AnyMessage()
      try reader.message(into: &message)
      hints = message
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.strings(field: 1, names)
    writer.strings(field: 2, warnings)
    writer.message(field: 3, hints)
  }
}

/// Asks for the values of a label (`/thanos.Store/LabelValues`).
public struct LabelValuesRequest: ProtobufMessage {
  /// The label's name.
  public var label: String = ""
  /// See `SeriesRequest`.
  public var partialResponseDisabled: Bool = false
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)
  /// First instant, milliseconds.
  public var startMs: Int64 = 0
  /// Last instant, milliseconds.
  public var endMs: Int64 = 0
  /// `hintspb.LabelValuesRequestHints`.
  public var hints: AnyMessage?
  /// Only values of series that fulfil these.
  public var matchers: [LabelMatcherMessage] = []
  /// Labels that have no values.
  public var withoutReplicaLabels: [String] = []
  /// The most values that are wanted; 0: all.
  public var limit: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: label = try reader.string()
    case 2: partialResponseDisabled = try reader.bool()
    case 3: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    case 4: startMs = try reader.int64()
    case 5: endMs = try reader.int64()
    case 6:
      var message = hints ?? AnyMessage()
      try reader.message(into: &message)
      hints = message
    case 7: matchers.append(try reader.message())
    case 8: withoutReplicaLabels.append(try reader.string())
    case 9: limit = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, label)
    writer.bool(field: 2, partialResponseDisabled)
    writer.int32(field: 3, partialResponseStrategy.rawValue)
    writer.int64(field: 4, startMs)
    writer.int64(field: 5, endMs)
    writer.message(field: 6, hints)
    writer.messages(field: 7, matchers)
    writer.strings(field: 8, withoutReplicaLabels)
    writer.int64(field: 9, limit)
  }
}

/// Values of a label.
public struct LabelValuesResponse: ProtobufMessage {
  /// The values, ascending by bytes.
  public var values: [String] = []
  /// What could not be asked.
  public var warnings: [String] = []
  /// `hintspb.LabelValuesResponseHints`.
  public var hints: AnyMessage?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: values.append(try reader.string())
    case 2: warnings.append(try reader.string())
    case 3:
      var message = hints ?? AnyMessage()
      try reader.message(into: &message)
      hints = message
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.strings(field: 1, values)
    writer.strings(field: 2, warnings)
    writer.message(field: 3, hints)
  }
}
