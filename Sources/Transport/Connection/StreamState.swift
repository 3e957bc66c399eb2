// What a stream's two threads share: the loop's, which has the C stream, and those of tasks, which read and write.
internal import CTransport
import Synchronization

/// One stream of a connection, server's or client's side: what came and was not read, what is to be sent, and who waits.
@safe final class StreamState: @unchecked Sendable {
  /// Above so much that waits to be sent a writer is suspended …
  static let pendingHigh = 256 << 10
  /// … until so much is left.
  static let pendingLow = 128 << 10
  /// Credit is given back in portions of at least this.
  private static let creditPortion = 128 << 10

  /// One hand-over to the loop.
  private enum Order {
    case head(HTTPResponseHead, length: Int, ends: Bool)
    case body(OutgoingBytes)
    case end(HTTPHeaders)
  }

  private struct Shared {
    var input: [UInt8] = []
    var hasInputEnded = false
    var trailers = HTTPHeaders()
    var answer: HTTPResponseHead?
    var reader: CheckedContinuation<Void, Never>?
    var writers: [CheckedContinuation<Void, Never>] = []
    var pending = 0
    var orders: [Order] = []
    var isPosted = false
    var taken = 0
    var wantsContinue = false
    var resetCode: UInt32?
    var hasHead = false
    var hasEnd = false
    var closed: TransportError?
    var isDone = false
  }

  private let shared = Mutex(Shared())
  private let loop: EventLoop
  /// The C stream; touched by the loop's thread alone, nil once it has closed.
  private var stream: OpaquePointer?
  /// Makes a client's stream when the first order reaches the loop; nil: the connection takes none.
  private let open: (@Sendable (StreamState) -> OpaquePointer?)?
  /// What is called on the loop's thread after the stream has closed.
  private let onClose: @Sendable (TransportError?) -> Void

  /// A stream on `loop`. `onClose` gets nil where request and answer were complete.
  init(
    loop: EventLoop, open: (@Sendable (StreamState) -> OpaquePointer?)? = nil,
    onClose: @escaping @Sendable (TransportError?) -> Void
  ) {
    self.loop = loop
    unsafe self.open = open
    self.onClose = onClose
  }

  // MARK: On the loop's thread

  /// Becomes the user of a C stream, which keeps it until it closes.
  func attach(_ stream: OpaquePointer) {
    unsafe self.stream = stream
    unsafe transport_stream_set_user(stream, Unmanaged.passRetained(self).toOpaque())
  }

  /// The state that a stream's user is.
  static func of(_ user: UnsafeMutableRawPointer) -> StreamState {
    unsafe Unmanaged<StreamState>.fromOpaque(user).takeUnretainedValue()
  }

  func received(_ bytes: UnsafeBufferPointer<UInt8>) {
    shared.withLock { unsafe $0.input.append(contentsOf: bytes) }
  }

  func receivedAnswer(_ head: HTTPResponseHead) { shared.withLock { $0.answer = head } }

  func receivedEnd(_ trailers: HTTPHeaders) {
    shared.withLock {
      $0.hasInputEnded = true
      $0.trailers = trailers
    }
  }

