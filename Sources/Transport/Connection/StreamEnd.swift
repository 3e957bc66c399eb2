// Why streams end, in words.
internal import CTransport

enum StreamEnd {
  /// The error that a reason is, or nil where request and answer are complete.
  static func error(_ reason: transport_close, code: UInt32) -> TransportError? {
    switch reason {
    case TRANSPORT_CLOSE_DONE: nil
    case TRANSPORT_CLOSE_RESET: TransportError(.closed, "the peer reset the stream with code \(code)")
    case TRANSPORT_CLOSE_LOCAL: TransportError(.closed, "the stream was reset here")
    case TRANSPORT_CLOSE_MALFORMED: TransportError(.malformed, "the peer spoke against its protocol")
    case TRANSPORT_CLOSE_LIMIT: TransportError(.limit, "the peer reached a limit or a timeout of the connection")
    case TRANSPORT_CLOSE_SHUTDOWN: TransportError(.closed, "we shut down")
    case TRANSPORT_CLOSE_REFUSED: TransportError(.closed, "the peer refused the stream unseen")
    default: TransportError(.closed, "the connection to the peer was lost")
    }
  }
}
