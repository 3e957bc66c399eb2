// The one error of this library.

/// Why a query has no answer. Texts of expressions' errors are those of Prometheus.
public struct QueryError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is; it decides the status of an HTTP answer.
  public enum Code: String, Hashable, Sendable {
    /// The expression or a parameter is not valid.
    case badData = "bad_data"
    /// The expression cannot be evaluated over this data.
    case execution
    /// The client left, or the process ends.
    case canceled
    /// The query took longer than it may.
    case timeout
    /// A fault of the server or its data.
    case `internal` = "internal"
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong, as a person should read it.
  public var message: String
  /// The error underneath.
  public var cause: (any Error)?

  /// An error of this kind and text.
  public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }

  static func execution(_ message: String) -> QueryError { QueryError(.execution, message) }

  static var canceled: QueryError { QueryError(.canceled, "query was canceled in expression evaluation") }

  static var timedOut: QueryError { QueryError(.timeout, "query timed out in expression evaluation") }

  static var duplicateLabels: QueryError {
    .execution("vector cannot contain metrics with the same labelset")
  }
}
