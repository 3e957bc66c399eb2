// A request and its answer, as handlers see them; what carries them is behind a protocol, so that handlers run without a
// socket just as well.

/// What carries one request and its answer: a stream of HTTP/2, a turn of an HTTP/1.1 connection, or memory.
public protocol HTTPServerStream: AnyObject, Sendable {
  /// The next bytes of the request's body, at least one, or nil at its end. Suspends until there are some; taking them gives the
  /// client credit for more. Throws `TransportError` where the client left, or sent what it may not.
  func nextBodyPart() async throws -> [UInt8]?

  /// The fields after the body; complete once `nextBodyPart()` gave nil.
  var requestTrailers: HTTPHeaders { get }

  /// Sends what is given: the answer's head (once, first), bytes of its body, its end with trailers (once, last). Suspends while
  /// too much waits to be sent. Throws `TransportError` `.closed` once the client has left.
  func send(head: HTTPResponseHead?, body: consuming [UInt8], end: HTTPHeaders?) async throws

  /// Ends the stream at once: RST_STREAM with this code on HTTP/2, a closed connection on HTTP/1.1.
  func reset(http2Code: UInt32)

  /// The next bytes of the request's body where they are there already, empty at its end; nil where only `nextBodyPart()` can tell. Throws as
  /// that does.
  func takeBodyPart() throws -> [UInt8]?

  /// Sends like `send`, but for the waiting: for the end of an answer. False: the stream cannot, and nothing was sent.
  func sendWithoutWaiting(head: HTTPResponseHead?, body: [UInt8], end: HTTPHeaders?) throws -> Bool

  /// Whether `send` would not suspend now.
  var hasRoom: Bool { get }

  /// Suspends while too much waits to be sent, as `send` does. Throws as that does.
  func waitForRoom() async throws

  /// Calls `body` once at `deadline`, from any thread, unless the stream has ended by then. False: the stream has no clock (or has ended), and
  /// nothing is called.
  func callAtDeadline(_ deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> Bool

  /// Cancels the task that answers the request, where the stream knows it.
  func cancelTask()
}

extension HTTPServerStream {
  /// Nothing is known without waiting.
  public func takeBodyPart() throws -> [UInt8]? { nil }

  /// Nothing is sent without waiting.
  public func sendWithoutWaiting(head: HTTPResponseHead?, body: [UInt8], end: HTTPHeaders?) throws -> Bool { false }

  /// There is always room.
  public var hasRoom: Bool { true }

  /// Nothing to wait for.
  public func waitForRoom() async throws {}

  /// No clock.
  public func callAtDeadline(_ deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> Bool {
    false
  }

  /// No task.
  public func cancelTask() {}
}

/// The head of an answer.
public struct HTTPResponseHead: Sendable {
  /// 100 up to 999.
  public var status: Int
  /// The fields. Where there is no content-length, the body is as long as what is sent.
  public var headers: HTTPHeaders

  /// A head of these parts.
  public init(status: Int, headers: HTTPHeaders = [:]) {
    self.status = status
    self.headers = headers
  }
}

/// A request that a handler answers.
public final class HTTPServerRequest: Sendable {
  /// What its head says.
  public let head: HTTPRequestHead
  /// Who sent it.
  public var peer: PeerInfo { peerBox.peer }
  private let peerBox: PeerBox
  let stream: any HTTPServerStream

  /// A request that `stream` carries.
  public convenience init(head: HTTPRequestHead, peer: PeerInfo, stream: any HTTPServerStream) {
    self.init(head: head, peer: PeerBox(peer), stream: stream)
  }

  init(head: HTTPRequestHead, peer: PeerBox, stream: any HTTPServerStream) {
    self.head = head
    peerBox = peer
    self.stream = stream
  }

  /// The next bytes of the body, at least one, or nil at its end.
  public func nextBodyPart() async throws -> [UInt8]? { try await stream.nextBodyPart() }

  /// The fields after the body; complete once `nextBodyPart()` gave nil.
  public var trailers: HTTPHeaders { stream.requestTrailers }

  /// The whole body. Throws `TransportError` `.limit` where it is longer than `limitBytes`.
  public func collectBody(limitBytes: Int) async throws -> [UInt8] {
    var body: [UInt8] = []
    while let part = try await nextBodyPart() {
      guard part.count <= limitBytes - body.count else {
        throw TransportError(
          .limit, "reading the body of \(head.method) \(head.path): it is longer than \(limitBytes) bytes")
      }
      if body.isEmpty { body = part } else { body.append(contentsOf: part) }
    }
    return body
  }
}

/// The answer to a request: head, body in parts, end. A handler that returns without an end leaves an answer that is cut off,
/// and so shows as an error to the client.
public struct HTTPServerResponse: Sendable {
  let stream: any HTTPServerStream

  /// An answer that `stream` carries.
  public init(stream: any HTTPServerStream) { self.stream = stream }

  /// Sends the head; the body follows by `write`.
  public func start(status: Int, headers: HTTPHeaders = [:]) async throws {
    try await stream.send(head: HTTPResponseHead(status: status, headers: headers), body: [], end: nil)
  }

  /// Sends bytes of the body. Suspends while more than 256 KiB wait to be sent, until 128 KiB are left.
  public func write(_ bytes: consuming [UInt8]) async throws {
    try await stream.send(head: nil, body: bytes, end: nil)
  }

  /// Ends the answer.
  public func finish(trailers: HTTPHeaders = [:]) async throws {
    try await stream.send(head: nil, body: [], end: trailers)
  }

  /// Sends a whole answer in one hand-over, with its content-length.
  public func respond(
    status: Int, headers: HTTPHeaders = [:], body: consuming [UInt8] = [], trailers: HTTPHeaders = [:]
  ) async throws {
    try await stream.send(
      head: HTTPResponseHead(status: status, headers: headers), body: body, end: trailers)
  }

  /// Ends the stream at once, so that the client sees an error: RST_STREAM with this code, or a closed connection.
  public func reset(http2Code: UInt32) { stream.reset(http2Code: http2Code) }
}

/// Answers requests. Each runs in a task of its own, which is cancelled when its client leaves.
public protocol HTTPHandler: Sendable {
  /// Answers `request`. What it throws before an answer began is a 500; afterwards the answer is cut off.
  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws

  /// The gRPC server that this handler passes calls on to, if it does: quick ones (`GRPCService.quickMethods`) are answered by it without a
  /// task, and without `handle`.
  var grpcServer: GRPCServer? { get }
}

extension HTTPHandler {
  /// None.
  public var grpcServer: GRPCServer? { nil }
}
