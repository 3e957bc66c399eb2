// Bytes on their way to C: they lie still until they are sent.

/// An array that C reads until it calls `release`. Nobody changes it, so that its elements stay where they are.
final class OutgoingBytes: Sendable {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Shows the bytes, and the context that `release` is to be called with, once.
  func give(_ body: (UnsafePointer<UInt8>?, Int, UnsafeMutableRawPointer) -> Int32) -> Int32 {
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    return unsafe bytes.withUnsafeBufferPointer { unsafe body($0.baseAddress, $0.count, context) }
  }

  /// Gives the memory back.
  static let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context = unsafe context else { return }
    unsafe Unmanaged<OutgoingBytes>.fromOpaque(context).release()
  }
}
