// What a route answers.

/// An answer: all of it at hand, or written while it is made.
public struct HTTPReply: Sendable {
  /// The body.
  public enum Body: Sendable {
    /// All of it.
    case bytes([UInt8])
    /// Written piece by piece; what the closure throws cuts the answer off.
    case stream(@Sendable (HTTPReplyWriter) async throws -> Void)
  }

  /// 200 up to 599.
  public var status: Int
  /// The fields, without content-length.
  public var headers: HTTPHeaders
  /// The body.
  public var body: Body

  /// An answer with all of its body.
  public init(status: Int = 200, headers: HTTPHeaders = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = .bytes(body)
  }

  /// An answer whose body is written while it is made.
  public init(
    status: Int = 200, headers: HTTPHeaders, stream: @escaping @Sendable (HTTPReplyWriter) async throws -> Void
  ) {
    self.status = status
    self.headers = headers
    self.body = .stream(stream)
  }

  /// Plain text.
  public static func text(_ text: String, status: Int = 200) -> HTTPReply {
    HTTPReply(status: status, headers: ["content-type": "text/plain; charset=utf-8"], body: Array(text.utf8))
  }

  /// An error in the form of Go's: plain text that browsers do not take for anything else, with the line's end.
  public static func error(_ message: String, status: Int) -> HTTPReply {
    HTTPReply(
      status: status,
      headers: ["content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"],
      body: Array("\(message)\n".utf8))
  }

  /// There is nothing at this path.
  public static let notFound = HTTPReply.error("404 page not found", status: 404)

  /// The path has other methods.
  static func methodNotAllowed(_ allowed: [String]) -> HTTPReply {
    var reply = HTTPReply.error("Method Not Allowed", status: 405)
    reply.headers.set("allow", allowed.joined(separator: ", "))
    return reply
  }

  /// Elsewhere, to be asked the same way: 307, with the page that Go's servers send along where one is wanted.
  static func temporaryRedirect(to location: String, for method: String) -> HTTPReply {
    guard method == "GET" || method == "HEAD" else { return redirect(to: location, status: 307) }
    let text = location.flatMap { character in
      switch character {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&#34;"
      case "'": "&#39;"
      default: String(character)
      }
    }
    return HTTPReply(
      status: 307, headers: ["content-type": "text/html; charset=utf-8", "location": location],
      body: Array("<a href=\"\(String(text))\">Temporary Redirect</a>.\n\n".utf8))
  }

  /// Elsewhere.
  public static func redirect(to location: String, status: Int = 302) -> HTTPReply {
    HTTPReply(status: status, headers: ["location": location])
  }
}

/// A reason to answer with an error, thrown by a route.
public struct HTTPProblem: Error, Sendable, CustomStringConvertible {
  /// 400 up to 599.
  public var status: Int
  /// What the client is told.
  public var message: String

  /// An error for the client.
  public init(status: Int, _ message: String) {
    self.status = status
    self.message = message
  }

  public var description: String { message }
}

/// Takes the body of an answer piece by piece.
public struct HTTPReplyWriter: Sendable {
  private let send: @Sendable ([UInt8]) async throws -> Void

  init(_ send: @escaping @Sendable ([UInt8]) async throws -> Void) { self.send = send }

  /// Sends bytes; suspends while the client does not keep up, throws once it has left.
  public func write(_ bytes: consuming [UInt8]) async throws { try await send(bytes) }

  /// Sends text.
  public func write(_ text: String) async throws { try await send(Array(text.utf8)) }
}
