// What a stream's two threads share: the loop's, which has the C stream, and those of tasks, which read and write.
internal import CTransport
internal import Locking
import Synchronization

/// One stream of a connection, server's or client's side: what came and was not read, what is to be sent, and who waits.
@safe final class StreamState: StreamUser, HTTPServerStream, @unchecked Sendable {
  /// Above so much that waits to be sent a writer is suspended …
  static let pendingHigh = 256 << 10
  /// … until so much is left.
  static let pendingLow = 128 << 10
  /// Credit is given back in portions of at least this.
  private static let creditPortion = 128 << 10
  /// A reader that took so much before gets room for as much again, up to this.
  private static let inputReserve = 256 << 10
  /// Up to so many bytes are copied on their way to C; more are shown to it where they lie.
  private static let copiedBytes = 4096

  /// What the loop is to do, in this order.
  private struct Orders {
    var head: HTTPResponseHead?
    var length = -1
    /// Nothing follows the head.
    var endsWithHead = false
    var body: [UInt8] = []
    /// What was written after `body`.
    var more: [[UInt8]] = []
    var end: HTTPHeaders?
    var taken = 0
    var wantsContinue = false
    var resetCode: UInt32?
    /// When `onDeadline` is to be called.
    var deadline: ContinuousClock.Instant?

    mutating func append(_ bytes: [UInt8]) {
      if body.isEmpty { body = bytes } else { more.append(bytes) }
    }
  }

  private typealias Continuation = UnsafeContinuation<Void, Never>

  @safe private struct Shared {
    var input: [UInt8] = []
    var lastTaken = 0
    var hasInputEnded = false
    var trailers = HTTPHeaders()
    var answer: HTTPResponseHead?
    var reader: Continuation?
    var writers = unsafe [Continuation]()
    var pending = 0
    var orders = Orders()
    var isPosted = false
    var hasHead = false
    var hasEnd = false
    var closed: TransportError?
    var isDone = false
    /// Works for the stream and is cancelled with it.
    var task: Task<Void, Never>?
    var onDeadline: (@Sendable () -> Void)?
  }

  /// A client's request before it reaches the loop.
  struct Request: Sendable {
    let connection: ClientCore
    let head: HTTPRequestHead
    let endsWithHead: Bool
  }

  /// A server's request and who answers it, until the task for it has begun; touched by the loop's thread alone.
  private var arrival: (core: ServerCore, request: HTTPServerRequest)?
  private let shared = Guarded(Shared())
  private let loop: EventLoop
  /// The C stream; touched by the loop's thread alone, nil once it has closed.
  private var stream: OpaquePointer?
  /// Counts down to the deadline; touched by the loop's thread alone.
  private var timer: OpaquePointer?
  /// Makes a client's stream when the first order reaches the loop.
  private let request: Request?

  /// A stream on `loop`; a client's with its request.
  init(loop: EventLoop, request: Request? = nil) {
    self.loop = loop
    self.request = request
  }

  // MARK: On the loop's thread

  /// Becomes the user of a C stream, which keeps it until it closes.
  func attach(_ stream: OpaquePointer) {
    unsafe self.stream = stream
    unsafe transport_stream_set_user(stream, Unmanaged.passRetained(self).toOpaque())
  }

  /// The next wake begins the task that answers the request, so that all that came with its head is there; whoever leaves before begins
  /// none.
  func arrived(_ request: HTTPServerRequest, at core: ServerCore) { arrival = (core, request) }

  override func received(_ bytes: UnsafeBufferPointer<UInt8>) {
    shared.withLock { state in
      if state.input.isEmpty && state.lastTaken > bytes.count {
        state.input.reserveCapacity(min(state.lastTaken, Self.inputReserve))
      }
      unsafe state.input.append(contentsOf: bytes)
    }
  }

  override func receivedAnswer(_ head: HTTPResponseHead) { shared.withLock { $0.answer = head } }

  override func receivedEnd(_ trailers: HTTPHeaders) {
    shared.withLock {
      $0.hasInputEnded = true
      $0.trailers = trailers
    }
  }

  /// All of a batch is there: begins the work, or lets the reader look at what came.
  override func woke() {
    guard let (core, request) = arrival else { return wake() }
    arrival = nil
    let task = core.begin(request, self)
    shared.withLock { state in
      if !state.isDone && state.closed == nil { state.task = task }
    }
  }

