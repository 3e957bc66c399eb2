// JSON as a value, for documents that are small and read once: meta.json, marker files, configuration. Reading follows
// Go's encoding/json, since that is what wrote such files and what else reads them: JSONParser.swift. Writing follows its
// encoder: JSONWriter below.

/// A JSON document or a part of one. Numbers keep their text, objects keep their order and their duplicate keys.
public indirect enum JSONValue: Hashable, Sendable {
  /// A key of an object and what it stands for.
  public struct Member: Hashable, Sendable {
    /// The key, unescaped.
    public var key: String
    /// Its value.
    public var value: JSONValue

    /// A member with everything said by the caller.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  case null
  case bool(Bool)
  /// A number, as it was or is to be written: `1`, `-2.50e3`.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// The number `value`.
  public static func integer(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }

  /// What an error calls this kind of value: "string", "object".
  public var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

/// A JSON document that could not be read.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong: Go's words where Go would refuse, too ("unexpected end of JSON input").
  public var message: String
  /// Where, in bytes from the start; nil where the syntax is right and a value is not what was wanted.
  public var offset: Int?

  /// An error with everything said by the caller.
  public init(_ message: String, offset: Int? = nil) {
    self.message = message
    self.offset = offset
  }

  public var description: String { offset.map { "\(message) (at byte \($0))" } ?? message }
}

extension JSONValue {
  /// The document without blanks, as Go's `json.Marshal` writes it (`<`, `>` and `&` escaped).
  public var compactText: String {
    var writer = JSONWriter(indent: nil)
    writer.write(self, depth: 0)
    return writer.text
  }

  /// The document with one member or element a line, as Go's `json.MarshalIndent` writes it (`<`, `>` and `&` escaped),
  /// without a line end after it.
  public func indentedText(_ indent: String = "\t") -> String {
    var writer = JSONWriter(indent: indent)
    writer.write(self, depth: 0)
    return writer.text
  }

  /// `text` as a JSON string with its quotes, escaped as Go does.
  public static func quoted(_ text: String) -> String {
    var writer = JSONWriter(indent: nil)
    writer.write(string: text)
    return writer.text
  }
}

private struct JSONWriter {
  let indent: String?
  var text = ""

  init(indent: String?) { self.indent = indent }

  mutating func write(_ value: JSONValue, depth: Int) {
    switch value {
    case .null: text += "null"
    case .bool(let flag): text += flag ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let string): write(string: string)
    case .array(let elements):
      write(elements, open: "[", close: "]", depth: depth) { writer, element in
        writer.write(element, depth: depth + 1)
      }
    case .object(let members):
      write(members, open: "{", close: "}", depth: depth) { writer, member in
        writer.write(string: member.key)
        writer.text += writer.indent == nil ? ":" : ": "
        writer.write(member.value, depth: depth + 1)
      }
    }
  }

  private mutating func write<Item>(
    _ items: [Item], open: String, close: String, depth: Int, item: (inout JSONWriter, Item) -> Void
  ) {
    text += open
    for (index, element) in items.enumerated() {
      if index > 0 { text += "," }
      breakLine(depth: depth + 1)
      item(&self, element)
    }
    if !items.isEmpty { breakLine(depth: depth) }
    text += close
  }

  private mutating func breakLine(depth: Int) {
    guard let indent else { return }
    text += "\n"
    for _ in 0..<depth { text += indent }
  }

  mutating func write(string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{8}": text += "\\b"
      case "\u{c}": text += "\\f"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "<", ">", "&", "\u{2028}", "\u{2029}": write(escaped: scalar)
      case _ where scalar.value < 0x20: write(escaped: scalar)
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  private mutating func write(escaped scalar: Unicode.Scalar) {
    let digits = String(scalar.value, radix: 16)
    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
