// Whoever C calls for a stream.
internal import CTransport
import Glibc

/// The user of a C stream, which keeps it until it closes. All calls come on the loop's thread.
class StreamUser: @unchecked Sendable {
  /// The user that C shows.
  static func of(_ user: UnsafeMutableRawPointer) -> StreamUser {
    unsafe Unmanaged<StreamUser>.fromOpaque(user).takeUnretainedValue()
  }

  /// A whole answer came at once; see `transport_handlers.on_whole`. Whether that is all that is needed.
  func receivedWhole(_ message: borrowing WholeMessage) -> Bool { false }
  /// The head of an answer.
  func receivedAnswer(_ head: HTTPResponseHead) {}
  /// Bytes of the peer's body.
  func received(_ bytes: UnsafeBufferPointer<UInt8>) {}
  /// The end of the peer's body.
  func receivedEnd(_ trailers: HTTPHeaders) {}
  /// All of a batch is there.
  func woke() {}
  /// So many bytes are sent, or given up.
  func sent(_ count: Int) {}
  /// The C stream is gone.
  func closed(_ error: TransportError?) {}
}

/// A head, its body and its trailers where they lie, for the time of a call.
@safe struct WholeMessage: ~Copyable {
  let head: UnsafePointer<transport_head>
  let body: UnsafeRawBufferPointer
  let trailers: UnsafeBufferPointer<transport_field>

  init(
    _ head: UnsafePointer<transport_head>, _ body: UnsafePointer<UInt8>?, _ length: Int,
    _ trailers: UnsafePointer<transport_field>?, _ count: Int
  ) {
    unsafe self.head = head
    unsafe self.body = UnsafeRawBufferPointer(start: body, count: body == nil ? 0 : length)
    unsafe self.trailers = UnsafeBufferPointer(start: trailers, count: trailers == nil ? 0 : count)
  }

  var fields: UnsafeBufferPointer<transport_field> {
    unsafe UnsafeBufferPointer(start: head.pointee.fields, count: head.pointee.field_count)
  }

  /// The message, where the body is one frame of gRPC that is not compressed and no longer than `limitBytes`.
  func onlyMessage(limitBytes: Int) -> UnsafeRawBufferPointer? {
    guard unsafe body.count >= GRPCFraming.prefixBytes, unsafe body[0] == 0 else { return nil }
    let length = unsafe Int(UInt32(bigEndian: body.loadUnaligned(fromByteOffset: 1, as: UInt32.self)))
    guard length <= limitBytes, unsafe length == body.count - GRPCFraming.prefixBytes else { return nil }
    return unsafe UnsafeRawBufferPointer(rebasing: body[GRPCFraming.prefixBytes...])
  }
}

extension transport_text {
  /// Whether it is `text`, byte for byte.
  func isSame(_ text: StaticString) -> Bool {
    guard unsafe length == text.utf8CodeUnitCount else { return false }
    return unsafe length == 0 || memcmp(bytes, text.utf8Start, length) == 0
  }
}
