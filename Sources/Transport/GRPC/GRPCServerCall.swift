// One call as its handler sees it: messages in, messages out, metadata both ways.
internal import Locking
import Synchronization

/// A call that a server answers. One task reads and one task writes at a time; both may be the same.
public final class GRPCServerCall: Sendable {
  /// The full name of the service: `thanos.Store`.
  public let service: String
  /// The method that was called.
  public let method: GRPCMethod
  /// The request's metadata; see `HTTPHeaders.binary(_:)` for names ending in `-bin`.
  public var metadata: HTTPHeaders {
    unsafe request.head.headers.filtered { name, _ in unsafe !GRPCMetadata.isReserved(name) }
  }
  /// When the client gives up, or nil.
  public let deadline: ContinuousClock.Instant?
  /// Who calls.
  public var peer: PeerInfo { request.peer }

  /// `/thanos.Store/Series`
  public var path: String { "/\(service)/\(method.name)" }

  private struct State {
    var deframer: GRPCDeframer
    var hasReadAll = false
    var initialMetadata = HTTPHeaders()
    var trailingMetadata = HTTPHeaders()
    var compression: GRPCCompression
    var headWasSent = false
    /// The only answer of a method that has one, until the call ends: head, message and trailers go out together.
    var heldFrames: [UInt8]?
    var ended = false
    var hasExpired = false
    var messagesReceived = 0
    var messagesSent = 0
  }

  private let state: Guarded<State>
  private let request: HTTPServerRequest
  private let response: HTTPServerResponse
  private let options: GRPCServerOptions
  private let encoding: GRPCCompression
  private let contentType: String

  /// The type of messages that say nothing more about themselves.
  static let plainType = "application/grpc"
  /// The head of an answer of that type without metadata or compression: that of nearly all.
  static let plainHead: HTTPHeaders = [
    "content-type": plainType, "grpc-accept-encoding": GRPCCompression.accepted,
  ]
  /// The trailers of nearly all calls.
  static let okTrailers: HTTPHeaders = ["grpc-status": "0"]
  /// The outcome of a call that took too long.
  static let expired = GRPCStatus(.deadlineExceeded, "context deadline exceeded")

  init(
    service: String, method: GRPCMethod, deadline: ContinuousClock.Instant?, encoding: GRPCCompression,
    contentType: String, request: HTTPServerRequest, response: HTTPServerResponse, options: GRPCServerOptions
  ) {
    self.service = service
    self.method = method
    self.deadline = deadline
    self.request = request
    self.response = response
    self.options = options
    self.encoding = encoding
    self.contentType = contentType
    // As grpc-go: a client that compresses gets its answer compressed the same way.
    state = Guarded(
      State(
        deframer: GRPCDeframer(maxMessageBytes: options.maxReceiveMessageBytes),
        compression: encoding == .identity || !Self.accepts(encoding, request) ? .identity : encoding))
  }

  /// Whether the client reads messages that are compressed so.
  private static func accepts(_ compression: GRPCCompression, _ request: HTTPServerRequest) -> Bool {
    GRPCCompression.named(in: request.head.headers.values(for: "grpc-accept-encoding").joined(separator: ","))
      .contains(compression)
  }

  /// Lets the stream end the call at its deadline: the client is told, and the handler's task is cancelled. False: the stream cannot.
  func endsAtDeadline(_ deadline: ContinuousClock.Instant) -> Bool {
    request.stream.callAtDeadline(deadline) {
      let isFirst = self.state.withLock { state in
        guard !state.ended else { return false }
        state.hasExpired = true
        return true
      }
      guard isFirst else { return }
      if let ending = self.endNow(Self.expired) { Task { do { try await self.send(ending) } catch {} } }
      self.request.stream.cancelTask()
    }
  }

  /// Whether the deadline passed before the call had ended.
  var hasExpired: Bool { state.withLock { $0.hasExpired } }

  // MARK: Reading

  /// The next message of the client, or nil after its last.
  public func nextMessage() async throws -> [UInt8]? {
    while true {
      switch try nextFrame() {
      case .message(let message): return message
      case .ended: return nil
      case .wait: try push(try await request.nextBodyPart())
      }
    }
  }

  /// How far reading comes without waiting.
  private enum Step {
    case message([UInt8])
    case ended
    case wait
  }

  /// Takes what the client sent; nil: its end.
  @inline(never) private func push(_ part: [UInt8]?) throws {
    try state.withLock { state throws in
      if let part { state.deframer.push(part) } else { try state.deframer.finish() }
      state.hasReadAll = part == nil
    }
  }

  /// The messages of the client that are there together, at least one, or nil after its last: for methods that are sent many small ones.
  public func nextMessages() async throws -> GRPCMessages? {
    while true {
      if let batch = try nextBatch() { return batch }
      if state.withLock({ $0.hasReadAll }) { return nil }
      try push(try await request.nextBodyPart())
    }
  }

