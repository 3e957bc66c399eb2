// A client's call with one short message each way: the loop does it all, and whoever waits for it is woken once.
internal import CTransport
internal import Locking
import Synchronization

/// One call from its request to its answer.
@safe final class UnaryCall: StreamUser, @unchecked Sendable {
  /// Longer messages are not copied, and go by other ways.
  static let messageBytesMax = 64 << 10

  /// How it ended.
  enum Outcome: Sendable {
    /// With OK and this message.
    case message([UInt8])
    /// With something else: what came of the answer.
    case other(Answer)
    /// The task that waits was cancelled.
    case cancelled
    /// The deadline passed.
    case expired
  }

  /// What came of an answer.
  struct Answer: Sendable {
    var head: HTTPResponseHead?
    var body: [UInt8] = []
    var trailers = HTTPHeaders()
    var hasEnded = false
    var error: TransportError?

    /// The same as a stream that is read from.
    func stream(on loop: EventLoop) -> HTTP2ClientStream {
      let stream = StreamState(loop: loop)
      if let head { stream.receivedAnswer(head) }
      unsafe body.withUnsafeBufferPointer { unsafe stream.received($0) }
      if hasEnded { stream.receivedEnd(trailers) }
      if hasEnded || error != nil { stream.closed(hasEnded ? nil : error) }
      return HTTP2ClientStream(stream)
    }
  }

  private typealias Continuation = UnsafeContinuation<Outcome, Never>

  @safe private struct Shared {
    var waiting: Continuation?
    var isCancelled = false
  }

  let path: String
  /// Fields that other calls of the channel do not have.
  let fields: HTTPHeaders
  let message: [UInt8]
  let connection: ClientCore
  private let deadline: ContinuousClock.Instant?
  private let answerBytesMax: Int
  private let shared = Guarded(Shared())

  // Touched by the loop's thread alone.
  private var stream: OpaquePointer?
  private var timer: OpaquePointer?
  private var answer = Answer()
  /// Where the frame begins that is not whole, and how many are before it.
  private var frameStart = 0
  private var frameCount = 0

  init(
    path: String, fields: HTTPHeaders, message: [UInt8], deadline: ContinuousClock.Instant?, answerBytesMax: Int,
    connection: ClientCore
  ) {
    self.path = path
    self.fields = fields
    self.message = message
    self.deadline = deadline
    self.answerBytesMax = answerBytesMax
    self.connection = connection
  }

  /// Makes the call and waits for its end.
  nonisolated(nonsending) func outcome() async -> Outcome {
    await withTaskCancellationHandler {
      await unsafe withUnsafeContinuation { (continuation: Continuation) in
        let isCancelled = shared.withLock { state in
          if !state.isCancelled { unsafe state.waiting = continuation }
          return state.isCancelled
        }
        if isCancelled { unsafe continuation.resume(returning: .cancelled) } else { post() }
      }
    } onCancel: {
      cancel()
    }
  }

  private func post() {
    unsafe connection.loop.post(Unmanaged.passRetained(self).toOpaque()) { context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<UnaryCall>.fromOpaque(context).takeRetainedValue().work()
    }
  }

  private func cancel() {
    let waiting = unsafe shared.withLock { state in
      state.isCancelled = true
      defer { unsafe state.waiting = nil }
      return unsafe state.waiting
    }
    guard let waiting = unsafe waiting else { return }
    unsafe waiting.resume(returning: .cancelled)
    post()
  }

  // MARK: On the loop's thread

  /// Begins the call, or ends one that nobody waits for any more.
  private func work() {
    if shared.withLock({ $0.isCancelled }) { return reset() }
    guard unsafe stream == nil else { return }
    guard let made = unsafe connection.open(self) else {
      answer.error = TransportError(.closed, "the connection takes no more streams")
      return finish(.other(answer))
    }
    unsafe stream = made
    if let deadline {
      unsafe timer = unsafe connection.loop.startTimer(deadline, Unmanaged.passUnretained(self).toOpaque()) { context in
        guard let context = unsafe context else { return }
        unsafe Unmanaged<UnaryCall>.fromOpaque(context).takeUnretainedValue().expired()
      }
    }
    if let connection = unsafe transport_stream_connection(made) { unsafe transport_connection_flush(connection) }
  }

  private func finish(_ outcome: Outcome) {
    let waiting = unsafe shared.withLock { state in
      defer { unsafe state.waiting = nil }
      return unsafe state.waiting
    }
    unsafe waiting?.resume(returning: outcome)
  }

  private func expired() {
    unsafe timer = nil
    finish(.expired)
    reset()
  }

  private func reset() {
    guard let stream = unsafe stream else { return }
    let connection = unsafe transport_stream_connection(stream)
    unsafe transport_stream_reset(stream, HTTP2Code.cancel)
    if let connection = unsafe connection { unsafe transport_connection_flush(connection) }
  }

  override func receivedWhole(_ whole: borrowing WholeMessage) -> Bool {
    guard let message = unsafe whole.onlyMessage(limitBytes: answerBytesMax), unsafe whole.head.pointee.status == 200
    else { return false }
    var isPlain = false
    let fields = unsafe whole.fields
    for index in fields.indices {
      let field = unsafe fields[index]
      if unsafe field.name.isSame("content-type") {
        isPlain = unsafe field.value.isSame("application/grpc")
      } else if unsafe field.name.isSame("grpc-encoding") {
        return false
      }
    }
    guard isPlain, let status = unsafe whole.trailers.first(where: { unsafe $0.name.isSame("grpc-status") }),
      unsafe status.value.isSame("0")
    else { return false }
    finish(.message(unsafe Array(message)))
    return true
  }

  override func receivedAnswer(_ head: HTTPResponseHead) { answer.head = head }

  override func received(_ bytes: UnsafeBufferPointer<UInt8>) {
    if let stream = unsafe stream { unsafe transport_stream_consume(stream, bytes.count) }
    unsafe answer.body.append(contentsOf: bytes)
    // More than one message, or one that is too long: the call ends now.
    while answer.body.count - frameStart >= GRPCFraming.prefixBytes {
      let length = answer.body[(frameStart + 1)..<(frameStart + GRPCFraming.prefixBytes)].reduce(0) {
        $0 << 8 | Int($1)
      }
      let isWhole = answer.body.count - frameStart - GRPCFraming.prefixBytes >= length
      if length > answerBytesMax || (isWhole && frameCount > 0) {
        finish(.other(answer))
        return reset()
      }
      guard isWhole else { return }
      frameStart += GRPCFraming.prefixBytes + length
      frameCount += 1
    }
  }

  override func receivedEnd(_ trailers: HTTPHeaders) {
    answer.trailers = trailers
    answer.hasEnded = true
    finish(.other(answer))
  }

  override func closed(_ error: TransportError?) {
    unsafe stream = nil
    if let timer = unsafe timer { unsafe transport_timer_stop(timer) }
    unsafe timer = nil
    answer.error = error ?? TransportError(.malformed, "waiting for an answer: the stream ended without one")
    finish(.other(answer))
  }
}
