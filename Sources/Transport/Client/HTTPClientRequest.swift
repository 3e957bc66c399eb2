// What a client sends.

/// A request of an `HTTPClient`.
public struct HTTPClientRequest: Sendable {
  /// The body of a request.
  public enum Body: Sendable {
    /// None.
    case none
    /// These bytes. They can be sent again where a kept connection turns out to be dead, or after a redirect.
    case bytes([UInt8])
    /// What `next` gives until it gives nil; `length` bytes in all, or any number where it is nil. `next` is called by a
    /// child task of `send`, as fast as the server takes the bytes.
    case source(length: Int64?, next: @Sendable () async throws -> [UInt8]?)
  }

  /// `GET`, `PUT` …
  public var method: String
  /// The whole URL: `http://host:port/path?query`, sent as it stands.
  public var url: String
  /// Fields of the head. Those that the client would add by itself (`user-agent`, `accept-encoding`, `authorization`) are
  /// left to the request where it has them.
  public var headers: HTTPHeaders
  /// What follows the head.
  public var body: Body
  /// How long the whole request may take, milliseconds, where that is not the client's own `totalTimeoutMs`.
  public var timeoutMs: Int?

  /// A request.
  public init(
    _ method: String = "GET", _ url: String, headers: HTTPHeaders = HTTPHeaders(), body: Body = .none,
    timeoutMs: Int? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeoutMs = timeoutMs
  }
}
