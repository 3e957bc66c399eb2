// Calls to a server, or to several behind one name: connections are made when they are needed, and again when they break.
internal import Locking
import Synchronization

/// A channel to a target: `host:port`, `unix:/path`, or a name to look up, see `EndpointName`. gRPC's `dns:///` and
/// `passthrough:///` before it are understood.
public final class GRPCChannel: Sendable {
  private enum Target: Sendable {
    case fixed(PeerAddress)
    case name(EndpointName)
  }

  private struct State {
    var subchannels: [GRPCSubchannel] = []
    var turn = 0
    var lookup: Task<Void, any Error>?
    var lookedUpAt: ContinuousClock.Instant?
    var lookupFailure: GRPCStatus?
    var isClosed = false
  }

  /// The target as it was given.
  public let targetName: String
  private let target: Target
  private let authority: String
  /// The fields of every call's head.
  private let headers: HTTPHeaders
  private let options: GRPCChannelOptions
  private let connectionOptions: HTTP2ClientOptions
  private let state = Guarded(State())

  /// A channel to `target`; connects with the first call. Throws `.argument` where the target is none.
  public init(target text: String, options: GRPCChannelOptions) throws(TransportError) {
    targetName = text
    var options = options
    options.maxReceiveMessageBytes = min(max(options.maxReceiveMessageBytes, 0), Int(UInt32.max))
    options.maxSendMessageBytes = min(max(options.maxSendMessageBytes, 0), Int(UInt32.max))
    self.options = options
    var headers: HTTPHeaders = [
      "te": "trailers", "content-type": "application/grpc", "user-agent": options.userAgent,
      "grpc-accept-encoding": GRPCCompression.accepted,
    ]
    if options.compression != .identity { headers.add("grpc-encoding", options.compression.rawValue) }
    self.headers = headers
    var name = text
    for scheme in ["dns:///", "passthrough:///"] where name.hasPrefix(scheme) { name.removeFirst(scheme.count) }
    var serverName: String?
    if name.hasPrefix("unix:") {
      var path = name.dropFirst("unix:".count)
      if path.hasPrefix("//") { path = path.dropFirst(2) }
      target = .fixed(.unix(path: String(path)))
      authority = "localhost"
    } else {
      let endpoint = try EndpointName(name)
      authority = endpoint.port.map { HostPort(host: endpoint.host, port: $0).description } ?? endpoint.host
      serverName = endpoint.host
      if endpoint.lookup == .none, let port = endpoint.port, DNSResolver.isNumeric(endpoint.host) {
        target = .fixed(.tcp(host: endpoint.host, port: port))
      } else {
        target = .name(endpoint)
      }
    }
    var connectionOptions = HTTP2ClientOptions(loops: options.loops)
    connectionOptions.tls = options.tls
    if connectionOptions.tls != nil, connectionOptions.tls?.serverName == nil {
      connectionOptions.tls?.serverName = serverName
    }
    connectionOptions.unaryHead = PreparedFields(
      posting: headers, scheme: options.tls == nil ? "http" : "https", authority: authority)
    connectionOptions.limits.keepaliveMs = options.keepaliveMs
    connectionOptions.limits.keepaliveTimeoutMs = options.keepaliveTimeoutMs
    connectionOptions.limits.handshakeTimeoutMs = options.connectTimeoutMs
    self.connectionOptions = connectionOptions
    if case .fixed(let address) = target {
      let subchannel = GRPCSubchannel(address: address, options: connectionOptions, backoff: options.backoff)
      state.withLock { $0.subchannels = [subchannel] }
    } else if options.resolver == nil {
      throw TransportError(.argument, "\(quoted(text)) must be looked up, and the channel has no resolver")
    }
  }

  // MARK: Calls

  /// A call with one message each way.
  public nonisolated(nonsending) func unary(
    path: String, message: [UInt8], metadata: HTTPHeaders = [:], timeoutMs: Int? = nil
  ) async throws(GRPCStatus) -> [UInt8] {
    if options.retry == nil {
      if let call = unaryCall(path, message, metadata, timeoutMs) {
        let began = options.observer == nil ? nil : ContinuousClock.now
        options.observer?.callStarted(path: path, kind: .unary)
        let outcome = await call.outcome()
        guard case .message(let message) = outcome else { return try await answer(call, outcome, began) }
        ended(call, .ok, began, messagesReceived: 1)
        return message
      }
      if let call = try beginNow(path, .unary, message, metadata, timeoutMs) { return try await call.onlyMessage() }
    }
    return try await retrying(path, .unary, message, metadata, timeoutMs) { call throws(GRPCStatus) in
      try await call.onlyMessage()
    }
  }