  /// Lets the reader look at what came.
  func wake() {
    let reader = shared.withLock { state in
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }

  /// The C stream is gone.
  func closed(_ error: TransportError?) {
    unsafe stream = nil
    let (reader, writers) = shared.withLock { state in
      if let error { state.closed = error } else { state.isDone = true }
      defer {
        state.reader = nil
        state.writers = []
      }
      return (state.reader, state.writers)
    }
    reader?.resume()
    for writer in writers { writer.resume() }
    onClose(error)
  }

  /// Does what was ordered.
  private func work() {
    let (orders, taken, wantsContinue, resetCode) = shared.withLock { state in
      defer {
        state.orders = []
        state.taken = 0
        state.wantsContinue = false
        state.isPosted = false
        state.resetCode = nil
      }
      return (state.orders, state.taken, state.wantsContinue, state.resetCode)
    }
    if unsafe stream == nil, let open = unsafe open, shared.withLock({ $0.closed == nil && !$0.isDone }) {
      if let made = unsafe open(self) {
        unsafe attach(made)
      } else {
        closed(TransportError(.closed, "the connection takes no more streams"))
      }
    }
    guard let stream = unsafe stream else {
      for case .body(let bytes) in orders { unsafe OutgoingBytes.release(bytes.context) }
      return
    }
    let connection = unsafe transport_stream_connection(stream)
    if taken > 0 { unsafe transport_stream_consume(stream, taken) }
    if wantsContinue { unsafe transport_stream_continue(stream) }
    for order in orders {
      // A reset of HTTP/1.1 ends the stream at once: what was to follow is given back.
      guard unsafe self.stream != nil else {
        if case .body(let bytes) = order { unsafe OutgoingBytes.release(bytes.context) }
        continue
      }
      switch order {
      case .head(let head, let length, let ends):
        let result = unsafe head.headers.withFields {
          unsafe transport_stream_respond(stream, Int32(clamping: head.status), $0, $1, Int64(length), ends)
        }
        if result != 0 { unsafe transport_stream_reset(stream, HTTP2Code.internalError) }
      case .body(let bytes):
        // Where it fails the bytes are released nevertheless, and the stream's end tells the writer.
        _ = unsafe transport_stream_write(stream, bytes.bytes, bytes.count, OutgoingBytes.release, bytes.context)
      case .end(let trailers):
        _ = unsafe trailers.withFields { unsafe transport_stream_end(stream, $0, $1) }
      }
    }
    if let resetCode, let stream = unsafe self.stream { unsafe transport_stream_reset(stream, resetCode) }
    if let connection = unsafe connection { unsafe transport_connection_flush(connection) }
  }

  // MARK: On any thread

  private func post() {
    unsafe loop.post(Unmanaged.passRetained(self).toOpaque()) { context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<StreamState>.fromOpaque(context).takeRetainedValue().work()
    }
  }

  /// A piece of what the peer sent, or nil at its end.
  func nextPart() async throws -> [UInt8]? {
    try await withTaskCancellationHandler {
      while true {
        if let part = try take() { return part.isEmpty ? nil : part }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
          if !waitAsReader(continuation, until: { !$0.input.isEmpty || $0.hasInputEnded }) { continuation.resume() }
        }
      }
    } onCancel: {
      wake()
    }
  }

