// The thread that c-ares lives on: it waits for answers of name servers and for orders.
internal import CAres
import Glibc
internal import Locking
import Synchronization

/// A channel of c-ares, on the thread that it belongs to.
@safe struct ResolverChannel {
  let handle: OpaquePointer
}

/// Owns the channel of c-ares, which one thread alone touches.
@safe final class ResolverCore: @unchecked Sendable {
  private struct Order: Sendable {
    let body: @Sendable (ResolverChannel) -> Void
    let orElse: @Sendable () -> Void
  }

  private struct Orders: ~Copyable {
    var waiting: [Order] = []
    var isStopped = false
  }

  /// A channel that nobody uses is made anew after so many seconds, so that changes of /etc/resolv.conf are seen.
  private static let channelAgeMaxSeconds = 30

  private let options: DNSResolverOptions
  private let orders = Guarded(Orders())
  /// A pipe that wakes the thread: its reading and its writing end.
  private let pipeEnds: (reads: CInt, writes: CInt)
  // Touched by the thread alone.
  private var channel: OpaquePointer?
  private var channelMadeAt = ContinuousClock.now

  init(_ options: DNSResolverOptions) throws(TransportError) {
    self.options = options
    var ends: [CInt] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else {
      throw TransportError(.io, "starting a resolver: the system gives no descriptors")
    }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    pipeEnds = (ends[0], ends[1])
    _ = ares_library_init(ARES_LIB_INIT_ALL)
    try makeChannel()
  }

  deinit {
    if let channel = unsafe channel { unsafe ares_destroy(channel) }
    _ = close(pipeEnds.reads)
    _ = close(pipeEnds.writes)
  }

  private func makeChannel() throws(TransportError) {
    var made: OpaquePointer?
    let status = unsafe apus_ares_channel(
      &made, CInt(clamping: max(1, options.timeoutMs)), CInt(clamping: max(1, options.tries)))
    guard status == ARES_SUCCESS, let made = unsafe made else {
      throw TransportError(.io, "starting a resolver: \(unsafe String(cString: ares_strerror(status)))")
    }
    if !options.servers.isEmpty {
      let status = unsafe ares_set_servers_ports_csv(made, options.servers.joined(separator: ","))
      guard status == ARES_SUCCESS else {
        unsafe ares_destroy(made)
        throw TransportError(.argument, "starting a resolver: no name servers \(options.servers)")
      }
    }
    if let old = unsafe channel { unsafe ares_destroy(old) }
    unsafe channel = made
    channelMadeAt = .now
  }

  /// Starts the thread, which keeps this object until `stop()`.
  func start() throws(TransportError) {
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let status = unsafe pthread_create(&thread, nil, resolverThread, context)
    guard status == 0 else {
      unsafe Unmanaged<ResolverCore>.fromOpaque(context).release()
      throw TransportError(.io, "starting a resolver: the system gives no thread")
    }
    pthread_detach(thread)
  }

  /// Ends the thread; who still waits for an answer is told.
  func stop() {
    orders.withLock { $0.isStopped = true }
    wake()
  }

  /// Runs `body` on the thread, or `orElse` where it has ended.
  func run(_ body: @escaping @Sendable (ResolverChannel) -> Void, orElse: @escaping @Sendable () -> Void) {
    let order = Order(body: body, orElse: orElse)
    let isTaken = orders.withLock { orders in
      guard !orders.isStopped else { return false }
      orders.waiting.append(order)
      return true
    }
    if isTaken { wake() } else { orElse() }
  }

  private func wake() {
    // A pipe that is full wakes as well.
    var byte: UInt8 = 0
    _ = unsafe write(pipeEnds.writes, &byte, 1)
  }

  /// The life of the thread.
  fileprivate func live() {
    while true {
      let (orders, isStopped) = self.orders.withLock { orders in
        let waiting = orders.waiting
        orders.waiting = []
        return (waiting, orders.isStopped)
      }
      if isStopped {
        for order in orders { order.orElse() }
        // Those who wait are told by their callbacks.
        if let channel = unsafe channel { unsafe ares_destroy(channel) }
        unsafe channel = nil
        return
      }
      if !orders.isEmpty { renewIfIdle() }
      for order in orders {
        if let channel = unsafe channel { order.body(unsafe ResolverChannel(handle: channel)) } else { order.orElse() }
      }
      waitAndProcess()
    }
  }

  private func renewIfIdle() {
    guard let channel = unsafe channel, ContinuousClock.now - channelMadeAt > .seconds(Self.channelAgeMaxSeconds) else {
      return
    }
    // Where c-ares waits for nothing, it takes what it may.
    guard unsafe apus_ares_wait_ms(channel, 3_600) == 3_600_000 else { return }
    // The old channel goes on where a new one cannot be made.
    do { try makeChannel() } catch {}
  }

  private func waitAndProcess() {
    guard let channel = unsafe channel else { return }
    var sockets = [ares_socket_t](repeating: -1, count: Int(apus_ares_sockets_max))
    let bits = unsafe ares_getsock(channel, &sockets, CInt(sockets.count))
    var descriptors = [pollfd(fd: pipeEnds.reads, events: Int16(POLLIN), revents: 0)]
    for (index, socket) in sockets.enumerated() {
      var events: Int32 = 0
      if apus_ares_is_readable(bits, CInt(index)) != 0 { events |= POLLIN }
      if apus_ares_is_writable(bits, CInt(index)) != 0 { events |= POLLOUT }
      if events != 0 { descriptors.append(pollfd(fd: socket, events: Int16(events), revents: 0)) }
    }
    let timeoutMs = unsafe apus_ares_wait_ms(channel, 60) + 1
    _ = unsafe poll(&descriptors, nfds_t(descriptors.count), timeoutMs)
    if descriptors[0].revents != 0 {
      var bytes = [UInt8](repeating: 0, count: 64)
      while unsafe read(pipeEnds.reads, &bytes, bytes.count) == bytes.count {}
    }
    for descriptor in descriptors.dropFirst() where descriptor.revents != 0 {
      let failed = Int32(descriptor.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0
      let reads = failed || Int32(descriptor.revents) & POLLIN != 0
      let writes = failed || Int32(descriptor.revents) & POLLOUT != 0
      unsafe ares_process_fd(channel, reads ? descriptor.fd : -1, writes ? descriptor.fd : -1)
    }
    // What has timed out.
    unsafe ares_process_fd(channel, -1, -1)
  }
}

private let resolverThread: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
  guard let context = unsafe context else { return nil }
  unsafe Unmanaged<ResolverCore>.fromOpaque(context).takeRetainedValue().live()
  return nil
}
