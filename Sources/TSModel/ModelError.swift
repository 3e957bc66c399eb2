// The one error of this library.

/// What went wrong in `TSModel`: a regular expression, a selector or a message that is not valid, mostly.
public struct ModelError: Error, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong. An open set: kinds can be added without breaking callers.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String, Hashable, Sendable { case regex, selector, argument, size, malformed }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// A regular expression that is not valid, or too large.
    public static let regex = Code(.regex)
    /// A series selector that is not valid.
    public static let selector = Code(.selector)
    /// An argument outside what the call allows.
    public static let argument = Code(.argument)
    /// Something larger than a documented limit.
    public static let size = Code(.size)
    /// Bytes that contradict their format, or end too early.
    public static let malformed = Code(.malformed)

    public var description: String { kind.rawValue }
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong, as a person should read it. Texts of regular expressions and selectors are those of Prometheus.
  public var message: String
  /// Source file, with its module, where the error was first thrown.
  public var file: String
  /// Line in it.
  public var line: Int

  /// An error with everything said by the caller.
  public init(_ code: Code, _ message: String, file: String = #fileID, line: Int = #line) {
    self.code = code
    self.message = message
    self.file = file
    self.line = line
  }

  /// The message.
  public var description: String { message }
}
