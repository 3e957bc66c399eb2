// The messages of Google's own package that others contain: Any, Timestamp, Duration; and entries of maps.
public import TSModel

/// A message of a kind that its field does not say (`google.protobuf.Any`).
public struct AnyMessage: ProtobufMessage {
  /// What kind it is: `type.googleapis.com/` and the full name of the message.
  public var typeURL: String = ""
  /// Its bytes.
  public var value: [UInt8] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: typeURL = try reader.string()
    case 2: value = try reader.byteArray()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, typeURL)
    writer.bytes(field: 2, value)
  }
}

/// An instant (`google.protobuf.Timestamp`).
public struct TimestampMessage: ProtobufMessage {
  /// Seconds since the Unix epoch, UTC. A time that is not set has -62135596800: the begin of year 1.
  public var seconds: Int64 = 0
  /// Nanoseconds after them.
  public var nanos: Int32 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: seconds = try reader.int64()
    case 2: nanos = try reader.int32()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, seconds)
    writer.int32(field: 2, nanos)
  }
}

/// A span of time (`google.protobuf.Duration`).
public struct DurationMessage: ProtobufMessage {
  /// Seconds.
  public var seconds: Int64 = 0
  /// Nanoseconds, of the same sign.
  public var nanos: Int32 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: seconds = try reader.int64()
    case 2: nanos = try reader.int32()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, seconds)
    writer.int32(field: 2, nanos)
  }
}

/// An entry of a map: on the wire a message of key and value.
struct MapEntry<Value: ProtobufMessage>: ProtobufMessage {
  var key = ""
  var value = Value()

  init() {}

  mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: key = try reader.string()
    case 2: try reader.message(into: &value)
    default: break
    }
  }

  func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, key, always: true)
    writer.message(field: 2, value)
  }

  /// Writes all entries of `map`, ascending by key so that equal maps give equal bytes.
  static func write(_ map: [String: Value], field: Int, to writer: inout ProtobufWriter) {
    for (key, value) in map.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      var entry = MapEntry()
      (entry.key, entry.value) = (key, value)
      writer.message(field: field, entry)
    }
  }
}
