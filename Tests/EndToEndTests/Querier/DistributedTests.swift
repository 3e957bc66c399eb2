// Aggregations that queriers below compute: the answers are those of one querier over all stores.
import Foundation
import TestSupport
import Testing

@Suite struct DistributedTests {
  /// Two queriers, each over the blocks of one value of `dc`, and what is above them.
  private struct Tree {
    let stores: [RunningStore]
    let leaves: [RunningQuerier]

    init() throws {
      let bucket = try #require(Fixtures.shared) + "/conformance/thanos/bucket"
      stores = try ["fra", "oslo"].map { dc in
        try RunningStore(
          bucket: bucket,
          flags: ["--selector.relabel-config=- {action: keep, source_labels: [dc], regex: \(dc)}"])
      }
      leaves = try stores.map { store in
        let leaf = try RunningQuerier([store.grpc], flags: ["--query.replica-label=prom_replica"])
        try leaf.waitForStores(1)
        return leaf
      }
    }

    func top(_ flags: String...) throws -> RunningQuerier {
      let querier = try RunningQuerier(
        leaves.map(\.grpc),
        flags: ["--query.replica-label=prom_replica", "--query.lookback-delta=5m", "--query.mode=distributed"] + flags)
      try querier.waitForStores(2)
      return querier
    }
  }

