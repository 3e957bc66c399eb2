import TSModel
import TestSupport
import Testing

/// A message with a field of every kind, and itself inside.
private struct Sample: ProtobufMessage {
  var number: UInt64 = 0
  var signed: Int64 = 0
  var zigzag: Int64 = 0
  var flag = false
  var ratio = 0.0
  var text = ""
  var blob: [UInt8] = []
  var inner: [Sample] = []
  var counts: [UInt64] = []
  var doubles: [Double] = []

  init() {}

  mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: number = try reader.uint64()
    case 2: signed = try reader.int64()
    case 3: zigzag = try reader.sint64()
    case 4: flag = try reader.bool()
    case 5: ratio = try reader.double()
    case 6: text = try reader.string()
    case 7: blob = try reader.byteArray()
    case 8: inner.append(try reader.message())
    case 9: try reader.repeated(into: &counts) { $0 }
    case 10: try reader.repeatedDouble(into: &doubles)
    default: break
    }
  }

  func write(to writer: inout ProtobufWriter) {
    writer.uint64(field: 1, number)
    writer.int64(field: 2, signed)
    writer.sint64(field: 3, zigzag)
    writer.bool(field: 4, flag)
    writer.double(field: 5, ratio)
    writer.string(field: 6, text)
    writer.bytes(field: 7, blob)
    writer.messages(field: 8, inner)
    writer.packed(field: 9, counts)
    writer.packedDoubles(field: 10, doubles)
  }

  static func random(_ random: inout SplitMix64, depth: Int = 0) -> Sample {
    var value = Sample()
    value.number = random.next() >> UInt64(random.below(64))
    value.signed = Int64(bitPattern: random.next()) >> Int64(random.below(64))
    value.zigzag = Int64(bitPattern: random.next()) >> Int64(random.below(64))
    value.flag = random.below(2) == 1
    value.ratio = random.unit() - 0.5
    value.text = String(repeating: "ü", count: random.below(100))
    value.blob = (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
    if depth < 3 { value.inner = (0..<random.below(3)).map { _ in Sample.random(&random, depth: depth + 1) } }
    value.counts = (0..<random.below(5)).map { _ in random.next() >> UInt64(random.below(64)) }
    value.doubles = (0..<random.below(5)).map { _ in random.unit() }
    return value
  }
}

@Suite struct ProtobufTests {
  @Test func defaultsAreNotWritten() { #expect(Sample().encoded() == []) }

  @Test func numbersAreWrittenAsTheFormatSays() throws {
    var value = Sample()
    value.number = 150
    value.signed = -1
    value.zigzag = -2
    let bytes: [UInt8] = [0x08, 0x96, 0x01, 0x10] + [UInt8](repeating: 0xFF, count: 9) + [0x01, 0x18, 0x03]
    #expect(value.encoded() == bytes)
    #expect(try Sample(protobuf: bytes) == value)
  }

  @Test func roundTrips() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<300 {
      let value = Sample.random(&random)
      #expect(try Sample(protobuf: value.encoded()) == value)
    }
  }

  @Test func repeatedNumbersAreReadPackedAndOneByOne() throws {
    #expect(try Sample(protobuf: [0x48, 1, 0x4A, 3, 2, 0x80, 1, 0x48, 4]).counts == [1, 2, 128, 4])
    let one = Double(1).bitPattern
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: one >> (8 * $0)) }
    #expect(try Sample(protobuf: [0x51] + bytes + [0x52, 16] + bytes + bytes).doubles == [1, 1, 1])
  }

  @Test func unknownFieldsOfEveryFormAreSteppedOver() throws {
    let unknown: [UInt8] =
      [0xA0, 0x06, 0xFF, 0x01] + [0xA1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8] + [0xA2, 0x06, 2, 9, 9] + [
        0xA5, 0x06, 1, 2, 3, 4,
      ]
      // A group with a field and a group inside.
      + [0xA3, 0x06, 0x08, 1, 0x13, 0x14, 0xA4, 0x06]
    #expect(try Sample(protobuf: unknown + [0x08, 5] + unknown).number == 5)
  }

  @Test func theEndInTheMiddleOfAFieldIsUnexpected() {
    for bytes: [UInt8] in [
      [0x08], [0x08, 0x80], [0x32, 5, 65], [0x29, 1, 2], [0x4A, 2, 0x80, 0x80, 0x01], [0xA3, 0x06],
    ] {
      let error = #expect(throws: ModelError.self) { try Sample(protobuf: bytes) }
      #expect(error?.code == .malformed && error?.message == "unexpected EOF", "\(bytes)")
    }
  }

  @Test func whatCannotBeATagOrANumberIsRefused() {
    // Field 0, wire type 6, an end without begin, a begin with another's end, eleven bytes of number, text as a number.
    for bytes: [UInt8] in [
      [0x00, 1], [0x0E, 1], [0x0C], [0xA3, 0x06, 0x0C], [0x08] + [UInt8](repeating: 0xFF, count: 11),
      [0x32, 0, 0x0A, 0],
    ] {
      let error = #expect(throws: ModelError.self) { try Sample(protobuf: bytes) }
      #expect(error?.code == .malformed, "\(bytes)")
    }
  }

  @Test func lengthsBeyondTheEndAllocateNothing() {
    let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
    for tag: UInt8 in [0x32, 0x3A, 0x42, 0x4A, 0x52, 0x7A] {
      #expect(throws: ModelError.self) { try Sample(protobuf: [tag] + huge) }
    }
  }

  @Test func messagesNestedTooDeepAreRefused() throws {
    func nested(_ depth: Int) -> [UInt8] {
      var bytes: [UInt8] = []
      for _ in 0..<depth {
        var writer = ProtobufWriter()
        writer.bytes(field: 8, bytes, always: true)
        bytes = writer.bytes
      }
      return bytes
    }
    _ = try Sample(protobuf: nested(ProtobufReader.depthMax))
    #expect(throws: ModelError.self) { try Sample(protobuf: nested(ProtobufReader.depthMax + 1)) }
    #expect(throws: ModelError.self) { try Sample(protobuf: [UInt8](repeating: 0x0B, count: 100_000)) }
  }

  @Test func damagedMessagesGiveAValueOrAnError() throws {
    var random = SplitMix64(seed: 11)
    for _ in 0..<(isLongTier ? 200 : 10) {
      let bytes = Sample.random(&random).encoded()
      for length in 0..<min(bytes.count, 1500) { _ = try? Sample(protobuf: Array(bytes[..<length])) }
      var damaged = bytes
      for bit in 0..<min(8 * bytes.count, 4000) {
        damaged[bit / 8] ^= 1 << (bit % 8)
        _ = try? Sample(protobuf: damaged)
        damaged[bit / 8] ^= 1 << (bit % 8)
      }
    }
  }
}
