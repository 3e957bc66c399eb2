// How a component says what it offers (`/thanos.info.Info/Info`). A part that is there means that the service is
// offered.
public import TSModel

/// Asks what a component offers.
public struct InfoRequest: ProtobufMessage {
  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {}

  public func write(to writer: inout ProtobufWriter) {}
}

/// What a component offers.
public struct InfoResponse: ProtobufMessage {
  /// External labels of its data.
  public var labelSets: [LabelSetMessage] = []
  /// `sidecar`, `store`, `query`, `rule` or `receive`.
  public var componentType: String = ""
  /// It has `thanos.Store`.
  public var store: StoreInfo?
  /// It has `thanos.Rules`.
  public var rules: EmptyInfo?
  /// It has `thanos.Metadata`.
  public var metricMetadata: EmptyInfo?
  /// It has `thanos.Targets`.
  public var targets: EmptyInfo?
  /// It has `thanos.Exemplars`.
  public var exemplars: ExemplarsInfo?
  /// It has `thanos.Query`.
  public var query: EmptyInfo?
  /// It has `thanos.Status`.
  public var status: EmptyInfo?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: labelSets.append(try reader.message())
    case 2: componentType = try reader.string()
    case 3:
      var message = store ?? StoreInfo()
      try reader.message(into: &message)
      store = message
    case 4:
      var message = rules ?? EmptyInfo()
      try reader.message(into: &message)
      rules = message
    case 5:
      var message = metricMetadata ?? EmptyInfo()
      try reader.message(into: &message)
      metricMetadata = message
    case 6:
      var message = targets ?? EmptyInfo()
      try reader.message(into: &message)
      targets = message
    case 7:
      var message = exemplars ?? ExemplarsInfo()
      try reader.message(into: &message)
      exemplars = message
    case 8:
      var message = query ?? EmptyInfo()
      try reader.message(into: &message)
      query = message
    case 9:
      var message = status ?? EmptyInfo()
      try reader.message(into: &message)
      status = message
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, labelSets)
    writer.string(field: 2, componentType)
    writer.message(field: 3, store)
    writer.message(field: 4, rules)
    writer.message(field: 5, metricMetadata)
    writer.message(field: 6, targets)
    writer.message(field: 7, exemplars)
    writer.message(field: 8, query)
    writer.message(field: 9, status)
  }
}

/// A part that says no more than that it is there (`RulesInfo`, `MetricMetadataInfo`, `TargetsInfo`,
/// `QueryAPIInfo`, `StatusInfo`).
public struct EmptyInfo: ProtobufMessage {
  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {}

  public func write(to writer: inout ProtobufWriter) {}
}

/// What a store has.
public struct StoreInfo: ProtobufMessage {
  /// First instant of its data, milliseconds.
  public var minTimeMs: Int64 = 0
  /// Last instant of its data, milliseconds.
  public var maxTimeMs: Int64 = 0
  /// Whether it knows `shard_info`.
  public var supportsSharding: Bool = false
  /// Whether it knows `without_replica_labels`.
  public var supportsWithoutReplicaLabels: Bool = false
  /// Its data, one a set of external labels and stretch of time.
  public var tsdbInfos: [TSDBInfo] = []
  /// Whether it knows projections.
  public var supportsProjections: Bool = false

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: minTimeMs = try reader.int64()
    case 2: maxTimeMs = try reader.int64()
    case 3: supportsSharding = try reader.bool()
    case 5: supportsWithoutReplicaLabels = try reader.bool()
    case 6: tsdbInfos.append(try reader.message())
    case 7: supportsProjections = try reader.bool()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, minTimeMs)
    writer.int64(field: 2, maxTimeMs)
    writer.bool(field: 3, supportsSharding)
    writer.bool(field: 5, supportsWithoutReplicaLabels)
    writer.messages(field: 6, tsdbInfos)
    writer.bool(field: 7, supportsProjections)
  }
}

/// A stretch of time of data with the same external labels.
public struct TSDBInfo: ProtobufMessage {
  /// The labels.
  public var labels = LabelSetMessage()
  /// First instant, milliseconds.
  public var minTimeMs: Int64 = 0
  /// Last instant, milliseconds.
  public var maxTimeMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &labels)
    case 2: minTimeMs = try reader.int64()
    case 3: maxTimeMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, labels)
    writer.int64(field: 2, minTimeMs)
    writer.int64(field: 3, maxTimeMs)
  }
}

/// What exemplars there are.
public struct ExemplarsInfo: ProtobufMessage {
  /// First instant, milliseconds.
  public var minTimeMs: Int64 = 0
  /// Last instant, milliseconds.
  public var maxTimeMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: minTimeMs = try reader.int64()
    case 2: maxTimeMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, minTimeMs)
    writer.int64(field: 2, maxTimeMs)
  }
}
