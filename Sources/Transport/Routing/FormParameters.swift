// Parameters of a URL's query or of a form's body: `name=value&name=value`, percent-encoded, `+` standing for a blank.

/// Parameters in the order they came; a name may occur several times.
public struct FormParameters: Sendable, Equatable {
  /// One parameter.
  public struct Parameter: Sendable, Equatable {
    /// Its name, decoded.
    public var name: String
    /// Its value, decoded.
    public var value: String
  }

  /// Why a text is no list of parameters.
  public struct Malformed: Error, Sendable, CustomStringConvertible {
    /// What is wrong with it, in Go's words.
    public let description: String
  }

  /// Most parameters that are read.
  public static let countMax = 10_000

  /// All parameters.
  public private(set) var all: [Parameter] = []

  /// No parameters.
  public init() {}

  /// Reads `text`. Throws where an escape is not `%` and two hexadecimal digits, where a `;` separates (as Go refuses
  /// it), and where there are more than `countMax` parameters.
  public init(_ text: String) throws(Malformed) {
    for part in Array(text.utf8).split(separator: 0x26) { try append(part) }
  }

  /// Reads what can be read of `text`, as Go's `FormValue` does. Returns what is wrong with the rest, if anything.
  public mutating func append(legibleOf text: String) -> Malformed? {
    var first: Malformed?
    for part in Array(text.utf8).split(separator: 0x26) {
      do throws(Malformed) { try append(part) } catch { first = first ?? error }
    }
    return first
  }

  private mutating func append(_ part: ArraySlice<UInt8>) throws(Malformed) {
    if part.contains(0x3B) { throw Malformed(description: "invalid semicolon separator in query") }
    let equals = part.firstIndex(of: 0x3D)
    let name = try Self.decoded(part[..<(equals ?? part.endIndex)])
    let value = try equals.map { index throws(Malformed) in try Self.decoded(part[(index + 1)...]) } ?? ""
    guard all.count < Self.countMax else { throw Malformed(description: "more than \(Self.countMax) parameters") }
    all.append(Parameter(name: name, value: value))
  }

  /// The first value of `name`, or nil.
  public subscript(name: String) -> String? { all.first { $0.name == name }?.value }

  /// All values of `name`.
  public func values(_ name: String) -> [String] { all.filter { $0.name == name }.map(\.value) }

  /// Adds the parameters of `other` behind these.
  public mutating func append(_ other: FormParameters) { all.append(contentsOf: other.all) }

  /// `bytes` with `%xx` and, where `plusIsBlank`, `+` replaced by what they stand for.
  static func decoded(_ bytes: ArraySlice<UInt8>, plusIsBlank: Bool = true) throws(Malformed) -> String {
    String(decoding: try decodedBytes(bytes, plusIsBlank: plusIsBlank), as: UTF8.self)
  }

  /// The same as bytes, which need not be UTF-8.
  static func decodedBytes(_ bytes: ArraySlice<UInt8>, plusIsBlank: Bool = true) throws(Malformed) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var at = bytes.startIndex
    while at < bytes.endIndex {
      switch bytes[at] {
      case 0x25:
        guard bytes.endIndex - at >= 3, let high = hexDigit(bytes[at + 1]), let low = hexDigit(bytes[at + 2]) else {
          let escape = String(decoding: bytes[at..<min(at + 3, bytes.endIndex)], as: UTF8.self)
          throw Malformed(description: "invalid URL escape \(quoted(escape))")
        }
        out.append(high << 4 | low)
        at += 3
      case 0x2B where plusIsBlank:
        out.append(0x20)
        at += 1
      case let byte:
        out.append(byte)
        at += 1
      }
    }
    return out
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}