  /// A call with one message there and any number back. Where there is a retry policy, it waits for the first sign of the
  /// answer.
  public func serverStream(
    path: String, message: [UInt8], metadata: HTTPHeaders = [:], timeoutMs: Int? = nil
  ) async throws(GRPCStatus) -> GRPCClientCall {
    try await retrying(path, .serverStream, message, metadata, timeoutMs) { [options] call throws(GRPCStatus) in
      if options.retry != nil { _ = try await call.initialMetadata() }
      return call
    }
  }

  /// A call whose messages are sent by the caller. It is never tried again.
  public func call(
    path: String, kind: GRPCMethod.Kind = .bidiStream, metadata: HTTPHeaders = [:], timeoutMs: Int? = nil
  ) async throws(GRPCStatus) -> GRPCClientCall {
    options.observer?.callStarted(path: path, kind: kind)
    return try await begin(path, kind, nil, metadata, deadline(timeoutMs), .now)
  }

  /// A call whose message is short and not compressed, on a connection that is there already; nil where it is another, or there is none.
  @inline(never) private func unaryCall(
    _ path: String, _ message: [UInt8], _ metadata: HTTPHeaders, _ timeoutMs: Int?
  ) -> UnaryCall? {
    guard message.count <= min(options.maxSendMessageBytes, UnaryCall.messageBytesMax), (timeoutMs ?? 1) > 0,
      options.compression == .identity, let connection = readyConnection()
    else { return nil }
    let deadline = deadline(timeoutMs)
    var fields = HTTPHeaders()
    if let deadline { fields.add("grpc-timeout", GRPCTimeout.format(deadline - .now)) }
    GRPCMetadata.add(metadata, to: &fields)
    return connection.unary(
      path: path, fields: fields, message: message, deadline: deadline, answerBytesMax: options.maxReceiveMessageBytes)
  }

  /// What is rare.
  @inline(never) private func answer(
    _ call: UnaryCall, _ outcome: UnaryCall.Outcome, _ began: ContinuousClock.Instant?
  ) async throws(GRPCStatus) -> [UInt8] {
    switch outcome {
    case .message(let message): return message
    case .cancelled:
      ended(call, .cancelled, began, messagesReceived: 0)
      throw GRPCStatus(.cancelled, "context canceled")
    case .expired:
      ended(call, .deadlineExceeded, began, messagesReceived: 0)
      throw GRPCStatus(.deadlineExceeded, "context deadline exceeded")
    case .other(let answer):
      let whole = GRPCClientCall(
        path: call.path, kind: .unary, stream: answer.stream(on: call.connection.loop), messagesSent: 1,
        hasFinishedSending: true, began: began ?? .now, options: options)
      return try await whole.onlyMessage()
    }
  }

  private func ended(
    _ call: UnaryCall, _ code: GRPCStatus.Code, _ began: ContinuousClock.Instant?, messagesReceived: Int
  ) {
    guard let observer = options.observer, let began else { return }
    observer.callEnded(
      path: call.path, kind: .unary, code: code, duration: .now - began, messagesReceived: messagesReceived,
      messagesSent: 1)
  }

  /// A call on a connection that is there already; nil where there is none.
  @inline(never) private func beginNow(
    _ path: String, _ kind: GRPCMethod.Kind, _ message: [UInt8], _ metadata: HTTPHeaders, _ timeoutMs: Int?
  ) throws(GRPCStatus) -> GRPCClientCall? {
    guard message.count <= options.maxSendMessageBytes, (timeoutMs ?? 1) > 0, let connection = readyConnection() else {
      return nil
    }
    var frames: [UInt8] = []
    try options.compression.appendFrame(message, to: &frames)
    options.observer?.callStarted(path: path, kind: kind)
    return begin(path, kind, frames, metadata, deadline(timeoutMs), .now, on: connection)
  }

  private func deadline(_ timeoutMs: Int?) -> ContinuousClock.Instant? {
    timeoutMs.map { .now + .milliseconds(max(0, min($0, Int(Int32.max) * 1_000))) }
  }