  /// Lets the reader look at what came.
  func wake() {
    let reader = unsafe shared.withLock { state in
      defer { unsafe state.reader = nil }
      return unsafe state.reader
    }
    unsafe reader?.resume()
  }

  /// The C stream is gone.
  override func closed(_ error: TransportError?) {
    unsafe stream = nil
    arrival = nil
    stopTimer()
    let (reader, writers, task) = unsafe shared.withLock { state in
      if let error { state.closed = error } else { state.isDone = true }
      defer {
        unsafe state.reader = nil
        unsafe state.writers = []
        state.task = nil
        state.onDeadline = nil
      }
      return unsafe (state.reader, state.writers, state.task)
    }
    unsafe reader?.resume()
    for index in unsafe writers.indices { unsafe writers[index].resume() }
    if error != nil { task?.cancel() }
  }

  /// Does what was ordered.
  private func work() {
    let (orders, isClosed) = shared.withLock { state in
      var orders = Orders()
      swap(&orders, &state.orders)
      state.isPosted = false
      return (orders, state.closed != nil || state.isDone)
    }
    if unsafe stream == nil, let request, !isClosed {
      if let made = unsafe request.connection.open(request.head, ends: request.endsWithHead) {
        unsafe attach(made)
      } else {
        closed(TransportError(.closed, "the connection takes no more streams"))
      }
    }
    guard let stream = unsafe stream else { return }
    let connection = unsafe transport_stream_connection(stream)
    if orders.taken > 0 { unsafe transport_stream_consume(stream, orders.taken) }
    if orders.wantsContinue { unsafe transport_stream_continue(stream) }
    if let deadline = orders.deadline { startTimer(deadline) }
    unsafe send(orders, on: stream)
    if let code = orders.resetCode, let stream = unsafe self.stream { unsafe transport_stream_reset(stream, code) }
    if let connection = unsafe connection { unsafe transport_connection_flush(connection) }
  }

  private func send(_ orders: Orders, on stream: OpaquePointer) {
    if let head = orders.head {
      let result = unsafe head.headers.withFields {
        unsafe transport_stream_respond(
          stream, Int32(clamping: head.status), $0, $1, Int64(orders.length), orders.endsWithHead)
      }
      if result != 0 { unsafe transport_stream_reset(stream, HTTP2Code.internalError) }
    }
    // A reset of HTTP/1.1 ends the stream at once: what was to follow is dropped.
    if unsafe !orders.body.isEmpty && self.stream != nil { unsafe Self.write(orders.body, stream) }
    for bytes in orders.more where unsafe self.stream != nil { unsafe Self.write(bytes, stream) }
    if let trailers = orders.end, unsafe self.stream != nil {
      _ = unsafe trailers.withFields { unsafe transport_stream_end(stream, $0, $1) }
    }
  }

  /// Where bytes cannot be kept the stream ends, which its writer is told.
  private static func write(_ bytes: [UInt8], _ stream: OpaquePointer) {
    let result: Int32
    if bytes.count <= copiedBytes {
      result = unsafe bytes.withUnsafeBufferPointer { buffer in
        unsafe transport_stream_write_copy(stream, buffer.baseAddress, buffer.count)
      }
    } else {
      result = unsafe OutgoingBytes(bytes).give { start, count, context in
        unsafe transport_stream_write(stream, start, count, OutgoingBytes.release, context)
      }
    }
    if result != 0 { unsafe transport_stream_reset(stream, HTTP2Code.internalError) }
  }

  private func startTimer(_ deadline: ContinuousClock.Instant) {
    stopTimer()
    unsafe timer = unsafe loop.startTimer(deadline, Unmanaged.passUnretained(self).toOpaque()) { context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<StreamState>.fromOpaque(context).takeUnretainedValue().reachedDeadline()
    }
  }

  /// The C stream, which keeps this object, stops the timer when it closes.
  private func stopTimer() {
    guard let timer = unsafe timer else { return }
    unsafe transport_timer_stop(timer)
    unsafe self.timer = nil
  }

  private func reachedDeadline() {
    unsafe timer = nil
    let body = shared.withLock { state in
      defer { state.onDeadline = nil }
      return state.onDeadline
    }
    body?()
  }

