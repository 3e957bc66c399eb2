// One call of a client: messages out, messages in, and how it ended.
internal import Locking
import Synchronization

/// A call that a channel made. One task writes and one task reads at a time; both may be the same.
public final class GRPCClientCall: Sendable {
  /// `/thanos.Store/Series`
  public let path: String
  /// Which sides stream.
  public let kind: GRPCMethod.Kind

  private struct State {
    var deframer: GRPCDeframer
    var encoding = GRPCCompression.identity
    var head: HTTPHeaders?
    var trailers = HTTPHeaders()
    var outcome: GRPCStatus?
    var hasExpired = false
    var messagesReceived = 0
    var messagesSent: Int
    var hasFinishedSending: Bool
  }

  private let stream: HTTP2ClientStream
  private let options: GRPCChannelOptions
  private let began: ContinuousClock.Instant
  private let state: Guarded<State>

  init(
    path: String, kind: GRPCMethod.Kind, stream: HTTP2ClientStream, messagesSent: Int, hasFinishedSending: Bool,
    began: ContinuousClock.Instant, options: GRPCChannelOptions
  ) {
    self.path = path
    self.kind = kind
    self.stream = stream
    self.options = options
    self.began = began
    state = Guarded(
      State(
        deframer: GRPCDeframer(maxMessageBytes: options.maxReceiveMessageBytes), messagesSent: messagesSent,
        hasFinishedSending: hasFinishedSending))
  }

  deinit { finish(GRPCStatus(.cancelled, "the call was let go of before its end")) }

  /// The deadline has passed.
  func expire() {
    state.withLock { $0.hasExpired = true }
    finish(Self.expired)
  }

  private static let expired = GRPCStatus(.deadlineExceeded, "context deadline exceeded")

  // MARK: Writing

  /// Sends a message. Suspends while the server reads slower than this writes. Throws where the call has ended; its outcome is
  /// what reading gives.
  public func send(_ message: [UInt8]) async throws(GRPCStatus) {
    guard message.count <= options.maxSendMessageBytes else {
      throw GRPCStatus(
        .resourceExhausted,
        "grpc: trying to send message larger than max (\(message.count) vs. \(options.maxSendMessageBytes))")
    }
    var frames: [UInt8] = []
    try options.compression.appendFrame(message, to: &frames)
    do {
      try await stream.write(frames)
      state.withLock { $0.messagesSent += 1 }
    } catch {
      throw notSent(error)
    }
  }

  /// Says that no more messages come.
  public func finishSending() async throws(GRPCStatus) {
    do {
      try await stream.finish()
      state.withLock { $0.hasFinishedSending = true }
    } catch {
      throw notSent(error)
    }
  }

  // MARK: Reading

  /// The server's metadata before its first message; waits for it.
  public func initialMetadata() async throws(GRPCStatus) -> HTTPHeaders {
    while true {
      if let head = try headNow() { return try metadata(of: head) }
      await stream.waitForHead()
    }
  }

  /// The next message, or nil where the call ended with OK. Throws the outcome where it is another.
  public func nextMessage() async throws(GRPCStatus) -> [UInt8]? {
    while true {
      switch try step() {
      case .message(let message): return message
      case .ended: return nil
      case .waitForHead: await stream.waitForHead()
      case .waitForBody: await stream.waitForBody()
      case .batch: continue
      }
    }
  }

  /// The messages that are there together, at least one, or nil where the call ended with OK: for streams of many small ones. Throws the
  /// outcome where it is another.
  public func nextMessages() async throws(GRPCStatus) -> GRPCMessages? {
    while true {
      switch try step(inBatches: true) {
      case .batch(let messages): return messages
      case .ended: return nil
      case .waitForHead: await stream.waitForHead()
      case .waitForBody: await stream.waitForBody()
      case .message: continue
      }
    }
  }

  /// The one message of a method whose server does not stream. Throws the outcome where it is not OK, Internal where there is
  /// none, or a second.
  public func onlyMessage() async throws(GRPCStatus) -> [UInt8] {
    var only: [UInt8]?
    while true {
      switch try step() {
      case .message(let message):
        if only != nil { throw Self.unexpected("another message", cancelling: self) }
        only = message
      case .ended:
        guard let only else { throw Self.unexpected("none", cancelling: nil) }
        return only
      case .waitForHead: await stream.waitForHead()
      case .waitForBody: await stream.waitForBody()
      case .batch: continue
      }
    }
  }

  @inline(never) private static func unexpected(_ what: String, cancelling call: GRPCClientCall?) -> GRPCStatus {
    call?.cancel()
    return GRPCStatus(
      .internal, "cardinality violation: expected <EOF> for non server-streaming RPCs, but received \(what)")
  }

  /// How far reading comes without waiting.
  private enum Step {
    case message([UInt8])
    case batch(GRPCMessages)
    /// The call ended with OK.
    case ended
    case waitForHead
    case waitForBody
  }

  // (Apart from those that wait, and not inlined: the optimizer of Swift 6.3.1 fails over typed throws in what it makes of an async
  // function.)
  @inline(never) private func step(inBatches: Bool = false) throws(GRPCStatus) -> Step {
    do {
      guard try takeHead() != nil else { return .waitForHead }
      while true {
        if inBatches {
          if let batch = try nextBatch() { return .batch(batch) }
        } else if let message = try nextOfBuffered() {
          return .message(message)
        }
        guard let part = try stream.takeBodyPart() else { return .waitForBody }
        let isEnd = part.isEmpty
        try state.withLock { state throws(GRPCStatus) in
          if isEnd { try state.deframer.finish() } else { state.deframer.push(part) }
        }
        if isEnd { break }
      }
    } catch {
      throw ended(by: error)
    }
    let outcome = conclude()
    if outcome.code == .ok { return .ended }
    throw outcome
  }

