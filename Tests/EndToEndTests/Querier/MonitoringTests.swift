// Rules, targets, metadata, exemplars and statistics: what recorded components of Thanos answer, gathered by our querier.
import Foundation
import TestSupport
import Testing

@Suite struct MonitoringTests {
  /// Components of Thanos that answer as they were recorded; see Tests/PeerPrograms/recorded_endpoint.py.
  private final class RecordedEndpoints {
    let process: RunningProcess
    let addresses: [String]

    init(_ names: [String]) throws {
      let folder = try #require(Fixtures.shared) + "/fixtures/thanos/captures/grpc/"
      process = try RunningProcess(
        Peers.require("python"),
        [Fixtures.repository + "/Tests/PeerPrograms/recorded_endpoint.py"] + names.map { folder + $0 + ".jsonl.gz" })
      let end = Date() + 30
      var ports: [String] = []
      while ports.count < names.count, Date() < end, process.poll() == nil {
        ports = String(decoding: process.output, as: UTF8.self).split(separator: "\n")
          .filter { $0.hasPrefix("port ") }.map { String($0.dropFirst(5)) }
        usleep(20_000)
      }
      guard ports.count == names.count else {
        throw TestSupportError("recorded_endpoint.py did not start: \(process.errors)")
      }
      addresses = ports.map { "127.0.0.1:\($0)" }
    }

    deinit { process.kill(SIGKILL) }
  }

  private static let replicaLabels = ["replica", "receive_replica", "rule_replica"].map {
    "--query.replica-label=\($0)"
  }

