// `apus query` over `apus store` answers what Thanos' querier was recorded to answer over the same bucket.
import Foundation
import TestSupport
import Testing

@Suite struct RecordedThanosTests {
  /// Each recorded querier with the flags that it had beside the common ones, and how many answers there are of it. Those that Thanos
  /// gets wrong are in docs/compatibility.tsv.
  private static let queriers: [(name: String, flags: [String], count: Int)] = [
    ("penalty", [], 100), ("chain", ["--deduplication.func=chain"], 13),
    ("dead", ["--endpoint-strict=127.0.0.1:1"], 19), ("auto", ["--query.auto-downsampling"], 6),
  ]

  @Test(.needsShared, .needsPeers("python")) func theRecordedQueriers() throws {
    let folder = try #require(Fixtures.shared) + "/conformance/thanos"
    let store = try RunningStore(bucket: folder + "/bucket")
    for (name, flags, count) in Self.queriers {
      let querier = try RunningQuerier(
        [store.grpc], flags: ["--query.replica-label=prom_replica", "--query.lookback-delta=5m"] + flags)
      try querier.waitForStores(1)
      let result = try compare(
        "compare-answers",
        [
          "--url", querier.url, folder + "/queries.jsonl.gz", "--where", "querier=\(name)", "--tolerance", "1e-6",
        ])
      #expect(result.failed == 0 && result.passed >= count, "\(name): \(result.text.suffix(4000))")
      say("answers of Thanos' querier \(name): \(result.passed) as recorded, \(result.failed) not")
    }
  }

  /// What docs/compatibility.tsv says of averages of downsampled histograms: their buckets add up to their count here.
  @Test(.needsShared) func averagesOfHistogramsAddUp() throws {
    let folder = try #require(Fixtures.shared) + "/conformance/thanos"
    let store = try RunningStore(bucket: folder + "/bucket")
    let querier = try RunningQuerier([store.grpc], flags: ["--query.replica-label=prom_replica"])
    try querier.waitForStores(1)
    for resolution in ["5m", "1h"] {
      let text = try querier.get(
        "/api/v1/query_range", "-G", "--data-urlencode", "query=flush_seconds{dc=\"oslo\"}", "-d", "start=1775174400",
        "-d", "end=1775433600", "-d", "step=10800", "-d", "max_source_resolution=\(resolution)")
      let answer = try QueryAnswer(status: 200, body: Data(text.utf8))
      var seen = 0
      for series in answer.series.values {
        for (_, value) in series {
          guard case .histogram(let count, _, let buckets) = value else { continue }
          let sum = buckets.reduce(0) { $0 + (Double($1[3]) ?? .nan) }
          #expect(abs(sum - (Double(count) ?? .nan)) <= 1e-9 * sum, "\(resolution): \(sum) in buckets, \(count) in all")
          seen += 1
        }
      }
      #expect(seen > 10)
    }
  }

  @Test(.needsShared, .needsPeers("python")) func hasTheSurfaceOfTheRealQuerier() throws {
    let flags = try compare("check-surface", ["cli", BuiltProgram.apus, "query"])
    #expect(flags.failed == 0, "\(flags.text)")
    let store = try RunningStore(blocks: [try Fixtures.block("thanos/live-sidecar")])
    let querier = try RunningQuerier([store.grpc])
    try querier.waitForStores(1)
    _ = try querier.get("/api/v1/query?query=count(up)")
    let metrics = try compare("check-surface", ["metrics", "query", "http://\(querier.http)"])
    #expect(metrics.failed == 0, "\(metrics.text)")
    let paths = try compare("check-surface", ["http", "query", "http://\(querier.http)"])
    #expect(paths.failed == 0, "\(paths.text)")
  }
}
