// From nodes to values, as yaml.v2 fills Go's structs: what does not fit is collected, with its line, and told at the end
// all at once; a field that nobody takes is one of those where the reading is strict.

/// What did not fit while one document was read. Shared by all the fields of the document.
public final class YAMLProblems {
  private var found: [(line: Int, column: Int, text: String)] = []

  /// Nothing found yet.
  public init() {}

  /// Notes what is wrong at `node`: `field foo not found in type client.BucketConfig`.
  public func add(_ text: String, at node: YAMLNode) {
    // Enough to see what is wrong; a hostile document has no more of our memory.
    if found.count < 1000 { found.append((node.line, node.column, text)) }
  }

  /// Notes that `node` is not a `type`.
  public func addMismatch(of node: YAMLNode, with type: String) {
    var value = ""
    if node.kind == .scalar {
      // Go counts bytes; a character that is cut in two is left out.
      let bytes = Array(node.text.utf8)
      value = bytes.count > 10 ? " `\(wholeCharacters(bytes.prefix(7)))...`" : " `\(node.text)`"
    }
    add("cannot unmarshal \(node.tagName)\(value) into \(type)", at: node)
  }

  private func wholeCharacters(_ bytes: ArraySlice<UInt8>) -> String {
    var bytes = bytes
    while !bytes.isEmpty {
      if let text = String(validating: bytes, as: UTF8.self) { return text }
      bytes.removeLast()
    }
    return ""
  }

  /// Throws `.structure` with one line for each thing found, in the order of the document.
  public func check() throws(ConfigurationError) {
    guard !found.isEmpty else { return }
    let lines = found.enumerated().sorted { a, b in
      (a.element.line, a.element.column, a.offset) < (b.element.line, b.element.column, b.offset)
    }
    throw ConfigurationError(
      .structure,
      "yaml: unmarshal errors:" + lines.map { "\n  line \($0.element.line): \($0.element.text)" }.joined())
  }
}

/// The fields of a mapping, taken one by one.
///
///     let problems = YAMLProblems()
///     var fields = YAMLFields(document.root, as: "client.BucketConfig", problems)
///     let type = fields.string("type") ?? ""
///     let config = fields.take("config")
///     fields.finish()
///     try problems.check()
public struct YAMLFields {
  private struct Field {
    var key: YAMLNode
    var name: String
    var value: YAMLNode
    var isTaken = false
  }

  /// What the mapping is called in errors.
  public let typeName: String
  /// Whether there is a mapping at all: neither is one that is null or left out.
  public let isPresent: Bool
  /// Where what does not fit is noted.
  public let problems: YAMLProblems
  private let isStrict: Bool
  private var fields: [Field] = []

  /// The fields of `node`; none where it is nil or null. In errors it is called `type`. Where `strict`, fields that are not
  /// taken and keys that occur twice are problems.
  public init(_ node: YAMLNode?, as type: String, strict: Bool = true, _ problems: YAMLProblems) {
    typeName = type
    isStrict = strict
    self.problems = problems
    guard let node, !node.isNull else {
      isPresent = false
      return
    }
    isPresent = true
    guard node.kind == .mapping else {
      problems.addMismatch(of: node, with: type)
      return
    }
    var places: [String: Int] = [:]
    collect(node, into: &places)
  }

  /// Takes over the pairs of `node`. Merged ones count where the merge key stands: what comes later wins.
  private mutating func collect(_ node: YAMLNode, into places: inout [String: Int]) {
    var own: Set<String> = []
    for (key, value) in node.pairs {
      if key.kind == .scalar, key.scalar == .merge {
        merge(value, into: &places)
        continue
      }
      guard key.kind == .scalar else {
        problems.addMismatch(of: key, with: "string")
        continue
      }
      let name = key.text
      if !own.insert(name).inserted, isStrict {
        problems.add("field \(name) already set in type \(typeName)", at: key)
      }
      if let place = places[name] {
        // Null keeps what was there before.
        if !value.isNull { fields[place].value = value }
      } else {
        places[name] = fields.count
        fields.append(Field(key: key, name: name, value: value))
      }
    }
  }

  private mutating func merge(_ value: YAMLNode, into places: inout [String: Int]) {
    switch value.kind {
    case .mapping: collect(value, into: &places)
    // The first of several wins.
    case .sequence where value.elements.allSatisfy { $0.kind == .mapping }:
      for element in value.elements.reversed() { collect(element, into: &places) }
    default:
      problems.add("map merge requires map or sequence of maps as the value", at: value)
    }
  }

  /// The value of the field `name`, which is known from now on; nil where it is left out.
  public mutating func take(_ name: String) -> YAMLNode? {
    guard let place = fields.firstIndex(where: { $0.name == name }) else { return nil }
    fields[place].isTaken = true
    return fields[place].value
  }

  /// Where the field `name` is given, its key: for errors about it.
  public func key(_ name: String) -> YAMLNode? { fields.first { $0.name == name }?.key }

  /// Notes every field that nobody took, where the reading is strict.
  public func finish() {
    guard isStrict else { return }
    for field in fields where !field.isTaken {
      problems.add("field \(field.name) not found in type \(typeName)", at: field.key)
    }
  }