  private func distributedCount(_ querier: RunningQuerier) throws -> Int {
    let line = try querier.get("/metrics").split(separator: "\n")
      .first { $0.hasPrefix("apus_query_distributed_aggregations_total ") }
    return Int(Double(try #require(line).split(separator: " ")[1]) ?? -1)
  }

  @Test(.needsShared, .needsPeers("python")) func theRecordedAnswers() throws {
    let folder = try #require(Fixtures.shared) + "/conformance/thanos"
    let tree = try Tree()
    let top = try tree.top()
    let result = try compare(
      "compare-answers",
      ["--url", top.url, folder + "/queries.jsonl.gz", "--where", "querier=penalty", "--tolerance", "1e-6"])
    #expect(result.failed == 0 && result.passed >= 100, "\(result.text.suffix(4000))")
    let count = try distributedCount(top)
    #expect(count > 5)
    say("answers of Thanos' querier by queriers below: \(result.passed) as recorded, \(count) aggregations distributed")
  }

  /// What is distributed, and what is not because it would not be exact, against one querier over both stores.
  @Test(.needsShared) func answersAreThoseOfOneQuerier() async throws {
    let tree = try Tree()
    let extras = "--enable-feature=promql-extras"
    let top = try tree.top(extras)
    let one = try RunningQuerier(tree.stores.map(\.grpc), flags: ["--query.replica-label=prom_replica", extras])
    try one.waitForStores(2)
    let cases: [(query: String, isDistributed: Bool)] = [
      ("sum by (dc) (up)", true), ("sum(rate(grpc_calls_total[10m]))", true), ("count(up)", true),
      ("max by (instance) (up)", true), ("min without (instance) (up)", true), ("group(up)", true),
      ("topk(2, up)", true), ("sum by (instance) (clamp_max(abs(up), 3) * 2)", true),
      ("sum(max_over_time(up[10m:1m]))", true), ("sum(up) / count(up)", true),
      ("histogram_quantile(0.9, sum(rate(call_seconds[5m])))", true), ("count(sum by (instance) (up))", true),
      ("avg(up)", false), ("quantile(0.5, up)", false), ("count_values(\"v\", up)", false),
      ("sum(up * on (instance) up)", false),
      ("sum(absent(up))", false), ("sum(label_replace(up, \"dc\", \"x\", \"\", \"\"))", false), ("up", false),
      ("range_sum(sum(up))", true), ("median(sum by (instance) (up))", true), ("sum(up) default 0", true),
      ("sum(range_sum(up))", false), ("sum(max_over_time(up))", false), ("sum(abs(up) keep_metric_names)", false),
      ("sum(up default 0)", false), ("sum((up * 2) keep_metric_names)", false), ("count((up, up))", false),
    ]
    for (query, isDistributed) in cases {
      let before = try distributedCount(top)
      for fields in [
        [("start", "1777924800"), ("end", "1777932000"), ("step", "300")], [("time", "1777928400")],
      ] {
        let path = fields.count == 3 ? "/api/v1/query_range" : "/api/v1/query"
        let a = try await post(top.url + path, [("query", query)] + fields)
        let b = try await post(one.url + path, [("query", query)] + fields)
        let found = try QueryAnswer(status: a.status, body: a.body)
        let wanted = try QueryAnswer(status: b.status, body: b.body)
        #expect(a.status == 200 && b.status == 200, "\(query): \(found.error ?? "") \(wanted.error ?? "")")
        #expect(found.series.keys.sorted() == wanted.series.keys.sorted(), "\(query)")
        for (labels, points) in found.series {
          let others = wanted.series[labels] ?? []
          #expect(points.map(\.time) == others.map(\.time), "\(query) \(labels)")
          for (x, y) in zip(points, others) {
            if case .text(let x) = x.value, case .text(let y) = y.value, let x = Double(x), let y = Double(y) {
              #expect(x == y || abs(x - y) <= 1e-9 * max(abs(x), abs(y)) || x.isNaN && y.isNaN, "\(query) \(labels)")
            } else {
              #expect("\(x.value)".prefix(20) == "\(y.value)".prefix(20), "\(query) \(labels)")
            }
          }
        }
      }
      let after = try distributedCount(top)
      #expect((after > before) == isDistributed, "\(query): \(after - before) distributed")
    }
  }

  /// Two queriers that may have the same series, or a store beside a querier: nothing is distributed, and nothing counts twice.
  @Test(.needsShared) func whatMayBeInTwoPartsIsNotDistributed() async throws {
    let tree = try Tree()
    let both = try RunningQuerier(tree.stores.map(\.grpc), flags: ["--query.replica-label=prom_replica"])
    try both.waitForStores(2)
    for endpoints in [[both.grpc, tree.leaves[0].grpc], [tree.leaves[0].grpc, tree.stores[1].grpc]] {
      let top = try RunningQuerier(
        endpoints, flags: ["--query.replica-label=prom_replica", "--query.mode=distributed"])
      try top.waitForStores(2)
      // Whose windows are a subquery's: what each endpoint's times are does not tell which of them it concerns.
      let fields = [("query", "count(last_over_time(up[10m:1m]))"), ("time", "1777928400")]
      let reply = try await post(top.url + "/api/v1/query", fields)
      let wanted = try await post(both.url + "/api/v1/query", fields)
      #expect(
        try QueryAnswer(status: reply.status, body: reply.body).series.mapValues { "\($0)" }
          == QueryAnswer(status: wanted.status, body: wanted.body).series.mapValues { "\($0)" })
      #expect(try distributedCount(top) == 0)
    }
  }

  /// A querier below that is gone is a warning, or an error.
  @Test(.needsShared) func aQuerierThatIsGoneIsNamed() async throws {
    let tree = try Tree()
    // A store that is gone is named for a while: longer than this test can take on a busy machine.
    let top = try tree.top("--store.unhealthy-timeout=1h")
    tree.leaves[1].process.kill(SIGKILL)
    for allowsPart in [true, false] {
      let reply = try await post(
        top.url + "/api/v1/query",
        [("query", "count({dc=\"oslo\"})"), ("time", "1775260800"), ("partial_response", "\(allowsPart)")])
      let answer = try QueryAnswer(status: reply.status, body: reply.body)
      #expect(reply.status == (allowsPart ? 200 : 422))
      let texts = answer.warnings.union([answer.error ?? ""])
      #expect(texts.contains { $0.contains(tree.leaves[1].grpc) }, "\(texts)")
    }
  }
}
