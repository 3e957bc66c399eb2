// What `--http.config` puts before all paths: a rate, users with passwords, fields of all answers.
internal import Locking
internal import Synchronization
internal import Transport

/// Lets requests through to a handler as a web configuration says.
struct WebGuard: HTTPHandler {
  private let next: any HTTPHandler
  private let headers: [(name: String, value: String)]
  private let limiter: RateLimiter?
  private let passwords: PasswordCheck?

  init(_ config: WebConfig, _ next: any HTTPHandler) throws(ConfigurationError) {
    self.next = next
    headers = config.headers
    limiter = config.rateLimit.map { RateLimiter($0) }
    passwords = config.users.isEmpty ? nil : try PasswordCheck(config.users)
  }

  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    if let limiter, !limiter.take(now: .now) { return try await refuse("Too Many Requests", 429, request, response) }
    if let passwords, !(try await passwords.accepts(request.head.headers["authorization"])) {
      return try await refuse("Unauthorized", 401, request, response, [("www-authenticate", "Basic")])
    }
    if headers.isEmpty { return try await next.handle(request, response) }
    let stream = AddingStream(request: request, response: response, headers: headers)
    try await next.handle(request, HTTPServerResponse(stream: stream))
  }

  private func refuse(
    _ message: String, _ status: Int, _ request: HTTPServerRequest, _ response: HTTPServerResponse,
    _ more: [(name: String, value: String)] = []
  ) async throws {
    var reply = HTTPReply.error(message, status: status)
    for (name, value) in headers + more { reply.headers.set(name, value) }
    _ = try await ReplySender(response, for: request.head).send(reply)
  }

  /// Adds fields to the head of an answer, where the answer does not set them itself.
  private final class AddingStream: HTTPServerStream {
    private let request: HTTPServerRequest
    private let response: HTTPServerResponse
    private let headers: [(name: String, value: String)]

    init(request: HTTPServerRequest, response: HTTPServerResponse, headers: [(name: String, value: String)]) {
      self.request = request
      self.response = response
      self.headers = headers
    }

    func nextBodyPart() async throws -> [UInt8]? { try await request.nextBodyPart() }

    var requestTrailers: HTTPHeaders { request.trailers }

    func send(head: HTTPResponseHead?, body: consuming [UInt8], end: HTTPHeaders?) async throws {
      let body = body
      var head = head
      for (name, value) in headers where head?.headers.contains(name.lowercased()) == false {
        head?.headers.add(name, value)
      }
      switch (head, end) {
      case (let head?, let end?):
        try await response.respond(status: head.status, headers: head.headers, body: body, trailers: end)
      case (let head?, nil):
        try await response.start(status: head.status, headers: head.headers)
        if !body.isEmpty { try await response.write(body) }
      case (nil, let end):
        if !body.isEmpty { try await response.write(body) }
        if let end { try await response.finish(trailers: end) }
      }
    }

    func reset(http2Code: UInt32) { response.reset(http2Code: http2Code) }
  }

  /// So many requests at once, one more each interval.
  private final class RateLimiter: Sendable {
    private struct State {
      var credit: Double
      var last: ContinuousClock.Instant
    }

    private let burst: Double
    private let intervalSeconds: Double
    private let state: Guarded<State>

    init(_ limit: WebConfig.RateLimit) {
      burst = Double(max(0, limit.burst))
      intervalSeconds = Double(limit.intervalNs) / 1e9
      state = Guarded(State(credit: burst, last: .now))
    }

    func take(now: ContinuousClock.Instant) -> Bool {
      if intervalSeconds <= 0 { return true }
      return state.withLock { state in
        let elapsed = max(0, (now - state.last) / .seconds(1))
        state.credit = min(burst, state.credit + elapsed / intervalSeconds)
        state.last = now
        guard state.credit >= 1 else { return false }
        state.credit -= 1
        return true
      }
    }
  }
}
