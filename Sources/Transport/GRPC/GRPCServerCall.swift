// One call as its handler sees it: messages in, messages out, metadata both ways.
import Synchronization

/// A call that a server answers. One task reads and one task writes at a time; both may be the same.
public final class GRPCServerCall: Sendable {
  /// The full name of the service: `thanos.Store`.
  public let service: String
  /// The method that was called.
  public let method: GRPCMethod
  /// The request's metadata; see `HTTPHeaders.binary(_:)` for names ending in `-bin`.
  public let metadata: HTTPHeaders
  /// When the client gives up, or nil.
  public let deadline: ContinuousClock.Instant?
  /// Who calls.
  public let peer: PeerInfo

  /// `/thanos.Store/Series`
  public var path: String { "/\(service)/\(method.name)" }

  private struct State {
    var deframer: GRPCDeframer
    var initialMetadata = HTTPHeaders()
    var trailingMetadata = HTTPHeaders()
    var compression: GRPCCompression
    var headWasSent = false
    /// The only answer of a method that has one, until the call ends: head, message and trailers go out together.
    var heldFrames: [UInt8]?
    var ended = false
    var messagesReceived = 0
    var messagesSent = 0
  }

  private let state: Mutex<State>
  private let request: HTTPServerRequest
  private let response: HTTPServerResponse
  private let options: GRPCServerOptions
  private let encoding: GRPCCompression
  private let accepted: Set<GRPCCompression>
  private let contentType: String

  init(
    service: String, method: GRPCMethod, metadata: HTTPHeaders, deadline: ContinuousClock.Instant?,
    encoding: GRPCCompression, accepted: Set<GRPCCompression>, contentType: String, request: HTTPServerRequest,
    response: HTTPServerResponse, options: GRPCServerOptions
  ) {
    self.service = service
    self.method = method
    self.metadata = metadata
    self.deadline = deadline
    self.peer = request.peer
    self.request = request
    self.response = response
    self.options = options
    self.encoding = encoding
    self.accepted = accepted
    self.contentType = contentType
    // As grpc-go: a client that compresses gets its answer compressed the same way.
    state = Mutex(
      State(
        deframer: GRPCDeframer(maxMessageBytes: options.maxReceiveMessageBytes),
        compression: encoding == .identity || !accepted.contains(encoding) ? .identity : encoding))
  }

  // MARK: Reading

  /// The next message of the client, or nil after its last.
  public func nextMessage() async throws -> [UInt8]? {
    while true {
      if let frame = try nextFrame() {
        return try GRPCCompression.message(of: frame, encoding: encoding, limitBytes: options.maxReceiveMessageBytes)
      }
      guard let part = try await request.nextBodyPart() else {
        try finishFrames()
        return nil
      }
      state.withLock { $0.deframer.push(part) }
    }
  }

  // (Apart from `nextMessage`, and not inlined: the optimizer of Swift 6.3.1 fails over typed throws in what it makes of an async
  // function.)
  @inline(never) private func nextFrame() throws -> GRPCDeframer.Frame? {
    try state.withLock { state throws in
      let frame = try state.deframer.next()
      if frame != nil { state.messagesReceived += 1 }
      return frame
    }
  }

  @inline(never) private func finishFrames() throws {
    try state.withLock { state throws in try state.deframer.finish() }
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
      guard !state.headWasSent, compression == .identity || accepted.contains(compression) else { return }
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
    guard message.count <= options.maxSendMessageBytes else { throw tooLarge(message.count) }
    let compression = state.withLock { $0.compression }
    var frames: [UInt8] = []
    try compression.appendFrame(message, to: &frames)
    try await hand(frames, messageCount: 1)
  }

  /// Sends messages that have their five-byte prefixes already, many in one hand-over: 64 KiB at a time is a good measure.
  /// They are sent as they are, unless the client asked for compression.
  public func sendFramed(_ frames: consuming [UInt8], messageCount: Int = 1) async throws {
    let compression = state.withLock { $0.compression }
    guard compression != .identity else { return try await hand(frames, messageCount: messageCount) }
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
    try await hand(compressed, messageCount: messageCount)
  }

  private func tooLarge(_ count: Int) -> GRPCStatus {
    GRPCStatus(
      .resourceExhausted, "grpc: trying to send message larger than max (\(count) vs. \(options.maxSendMessageBytes))")
  }

  private func hand(_ frames: consuming [UInt8], messageCount: Int) async throws {
    let frames = frames
    let (headers, isHeld) = try state.withLock { state throws(GRPCStatus) in
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
    if isHeld { return }
    try await response.send(status: 200, headers: headers, frames)
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
    var headers: HTTPHeaders = ["content-type": contentType, "grpc-accept-encoding": GRPCCompression.accepted]
    if state.compression != .identity { headers.add("grpc-encoding", state.compression.rawValue) }
    GRPCMetadata.add(state.initialMetadata, to: &headers)
    return headers
  }

  /// Ends the call; the first outcome counts. Returns whether this was it.
  @discardableResult
  func end(_ status: GRPCStatus) async throws -> Bool {
    var status = status
    let (head, frames, trailers) = state.withLock { state -> (HTTPHeaders?, [UInt8], HTTPHeaders?) in
      guard !state.ended else { return (nil, [], nil) }
      state.ended = true
      if status.code == .ok, !method.kind.serverStreams, state.heldFrames == nil {
        status = GRPCStatus(.internal, "the handler of \(path) sent no message")
      }
      var trailers = HTTPHeaders()
      status.write(to: &trailers)
      GRPCMetadata.add(state.trailingMetadata, to: &trailers)
      let frames = status.code == .ok ? state.heldFrames ?? [] : []
      state.heldFrames = nil
      guard !state.headWasSent else { return (nil, frames, trailers) }
      var headers = self.head(state)
      guard frames.isEmpty else { return (headers, frames, trailers) }
      // Trailers only: one frame of HTTP/2.
      for (name, value) in trailers { headers.add(name, value) }
      return (headers, [], [:])
    }
    guard let trailers else { return false }
    if let head {
      try await response.respond(status: 200, headers: head, body: frames, trailers: trailers)
    } else if frames.isEmpty {
      try await response.finish(trailers: trailers)
    } else {
      try await response.write(frames)
      try await response.finish(trailers: trailers)
    }
    return true
  }

  /// How many messages went either way.
  var messageCounts: (received: Int, sent: Int) { state.withLock { ($0.messagesReceived, $0.messagesSent) } }
}

extension HTTPServerResponse {
  /// Sends the head, where there is one to send, and bytes of the body.
  fileprivate func send(status: Int, headers: HTTPHeaders?, _ body: consuming [UInt8]) async throws {
    if let headers { try await start(status: status, headers: headers) }
    try await write(body)
  }
}