  private func data(_ querier: RunningQuerier, _ path: String) throws -> (data: Any, warnings: [String]) {
    let text = try querier.get(path)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    return (try #require(object["data"], "\(path): \(text.prefix(300))"), object["warnings"] as? [String] ?? [])
  }

  /// The body that Thanos' querier was recorded to answer to a request.
  private func recorded(_ path: String, _ parameters: [[String]] = []) throws -> Any {
    let shared = try #require(Fixtures.shared)
    let lines = try runProcess("/bin/zcat", [shared + "/fixtures/thanos/captures/http/query.jsonl.gz"]).outputText
    for line in lines.split(separator: "\n") {
      guard let call = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        call["path"] as? String == path, (call["params"] as? [[Any]] ?? []).map({ $0.map { "\($0)" } }) == parameters,
        let body = call["body"] as? String,
        let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
      else { continue }
      return try #require(object["data"])
    }
    throw TestSupportError("no recorded answer to \(path) \(parameters)")
  }

  private func text(_ labels: Any?) -> String {
    (labels as? [String: String] ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(
      separator: ",")
  }

  /// A group's rules, each by what does not change with time.
  private func rules(_ data: Any) -> [String: [String]] {
    var found: [String: [String]] = [:]
    for group in (data as? [String: Any])?["groups"] as? [[String: Any]] ?? [] {
      let key = "\(group["file"] ?? "");\(group["name"] ?? ""): \(group["interval"] ?? "") \(group["limit"] ?? "")"
      found[key] = (group["rules"] as? [[String: Any]] ?? []).map { rule in
        let keys = rule.keys.filter { $0 != "lastError" }.sorted().joined(separator: ",")
        return "\(rule["type"] ?? "") \(rule["name"] ?? "") {\(text(rule["labels"]))} \(rule["query"] ?? "")"
          + " \(rule["duration"] ?? "") {\(text(rule["annotations"]))} \(keys)"
      }
    }
    return found
  }

  @Test(.needsShared, .needsPeers("python")) func rulesOfManyRulersAreGathered() throws {
    let endpoints = try RecordedEndpoints(["sidecar", "sidecar-objstore", "rule", "receive-1"])
    let querier = try RunningQuerier(endpoints.addresses, flags: Self.replicaLabels)
    try querier.waitForStores(4)
    let found = try data(querier, "/api/v1/rules")
    #expect(found.warnings == [])
    // All groups that the recorded querier knew, with the rules in its order.
    let expected = rules(try recorded("/api/v1/rules"))
    #expect(rules(found.data) == expected)
    #expect(expected.count >= 3)
    for (parameter, value) in [
      ("type", "alert"), ("type", "record"), ("rule_name[]", "TargetDown"), ("rule_group[]", "demo"), ("file[]", "x"),
      ("match[]", "{severity=\"page\"}"),
    ] {
      let escaped = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? value
      // What a ruler leaves out itself it was recorded to leave out for `type` alone.
      let own = rules(try data(querier, "/api/v1/rules?\(parameter)=\(escaped)").data)
      #expect(own == rules(try recorded("/api/v1/rules", [[parameter, value]])), "\(parameter)=\(value)")
    }
    // Two sidecars of replicas have the same alerts; each is there once.
    let alerts = try data(querier, "/api/v1/alerts").data as? [String: Any]
    let names = (alerts?["alerts"] as? [[String: Any]] ?? []).map { "\(text($0["labels"])) \($0["state"] ?? "")" }
    #expect(!names.isEmpty)
    for (path, status, says) in [
      ("/api/v1/rules?type=bad", "bad_data", "invalid rules parameter type='bad'"),
      (
        "/api/v1/rules?match%5B%5D=%7Bsev", "internal",
        "error retrieving rules: parser ParseMetricSelector: 1:5: parse error: unexpected end of input inside braces"
      ),
      ("/api/v1/targets?state=bad", "bad_data", "invalid targets parameter state='bad'"),
      ("/api/v1/metadata?limit=x", "bad_data", "invalid metric metadata limit='0'"),
      (
        "/api/v1/query_exemplars?query=sum(", "internal",
        "retrieving exemplars: proxy Exemplars: 1:5: parse error: unclosed left parenthesis"
      ),
      ("/api/v1/status/tsdb?limit=x", "bad_data", "cannot parse \"x\" to a valid limit"),
    ] {
      let text = try querier.get(path)
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      #expect(object?["errorType"] as? String == status && object?["error"] as? String == says, "\(path): \(text)")
    }
  }

  @Test(.needsShared, .needsPeers("python")) func targetsAndMetadataAreGathered() throws {
    let endpoints = try RecordedEndpoints(["sidecar", "sidecar-objstore", "sidecar-xor2"])
    let querier = try RunningQuerier(endpoints.addresses, flags: Self.replicaLabels)
    try querier.waitForStores(3)
    func targets(_ data: Any) -> Set<String> {
      let active = (data as? [String: Any])?["activeTargets"] as? [[String: Any]] ?? []
      return Set(
        active.map { target in
          "\(target["scrapePool"] ?? "") \(target["scrapeUrl"] ?? "") {\(text(target["labels"]))}"
            + " {\(text(target["discoveredLabels"]))} \(target["health"] ?? "") \(target.keys.sorted())"
        })
    }
    let found = try data(querier, "/api/v1/targets")
    let (own, expected) = (targets(found.data), targets(try recorded("/api/v1/targets")))
    #expect(!expected.isEmpty && expected.isSubset(of: own), "\(expected.subtracting(own)) \(own)")
    let active = (found.data as? [String: Any])?["activeTargets"] as? [[String: Any]] ?? []
    #expect(active.count == own.count)
    let metadata = try data(querier, "/api/v1/metadata").data as? [String: [[String: String]]]
    let wanted = try recorded("/api/v1/metadata") as? [String: [[String: String]]]
    for (name, entries) in try #require(wanted) {
      let there = metadata?[name] ?? []
      #expect(entries.allSatisfy(there.contains), "\(name): \(there) instead of \(entries)")
    }
    let one = try data(querier, "/api/v1/metadata?metric=demo_requests_total").data as? NSDictionary
    #expect(one == (try recorded("/api/v1/metadata", [["metric", "demo_requests_total"]]) as? NSDictionary))
    let none = try data(querier, "/api/v1/metadata?limit=0").data as? NSDictionary
    #expect(none?.count == 0)
    let few = try data(querier, "/api/v1/metadata?limit=1").data as? NSDictionary
    #expect(few?.count == 1)
  }

  @Test(.needsShared, .needsPeers("python")) func exemplarsAndStatisticsAreGathered() throws {
    let endpoints = try RecordedEndpoints(["sidecar", "receive-1", "receive-2", "rule"])
    let querier = try RunningQuerier(endpoints.addresses, flags: Self.replicaLabels)
    try querier.waitForStores(4)
    let found = try data(querier, "/api/v1/query_exemplars?query=demo_requests_total")
    let series = try #require(found.data as? [[String: Any]])
    #expect(series.count > 1)
    var before = ""
    for one in series {
      let labels = text(one["seriesLabels"])
      #expect(labels > before && !labels.contains("replica="))
      before = labels
      let exemplars = one["exemplars"] as? [[String: Any]] ?? []
      let times = exemplars.compactMap { ($0["timestamp"] as? NSNumber)?.doubleValue }
      #expect(!times.isEmpty && times == times.sorted())
      #expect(Set(exemplars.map { "\(text($0["labels"])) \($0["timestamp"] ?? "")" }).count == exemplars.count)
    }
    // A querier does not offer what depends on external labels that no store has.
    #expect(
      (try data(
        querier, "/api/v1/query_exemplars?query=up%7Bcluster%3D%22zz%22%2Ctenant_id%3D%22zz%22%2Cregion%3D%22zz%22%7D"
      ).data as? [Any])?.isEmpty == true)
    let status = try #require(try data(querier, "/api/v1/status/tsdb?limit=2").data as? [String: Any])
    let head = try #require(status["headStats"] as? [String: Any])
    #expect(((head["numSeries"] as? NSNumber)?.intValue ?? 0) > 100)
    for list in [
      "seriesCountByMetricName", "labelValueCountByLabelName", "memoryInBytesByLabelName",
      "seriesCountByLabelValuePair",
    ] {
      let entries = try #require(status[list] as? [[String: Any]], "\(list)")
      let values = entries.compactMap { ($0["value"] as? NSNumber)?.int64Value }
      #expect(values.count == 2 && values == values.sorted(by: >), "\(list)")
    }
  }

  /// An endpoint that fails is a warning; where no part may be missing, an error.
  @Test(.needsShared, .needsPeers("python")) func anEndpointThatIsGoneIsNamed() throws {
    let endpoints = try RecordedEndpoints(["rule"])
    let gone = try RecordedEndpoints(["sidecar"])
    let flags = Self.replicaLabels + ["--store.unhealthy-timeout=1h"]
    let querier = try RunningQuerier(endpoints.addresses + gone.addresses, flags: flags)
    let strict = try RunningQuerier(endpoints.addresses + gone.addresses, flags: flags + ["--no-rule.partial-response"])
    try querier.waitForStores(2)
    try strict.waitForStores(2)
    gone.process.kill(SIGKILL)
    let found = try data(querier, "/api/v1/rules")
    #expect(!rules(found.data).isEmpty)
    #expect(
      found.warnings.count == 1 && found.warnings.allSatisfy { $0.contains(gone.addresses[0]) }, "\(found.warnings)")
    let refused = try strict.get("/api/v1/rules")
    #expect(refused.contains("\"errorType\":\"internal\"") && refused.contains("error retrieving rules: proxy Rules: "))
  }
}
