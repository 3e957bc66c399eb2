// zstd as a stream and in one call. Windows are limited to 8 MiB, as RFC 9659 demands for HTTP, so that a frame cannot make us
// hold more.
internal import Zstd

/// Makes one zstd frame of bytes that come in parts.
@safe public struct ZstdEncoder: ~Copyable {
  private let context: OpaquePointer
  private let scratch: UnsafeMutableRawBufferPointer

  /// An encoder of this level, 1 (fast) up to 19 (small).
  public init(level: Int = 3) throws(TransportError) {
    unsafe scratch = .allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 16)
    guard let context = unsafe ZSTD_createCCtx() else {
      unsafe scratch.deallocate()
      throw TransportError(.io, "making a zstd encoder: no memory")
    }
    unsafe self.context = context
    unsafe ZSTD_CCtx_setParameter(
      context, ZSTD_c_compressionLevel, CInt(truncatingIfNeeded: min(max(level, 1), 19)))
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, CInt(ZstdDecoder.windowLogMax))
  }

  deinit {
    unsafe ZSTD_freeCCtx(context)
    unsafe scratch.deallocate()
  }

  /// Encodes `input` and appends what is ready to `output`.
  public mutating func encode(_ input: [UInt8], into output: inout [UInt8]) throws(TransportError) {
    try run(input, ZSTD_e_continue, into: &output)
  }

  /// Appends all that was given, so that the other end can decode it, and goes on.
  public mutating func flush(into output: inout [UInt8]) throws(TransportError) {
    try run([], ZSTD_e_flush, into: &output)
  }

  /// Appends the end of the frame.
  public mutating func finish(into output: inout [UInt8]) throws(TransportError) {
    try run([], ZSTD_e_end, into: &output)
  }

  private mutating func run(
    _ input: [UInt8], _ directive: ZSTD_EndDirective, into output: inout [UInt8]
  ) throws(TransportError) {
    var failure: String?
    unsafe input.withUnsafeBytes { source in
      var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
      while true {
        var to = unsafe ZSTD_outBuffer(dst: scratch.baseAddress, size: scratch.count, pos: 0)
        let left = unsafe ZSTD_compressStream2(context, &to, &from, directive)
        guard ZSTD_isError(left) == 0 else {
          failure = unsafe String(cString: ZSTD_getErrorName(left))
          return
        }
        unsafe output.append(contentsOf: UnsafeRawBufferPointer(scratch)[..<to.pos])
        let isDone = unsafe directive == ZSTD_e_continue ? from.pos == from.size : left == 0
        if isDone { return }
      }
    }
    if let failure { throw TransportError(.io, "encoding zstd: \(failure)") }
  }
}

/// Decodes zstd that comes in parts, of one frame or of several one after another.
@safe public struct ZstdDecoder: ~Copyable {
  /// The largest window, as a power of two: 8 MiB.
  static let windowLogMax = 23

  private let context: OpaquePointer
  private let scratch: UnsafeMutableRawBufferPointer
  private let limitBytes: Int
  private var madeBytes = 0
  private var isAtFrameEnd = false

  /// A decoder that refuses to make more than `limitBytes`.
  public init(limitBytes: Int) throws(TransportError) {
    self.limitBytes = limitBytes
    unsafe scratch = .allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 16)
    guard let context = unsafe ZSTD_createDCtx() else {
      unsafe scratch.deallocate()
      throw TransportError(.io, "making a zstd decoder: no memory")
    }
    unsafe self.context = context
    unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, CInt(Self.windowLogMax))
  }

  deinit {
    unsafe ZSTD_freeDCtx(context)
    unsafe scratch.deallocate()
  }

  /// Decodes `input` and appends to `output`. Throws `.malformed`, or `.limit` once more than the limit would be made.
  public mutating func decode(_ input: [UInt8], into output: inout [UInt8]) throws(TransportError) {
    guard !input.isEmpty else { return }
    var failure: TransportError?
    unsafe input.withUnsafeBytes { source in
      var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
      while true {
        var to = unsafe ZSTD_outBuffer(dst: scratch.baseAddress, size: scratch.count, pos: 0)
        let hint = unsafe ZSTD_decompressStream(context, &to, &from)
        guard ZSTD_isError(hint) == 0 else {
          failure = unsafe TransportError(.malformed, "decoding zstd: \(String(cString: ZSTD_getErrorName(hint)))")
          return
        }
        let made = unsafe to.pos
        guard made <= limitBytes - madeBytes else {
          failure = tooLong("zstd", limitBytes)
          return
        }
        madeBytes += made
        unsafe output.append(contentsOf: UnsafeRawBufferPointer(scratch)[..<made])
        isAtFrameEnd = hint == 0
        if unsafe from.pos == from.size && made < scratch.count { return }
      }
    }
    if let failure { throw failure }
  }

  /// The input ended. Throws `.malformed` where it is cut off.
  public func finish() throws(TransportError) {
    guard isAtFrameEnd else { throw TransportError(.malformed, "decoding zstd: unexpected EOF") }
  }
}

/// zstd in one call.
public enum ZstdCoding {
  /// `bytes` as one zstd frame.
  public static func encode(_ bytes: [UInt8], level: Int = 3) throws(TransportError) -> [UInt8] {
    var encoder = try ZstdEncoder(level: level)
    var output: [UInt8] = []
    try encoder.encode(bytes, into: &output)
    try encoder.finish(into: &output)
    return output
  }

  /// What `bytes` are zstd of, at most `limitBytes`.
  public static func decode(_ bytes: [UInt8], limitBytes: Int) throws(TransportError) -> [UInt8] {
    var decoder = try ZstdDecoder(limitBytes: limitBytes)
    var output: [UInt8] = []
    try decoder.decode(bytes, into: &output)
    try decoder.finish()
    return output
  }
}
