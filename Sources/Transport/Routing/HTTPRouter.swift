// Which code answers which path.
//
// A path is one of `/exact/path`, `/with/:name/inside` (one segment, not empty) and `/prefix/*` (everything below). An
// exact path goes before one with names, and that before a prefix; of several prefixes the longest counts.
internal import Observability

/// Answers requests by their method and path.
public struct HTTPRouter: HTTPHandler {
  /// The code of a route.
  public typealias Answer = @Sendable (HTTPCall) async throws -> HTTPReply

  struct Route: Sendable {
    /// Empty for any method.
    var method: String
    var path: String
    /// The value of the label `handler`; nil for a route that is neither counted, nor logged, nor traced.
    var name: String?
    /// Whether a route of GET answers HEAD, too.
    var answersHead = true
    var answer: Answer
  }

  private var exact: [String: [Route]] = [:]
  private var patterns: [(segments: [String], routes: [Route])] = []
  private var prefixes: [(prefix: String, routes: [Route])] = []
  /// Counts, logs and traces what named routes answer.
  public var instrumentation: HTTPInstrumentation?
  /// Whether paths with empty segments, `.` or `..` are answered with where to find them without, as Go's servers do.
  public var cleansPaths = false
  /// What is answered where no route matches.
  public var fallback: Answer = { _ in .notFound }

  /// No routes.
  public init(instrumentation: HTTPInstrumentation? = nil) { self.instrumentation = instrumentation }

  /// Answers GET and, if `answersHead`, HEAD without the body. `name` is the label `handler` in metrics.
  public mutating func get(
    _ path: String, name: String? = nil, answersHead: Bool = true, _ answer: @escaping Answer
  ) {
    add(Route(method: "GET", path: path, name: name, answersHead: answersHead, answer: answer))
  }

  /// Answers POST.
  public mutating func post(_ path: String, name: String? = nil, _ answer: @escaping Answer) {
    add(Route(method: "POST", path: path, name: name, answer: answer))
  }

  /// Answers any method.
  public mutating func any(_ path: String, name: String? = nil, _ answer: @escaping Answer) {
    add(Route(method: "", path: path, name: name, answer: answer))
  }

  /// Answers one method.
  public mutating func on(_ method: String, _ path: String, name: String? = nil, _ answer: @escaping Answer) {
    add(Route(method: method, path: path, name: name, answer: answer))
  }

  private mutating func add(_ route: Route) {
    let path = route.path
    precondition(path.hasPrefix("/"), "the path of a route begins with a slash: \(path)")
    func append(_ routes: inout [Route]) {
      precondition(!routes.contains { $0.method == route.method }, "two routes for \(route.method) \(path)")
      routes.append(route)
    }
    if path.hasSuffix("/*") {
      let prefix = String(path.dropLast())
      if let index = prefixes.firstIndex(where: { $0.prefix == prefix }) {
        append(&prefixes[index].routes)
      } else {
        prefixes.append((prefix, [route]))
        prefixes.sort { $0.prefix.utf8.count > $1.prefix.utf8.count }
      }
    } else if path.contains("/:") {
      let segments = Self.segments(of: path)
      if let index = patterns.firstIndex(where: { $0.segments == segments }) {
        append(&patterns[index].routes)
      } else {
        patterns.append((segments, [route]))
      }
    } else {
      append(&exact[path, default: []])
    }
  }

  // MARK: Matching

  enum Match {
    case route(Route, [String: [UInt8]])
    case otherMethods([String])
    case none
    case malformed(String)
  }

  func match(method: String, path: String) -> Match {
    let segments: [[UInt8]]
    do {
      segments = try Self.segments(of: path).map { segment throws(FormParameters.Malformed) in
        try FormParameters.decodedBytes(Array(segment.utf8)[...], plusIsBlank: false)
      }
    } catch {
      return .malformed(error.description)
    }
    let bytes = Array(segments.joined(separator: [0x2F]))
    let decoded = String(decoding: bytes, as: UTF8.self)
    // The first place that knows the path decides, unless a later one names the method: `OPTIONS /api/v1/*` goes beside
    // `GET /api/v1/blocks`.
    var other: [String]?
    if let routes = exact[decoded] {
      if let route = choose(routes, method) { return .route(route, [:]) }
      other = Self.otherMethods(routes)
    }
    for (pattern, routes) in patterns where pattern.count == segments.count {
      guard let parameters = Self.parameters(pattern, segments) else { continue }
      if let route = choose(routes, method, namedOnly: other != nil) { return .route(route, parameters) }
      other = other ?? Self.otherMethods(routes)
    }
    for (prefix, routes) in prefixes where bytes.starts(with: prefix.utf8) {
      if let route = choose(routes, method, namedOnly: other != nil) {
        return .route(route, ["*": Array(bytes.dropFirst(prefix.utf8.count))])
      }
      other = other ?? Self.otherMethods(routes)
    }
    return other.map { .otherMethods(Set($0 + ["OPTIONS"]).sorted()) } ?? .none
  }

