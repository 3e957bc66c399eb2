// The one error of this library: what was attempted on what, and what to do about it.

/// What went wrong in `Transport`, in a form for people and for code that decides how to go on.
public struct TransportError: Error, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong.
  public enum Code: String, Sendable {
    /// The peer spoke against its protocol.
    case malformed
    /// A limit of ours was reached; the message names it.
    case limit
    /// The peer closed the connection or reset the stream.
    case closed
    /// Nobody answered in time.
    case timeout
    /// The connection could not be made.
    case unreachable
    /// A certificate or key is not as it should be.
    case tls
    /// An argument outside what the call allows.
    case argument
    /// The operating system refused.
    case io
    /// The work was cancelled by its caller.
    case cancelled
  }

  /// What kind of thing went wrong.
  public var code: Code
  /// What was attempted, with identifiers, and what was found instead.
  public var message: String
  /// The error underneath, untouched.
  public var cause: (any Error)?

  /// An error of kind `code`.
  public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  public var description: String { cause.map { "\(message): \($0)" } ?? message }
}