  /// So many bytes are sent, or given up.
  override func sent(_ count: Int) {
    let writers = unsafe shared.withLock { state in
      state.pending -= count
      guard state.pending <= Self.pendingLow, unsafe !state.writers.isEmpty else {
        return unsafe [Continuation]()
      }
      defer { unsafe state.writers = [] }
      return unsafe state.writers
    }
    for index in unsafe writers.indices { unsafe writers[index].resume() }
  }

  // MARK: On any thread

  private func post() {
    unsafe loop.post(Unmanaged.passRetained(self).toOpaque()) { context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<StreamState>.fromOpaque(context).takeRetainedValue().work()
    }
  }

  /// A piece of what the peer sent, or nil at its end.
  func nextBodyPart() async throws -> [UInt8]? {
    // What is there already is had without waiting.
    if let part = try takeBodyPart() { return part.isEmpty ? nil : part }
    return try await awaitPart()
  }

  private func awaitPart() async throws -> [UInt8]? {
    while true {
      await waitForInput()
      if let part = try takeBodyPart() { return part.isEmpty ? nil : part }
    }
  }

  /// Waits until there is input, its end, or the stream's; or until the task is cancelled.
  func waitForInput() async {
    await withTaskCancellationHandler {
      await unsafe withUnsafeContinuation { (continuation: Continuation) in
        unsafe waitAsReader(continuation) { !$0.input.isEmpty || $0.hasInputEnded }
      }
    } onCancel: {
      wake()
    }
  }

  /// The answer's head, once it is there. For clients.
  func answerHead() async throws -> HTTPResponseHead {
    while true {
      if let head = try takeAnswer() { return head }
      await waitForAnswer()
    }
  }

  /// Waits until there is an answer's head, or the stream's end; or until the task is cancelled.
  func waitForAnswer() async {
    await withTaskCancellationHandler {
      await unsafe withUnsafeContinuation { (continuation: Continuation) in
        unsafe waitAsReader(continuation) { $0.answer != nil }
      }
    } onCancel: {
      wake()
    }
  }

  @inline(never) func takeAnswer() throws -> HTTPResponseHead? {
    try shared.withLock { state throws -> HTTPResponseHead? in
      if let answer = state.answer { return answer }
      if let closed = state.closed { throw closed }
      if state.isDone { throw TransportError(.malformed, "waiting for an answer: the stream ended without one") }
      if Task.isCancelled { throw CancellationError() }
      return nil
    }
  }

  /// What came so far; empty at the end, nil where there is nothing yet.
  @inline(never) func takeBodyPart() throws -> [UInt8]? {
    let (part, mustPost) = try shared.withLock { state throws -> ([UInt8]?, Bool) in
      if !state.input.isEmpty {
        var part: [UInt8] = []
        swap(&part, &state.input)
        state.lastTaken = part.count
        state.orders.taken += part.count
        guard state.orders.taken >= Self.creditPortion, !state.isPosted, !state.hasInputEnded, state.closed == nil
        else { return (part, false) }
        state.isPosted = true
        return (part, true)
      }
      if state.hasInputEnded { return ([], false) }
      if let closed = state.closed { throw closed }
      if state.isDone { return ([], false) }
      if Task.isCancelled { throw CancellationError() }
      return (nil, false)
    }
    if mustPost { post() }
    return part
  }

  /// Keeps the reader until it is woken; resumes it at once where it need not wait.
  private func waitAsReader(_ continuation: Continuation, until isThere: (Shared) -> Bool) {
    let (waits, mustPost) = shared.withLock { state in
      guard !isThere(state), state.closed == nil, !state.isDone, !Task.isCancelled, unsafe state.reader == nil else {
        return (false, false)
      }
      unsafe state.reader = unsafe continuation
      guard state.orders.wantsContinue, !state.isPosted else { return (true, false) }
      state.isPosted = true
      return (true, true)
    }
    if mustPost { post() }
    if !waits { unsafe continuation.resume() }
  }

  /// The client waits to be told that its body is wanted: whoever reads tells it.
  func expectsContinue() { shared.withLock { $0.orders.wantsContinue = true } }

  /// The fields after the peer's body.
  var requestTrailers: HTTPHeaders { shared.withLock { $0.trailers } }

  /// Why the stream ended, or nil.
  var closeReason: TransportError? { shared.withLock { $0.closed } }

  /// Whether an answer's head was sent.
  var hasSentHead: Bool { shared.withLock { $0.hasHead } }
  /// Whether our side's end was sent.
  var hasSentEnd: Bool { shared.withLock { $0.hasEnd } }