  @inline(never) private func nextBatch() throws -> GRPCMessages? {
    let batch = try state.withLock { state throws in
      let batch = try state.deframer.nextBatch()
      state.messagesReceived += batch?.count ?? 0
      return batch
    }
    return try batch?.decompressed(encoding, limitBytes: options.maxReceiveMessageBytes)
  }

  // (Apart from `nextMessage`, and not inlined: the optimizer of Swift 6.3.1 fails over typed throws in what it makes of an async
  // function.)
  @inline(never) private func nextFrame() throws -> Step {
    while true {
      let (frame, hasReadAll) = try state.withLock { state throws in
        let frame = try state.deframer.next()
        if frame != nil { state.messagesReceived += 1 }
        return (frame, state.hasReadAll)
      }
      if let frame {
        return .message(
          try GRPCCompression.message(of: frame, encoding: encoding, limitBytes: options.maxReceiveMessageBytes))
      }
      if hasReadAll { return .ended }
      guard let part = try request.stream.takeBodyPart() else { return .wait }
      try push(part.isEmpty ? nil : part)
    }
  }

  /// The one message of a method whose client does not stream. Throws where there is none, or a second.
  public func onlyMessage() async throws -> [UInt8] {
    guard let message = try await nextMessage() else {
      throw GRPCStatus(
        .internal, "cardinality violation: received no request message from non-client-streaming RPC")
    }
    guard try await nextMessage() == nil else {
      throw GRPCStatus(
        .internal, "cardinality violation: received multiple request messages for non-client-streaming RPC")
    }
    return message
  }

  // MARK: Writing

  /// Adds a field to the metadata that goes before the first message. Names ending in `-bin` take Base64, see
  /// `HTTPHeaders.addBinary`. What the protocol does not allow is left out.
  public func addInitialMetadata(_ name: String, _ value: String) {
    state.withLock { $0.initialMetadata.add(name, value) }
  }

  /// Adds a field to the metadata that goes with the outcome.
  public func addTrailingMetadata(_ name: String, _ value: String) {
    state.withLock { $0.trailingMetadata.add(name, value) }
  }

  /// Replaces the metadata that goes before the first message.
  public func setInitialMetadata(_ metadata: HTTPHeaders) { state.withLock { $0.initialMetadata = metadata } }

  /// Replaces the metadata that goes with the outcome.
  public func setTrailingMetadata(_ metadata: HTTPHeaders) { state.withLock { $0.trailingMetadata = metadata } }

  /// Compresses what is sent from here on, where the client reads it; before the first message only.
  public func setCompression(_ compression: GRPCCompression) {
    state.withLock { state in
      guard !state.headWasSent, compression == .identity || Self.accepts(compression, request) else { return }
      state.compression = compression
    }
  }

  /// Sends the initial metadata now, and not with the first message.
  public func sendInitialMetadata() async throws {
    guard let headers = try state.withLock({ state throws(GRPCStatus) in try takeHead(&state) }) else { return }
    try await response.start(status: 200, headers: headers)
  }

  /// Sends a message. Suspends while the client reads slower than this writes. The only message of a method that has one
  /// goes out with the end of the call.
  public func send(_ message: [UInt8]) async throws {
    guard message.count <= options.maxSendMessageBytes else {
      throw Self.tooLarge(message.count, options.maxSendMessageBytes)
    }
    let compression = state.withLock { $0.compression }
    var frames: [UInt8] = []
    try compression.appendFrame(message, to: &frames)
    if method.kind.serverStreams { try await hand(frames, messageCount: 1) } else { _ = try accept(frames, 1) }
  }

  /// Sends messages that have their five-byte prefixes already, many in one hand-over: 64 KiB at a time is a good measure.
  /// They are sent as they are, unless the client asked for compression.
  public func sendFramed(_ frames: consuming [UInt8], messageCount: Int = 1) async throws {
    try await hand(compressed(frames), messageCount: messageCount)
  }

  /// The same, where a writer that must wait has something to do about it: `aroundWait` is called then, and waits by calling what it is
  /// given.
  public func sendFramed(
    _ frames: consuming [UInt8], messageCount: Int = 1,
    aroundWait: (_ wait: () async throws -> Void) async throws -> Void
  ) async throws {
    let frames = try compressed(frames)
    let (headers, isHeld) = try accept(frames, messageCount)
    if isHeld { return }
    let head = headers.map { HTTPResponseHead(status: 200, headers: $0) }
    let stream = response.stream
    guard try stream.sendWithoutWaiting(head: head, body: frames, end: nil) else {
      return try await stream.send(head: head, body: frames, end: nil)
    }
    if !stream.hasRoom { try await aroundWait { try await stream.waitForRoom() } }
  }