  /// The answer's head, once it is there. For clients.
  func answerHead() async throws -> HTTPResponseHead {
    try await withTaskCancellationHandler {
      while true {
        let head = try shared.withLock { state throws -> HTTPResponseHead? in
          if let answer = state.answer { return answer }
          if let closed = state.closed { throw closed }
          if state.isDone { throw TransportError(.malformed, "waiting for an answer: the stream ended without one") }
          if Task.isCancelled { throw CancellationError() }
          return nil
        }
        if let head { return head }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
          if !waitAsReader(continuation, until: { $0.answer != nil }) { continuation.resume() }
        }
      }
    } onCancel: {
      wake()
    }
  }

  /// What came so far; empty at the end, nil where there is nothing yet.
  private func take() throws -> [UInt8]? {
    let (part, mustPost) = try shared.withLock { state throws -> ([UInt8]?, Bool) in
      if !state.input.isEmpty {
        let part = state.input
        state.input = []
        state.taken += part.count
        guard state.taken >= Self.creditPortion, !state.isPosted, !state.hasInputEnded, state.closed == nil else {
          return (part, false)
        }
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

  /// Keeps the reader until it is woken; false where it need not wait.
  private func waitAsReader(
    _ continuation: CheckedContinuation<Void, Never>, until isThere: (Shared) -> Bool
  ) -> Bool {
    let (waits, mustPost) = shared.withLock { state in
      guard !isThere(state), state.closed == nil, !state.isDone, !Task.isCancelled, state.reader == nil else {
        return (false, false)
      }
      state.reader = continuation
      guard state.wantsContinue, !state.isPosted else { return (true, false) }
      state.isPosted = true
      return (true, true)
    }
    if mustPost { post() }
    return waits
  }

  /// The client waits to be told that its body is wanted: whoever reads tells it.
  func expectsContinue() { shared.withLock { $0.wantsContinue = true } }

  /// The fields after the peer's body.
  var trailers: HTTPHeaders { shared.withLock { $0.trailers } }

  /// Why the stream ended, or nil.
  var closeReason: TransportError? { shared.withLock { $0.closed } }

  /// Whether an answer's head was sent.
  var hasSentHead: Bool { shared.withLock { $0.hasHead } }
  /// Whether our side's end was sent.
  var hasSentEnd: Bool { shared.withLock { $0.hasEnd } }

  /// A client's request goes out, with its body as far as it is given.
  func begin(body: [UInt8], ends: Bool) throws {
    let bytes = body.isEmpty ? nil : OutgoingBytes(body, owner: self)
    if !body.isEmpty && bytes == nil { throw TransportError(.limit, "sending \(body.count) bytes: out of memory") }
    shared.withLock { state in
      state.hasHead = true
      state.hasEnd = ends
      state.isPosted = true
      if let bytes {
        state.pending += bytes.count
        state.orders.append(.body(bytes))
        if ends { state.orders.append(.end([:])) }
      }
    }
    post()
  }

  /// Hands over what is to be sent; suspends while too much waits.
  func send(head: HTTPResponseHead?, body: consuming [UInt8], end: HTTPHeaders?) async throws {
    let body = body
    let bytes = body.isEmpty ? nil : OutgoingBytes(body, owner: self)
    if !body.isEmpty && bytes == nil { throw TransportError(.limit, "sending \(body.count) bytes: out of memory") }
    let mustPost: Bool
    do {
      mustPost = try shared.withLock { state throws in try Self.order(&state, head, bytes, end) }
    } catch {
      if let bytes { unsafe OutgoingBytes.release(bytes.context) }
      throw error
    }
    if mustPost { post() }
    if end == nil { try await waitForRoom() }
  }

  private static func order(
    _ state: inout Shared, _ head: HTTPResponseHead?, _ bytes: OutgoingBytes?, _ end: HTTPHeaders?
  ) throws -> Bool {
    // So that what a failed order releases is counted as well as what a good one does.
    state.pending += bytes?.count ?? 0
    if let closed = state.closed { throw closed }
    if state.isDone || state.hasEnd {
      throw TransportError(.argument, "sending: our side of the stream has ended already")
    }
    if let head {
      guard !state.hasHead else { throw TransportError(.argument, "sending an answer: it has a head already") }
      state.hasHead = true
      let isWhole = end?.isEmpty ?? false
      state.orders.append(
        .head(head, length: isWhole ? bytes?.count ?? 0 : -1, ends: isWhole && bytes == nil))
      if isWhole && bytes == nil {
        state.hasEnd = true
        defer { state.isPosted = true }
        return !state.isPosted
      }
    }
    guard state.hasHead else { throw TransportError(.argument, "sending an answer: its head must come first") }
    if let bytes { state.orders.append(.body(bytes)) }
    if let end {
      state.orders.append(.end(end))
      state.hasEnd = true
    }
    defer { state.isPosted = true }
    return !state.isPosted
  }

  private func waitForRoom() async throws {
    guard shared.withLock({ $0.pending > Self.pendingHigh }) else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        let waits = shared.withLock { state in
          guard state.pending > Self.pendingLow, state.closed == nil, !state.isDone, !Task.isCancelled else {
            return false
          }
          state.writers.append(continuation)
          return true
        }
        if !waits { continuation.resume() }
      }
    } onCancel: {
      wakeWriters()
    }
    if let closed = shared.withLock({ $0.closed }) { throw closed }
    try Task.checkCancellation()
  }

  /// So many bytes are sent, or given up.
  func released(_ count: Int) {
    let writers = shared.withLock { state in
      state.pending -= count
      guard state.pending <= Self.pendingLow else { return [CheckedContinuation<Void, Never>]() }
      defer { state.writers = [] }
      return state.writers
    }
    for writer in writers { writer.resume() }
  }

  private func wakeWriters() {
    let writers = shared.withLock { state in
      defer { state.writers = [] }
      return state.writers
    }
    for writer in writers { writer.resume() }
  }

  /// Ends the stream at once.
  func reset(code: UInt32) {
    let mustPost = shared.withLock { state in
      guard state.closed == nil, !state.isDone else { return false }
      state.resetCode = code
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
