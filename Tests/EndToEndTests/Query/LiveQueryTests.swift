// A real Prometheus scrapes itself and node-exporter, cuts blocks and compacts them; over its data folder we answer as it does.
import Foundation
import TestSupport
import Testing

@Suite struct LiveQueryTests {
  /// The range that the blocks in a folder cover, milliseconds; the end is exclusive.
  private func range(of folder: String) -> (startMs: Int64, endMs: Int64)? {
    var range: (startMs: Int64, endMs: Int64)?
    for block in Fixtures.blocks(in: folder) {
      guard let data = try? readFile(block + "/meta.json"),
        let meta = try? JSONSerialization.jsonObject(with: Data(data)) as? [String: Any],
        let start = meta["minTime"] as? Int64, let end = meta["maxTime"] as? Int64
      else { continue }
      range = (min(range?.startMs ?? start, start), max(range?.endMs ?? end, end))
    }
    return range
  }

  /// What people ask of such a Prometheus.
  static let queries: [String] =
    [
      "up", "count(up)", "sum by (job) (up)", "node_load1",
      "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
      "1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[10s]))",
      "sum by (mode) (rate(node_cpu_seconds_total[8s]))", "topk(3, node_cpu_seconds_total)",
      "sum without (cpu) (node_cpu_seconds_total)", "count by (cpu) (node_cpu_seconds_total)",
      "rate(node_network_receive_bytes_total[10s])", "increase(node_context_switches_total[10s])",
      "irate(node_interrupts_total[6s])", "node_filesystem_avail_bytes{fstype!=\"tmpfs\"}",
      "max_over_time(node_load1[10s])", "min_over_time(node_procs_running[10s])", "avg_over_time(node_load5[12s])",
      "stddev_over_time(node_memory_MemFree_bytes[12s])", "quantile_over_time(0.9, node_procs_running[12s])",
      "delta(node_memory_MemFree_bytes[10s])", "deriv(node_memory_MemFree_bytes[10s])",
      "predict_linear(node_filesystem_avail_bytes[10s], 3600)", "changes(node_procs_running[12s])",
      "resets(process_cpu_seconds_total[12s])", "absent(nothing_here)", "absent_over_time(up{job=\"nobody\"}[5s])",
      "time() - node_boot_time_seconds", "timestamp(up)", "process_resident_memory_bytes", "go_goroutines",
      "rate(prometheus_tsdb_head_samples_appended_total[10s])", "prometheus_tsdb_head_series",
      "sum(rate(prometheus_http_requests_total[10s])) by (handler)",
      "sum by (code) (prometheus_http_requests_total)", "scrape_duration_seconds", "scrape_samples_scraped > 100",
      "histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[10s]))",
      "histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[10s])))",
      "histogram_quantile(0.5, sum by (le, handler) (prometheus_http_response_size_bytes_bucket))",
      "histogram_quantile(0.99, prometheus_http_request_duration_seconds)",
      "histogram_quantile(0.9, sum(prometheus_http_request_duration_seconds))",
      "histogram_count(prometheus_http_request_duration_seconds)",
      "histogram_sum(prometheus_http_request_duration_seconds)",
      "histogram_avg(sum(prometheus_http_request_duration_seconds))",
      "histogram_fraction(0, 0.1, sum(prometheus_http_request_duration_seconds))",
      "prometheus_http_request_duration_seconds", "sum(prometheus_tsdb_compaction_duration_seconds)",
      "sum by (slice) (go_gc_duration_seconds)", "go_gc_duration_seconds{quantile=\"1\"}",
      "rate(go_memstats_alloc_bytes_total[8s]) / 1024",
      "label_replace(up, \"host\", \"$1\", \"instance\", \"(.*):.*\")",
      "label_join(up, \"all\", \"-\", \"job\", \"instance\")", "count({__name__=~\"node_.+\"})",
      "count by (__name__) ({job=\"node\"})", "sort_desc(node_filesystem_size_bytes)", "bottomk(2, go_threads)",
      "up == 1 and on (instance) scrape_duration_seconds < 100", "up or nothing_here", "up unless on (job) node_load1",
      "node_load1 > bool 0", "vector(1)", "scalar(node_load1)", "clamp_max(node_load15, 1)", "round(node_load1, 0.1)",
      "avg_over_time(rate(node_cpu_seconds_total{mode=\"user\"}[6s])[12s:2s])",
      "max_over_time(sum(rate(prometheus_http_requests_total[6s]))[12s:1s])",
      "sum_over_time(up[10s])", "count_over_time(node_load1[10s])", "last_over_time(node_load1[10s])",
      "present_over_time(node_load1[10s])", "node_uname_info",
      "node_load1 * on (instance) group_left (nodename) node_uname_info",
      "prometheus_build_info", "day_of_week()", "hour(node_boot_time_seconds)", "node_load1 offset 4s",
      "rate(node_context_switches_total[6s] offset 3s)", "count_values(\"value\", up)",
      "group by (job) ({__name__!=\"\"})", "stdvar(node_cpu_seconds_total)", "quantile(0.5, node_cpu_seconds_total)",
    ]

