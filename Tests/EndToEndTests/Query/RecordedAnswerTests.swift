// `apus standalone` answers what Prometheus 3.14 was recorded to answer.
import Foundation
import TestSupport
import Testing

@Suite struct RecordedAnswerTests {
  private static let experimental =
    "--enable-feature=promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers"

  private func conformance(_ name: String) throws -> String { try #require(Fixtures.shared) + "/conformance/" + name }

  private func check(_ arguments: [String], atLeast count: Int, _ what: String) throws {
    let result = try compare("compare-answers", arguments, timeLimitSeconds: 600)
    #expect(result.failed == 0 && result.passed >= count, "\(result.text.suffix(6000))")
    say("\(what): \(result.passed) as recorded, \(result.failed) not")
  }

  @Test(.needsShared, .needsPeers("python")) func theComplianceSuite() throws {
    let folder = try conformance("compliance")
    let server = try RunningStandalone(blocks: [folder])
    try check(["--url", server.url, folder + "/queries.jsonl.gz"], atLeast: 539, "compliance suite")
  }

  @Test(.needsShared, .needsPeers("python")) func randomQueriesAndExpressions() throws {
    let folder = try conformance("fuzz")
    let server = try RunningStandalone(blocks: [folder], flags: [Self.experimental])
    try check(
      ["--url", server.url, folder + "/queries.jsonl.gz", "--features", "all", "--annotations"], atLeast: 2796,
      "random queries")
    let parser = try conformance("parser")
    let files = try FileManager.default.contentsOfDirectory(atPath: parser).filter { $0.contains(".jsonl") }
    try check(
      ["--url", server.url, "--parser", "--features", "all"] + files.map { "\(parser)/\($0)" }, atLeast: 3316,
      "expressions over HTTP")
  }

  @Test(.needsShared, .needsPeers("python")) func randomQueriesWithNamesDroppedLate() throws {
    let folder = try conformance("fuzz")
    let server = try RunningStandalone(
      blocks: [folder], flags: [Self.experimental, "--enable-feature=promql-delayed-name-removal"])
    try check(
      ["--url", server.url, folder + "/queries-delayed-name-removal.jsonl.gz", "--features", "all", "--annotations"],
      atLeast: 27, "random queries with delayed name removal")
  }

  @Test(.needsShared, .needsPeers("python")) func theHTTPAPI() throws {
    let server = try RunningStandalone(
      blocks: [try conformance("fuzz")],
      flags: [Self.experimental, "--query.max-samples=50000", "--query.timeout=20s"])
    let endpoints =
      "/api/v1/(query|query_range|series|labels|label/.*|metadata|query_exemplars|format_query|parse_query|rules|alerts|targets"
      + "|stores|status/(buildinfo|runtimeinfo|flags|tsdb))$"
    // What the recording server collected itself is in docs/compatibility.tsv.
    try check(
      [
        "--url", server.url, try conformance("http") + "/requests.jsonl", "--features", "all", "--annotations",
        "--error-text", "--headers", "--endpoints", endpoints,
      ], atLeast: 271, "requests to the HTTP API")
  }
}