  /// The methods that make a path known. OPTIONS alone does not: it is answered for paths that do not exist, too.
  private static func otherMethods(_ routes: [Route]) -> [String]? {
    let methods = routes.map(\.method).filter { $0 != "OPTIONS" }
    return methods.isEmpty ? nil : methods
  }

  private static func parameters(_ pattern: [String], _ segments: [[UInt8]]) -> [String: [UInt8]]? {
    var parameters: [String: [UInt8]] = [:]
    for (part, segment) in zip(pattern, segments) {
      if part.hasPrefix(":") {
        if segment.isEmpty { return nil }
        parameters[String(part.dropFirst())] = segment
      } else if !part.utf8.elementsEqual(segment) {
        return nil
      }
    }
    return parameters
  }

  private func choose(_ routes: [Route], _ method: String, namedOnly: Bool = false) -> Route? {
    if let route = routes.first(where: { $0.method == method }) { return route }
    if namedOnly { return nil }
    if method == "HEAD", let route = routes.first(where: { $0.method == "GET" && $0.answersHead }) { return route }
    return routes.first { $0.method.isEmpty }
  }

  private static func segments(of path: String) -> [String] {
    path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  // MARK: Answering

  /// Path and query without empty segments, `.` and `..`; nil where there are none. As in Go it is the decoded path that
  /// counts.
  static func cleanPlace(of head: HTTPRequestHead) -> String? {
    guard head.path.hasPrefix("/"),
      let path = try? FormParameters.decodedBytes(Array(head.path.utf8)[...], plusIsBlank: false)
    else { return nil }
    let (slash, dot) = (UInt8(ascii: "/"), UInt8(ascii: "."))
    guard zip(path, path.dropFirst()).contains(where: { $0 == slash && ($1 == slash || $1 == dot) }) else { return nil }
    var segments: [ArraySlice<UInt8>] = []
    for segment in path.split(separator: slash) where segment != [dot] {
      if segment == [dot, dot] { _ = segments.popLast() } else { segments.append(segment) }
    }
    var clean = [slash] + segments.joined(separator: [slash])
    if path.last == slash, clean.count > 1 { clean.append(slash) }
    if clean == path { return nil }
    let text = clean.map { byte in
      let isPlain =
        0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte || "$&+,/:;=@-_.~".utf8.contains(byte)
      if isPlain { return String(Unicode.Scalar(byte)) }
      let digits = String(byte, radix: 16, uppercase: true)
      return "%" + (digits.utf8.count < 2 ? "0" : "") + digits
    }.joined()
    return head.query.map { "\(text)?\($0)" } ?? text
  }

  /// Answers by the route that matches.
  public func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    let sender = ReplySender(response, for: request.head)
    if cleansPaths, let place = Self.cleanPlace(of: request.head) {
      _ = try await sender.send(.temporaryRedirect(to: place, for: request.head.method))
      return
    }
    switch match(method: request.head.method, path: request.head.path) {
    case .route(let route, let parameters):
      let call = HTTPCall(request, pathBytes: parameters)
      if let name = route.name, let instrumentation {
        try await instrumentation.handle(call, name, sender, route.answer)
      } else {
        _ = try await sender.send(await Self.reply(call, route.answer, nil))
      }
    case .otherMethods(let allowed):
      if request.head.method == "OPTIONS" {
        _ = try await sender.send(HTTPReply(headers: ["allow": allowed.joined(separator: ", ")]))
      } else {
        _ = try await sender.send(.methodNotAllowed(allowed))
      }
    case .malformed(let reason):
      _ = try await sender.send(.error(reason, status: 400))
    case .none:
      let call = HTTPCall(request, pathBytes: [:])
      _ = try await sender.send(await Self.reply(call, fallback, nil))
    }
  }

  /// What the route answers, errors included.
  static func reply(_ call: HTTPCall, _ answer: Answer, _ logger: Logger?) async throws -> HTTPReply {
    do {
      return try await answer(call)
    } catch let problem as HTTPProblem {
      return .error(problem.message, status: problem.status)
    } catch let error as TransportError where error.code == .limit {
      return .error(error.description, status: 413)
    } catch let error as TransportError where error.code == .closed || error.code == .cancelled {
      throw error
    } catch let error as CancellationError {
      throw error
    } catch {
      logger?.error(
        "request failed", ("method", .string(call.method)), ("path", .string(call.request.head.path)), error: error)
      return .error("internal error: \(error)", status: 500)
    }
  }
}
