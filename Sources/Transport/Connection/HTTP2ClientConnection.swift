// A client's connection that speaks HTTP/2 from its first byte: what gRPC channels are made of.
internal import CTransport
internal import Locking
import Synchronization

/// Where a client connects to: no names, they have been looked up.
public enum PeerAddress: Sendable, Hashable, CustomStringConvertible {
  /// A numeric IPv4 or IPv6 address and a port.
  case tcp(host: String, port: Int)
  /// A socket in the file system.
  case unix(path: String)

  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}

/// How a client connects.
public struct HTTP2ClientOptions: Sendable {
  /// The loops that it shares with others.
  public var loops: EventLoopGroup
  /// How far the server may go; `handshakeTimeoutMs` holds for connecting, too.
  public var limits = TransportLimits()
  /// TLS, or nil for a plain socket.
  public var tls: TLSOptions?
  /// The head of unary calls, but for their targets.
  var unaryHead: PreparedFields?

  /// A plain socket with the usual limits.
  public init(loops: EventLoopGroup) { self.loops = loops }
}

/// A connection with any number of calls on it.
public final class HTTP2ClientConnection: Sendable {
  private let core: ClientCore
  /// Where it goes.
  public let address: PeerAddress

  private init(core: ClientCore, address: PeerAddress) {
    self.core = core
    self.address = address
  }

  deinit { core.shutdown() }

  /// Connects, with TLS where `options` say so. `onClosed` is called once when the connection has ended, on the loop's thread.
  /// Throws `.tls` for files that cannot be read, else `.unreachable`.
  public static func connect(
    to address: PeerAddress, options: HTTP2ClientOptions, onClosed: @escaping @Sendable () -> Void = {}
  ) async throws(TransportError) -> HTTP2ClientConnection {
    let tls: TLSContext? = if let tls = options.tls { try TLSContext(tls, isClient: true) } else { nil }
    let loop = options.loops.next
    let core = ClientCore(loop: loop, unaryHead: options.unaryHead, onClosed: onClosed)
    let limits = options.limits
    let error: String? = await withCheckedContinuation { continuation in
      core.connecting.withLock { $0 = continuation }
      loop.run {
        var limits = limits.forC
        var handlers = ClientCore.handlers
        let (host, port) =
          switch address {
          case .tcp(let host, let port): (host, port)
          case .unix(let path): (path, -1)
          }
        let context = unsafe Unmanaged.passRetained(core).toOpaque()
        let began = unsafe transport_connect(
          loop.handle, host, Int32(clamping: port), tls?.handle, &limits, &handlers, context, nil)
        if !began {
          unsafe Unmanaged<ClientCore>.fromOpaque(context).release()
          core.connected(error: "it is no numeric address")
        }
      }
    }
    if let error { throw TransportError(.unreachable, "connecting to \(address): \(error)") }
    return HTTP2ClientConnection(core: core, address: address)
  }

  /// Whether new calls may be made.
  public var isUsable: Bool { core.isUsable.load(ordering: .acquiring) }

  /// Makes a call: sends the head, the first bytes of its body, and its end if that is all. A connection that takes no call any more is
  /// told by the stream.
  public func call(_ head: HTTPRequestHead, body: [UInt8] = [], ends: Bool) -> HTTP2ClientStream {
    let stream = prepare(head, endsWithHead: ends && body.isEmpty)
    stream.begin(body: body, ends: ends)
    return stream
  }

  /// A call with one short message each way, where the connection was made for such.
  func unary(
    path: String, fields: HTTPHeaders, message: [UInt8], deadline: ContinuousClock.Instant?, answerBytesMax: Int
  ) -> UnaryCall? {
    guard core.unaryHead != nil else { return nil }
    return UnaryCall(
      path: path, fields: fields, message: message, deadline: deadline, answerBytesMax: answerBytesMax, connection: core
    )
  }

