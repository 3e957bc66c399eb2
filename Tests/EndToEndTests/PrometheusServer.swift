// A Prometheus on the loopback interface, started for one test and ended by its process id.
import Foundation
import TestSupport

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A port that nothing listened on a moment ago.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  guard descriptor >= 0 else { throw TestSupportError("socket: \(String(cString: strerror(errno)))") }
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isBound = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
    }
  }
  guard isBound else { throw TestSupportError("bind: \(String(cString: strerror(errno)))") }
  return Int(UInt16(bigEndian: address.sin_port))
}

/// The answer to a GET, whatever its status.
func get(_ url: String) async throws -> (status: Int, body: Data) {
  guard let url = URL(string: url) else { throw TestSupportError("not a URL: \(url)") }
  let (body, response) = try await URLSession.shared.data(from: url)
  return ((response as? HTTPURLResponse)?.statusCode ?? 0, body)
}

/// Waits until `url` answers 200.
func waitUntilReady(_ url: String, _ process: RunningProcess) async throws {
  for _ in 0..<2400 {
    if let code = process.poll() {
      throw TestSupportError("ended with \(code): \(String(decoding: process.errors, as: UTF8.self).suffix(2000))")
    }
    if let answer = try? await get(url), answer.status == 200 { return }
    try await Task.sleep(nanoseconds: 50_000_000)
  }
  throw TestSupportError("\(url) was not ready within 2 minutes")
}

/// A running Prometheus with a data folder of its own.
final class PrometheusServer: Sendable {
  let url: String
  let dataFolder: String
  private let process: RunningProcess

  /// Starts on blocks that lie in `dataFolder` already (they stay as they are), scraping what `scrapeConfiguration` says.
  init(
    dataFolder: String, scratch: TemporaryFolder, port: Int, scrapeConfiguration: String = "scrape_configs: []\n",
    blockDuration: String = "2h", largestBlockDuration: String? = nil
  ) async throws {
    let configuration = scratch.file("prometheus-\(port).yml")
    try writeFile(configuration, Array(scrapeConfiguration.utf8))
    url = "http://127.0.0.1:\(port)"
    self.dataFolder = dataFolder
    process = try RunningProcess(
      try Peers.require("prometheus"),
      [
        "--config.file=\(configuration)", "--storage.tsdb.path=\(dataFolder)",
        "--web.listen-address=127.0.0.1:\(port)", "--storage.tsdb.retention.time=100y",
        "--storage.tsdb.min-block-duration=\(blockDuration)",
        "--storage.tsdb.max-block-duration=\(largestBlockDuration ?? blockDuration)",
        "--no-storage.tsdb.allow-overlapping-compaction", "--enable-feature=native-histograms",
      ])
    try await waitUntilReady(url + "/-/ready", process)
  }

  /// The answer of `/api/v1/query_range`, its data section as text (order of results included).
  func queryRange(_ query: String, startMs: Int64, endMs: Int64, stepSeconds: Int) async throws -> String {
    var parts = URLComponents(string: url + "/api/v1/query_range")
    parts?.queryItems = [
      URLQueryItem(name: "query", value: query), URLQueryItem(name: "start", value: "\(Double(startMs) / 1000)"),
      URLQueryItem(name: "end", value: "\(Double(endMs) / 1000)"), URLQueryItem(name: "step", value: "\(stepSeconds)"),
    ]
    // A plus sign in a query means a blank to Prometheus.
    let text = parts?.string?.replacingOccurrences(of: "+", with: "%2B") ?? ""
    let answer = try await get(text)
    guard answer.status == 200 else {
      throw TestSupportError("\(query): \(answer.status) \(String(decoding: answer.body.prefix(500), as: UTF8.self))")
    }
    return String(decoding: answer.body, as: UTF8.self)
  }

  func stop() { process.stop() }
}

/// A Prometheus that scrapes itself and a node-exporter once a second, and cuts short blocks.
struct ScrapedPrometheus {
  let server: PrometheusServer
  private let exporter: RunningProcess

  /// Its data lies in `data` in the scratch folder. `jobOptions` are more options of the job that scrapes the server itself.
  init(
    _ scratch: TemporaryFolder, jobOptions: String? = nil, blockDuration: String, largestBlockDuration: String? = nil
  ) async throws {
    let (port, exporterPort) = (try freePort(), try freePort())
    exporter = try RunningProcess(
      try Peers.require("node-exporter"),
      ["--web.listen-address=127.0.0.1:\(exporterPort)", "--no-collector.systemd"])
    let options = jobOptions.map { ", \($0)" } ?? ""
    server = try await PrometheusServer(
      dataFolder: scratch.file("data"), scratch: scratch, port: port,
      scrapeConfiguration: """
        global: {scrape_interval: 1s}
        scrape_configs:
        - {job_name: prometheus, static_configs: [{targets: ['127.0.0.1:\(port)']}]\(options)}
        - {job_name: node, static_configs: [{targets: ['127.0.0.1:\(exporterPort)']}]}

        """,
      blockDuration: blockDuration, largestBlockDuration: largestBlockDuration)
  }

  /// Ends both.
  func stop() {
    server.stop()
    exporter.stop()
  }
}
