// A real browser loads what `apus store` serves.
import Foundation
import TestSupport
import Testing

@Suite struct BrowserTests {
  /// What Chromium makes of a page, as HTML. It talks to this machine alone.
  private func load(_ url: String) throws -> ProcessResult {
    let folder = try TemporaryFolder("browser")
    return try runProcess(
      "/usr/bin/chromium",
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--user-data-dir=\(folder.path)", "--dump-dom",
        url,
      ], environment: ["HOME": folder.path], timeLimitSeconds: 120)
  }

  @Test func chromiumLoadsMetricsAndJSON() throws {
    let store = try RunningStore(blocks: [try Fixtures.block("thanos/live-sidecar")])
    let metrics = try load("http://\(store.http)/metrics")
    #expect(metrics.exitCode == 0, "\(metrics.errorText)")
    #expect(
      metrics.outputText.contains("\nthanos_bucket_store_blocks_loaded 1\n"), "\(metrics.outputText.prefix(2000))")
    #expect(metrics.outputText.contains("# TYPE apus_transport_connections gauge"))
    let blocks = try load("http://\(store.http)/api/v1/blocks?view=loaded")
    #expect(
      blocks.outputText.contains("\"status\":\"success\""), "\(blocks.outputText.prefix(2000)) \(blocks.errorText)")
    #expect(store.process.stop() == 0)
  }
}
