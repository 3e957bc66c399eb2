// A request and its answer in memory: for calls inside the process, and to drive handlers without a socket.
internal import Locking
import Synchronization

/// Carries a request whose body is at hand and keeps the answer.
public final class MemoryStream: HTTPServerStream {
  private struct State {
    var body: [UInt8]?
    var head: HTTPResponseHead?
    var answer: [UInt8] = []
    var trailers: HTTPHeaders?
    var resetCode: UInt32?
  }

  private let state: Guarded<State>
  private let partBytes: Int

  /// A request with this body, given in parts of at most `partBytes`.
  public init(body: [UInt8] = [], partBytes: Int = 65_536) {
    state = Guarded(State(body: body))
    self.partBytes = max(1, partBytes)
  }

  public func nextBodyPart() async throws -> [UInt8]? {
    state.withLock { state in
      guard let body = state.body, !body.isEmpty else { return nil }
      let part = Array(body.prefix(partBytes))
      state.body = Array(body.dropFirst(part.count))
      return part
    }
  }

  public var requestTrailers: HTTPHeaders { [:] }

  public func send(head: HTTPResponseHead?, body: consuming [UInt8], end: HTTPHeaders?) async throws {
    let body = body
    try state.withLock { state throws(TransportError) in
      guard state.trailers == nil, state.resetCode == nil else {
        throw TransportError(.argument, "sending an answer: it has ended already")
      }
      if let head {
        guard state.head == nil else { throw TransportError(.argument, "sending an answer: it has a head already") }
        state.head = head
      }
      guard state.head != nil else { throw TransportError(.argument, "sending an answer: its head must come first") }
      state.answer.append(contentsOf: body)
      if let end { state.trailers = end }
    }
  }

  public func reset(http2Code: UInt32) { state.withLock { $0.resetCode = http2Code } }

  /// The answer's head, or nil where none was sent.
  public var responseHead: HTTPResponseHead? { state.withLock { $0.head } }
  /// The answer's body so far.
  public var responseBody: [UInt8] { state.withLock { $0.answer } }
  /// The answer's trailers, or nil where it has not ended.
  public var responseTrailers: HTTPHeaders? { state.withLock { $0.trailers } }
  /// The code that the stream was reset with, or nil.
  public var resetCode: UInt32? { state.withLock { $0.resetCode } }
}
