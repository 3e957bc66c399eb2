// Where an answer came from, that answers which lack a part can be refused, and parts of the series.
import Foundation
import TestSupport
import Testing

@Suite struct CoverageTests {
  private func coverage(_ querier: RunningQuerier, _ path: String, _ fields: [(String, String)]) async throws -> (
    body: [String: Any], coverage: [String: Any]
  ) {
    let reply = try await post(querier.url + path, fields + [("coverage", "true")])
    let body = try #require(try JSONSerialization.jsonObject(with: reply.body) as? [String: Any])
    return (
      body,
      try #require(body["coverage"] as? [String: Any], "\(String(decoding: reply.body.prefix(500), as: UTF8.self))")
    )
  }

  @Test(.needsShared) func tellsStoresBlocksAndTimes() async throws {
    let bucket = try #require(Fixtures.shared) + "/conformance/thanos/bucket"
    let store = try RunningStore(bucket: bucket)
    // Through a second querier the blocks are still known.
    let inner = try RunningQuerier([store.grpc])
    try inner.waitForStores(1)
    for address in [store.grpc, inner.grpc] {
      let querier = try RunningQuerier([address], flags: ["--query.replica-label=prom_replica"])
      try querier.waitForStores(1)
      let fields = [("query", "up"), ("start", "1777924800"), ("end", "1777932000"), ("step", "300")]
      let (body, coverage) = try await coverage(querier, "/api/v1/query_range", fields)
      #expect(body["status"] as? String == "success" && coverage["complete"] as? Bool == true)
      let stores = try #require(coverage["stores"] as? [[String: Any]])
      #expect(stores.count == 1 && stores[0]["address"] as? String == address)
      #expect(stores[0]["state"] as? String == "complete")
      #expect((stores[0]["series"] as? Int ?? 0) > 0 && (stores[0]["rawChunks"] as? Int ?? 0) > 0)
      #expect(stores[0]["downsampledChunks"] as? Int == 0)
      let blocks = try #require(stores[0]["blocks"] as? [[String: Any]], "\(stores[0])")
      for block in blocks {
        #expect((block["id"] as? String)?.count == 26 && block["resolution"] as? Int == 0)
        #expect((block["minTime"] as? Int ?? .max) <= 1_777_932_000_000)
        #expect((block["maxTime"] as? Int ?? 0) >= 1_777_924_800_000 - 300_000)
      }
      // Downsampled data is told as such.
      let coarse = try await self.coverage(
        querier, "/api/v1/query_range",
        [
          ("query", "flush_seconds{dc=\"oslo\"}"), ("start", "1775174400"), ("end", "1775433600"), ("step", "10800"),
          ("max_source_resolution", "1h"),
        ]
      ).coverage
      let part = try #require((coarse["stores"] as? [[String: Any]])?.first)
      #expect((part["downsampledChunks"] as? Int ?? 0) > 0)
      let resolutions = Set((part["blocks"] as? [[String: Any]] ?? []).compactMap { $0["resolution"] as? Int })
      #expect(resolutions.contains(3_600_000), "\(resolutions)")
      // Labels and series tell it, too.
      let labels = try await self.coverage(querier, "/api/v1/labels", [])
      #expect(
        labels.coverage["complete"] as? Bool == true && (labels.body["data"] as? [String])?.contains("dc") == true)
      let series = try await self.coverage(querier, "/api/v1/series", [("match[]", "up")])
      #expect((series.coverage["stores"] as? [[String: Any]])?.count == 1)
    }
    // Who does not ask is not told.
    let querier = try RunningQuerier([store.grpc])
    try querier.waitForStores(1)
    #expect(!(try querier.get("/api/v1/query?query=up")).contains("coverage"))
  }

  @Test func whatIsMissingIsToldOrRefused() async throws {
    let blocks = [try Fixtures.block("prometheus/block-floats")]
    let (good, gone) = (try RunningStore(blocks: blocks), try RunningStore(blocks: blocks))
    let flags = ["--endpoint.info-timeout=1s", "--store.unhealthy-timeout=1h"]
    let lenient = try RunningQuerier([good.grpc, gone.grpc], flags: flags)
    let strict = try RunningQuerier([good.grpc, gone.grpc], flags: flags + ["--query.require-coverage"])
    for querier in [lenient, strict] { try querier.waitForStores(2) }
    let query = [("query", "count({__name__=~\".+\"})"), ("time", "1748743100"), ("partial_response", "true")]
    let whole = try await post(strict.url + "/api/v1/query", query)
    #expect(whole.status == 200)
    gone.process.kill(SIGKILL)
    for _ in 0..<2 {
      let (body, coverage) = try await coverage(lenient, "/api/v1/query", query)
      #expect(body["status"] as? String == "success" && coverage["complete"] as? Bool == false)
      let stores = try #require(coverage["stores"] as? [[String: Any]])
      let states = Dictionary(
        uniqueKeysWithValues: stores.map { ($0["address"] as? String ?? "", $0["state"] as? String) })
      #expect(states == [good.grpc: "complete", gone.grpc: "failed"], "\(stores)")
      for path in ["/api/v1/query", "/api/v1/labels"] {
        let refused = try await post(strict.url + path, path == "/api/v1/query" ? query : [])
        #expect(refused.status == 422, "\(path): \(String(decoding: refused.body.prefix(300), as: UTF8.self))")
        #expect(String(decoding: refused.body, as: UTF8.self).contains(gone.grpc))
      }
      // Once with the calls that fail, once when the querier knows that the store is gone.
      try await Task.sleep(for: .seconds(2))
    }
  }

  @Test func partsOfTheSeriesAreAllOfThem() async throws {
    let store = try RunningStore(blocks: [try Fixtures.block("prometheus/block-floats")])
    let querier = try RunningQuerier([store.grpc])
    try querier.waitForStores(1)
    func series(_ shard: String?) async throws -> Set<String> {
      let reply = try await post(
        querier.url + "/api/v1/query",
        [("query", "{__name__=~\".+\"}"), ("time", "1748743100")] + (shard.map { [("shard_info", $0)] } ?? []))
      let answer = try QueryAnswer(status: reply.status, body: reply.body)
      #expect(reply.status == 200, "\(answer.error ?? "")")
      return Set(answer.series.keys)
    }
    let all = try await series(nil)
    #expect(all.count > 10)
    var together: Set<String> = []
    for index in 0..<3 {
      let part = try await series(
        "{\"shard_index\":\(index),\"total_shards\":3,\"by\":false,\"labels\":[\"__name__\"]}")
      #expect(together.isDisjoint(with: part))
      together.formUnion(part)
    }
    #expect(together == all)
    for (shard, says) in [("{", "shard_info"), ("[]", "no object"), ("{\"by\":1}", "by has another type")] {
      let reply = try await post(querier.url + "/api/v1/query", [("query", "up"), ("shard_info", shard)])
      #expect(reply.status == 400 && String(decoding: reply.body, as: UTF8.self).contains(says))
    }
  }
}
