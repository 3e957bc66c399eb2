// Messages on a stream: each is preceded by five bytes.
//
//   | compressed: 0 or 1 | length: 4 bytes, big-endian | length bytes |
//
// A length is judged by the first five bytes of its message, before anything is allocated for it, and memory grows with what
// really came.

/// The prefix of a message.
enum GRPCFraming {
  /// Bytes before each message.
  static let prefixBytes = 5

  /// Appends a message with its prefix to `frames`. The length must fit 32 bits.
  static func append(_ message: [UInt8], compressed: Bool = false, to frames: inout [UInt8]) {
    let length = UInt32(message.count)
    frames.reserveCapacity(frames.count + prefixBytes + message.count)
    frames.append(compressed ? 1 : 0)
    frames.append(UInt8(truncatingIfNeeded: length >> 24))
    frames.append(UInt8(truncatingIfNeeded: length >> 16))
    frames.append(UInt8(truncatingIfNeeded: length >> 8))
    frames.append(UInt8(truncatingIfNeeded: length))
    frames.append(contentsOf: message)
  }
}

/// Finds the messages in bytes that come in parts of any size.
struct GRPCDeframer: Sendable {
  /// A message as it came.
  struct Frame: Sendable, Equatable {
    /// Whether its bytes are compressed.
    var isCompressed: Bool
    /// Its bytes.
    var bytes: [UInt8]
  }

  /// The longest message that is taken, in bytes on the wire.
  private let maxMessageBytes: Int
  /// What came and was not looked at yet: `part` from `position` on.
  private var part: [UInt8] = []
  private var position = 0
  /// The prefix of the current message, as far as it came, and how many of its bytes did.
  private var prefix: UInt64 = 0
  private var prefixCount = 0
  /// Whether the prefix is whole and was found good.
  private var isInMessage = false
  private var message: [UInt8] = []
  private var messageBytesLeft = 0

  /// Takes messages of at most `maxMessageBytes`.
  init(maxMessageBytes: Int) { self.maxMessageBytes = maxMessageBytes }

  /// Gives more bytes. Those given before must have been used up: `next()` gave nil.
  mutating func push(_ bytes: consuming [UInt8]) {
    assert(position == part.count)
    part = bytes
    position = 0
  }

  /// The next whole message, or nil where more bytes are needed. Throws where a prefix is impossible or a message too long.
  mutating func next() throws(GRPCStatus) -> Frame? {
    if !isInMessage {
      while prefixCount < GRPCFraming.prefixBytes {
        guard position < part.count else { return nil }
        prefix = prefix << 8 | UInt64(part[position])
        prefixCount += 1
        position += 1
      }
      guard prefix >> 32 <= 1 else {
        throw GRPCStatus(.internal, "grpc: received unexpected payload format \(prefix >> 32)")
      }
      let length = Int(prefix & 0xFFFF_FFFF)
      guard length <= maxMessageBytes else {
        throw GRPCStatus(
          .resourceExhausted, "grpc: received message larger than max (\(length) vs. \(maxMessageBytes))")
      }
      messageBytesLeft = length
      isInMessage = true
    }
    let taken = min(messageBytesLeft, part.count - position)
    if taken > 0 {
      message.append(contentsOf: part[position..<position + taken])
      position += taken
      messageBytesLeft -= taken
    }
    guard messageBytesLeft == 0 else { return nil }
    let frame = Frame(isCompressed: prefix >> 32 == 1, bytes: message)
    (prefix, prefixCount, isInMessage) = (0, 0, false)
    message = []
    return frame
  }

  /// The bytes ended. Throws where that was inside a message.
  func finish() throws(GRPCStatus) {
    guard prefixCount == 0, position == part.count else { throw GRPCStatus(.internal, "unexpected EOF") }
  }
}
