// The small parts of the protocol: frames, timeouts, metadata, outcomes.
import TestSupport
import Testing

@testable import Transport

@Suite struct GRPCProtocolTests {
  private func frames(_ messages: [[UInt8]]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (index, message) in messages.enumerated() {
      GRPCFraming.append(message, compressed: index % 2 == 1, to: &bytes)
    }
    return bytes
  }

  @Test func framesAreFoundWhateverThePartsAre() throws {
    let messages: [[UInt8]] = [[], [1], Array(0...255), [], [UInt8](repeating: 7, count: 3_000), [9, 9]]
    let bytes = frames(messages)
    #expect(bytes.prefix(11) == [0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1])
    var random = SplitMix64(seed: 3)
    for round in 0..<200 {
      var deframer = GRPCDeframer(maxMessageBytes: 3_000)
      var found: [GRPCDeframer.Frame] = []
      var position = 0
      while position < bytes.count {
        let size = round == 0 ? 1 : Int(random.next() % UInt64([3, 40, 5_000][round % 3])) + 1
        let end = min(position + size, bytes.count)
        deframer.push(Array(bytes[position..<end]))
        position = end
        while let frame = try deframer.next() { found.append(frame) }
      }
      try deframer.finish()
      #expect(found.map(\.bytes) == messages)
      #expect(found.map(\.isCompressed) == messages.indices.map { $0 % 2 == 1 })
    }
  }

  @Test func batchesHoldTheSameMessagesWhateverThePartsAre() throws {
    let messages: [[UInt8]] = [[], [1], Array(0...255), [], [UInt8](repeating: 7, count: 3_000), [9, 9]]
    var bytes: [UInt8] = []
    for (index, message) in messages.enumerated() {
      try (index % 2 == 0 ? GRPCCompression.gzip : .identity).appendFrame(message, to: &bytes)
    }
    var random = SplitMix64(seed: 4)
    for round in 0..<200 {
      var deframer = GRPCDeframer(maxMessageBytes: 3_000)
      var found: [[UInt8]] = []
      var position = 0
      while position < bytes.count {
        let size = round == 0 ? bytes.count : Int(random.next() % UInt64([3, 40, 5_000][round % 3])) + 1
        let end = min(position + size, bytes.count)
        deframer.push(Array(bytes[position..<end]))
        position = end
        while let batch = try deframer.nextBatch() {
          let plain = try batch.decompressed(.gzip, limitBytes: 3_000)
          #expect(plain.count == Array(plain).count && plain.count > 0)
          for range in plain { found.append(Array(plain.bytes[range])) }
        }
      }
      try deframer.finish()
      #expect(found == messages)
    }
  }

  @Test func aBatchEndsBeforeWhatIsRefused() throws {
    for refused: [UInt8] in [[0, 0, 0, 0x03, 0xE9, 1], [2, 0, 0, 0, 0]] {
      var deframer = GRPCDeframer(maxMessageBytes: 1_000)
      deframer.push(frames([[1, 2], [3]]) + refused)
      // The second one is compressed, and so comes alone.
      for message: [UInt8] in [[1, 2], [3]] {
        let batch = try #require(try deframer.nextBatch())
        #expect(batch.map { Array(batch.bytes[$0]) } == [message])
      }
      #expect(throws: GRPCStatus.self) { try deframer.nextBatch() }
    }
  }

  @Test func lengthsAboveTheLimitAreRefusedByTheirPrefix() {
    for (length, prefix) in [(1_001, [0, 0, 0, 0x03, 0xE9]), (0xFFFF_FFFF, [1, 0xFF, 0xFF, 0xFF, 0xFF])] {
      var deframer = GRPCDeframer(maxMessageBytes: 1_000)
      deframer.push(prefix.map { UInt8($0) })
      let error = #expect(throws: GRPCStatus.self) { try deframer.next() }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message == "grpc: received message larger than max (\(length) vs. 1000)")
    }
  }

  @Test func anUnknownFlagIsRefused() {
    var deframer = GRPCDeframer(maxMessageBytes: 1_000)
    deframer.push([2, 0, 0, 0, 0])
    let error = #expect(throws: GRPCStatus.self) { try deframer.next() }
    #expect(error == GRPCStatus(.internal, "grpc: received unexpected payload format 2"))
  }

  @Test func anEndInsideAMessageIsUnexpected() throws {
    let bytes = frames([[1, 2, 3]])
    for length in 1..<bytes.count {
      var deframer = GRPCDeframer(maxMessageBytes: 1_000)
      deframer.push(Array(bytes.prefix(length)))
      #expect(try deframer.next() == nil)
      #expect(throws: GRPCStatus(.internal, "unexpected EOF")) { try deframer.finish() }
    }
  }

