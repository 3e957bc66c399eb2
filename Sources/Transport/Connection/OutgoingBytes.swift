// Bytes on their way to C: they lie still until they are sent.
import Glibc

/// Memory that C reads until it calls `release`: a header that says whose it is, then the bytes.
@safe struct OutgoingBytes: @unchecked Sendable {
  @safe private struct Header {
    var owner: Unmanaged<StreamState>
    var count: Int
  }

  /// What C gives back; nil once it was.
  private let memory: UnsafeMutableRawPointer
  /// How many bytes there are.
  let count: Int

  /// A copy of `bytes`. `owner` is kept until the bytes are released, and told then. Nil: out of memory.
  init?(_ bytes: [UInt8], owner: StreamState) {
    guard let memory = unsafe malloc(MemoryLayout<Header>.size + bytes.count) else { return nil }
    unsafe memory.initializeMemory(
      as: Header.self, to: Header(owner: Unmanaged.passRetained(owner), count: bytes.count))
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe (memory + MemoryLayout<Header>.size).copyMemory(from: start, byteCount: source.count)
    }
    unsafe self.memory = unsafe memory
    count = bytes.count
  }

  /// Where the bytes lie.
  var bytes: UnsafePointer<UInt8> {
    unsafe UnsafePointer((memory + MemoryLayout<Header>.size).assumingMemoryBound(to: UInt8.self))
  }

  /// What `release` is to be called with.
  var context: UnsafeMutableRawPointer { unsafe memory }

  /// Gives the memory back.
  static let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context = unsafe context else { return }
    let header = unsafe context.assumingMemoryBound(to: Header.self).move()
    let owner = unsafe header.owner.takeRetainedValue()
    owner.released(header.count)
    unsafe free(context)
  }
}
