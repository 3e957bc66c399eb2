// A querier over a querier: what the inner one offers over gRPC is as good as the stores themselves.
import Foundation
import TestSupport
import Testing

@Suite struct LayeredQuerierTests {
  /// The answers of Thanos' querier that were recorded over a bucket, asked through two queriers.
  @Test(.needsShared, .needsPeers("python")) func theRecordedAnswersThroughTwoLayers() throws {
    let folder = try #require(Fixtures.shared) + "/conformance/thanos"
    let store = try RunningStore(bucket: folder + "/bucket")
    let inner = try RunningQuerier([store.grpc], flags: ["--query.replica-label=other"])
    try inner.waitForStores(1)
    for (name, flags, count) in [("penalty", [], 100), ("chain", ["--deduplication.func=chain"], 13)] {
      let outer = try RunningQuerier(
        [inner.grpc], flags: ["--query.replica-label=prom_replica", "--query.lookback-delta=5m"] + flags)
      try outer.waitForStores(1)
      let result = try compare(
        "compare-answers",
        ["--url", outer.url, folder + "/queries.jsonl.gz", "--where", "querier=\(name)", "--tolerance", "1e-6"])
      #expect(result.failed == 0 && result.passed >= count, "\(name): \(result.text.suffix(4000))")
      say("answers of Thanos' querier \(name) through two queriers: \(result.passed) as recorded")
    }
  }

  /// Recorded calls to Thanos' querier whose answers do not depend on what was scraped then.
  @Test(.needsShared, .needsPeers("python")) func theRecordedCallsThatNeedNoData() throws {
    let shared = try #require(Fixtures.shared)
    let store = try RunningStore(bucket: shared + "/conformance/thanos/bucket")
    let querier = try RunningQuerier([store.grpc])
    try querier.waitForStores(1)
    let cases =
      "no_matchers|bad_regex|bad_matcher_type|unknown_metric|min_gt_max|out_of_range|unknown_label|ext_mismatch"
      + "|replica_without_replica|engine_9|string|matrix|bad_expr|empty_expr|zero_step|end_lt_start|string_range"
      + "|unimplemented_here|unknown_service|health_check|health_check_unknown|no_selector|empty|scalar"
    let result = try compare(
      "replay-grpc",
      [
        "--target", querier.grpc, shared + "/fixtures/thanos/captures/grpc/query.jsonl.gz", "--case",
        "^(\(cases))$|engine_9$",
      ])
    #expect(result.failed == 0 && result.passed >= 25, "\(result.text.suffix(4000))")
    say("recorded gRPC calls to Thanos' querier: \(result.passed) as recorded, \(result.failed) not")
  }

  private struct Answer: Decodable {
    struct Series: Decodable {
      let labels: [String: String]
      let samples: [(timeMs: Int64, value: Double)]
      let histogramCount: Int

      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        labels = try list.decode([String: String].self)
        var samples = try list.nestedUnkeyedContainer()
        var found: [(timeMs: Int64, value: Double)] = []
        while !samples.isAtEnd {
          var pair = try samples.nestedUnkeyedContainer()
          let timeMs = try pair.decode(Int64.self)
          found.append((timeMs, Double(try pair.decode(String.self)) ?? .nan))
        }
        self.samples = found
        histogramCount = try list.decode(Int.self)
      }
    }

    var series: [Series]?
    var warnings: [String]?
    var batches: Int?
    var code: Int?
    var error: String?
  }

  /// What thanos.Query answers is what the HTTP API answers.
  @Test(.needsShared, .needsPeers("python")) func queriesOverGRPCAndHTTPAreAlike() async throws {
    let shared = try #require(Fixtures.shared)
    let store = try RunningStore(bucket: shared + "/conformance/thanos/bucket")
    let querier = try RunningQuerier([store.grpc], flags: ["--query.replica-label=prom_replica"])
    try querier.waitForStores(1)
    let (start, end, step) = (1_777_924_800, 1_777_932_000, 300)
    let queries = [
      "sum by (dc) (rate(grpc_calls_total[10m]))", "up", "topk(3, up)", "call_seconds", "rate(call_seconds[5m])",
      "max_over_time(up[3h])", "1 + 1", "vector(time())", "count_values(\"v\", up)", "nothing_here",
    ]
    let lines = queries.flatMap { query in
      [
        // deduplicated, 2 series a message
        #"{"method":"QueryRange","fields":[[1,\#(json(query))],[2,\#(start)],[3,\#(end)],[4,\#(step)],[9,1],[10,1],[17,2]]}"#,
        #"{"method":"Query","fields":[[1,\#(json(query))],[2,\#(end)],[7,1],[8,1]]}"#,
      ]
    }
    let folder = try TemporaryFolder("calls")
    let path = folder.path + "/calls.jsonl"
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    let output = try runProcess(
      Peers.require("python"), [Fixtures.repository + "/Tests/PeerPrograms/query_client.py", querier.grpc], input: path)
    let answers = try output.outputText.split(separator: "\n").map {
      try JSONDecoder().decode(Answer.self, from: Data($0.utf8))
    }
    try #require(answers.count == lines.count, "\(output.outputText.prefix(500)) \(output.errorText.suffix(500))")
    var compared = 0
    for (index, query) in queries.enumerated() {
      for (isRange, answer) in [(true, answers[2 * index]), (false, answers[2 * index + 1])] {
        let reply = try await post(
          querier.url + "/api/v1/query" + (isRange ? "_range" : ""),
          [("query", query), ("time", "\(end)"), ("start", "\(start)"), ("end", "\(end)"), ("step", "\(step)")])
        let expected = try QueryAnswer(status: reply.status, body: reply.body)
        #expect(answer.code == nil, "\(query): \(answer.error ?? "")")
        let found = answer.series ?? []
        #expect(found.count == expected.series.count, "\(query)")
        for series in found {
          let key = series.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
          let wanted = try #require(
            expected.series[key], "\(query): \(key) is not among \(expected.series.keys.prefix(3))")
          #expect(series.samples.count + series.histogramCount == wanted.count, "\(query) \(key)")
          for (timeMs, value) in series.samples {
            guard case .text(let text)? = wanted.first(where: { abs($0.time * 1000 - Double(timeMs)) < 0.5 })?.value
            else {
              Issue.record("\(query) \(key): nothing at \(timeMs)")
              continue
            }
            #expect(Double(text) == value || (value.isNaN && text == "NaN"), "\(query) \(key) at \(timeMs)")
            compared += 1
          }
        }
        if isRange, found.count > 1 { #expect(answer.batches == (found.count + 1) / 2) }
      }
    }
    #expect(compared > 100)
    say("samples of thanos.Query as over HTTP: \(compared)")
  }

  private func json(_ text: String) -> String {
    "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
  }
}
