// A real Prometheus' own page, as both formats: what the reader makes of it is what that Prometheus stores when it scrapes the very bytes.
import Foundation
import TSModel
import TestSupport
import Testing

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

@Suite struct LivePageTests {
  /// Two ports that nothing listened on a moment ago.
  private func freePorts() throws -> [Int] {
    let program =
      "import socket; s = [socket.create_server(('127.0.0.1', 0)) for _ in '12']; print(*[x.getsockname()[1] for x in s])"
    let result = try runProcess(try Peers.require("python"), ["-c", program], timeLimitSeconds: 30)
    return result.outputText.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
  }

  /// What GET answers, once it answers 200.
  private func get(_ url: String, _ process: RunningProcess) async throws -> [UInt8] {
    let request = URLRequest(url: try #require(URL(string: url)))
    for _ in 0..<600 {
      if let code = process.poll() {
        throw TestSupportError("ended with \(code): \(String(decoding: process.errors, as: UTF8.self).suffix(2000))")
      }
      if let (body, response) = try? await URLSession.shared.data(for: request),
        (response as? HTTPURLResponse)?.statusCode == 200
      {
        return Array(body)
      }
      try await Task.sleep(nanoseconds: 50_000_000)
    }
    throw TestSupportError("\(url) did not answer within 30 s")
  }

  private func key(_ labels: [String: String]) -> String {
    labels.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: ",")
  }

  /// Numbers that become labels, which are written anew where the type before tells so, whatever the metric's name is.
  private static let numbers = """
    # TYPE apus_a histogram
    apus_a_bucket{le="1"} 1
    apus_a_bucket{le="1000000"} 2
    apus_a_bucket{le="0.10"} 3
    apus_a_bucket{le="-0"} 4
    apus_a_bucket{le="inf"} 5
    apus_a_bucket{le="nan"} 6
    apus_a_bucket{le="abc"} 7
    apus_a_bucket{le="1e400"} 8
    apus_a_bucket{le="2",quantile="2"} 9
    # TYPE apus_b summary
    apus_b{quantile="0"} 1
    apus_b{le="1",quantile="1e-7"} 2
    apus_b{quantile="123456.75"} 3
    apus_c{quantile="7"} 4
    # TYPE apus_d gauge
    apus_c{quantile="8"} 5
    apus_d{le="1",quantile="1"} 6

    """

  @Test(.needsPeers("prometheus", "python")) func aPrometheusReadsItsPageTheSameWay() async throws {
    let scratch = try TemporaryFolder("exposition-page")
    let ports = try freePorts()
    try #require(ports.count == 2)
    let (port, pagePort) = (ports[0], ports[1])
    try FileManager.default.createDirectory(atPath: scratch.file("pages"), withIntermediateDirectories: true)
    let formats = ["PrometheusText0.0.4", "OpenMetricsText1.0.0"]
    let jobs = formats.map {
      "- {job_name: \($0), metrics_path: /\($0), fallback_scrape_protocol: \($0), honor_labels: true, "
        + "static_configs: [{targets: ['127.0.0.1:\(pagePort)']}]}\n"
    }.joined()
    try writeFile(
      scratch.file("prometheus.yml"), Array("global: {scrape_interval: 1s}\nscrape_configs:\n\(jobs)".utf8))
    let pages = try RunningProcess(
      try Peers.require("python"),
      ["-m", "http.server", "\(pagePort)", "--bind", "127.0.0.1", "--directory", scratch.file("pages")])
    defer { pages.stop() }
    let prometheus = try RunningProcess(
      try Peers.require("prometheus"),
      [
        "--config.file=\(scratch.file("prometheus.yml"))", "--storage.tsdb.path=\(scratch.file("data"))",
        "--web.listen-address=127.0.0.1:\(port)",
      ])
    defer { prometheus.stop() }
    let url = "http://127.0.0.1:\(port)"
    _ = try await get(url + "/-/ready", prometheus)
    let text = try await get(url + "/metrics", prometheus) + Array(Self.numbers.utf8)
    for format in formats {
      // It shows Prometheus' text alone; with an end and without types that OpenMetrics lacks, this is OpenMetrics to it.
      let open =
        String(decoding: text, as: UTF8.self).replacingOccurrences(of: " untyped\n", with: " unknown\n") + "# EOF\n"
      let page = format == formats[1] ? Array(open.utf8) : text
      var reader = ExpositionReader(format == formats[1] ? .openMetrics : .prometheusText)
      var wanted: [String: Double] = [:]
      var (at, metadataCount) = (0, 0)
      while at < page.count {
        at = try reader.read(page.span, from: at)
        metadataCount += reader.metadata(of: page.span).count
        for sample in 0..<reader.sampleCount {
          let labels = reader.labels(at: Int(reader.series[sample]))
          wanted[key(Dictionary(labels.map { ($0.name, $0.value) }) { a, _ in a })] = reader.values[sample]
        }
      }
      #expect(wanted.count > 400 && metadataCount > 200)
      try writeFile(scratch.file("pages/\(format)"), page)
      var found: [String: Double] = [:]
      for _ in 0..<100 where found.count != wanted.count {
        try await Task.sleep(nanoseconds: 200_000_000)
        let query = "%7Bjob%3D%22\(format)%22%7D"
        let answer = try await get(url + "/api/v1/query?query=\(query)", prometheus)
        let object = try JSONSerialization.jsonObject(with: Data(answer)) as? [String: Any]
        let data = object?["data"] as? [String: Any]
        found = [:]
        for series in data?["result"] as? [[String: Any]] ?? [] {
          guard var labels = series["metric"] as? [String: String], let value = series["value"] as? [Any],
            let name = labels["__name__"], let text = value.last as? String
          else { continue }
          if name == "up" || name.hasPrefix("scrape_") { continue }
          labels["job"] = nil
          labels["instance"] = nil
          found[key(labels)] = Double(text.replacingOccurrences(of: "Inf", with: "inf"))
        }
      }
      #expect(Set(found.keys) == Set(wanted.keys))
      for (series, value) in wanted {
        let other = try #require(found[series], "\(series)")
        #expect(other == value || (other.isNaN && value.isNaN), "\(series)")
      }
    }
  }
}
