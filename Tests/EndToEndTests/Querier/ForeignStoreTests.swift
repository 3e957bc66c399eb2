// Stores that misbehave, beside a good one: the answer is right or says what is missing, and the querier lives.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ForeignStoreTests {
  /// A store of gRPC's own; Tests/PeerPrograms/foreign_store.py lists what may be wrong with it.
  private final class ForeignStore {
    let process: RunningProcess
    let address: String

    init(_ mode: String) throws {
      process = try RunningProcess(
        Peers.require("python"), [Fixtures.repository + "/Tests/PeerPrograms/foreign_store.py", mode],
        environment: ["GRPC_VERBOSITY": "NONE"])
      let end = Date() + 30
      var port: Substring?
      while port == nil, Date() < end, process.poll() == nil {
        let words = String(decoding: process.output, as: UTF8.self).split(separator: "\n").first?.split(separator: " ")
        if words?.first == "port" { port = words?.last }
        usleep(20_000)
      }
      guard let port else { throw TestSupportError("foreign_store.py did not start: \(process.errors)") }
      address = "127.0.0.1:\(port)"
    }

    deinit { process.kill(SIGKILL) }
  }

  /// A mode, what of the five series may be there, what a warning or an error says, and the status that an answer may have.
  struct Case: Sendable, CustomTestStringConvertible {
    var mode: String
    var numbers: Set<String>
    var says: String?
    var statuses: [Int] = [200]
    var testDescription: String { mode }
  }

  static let all: Set<String> = ["1", "2", "3", "4", "5"]
  static let cases = [
    Case(mode: "good", numbers: all), Case(mode: "loose", numbers: all), Case(mode: "replicas", numbers: all),
    Case(mode: "hang", numbers: [], says: "any data in 3000ms"),
    Case(mode: "silent", numbers: ["1", "2"], says: "any data in 3000ms"),
    Case(mode: "aborts", numbers: ["1", "2"], says: "asked to fail"),
    Case(mode: "exits", numbers: ["1", "2"], says: "receive series from"),
    Case(mode: "disorder", numbers: ["1", "3"], says: "not in order"),
    Case(mode: "garbage", numbers: ["1"], says: "no SeriesResponse"),
    Case(mode: "badchunk", numbers: ["1", "3", "4", "5"], says: "decode a chunk of a series"),
    Case(mode: "huge", numbers: [], says: "query.max-memory", statuses: [422]),
    Case(mode: "endless", numbers: [], statuses: [422, 503]),
  ]

  private func ask(_ querier: RunningQuerier, _ query: String, storeMatch: String? = nil) async throws -> QueryAnswer {
    let reply = try await post(
      querier.url + "/api/v1/query",
      [("query", query), ("time", "1748743100")] + (storeMatch.map { [("storeMatch[]", $0)] } ?? []))
    return try QueryAnswer(status: reply.status, body: reply.body)
  }

  @Test(.needsPeers("python"), arguments: cases) func aBadStoreCostsItsOwnData(_ one: Case) async throws {
    let good = try RunningStore(blocks: [try Fixtures.block("prometheus/block-floats")])
    let bad = try ForeignStore(one.mode)
    let querier = try RunningQuerier(
      [good.grpc, bad.address],
      flags: [
        "--query.replica-label=replica", "--query.max-memory=64MiB", "--query.timeout=8s",
      ] + (["hang", "silent"].contains(one.mode) ? ["--store.response-timeout=3s"] : []))
    try querier.waitForStores(2)
    let answer = try await ask(querier, "foreign or {__name__=~\".*gauge\"}")
    #expect(one.statuses.contains(answer.status), "\(answer.status) \(answer.error ?? "")")
    if answer.status == 200 {
      let numbers = answer.series.keys.filter { $0.contains("foreign") }
        .map { String($0.split(separator: "=").last ?? "") }
      #expect(Set(numbers) == one.numbers, "\(numbers) \(answer.warnings)")
      #expect(answer.series.keys.count { $0.contains("gauge") } >= 10)
    }
    if let says = one.says {
      let texts = answer.warnings.union([answer.error ?? ""])
      #expect(texts.contains { $0.contains(says) }, "\(texts)")
    } else {
      #expect(answer.warnings.isEmpty, "\(answer.warnings)")
    }
    // What is asked next of the good one is answered, and nothing is held.
    let next = try await ask(querier, "count({__name__=~\".*gauge\"})", storeMatch: "{__address__=\"\(good.grpc)\"}")
    #expect(next.status == 200 && next.series.count == 1, "\(next.error ?? "")")
    #expect(querier.process.poll() == nil)
    try await memoryIsGivenBack(querier)
  }

  private func memoryIsGivenBack(_ querier: RunningQuerier) async throws {
    let end = Date() + 20
    var line = ""
    while Date() < end {
      line =
        try querier.get("/metrics").split(separator: "\n").first { $0.hasPrefix("apus_query_memory_bytes") }
        .map(String.init) ?? ""
      if line == "apus_query_memory_bytes 0" { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("memory is still held: \(line)")
  }

  @Test(.needsPeers("python")) func withoutPartialResponsesABadStoreIsAnError() async throws {
    let good = try RunningStore(blocks: [try Fixtures.block("prometheus/block-floats")])
    let bad = try ForeignStore("aborts")
    let querier = try RunningQuerier([good.grpc, bad.address], flags: ["--no-query.partial-response"])
    try querier.waitForStores(2)
    let answer = try await ask(querier, "foreign")
    #expect(answer.status == 422 && answer.error?.contains("asked to fail") == true, "\(answer.error ?? "")")
    let asked = try await post(
      querier.url + "/api/v1/query", [("query", "foreign"), ("time", "1748743100"), ("partial_response", "true")])
    #expect(try QueryAnswer(status: asked.status, body: asked.body).series.count == 2)
  }

  @Test(.needsPeers("python")) func aMillionNamesAreRead() async throws {
    let bad = try ForeignStore("names")
    let querier = try RunningQuerier([bad.address])
    try querier.waitForStores(1)
    let names = try querier.get("/api/v1/labels", "-m", "60")
    #expect(names.hasPrefix(#"{"status":"success","data":["n0000000","n0000001","#) && names.utf8.count > 11_000_000)
    let few = try querier.get("/api/v1/labels?limit=2", "-m", "60")
    #expect(few.contains(#"["n0000000","n0000001"]"#) && few.contains("truncated due to limit"))
    let small = try RunningQuerier([bad.address], flags: ["--query.max-memory=8MiB"])
    try small.waitForStores(1)
    #expect(try small.get("/api/v1/labels", "-m", "60").contains("query.max-memory"))
    #expect(small.process.poll() == nil)
  }

  @Test(.needsPeers("python")) func storesThatGoAndComeAreTold() async throws {
    let good = try RunningStore(blocks: [try Fixtures.block("prometheus/block-floats")])
    var gone: ForeignStore? = try ForeignStore("good")
    let address = try #require(gone).address
    let querier = try RunningQuerier([good.grpc, address], flags: ["--endpoint.info-timeout=1s"])
    try querier.waitForStores(2)
    #expect(try await ask(querier, "count(foreign)").warnings.isEmpty)
    gone = nil
    let end = Date() + 20
    var answer = try await ask(querier, "count(foreign)")
    while !answer.warnings.contains(where: { $0.contains("no answer from store Addr: \(address)") }), Date() < end {
      // Until it is known to be gone, the call itself fails.
      #expect(!answer.warnings.isEmpty, "an answer without the store, and without a word")
      try await Task.sleep(for: .milliseconds(50))
      answer = try await ask(querier, "count(foreign)")
    }
    #expect(answer.warnings.contains { $0.contains("no answer from store") }, "\(answer.warnings)")
    #expect(try querier.get("/api/v1/stores").contains("refused"))
  }
}
