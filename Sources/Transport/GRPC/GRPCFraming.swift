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

  /// The prefix of a message of `length` bytes that is not compressed. The length must fit 32 bits.
  static func prefix(_ length: Int) -> (UInt8, UInt8, UInt8, UInt8, UInt8) {
    let length = UInt32(length)
    return (
      0, UInt8(truncatingIfNeeded: length >> 24), UInt8(truncatingIfNeeded: length >> 16),
      UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)
    )
  }

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

  /// Room for a message whose bytes are not all there.
  private static let firstRoom = 64 << 10

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
      // Room for what came, and for what is likely to come: not for what a prefix promises.
      if message.isEmpty {
        message.reserveCapacity(taken == messageBytesLeft ? taken : min(messageBytesLeft, max(taken, Self.firstRoom)))
      }
      let (start, end) = (position, position + taken)
      unsafe part.withUnsafeBytes { bytes in
        unsafe message.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      }
      position += taken
      messageBytesLeft -= taken
    }
    guard messageBytesLeft == 0 else { return nil }
    let frame = Frame(isCompressed: prefix >> 32 == 1, bytes: message)
    (prefix, prefixCount, isInMessage) = (0, 0, false)
    message = []
    return frame
  }

  /// The messages that are there as a whole, or nil where more bytes are needed. Throws as `next()` does.
  mutating func nextBatch() throws(GRPCStatus) -> GRPCMessages? {
    if prefixCount == 0, !isInMessage {
      let (end, count, hasCompressed) = wholeFrames()
      if count > 0 {
        defer { position = end }
        return GRPCMessages(bytes: part, frames: position..<end, count: count, hasCompressed: hasCompressed)
      }
    }
    // One that came in pieces, or cannot be taken.
    return try next().map { GRPCMessages(message: $0.bytes, isCompressed: $0.isCompressed) }
  }

  /// Where the last whole frame that may be taken ends, and how many there are.
  private func wholeFrames() -> (end: Int, count: Int, hasCompressed: Bool) {
    unsafe part.withUnsafeBytes { bytes in
      var (end, count) = (position, 0)
      var flags: UInt8 = 0
      while bytes.count - end >= GRPCFraming.prefixBytes {
        let flag = unsafe bytes[end]
        let length = unsafe Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: end + 1, as: UInt32.self)))
        guard flag <= 1, length <= maxMessageBytes, length <= bytes.count - end - GRPCFraming.prefixBytes else { break }
        // A compressed one comes alone: several together would unpack to so many times the limit.
        if flag == 1, count > 0 { break }
        flags |= flag
        end += GRPCFraming.prefixBytes + length
        count += 1
        if flag == 1 { break }
      }
      return (end, count, flags != 0)
    }
  }

  /// The bytes ended. Throws where that was inside a message.
  func finish() throws(GRPCStatus) {
    guard prefixCount == 0, position == part.count else { throw GRPCStatus(.internal, "unexpected EOF") }
  }
}

/// Messages of a stream that were there together. They lie one behind the other as they came, without an array for each: the elements are
/// where each lies in `bytes`.
public struct GRPCMessages: Sendable, Sequence {
  /// What the messages lie in.
  public let bytes: [UInt8]
  /// Messages with their prefixes; nil: all of `bytes` is one message.
  private let frames: Range<Int>?
  /// How many there are, at least one.
  public let count: Int
  /// Whether some must be decompressed first.
  let hasCompressed: Bool

  init(bytes: [UInt8], frames: Range<Int>, count: Int, hasCompressed: Bool) {
    self.bytes = bytes
    self.frames = frames
    self.count = count
    self.hasCompressed = hasCompressed
  }

  init(message: [UInt8], isCompressed: Bool = false) {
    bytes = message
    frames = nil
    count = 1
    hasCompressed = isCompressed
  }

  /// The messages decompressed; each at most `limitBytes` long.
  func decompressed(_ encoding: GRPCCompression, limitBytes: Int) throws(GRPCStatus) -> GRPCMessages {
    guard hasCompressed else { return self }
    var all: [UInt8] = []
    for range in self {
      let isCompressed = frames == nil || bytes[range.lowerBound - GRPCFraming.prefixBytes] == 1
      let frame = GRPCDeframer.Frame(isCompressed: isCompressed, bytes: Array(bytes[range]))
      GRPCFraming.append(
        try GRPCCompression.message(of: frame, encoding: encoding, limitBytes: limitBytes), to: &all)
    }
    return GRPCMessages(bytes: all, frames: all.indices, count: count, hasCompressed: false)
  }

  /// Gives where each message lies.
  public struct Iterator: IteratorProtocol {
    private let messages: GRPCMessages
    private var position: Int
    private var left: Int

    init(_ messages: GRPCMessages) {
      self.messages = messages
      position = messages.frames?.lowerBound ?? 0
      left = messages.count
    }

    /// The next one, or nil.
    public mutating func next() -> Range<Int>? {
      guard left > 0 else { return nil }
      left -= 1
      guard messages.frames != nil else { return messages.bytes.indices }
      let start = position + GRPCFraming.prefixBytes
      // Prefixes were judged when the messages were found.
      let length = messages.bytes[(position + 1)..<start].reduce(0) { $0 << 8 | Int($1) }
      position = start + length
      return start..<position
    }
  }

  /// Goes through the messages in their order.
  public func makeIterator() -> Iterator { Iterator(self) }
}