  private func retrying<Result>(
    _ path: String, _ kind: GRPCMethod.Kind, _ message: [UInt8], _ metadata: HTTPHeaders, _ timeoutMs: Int?,
    _ body: (GRPCClientCall) async throws(GRPCStatus) -> Result
  ) async throws(GRPCStatus) -> Result {
    guard message.count <= options.maxSendMessageBytes else {
      throw GRPCStatus(
        .resourceExhausted,
        "grpc: trying to send message larger than max (\(message.count) vs. \(options.maxSendMessageBytes))")
    }
    var frames: [UInt8] = []
    try options.compression.appendFrame(message, to: &frames)
    let (deadline, began) = (deadline(timeoutMs), ContinuousClock.now)
    var attempt = 1
    while true {
      let failure: GRPCStatus
      var mayRetry = true
      options.observer?.callStarted(path: path, kind: kind)
      do throws(GRPCStatus) {
        let call = try await begin(path, kind, frames, metadata, deadline, began)
        do throws(GRPCStatus) { return try await body(call) } catch {
          failure = error
          mayRetry = !call.hasBegunAnswer
        }
      } catch {
        failure = error
      }
      guard let retry = options.retry, mayRetry, attempt < retry.maxAttempts, retry.codes.contains(failure.code) else {
        throw failure
      }
      attempt += 1
      let pause = Duration.milliseconds(retry.backoffMs(before: attempt, jitter: Double.random(in: -1...1)))
      if let deadline, ContinuousClock.now + pause >= deadline { throw failure }
      do { try await Task.sleep(for: pause) } catch { throw GRPCStatus(.cancelled, "context canceled") }
    }
  }

  private func begin(
    _ path: String, _ kind: GRPCMethod.Kind, _ frames: [UInt8]?, _ metadata: HTTPHeaders,
    _ deadline: ContinuousClock.Instant?, _ began: ContinuousClock.Instant
  ) async throws(GRPCStatus) -> GRPCClientCall {
    do throws(GRPCStatus) {
      if let deadline, deadline <= .now { throw GRPCStatus(.deadlineExceeded, "context deadline exceeded") }
      return begin(path, kind, frames, metadata, deadline, began, on: try await connection(until: deadline))
    } catch {
      options.observer?.callEnded(
        path: path, kind: kind, code: error.code, duration: .now - began, messagesReceived: 0, messagesSent: 0)
      throw error
    }
  }

  private func begin(
    _ path: String, _ kind: GRPCMethod.Kind, _ frames: [UInt8]?, _ metadata: HTTPHeaders,
    _ deadline: ContinuousClock.Instant?, _ began: ContinuousClock.Instant, on connection: HTTP2ClientConnection
  ) -> GRPCClientCall {
    var headers = self.headers
    if let deadline { headers.add("grpc-timeout", GRPCTimeout.format(deadline - .now)) }
    GRPCMetadata.add(metadata, to: &headers)
    let head = HTTPRequestHead(
      method: "POST", target: path, headers: headers, scheme: options.tls == nil ? "http" : "https",
      authority: authority, version: .http2)
    let stream = connection.prepare(head, endsWithHead: false)
    let call = GRPCClientCall(
      path: path, kind: kind, stream: stream, messagesSent: frames == nil ? 0 : 1, hasFinishedSending: frames != nil,
      began: began, options: options)
    if let deadline {
      // The stream, which tells of the deadline, must not keep the call.
      stream.begin(body: frames ?? [], ends: frames != nil, deadline: deadline) { [weak call] in call?.expire() }
    } else {
      stream.begin(body: frames ?? [], ends: frames != nil)
    }
    return call
  }

  // MARK: Connections

  /// A connection to one of the addresses, by `deadline`.
  private func connection(until deadline: ContinuousClock.Instant?) async throws(GRPCStatus) -> HTTP2ClientConnection {
    if let ready = readyConnection() { return ready }
    guard let deadline else { return try await connect() }
    // (Without typed throws in the closures: the optimizer of Swift 6.3.1 loses what they give.)
    let result = await withTaskGroup(of: Result<HTTP2ClientConnection, any Error>.self) { group in
      group.addTask {
        do { return .success(try await self.connect()) } catch { return .failure(error) }
      }
      group.addTask {
        do { try await Task.sleep(until: deadline, clock: .continuous) } catch {
          return .failure(GRPCStatus(.cancelled, "context canceled"))
        }
        return .failure(GRPCStatus(.deadlineExceeded, "context deadline exceeded while connecting"))
      }
      let first = await group.next()
      group.cancelAll()
      return first ?? .failure(GRPCStatus(.cancelled, "context canceled"))
    }
    do { return try result.get() } catch { throw GRPCStatus(of: error) }
  }

  /// A connection that is there already: the fast way.
  private func readyConnection() -> HTTP2ClientConnection? {
    state.withLock { state in
      // Who has addresses does not wait for newer ones.
      _ = lookup(&state)
      let count = state.subchannels.count
      for step in 0..<count {
        let index = options.balancing == .roundRobin ? (state.turn + step) % count : step
        let subchannel = state.subchannels[index]
        if let connection = subchannel.ready {
          if options.balancing == .roundRobin { state.turn = (index + 1) % count }
          return connection
        }
        // Whoever has its turn and no connection gets one for later.
        if options.balancing == .roundRobin { subchannel.prepare() }
      }
      return nil
    }
  }

