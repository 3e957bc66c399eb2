// What C calls for a stream, server's or client's side, on the loop's thread. Its user is a StreamUser.
internal import CTransport

let streamGotBody:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, Int
  ) -> Void = { _, _, user, bytes, length in
    guard let user = unsafe user else { return }
    unsafe StreamUser.of(user).received(UnsafeBufferPointer(start: bytes, count: length))
  }

let streamGotEnd:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<transport_field>?, Int
  ) -> Void = { _, _, user, fields, count in
    guard let user = unsafe user else { return }
    unsafe StreamUser.of(user).receivedEnd(HTTPHeaders(fields, count: count))
  }

let streamWoke: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> Void = {
  _, _, user in
  guard let user = unsafe user else { return }
  unsafe StreamUser.of(user).woke()
}

let streamSent: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, Int) -> Void = {
  _, _, user, length in
  guard let user = unsafe user else { return }
  unsafe StreamUser.of(user).sent(length)
}

let streamClosed:
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?, transport_close, UInt32
  ) -> Void = { _, _, user, reason, code in
    guard let user = unsafe user else { return }
    let ended = unsafe Unmanaged<StreamUser>.fromOpaque(user).takeRetainedValue()
    ended.closed(StreamEnd.error(reason, code: code))
  }
