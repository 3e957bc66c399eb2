// The client of HTTP: object stores, Prometheus, Alertmanager and other peers are asked over it. HTTP/1.1 and HTTP/2 by
// libcurl, on a thread of its own; the tasks that send requests never block.

/// Sends requests. Connections are kept and used again; one client serves any number of hosts and tasks.
///
///     let client = HTTPClient()
///     let answer = try await client.send(HTTPClientRequest("GET", "http://127.0.0.1:9090/-/ready"))
///     let body = try await answer.collect(limitBytes: 1 << 20)
///
/// Cancelling the task that sends or reads ends the transfer, and so does dropping an answer before its end. `shutdown()` ends
/// all that is under way; a client that nobody holds any more, and no answer of its, is shut down.
public final class HTTPClient: Sendable {
  /// What it was made with.
  public let options: HTTPClientOptions
  fileprivate let loop: HTTPClientLoop

  /// A client. Its thread starts with the first request.
  public init(options: HTTPClientOptions = HTTPClientOptions()) {
    self.options = options
    loop = HTTPClientLoop(options)
  }

  deinit { loop.close() }

  /// Ends everything that is under way, with `.cancelled`. Requests sent afterwards fail.
  public func shutdown() { loop.close() }

  /// Sends `request` and waits for the head of the answer, redirects followed; the answer's status is the caller's to judge.
  /// The body of a `.source` has been sent by then, unless the server refused before.
  ///
  /// Throws `TransportError`: `.unreachable`, `.timeout`, `.tls`, `.closed`, `.limit`, `.argument`, `.cancelled`; and what a
  /// source throws.
  public func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
    var upload: HTTPClientUpload?
    if case .source(let length, _) = request.body {
      upload = HTTPClientUpload(length: length, bytesMax: options.bufferBytes)
    }
    let transfer = HTTPTransfer(request, upload: upload, options: options)
    // A task that is cancelled already sends nothing.
    try Task.checkCancellation()
    try loop.start(transfer)
    let loop = loop
    let head = try await withTaskCancellationHandler {
      guard let upload, case .source(_, let next) = request.body else { return try await transfer.waitForHead() }
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await Self.pump(next, into: upload) { loop.goOnSending(transfer) } }
        do {
          let head = try await transfer.waitForHead()
          try await group.waitForAll()
          return head
        } catch {
          // Where the source failed, that is the reason, and the transfer's end only what follows from it.
          upload.close()
          loop.cancel(transfer)
          group.cancelAll()
          try await group.waitForAll()
          throw error
        }
      }
    } onCancel: {
      loop.cancel(transfer)
    }
    return HTTPClientResponse(head, transfer, self)
  }

  private static func pump(
    _ next: @Sendable () async throws -> [UInt8]?, into upload: HTTPClientUpload, wake: @escaping @Sendable () -> Void
  ) async throws {
    do {
      while let part = try await next() {
        guard await upload.write(part, wake: wake) else { return }
      }
      upload.finish(wake: wake)
    } catch {
      upload.abort(wake: wake)
      throw error
    }
  }
}

/// The answer to a request. One task reads its body.
public final class HTTPClientResponse: Sendable {
  /// The status, 200 and above.
  public let status: Int
  /// The fields of the head.
  public let headers: HTTPHeaders
  /// Which HTTP the server spoke.
  public let version: HTTPVersion
  /// The URL that answered, after redirects.
  public let url: String
  private let transfer: HTTPTransfer
  /// Held, so that the client lives as long as its answers.
  private let client: HTTPClient
  private var loop: HTTPClientLoop { client.loop }

  init(_ head: HTTPClientHead, _ transfer: HTTPTransfer, _ client: HTTPClient) {
    (status, headers, version, url) = (head.status, head.headers, head.version, head.url)
    self.transfer = transfer
    self.client = client
  }

  deinit { if !transfer.isOver { loop.cancel(transfer) } }

  /// Trailer fields; complete once the body has ended.
  public var trailers: HTTPHeaders { transfer.trailers }

  /// The next bytes of the body (some, of any number), or nil at its end. The server is held up while nobody reads.
  ///
  /// Throws `TransportError`, `.closed` where the connection broke before the end.
  public func nextBodyPart() async throws -> [UInt8]? {
    try await withTaskCancellationHandler {
      try await transfer.nextPart { loop.goOnReceiving(transfer) }
    } onCancel: {
      loop.cancel(transfer)
    }
  }

  /// All of the body. Throws `.limit` where it has more than `limitBytes`, which ends the transfer.
  public func collect(limitBytes: Int) async throws -> [UInt8] {
    var body: [UInt8] = []
    while let part = try await nextBodyPart() {
      guard part.count <= limitBytes - body.count else {
        cancel()
        throw TransportError(.limit, "\(url): answer exceeds \(limitBytes) bytes")
      }
      if body.isEmpty { body = part } else { body += part }
    }
    return body
  }

  /// Ends the transfer; what was not read is lost.
  public func cancel() { loop.cancel(transfer) }
}
