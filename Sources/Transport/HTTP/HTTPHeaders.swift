// Header fields of HTTP, in the order they came, whatever the version of the protocol.
import Glibc

/// Header or trailer fields: names in lower case, several of one name allowed, order kept. All text lies in one array, so that
/// a request with twenty fields costs one allocation and not forty.
///
///   | name length: 4 bytes | value length: 4 bytes | name | value |   and so on; lengths as the machine has them
public struct HTTPHeaders: Sendable {
  private static let lengthsBytes = 8

  private var packed: [UInt8] = []

  /// How many fields there are; those of one name count each.
  public private(set) var count = 0

  /// No fields.
  public init() {}

  /// Room for so many fields with so many bytes of text.
  init(fieldCapacity: Int, textCapacity: Int) {
    packed.reserveCapacity(fieldCapacity * Self.lengthsBytes + textCapacity)
  }

  /// Whether there are none.
  public var isEmpty: Bool { count == 0 }

  /// The bytes that the fields would take uncompressed, as HTTP/2 counts the size of a header list (RFC 9113, 6.5.2).
  public var listBytes: Int { packed.count + count * (32 - Self.lengthsBytes) }

  /// Calls `body` with each field, until it gives false.
  func forEach(while body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool) {
    unsafe packed.withUnsafeBytes { bytes in
      var at = 0
      while at < bytes.count {
        let field = unsafe Self.field(in: bytes, at: at)
        guard unsafe body(field.name, field.value) else { return }
        at = unsafe at + Self.lengthsBytes + field.name.count + field.value.count
      }
    }
  }

  /// Calls `body` with each field and its place, then `then`, for whose time the texts stay where they are.
  func withFields<Result>(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ index: Int) -> Void, then: () -> Result
  ) -> Result {
    unsafe packed.withUnsafeBytes { bytes in
      var at = 0
      for index in 0..<count {
        let field = unsafe Self.field(in: bytes, at: at)
        unsafe body(field.name, field.value, index)
        at = unsafe at + Self.lengthsBytes + field.name.count + field.value.count
      }
      return then()
    }
  }

  /// The field whose lengths lie at `at`.
  private static func field(
    in bytes: UnsafeRawBufferPointer, at: Int
  ) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    let nameStart = at + lengthsBytes
    let nameEnd = unsafe nameStart + Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    let valueEnd = unsafe nameEnd + Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
    return unsafe (
      UnsafeRawBufferPointer(rebasing: bytes[nameStart..<nameEnd]),
      UnsafeRawBufferPointer(rebasing: bytes[nameEnd..<valueEnd])
    )
  }

  /// Calls `body` with the values of the fields `name`, until it gives false.
  private func forEachValue(of name: String, while body: (UnsafeRawBufferPointer) -> Bool) {
    var name = name
    name.withUTF8 { wanted in
      unsafe forEach { name, value in
        unsafe isSame(name, UnsafeRawBufferPointer(wanted)) ? unsafe body(value) : true
      }
    }
  }

  /// The first value of the field `name` (in lower case), or nil.
  public subscript(name: String) -> String? {
    var found: String?
    unsafe forEachValue(of: name) { value in
      unsafe found = String(decoding: value, as: UTF8.self)
      return false
    }
    return found
  }

  /// All values of the fields `name` (in lower case), in their order.
  public func values(for name: String) -> [String] {
    var values: [String] = []
    unsafe forEachValue(of: name) { value in
      unsafe values.append(String(decoding: value, as: UTF8.self))
      return true
    }
    return values
  }

  /// Whether there is a field `name` (in lower case).
  public func contains(_ name: String) -> Bool {
    var isThere = false
    unsafe forEachValue(of: name) { _ in
      isThere = true
      return false
    }
    return isThere
  }

  /// Whether the first value of the field `name` (in lower case) is `value`, byte for byte: without making text of it.
  func has(_ name: String, _ value: String) -> Bool {
    var wanted = value
    return wanted.withUTF8 { wanted in
      var hasValue = false
      unsafe forEachValue(of: name) { value in
        hasValue = unsafe isSame(value, UnsafeRawBufferPointer(wanted))
        return false
      }
      return hasValue
    }
  }

  /// Whether the name of a field has this begin, or this end.
  func containsName(where matches: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    var isThere = false
    unsafe forEach { name, _ in
      isThere = unsafe matches(name)
      return !isThere
    }
    return isThere
  }

  /// The fields whose names (and values) are wanted.
  func filtered(_ isWanted: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool) -> HTTPHeaders {
    var result = HTTPHeaders()
    unsafe forEach { name, value in
      if unsafe isWanted(name, value) { unsafe result.append(name: name, value: value) }
      return true
    }
    return result
  }

  /// Appends all fields of `other`.
  mutating func append(_ other: HTTPHeaders) {
    packed.append(contentsOf: other.packed)
    count += other.count
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

  /// Appends a field whose text is given as bytes; of more than 4 GiB their begin.
  mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    let lengths = (UInt32(clamping: name.count), UInt32(clamping: value.count))
    unsafe withUnsafeBytes(of: lengths) { unsafe packed.append(contentsOf: $0) }
    let start = packed.count
    unsafe packed.append(contentsOf: name.prefix(Int(lengths.0)))
    for index in start..<packed.count where packed[index] >= 0x41 && packed[index] <= 0x5A { packed[index] |= 0x20 }
    unsafe packed.append(contentsOf: value.prefix(Int(lengths.1)))
    count += 1
  }

  /// Replaces all fields `name` by one.
  public mutating func set(_ name: String, _ value: String) {
    remove(name)
    add(name, value)
  }

  /// Removes all fields `name`.
  public mutating func remove(_ name: String) {
    var lowered = HTTPHeaders()
    lowered.add(name, "")
    let others = lowered
    self = unsafe filtered { name, _ in
      unsafe !others.containsName { unsafe isSame($0, name) }
    }
  }

  /// Gives name and value of each field.
  public struct Iterator: IteratorProtocol {
    private let headers: HTTPHeaders
    private var position = 0

    init(_ headers: HTTPHeaders) { self.headers = headers }

    /// The next field, or nil.
    public mutating func next() -> (name: String, value: String)? {
      guard position < headers.packed.count else { return nil }
      return unsafe headers.packed.withUnsafeBytes { bytes in
        let field = unsafe HTTPHeaders.field(in: bytes, at: position)
        position = unsafe position + HTTPHeaders.lengthsBytes + field.name.count + field.value.count
        return unsafe (String(decoding: field.name, as: UTF8.self), String(decoding: field.value, as: UTF8.self))
      }
    }
  }
}

/// Whether both are the same bytes.
private func isSame(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
  guard left.count == right.count else { return false }
  guard let start = left.baseAddress, let other = right.baseAddress else { return true }
  return unsafe memcmp(start, other, left.count) == 0
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
  /// Fields in the order of the literal.
  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { add(name, value) }
  }
}

extension HTTPHeaders: Sequence {
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
