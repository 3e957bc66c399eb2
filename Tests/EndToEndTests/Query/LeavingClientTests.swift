// A client that leaves stops its query.
import Foundation
import TestSupport
import Testing

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

@Suite struct LeavingClientTests {
  private func runningQueries(_ server: RunningStandalone) async throws -> Int {
    let text = String(decoding: try await get(server.url + "/metrics").body, as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("apus_query_running ") })
    return try #require(Int(line.split(separator: " ")[1]))
  }

  /// They would take a minute or more: in one kernel over each series, and in operators around it.
  @Test(arguments: [
    "quantile_over_time(0.5,(http_requests_total*2)[2h:100ms])",
    "sum(label_replace(-quantile_over_time(0.5,(http_requests_total*2)[2h:200ms]),\"a\",\"b\",\"job\",\".*\"))",
  ]) func theWorkEndsAtOnce(_ query: String) async throws {
    let block = try Fixtures.block("prometheus/block-floats")
    let server = try RunningStandalone(
      blocks: [(block as NSString).deletingLastPathComponent], flags: ["--query.timeout=10m"])
    // The block begins there.
    let form = [("query", query), ("start", "1748736000"), ("end", "1748746000"), ("step", "1")]
    // This process may be kept from looking by other tests, and find the query at its end; not five times.
    var elapsed: [Duration] = []
    for _ in 0..<5 {
      guard let time = try await timeToEnd(server, form) else { continue }
      elapsed.append(time)
      if time < .seconds(2) { break }
    }
    say("a client left: its query ended after \(elapsed)")
    // 100 ms where nothing else runs.
    let last = try #require(elapsed.last, "each query was over before it could be left")
    #expect(last < .seconds(2), "\(elapsed)")
  }

  /// Asks, leaves in the midst of it, and tells how long the query ran on; nil where it was over before.
  private func timeToEnd(_ server: RunningStandalone, _ form: [(String, String)]) async throws -> Duration? {
    let url = server.url + "/api/v1/query_range"
    let request = Task { try await post(url, form) }
    let asked = ContinuousClock.now
    while try await runningQueries(server) == 0, ContinuousClock.now - asked < .seconds(60) {
      try await Task.sleep(for: .milliseconds(2))
    }
    try await Task.sleep(for: .milliseconds(300))
    guard try await runningQueries(server) == 1 else {
      request.cancel()
      _ = try? await request.value
      return nil
    }
    let left = ContinuousClock.now
    request.cancel()
    while try await runningQueries(server) > 0, ContinuousClock.now - left < .seconds(20) {
      try await Task.sleep(for: .milliseconds(2))
    }
    let elapsed = ContinuousClock.now - left
    _ = try? await request.value
    return elapsed
  }
}
