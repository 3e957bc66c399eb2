// Codings of bodies and messages: round trips in parts of all sizes, limits, and bytes that were damaged on the way.
import TestSupport
import Testing

@testable import Transport

/// A coding in one call and as a stream, so that all go through the same tests.
struct Coding: Sendable, CustomTestStringConvertible {
  let name: String
  let encode: @Sendable ([UInt8]) throws -> [UInt8]
  let decode: @Sendable ([UInt8], Int) throws -> [UInt8]
  /// Encodes and decodes in parts of this size.
  let encodeInParts: @Sendable ([UInt8], Int) throws -> [UInt8]
  let decodeInParts: @Sendable ([UInt8], Int) throws -> [UInt8]
  /// Whether damage is always noticed: by a checksum over everything.
  let isChecked: Bool
  var testDescription: String { name }
}

private func parts(_ bytes: [UInt8], _ size: Int) -> [[UInt8]] {
  stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
}

private let codings: [Coding] = [
  Coding(
    name: "gzip", encode: { try Gzip.encode($0) }, decode: { try Gzip.decode($0, limitBytes: $1) },
    encodeInParts: { bytes, size in
      var encoder = try GzipEncoder()
      var output: [UInt8] = []
      for part in parts(bytes, size) {
        try encoder.encode(part, into: &output)
        try encoder.flush(into: &output)
      }
      try encoder.finish(into: &output)
      return output
    },
    decodeInParts: { bytes, size in
      var decoder = try GzipDecoder(limitBytes: 1 << 24)
      var output: [UInt8] = []
      for part in parts(bytes, size) { try decoder.decode(part, into: &output) }
      try decoder.finish()
      return output
    }, isChecked: true),
  Coding(
    name: "zstd", encode: { try ZstdCoding.encode($0) }, decode: { try ZstdCoding.decode($0, limitBytes: $1) },
    encodeInParts: { bytes, size in
      var encoder = try ZstdEncoder()
      var output: [UInt8] = []
      for part in parts(bytes, size) {
        try encoder.encode(part, into: &output)
        try encoder.flush(into: &output)
      }
      try encoder.finish(into: &output)
      return output
    },
    decodeInParts: { bytes, size in
      var decoder = try ZstdDecoder(limitBytes: 1 << 24)
      var output: [UInt8] = []
      for part in parts(bytes, size) { try decoder.decode(part, into: &output) }
      try decoder.finish()
      return output
    }, isChecked: false),
  Coding(
    name: "framed snappy", encode: { try SnappyFraming.encode($0) },
    decode: { try SnappyFraming.decode($0, limitBytes: $1) },
    encodeInParts: { bytes, size in
      var encoder = SnappyFrameEncoder()
      var output: [UInt8] = []
      for part in parts(bytes, size) { try encoder.encode(part, into: &output) }
      return output
    },
    decodeInParts: { bytes, size in
      var decoder = SnappyFrameDecoder(limitBytes: 1 << 24)
      var output: [UInt8] = []
      for part in parts(bytes, size) { try decoder.decode(part, into: &output) }
      try decoder.finish()
      return output
    }, isChecked: true),
]

