// `--deduplication.func=seamless`: replicas become one series without holes and without resets of its own.
import Foundation
import TestSupport
import Testing

@Suite struct SeamlessTests {
  private func values(_ querier: RunningQuerier, _ query: String, deduplicates: Bool) async throws -> [String: [Double:
    Double]]
  {
    let reply = try await post(
      querier.url + "/api/v1/query_range",
      [
        ("query", query), ("start", "1777856400"), ("end", "1777982400"), ("step", "1800"),
        ("dedup", "\(deduplicates)"),
      ])
    let answer = try QueryAnswer(status: reply.status, body: reply.body)
    #expect(reply.status == 200, "\(answer.error ?? "")")
    return answer.series.mapValues { points in
      Dictionary(
        uniqueKeysWithValues: points.compactMap { time, value in
          if case .text(let text) = value, let number = Double(text) { (time, number) } else { nil }
        })
    }
  }

  private func bare(_ labels: String) -> String {
    labels.split(separator: ",").filter { !$0.hasPrefix("prom_replica=") }.joined(separator: ",")
  }

  @Test(.needsShared) func replicasBecomeOneWithoutHolesAndResets() async throws {
    let store = try RunningStore(bucket: try #require(Fixtures.shared) + "/conformance/thanos/bucket")
    let querier = try RunningQuerier(
      [store.grpc], flags: ["--query.replica-label=prom_replica", "--deduplication.func=seamless"])
    try querier.waitForStores(1)
    var compared = 0
    for query in ["resets(grpc_calls_total[30m])", "count_over_time(grpc_calls_total[30m])"] {
      let replicas = try await values(querier, query, deduplicates: false)
      let merged = try await values(querier, query, deduplicates: true)
      var groups: [String: [[Double: Double]]] = [:]
      for (labels, points) in replicas { groups[bare(labels), default: []].append(points) }
      #expect(Set(merged.keys) == Set(groups.keys), "\(query)")
      for (labels, points) in merged {
        let group = try #require(groups[labels])
        for time in Set(group.flatMap(\.keys)) {
          let alone = group.compactMap { $0[time] }
          let value = points[time] ?? 0
          if query.hasPrefix("count") {
            // What one replica has is there; where replicas follow one another, a sample may be lost or won.
            #expect(value >= (alone.max() ?? 0) - 2, "\(query) \(labels) at \(time): \(value) of \(alone)")
          } else {
            // A reset that no replica saw is none.
            #expect(value <= alone.reduce(0, +), "\(query) \(labels) at \(time): \(value) of \(alone)")
          }
          compared += 1
        }
      }
    }
    #expect(compared > 500)
    say("windows of seamless replicas: \(compared)")
  }
}