  private mutating func value<Value>(
    _ name: String, _ type: String, _ read: (YAMLNode) -> Value?
  ) -> Value? {
    guard let node = take(name), !node.isNull else { return nil }
    if let value = read(node) { return value }
    problems.addMismatch(of: node, with: type)
    return nil
  }

  /// A text: that of any scalar as it was written. Nil where it is left out, null or not a scalar.
  public mutating func string(_ name: String) -> String? {
    value(name, "string") { $0.kind == .scalar ? $0.text : nil }
  }

  /// A truth value.
  public mutating func bool(_ name: String) -> Bool? { value(name, "bool") { $0.boolValue } }

  /// A whole number of 64 bits; a fraction is cut off, as yaml.v2 does it.
  public mutating func int(_ name: String) -> Int64? { value(name, "int") { $0.intValue } }

  /// A whole number that is not negative.
  public mutating func uint(_ name: String, as type: String = "uint64") -> UInt64? {
    value(name, type) { $0.uintValue }
  }

  /// A number.
  public mutating func double(_ name: String) -> Double? { value(name, "float64") { $0.doubleValue } }

  /// A list of texts. Null elements are empty texts.
  public mutating func strings(_ name: String, as type: String = "[]string") -> [String]? {
    guard let elements = elements(name, as: type) else { return nil }
    var out: [String] = []
    for element in elements {
      if element.kind == .scalar {
        out.append(element.isNull ? "" : element.text)
      } else {
        problems.addMismatch(of: element, with: "string")
      }
    }
    return out
  }

  /// The elements of a list; nil where it is left out, null or none.
  public mutating func elements(_ name: String, as type: String) -> [YAMLNode]? {
    value(name, type) { $0.kind == .sequence ? $0.elements : nil }
  }

  /// Names with texts, in the order of the document.
  public mutating func stringMap(_ name: String) -> [(name: String, value: String)]? {
    guard let node = take(name), !node.isNull else { return nil }
    guard node.kind == .mapping else {
      problems.addMismatch(of: node, with: "map[string]string")
      return nil
    }
    // Read as fields, so that merge keys work; each is taken at once.
    var inner = YAMLFields(node, as: "map", strict: false, problems)
    var out: [(name: String, value: String)] = []
    for place in inner.fields.indices {
      let field = inner.fields[place]
      inner.fields[place].isTaken = true
      if field.value.kind == .scalar {
        out.append((field.name, field.value.isNull ? "" : field.value.text))
      } else {
        problems.addMismatch(of: field.value, with: "string")
      }
    }
    if isStrict {
      var seen: Set<String> = []
      for (key, _) in node.pairs where key.kind == .scalar && !seen.insert(key.text).inserted {
        problems.add("key \(quoted(key.text)) already set in map", at: key)
      }
    }
    return out
  }

  /// A mapping inside this one, read as strictly as this one unless told otherwise.
  public mutating func fields(_ name: String, as type: String, strict: Bool? = nil) -> YAMLFields {
    YAMLFields(take(name), as: type, strict: strict ?? isStrict, problems)
  }

  /// A duration as Go writes it, or a whole number of nanoseconds; nanoseconds.
  public mutating func goDurationNs(_ name: String) -> Int64? {
    value(name, "time.Duration") { node in
      if let number = node.intValue { return number }
      guard node.kind == .scalar, case .text = node.scalar else { return nil }
      return try? ValueKind.goDurationNs(node.text)
    }
  }

  /// A duration as Prometheus writes it; milliseconds. Throws `.value` at once where it is none, as upstream does.
  public mutating func prometheusDurationMs(_ name: String) throws(ConfigurationError) -> Int64? {
    guard let text = string(name) else { return nil }
    return try parsePrometheusDuration(text)
  }

  /// A number of bytes with a unit. Throws `.value` at once where it is none, as upstream does.
  public mutating func bytes(_ name: String) throws(ConfigurationError) -> Int64? {
    guard let text = string(name) else { return nil }
    return try parseBytes(text)
  }
}

extension YAMLNode {
  /// The truth value of a scalar that is one.
  public var boolValue: Bool? {
    if case .bool(let value) = scalar { return value }
    return nil
  }

  /// The whole number of a scalar that is a number within 64 bits; a fraction is cut off.
  public var intValue: Int64? {
    switch scalar {
    case .integer(let value): return value
    case .float(let value): return Int64(exactly: value.rounded(.towardZero))
    default: return nil
    }
  }

  /// The whole number of a scalar that is a number, not negative and within 64 bits; a fraction is cut off.
  public var uintValue: UInt64? {
    switch scalar {
    case .integer(let value): return UInt64(exactly: value)
    case .unsigned(let value): return value
    case .float(let value): return UInt64(exactly: value.rounded(.towardZero))
    default: return nil
    }
  }

  /// The number of a scalar that is one.
  public var doubleValue: Double? {
    switch scalar {
    case .integer(let value): return Double(value)
    case .unsigned(let value): return Double(value)
    case .float(let value): return value
    default: return nil
    }
  }
}
