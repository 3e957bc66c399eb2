// snappy's framing format: a stream of chunks, of which each stands for at most 64 KiB.
//
//   | type | length: 3 bytes, little-endian | length bytes |
//   FF  "sNaPpY": the stream begins; first, and allowed later
//   00  masked CRC-32C of what the block holds (4 bytes), a block
//   01  masked CRC-32C (4 bytes), bytes as they are
//   02…7F may not be skipped: an error      80…FE are skipped

/// Makes the framing format of bytes that come in parts.
public struct SnappyFrameEncoder: Sendable {
  private static let streamIdentifier: [UInt8] = [0xFF, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8)
  /// The most bytes that a chunk stands for.
  static let chunkBytesMax = 65_536

  private var began = false

  /// A new stream.
  public init() {}

  /// Appends `input` as chunks to `output`. Parts are not gathered: small ones make small chunks.
  public mutating func encode(_ input: [UInt8], into output: inout [UInt8]) throws(TransportError) {
    if !began {
      output += Self.streamIdentifier
      began = true
    }
    var position = 0
    var block: [UInt8] = []
    while position < input.count {
      let piece = input[position..<min(position + Self.chunkBytesMax, input.count)]
      position = piece.endIndex
      block.removeAll(keepingCapacity: true)
      try SnappyBlock.append(piece, to: &block)
      // Less than an eighth saved is not worth decoding.
      let isCompressed = block.count < piece.count - piece.count / 8
      let length = (isCompressed ? block.count : piece.count) + 4
      output.append(isCompressed ? 0 : 1)
      for shift in [0, 8, 16] { output.append(UInt8(truncatingIfNeeded: length >> shift)) }
      let checksum = CRC32C.masked(CRC32C.checksum(piece))
      for shift in [0, 8, 16, 24] as [UInt32] { output.append(UInt8(truncatingIfNeeded: checksum >> shift)) }
      if isCompressed { output += block } else { output += piece }
    }
  }
}

/// Decodes the framing format that comes in parts.
public struct SnappyFrameDecoder: Sendable {
  private let limitBytes: Int
  private var madeBytes = 0
  private var began = false
  /// The head of the current chunk as far as it came, then its body.
  private var chunk: [UInt8] = []
  /// Bytes of a chunk to skip that did not come yet.
  private var bytesToSkip = 0

  /// A decoder that refuses to make more than `limitBytes`.
  public init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// Decodes `input` and appends to `output`. Throws `.malformed`, or `.limit` once more than the limit would be made.
  public mutating func decode(_ input: [UInt8], into output: inout [UInt8]) throws(TransportError) {
    var position = 0
    while position < input.count {
      if bytesToSkip > 0 {
        let skipped = min(bytesToSkip, input.count - position)
        bytesToSkip -= skipped
        position += skipped
        continue
      }
      if chunk.count < 4 {
        chunk.append(input[position])
        position += 1
        if chunk.count < 4 { continue }
        try checkHead()
        // An empty chunk is whole already.
        if bytesToSkip > 0 || chunk.isEmpty { continue }
      }
      let end = 4 + bodyBytes
      let taken = min(end - chunk.count, input.count - position)
      chunk.append(contentsOf: input[position..<position + taken])
      position += taken
      if chunk.count == end {
        try take(into: &output)
        chunk.removeAll(keepingCapacity: true)
      }
    }
  }

  /// The input ended. Throws `.malformed` where it is cut off. An empty input is an empty stream, as Go's reader has it.
  public func finish() throws(TransportError) {
    guard chunk.isEmpty, bytesToSkip == 0 else {
      throw TransportError(.malformed, "decoding framed snappy: unexpected EOF")
    }
  }

  private var bodyBytes: Int { Int(chunk[1]) | Int(chunk[2]) << 8 | Int(chunk[3]) << 16 }

  private mutating func checkHead() throws(TransportError) {
    let (type, length) = (chunk[0], bodyBytes)
    guard began || type == 0xFF else { throw corrupt("it does not begin with the stream identifier") }
    switch type {
    case 0xFF:
      guard length == 6 else { throw corrupt("a stream identifier of \(length) bytes") }
      began = true
    case 0x00, 0x01:
      let longest = type == 1 ? SnappyFrameEncoder.chunkBytesMax : 76_490  // what a block of 64 KiB takes at worst
      guard length >= 4, length - 4 <= longest else { throw corrupt("a chunk of \(length) bytes") }
    case 0x02...0x7F: throw corrupt("a chunk of the unknown type \(type)")
    default:
      chunk.removeAll(keepingCapacity: true)
      bytesToSkip = length
    }
  }

  private mutating func take(into output: inout [UInt8]) throws(TransportError) {
    let body = chunk[4...]
    if chunk[0] == 0xFF {
      guard body.elementsEqual("sNaPpY".utf8) else { throw corrupt("another stream identifier") }
      return
    }
    let expected = (0..<4).reduce(UInt32(0)) { $0 | UInt32(body[4 + $1]) << UInt32(8 * $1) }
    let left = limitBytes - madeBytes
    var piece: [UInt8] = []
    if chunk[0] == 0 {
      // A chunk stands for 64 KiB at most: more is damage, and not the caller's limit.
      do {
        try SnappyBlock.decode(body.dropFirst(4), limitBytes: SnappyFrameEncoder.chunkBytesMax, into: &piece)
      } catch {
        throw corrupt("a block that is none, or too long")
      }
    } else {
      piece = Array(body.dropFirst(4))
    }
    guard CRC32C.masked(CRC32C.checksum(piece)) == expected else { throw corrupt("a wrong checksum") }
    guard piece.count <= left else { throw tooLong("framed snappy", limitBytes) }
    madeBytes += piece.count
    output.append(contentsOf: piece)
  }

  private func corrupt(_ what: String) -> TransportError {
    TransportError(.malformed, "decoding framed snappy: corrupt input: \(what)")
  }
}

/// The framing format in one call.
public enum SnappyFraming {
  /// `bytes` as a framed stream.
  public static func encode(_ bytes: [UInt8]) throws(TransportError) -> [UInt8] {
    var encoder = SnappyFrameEncoder()
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count / 2 + 64)
    try encoder.encode(bytes, into: &output)
    return output
  }

  /// What the framed stream `bytes` holds, at most `limitBytes`.
  public static func decode(_ bytes: [UInt8], limitBytes: Int) throws(TransportError) -> [UInt8] {
    var decoder = SnappyFrameDecoder(limitBytes: limitBytes)
    var output: [UInt8] = []
    try decoder.decode(bytes, into: &output)
    try decoder.finish()
    return output
  }
}