  /// A call that `begin` makes.
  func prepare(_ head: HTTPRequestHead, endsWithHead: Bool) -> HTTP2ClientStream {
    HTTP2ClientStream(
      StreamState(
        loop: core.loop, request: StreamState.Request(connection: core, head: head, endsWithHead: endsWithHead)))
  }

  /// Takes no more calls; those that run go on, then the connection ends.
  public func close() { core.shutdown() }
}

/// One call.
public struct HTTP2ClientStream: Sendable {
  private let state: StreamState

  init(_ state: StreamState) { self.state = state }

  /// Sends the head, the first bytes of the body, and its end if that is all. Nothing calls `onDeadline` after the stream's end.
  func begin(
    body: [UInt8], ends: Bool, deadline: ContinuousClock.Instant? = nil, onDeadline: (@Sendable () -> Void)? = nil
  ) {
    state.begin(body: body, ends: ends, deadline: deadline, onDeadline: onDeadline)
  }

  /// The answer's head where it is there already. Throws as `responseHead()` does.
  func takeHead() throws -> HTTPResponseHead? { try state.takeAnswer() }
  /// The next bytes of the body where they are there already, empty at the end. Throws as `nextBodyPart()` does.
  func takeBodyPart() throws -> [UInt8]? { try state.takeBodyPart() }
  /// Waits for the answer's head, or for bytes of its body.
  func waitForHead() async { await state.waitForAnswer() }
  /// Waits until `takeBodyPart()` has something to tell.
  func waitForBody() async { await state.waitForInput() }

  /// The answer's head. Throws `TransportError` where there will be none.
  public func responseHead() async throws -> HTTPResponseHead { try await state.answerHead() }
  /// The next bytes of the answer's body, or nil at its end.
  public func nextBodyPart() async throws -> [UInt8]? { try await state.nextBodyPart() }
  /// The fields after the body; complete once `nextBodyPart()` gave nil.
  public var trailers: HTTPHeaders { state.requestTrailers }
  /// Sends bytes of the request's body; suspends while too much waits.
  public func write(_ bytes: consuming [UInt8]) async throws { try await state.send(head: nil, body: bytes, end: nil) }
  /// Ends the request.
  public func finish() async throws { try await state.send(head: nil, body: [], end: [:]) }
  /// Ends the call at once: RST_STREAM CANCEL.
  public func cancel() { state.reset(http2Code: HTTP2Code.cancel) }
}

/// What C calls back: it lives as long as the connection.
@safe final class ClientCore: @unchecked Sendable {
  let loop: EventLoop
  let connecting = Guarded<CheckedContinuation<String?, Never>?>(nil)
  let isUsable = Atomic<Bool>(false)
  /// Kept until the connection's end.
  let unaryHead: PreparedFields?
  private let onClosed: @Sendable () -> Void
  /// Touched by the loop's thread alone.
  private var connection: OpaquePointer?

  init(loop: EventLoop, unaryHead: PreparedFields?, onClosed: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.unaryHead = unaryHead
    self.onClosed = onClosed
  }

  func connected(error: String?) {
    let continuation = connecting.withLock { continuation in
      defer { continuation = nil }
      return continuation
    }
    continuation?.resume(returning: error)
  }

  func attach(_ connection: OpaquePointer) {
    unsafe self.connection = connection
    isUsable.store(true, ordering: .releasing)
  }

  func disconnected() {
    unsafe connection = nil
    isUsable.store(false, ordering: .releasing)
    onClosed()
  }

  func shutdown() {
    isUsable.store(false, ordering: .releasing)
    loop.run {
      if let connection = unsafe self.connection { unsafe transport_connection_shutdown(connection) }
    }
  }

