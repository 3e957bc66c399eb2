// From C's callbacks to handlers: one task a request.
internal import CTransport
import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
  let handler: any HTTPHandler
  /// Answers quick calls.
  let grpc: GRPCServer?
  let counters: TransportCounters
  let inFlight = Atomic<Int>(0)
  private let onHandlerError: (@Sendable (HTTPRequestHead, any Error) -> Void)?

  init(
    handler: any HTTPHandler, counters: TransportCounters,
    onHandlerError: (@Sendable (HTTPRequestHead, any Error) -> Void)?
  ) {
    self.handler = handler
    grpc = handler.grpcServer
    self.counters = counters
    self.onHandlerError = onHandlerError
  }

  /// Begins the task that answers a request.
  func begin(_ request: HTTPServerRequest, _ stream: StreamState) -> Task<Void, Never> {
    inFlight.wrappingAdd(1, ordering: .relaxed)
    return Task {
      await serve(request, stream)
      inFlight.wrappingSubtract(1, ordering: .relaxed)
    }
  }

  /// Answers one request, and ends it whatever the handler does.
  fileprivate func serve(_ request: HTTPServerRequest, _ stream: StreamState) async {
    do {
      try await handler.handle(request, HTTPServerResponse(stream: stream))
      if stream.hasSentEnd { return }
      stream.reset(http2Code: HTTP2Code.internalError)
    } catch {
      // Who has left is no error of the handler's.
      if stream.closeReason != nil { return }
      onHandlerError?(request.head, error)
      if stream.hasSentHead {
        if !stream.hasSentEnd { stream.reset(http2Code: HTTP2Code.internalError) }
      } else {
        _ = try? stream.sendWithoutWaiting(
          head: HTTPResponseHead(
            status: 500, headers: ["content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"]),
          body: Array("Internal Server Error\n".utf8), end: [:])
      }
    }
  }

  /// What C calls.
  var handlers: transport_connection_handlers {
    unsafe transport_connection_handlers(
      streams: transport_handlers(
        on_head: onHead, on_body: streamGotBody, on_end: streamGotEnd, on_wake: streamWoke, on_close: streamClosed,
        on_whole: grpc?.hasQuickMethods == true ? onWhole : nil, on_limit: nil, on_sent: streamSent, on_given_up: nil),
      on_connected: nil, on_disconnected: onDisconnected)
  }
}

/// A server on one of its loops: the context of C's callbacks.
final class ServerContext: Sendable {
  let core: ServerCore
  let loop: EventLoop

  init(core: ServerCore, loop: EventLoop) {
    self.core = core
    self.loop = loop
  }

  static func of(_ context: UnsafeMutableRawPointer) -> ServerContext {
    unsafe Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
  }
}

/// The peer of a connection, made for its first request.
func peer(of stream: OpaquePointer) -> PeerBox {
  guard let connection = unsafe transport_stream_connection(stream) else { return PeerBox(PeerInfo(address: "")) }
  if let user = unsafe transport_connection_user(connection) {
    return unsafe Unmanaged<PeerBox>.fromOpaque(user).takeUnretainedValue()
  }
  let raw = unsafe transport_connection_peer(connection)
  var peer = unsafe PeerInfo(
    address: raw.address.map { unsafe String(cString: $0) } ?? "", port: max(0, Int(raw.port)))
  if let version = unsafe raw.version, let cipher = unsafe raw.cipher {
    peer.tls = unsafe PeerInfo.TLS(
      version: String(cString: version), cipher: String(cString: cipher),
      organizations: subject(connection, "O"), organizationalUnits: subject(connection, "OU"),
      commonName: subject(connection, "CN").first ?? "")
  }
  let box = PeerBox(peer)
  unsafe transport_connection_set_user(connection, Unmanaged.passRetained(box).toOpaque())
  return box
}

/// The values of a part of the subject of the peer's certificate; at most 32 of at most 256 bytes.
private func subject(_ connection: OpaquePointer, _ part: String) -> [String] {
  var values: [String] = []
  while values.count < 32 {
    let value = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { room -> String? in
      let length = unsafe transport_connection_subject(
        connection, part, Int32(values.count), room.baseAddress, room.count)
      guard length >= 0 else { return nil }
      return unsafe String(decoding: UnsafeRawBufferPointer(room).prefix(Int(length)), as: UTF8.self)
    }
    guard let value else { break }
    values.append(value)
  }
  return values
}

// MARK: Callbacks, on the loop's thread

private let onHead:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<transport_head>?
  ) -> Void = { context, stream, _, raw in
    guard let context = unsafe context, let stream = unsafe stream, let raw = unsafe raw?.pointee else { return }
    let server = unsafe ServerContext.of(context)
    let head = unsafe HTTPRequestHead(
      method: raw.method.string, target: raw.target.string,
      headers: HTTPHeaders(raw.fields, count: raw.field_count), scheme: raw.scheme.string,
      authority: raw.authority.string, version: raw.version == 20 ? .http2 : raw.version == 10 ? .http1_0 : .http1_1)
    let state = StreamState(loop: server.loop)
    if head.headers.contains("expect") { state.expectsContinue() }
    unsafe state.attach(stream)
    let request = unsafe HTTPServerRequest(head: head, peer: peer(of: stream), stream: state)
    state.arrived(request, at: server.core)
  }

private let onWhole:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<transport_head>?,
    UnsafePointer<UInt8>?, Int, UnsafePointer<transport_field>?, Int
  ) -> Bool = { context, stream, _, head, body, length, trailers, count in
    guard let context = unsafe context, let stream = unsafe stream, let head = unsafe head,
      let grpc = unsafe ServerContext.of(context).core.grpc
    else { return false }
    return unsafe grpc.answersQuickly(WholeMessage(head, body, length, trailers, count), stream)
  }

private let onDisconnected:
  @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> Void = { _, _, user in
    guard let user = unsafe user else { return }
    unsafe Unmanaged<PeerBox>.fromOpaque(user).release()
  }
