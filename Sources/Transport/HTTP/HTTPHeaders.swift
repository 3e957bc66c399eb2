// Header fields of HTTP, in the order they came, whatever the version of the protocol.
import Glibc

/// Header or trailer fields: names in lower case, several of one name allowed, order kept. All text lies in one array, so that
/// a request with twenty fields costs two allocations and not forty.
public struct HTTPHeaders: Sendable {
  private struct Field: Sendable {
    var nameStart: Int
    var nameLength: Int
    var valueLength: Int

    var name: Range<Int> { nameStart..<nameStart + nameLength }
    var value: Range<Int> { nameStart + nameLength..<nameStart + nameLength + valueLength }
  }

  private var text: [UInt8] = []
  private var fields: [Field] = []

  /// No fields.
  public init() {}

  /// Room for so many fields with so many bytes of text.
  init(fieldCapacity: Int, textCapacity: Int) {
    fields.reserveCapacity(fieldCapacity)
    text.reserveCapacity(textCapacity)
  }

  /// How many fields there are; those of one name count each.
  public var count: Int { fields.count }
  /// Whether there are none.
  public var isEmpty: Bool { fields.isEmpty }

  /// The bytes that the fields would take uncompressed, as HTTP/2 counts the size of a header list (RFC 9113, 6.5.2).
  public var listBytes: Int { fields.reduce(0) { $0 + $1.nameLength + $1.valueLength + 32 } }

  /// The first value of the field `name` (in lower case), or nil.
  public subscript(name: String) -> String? {
    var name = name
    return name.withUTF8 { name in
      fields.first { unsafe hasName($0, UnsafeRawBufferPointer(name)) }.map { string($0.value) }
    }
  }

  /// All values of the fields `name` (in lower case), in their order.
  public func values(for name: String) -> [String] {
    var name = name
    return name.withUTF8 { name in
      fields.filter { unsafe hasName($0, UnsafeRawBufferPointer(name)) }.map { string($0.value) }
    }
  }

  /// Whether there is a field `name` (in lower case).
  public func contains(_ name: String) -> Bool {
    var name = name
    return name.withUTF8 { name in fields.contains { unsafe hasName($0, UnsafeRawBufferPointer(name)) } }
  }

  /// Whether the first value of the field `name` (in lower case) is `value`, byte for byte: without making text of it.
  func has(_ name: String, _ value: String) -> Bool {
    var (name, value) = (name, value)
    return name.withUTF8 { name in
      value.withUTF8 { value in
        guard let field = fields.first(where: { unsafe hasName($0, UnsafeRawBufferPointer(name)) }) else {
          return false
        }
        return unsafe hasText(field.value, UnsafeRawBufferPointer(value))
      }
    }
  }

  /// Whether the name of a field has this begin, or this end.
  func containsName(where matches: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    unsafe text.withUnsafeBytes { bytes in
      fields.contains { unsafe matches(UnsafeRawBufferPointer(rebasing: bytes[$0.name])) }
    }
  }

  /// The fields whose names (and values) are wanted.
  func filtered(_ isWanted: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool) -> HTTPHeaders {
    var result = HTTPHeaders()
    unsafe text.withUnsafeBytes { bytes in
      for field in fields {
        let name = unsafe UnsafeRawBufferPointer(rebasing: bytes[field.name])
        let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[field.value])
        if unsafe isWanted(name, value) { unsafe result.append(name: name, value: value) }
      }
    }
    return result
  }

  /// Appends all fields of `other`.
  mutating func append(_ other: HTTPHeaders) {
    let offset = text.count
    text.append(contentsOf: other.text)
    for field in other.fields {
      fields.append(
        Field(nameStart: field.nameStart + offset, nameLength: field.nameLength, valueLength: field.valueLength))
    }
  }

  /// Appends a field. ASCII capitals of the name become small.
  public mutating func add(_ name: String, _ value: String) {
    var name = name
    var value = value
    name.withUTF8 { nameBytes in
      value.withUTF8 { valueBytes in
        unsafe append(name: UnsafeRawBufferPointer(nameBytes), value: UnsafeRawBufferPointer(valueBytes))
      }
    }
  }

  /// Appends a field whose text is given as bytes.
  mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    fields.append(Field(nameStart: text.count, nameLength: name.count, valueLength: value.count))
    let start = text.count
    unsafe text.append(contentsOf: name)
    for index in start..<text.count where text[index] >= 0x41 && text[index] <= 0x5A { text[index] |= 0x20 }
    unsafe text.append(contentsOf: value)
  }

  /// Replaces all fields `name` by one.
  public mutating func set(_ name: String, _ value: String) {
    remove(name)
    add(name, value)
  }

  /// Removes all fields `name`.
  public mutating func remove(_ name: String) {
    let lowered = Array(name.utf8).map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    fields.removeAll { text[$0.name].elementsEqual(lowered) }
  }

  /// Where the text of the field at `index` lies in what `withText` shows.
  func ranges(at index: Int) -> (name: Range<Int>, value: Range<Int>) { (fields[index].name, fields[index].value) }

  /// Calls `body` with the text of all fields.
  func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe text.withUnsafeBytes { unsafe body($0) }
  }

  private func hasName(_ field: Field, _ name: UnsafeRawBufferPointer) -> Bool {
    unsafe field.nameLength == name.count && hasText(field.name, name)
  }

  private func hasText(_ range: Range<Int>, _ other: UnsafeRawBufferPointer) -> Bool {
    guard range.count == other.count else { return false }
    guard let start = other.baseAddress else { return true }
    return unsafe text.withUnsafeBytes { bytes in
      unsafe memcmp(UnsafeRawBufferPointer(rebasing: bytes[range]).baseAddress ?? start, start, other.count) == 0
    }
  }

  private func string(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
  /// Fields in the order of the literal.
  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { add(name, value) }
  }
}

extension HTTPHeaders: Sequence {
  /// Gives name and value of each field.
  public struct Iterator: IteratorProtocol {
    private let headers: HTTPHeaders
    private var position = 0

    init(_ headers: HTTPHeaders) { self.headers = headers }

    /// The next field, or nil.
    public mutating func next() -> (name: String, value: String)? {
      guard position < headers.fields.count else { return nil }
      let field = headers.fields[position]
      position += 1
      return (headers.string(field.name), headers.string(field.value))
    }
  }

  public func makeIterator() -> Iterator { Iterator(self) }
}

extension HTTPHeaders: Equatable {
  /// The same fields in the same order.
  public static func == (left: HTTPHeaders, right: HTTPHeaders) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { $0 == $1 }
  }
}

extension HTTPHeaders: CustomStringConvertible {
  public var description: String { map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}
