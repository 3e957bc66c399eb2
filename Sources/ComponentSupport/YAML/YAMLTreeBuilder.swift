// From libyaml's events to the flat tree of a document.
internal import YAML

/// Reads one document. Used once.
struct YAMLTreeBuilder {
  /// A collection whose end has not come yet.
  private struct Open {
    var node: Int
    var children: [Int32] = []
    var anchor: String?
  }

  /// libyaml looks at every open collection for every event: so much looking is allowed, which takes about a second.
  private static let workMax = 400_000_000

  private let limits: YAMLDocument.Limits
  private var nodes: [YAMLNode.Record] = []
  private var children: [Int32] = []
  private var open: [Open] = []
  private var anchors: [String: Int] = [:]
  /// Anchors of collections that are still open: an alias to one of them would be a circle.
  private var openAnchors: [String: Int] = [:]
  private var root: Int?
  private var nodeCount = 0
  private var work = 0

  init(limits: YAMLDocument.Limits) { self.limits = limits }

  mutating func build(_ text: [UInt8]) throws(ConfigurationError) -> YAMLNode? {
    // The parser keeps a pointer to itself, so it must not move: it lies on the heap.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { unsafe parser.deallocate() }
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      throw ConfigurationError(.limit, "yaml: no memory for a parser")
    }
    defer { unsafe yaml_parser_delete(parser) }
    let failure = unsafe text.withUnsafeBufferPointer { bytes -> ConfigurationError? in
      unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
      do {
        var isAtEnd = false
        while !isAtEnd {
          var event = unsafe yaml_event_t()
          guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw unsafe syntaxError(parser.pointee) }
          defer { unsafe yaml_event_delete(&event) }
          isAtEnd = unsafe try take(event)
        }
        return nil
      } catch {
        return error as? ConfigurationError ?? ConfigurationError(.syntax, "yaml: \(error)")
      }
    }
    if let failure { throw failure }
    guard let root else { return nil }
    return YAMLNode(storage: YAMLDocument.Storage(nodes: nodes, children: children), index: root)
  }

  /// Adds what `event` tells; whether the document has ended.
  private mutating func take(_ event: yaml_event_t) throws(ConfigurationError) -> Bool {
    work += open.count
    guard work <= Self.workMax else { throw tooLarge("is too deep for its length") }
    var record = unsafe YAMLNode.Record(
      kind: .scalar, line: Int32(clamping: event.start_mark.line &+ 1),
      column: Int32(clamping: event.start_mark.column &+ 1))
    switch unsafe event.type {
    case YAML_DOCUMENT_START_EVENT:
      if let version = unsafe event.data.document_start.version_directive, unsafe version.pointee.minor != 1 {
        throw ConfigurationError(.syntax, "yaml: found incompatible YAML document")
      }
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      record.text = unsafe string(scalar.value, scalar.length)
      record.isQuoted = unsafe scalar.style != YAML_PLAIN_SCALAR_STYLE && scalar.style != YAML_ANY_SCALAR_STYLE
      record.tag = unsafe string(scalar.tag)
      let node = try add(record)
      if let anchor = unsafe scalar.anchor { unsafe anchors[string(anchor)] = node }
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      record.kind = .sequence
      record.tag = unsafe string(start.tag)
      unsafe try openCollection(record, anchor: start.anchor)
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      record.kind = .mapping
      record.tag = unsafe string(start.tag)
      unsafe try openCollection(record, anchor: start.anchor)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      closeCollection()
    case YAML_ALIAS_EVENT:
      let name = unsafe string(event.data.alias.anchor)
      try addAlias(name)
    case YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT:
      return true
    default:
      break
    }
    return false
  }

  private mutating func add(_ record: YAMLNode.Record) throws(ConfigurationError) -> Int {
    try count(1)
    nodes.append(record)
    place(nodes.count - 1)
    return nodes.count - 1
  }

  private mutating func count(_ more: Int) throws(ConfigurationError) {
    let (sum, overflow) = nodeCount.addingReportingOverflow(more)
    nodeCount = sum
    guard !overflow, sum <= limits.nodeCountMax else {
      throw more > 1
        ? ConfigurationError(.limit, "yaml: document contains excessive aliasing")
        : tooLarge("has more than \(limits.nodeCountMax) nodes")
    }
  }

  private mutating func place(_ node: Int) {
    if open.isEmpty { root = root ?? node } else { open[open.count - 1].children.append(Int32(clamping: node)) }
  }

  private mutating func openCollection(
    _ record: YAMLNode.Record, anchor: UnsafeMutablePointer<yaml_char_t>?
  ) throws(ConfigurationError) {
    guard open.count < limits.depthMax else { throw tooLarge("exceeds a depth of \(limits.depthMax)") }
    let node = try add(record)
    var collection = Open(node: node)
    if let anchor = unsafe anchor {
      let name = unsafe string(anchor)
      collection.anchor = name
      anchors[name] = node
      openAnchors[name] = node
    }
    open.append(collection)
  }

  private mutating func closeCollection() {
    guard let closed = open.popLast() else { return }
    let start = children.count
    children += closed.children
    nodes[closed.node].children = start..<children.count
    var weight = 1
    for child in closed.children { weight += nodes[Int(child)].weight }
    nodes[closed.node].weight = weight
    if let anchor = closed.anchor, openAnchors[anchor] == closed.node { openAnchors[anchor] = nil }
  }

  private mutating func addAlias(_ name: String) throws(ConfigurationError) {
    guard let node = anchors[name] else {
      throw ConfigurationError(.syntax, "yaml: unknown anchor '\(name)' referenced")
    }
    if openAnchors[name] == node {
      throw ConfigurationError(.syntax, "yaml: anchor '\(name)' value contains itself")
    }
    try count(nodes[node].weight)
    place(node)
  }

  private func tooLarge(_ what: String) -> ConfigurationError { ConfigurationError(.limit, "yaml: document \(what)") }
}

/// What libyaml found, with the line that yaml.v2 would name: the mark's own number, which counts from 0, plus one where the
/// scanner found it; no line where that is 0.
private func syntaxError(_ parser: yaml_parser_t) -> ConfigurationError {
  let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "unknown problem parsing YAML content"
  if unsafe parser.error == YAML_MEMORY_ERROR { return ConfigurationError(.limit, "yaml: no memory for the document") }
  var line = unsafe parser.problem_mark.line
  if line != 0 {
    if unsafe parser.error == YAML_SCANNER_ERROR { line += 1 }
  } else {
    line = unsafe parser.context_mark.line
  }
  return ConfigurationError(.syntax, "yaml: \(line != 0 ? "line \(line): " : "")\(problem)")
}

private func string(_ text: UnsafePointer<yaml_char_t>?) -> String {
  guard let text = unsafe text else { return "" }
  return unsafe String(cString: text)
}

private func string(_ text: UnsafePointer<yaml_char_t>?, _ count: Int) -> String {
  unsafe String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
}
