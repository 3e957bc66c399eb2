// Protocol Buffers, written field by field. ProtobufReader.swift shows the format.

/// Appends fields to a buffer. Values that are the default of proto3 (0, false, empty) are left out, unless `always` says
/// that the field is written even then: elements of repeated fields, members of a oneof.
public struct ProtobufWriter: Sendable {
  /// What has been written.
  public private(set) var bytes: [UInt8]

  /// Nothing written yet.
  public init() { bytes = [] }

  /// Nothing written yet, with room for so many bytes.
  public init(capacity: Int) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  // MARK: Numbers

  /// A `uint64` field.
  public mutating func uint64(field: Int, _ value: UInt64, always: Bool = false) {
    guard value != 0 || always else { return }
    tag(field, .varint)
    varint(value)
  }

  /// An `int64` field.
  public mutating func int64(field: Int, _ value: Int64, always: Bool = false) {
    uint64(field: field, UInt64(bitPattern: value), always: always)
  }

  /// A `uint32` field.
  public mutating func uint32(field: Int, _ value: UInt32, always: Bool = false) {
    uint64(field: field, UInt64(value), always: always)
  }

  /// An `int32` or enumeration field: negative numbers take ten bytes, as the format demands.
  public mutating func int32(field: Int, _ value: Int32, always: Bool = false) {
    int64(field: field, Int64(value), always: always)
  }

  /// A `sint64` field.
  public mutating func sint64(field: Int, _ value: Int64, always: Bool = false) {
    uint64(field: field, Self.zigzag(value), always: always)
  }

  /// A `sint32` field.
  public mutating func sint32(field: Int, _ value: Int32, always: Bool = false) {
    sint64(field: field, Int64(value), always: always)
  }

  /// A `bool` field.
  public mutating func bool(field: Int, _ value: Bool, always: Bool = false) {
    uint64(field: field, value ? 1 : 0, always: always)
  }

  /// A `double` field. Only +0 is its default: -0 and NaN are written.
  public mutating func double(field: Int, _ value: Double, always: Bool = false) {
    guard value.bitPattern != 0 || always else { return }
    tag(field, .fixed64)
    fixed64(value.bitPattern)
  }

  /// A `fixed64` field.
  public mutating func fixed64(field: Int, _ value: UInt64, always: Bool = false) {
    guard value != 0 || always else { return }
    tag(field, .fixed64)
    fixed64(value)
  }

  // MARK: Bytes, text, messages

  /// A `string` field.
  public mutating func string(field: Int, _ value: String, always: Bool = false) {
    guard !value.isEmpty || always else { return }
    tag(field, .length)
    varint(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  /// A `repeated string` field.
  public mutating func strings(field: Int, _ values: [String]) {
    for value in values { string(field: field, value, always: true) }
  }

  /// A `bytes` field.
  public mutating func bytes(field: Int, _ value: [UInt8], always: Bool = false) {
    guard !value.isEmpty || always else { return }
    tag(field, .length)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// A message field, whose fields `body` writes; it is written even where `body` writes none.
  public mutating func message(field: Int, _ body: (inout ProtobufWriter) -> Void) {
    tag(field, .length)
    let start = bytes.count
    // One byte for the length, which is enough for most messages; more are pushed in where it is not.
    bytes.append(0)
    body(&self)
    let length = bytes.count - start - 1
    if length < 0x80 {
      bytes[start] = UInt8(length)
      return
    }
    var size = ProtobufWriter()
    size.varint(UInt64(length))
    bytes.replaceSubrange(start..<start + 1, with: size.bytes)
  }

  /// A message field that is there.
  public mutating func message(field: Int, _ message: some ProtobufMessage) {
    self.message(field: field) { writer in message.write(to: &writer) }
  }

  /// A message field that may be absent.
  public mutating func message(field: Int, _ message: (some ProtobufMessage)?) {
    if let message { self.message(field: field, message) }
  }

  /// A `repeated` message field.
  public mutating func messages(field: Int, _ messages: [some ProtobufMessage]) {
    for message in messages { self.message(field: field, message) }
  }

  // MARK: Packed numbers

  /// A packed repeated field of varints; nothing where there are none.
  public mutating func packed(field: Int, _ values: some Collection<UInt64>) {
    guard !values.isEmpty else { return }
    message(field: field) { writer in
      for value in values { writer.varint(value) }
    }
  }

  /// A packed repeated `double` field; nothing where there are none.
  public mutating func packedDoubles(field: Int, _ values: [Double]) {
    guard !values.isEmpty else { return }
    tag(field, .length)
    varint(UInt64(values.count) * 8)
    for value in values { fixed64(value.bitPattern) }
  }

  /// What zig-zag encoding makes of a signed number: 0, -1, 1, -2 become 0, 1, 2, 3.
  public static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

  // MARK: Steps

  private mutating func tag(_ field: Int, _ wireType: ProtobufField.WireType) {
    precondition(field > 0 && field < 1 << 29, "field numbers are 1 up to 2^29 - 1")
    varint(UInt64(field) << 3 | UInt64(wireType.rawValue))
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private mutating func fixed64(_ value: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