  @inline(never) private func headNow() throws(GRPCStatus) -> HTTPHeaders? {
    do { return try takeHead() } catch { throw ended(by: error) }
  }

  private func metadata(of head: HTTPHeaders) throws(GRPCStatus) -> HTTPHeaders {
    do { return try GRPCMetadata.metadata(of: head) } catch { throw ended(by: error) }
  }

  private func nextBatch() throws(GRPCStatus) -> GRPCMessages? {
    let (batch, encoding) = try state.withLock { state throws(GRPCStatus) in
      let batch = try state.deframer.nextBatch()
      state.messagesReceived += batch?.count ?? 0
      return (batch, state.encoding)
    }
    return try batch?.decompressed(encoding, limitBytes: options.maxReceiveMessageBytes)
  }

  private func nextOfBuffered() throws(GRPCStatus) -> [UInt8]? {
    let (frame, encoding) = try state.withLock { state throws(GRPCStatus) in
      let frame = try state.deframer.next()
      if frame != nil { state.messagesReceived += 1 }
      return (frame, state.encoding)
    }
    guard let frame else { return nil }
    return try GRPCCompression.message(of: frame, encoding: encoding, limitBytes: options.maxReceiveMessageBytes)
  }

  /// The outcome, where the call has ended.
  public var outcome: GRPCStatus? { state.withLock { $0.outcome } }

  /// The metadata that came with the outcome; complete once the call has ended.
  public var trailingMetadata: HTTPHeaders {
    let trailers = state.withLock { $0.trailers }
    var metadata = HTTPHeaders()
    for (name, value) in trailers where !GRPCMetadata.isReserved(name) { metadata.add(name, value) }
    return metadata
  }

  /// The fields of the answer's head, once it was read.
  var answerHead: HTTPHeaders? { state.withLock { $0.head } }

  /// Ends the call here and tells the server.
  public func cancel() { finish(GRPCStatus(.cancelled, "context canceled")) }

  // MARK: Ends

  /// The answer's head, checked, where it is there.
  private func takeHead() throws -> HTTPHeaders? {
    if let head = state.withLock({ $0.head }) { return head }
    guard let answer = try stream.takeHead() else { return nil }
    let headers = answer.headers
    if answer.status != 200 {
      throw GRPCStatus(trailers: headers)
        ?? GRPCStatus(
          GRPCStatus.code(ofHTTPStatus: answer.status),
          "unexpected HTTP status code received from server: \(answer.status)")
    }
    if !headers.has("content-type", GRPCServerCall.plainType) {
      let contentType = headers["content-type"] ?? ""
      guard contentType.lowercased().hasPrefix(GRPCServerCall.plainType) else {
        throw GRPCStatus(.unknown, "transport: received unexpected content-type \(quoted(contentType))")
      }
    }
    var encoding = GRPCCompression.identity
    if let name = headers["grpc-encoding"] {
      guard let known = GRPCCompression(rawValue: name) else {
        throw GRPCStatus(.internal, "grpc: Decompressor is not installed for grpc-encoding \(quoted(name))")
      }
      encoding = known
    }
    state.withLock { state in
      state.head = headers
      state.encoding = encoding
    }
    return headers
  }

  /// The body is read to its end: what the trailers say.
  private func conclude() -> GRPCStatus {
    let (head, known) = state.withLock { ($0.head ?? [:], $0.outcome) }
    if let known { return known }
    let trailers = stream.trailers
    let isInHead = trailers["grpc-status"] == nil && head["grpc-status"] != nil
    let outcome =
      GRPCStatus(trailers: isInHead ? head : trailers)
      ?? GRPCStatus(.internal, "server closed the stream without sending trailers")
    let isWhole = state.withLock { state in
      state.trailers = isInHead ? head : trailers
      return state.hasFinishedSending
    }
    return finish(outcome, cancels: !isWhole)
  }

  /// What a writer is told. The server may have answered before it closed the stream, so that a reader learns the outcome.
  private func notSent(_ error: any Error) -> GRPCStatus {
    if let known = outcome { return known }
    if error is TransportError { return GRPCStatus(.unavailable, "the server takes no more messages: \(error)") }
    return finish(GRPCStatus(of: error))
  }

  /// The outcome of a call that an error ended. The server's word counts where it came before.
  private func ended(by error: any Error) -> GRPCStatus {
    if let known = outcome { return known }
    switch error {
    case let status as GRPCStatus: return finish(status)
    case is CancellationError: return finish(GRPCStatus(.cancelled, "context canceled"))
    case let error as TransportError:
      if state.withLock({ $0.hasExpired }) { return finish(Self.expired) }
      // A server may answer and reset what it does not want to read: then the answer is there.
      if error.code == .closed, let status = GRPCStatus(trailers: stream.trailers) { return finish(status) }
      return finish(error.code == .closed ? GRPCStatus(.unavailable, "\(error)") : error.grpcStatus)
    default: return finish(GRPCStatus(of: error))
    }
  }

  /// Keeps the first outcome, and ends the stream where it goes on.
  @discardableResult
  private func finish(_ status: GRPCStatus, cancels: Bool = true) -> GRPCStatus {
    let (isFirst, outcome, counts) = state.withLock { state in
      let isFirst = state.outcome == nil
      let outcome = state.outcome ?? status
      state.outcome = outcome
      return (isFirst, outcome, (state.messagesReceived, state.messagesSent))
    }
    guard isFirst else { return outcome }
    // A stream that has ended takes no notice.
    if cancels { stream.cancel() }
    options.observer?.callEnded(
      path: path, kind: kind, code: outcome.code, duration: .now - began, messagesReceived: counts.0,
      messagesSent: counts.1)
    return outcome
  }
}
