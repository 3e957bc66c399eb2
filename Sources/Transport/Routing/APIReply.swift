// Answers of the JSON APIs below /api/v1: one envelope, and CORS fields for browsers of other pages.
public import TSModel

/// Kinds of errors of the JSON APIs, each with its status.
public enum APIErrorType: String, Sendable {
  /// The request is not as it should be.
  case badData = "bad_data"
  /// The work was given up.
  case canceled
  /// The work took too long.
  case timeout
  /// The work could not be done.
  case execution
  /// Something is wrong with the server.
  case `internal`
  /// What was asked for is not there.
  case notFound = "not_found"

  /// The status of the answer.
  public var status: Int {
    switch self {
    case .badData: 400
    case .execution: 422
    case .canceled, .timeout: 503
    case .internal: 500
    case .notFound: 404
    }
  }
}

/// A reason to answer a request of an API with an error.
public struct APIProblem: Error, Sendable, CustomStringConvertible {
  /// What kind of error it is.
  public var type: APIErrorType
  /// What the client is told.
  public var message: String

  /// An error for the client.
  public init(_ type: APIErrorType, _ message: String) {
    self.type = type
    self.message = message
  }

  public var description: String { message }
}

extension HTTPReply {
  /// `{"status":"success","data":…}`
  public static func api(_ data: JSONValue, warnings: [String] = []) -> HTTPReply {
    var members = [JSONValue.Member("status", .string("success")), JSONValue.Member("data", data)]
    if !warnings.isEmpty { members.append(.init("warnings", .array(warnings.map { .string($0) }))) }
    var reply = json(.object(members), status: 200)
    if !warnings.isEmpty { reply.headers.set("cache-control", "no-store") }
    return reply
  }

  /// `{"status":"error","errorType":…,"error":…}`
  public static func api(_ problem: APIProblem) -> HTTPReply {
    var reply = json(
      .object([
        .init("status", .string("error")), .init("errorType", .string(problem.type.rawValue)),
        .init("error", .string(problem.message)),
      ]), status: problem.type.status)
    reply.headers.set("cache-control", "no-store")
    return reply
  }

  private static func json(_ value: JSONValue, status: Int) -> HTTPReply {
    HTTPReply(status: status, headers: ["content-type": "application/json"], body: Array(value.compactText.utf8))
  }
}

/// Adds routes of a JSON API, each with its answer to browsers that ask beforehand.
public struct APIRoutes: Sendable {
  /// What a route gives: data for the envelope, or nil for an answer without a body (204).
  public typealias Answer = @Sendable (HTTPCall) async throws -> JSONValue?

  /// What goes before the paths: empty, or a prefix that begins with a slash.
  public var prefix: String
  /// Whether pages of other origins may read the answers.
  public var allowsOtherOrigins: Bool

  /// Routes below `prefix`/api/v1.
  public init(prefix: String = "", allowsOtherOrigins: Bool = true) {
    self.prefix = prefix
    self.allowsOtherOrigins = allowsOtherOrigins
  }

  /// Adds a route that answers GET. `path` is what follows /api/v1, `name` the label `handler`.
  public func get(_ path: String, name: String, _ router: inout HTTPRouter, _ answer: @escaping Answer) {
    add("GET", path, name, &router, answer)
  }

  /// Adds a route that answers POST. `path` is what follows /api/v1, `name` the label `handler`.
  public func post(_ path: String, name: String, _ router: inout HTTPRouter, _ answer: @escaping Answer) {
    add("POST", path, name, &router, answer)
  }

  private func add(
    _ method: String, _ path: String, _ name: String, _ router: inout HTTPRouter, _ answer: @escaping Answer
  ) {
    let allowsOtherOrigins = allowsOtherOrigins
    router.on(method, prefix + "/api/v1" + path, name: name) { call in
      var reply: HTTPReply
      do {
        if let data = try await answer(call) { reply = .api(data) } else { reply = HTTPReply(status: 204) }
      } catch let problem as APIProblem {
        reply = .api(problem)
      } catch let problem as HTTPProblem {
        reply = .api(APIProblem(problem.status == 400 ? .badData : .internal, problem.message))
      }
      if allowsOtherOrigins { Self.addOriginFields(&reply) }
      return reply
    }
  }

  /// Adds the answer to OPTIONS for all paths of the API. Call it last, once a router.
  public func addOptions(_ router: inout HTTPRouter) {
    let allowsOtherOrigins = allowsOtherOrigins
    router.on("OPTIONS", prefix + "/api/v1/*", name: "options") { _ in
      var reply = HTTPReply(status: 204)
      if allowsOtherOrigins { Self.addOriginFields(&reply) }
      return reply
    }
  }

  private static func addOriginFields(_ reply: inout HTTPReply) { reply.allow(origin: "*", encodings: true) }
}

extension HTTPReply {
  /// Lets pages of `origin` (`*`: of all) read the answer of an API, and with `encodings` say which encodings they take.
  public mutating func allow(origin: String, encodings: Bool) {
    headers.set(
      "access-control-allow-headers",
      encodings
        ? "Accept, Accept-Encoding, Authorization, Content-Type, Origin" : "Accept, Authorization, Content-Type, Origin"
    )
    headers.set("access-control-allow-methods", "GET, POST, OPTIONS")
    headers.set("access-control-allow-origin", origin)
    headers.set("access-control-expose-headers", "Date")
  }
}
