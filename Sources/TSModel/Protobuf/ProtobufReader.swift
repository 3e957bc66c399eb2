// Protocol Buffers, read field by field over bytes that stay where they are.
//
//   message:  (tag, value)*        tag: uvarint, field number << 3 | wire type
//   value:    0 varint   08 96 01              field 1 = 150
//             1 fixed64  8 bytes, little-endian
//             2 length   uvarint, then so many bytes: text, bytes, a message, packed numbers
//             5 fixed32  4 bytes, little-endian
//             3, 4 group: begin and end; nobody writes them any more, they are stepped over
//
// A reader of a message loops over `next()`, reads what it knows by one call that fits the field's type, and calls `skip()`
// for all else. No call reads beyond the bytes, none allocates by what a length announces.

/// A field that a reader stands at: its number, and in which form its value follows.
public struct ProtobufField: Hashable, Sendable {
  /// The form of a value on the wire.
  public enum WireType: UInt8, Sendable {
    /// A number of up to ten bytes.
    case varint = 0
    /// Eight bytes.
    case fixed64 = 1
    /// A length and so many bytes.
    case length = 2
    /// The begin of a group.
    case groupStart = 3
    /// The end of a group.
    case groupEnd = 4
    /// Four bytes.
    case fixed32 = 5
  }

  /// The field's number, 1 up to 2²⁹ − 1.
  public let number: Int
  /// The form of its value.
  public let wireType: WireType
}

/// Reads one message. After `next()` gave a field, exactly one call must read its value or skip it; `next()` skips what was
/// not read.
///
/// Every call throws `.malformed`: with Go's text "unexpected EOF" where the bytes end too early, else with what is wrong.
public struct ProtobufReader: ~Escapable {
  /// The deepest that messages (and groups) may be nested.
  public static let depthMax = 64

  private let source: RawSpan
  private var position = 0
  private var pending: ProtobufField?
  private let depth: Int

