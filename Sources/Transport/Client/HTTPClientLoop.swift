// The thread that talks to servers for one client: libcurl's multi interface, which only this thread touches. Tasks leave
// orders and wake it.
//
//   tasks ──▶ orders (behind the lock) ──wake──▶ thread: orders, perform, what has ended, deadlines, poll ──▶ transfers
internal import Curl
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif
private import Locking
private import Synchronization

/// Runs transfers. Its thread starts with the first one.
@safe final class HTTPClientLoop: @unchecked Sendable {
  private enum Order {
    case start(HTTPTransfer)
    case stop(HTTPTransfer)
    case receive(HTTPTransfer)
    case send(HTTPTransfer)
  }

  @safe private struct Shared {
    var orders: [Order] = []
    var transferCount = 0
    var isRunning = false
    var isClosed = false
    /// libcurl's group, for waking the thread; nil while there is none.
    nonisolated(unsafe) var multi: UnsafeMutableRawPointer?
  }

  private let options: HTTPClientOptions
  private let shared = Guarded(Shared())
  // The thread's own, behind nothing.
  private var multi: UnsafeMutableRawPointer?
  private var transfers: [UnsafeMutableRawPointer: HTTPTransfer] = unsafe [:]

  init(_ options: HTTPClientOptions) { self.options = options }

  // MARK: For tasks

  /// Starts `transfer`. Throws `.limit` where too many are under way, `.cancelled` once the loop is closed.
  func start(_ transfer: HTTPTransfer) throws(TransportError) {
    let failure = shared.withLock { shared -> TransportError? in
      if shared.isClosed { return TransportError(.cancelled, "\(transfer.request.url): the client is shut down") }
      guard shared.transferCount < options.requestCountMax else {
        return TransportError(
          .limit, "\(transfer.request.url): \(options.requestCountMax) requests are under way, which is the limit")
      }
      if !shared.isRunning {
        guard startThread() else { return TransportError(.io, "no thread for a client of HTTP") }
        shared.isRunning = true
      }
      shared.transferCount += 1
      order(.start(transfer), &shared)
      return nil
    }
    if let failure { throw failure }
  }

  /// Ends `transfer` wherever it is.
  func cancel(_ transfer: HTTPTransfer) {
    transfer.fail(TransportError(.cancelled, "\(transfer.request.method) \(transfer.request.url): cancelled"))
    shared.withLock { order(.stop(transfer), &$0) }
  }

  /// The reader of `transfer` has room again.
  func goOnReceiving(_ transfer: HTTPTransfer) { shared.withLock { order(.receive(transfer), &$0) } }

  /// The writer of `transfer` has more.
  func goOnSending(_ transfer: HTTPTransfer) { shared.withLock { order(.send(transfer), &$0) } }

  /// Ends everything that is under way and the thread.
  func close() {
    shared.withLock { shared in
      shared.isClosed = true
      if let multi = unsafe shared.multi { unsafe curl_multi_wakeup(multi) }
    }
  }

  private func order(_ order: Order, _ shared: inout Shared) {
    shared.orders.append(order)
    if let multi = unsafe shared.multi { unsafe curl_multi_wakeup(multi) }
  }

  // MARK: The thread

