// Requests that ask for more than they may, with the texts that a real gateway was recorded with.
import StoreAPI
import StoreServing
import TSModel
import TestSupport
import Testing
import Transport

@Suite(.needsShared) struct LimitTests {
  /// Blocks were asked in parallel there: which of them was one too many, and by how much, was chance.
  private func shape(_ message: String) -> String {
    message.replacing(/0[0-9A-Z]{25}/, with: "ULID").replacing(/got \d+/, with: "got N")
  }

  @Test func seriesAndChunkLimitsAreRefusedAsRecorded() async throws {
    let store = try recordedStore {
      $0.limits.seriesMax = 8
      $0.limits.samplesMax = 600
    }
    var seen = 0
    for call in try CapturedCall.all("store-limits.errors") {
      let answer = await answer(call, store)
      #expect(answer.status.code.rawValue == call.status, "\(call.place) \(call.name)")
      #expect(shape(answer.status.message) == shape(call.message), "\(call.place) \(call.name)")
      seen += 1
    }
    #expect(seen > 35)
  }

  @Test func touchedSeriesAndSamplesAreRefusedAsRecorded() async throws {
    let store = try recordedStore {
      $0.limits.seriesMax = 20
      $0.limits.samplesMax = 1000
    }
    var seen = 0
    for call in try CapturedCall.all("store-grpc-limits.errors")
    where call.message.contains("series limit") || call.message.contains("chunks limit") {
      let answer = await answer(call, store)
      #expect(shape(answer.status.message) == shape(call.message), "\(call.place) \(call.name)")
      seen += 1
    }
    #expect(seen >= 2)
  }

  @Test func bytesAreRefused() async throws {
    let store = try recordedStore { $0.limits.bytesMax = 9216 }
    let error = await #expect(throws: GRPCStatus.self) { try await series(store) }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message.contains("exceeded bytes limit while fetching") == true)
  }

  @Test func aSamplesLimitBelowAChunkAllowsOne() async throws {
    let store = try recordedStore { $0.limits.samplesMax = 1 }
    let error = await #expect(throws: GRPCStatus.self) { try await series(store) }
    #expect(error?.message.contains("exceeded chunks limit: limit 1 violated (got 2)") == true)
  }

  /// Whatever the memory, the answer is whole or the call fails by name, and nothing stays charged.
  @Test func memoryIsBoundedAndGivenBack() async throws {
    let process = MemoryBudget(name: "process", limitBytes: 64 << 20)
    var (whole, refused) = (0, 0)
    for size in [0, 1 << 10, 8 << 10, 32 << 10, 128 << 10, 512 << 10, 8 << 20] {
      var options = LocalStoreOptions()
      options.limits.memoryBytesMax = size
      let store = LocalStore(catalog: try recordedCatalog(), options: options, budget: process)
      do {
        try await series(store)
        whole += 1
      } catch let status as GRPCStatus {
        #expect(status.code == .resourceExhausted)
        #expect(status.message.contains("memory limit of request"))
        refused += 1
      }
      #expect(process.usedBytes == 0)
    }
    #expect(whole > 0 && refused > 0)
    #expect(process.peakBytes > 0)
  }

  private func series(_ store: LocalStore) async throws {
    var request = SeriesRequest()
    (request.minTimeMs, request.maxTimeMs) = (1_772_413_200_000, 1_772_413_800_000)
    request.matchers = [LabelMatcherMessage(try LabelMatcher(.equal, name: "__name__", value: "http_requests_total"))]
    let collected = Collected()
    try await store.series(request) { try collected.add($0) }
    #expect(try JoinedSeries(collected.messages).labels.count == 30)
  }
}
