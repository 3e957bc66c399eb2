// A server of HTTP/1.1 and HTTP/2 on any number of addresses: it finds out by the first bytes which of them a client speaks.
internal import CTransport
import Glibc
internal import Locking
import Synchronization

/// How a server serves.
public struct HTTPServerOptions: Sendable {
  /// The loops that it shares with others.
  public var loops: EventLoopGroup
  /// How far its clients may go.
  public var limits = TransportLimits()
  /// TLS, or nil for plain sockets.
  public var tls: TLSOptions?
  /// Told of what a handler throws.
  public var onHandlerError: (@Sendable (HTTPRequestHead, any Error) -> Void)?

  /// Plain sockets with the usual limits.
  public init(loops: EventLoopGroup) { self.loops = loops }
}

/// A server. It serves from `listen` until `shutdown`; who lets go of it without a shutdown leaves it serving.
public final class HTTPServer: Sendable {
  private struct State {
    var listeners: [Listener] = []
    var socketFiles: [String] = []
  }

  /// Touched on its loop alone.
  @safe private struct Listener: @unchecked Sendable {
    let handle: OpaquePointer
    let context: UnsafeMutableRawPointer
    let loop: EventLoop

    func close() { unsafe transport_listener_close(handle) }
    func shutdownConnections() { unsafe transport_loop_shutdown_connections(loop.handle, context) }

    /// The last use: nothing calls back with the context any more.
    func cutConnections() {
      unsafe transport_loop_cut_connections(loop.handle, context)
      unsafe Unmanaged<ServerContext>.fromOpaque(context).release()
    }
  }

  private let core: ServerCore
  private let options: HTTPServerOptions
  private let tls: TLSContext?
  private let state = Guarded(State())

  /// A server that answers by `handler`. Throws `.tls` where a file cannot be read.
  public init(handler: any HTTPHandler, options: HTTPServerOptions) throws(TransportError) {
    core = ServerCore(handler: handler, counters: try TransportCounters(), onHandlerError: options.onHandlerError)
    tls = if let tls = options.tls { try TLSContext(tls, isClient: false) } else { nil }
    self.options = options
  }

  /// What its connections have come to so far.
  public var counts: TransportCounts { core.counters.counts }
  /// Requests that are being answered now.
  public var requestsInFlight: Int { core.inFlight.load(ordering: .relaxed) }

  /// Begins to serve at `address` and returns it, with the port that was free where none was asked for. Throws `.io`.
  @discardableResult
  public func listen(on address: ListenAddress) async throws(TransportError) -> ListenAddress {
    let loops = options.loops.loops
    var bound = address
    var sockets: [Int32] = []
    // Sockets that share a port share it with other processes, too: whether it is free is seen by one that does not.
    if case .tcp(_, let port) = address, port > 0, loops.count > 1 {
      _ = close(try Self.bind(address, shares: false).socket)
    }
    do throws(TransportError) {
      for index in loops.indices {
        // A Unix socket has one listener; the others share the port that the first one got.
        if case .unix = address, index > 0 { break }
        let (socket, port) = try Self.bind(bound, shares: loops.count > 1)
        sockets.append(socket)
        if case .tcp(let host, _) = bound { bound = .tcp(host: host, port: port) }
      }
    } catch {
      for socket in sockets { _ = close(socket) }
      throw error
    }
    if case .unix(let path) = bound { state.withLock { $0.socketFiles.append(path) } }
    for (loop, socket) in zip(loops, sockets) {
      guard await listen(at: socket, isUnix: bound.isUnix, on: loop) else {
        throw TransportError(.io, "listening on \(address): the system refuses; is the address in use?")
      }
    }
    return bound
  }

  private static func bind(_ address: ListenAddress, shares: Bool) throws(TransportError) -> (socket: Int32, port: Int)
  {
    var error = [CChar](repeating: 0, count: 256)
    var port: Int32 = 0
    let socket: Int32
    switch address {
    case .tcp(let host, let wanted):
      socket = unsafe transport_bind(host, Int32(clamping: wanted), shares, &port, &error, error.count)
    case .unix(let path): socket = unsafe transport_bind(path, -1, false, &port, &error, error.count)
    }
    guard socket >= 0 else {
      let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw TransportError(.io, "listening on \(address): \(text)")
    }
    return (socket, Int(port))
  }

  private func listen(at socket: Int32, isUnix: Bool, on loop: EventLoop) async -> Bool {
    let limits = options.limits
    let core = self.core
    let tls = self.tls
    let listener: Listener? = await loop.run {
      var limits = limits.forC
      var handlers = core.handlers
      let context = unsafe Unmanaged.passRetained(ServerContext(core: core, loop: loop)).toOpaque()
      let handle = unsafe transport_listen(
        loop.handle, socket, isUnix, tls?.handle, &limits, &handlers, context, core.counters.handle)
      guard let handle = unsafe handle else {
        unsafe Unmanaged<ServerContext>.fromOpaque(context).release()
        return nil
      }
      return unsafe Listener(handle: handle, context: context, loop: loop)
    }
    guard let listener else { return false }
    state.withLock { $0.listeners.append(listener) }
    return true
  }

  /// Accepts no more, says GOAWAY, lets what runs finish for at most `graceMs` milliseconds, then cuts it.
  public func shutdown(graceMs: Int) async {
    let (listeners, files) = state.withLock { state in
      defer { state = State() }
      return (state.listeners, state.socketFiles)
    }
    for file in files { _ = unsafe unlink(file) }
    for listener in listeners {
      await listener.loop.run {
        listener.close()
        listener.shutdownConnections()
      }
    }
    let end = ContinuousClock.now + .milliseconds(max(0, graceMs))
    while core.counters.counts.open > 0 && ContinuousClock.now < end {
      try? await Task.sleep(for: .milliseconds(5))
    }
    for listener in listeners { await listener.loop.run { listener.cutConnections() } }
  }
}

extension ListenAddress {
  fileprivate var isUnix: Bool {
    if case .unix = self { true } else { false }
  }
}
