// Every message that was recorded from real components is read, and written again to the very same bytes.
import StoreAPI
import TSModel
import TestSupport
import Testing

/// What decodes a message and encodes it again.
private typealias Again = @Sendable ([UInt8]) throws -> [UInt8]

private func again<Message: ProtobufMessage>(_: Message.Type) -> Again {
  { try Message(protobuf: $0).encoded() }
}

private let messages: [String: (request: Again, response: Again)] = [
  "/thanos.Store/Series": (again(SeriesRequest.self), again(SeriesResponse.self)),
  "/thanos.Store/LabelNames": (again(LabelNamesRequest.self), again(LabelNamesResponse.self)),
  "/thanos.Store/LabelValues": (again(LabelValuesRequest.self), again(LabelValuesResponse.self)),
  "/thanos.info.Info/Info": (again(InfoRequest.self), again(InfoResponse.self)),
  "/thanos.Rules/Rules": (again(RulesRequest.self), again(RulesResponse.self)),
  "/thanos.Targets/Targets": (again(TargetsRequest.self), again(TargetsResponse.self)),
  "/thanos.Metadata/MetricMetadata": (again(MetricMetadataRequest.self), again(MetricMetadataResponse.self)),
  "/thanos.Exemplars/Exemplars": (again(ExemplarsRequest.self), again(ExemplarsResponse.self)),
  "/thanos.Status/TSDBStatistics": (again(TSDBStatisticsRequest.self), again(TSDBStatisticsResponse.self)),
  "/thanos.Query/Query": (again(QueryRequest.self), again(QueryResponse.self)),
  "/thanos.Query/QueryRange": (again(QueryRangeRequest.self), again(QueryRangeResponse.self)),
  "/thanos.WriteableStore/RemoteWrite": (again(StoreWriteRequest.self), again(StoreWriteResponse.self)),
]

@Suite(.needsShared) struct RecordedMessagesTests {
  @Test(
    arguments: [
      "query", "receive-1", "receive-2", "rule", "sidecar", "sidecar-objstore", "sidecar-xor2", "store-fs",
      "store-minio",
      "store-limits.errors", "store-grpc-limits.errors",
    ])
  func writingAgainGivesTheSameBytes(_ capture: String) throws {
    var seen = 0
    for call in try CapturedCall.all(capture) {
      guard let (request, response) = messages[call.method] else { continue }
      seen += 1
      switch call.name {
      case "garbage_body":
        #expect(throws: ModelError.self, "\(call.place)") { try request(call.request) }
      case "invalid_label":
        // A text that is no UTF-8 is read with the wrong bytes replaced.
        #expect(try request(call.request).count > call.request.count, "\(call.place)")
      default:
        #expect(try request(call.request) == call.request, "\(call.place) \(call.method) \(call.name): request")
      }
      for (number, message) in call.responses.enumerated() {
        guard let back = try? response(message) else {
          Issue.record("\(call.place) \(call.method) \(call.name): answer \(number) is not read")
          continue
        }
        // The order of a map's entries is chance.
        if back == message { continue }
        let isMap = call.method.hasSuffix("MetricMetadata") || call.method.hasSuffix("TSDBStatistics")
        #expect(
          isMap && back.count == message.count && back.sorted() == message.sorted(),
          "\(call.place) \(call.method) \(call.name): answer \(number) of \(message.count) bytes became \(back.count)")
      }
    }
    #expect(seen > 10)
  }

  /// Decoders meet bytes from anyone: cut short and with every bit flipped they give a message or an error.
  @Test func damagedMessagesGiveAValueOrAnError() throws {
    var tried = 0
    var seen: Set<String> = []
    for capture in ["store-fs", "query", "sidecar", "receive-1"] {
      for call in try CapturedCall.all(capture) {
        guard let (request, response) = messages[call.method], seen.insert(call.method + call.name).inserted else {
          continue
        }
        for (decode, bytes) in [(request, call.request)] + call.responses.prefix(1).map({ (response, $0) }) {
          guard bytes.count <= (isLongTier ? 20_000 : 400) else { continue }
          for length in 0..<bytes.count { _ = try? decode(Array(bytes[..<length])) }
          var damaged = bytes
          for bit in 0..<8 * bytes.count {
            damaged[bit / 8] ^= 1 << (bit % 8)
            _ = try? decode(damaged)
            damaged[bit / 8] ^= 1 << (bit % 8)
          }
          tried += 1
        }
      }
    }
    #expect(tried > 100)
  }
}

@Suite struct HintTests {
  @Test func anotherKindOfMessageIsRefusedByName() throws {
    var any = AnyMessage()
    any.typeURL = "type.googleapis.com/foo.Bar"
    let error = #expect(throws: ModelError.self) {
      let _: SeriesRequestHints = try any.unpacked(named: "hintspb.SeriesRequestHints")
    }
    #expect(error?.message == #"mismatched message type: got "foo.Bar" want "hintspb.SeriesRequestHints""#)
  }

  @Test func hintsComeBackOutOfTheirPackage() throws {
    var hints = SeriesRequestHints()
    hints.wantsQueryStats = true
    let any = AnyMessage(packing: hints, named: "hintspb.SeriesRequestHints")
    #expect(any.typeURL == "type.googleapis.com/hintspb.SeriesRequestHints")
    #expect(try any.unpacked(named: "hintspb.SeriesRequestHints") == hints)
  }

  @Test func aMatcherOfNoKnownKindIsRefused() {
    var message = LabelMatcherMessage()
    message.kind = LabelMatcherKind(rawValue: 9)
    let error = #expect(throws: ModelError.self) { try message.matcher() }
    #expect(error?.message == "unrecognized label matcher type 9")
  }
}