  @Test func timeoutsAreReadInAllUnits() {
    let cases: [(String, Duration?)] = [
      ("1H", .seconds(3_600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("1500m", .milliseconds(1_500)),
      ("7u", .microseconds(7)), ("0n", .zero), ("99999999n", .nanoseconds(99_999_999)),
      ("99999999H", .nanoseconds(Int64.max)), ("", nil), ("S", nil), ("5", nil), ("5s", nil), ("-5S", nil),
      ("123456789S", nil), ("1.5S", nil), ("５S", nil), (" 5S", nil),
    ]
    for (text, duration) in cases { #expect(GRPCTimeout.parse(text) == duration, "\(text)") }
  }

  @Test func timeoutsAreWrittenInEightDigitsAndNeverShorter() throws {
    var random = SplitMix64(seed: 4)
    #expect(GRPCTimeout.format(.milliseconds(1)) == "1000000n")
    #expect(GRPCTimeout.format(.seconds(10)) == "10000000u")
    #expect(GRPCTimeout.format(.zero) == "0n")
    #expect(GRPCTimeout.format(.seconds(-4)) == "0n")
    for _ in 0..<2_000 {
      let duration = Duration.nanoseconds(Int64(bitPattern: random.next() >> (1 + random.next() % 60)))
      let text = GRPCTimeout.format(duration)
      #expect(text.utf8.count <= 9)
      let parsed = try #require(GRPCTimeout.parse(text))
      #expect(parsed >= duration)
      #expect(parsed <= duration + duration / 10_000 + .nanoseconds(1))
    }
  }

  @Test func base64IsThatOfTheSpecification() {
    let pairs = [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ]
    for (text, encoded) in pairs {
      #expect(Base64.encoded(Array(text.utf8)) == encoded)
      #expect(Base64.decoded(encoded) == Array(text.utf8))
      let bare = encoded.filter { $0 != "=" }
      #expect(Base64.encoded(Array(text.utf8), padded: false) == bare)
      #expect(Base64.decoded(bare) == Array(text.utf8))
    }
    for wrong in ["Z", "Zg=", "Zg===", "=", "Zm9v=", "Zm-v", "Zm 9", "====", "Zé"] {
      #expect(Base64.decoded(wrong) == nil, "\(wrong)")
    }
    let all = (0...255).map { UInt8($0) }
    #expect(Base64.decoded(Base64.encoded(all)) == all)
  }

  @Test func metadataLeavesOutWhatTheProtocolOwns() throws {
    let headers: HTTPHeaders = [
      "content-type": "application/grpc", "te": "trailers", "grpc-timeout": "1S", "user-agent": "x/1",
      "thanos-tenant": "team-a", "trace-bin": "AQID", "trace-bin": "BA==,BQ",
    ]
    let metadata = try GRPCMetadata.metadata(of: headers)
    #expect(metadata.map(\.name) == ["user-agent", "thanos-tenant", "trace-bin", "trace-bin"])
    #expect(try metadata.binary("trace-bin") == [[1, 2, 3], [4], [5]])
    #expect(throws: GRPCStatus(.internal, "malformed binary metadata \"???\" in header \"a-bin\"")) {
      try GRPCMetadata.metadata(of: ["a-bin": "???"])
    }
  }

  @Test func metadataThatMayNotBeSentIsLeftOut() {
    var headers = HTTPHeaders()
    GRPCMetadata.add(
      ["a": "1", "grpc-status": "0", "b": "line\nbreak", "sp ace": "x", "": "y", "c_d.e-f": "~", "k": "schön"],
      to: &headers)
    #expect(headers == ["a": "1", "c_d.e-f": "~"])
  }

  @Test func messagesOfOutcomesArePercentEncoded() {
    #expect(GRPCStatus.percentEncoded("plain text") == "plain text")
    #expect(GRPCStatus.percentEncoded("50 % of\nü") == "50 %25 of%0A%C3%BC")
    for text in ["", "a%b", "ü€🎈", "\u{7f}\u{0}", "100%"] {
      #expect(GRPCStatus.percentDecoded(GRPCStatus.percentEncoded(text)) == text)
    }
    #expect(GRPCStatus.percentDecoded("a%zz%4") == "a%zz%4")
    #expect(GRPCStatus.percentDecoded("%41%") == "A%")
  }

  @Test func outcomesTravelInTrailers() {
    for code in GRPCStatus.Code.allCases {
      var trailers = HTTPHeaders()
      let status = GRPCStatus(code, "no — 100 %", details: [8, 5, 255])
      status.write(to: &trailers)
      #expect(GRPCStatus(trailers: trailers) == status)
    }
    #expect(GRPCStatus(trailers: [:]) == nil)
    #expect(GRPCStatus(trailers: ["grpc-status": "99"])?.code == .unknown)
    #expect(GRPCStatus(trailers: ["grpc-status": "x", "grpc-message": "m"]) == GRPCStatus(.unknown, "m"))
  }

  @Test func codesHaveTheNamesOfMetrics() {
    #expect(GRPCStatus.Code.allCases.map(\.rawValue) == Array(0...16))
    #expect(GRPCStatus.Code.cancelled.name == "Canceled")
    #expect(GRPCStatus.Code.unauthenticated.name == "Unauthenticated")
    #expect(
      GRPCStatus(.notFound, "gone").description == "rpc error: code = NotFound desc = gone")
  }

  @Test func errorsWithoutACodeAreUnknownWithTheirText() {
    struct Odd: Error, CustomStringConvertible { var description: String { "odd" } }
    #expect(GRPCStatus(of: Odd()) == GRPCStatus(.unknown, "odd"))
    #expect(GRPCStatus(of: CancellationError()).code == .cancelled)
    #expect(GRPCStatus(of: TransportError(.limit, "too long")) == GRPCStatus(.resourceExhausted, "too long"))
  }

  @Test func textIsQuotedAsGoDoes() {
    #expect(quoted("a\"b\\c\n\u{1}ü") == "\"a\\\"b\\\\c\\n\\x01ü\"")
  }
}