  @Test(.needsPeers("prometheus", "node-exporter")) func answersAsThePrometheusThatWritesTheBlocks() async throws {
    let scratch = try TemporaryFolder("live-queries")
    let scene = try await ScrapedPrometheus(
      scratch, jobOptions: "scrape_protocols: [PrometheusProto], always_scrape_classic_histograms: true",
      blockDuration: "4s", largestBlockDuration: "36s")
    defer { scene.stop() }
    let folder = scene.server.dataFolder
    for _ in 0..<60 where Fixtures.blocks(in: folder).count < 3 { try await Task.sleep(nanoseconds: 1_000_000_000) }
    let ours = try RunningStandalone(blocks: [folder], flags: ["--blocks.sync-interval=200ms"])

    var (asked, series) = (0, 0)
    var (differences, names): ([String], Set<String>) = ([], [])
    for round in 0..<(isLongTier ? 60 : 4) {
      // What has just been cut is seen by the next look at the folder.
      let known = try #require(range(of: folder))
      names.formUnion(Fixtures.blocks(in: folder))
      try await Task.sleep(nanoseconds: 600_000_000)
      let endMs = known.endMs - 1
      for query in Self.queries {
        let endS = "\(Double(endMs) / 1000)"
        let startS = "\(Double(max(known.startMs, endMs - 25_000)) / 1000)"
        let forms: [(String, [(String, String)])] = [
          ("/api/v1/query", [("query", query), ("time", endS)]),
          ("/api/v1/query_range", [("query", query), ("start", startS), ("end", endS), ("step", "\(1 + round % 3)")]),
        ]
        for (path, form) in forms {
          let (mine, other) = (
            try await post(ours.url + path, form), try await post(scene.server.url + path, form)
          )
          let answer = try QueryAnswer(status: mine.status, body: mine.body)
          let expected = try QueryAnswer(status: other.status, body: other.body)
          asked += 1
          series += expected.series.count
          if let difference = difference(answer, expected), Exemptions.reason(query, answer, expected) == nil {
            differences.append("\(query) \(path) \(form.dropFirst().map { "\($0.0)=\($0.1)" }): \(difference)")
          }
        }
      }
      differences += try await labelDifferences(ours.url, scene.server.url, known)
      try await Task.sleep(nanoseconds: 2_000_000_000)
    }
    say(
      "live queries: \(asked) asked, \(series) series compared, \(differences.count) different, \(names.count) blocks seen"
    )
    #expect(differences.isEmpty, "\(differences.prefix(10).joined(separator: "\n"))")
    #expect(asked >= 400 && series > 2000)
    // Blocks came and went meanwhile.
    #expect(names.subtracting(Fixtures.blocks(in: folder)).count > 0 && names.count > 3)
  }

  /// Series, label names and values over the range of the blocks.
  private func labelDifferences(_ ours: String, _ theirs: String, _ range: (startMs: Int64, endMs: Int64)) async throws
    -> [String]
  {
    let times = "start=\(Double(range.startMs) / 1000)&end=\(Double(range.endMs - 1) / 1000)"
    var differences: [String] = []
    for path in [
      "/api/v1/labels?\(times)", "/api/v1/labels?\(times)&match[]=node_load1", "/api/v1/label/job/values?\(times)",
      "/api/v1/label/__name__/values?\(times)&match[]={job=\"node\"}", "/api/v1/label/mode/values?\(times)",
      "/api/v1/series?\(times)&match[]=node_cpu_seconds_total",
      "/api/v1/series?\(times)&match[]=up&match[]={__name__=~\"go_.*\"}", "/api/v1/series?\(times)&match[]=nothing",
    ] {
      let escaped = path.replacingOccurrences(of: "\"", with: "%22").replacingOccurrences(of: "{", with: "%7B")
        .replacingOccurrences(of: "}", with: "%7D").replacingOccurrences(of: "[", with: "%5B")
        .replacingOccurrences(of: "]", with: "%5D")
      let (mine, other) = (try await get(ours + escaped), try await get(theirs + escaped))
      let (a, b) = (try sorted(mine.body), try sorted(other.body))
      if mine.status != other.status || a != b {
        differences.append("\(path): \(mine.status), \(a.count) entries instead of \(other.status), \(b.count)")
      }
    }
    return differences
  }

  private func sorted(_ body: Data) throws -> [String] {
    let object = try JSONSerialization.jsonObject(with: body) as? [String: Any]
    return try (object?["data"] as? [Any] ?? []).map { entry in
      if let text = entry as? String { return text }
      return String(decoding: try JSONSerialization.data(withJSONObject: entry, options: .sortedKeys), as: UTF8.self)
    }.sorted()
  }
}
