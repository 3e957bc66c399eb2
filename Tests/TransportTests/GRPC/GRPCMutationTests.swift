// gRPC's frames under bytes that nobody meant, in parts of any size: the same messages and the same end as a slow reader finds. And damaged
// compressed messages: an error, or a message within the limit.
import TestSupport
import Testing

@testable import Transport

/// What a stream of frames comes to.
private struct Reading: Equatable {
  var messages: [[UInt8]] = []
  var flags: [Bool] = []
  /// Why it ended early, or nil.
  var refusal: GRPCStatus.Code?
}

@Suite struct GRPCMutationTests {
  private static let limit = 500

  /// The slow and obvious reader.
  private static func slow(_ bytes: [UInt8]) -> Reading {
    var reading = Reading()
    var rest = bytes[...]
    while !rest.isEmpty {
      guard rest.count >= 5 else {
        reading.refusal = .internal
        return reading
      }
      let prefix = Array(rest.prefix(5))
      if prefix[0] > 1 {
        reading.refusal = .internal
        return reading
      }
      let length = Int(prefix[1]) << 24 | Int(prefix[2]) << 16 | Int(prefix[3]) << 8 | Int(prefix[4])
      if length > limit {
        reading.refusal = .resourceExhausted
        return reading
      }
      rest = rest.dropFirst(5)
      if rest.count < length {
        reading.refusal = .internal
        return reading
      }
      reading.messages.append(Array(rest.prefix(length)))
      reading.flags.append(prefix[0] == 1)
      rest = rest.dropFirst(length)
    }
    return reading
  }

  /// The deframer, one message at a time.
  private static func fast(_ parts: [[UInt8]]) -> Reading {
    var reading = Reading()
    var deframer = GRPCDeframer(maxMessageBytes: limit)
    do {
      for part in parts {
        deframer.push(part)
        while let frame = try deframer.next() {
          reading.messages.append(frame.bytes)
          reading.flags.append(frame.isCompressed)
        }
      }
      try deframer.finish()
    } catch {
      reading.refusal = error.code
    }
    return reading
  }

  /// The deframer, as many messages at a time as there are.
  private static func inBatches(_ parts: [[UInt8]]) -> Reading {
    var reading = Reading()
    var deframer = GRPCDeframer(maxMessageBytes: limit)
    do {
      for part in parts {
        deframer.push(part)
        while let batch = try deframer.nextBatch() {
          for range in batch {
            reading.messages.append(Array(batch.bytes[range]))
            reading.flags.append(batch.hasCompressed)
          }
        }
      }
      try deframer.finish()
    } catch {
      reading.refusal = error.code
    }
    return reading
  }

  private static func split(_ bytes: [UInt8], _ random: inout SplitMix64) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    var at = 0
    let most = [1, 3, 20, 400, 10_000][random.below(5)]
    while at < bytes.count {
      let end = min(bytes.count, at + 1 + random.below(most))
      parts.append(Array(bytes[at..<end]))
      at = end
    }
    return parts
  }

  @Test func anyBytesAreReadAsTheSlowReaderDoes() {
    var random = SplitMix64(seed: 51)
    var (whole, refused) = (0, 0)
    for round in 0..<(isLongTier ? 100_000 : 5000) {
      var bytes: [UInt8] = []
      for _ in 0..<random.below(6) {
        let size = [0, 1, 5, 100, Self.limit, Self.limit + 1][random.below(round % 2 == 0 ? 5 : 6)]
        let message = [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: size)
        GRPCFraming.append(message, compressed: random.below(4) == 0, to: &bytes)
      }
      if round % 3 != 0, !bytes.isEmpty {
        let at = random.below(bytes.count)
        switch random.below(3) {
        case 0: bytes[at] ^= 1 << UInt8(random.below(8))
        case 1: bytes.removeSubrange(at...)
        default: bytes.insert(UInt8(random.below(3)), at: at)
        }
      }
      let expected = Self.slow(bytes)
      if expected.refusal == nil { whole += 1 } else { refused += 1 }
      let parts = Self.split(bytes, &random)
      #expect(Self.fast(parts) == expected, "round \(round): \(bytes)")
      #expect(Self.inBatches(parts) == expected, "round \(round) in batches: \(bytes)")
    }
    #expect(whole > 500 && refused > 500)
  }

  @Test(arguments: [GRPCCompression.gzip, .snappy])
  func damagedMessagesUnpackWithinTheLimitOrNotAtAll(_ compression: GRPCCompression) throws {
    var random = SplitMix64(seed: 52)
    let text = (0..<4000).map { UInt8(truncatingIfNeeded: ($0 / 7) % 50 + 60) }
    var frames: [UInt8] = []
    try compression.appendFrame(text, to: &frames)
    var deframer = GRPCDeframer(maxMessageBytes: 10_000)
    deframer.push(frames)
    let frame = try #require(try deframer.next())
    #expect(try GRPCCompression.message(of: frame, encoding: compression, limitBytes: 4000) == text)
    #expect(throws: GRPCStatus.self) {
      try GRPCCompression.message(of: frame, encoding: compression, limitBytes: 3999)
    }
    for _ in 0..<(isLongTier ? 50_000 : 2000) {
      var damaged = frame
      for _ in 0..<(1 + random.below(3)) where !damaged.bytes.isEmpty {
        let at = random.below(damaged.bytes.count)
        switch random.below(4) {
        case 0: damaged.bytes.removeSubrange(at...)
        case 1: damaged.bytes += damaged.bytes[at...]
        default: damaged.bytes[at] = UInt8(truncatingIfNeeded: random.next())
        }
      }
      let message: [UInt8]
      do {
        message = try GRPCCompression.message(of: damaged, encoding: compression, limitBytes: 5000)
      } catch { continue }
      #expect(message.count <= 5000)
    }
  }
}
