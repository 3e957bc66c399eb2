// What is wrong with a configuration, told as Prometheus and Thanos tell it.

/// A configuration that cannot be used: a file that is not there, YAML that is none, a value outside what is allowed.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of thing is wrong. An open set: kinds can be added without breaking callers.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String, Hashable, Sendable { case syntax, structure, value, unsupported, limit, io }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// The text is not YAML.
    public static let syntax = Code(.syntax)
    /// Fields that are unknown, given twice or of another type.
    public static let structure = Code(.structure)
    /// A value that is not allowed, or one that is missing.
    public static let value = Code(.value)
    /// Something that is known by name and does not exist here (yet).
    public static let unsupported = Code(.unsupported)
    /// A text larger or deeper than our limits.
    public static let limit = Code(.limit)
    /// A file that cannot be read.
    public static let io = Code(.io)

    public var description: String { kind.rawValue }
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong, the innermost first: what was found, then what was being attempted around it.
  public private(set) var messages: [String]

  /// An error that says `message`.
  public init(_ code: Code, _ message: String) {
    self.code = code
    messages = [message]
  }

  /// The same error, with what was being attempted: `parsing config YAML file`.
  public func within(_ attempt: String) -> ConfigurationError {
    var outer = self
    outer.messages.append(attempt)
    return outer
  }

  /// The innermost message: what was found.
  public var message: String { messages.first ?? "" }

  /// All messages, the outermost first: `parsing config YAML file: yaml: line 2: did not find expected ',' or ']'`.
  public var description: String { messages.reversed().joined(separator: ": ") }
}