  private func startThread() -> Bool {
    _ = Self.prepared
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let code = unsafe pthread_create(
      &thread, nil,
      { context in
        guard let context = unsafe context else { return nil }
        unsafe Unmanaged<HTTPClientLoop>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, context)
    guard code == 0 else {
      unsafe Unmanaged<HTTPClientLoop>.fromOpaque(context).release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  private static let prepared: Bool = apus_curl_global_init() == CURLE_OK

  private func run() {
    var idleSinceNs = nowNs()
    while true {
      let (orders, isClosed) = shared.withLock { shared in
        defer { shared.orders = [] }
        return (shared.orders, shared.isClosed)
      }
      for order in orders { carryOut(order) }
      if isClosed { break }
      if let multi = unsafe multi {
        var running: Int32 = 0
        unsafe curl_multi_perform(multi, &running)
        unsafe finishEnded(multi)
      }
      var waitMs = checkDeadlines()
      if unsafe transfers.isEmpty {
        // Kept connections are closed once nobody has needed one for long enough.
        let restMs =
          options.idleTimeoutMs > 0 ? options.idleTimeoutMs - Int((nowNs() - idleSinceNs) / 1_000_000) : waitMs
        if restMs <= 0 { dropConnections() } else { waitMs = min(waitMs, restMs) }
      } else {
        idleSinceNs = nowNs()
      }
      guard let group = unsafe currentGroup() else { break }
      unsafe curl_multi_poll(group, nil, 0, Int32(clamping: waitMs), nil)
    }
    end()
  }

  /// The group, made where there is none.
  private func currentGroup() -> UnsafeMutableRawPointer? {
    if let multi = unsafe multi { return unsafe multi }
    guard let new = unsafe curl_multi_init() else { return nil }
    unsafe apus_curl_multi_set_long(new, CURLMOPT_MAXCONNECTS, max(1, options.idleConnectionCountMax))
    // How many streams a connection has is the server's to say.
    unsafe apus_curl_multi_set_long(new, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000)
    if options.hostConnectionCountMax > 0 {
      unsafe apus_curl_multi_set_long(new, CURLMOPT_MAX_HOST_CONNECTIONS, options.hostConnectionCountMax)
    }
    unsafe multi = new
    // Orders left before it was there waked nobody.
    shared.withLock { shared in
      unsafe shared.multi = new
      if !shared.orders.isEmpty || shared.isClosed { unsafe curl_multi_wakeup(new) }
    }
    return unsafe new
  }

  private func dropConnections() {
    guard let old = unsafe multi else { return }
    shared.withLock { unsafe $0.multi = nil }
    unsafe multi = nil
    unsafe curl_multi_cleanup(old)
  }

  private func carryOut(_ order: Order) {
    switch order {
    case .start(let transfer):
      if transfer.hasFailed { return count(-1) }
      transfer.loopFollowsRedirects = options.followsRedirects
      do throws(TransportError) {
        let handle = try CurlHandle(transfer, options)
        guard let group = unsafe currentGroup() else { throw TransportError(.io, "no memory for a request") }
        transfer.loopHandle = handle
        unsafe transfers[handle.easy] = transfer
        unsafe curl_multi_add_handle(group, handle.easy)
      } catch {
        transfer.fail(error)
        count(-1)
      }
    case .stop(let transfer):
      remove(transfer)
    case .receive(let transfer):
      guard let handle = transfer.loopHandle, transfer.loopIsReceivePaused else { return }
      transfer.loopIsReceivePaused = false
      unsafe curl_easy_pause(handle.easy, transfer.loopIsSendPaused ? CURLPAUSE_SEND : 0)
    case .send(let transfer):
      guard let handle = transfer.loopHandle, transfer.loopIsSendPaused else { return }
      transfer.loopIsSendPaused = false
      unsafe curl_easy_pause(handle.easy, transfer.loopIsReceivePaused ? CURLPAUSE_RECV : 0)
    }
  }

  private func count(_ change: Int) { shared.withLock { $0.transferCount += change } }

  private func remove(_ transfer: HTTPTransfer, hasEnded: Bool = false) {
    guard let handle = transfer.loopHandle else { return }
    transfer.loopHandle = nil
    if !hasEnded {
      // libcurl 7.88 keeps the RST_STREAM of HTTP/2 to itself until the connection is used again. So a connection that
      // serves nobody else is closed with the transfer, and the server learns at once that nobody waits for it.
      unsafe apus_curl_set_long(handle.easy, CURLOPT_FORBID_REUSE, 1)
    }
    unsafe transfers[handle.easy] = nil
    if let multi = unsafe multi { unsafe curl_multi_remove_handle(multi, handle.easy) }
    count(-1)
  }

  private func finishEnded(_ multi: UnsafeMutableRawPointer) {
    var left: Int32 = 0
    while let message = unsafe curl_multi_info_read(multi, &left) {
      guard unsafe message.pointee.msg == CURLMSG_DONE, let easy = unsafe message.pointee.easy_handle else { continue }
      let code = unsafe message.pointee.data.result
      guard let transfer = unsafe transfers[easy], let handle = transfer.loopHandle else { continue }
      if code == CURLE_OK {
        transfer.giveHead(url: handle.url)
        remove(transfer, hasEnded: true)
        transfer.complete()
      } else {
        let failure = handle.failure(code, transfer.request, options)
        remove(transfer, hasEnded: true)
        transfer.fail(failure)
      }
    }
  }

  /// Ends transfers that failed or whose answer is late; how long to wait at most, milliseconds.
  private func checkDeadlines() -> Int {
    let limitMs = options.responseHeaderTimeoutMs
    guard limitMs > 0 else { return 1_000_000 }
    let now = nowNs()
    var waitMs = 1_000_000
    for transfer in unsafe Array(transfers.values) where !transfer.loopHasHead {
      guard let handle = transfer.loopHandle else { continue }
      if transfer.loopSentNs == nil {
        let hasBody = if case .none = transfer.request.body { false } else { true }
        if handle.hasConnected, !hasBody || transfer.loopHasSentBody { transfer.loopSentNs = now }
      }
      guard let sentNs = transfer.loopSentNs else { continue }
      let restMs = limitMs - Int((now - sentNs) / 1_000_000)
      if restMs > 0 {
        waitMs = min(waitMs, restMs)
      } else {
        remove(transfer)
        transfer.fail(
          TransportError(.timeout, "\(transfer.request.method) \(transfer.request.url): no answer within \(limitMs) ms")
        )
      }
    }
    return waitMs
  }

  private func end() {
    for transfer in unsafe Array(transfers.values) {
      remove(transfer)
      transfer.fail(TransportError(.cancelled, "\(transfer.request.url): the client is shut down"))
    }
    dropConnections()
    let orders = shared.withLock { shared in
      shared.isClosed = true
      defer { shared.orders = [] }
      return shared.orders
    }
    for case .start(let transfer) in orders {
      transfer.fail(TransportError(.cancelled, "\(transfer.request.url): the client is shut down"))
    }
  }

  private func nowNs() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
