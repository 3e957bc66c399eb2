// Two Prometheus scrape the same things, as a pair does for safety; over their blocks, uploaded to two buckets, a querier answers as one of
// them where it asks one, and as either of them where it asks both.
import Foundation
import TestSupport
import Testing

@Suite struct ReplicaPairTests {
  /// Starts a Prometheus of the pair: it scrapes node-exporter and the first of the two.
  private func prometheus(_ name: String, _ scratch: TemporaryFolder, port: Int, first: Int, exporter: Int) async throws
    -> PrometheusServer
  {
    try await PrometheusServer(
      dataFolder: scratch.file(name), scratch: scratch, port: port,
      scrapeConfiguration: """
        global: {scrape_interval: 1s}
        scrape_configs:
          - {job_name: node, static_configs: [{targets: ["127.0.0.1:\(exporter)"]}]}
          - job_name: prometheus
            scrape_protocols: [PrometheusProto]
            always_scrape_classic_histograms: true
            static_configs: [{targets: ["127.0.0.1:\(first)"]}]

        """, blockDuration: "4s")
  }

  /// Uploads the blocks of a data folder, with `replica` as external label, and serves them; and from when to when they are.
  private func store(
    _ name: String, _ folder: String, _ scratch: TemporaryFolder
  ) throws -> (store: RunningStore, startMs: Int64, endMs: Int64) {
    let bucket = scratch.file("bucket-\(name)")
    try FileManager.default.createDirectory(atPath: bucket, withIntermediateDirectories: true)
    let uploaded = try BuiltProgram.run([
      "tools", "bucket", "upload-blocks", "--path=\(folder)", "--label=replica=\"\(name)\"",
      "--objstore.config={type: FILESYSTEM, config: {directory: \(bucket)}}",
    ])
    try #require(uploaded.exitCode == 0, "\(uploaded.errorText)")
    var (start, end) = (Int64.max, Int64.min)
    for block in Fixtures.blocks(in: bucket) {
      let meta = try JSONSerialization.jsonObject(with: Data(try readFile(block + "/meta.json"))) as? [String: Any]
      start = min(start, try #require(meta?["minTime"] as? Int64))
      end = max(end, try #require(meta?["maxTime"] as? Int64))
    }
    return (try RunningStore(bucket: bucket), start, end)
  }

  @Test(.needsPeers("prometheus", "node-exporter")) func answersAsOneOfThePair() async throws {
    let scratch = try TemporaryFolder("replica-pair")
    let ports = (first: try freePort(), second: try freePort(), exporter: try freePort())
    let exporter = try RunningProcess(
      try Peers.require("node-exporter"),
      ["--web.listen-address=127.0.0.1:\(ports.exporter)", "--no-collector.systemd"])
    defer { exporter.stop() }
    let first = try await prometheus("a", scratch, port: ports.first, first: ports.first, exporter: ports.exporter)
    let second = try await prometheus("b", scratch, port: ports.second, first: ports.first, exporter: ports.exporter)
    defer {
      first.stop()
      second.stop()
    }
    for _ in 0..<60
    where Fixtures.blocks(in: first.dataFolder).count < 3 || Fixtures.blocks(in: second.dataFolder).count < 3 {
      try await Task.sleep(nanoseconds: 1_000_000_000)
    }
    let a = try store("a", first.dataFolder, scratch)
    let b = try store("b", second.dataFolder, scratch)
    let querier = try RunningQuerier([a.store.grpc, b.store.grpc], flags: ["--query.replica-label=replica"])
    try querier.waitForStores(2)

    let start = max(a.startMs, b.startMs)
    let end = min(a.endMs, b.endMs) - 1
    var (asked, series, differences) = (0, 0, [String]())
    for query in LiveQueryTests.queries {
      for (path, form) in [
        ("/api/v1/query", [("query", query), ("time", "\(Double(end) / 1000)")]),
        (
          "/api/v1/query_range",
          [
            ("query", query), ("start", "\(Double(start) / 1000)"), ("end", "\(Double(end) / 1000)"), ("step", "1"),
          ]
        ),
      ] {
        for (server, store) in [(first, a.store), (second, b.store)] {
          let mine = try await post(querier.url + path, form + [("storeMatch[]", "{__address__=\"\(store.grpc)\"}")])
          let other = try await post(server.url + path, form)
          let answer = try QueryAnswer(status: mine.status, body: mine.body)
          let expected = try QueryAnswer(status: other.status, body: other.body)
          asked += 1
          series += expected.series.count
          if let difference = difference(answer, expected), Exemptions.reason(query, answer, expected) == nil {
            differences.append("\(query) \(path): \(difference)")
          }
        }
      }
    }
    say("a replica of a pair: \(asked) asked, \(series) series compared, \(differences.count) different")
    #expect(differences.isEmpty, "\(differences.prefix(10).joined(separator: "\n"))")
    #expect(asked >= 300 && series > 1000)
    try await bothAreOne(querier, [first, second], start: start, end: end)
  }

  /// With both, each series is there once, and each sample is one of theirs.
  private func bothAreOne(
    _ querier: RunningQuerier, _ servers: [PrometheusServer], start: Int64, end: Int64
  ) async throws {
    var compared = 0
    for selector in ["node_load1", "node_memory_MemFree_bytes", "go_goroutines", "up", "node_cpu_seconds_total"] {
      let range = (end - start) / 1000
      let form = [("query", "\(selector)[\(range)s]"), ("time", "\(Double(end) / 1000)")]
      let mine = try await post(querier.url + "/api/v1/query", form)
      let answer = try QueryAnswer(status: mine.status, body: mine.body)
      #expect(answer.duplicate == nil && answer.status == 200, "\(answer.error ?? "")")
      var samples: [String: Set<String>] = [:]
      var counts: [String: Int] = [:]
      for server in servers {
        let other = try await post(server.url + "/api/v1/query", form)
        for (labels, points) in try QueryAnswer(status: other.status, body: other.body).series {
          samples[labels, default: []].formUnion(points.map { "\($0.time) \($0.value)" })
          counts[labels] = max(counts[labels] ?? 0, points.count)
        }
      }
      #expect(Set(answer.series.keys) == Set(samples.keys))
      for (labels, points) in answer.series {
        let known = try #require(samples[labels])
        #expect(points.allSatisfy { known.contains("\($0.time) \($0.value)") }, "\(selector) \(labels)")
        #expect(zip(points, points.dropFirst()).allSatisfy { $0.time < $1.time })
        // Nothing is missing that one of them has, but at the border between the two.
        #expect(abs(points.count - (counts[labels] ?? 0)) <= 3, "\(points.count) of \(counts[labels] ?? 0)")
        compared += points.count
      }
    }
    #expect(compared > 100)
  }
}
