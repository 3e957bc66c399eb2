// A YAML document as a tree that is kept flat: one record a node, children by number. Nothing here recurses, so neither
// reading nor releasing a document of ten thousand levels needs stack; an alias is the number of the node it names, so
// nothing is copied either.
//
//   nodes     0: mapping ──▶ children[0..<4]      children   [1, 2, 3, 2]      a: &x {…}
//             1: scalar "a"                                      │     │       b: *x
//             2: mapping ──▶ …                    key 1, value 2 ┘     └ the alias is node 2 again
//             3: scalar "b"

/// One YAML document, read whole.
public struct YAMLDocument: Sendable {
  /// Bounds of what is read. A text beyond one of them is refused.
  public struct Limits: Sendable {
    /// Size of the text, bytes.
    public var bytesMax: Int
    /// How many collections may lie in one another.
    public var depthMax: Int
    /// Nodes of the document, where each alias counts with all that it stands for.
    public var nodeCountMax: Int

    /// Bounds; by default 16 MiB of text, 10,000 levels and a million nodes.
    public init(bytesMax: Int = 16 << 20, depthMax: Int = 10_000, nodeCountMax: Int = 1_000_000) {
      self.bytesMax = bytesMax
      self.depthMax = depthMax
      self.nodeCountMax = nodeCountMax
    }
  }

  final class Storage: Sendable {
    let nodes: [YAMLNode.Record]
    let children: [Int32]

    init(nodes: [YAMLNode.Record], children: [Int32]) {
      self.nodes = nodes
      self.children = children
    }
  }

  /// The outermost node; nil where the text holds no document.
  public let root: YAMLNode?

  /// The first document of `text`. What follows it is not looked at.
  ///
  /// Throws `.syntax` with libyaml's words and yaml.v2's line, `.limit` beyond one of `limits`.
  public init(_ text: [UInt8], limits: Limits = Limits()) throws(ConfigurationError) {
    guard text.count <= limits.bytesMax else {
      throw ConfigurationError(
        .limit, "yaml: text of \(text.count) bytes: at most \(limits.bytesMax) are allowed")
    }
    var builder = YAMLTreeBuilder(limits: limits)
    root = try builder.build(text)
  }

  /// The first document of `text`; see the other initializer.
  public init(_ text: String, limits: Limits = Limits()) throws(ConfigurationError) {
    try self.init(Array(text.utf8), limits: limits)
  }
}

/// A node of a document: a scalar, a sequence or a mapping.
public struct YAMLNode: Sendable {
  /// What a node is.
  public enum Kind: Sendable {
    /// A text, of which `scalar` tells what it means.
    case scalar
    /// A list.
    case sequence
    /// Keys with their values, in the order of the document.
    case mapping
  }

  struct Record: Sendable {
    var kind: Kind
    var line: Int32
    var column: Int32
    /// The text of a scalar.
    var text = ""
    /// The scalar stands in quotes or is a block: it is a text whatever it looks like.
    var isQuoted = false
    /// The tag as it was written, empty where there is none.
    var tag = ""
    /// Where its children stand.
    var children: Range<Int> = 0..<0
    /// How many nodes it stands for, itself included, each alias with all that it stands for.
    var weight = 1
  }

  let storage: YAMLDocument.Storage
  let index: Int

  var record: Record { storage.nodes[index] }

  /// What it is.
  public var kind: Kind { record.kind }
  /// The line it starts in, from 1.
  public var line: Int { Int(record.line) }
  /// The column it starts in, from 1.
  public var column: Int { Int(record.column) }
  /// The text of a scalar as it was written, escapes and folding resolved; empty for others.
  public var text: String { record.text }
  /// Whether a scalar is a text whatever it looks like: in quotes, or a block.
  public var isQuoted: Bool { record.isQuoted }

  /// The elements of a sequence; of others none.
  public var elements: [YAMLNode] { kind == .sequence ? childNodes : [] }

  /// The pairs of a mapping as they were written, merge keys among them; of others none.
  public var pairs: [(key: YAMLNode, value: YAMLNode)] {
    guard kind == .mapping else { return [] }
    let nodes = childNodes
    return stride(from: 0, to: nodes.count - 1, by: 2).map { (nodes[$0], nodes[$0 + 1]) }
  }

  /// Whether it is null: nothing at all, `~` or `null`, in no quotes.
  public var isNull: Bool {
    if kind == .scalar, case .null = scalar { return true }
    return false
  }

  private var childNodes: [YAMLNode] {
    storage.children[record.children].map { YAMLNode(storage: storage, index: Int($0)) }
  }
}