  /// The frames as the client wants them.
  private func compressed(_ frames: consuming [UInt8]) throws -> [UInt8] {
    let compression = state.withLock { $0.compression }
    guard compression != .identity else { return frames }
    var deframer = GRPCDeframer(maxMessageBytes: options.maxSendMessageBytes)
    deframer.push(frames)
    var compressed: [UInt8] = []
    while let frame = try deframer.next() {
      if frame.isCompressed {
        GRPCFraming.append(frame.bytes, compressed: true, to: &compressed)
      } else {
        try compression.appendFrame(frame.bytes, to: &compressed)
      }
    }
    try deframer.finish()
    return compressed
  }

  /// The refusal of a message of `count` bytes.
  static func tooLarge(_ count: Int, _ most: Int) -> GRPCStatus {
    GRPCStatus(.resourceExhausted, "grpc: trying to send message larger than max (\(count) vs. \(most))")
  }

  private func hand(_ frames: consuming [UInt8], messageCount: Int) async throws {
    let frames = frames
    let (headers, isHeld) = try accept(frames, messageCount)
    if isHeld { return }
    try await response.stream.send(
      head: headers.map { HTTPResponseHead(status: 200, headers: $0) }, body: frames, end: nil)
  }

  /// The head that goes out before the messages, if any; the only message of a method that has one is held instead.
  @inline(never) private func accept(
    _ frames: [UInt8], _ messageCount: Int
  ) throws -> (head: HTTPHeaders?, isHeld: Bool) {
    try state.withLock { state throws(GRPCStatus) in
      guard !state.ended else {
        throw GRPCStatus(.internal, "transport: the stream is done or WriteHeader was already called")
      }
      guard method.kind.serverStreams || state.messagesSent + messageCount <= 1 else {
        throw GRPCStatus(
          .internal, "cardinality violation: sending multiple response messages for non-server-streaming RPC")
      }
      state.messagesSent += messageCount
      if !method.kind.serverStreams {
        state.heldFrames = frames
        return (HTTPHeaders?.none, true)
      }
      return (try takeHead(&state), false)
    }
  }

  /// The head if it was not sent yet, which it is from now on.
  private func takeHead(_ state: inout State) throws(GRPCStatus) -> HTTPHeaders? {
    guard !state.ended else {
      throw GRPCStatus(.internal, "transport: the stream is done or WriteHeader was already called")
    }
    guard !state.headWasSent else { return nil }
    state.headWasSent = true
    return head(state)
  }

  private func head(_ state: State) -> HTTPHeaders {
    if state.compression == .identity, state.initialMetadata.isEmpty, contentType == Self.plainType {
      return Self.plainHead
    }
    var headers: HTTPHeaders = ["content-type": contentType, "grpc-accept-encoding": GRPCCompression.accepted]
    if state.compression != .identity { headers.add("grpc-encoding", state.compression.rawValue) }
    GRPCMetadata.add(state.initialMetadata, to: &headers)
    return headers
  }

  /// The last part of an answer.
  struct Ending {
    var head: HTTPResponseHead?
    var frames: [UInt8]
    var trailers: HTTPHeaders
  }

  /// Ends the call; the first outcome counts. Returns what `send` must send still: nothing, as a rule.
  @inline(never) func endNow(_ status: GRPCStatus) -> Ending? {
    var status = status
    let (head, frames, trailers) = state.withLock { state -> (HTTPHeaders?, [UInt8], HTTPHeaders?) in
      guard !state.ended else { return (nil, [], nil) }
      state.ended = true
      // Whatever its cancelled handler says.
      if state.hasExpired { status = Self.expired }
      if status.code == .ok, !method.kind.serverStreams, state.heldFrames == nil {
        status = GRPCStatus(.internal, "the handler of \(path) sent no message")
      }
      var trailers = Self.okTrailers
      if status.code != .ok || !status.message.isEmpty || !status.details.isEmpty {
        trailers = HTTPHeaders()
        status.write(to: &trailers)
      }
      GRPCMetadata.add(state.trailingMetadata, to: &trailers)
      let frames = status.code == .ok ? state.heldFrames ?? [] : []
      state.heldFrames = nil
      guard !state.headWasSent else { return (nil, frames, trailers) }
      var headers = self.head(state)
      guard frames.isEmpty else { return (headers, frames, trailers) }
      // Trailers only: one frame of HTTP/2.
      headers.append(trailers)
      return (headers, [], [:])
    }
    guard let trailers else { return nil }
    let answer = head.map { HTTPResponseHead(status: 200, headers: $0) }
    do {
      if try response.stream.sendWithoutWaiting(head: answer, body: frames, end: trailers) { return nil }
    } catch {
      // A client that left cannot be told.
      return nil
    }
    return Ending(head: answer, frames: frames, trailers: trailers)
  }

  /// Sends what `endNow` could not.
  func send(_ ending: Ending) async throws {
    try await response.stream.send(head: ending.head, body: ending.frames, end: ending.trailers)
  }

  /// How many messages went either way.
  var messageCounts: (received: Int, sent: Int) { state.withLock { ($0.messagesReceived, $0.messagesSent) } }
}
