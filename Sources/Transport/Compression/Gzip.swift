// gzip over zlib, as a stream and in one call. What is decoded is limited by what the caller allows: a kilobyte of gzip can be
// a megabyte of zeros.
internal import Zlib

/// Makes gzip of bytes that come in parts.
@safe public struct GzipEncoder: ~Copyable {
  // On the heap: zlib's state points back at it.
  private let stream: UnsafeMutablePointer<z_stream>
  private let scratch: UnsafeMutableBufferPointer<UInt8>

  /// An encoder of this level, 1 (fast) up to 9 (small).
  public init(level: Int = 6) throws(TransportError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    unsafe scratch = .allocate(capacity: 32_768)
    let status = unsafe apus_zlib_gzip_init(stream, CInt(truncatingIfNeeded: min(max(level, 1), 9)))
    guard status == Z_OK else { throw TransportError(.io, "making a gzip encoder: zlib says \(status)") }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
    unsafe scratch.deallocate()
  }

  /// Encodes `input` and appends what is ready to `output`.
  public mutating func encode(_ input: [UInt8], into output: inout [UInt8]) throws(TransportError) {
    try run(input, Z_NO_FLUSH, into: &output)
  }

  /// Appends all that was given, so that the other end can decode it, and goes on.
  public mutating func flush(into output: inout [UInt8]) throws(TransportError) {
    try run([], Z_SYNC_FLUSH, into: &output)
  }

  /// Appends the end. Nothing can be encoded after it.
  public mutating func finish(into output: inout [UInt8]) throws(TransportError) {
    try run([], Z_FINISH, into: &output)
  }

  private mutating func run(_ input: [UInt8], _ flush: CInt, into output: inout [UInt8]) throws(TransportError) {
    var status: CInt = Z_OK
    unsafe input.withUnsafeBufferPointer { source in
      unsafe forEachPiece(of: source) { piece in
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: piece.baseAddress)
        unsafe stream.pointee.avail_in = CUnsignedInt(piece.count)
        repeat {
          unsafe stream.pointee.next_out = scratch.baseAddress
          unsafe stream.pointee.avail_out = CUnsignedInt(scratch.count)
          status = unsafe deflate(stream, flush)
          let made = unsafe scratch.count - Int(stream.pointee.avail_out)
          unsafe output.append(contentsOf: scratch[..<made])
        } while unsafe stream.pointee.avail_out == 0 && status == Z_OK
        unsafe stream.pointee.next_in = nil
        // Nothing left to do is no failure.
        return status == Z_OK || status == Z_BUF_ERROR
      }
    }
    guard status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END else {
      throw TransportError(.io, "encoding gzip: zlib says \(status)")
    }
  }
}

/// Decodes gzip that comes in parts, of one member or of several one after another.
@safe public struct GzipDecoder: ~Copyable {
  private let stream: UnsafeMutablePointer<z_stream>
  private let scratch: UnsafeMutableBufferPointer<UInt8>
  private let limitBytes: Int
  private var madeBytes = 0
  private var isAtMemberEnd = true
  private var sawMember = false

  /// A decoder that refuses to make more than `limitBytes`.
  public init(limitBytes: Int) throws(TransportError) {
    self.limitBytes = limitBytes
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    unsafe scratch = .allocate(capacity: 32_768)
    let status = unsafe apus_zlib_gunzip_init(stream)
    guard status == Z_OK else { throw TransportError(.io, "making a gzip decoder: zlib says \(status)") }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
    unsafe scratch.deallocate()
  }

  /// Decodes `input` and appends to `output`. Throws `.malformed`, or `.limit` once more than the limit would be made.
  public mutating func decode(_ input: [UInt8], into output: inout [UInt8]) throws(TransportError) {
    var failure: TransportError?
    unsafe input.withUnsafeBufferPointer { source in
      unsafe forEachPiece(of: source) { piece in
        failure = unsafe decode(piece, into: &output)
        return failure == nil
      }
    }
    if let failure { throw failure }
  }

  private mutating func decode(_ piece: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) -> TransportError? {
    unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: piece.baseAddress)
    unsafe stream.pointee.avail_in = CUnsignedInt(piece.count)
    defer { unsafe stream.pointee.next_in = nil }
    var outputWasFull = false
    while unsafe stream.pointee.avail_in > 0 || outputWasFull {
      if isAtMemberEnd {
        if sawMember { unsafe inflateReset(stream) }
        isAtMemberEnd = false
        sawMember = true
      }
      unsafe stream.pointee.next_out = scratch.baseAddress
      unsafe stream.pointee.avail_out = CUnsignedInt(scratch.count)
      let status = unsafe inflate(stream, Z_NO_FLUSH)
      let made = unsafe scratch.count - Int(stream.pointee.avail_out)
      outputWasFull = unsafe stream.pointee.avail_out == 0
      guard made <= limitBytes - madeBytes else { return tooLong("gzip", limitBytes) }
      madeBytes += made
      unsafe output.append(contentsOf: scratch[..<made])
      switch status {
      case Z_OK: break
      case Z_STREAM_END:
        isAtMemberEnd = true
        outputWasFull = false
      case Z_BUF_ERROR: outputWasFull = false
      default:
        let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "zlib says \(status)"
        return TransportError(.malformed, "decoding gzip: \(reason)")
      }
    }
    return nil
  }

  /// The input ended. Throws `.malformed` where it is cut off.
  public func finish() throws(TransportError) {
    guard isAtMemberEnd, sawMember else { throw TransportError(.malformed, "decoding gzip: unexpected EOF") }
  }
}

/// gzip in one call.
public enum Gzip {
  /// `bytes` as gzip.
  public static func encode(_ bytes: [UInt8], level: Int = 6) throws(TransportError) -> [UInt8] {
    var encoder = try GzipEncoder(level: level)
    var output: [UInt8] = []
    try encoder.encode(bytes, into: &output)
    try encoder.finish(into: &output)
    return output
  }

  /// What `bytes` are gzip of, at most `limitBytes`.
  public static func decode(_ bytes: [UInt8], limitBytes: Int) throws(TransportError) -> [UInt8] {
    var decoder = try GzipDecoder(limitBytes: limitBytes)
    var output: [UInt8] = []
    try decoder.decode(bytes, into: &output)
    try decoder.finish()
    return output
  }
}

/// Calls `body` with pieces of `source` that zlib's 32-bit counts hold, at least once; ends where it returns false.
private func forEachPiece(of source: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) {
  let pieceBytes = 1 << 30
  var position = 0
  repeat {
    let count = min(pieceBytes, source.count - position)
    guard unsafe body(UnsafeBufferPointer(rebasing: source[position..<position + count])) else { return }
    position += count
  } while position < source.count
}

/// The refusal of what would be longer than allowed.
func tooLong(_ coding: String, _ limitBytes: Int) -> TransportError {
  TransportError(.limit, "decoding \(coding): it is longer than \(limitBytes) bytes")
}
