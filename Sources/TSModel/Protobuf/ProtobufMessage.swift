// What a message written by hand has to say: how one field is read, and how all are written.

/// A message as a value. A new one has every field at its default; unknown fields are not kept.
public protocol ProtobufMessage: Sendable, Equatable {
  /// The message with every field at its default.
  init()

  /// Reads the value of `field`, at which `reader` stands, or leaves it to be skipped.
  mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError)

  /// Writes all fields in ascending order of their numbers; those at their default are left out.
  func write(to writer: inout ProtobufWriter)
}

extension ProtobufMessage {
  /// Decodes the message that `bytes` are. Throws `.malformed`.
  public init(protobuf bytes: RawSpan) throws(ModelError) {
    self.init()
    var reader = ProtobufReader(bytes)
    try merge(from: &reader)
  }

  /// Decodes the message that `bytes` are. Throws `.malformed`.
  public init(protobuf bytes: [UInt8]) throws(ModelError) {
    let span = bytes.span
    // Bytes have no padding that could be read.
    try self.init(protobuf: unsafe span.bytes)
  }

  /// Reads all fields that `reader` has left: single ones replace, repeated ones append.
  public mutating func merge(from reader: inout ProtobufReader) throws(ModelError) {
    while let field = try reader.next() { try read(field, from: &reader) }
  }

  /// The message as bytes.
  public func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    write(to: &writer)
    return writer.bytes
  }
}