  private func connect() async throws(GRPCStatus) -> HTTP2ClientConnection {
    try await resolve()
    do throws(GRPCStatus) {
      return try await connectToAny()
    } catch {
      // Perhaps the name stands for others by now; it is not asked more often than every second.
      guard await hasNewAddresses() else { throw error }
      return try await connectToAny()
    }
  }

  private func connectToAny() async throws(GRPCStatus) -> HTTP2ClientConnection {
    if let ready = readyConnection() { return ready }
    let subchannels = state.withLock { $0.isClosed ? [] : $0.subchannels }
    if options.balancing == .roundRobin { for subchannel in subchannels { subchannel.prepare() } }
    var failure = GRPCStatus(.unavailable, "no addresses for \(targetName)")
    for subchannel in subchannels {
      do throws(GRPCStatus) { return try await subchannel.connection() } catch { failure = error }
      if let ready = readyConnection() { return ready }
    }
    throw failure
  }

  // MARK: Names

  /// The lookup that goes on, or a new one where the last one is older than it may be.
  private func lookup(_ state: inout State, maxAgeMs: Int? = nil) -> Task<Void, any Error>? {
    guard case .name(let name) = target, let resolver = options.resolver, !state.isClosed else { return nil }
    if let lookup = state.lookup { return lookup }
    let maxAge = Duration.milliseconds(maxAgeMs ?? options.resolveIntervalMs)
    if let lookedUpAt = state.lookedUpAt, ContinuousClock.now - lookedUpAt < maxAge { return nil }
    let lookup = Task { try await self.update(name, resolver) }
    state.lookup = lookup
    return lookup
  }

  /// Waits for the first addresses. Known ones outlive a lookup that fails.
  private func resolve() async throws(GRPCStatus) {
    let (lookup, failure) = state.withLock { state in
      state.subchannels.isEmpty ? (self.lookup(&state, maxAgeMs: 1_000), state.lookupFailure) : (nil, nil)
    }
    guard let lookup else {
      if let failure { throw failure }
      return
    }
    do { try await lookup.value } catch {
      if let failure = state.withLock({ $0.subchannels.isEmpty ? $0.lookupFailure : nil }) { throw failure }
    }
  }

  /// Looks the name up again; whether it stands for something else now.
  private func hasNewAddresses() async -> Bool {
    let before = addresses
    guard let lookup = state.withLock({ lookup(&$0, maxAgeMs: 1_000) }) else { return false }
    do { try await lookup.value } catch { return false }
    return addresses != before
  }

  private func update(_ name: EndpointName, _ resolver: DNSResolver) async throws {
    do {
      var found: [PeerAddress] = []
      for address in try await name.addresses(by: resolver) {
        found += try await resolver.addresses(of: address.host).map { .tcp(host: $0, port: address.port) }
      }
      for subchannel in replaceAddresses(found) { subchannel.close() }
    } catch {
      state.withLock { state in
        state.lookup = nil
        state.lookedUpAt = .now
        state.lookupFailure = GRPCStatus(
          .unavailable, "name resolver error: produced zero addresses: \(error)")
      }
      throw error
    }
  }

  /// Keeps the subchannels of addresses that stay; gives those that left.
  private func replaceAddresses(_ addresses: [PeerAddress]) -> [GRPCSubchannel] {
    state.withLock { state in
      state.lookup = nil
      state.lookedUpAt = .now
      state.lookupFailure = nil
      guard !state.isClosed else { return [] }
      var known = Dictionary(state.subchannels.map { ($0.address, $0) }) { first, _ in first }
      var seen: Set<PeerAddress> = []
      state.subchannels = addresses.filter { seen.insert($0).inserted }.map { address in
        known.removeValue(forKey: address)
          ?? GRPCSubchannel(address: address, options: connectionOptions, backoff: options.backoff)
      }
      return Array(known.values)
    }
  }

  /// The addresses that are known now.
  public var addresses: [PeerAddress] { state.withLock { $0.subchannels.map(\.address) } }

  /// Takes no more calls; those that run go on.
  public func close() {
    let subchannels = state.withLock { state in
      state.isClosed = true
      return state.subchannels
    }
    for subchannel in subchannels { subchannel.close() }
  }
}

extension GRPCClientCall {
  /// Whether something of the answer came that a retry would repeat: an answer of trailers alone is none.
  var hasBegunAnswer: Bool { answerHead.map { $0["grpc-status"] == nil } ?? false }
}