/// Text that compresses, noise that does not, and lengths around the edges of chunks.
private func inputs() -> [[UInt8]] {
  var random = SplitMix64(seed: 11)
  let noise = (0..<70_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  let text = Array(String(repeating: "http_requests_total{job=\"api\"} ", count: 9_000).utf8)
  return [
    [7], Array("hello".utf8), noise, text, Array(text.prefix(65_535)), Array(text.prefix(65_536)),
    Array(text.prefix(65_537)), [UInt8](repeating: 0, count: 1_000_000), text + noise + text,
  ]
}

@Suite struct CompressionTests {
  @Test(arguments: codings) func whatIsEncodedDecodesToTheSame(_ coding: Coding) throws {
    for input in inputs() {
      let encoded = try coding.encode(input)
      #expect(try coding.decode(encoded, input.count) == input)
      for size in [1_000, 65_536, 100_001] {
        #expect(try coding.decode(coding.encodeInParts(input, size), input.count) == input)
        #expect(try coding.decodeInParts(encoded, size) == input)
      }
      if encoded.count < 5_000 { #expect(try coding.decodeInParts(encoded, 1) == input) }
    }
  }

  @Test(arguments: codings) func oneByteMoreThanTheLimitIsRefused(_ coding: Coding) throws {
    for input in inputs() {
      let encoded = try coding.encode(input)
      let error = #expect(throws: TransportError.self) { try coding.decode(encoded, input.count - 1) }
      #expect(error?.code == .limit)
    }
  }

  @Test(arguments: codings) func whatIsCutOffIsMalformed(_ coding: Coding) throws {
    let input = Array("the quick brown fox jumps over the lazy dog, and over it again: the quick brown fox".utf8)
    let encoded = try coding.encode(input)
    for length in 1..<encoded.count {
      // Between two chunks a snappy stream may end: nothing says how many there are.
      if coding.name == "framed snappy" && length == 10 { continue }
      let error = #expect(throws: TransportError.self, "\(length)") {
        try coding.decode(Array(encoded.prefix(length)), 1_000)
      }
      #expect(error?.code == .malformed)
    }
  }

  @Test(arguments: codings) func everyFlippedBitIsAnErrorOrAValueWithinTheLimit(_ coding: Coding) throws {
    let input = Array(String(repeating: "abcdefgh", count: 40).utf8) + Array(0...255)
    let encoded = try coding.encode(input)
    for bit in 0..<encoded.count * 8 {
      var damaged = encoded
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      do {
        let value = try coding.decode(damaged, 10_000)
        #expect(value.count <= 10_000)
        // Nobody checks the ten bytes of gzip's head, nor framed snappy's first ones; then its type may say "skip me".
        if coding.isChecked && bit >= 88 { #expect(value == input, "bit \(bit)") }
      } catch let error as TransportError {
        #expect(error.code == .malformed || error.code == .limit)
      }
    }
  }

  @Test(arguments: codings) func randomDamageIsAnErrorOrAValueWithinTheLimit(_ coding: Coding) throws {
    var random = SplitMix64(seed: 5)
    let encoded = try coding.encode(inputs()[2] + inputs()[3])
    for _ in 0..<60 {
      var damaged = encoded
      for _ in 0..<3 {
        damaged[Int(random.next() % UInt64(damaged.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 3 == 0 { damaged.removeLast(Int(random.next() % UInt64(damaged.count))) }
      do {
        #expect(try coding.decode(damaged, 100_000).count <= 100_000)
      } catch let error as TransportError {
        #expect(error.code == .malformed || error.code == .limit)
      }
    }
  }

  @Test func bombsMakeNoMoreThanTheLimit() throws {
    let zeros = [UInt8](repeating: 0, count: 8 << 20)
    for coding in codings {
      let bomb = try coding.encode(zeros)
      #expect(bomb.count < zeros.count / 15)
      #expect(throws: TransportError.self) { try coding.decode(bomb, 1 << 20) }
    }
  }

  @Test func gzipOfSeveralMembersIsTheirConcatenation() throws {
    let both = try Gzip.encode(Array("one ".utf8)) + Gzip.encode(Array("two".utf8))
    #expect(try Gzip.decode(both, limitBytes: 100) == Array("one two".utf8))
    #expect(throws: TransportError.self) { try Gzip.decode(both + [1, 2, 3], limitBytes: 100) }
    #expect(throws: TransportError.self) { try Gzip.decode([], limitBytes: 100) }
  }

  @Test func zstdWithTooLargeAWindowIsRefused() throws {
    // A frame header by hand: magic, descriptor without content size, window descriptor of 2^(10+17) = 128 MiB; a raw block.
    let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 17 << 3, 0x09, 0x00, 0x00, 0x41]
    let error = #expect(throws: TransportError.self) { try ZstdCoding.decode(frame, limitBytes: 100) }
    #expect(error?.code == .malformed)
    var small = frame
    small[5] = 10 << 3
    #expect(try ZstdCoding.decode(small, limitBytes: 100) == [0x41])
  }

  @Test func snappyFramesAreThoseOfTheSpecification() throws {
    let identifier: [UInt8] = [0xFF, 6, 0, 0] + Array("sNaPpY".utf8)
    // CRC-32C of "123456789" is E3069283 (RFC 3720); masked by the formula of the specification.
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    let checksum = CRC32C.masked(0xE306_9283)
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
    let stored = identifier + [1, 13, 0, 0] + bytes + Array("123456789".utf8)
    #expect(try SnappyFraming.encode(Array("123456789".utf8)) == stored)
    #expect(try SnappyFraming.decode(stored, limitBytes: 9) == Array("123456789".utf8))
    // Padding and chunks for later versions are skipped, also empty ones; a second identifier is allowed.
    let padded = identifier + [0xFE, 2, 0, 0, 9, 9] + [0x80, 0, 0, 0] + identifier + stored.dropFirst(10)
    #expect(try SnappyFraming.decode(padded, limitBytes: 9) == Array("123456789".utf8))
    #expect(try SnappyFraming.decode([], limitBytes: 9) == [])
    #expect(throws: TransportError.self) { try SnappyFraming.decode(identifier + [2, 0, 0, 0], limitBytes: 9) }
    #expect(throws: TransportError.self) {
      try SnappyFraming.decode(Array(stored.dropFirst(10)), limitBytes: 9)
    }
    // A chunk that announces more than a chunk may hold is refused by its head.
    #expect(throws: TransportError.self) {
      var decoder = SnappyFrameDecoder(limitBytes: 1 << 30)
      var output: [UInt8] = []
      try decoder.decode(identifier + [1, 0xFF, 0xFF, 0xFF], into: &output)
    }
  }

  @Test func checksumsOfAllLengthsAreThoseOfTheBitwiseDefinition() {
    let bytes = (0..<40).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
    for length in 0...bytes.count {
      var value = ~UInt32(0)
      for byte in bytes.prefix(length) {
        value ^= UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      }
      #expect(CRC32C.checksum(bytes.prefix(length)) == ~value)
    }
  }

  @Test func snappyBlocksThatLieAboutTheirLengthGetNoMemory() throws {
    // 1 GiB announced by five bytes.
    let error = #expect(throws: TransportError.self) {
      try SnappyBlock.decode([0x80, 0x80, 0x80, 0x80, 0x04, 0x00, 0x41], limitBytes: 2 << 30)
    }
    #expect(error?.code == .malformed)
    let block = try SnappyBlock.encode(Array("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".utf8))
    #expect(try SnappyBlock.decode(block, limitBytes: 43).count == 43)
    for length in 0..<block.count {
      #expect(throws: TransportError.self) { try SnappyBlock.decode(Array(block.prefix(length)), limitBytes: 100) }
    }
    #expect(try SnappyBlock.decode(SnappyBlock.encode([]), limitBytes: 0) == [])
  }

  @Test func acceptEncodingChoosesWhatTheClientWeighsMost() {
    let cases: [(String?, ContentCoding)] = [
      (nil, .identity), ("", .identity), ("gzip", .gzip), ("gzip, zstd", .zstd), ("zstd;q=0.5, gzip", .gzip),
      ("GZIP;Q=0.8", .gzip), ("gzip;q=0", .identity), ("*", .zstd), ("*;q=0.1, zstd;q=0", .gzip),
      ("br, deflate", .identity),
      ("identity, gzip;q=0.5", .identity), ("gzip;q=1.000, zstd;q=0.999", .gzip), ("gzip;q=x", .identity),
      ("x-gzip", .gzip), ("gzip;q=99999999999999999999999", .identity),
    ]
    for (header, coding) in cases {
      #expect(ContentCoding.negotiated(acceptEncoding: header) == coding, "\(header ?? "nil")")
    }
  }
}