  /// A new stream with its head, on the loop's thread.
  func open(_ head: HTTPRequestHead, ends: Bool) -> OpaquePointer? {
    guard let connection = unsafe connection, let session = unsafe transport_connection_session(connection) else {
      return nil
    }
    var (method, scheme, authority, target) = (head.method, head.scheme, head.authority, head.target)
    let stream = method.withUTF8 { method in
      scheme.withUTF8 { scheme in
        authority.withUTF8 { authority in
          target.withUTF8 { target in
            unsafe head.headers.withFields { fields, count -> OpaquePointer? in
              var forC = unsafe transport_head(
                version: 20, status: 0, method: transport_text(UnsafeRawBufferPointer(method)),
                scheme: transport_text(UnsafeRawBufferPointer(scheme)),
                authority: transport_text(UnsafeRawBufferPointer(authority)),
                target: transport_text(UnsafeRawBufferPointer(target)), fields: fields, field_count: count)
              return unsafe transport_session_request(session, &forC, ends, nil)
            }
          }
        }
      }
    }
    if unsafe stream == nil { isUsable.store(false, ordering: .releasing) }
    return unsafe stream
  }

  /// A unary call's stream, with all that it sends, on the loop's thread.
  func open(_ call: UnaryCall) -> OpaquePointer? {
    guard let connection = unsafe connection, let session = unsafe transport_connection_session(connection),
      let head = unsafe unaryHead?.handle
    else { return nil }
    var path = call.path
    let stream = path.withUTF8 { path in
      unsafe call.message.withUnsafeBytes { message in
        unsafe withUnsafeBytes(of: GRPCFraming.prefix(message.count)) { prefix in
          unsafe call.fields.withFields { fields, count in
            unsafe transport_session_call(
              session, head, transport_text(UnsafeRawBufferPointer(path)), fields, count, transport_text(prefix),
              transport_text(message), Unmanaged.passUnretained(call).toOpaque())
          }
        }
      }
    }
    if unsafe stream == nil {
      isUsable.store(false, ordering: .releasing)
    } else {
      // Until the stream closes.
      _ = unsafe Unmanaged.passRetained(call)
    }
    return unsafe stream
  }

  /// What C calls.
  static var handlers: transport_connection_handlers {
    unsafe transport_connection_handlers(
      streams: transport_handlers(
        on_head: gotAnswer, on_body: streamGotBody, on_end: streamGotEnd, on_wake: streamWoke, on_close: streamClosed,
        on_whole: gotWholeAnswer, on_limit: nil, on_sent: streamSent, on_given_up: nil),
      on_connected: clientConnected, on_disconnected: clientDisconnected)
  }
}

private let gotAnswer:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<transport_head>?
  ) -> Void = { _, _, user, raw in
    guard let user = unsafe user, let head = unsafe raw?.pointee else { return }
    unsafe StreamUser.of(user).receivedAnswer(
      HTTPResponseHead(status: Int(head.status), headers: HTTPHeaders(head.fields, count: head.field_count)))
  }

private let gotWholeAnswer:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<transport_head>?,
    UnsafePointer<UInt8>?, Int, UnsafePointer<transport_field>?, Int
  ) -> Bool = { _, _, user, head, body, length, trailers, count in
    guard let user = unsafe user, let head = unsafe head else { return false }
    return unsafe StreamUser.of(user).receivedWhole(WholeMessage(head, body, length, trailers, count))
  }

private let clientConnected: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?) -> Void =
  {
    context, connection, error in
    guard let context = unsafe context else { return }
    if let error = unsafe error {
      let core = unsafe Unmanaged<ClientCore>.fromOpaque(context).takeRetainedValue()
      core.connected(error: unsafe String(cString: error))
      return
    }
    let core = unsafe Unmanaged<ClientCore>.fromOpaque(context).takeUnretainedValue()
    if let connection = unsafe connection { unsafe core.attach(connection) }
    core.connected(error: nil)
  }

private let clientDisconnected:
  @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> Void = { context, _, _ in
    guard let context = unsafe context else { return }
    let core = unsafe Unmanaged<ClientCore>.fromOpaque(context).takeRetainedValue()
    core.disconnected()
  }
