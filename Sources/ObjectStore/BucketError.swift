// The one error of this library: what was attempted on what, and what to do about it.

/// What went wrong in `ObjectStore`, in a form for people and for code that decides how to go on.
public struct BucketError: Error, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong.
  public enum Code: String, Sendable {
    /// There is no such object.
    case notFound
    /// The store denies access.
    case permission
    /// The object exists already, or is not the one that a conditional write expected.
    case precondition
    /// A name outside what the store allows.
    case argument
    /// The store did not answer as it should; the same call may succeed later.
    case unavailable
    /// The operating system refused a read or a write.
    case io
    /// The disk is full.
    case noSpace
    /// The object is larger than the caller allows.
    case size
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
