// Labels as messages carry them: name and value each time, no table. Protos/ and the page on the wire protocol have the
// field numbers of every message of this target.
public import TSModel

/// A label: a name with its value.
public struct LabelMessage: ProtobufMessage {
  /// The name.
  public var name: String = ""
  /// The value.
  public var value: String = ""

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: name = try reader.string()
    case 2: value = try reader.string()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, name)
    writer.string(field: 2, value)
  }
}

/// A set of labels (`ZLabelSet`, `LabelSet`).
public struct LabelSetMessage: ProtobufMessage {
  /// The labels, sorted by name.
  public var labels: [LabelMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: labels.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, labels)
  }
}

/// A condition on a label, as requests carry it; `matcher()` compiles it.
public struct LabelMatcherMessage: ProtobufMessage {
  /// How values are compared (`type`).
  public var kind = LabelMatcherKind(rawValue: 0)
  /// Name of the label.
  public var name: String = ""
  /// The value or the expression.
  public var value: String = ""

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: kind = LabelMatcherKind(rawValue: try reader.int32())
    case 2: name = try reader.string()
    case 3: value = try reader.string()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int32(field: 1, kind.rawValue)
    writer.string(field: 2, name)
    writer.string(field: 3, value)
  }
}

/// How a matcher compares. An open set: a number that this program does not know is still a value.
public struct LabelMatcherKind: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// `=`
  public static let equal = LabelMatcherKind(rawValue: 0)
  /// `!=`
  public static let notEqual = LabelMatcherKind(rawValue: 1)
  /// `=~`
  public static let regex = LabelMatcherKind(rawValue: 2)
  /// `!~`
  public static let notRegex = LabelMatcherKind(rawValue: 3)
}
