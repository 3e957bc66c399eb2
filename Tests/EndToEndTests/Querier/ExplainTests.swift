// What a query would do, and what its operations took.
import Foundation
import TestSupport
import Testing

@Suite struct ExplainTests {
  private func names(_ node: Any?) -> [String] {
    guard let node = node as? [String: Any], let name = node["name"] as? String else { return [] }
    return [name] + (node["children"] as? [Any] ?? []).flatMap(names)
  }

  @Test func aQueryIsExplainedAndAnalyzed() async throws {
    let store = try RunningStore(blocks: [try Fixtures.block("prometheus/block-floats")])
    let querier = try RunningQuerier([store.grpc])
    try querier.waitForStores(1)
    func ask(_ path: String, _ fields: [(String, String)]) async throws -> (status: Int, body: [String: Any]) {
      let reply = try await post(querier.url + path, fields)
      return (reply.status, try #require(try JSONSerialization.jsonObject(with: reply.body) as? [String: Any]))
    }
    let query = "sum by (instance) (rate({__name__=~\".+\"}[5m])) / on () group_left () count(abs(up))"
    let plan = try await ask("/api/v1/query_explain", [("query", query), ("engine", "thanos")])
    #expect(plan.status == 200)
    #expect(
      names(plan.body["data"]) == [
        "[binary] / on () group_left ()", "[aggregate] sum by (instance)",
        "[matrixSelector] rate({__name__=~\".+\"}[5m])",
        "[aggregate] count", "[function] abs", "[vectorSelector] up",
      ])
    let range = try await ask(
      "/api/v1/query_range_explain",
      [("query", "max_over_time(up[1h:5m])"), ("engine", "thanos"), ("start", "0"), ("end", "1"), ("step", "1")])
    #expect(names(range.body["data"]) == ["[function] max_over_time", "[subquery] [1h:5m]", "[vectorSelector] up"])
    for (fields, says) in [
      ([("query", "up"), ("engine", "prometheus")], "engine type must be 'thanos'"),
      ([("query", "up")], "engine type must be 'thanos'"), ([("query", "sum("), ("engine", "thanos")], "unclosed"),
    ] {
      let refused = try await ask("/api/v1/query_explain", fields)
      #expect(refused.status == 400 && "\(refused.body["error"] ?? "")".contains(says), "\(refused.body)")
    }

    let numbers = [("start", "1748742000"), ("end", "1748743200"), ("step", "60"), ("analyze", "true")]
    for query in ["sum(rate(http_requests_total[5m]))", "rate(http_requests_total[5m])"] {
      let answer = try await ask("/api/v1/query_range", [("query", query)] + numbers)
      let data = try #require(answer.body["data"] as? [String: Any])
      let analysis = try #require(data["analysis"] as? [String: Any])
      var node = analysis
      #expect(!(node["executionTime"] as? String ?? "").isEmpty)
      while let child = (node["children"] as? [[String: Any]])?.first { node = child }
      #expect((node["name"] as? String ?? "").hasPrefix("[matrixSelector] rate("))
      #expect((node["totalSamples"] as? Int ?? 0) > 0 && (node["rows"] as? Int ?? 0) > 0)
      let fanout = try #require((node["fanout"] as? [[String: Any]])?.first, "\(analysis)")
      #expect(fanout["endpointAddr"] as? String == store.grpc && (fanout["series"] as? Int ?? 0) > 0)
      #expect((fanout["bytesProcessed"] as? Int ?? 0) > 0 && (fanout["chunks"] as? Int ?? 0) > 0)
    }
    // The tool draws it, and without a source the plan alone.
    let drawn = try runProcess(
      BuiltProgram.apus,
      [
        "tools", "promql", "explain", "--url", querier.url, "--start=1748742000", "--end=1748743200", "--step=60",
        "sum(rate(http_requests_total[5m])) / 2",
      ])
    let lines = drawn.outputText.split(separator: "\n")
    #expect(lines.count == 3, "\(drawn.outputText)\(drawn.errorText)")
    #expect(lines.first?.hasPrefix("[binary] /") == true && lines.filter { $0.contains("← most") }.count == 1)
    #expect(lines.last?.contains("└─ [matrixSelector] rate(http_requests_total[5m])") == true)
    #expect(lines.last?.contains(store.grpc) == true)
    let alone = try runProcess(BuiltProgram.apus, ["tools", "promql", "explain", "sum by (job) (up) > bool 1"])
    #expect(
      alone.outputText == "[binary] > bool\n└─ [aggregate] sum by (job)\n   └─ [vectorSelector] up\n",
      "\(alone.outputText)")
    let local = try runProcess(
      BuiltProgram.apus,
      [
        "tools", "promql", "explain", "--blocks", Fixtures.repository + "/fixtures/prometheus/block-floats",
        "--time=1748743100", "count(http_requests_total)",
      ])
    #expect(local.outputText.contains("[vectorSelector] http_requests_total"), "\(local.outputText)\(local.errorText)")
    let plain = try await ask("/api/v1/query", [("query", "up"), ("time", "1748743100")])
    #expect(((plain.body["data"] as? [String: Any])?["analysis"] as? [String: Any])?.isEmpty == true)
  }
}