  /// Reads the message that `bytes` are.
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) {
    source = bytes
    depth = 0
  }

  @_lifetime(copy bytes)
  private init(_ bytes: RawSpan, depth: Int) {
    source = bytes
    self.depth = depth
  }

  /// Bytes not read yet.
  public var bytesLeft: Int { source.byteCount - position }

  /// The next field, or nil at the end of the message. The value of the field before it is skipped if it was not read.
  public mutating func next() throws(ModelError) -> ProtobufField? {
    if pending != nil { try skip() }
    guard position < source.byteCount else { return nil }
    let field = try tag()
    if field.wireType == .groupEnd { throw malformed("a group ends that did not begin, field \(field.number)") }
    pending = field
    return field
  }

  /// Steps over the value of the current field.
  public mutating func skip() throws(ModelError) {
    guard let field = pending else { return }
    pending = nil
    try skipValue(of: field)
  }

  // MARK: Numbers

  /// The value of a `uint64` field.
  public mutating func uint64() throws(ModelError) -> UInt64 {
    try take(.varint)
    return try varint()
  }

  /// The value of an `int64` field.
  public mutating func int64() throws(ModelError) -> Int64 { Int64(bitPattern: try uint64()) }

  /// The value of a `uint32` field; of a longer number the lower 32 bits, as the format demands.
  public mutating func uint32() throws(ModelError) -> UInt32 { UInt32(truncatingIfNeeded: try uint64()) }

  /// The value of an `int32` or enumeration field; of a longer number the lower 32 bits.
  public mutating func int32() throws(ModelError) -> Int32 { Int32(truncatingIfNeeded: try uint64()) }

  /// The value of a `sint64` field.
  public mutating func sint64() throws(ModelError) -> Int64 { Self.zigzag(try uint64()) }

  /// The value of a `sint32` field.
  public mutating func sint32() throws(ModelError) -> Int32 {
    Int32(truncatingIfNeeded: Self.zigzag(UInt64(try uint32())))
  }

  /// The value of a `bool` field.
  public mutating func bool() throws(ModelError) -> Bool { try uint64() != 0 }

  /// The value of a `fixed64` field.
  public mutating func fixed64() throws(ModelError) -> UInt64 {
    try take(.fixed64)
    return try loadFixed64()
  }

  /// The value of a `fixed32` field.
  public mutating func fixed32() throws(ModelError) -> UInt32 {
    try take(.fixed32)
    return try loadFixed32()
  }

  /// The value of a `double` field.
  public mutating func double() throws(ModelError) -> Double { Double(bitPattern: try fixed64()) }

  // MARK: Bytes, text, messages

  /// The bytes of a field with a length, where they lie.
  @_lifetime(copy self)
  public mutating func bytes() throws(ModelError) -> RawSpan {
    try take(.length)
    let range = try lengthRange()
    return source.extracting(range)
  }

  /// A copy of the bytes of a field with a length.
  public mutating func byteArray() throws(ModelError) -> [UInt8] {
    let value = try bytes()
    return unsafe value.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// The text of a `string` field, with invalid UTF-8 repaired.
  public mutating func string() throws(ModelError) -> String {
    let value = try bytes()
    return unsafe value.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// A reader of the message that the current field is.
  @_lifetime(copy self)
  public mutating func nested() throws(ModelError) -> ProtobufReader {
    guard depth < Self.depthMax else { throw malformed("messages are nested deeper than \(Self.depthMax)") }
    try take(.length)
    let range = try lengthRange()
    return ProtobufReader(source.extracting(range), depth: depth + 1)
  }

  /// The message that the current field is.
  public mutating func message<Message: ProtobufMessage>(_: Message.Type = Message.self) throws(ModelError) -> Message {
    var message = Message()
    try self.message(into: &message)
    return message
  }

  /// Reads the message that the current field is into `message`: a message that comes twice is merged, as the format
  /// demands.
  public mutating func message<Message: ProtobufMessage>(into message: inout Message) throws(ModelError) {
    var reader = try nested()
    try message.merge(from: &reader)
  }

  // MARK: Repeated numbers, packed or not

  /// Appends the numbers of a repeated varint field, one or many, each as `convert` makes it.
  public mutating func repeated<Element>(
    into elements: inout [Element], _ convert: (UInt64) -> Element
  ) throws(ModelError) {
    guard pending?.wireType == .length else {
      elements.append(convert(try uint64()))
      return
    }
    try take(.length)
    let end = try lengthRange(advances: false).upperBound
    while position < end {
      let value = try varint()
      // A number that crosses the end of the packed ones.
      guard position <= end else { throw unexpectedEnd() }
      elements.append(convert(value))
    }
  }

  /// Appends the numbers of a repeated `double` field.
  public mutating func repeatedDouble(into elements: inout [Double]) throws(ModelError) {
    guard pending?.wireType == .length else {
      elements.append(try double())
      return
    }
    try take(.length)
    let range = try lengthRange(advances: false)
    guard range.count % 8 == 0 else { throw unexpectedEnd() }
    elements.reserveCapacity(elements.count + range.count / 8)
    while position < range.upperBound { elements.append(Double(bitPattern: try loadFixed64())) }
  }

  /// The signed number that zig-zag encoding made `value` of.
  public static func zigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1 ^ (0 &- (value & 1)))
  }

  // MARK: Steps

  private mutating func take(_ wireType: ProtobufField.WireType) throws(ModelError) {
    guard let field = pending else { throw malformed("a value is read where no field stands") }
    guard field.wireType == wireType else {
      throw malformed("proto: wrong wireType = \(field.wireType.rawValue) for field \(field.number)")
    }
    pending = nil
  }

  private mutating func tag() throws(ModelError) -> ProtobufField {
    let tag = try varint()
    let number = tag >> 3
    guard number > 0, number < 1 << 29 else { throw malformed("proto: illegal tag \(number) (wire type \(tag & 7))") }
    guard let wireType = ProtobufField.WireType(rawValue: UInt8(tag & 7)) else {
      throw malformed("proto: illegal wireType \(tag & 7)")
    }
    return ProtobufField(number: Int(number), wireType: wireType)
  }

  private mutating func varint() throws(ModelError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < source.byteCount {
      // Inside: compared above.
      let byte = unsafe source.unsafeLoad(fromByteOffset: position, as: UInt8.self)
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw malformed("proto: integer overflow") }
    }
    throw unexpectedEnd()
  }

  private mutating func loadFixed64() throws(ModelError) -> UInt64 {
    guard bytesLeft >= 8 else { throw unexpectedEnd() }
    let value = unsafe source.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
    position += 8
    return UInt64(littleEndian: value)
  }

  private mutating func loadFixed32() throws(ModelError) -> UInt32 {
    guard bytesLeft >= 4 else { throw unexpectedEnd() }
    let value = unsafe source.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self)
    position += 4
    return UInt32(littleEndian: value)
  }

  /// Where the bytes of a field with a length lie, all of them inside; then the reader stands behind them, or at their begin.
  private mutating func lengthRange(advances: Bool = true) throws(ModelError) -> Range<Int> {
    let length = try varint()
    guard length <= UInt64(bytesLeft) else { throw unexpectedEnd() }
    let range = position..<position + Int(length)
    if advances { position = range.upperBound }
    return range
  }

  private mutating func skipValue(of first: ProtobufField) throws(ModelError) {
    var field = first
    // The groups that are open, by number.
    var groups: [Int] = []
    while true {
      switch field.wireType {
      case .varint: _ = try varint()
      case .fixed64: _ = try loadFixed64()
      case .fixed32: _ = try loadFixed32()
      case .length: _ = try lengthRange()
      case .groupStart:
        guard depth + groups.count < Self.depthMax else {
          throw malformed("groups are nested deeper than \(Self.depthMax)")
        }
        groups.append(field.number)
      case .groupEnd:
        guard groups.popLast() == field.number else {
          throw malformed("proto: mismatched end of group \(field.number)")
        }
      }
      if groups.isEmpty { return }
      field = try tag()
    }
  }

  private func unexpectedEnd() -> ModelError { malformed("unexpected EOF") }
  private func malformed(_ text: String) -> ModelError { ModelError(.malformed, text) }
}