  /// A client's request goes out, with its body as far as it is given.
  func begin(
    body: [UInt8], ends: Bool, deadline: ContinuousClock.Instant? = nil, onDeadline: (@Sendable () -> Void)? = nil
  ) {
    shared.withLock { state in
      state.orders.deadline = deadline
      state.onDeadline = onDeadline
      state.hasHead = true
      state.hasEnd = ends
      state.isPosted = true
      guard !body.isEmpty else { return }
      state.pending += body.count
      state.orders.append(body)
      if ends { state.orders.end = [:] }
    }
    post()
  }

  /// Hands over what is to be sent; suspends while too much waits.
  func send(head: HTTPResponseHead?, body: consuming [UInt8], end: HTTPHeaders?) async throws {
    if try order(head, body, end) { try await waitForRoom() }
  }

  /// Whether the writer must wait then.
  @inline(never) private func order(_ head: HTTPResponseHead?, _ body: [UInt8], _ end: HTTPHeaders?) throws -> Bool {
    let (mustPost, mustWait) = try shared.withLock { state throws in
      if let closed = state.closed { throw closed }
      if state.isDone || state.hasEnd {
        throw TransportError(.argument, "sending: our side of the stream has ended already")
      }
      if let head {
        guard !state.hasHead else { throw TransportError(.argument, "sending an answer: it has a head already") }
        state.hasHead = true
        let isWhole = end?.isEmpty ?? false
        state.orders.head = head
        state.orders.length = isWhole ? body.count : -1
        state.orders.endsWithHead = isWhole && body.isEmpty
      }
      guard state.hasHead else { throw TransportError(.argument, "sending an answer: its head must come first") }
      if !body.isEmpty {
        state.pending += body.count
        state.orders.append(body)
      }
      if let end {
        if !(head != nil && state.orders.endsWithHead) { state.orders.end = end }
        state.hasEnd = true
      }
      let mustPost = !state.isPosted
      state.isPosted = true
      return (mustPost, end == nil && state.pending > Self.pendingHigh)
    }
    if mustPost { post() }
    return mustWait
  }

  func sendWithoutWaiting(head: HTTPResponseHead?, body: [UInt8], end: HTTPHeaders?) throws -> Bool {
    _ = try order(head, body, end)
    return true
  }

  var hasRoom: Bool { shared.withLock { $0.pending <= Self.pendingHigh } }

  func waitForRoom() async throws {
    await withTaskCancellationHandler {
      await unsafe withUnsafeContinuation { (continuation: Continuation) in
        let waits = shared.withLock { state in
          guard state.pending > Self.pendingLow, state.closed == nil, !state.isDone, !Task.isCancelled else {
            return false
          }
          unsafe state.writers.append(continuation)
          return true
        }
        if !waits { unsafe continuation.resume() }
      }
    } onCancel: {
      wakeWriters()
    }
    if let closed = closeReason { throw closed }
    try Task.checkCancellation()
  }

  private func wakeWriters() {
    let writers = unsafe shared.withLock { state in
      defer { unsafe state.writers = [] }
      return unsafe state.writers
    }
    for index in unsafe writers.indices { unsafe writers[index].resume() }
  }

  /// Cancels the task that works for the stream.
  func cancelTask() { shared.withLock { $0.task }?.cancel() }

  func callAtDeadline(_ deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> Bool {
    let mustPost = shared.withLock { state in
      guard state.closed == nil, !state.isDone else { return false }
      state.onDeadline = body
      state.orders.deadline = deadline
      defer { state.isPosted = true }
      return !state.isPosted
    }
    if mustPost { post() }
    return true
  }

  /// Ends the stream at once.
  func reset(http2Code: UInt32) {
    let mustPost = shared.withLock { state in
      guard state.closed == nil, !state.isDone else { return false }
      state.orders.resetCode = http2Code
      defer { state.isPosted = true }
      return !state.isPosted
    }
    if mustPost { post() }
  }
}

/// Codes of RST_STREAM and GOAWAY (RFC 9113, 7).
public enum HTTP2Code {
  /// All is well.
  public static let noError: UInt32 = 0
  /// Something went wrong here.
  public static let internalError: UInt32 = 2
  /// The request was not looked at.
  public static let refusedStream: UInt32 = 7
  /// The stream is not wanted any more.
  public static let cancel: UInt32 = 8
  /// The peer does too much.
  public static let enhanceYourCalm: UInt32 = 11
}
