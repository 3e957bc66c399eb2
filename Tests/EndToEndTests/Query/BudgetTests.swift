// A query that would take more memory than it may is refused, says what would help, and harms nobody.
import Foundation
import TestSupport
import Testing

@Suite struct BudgetTests {
  @Test func queriesBeyondTheMemoryAreRefusedAndSmallOnesGoOn() async throws {
    let folder = try TemporaryFolder("budget")
    let made = try BuiltProgram.run([
      "tools", "bench", "generate", "--set=M1", "--scale=0.02", "--output-dir=\(folder.file("blocks"))",
    ])
    try #require(made.exitCode == 0, "\(made.errorText)")
    let server = try RunningStandalone(blocks: [folder.file("blocks")], flags: ["--query.max-memory=2MiB"])
    let (time, url) = ("1767225660", server.url + "/api/v1/query")
    let large = [("query", "sort({__name__=~\".+\"})"), ("time", time)]
    let small = [("query", "1 + 1"), ("time", time)]
    var refused = 0
    for _ in 0..<5 {
      async let first = post(url, large)
      async let second = post(url, large)
      async let beside = post(url, small)
      for reply in [try await first, try await second] {
        let answer = try QueryAnswer(status: reply.status, body: reply.body)
        #expect(answer.status == 422 && answer.errorType == "execution", "\(answer.status) \(answer.error ?? "")")
        #expect(answer.error?.contains("query.max-memory") == true, "\(answer.error ?? "")")
        refused += 1
      }
      #expect(try await beside.status == 200)
    }
    #expect(refused == 10)
    #expect(server.process.poll() == nil)
    // What was charged was given back.
    let metrics = try server.get("/metrics")
    #expect(
      metrics.contains("\napus_query_memory_bytes 0\n"),
      "\(metrics.split(separator: "\n").filter { $0.contains("memory_bytes") })")
  }

  /// What reading an expression takes no budget knows of: long ones are read one at a time, and nobody waits for them.
  @Test func longExpressionsAreReadOneAfterAnother() async throws {
    let server = try RunningStandalone(blocks: [try Fixtures.folder("prometheus/block-floats")])
    func residentMiB(_ field: String) throws -> Int {
      let status = String(decoding: try readFile("/proc/\(server.process.processID)/status"), as: UTF8.self)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(field) })
      return (Int(line.split(separator: " ")[1]) ?? 0) / 1024
    }
    _ = try await post(server.url + "/api/v1/query", [("query", "1"), ("time", "1748743100")])
    let before = try residentMiB("VmRSS")
    // Half a megabyte that RE2 refuses after it has read them, which takes some 90 MB: all at once more than 500 MB.
    let pattern = (0..<60_000).map { "a\($0).*b" }.joined(separator: "|")
    let url = server.url
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<6 {
        group.addTask {
          let path = index % 2 == 0 ? "/api/v1/query" : "/api/v1/series"
          let reply = try await post(
            url + path,
            [(index % 2 == 0 ? "query" : "match[]", "up{job=~\"\(pattern)\"}"), ("time", "1748743100")])
          #expect(reply.status == 400, "\(String(decoding: reply.body.prefix(300), as: UTF8.self))")
        }
      }
      try await group.waitForAll()
    }
    let peak = try residentMiB("VmHWM")
    #expect(peak - before < 300, "\(before) MiB before, \(peak) MiB at most")
  }

  @Test func limitsTenantsAndOriginsAreSetByFlags() async throws {
    let server = try RunningStandalone(
      blocks: [try Fixtures.folder("prometheus/block-floats")],
      flags: [
        "--query.max-series=2", "--query.max-subquery-depth=1", "--query.enforce-tenancy",
        "--query.tenant-label-name=__name__",
        "--query.tenant-header=X-Name", "--query.default-tenant-id=nothing", "--web.cors.origin=https?://a\\.example",
      ])
    func ask(_ query: String, _ field: String = "x-nothing: 1") throws -> String {
      try server.get("/api/v1/query", "-iG", "-H", field, "-d", "time=1748743100", "--data-urlencode", "query=\(query)")
    }
    let names = try server.get("/api/v1/label/__name__/values")
    #expect(names.contains("\"data\":[]"), "\(names)")
    let other = try ask("count({__name__=~\".+\"})")
    #expect(other.contains("\"result\":[]"), "\(other)")
    let series = try ask("count_over_time({__name__=~\".+\"}[2h])", "x-name: integer_gauge")
    #expect(series.contains("422") && series.contains("more than 2 series"), "\(series)")
    let nested = try ask("max_over_time(max_over_time(up[2m:1m])[2m:1m])")
    #expect(nested.contains("nests 2 subqueries, of which 1 are allowed"), "\(nested)")
    #expect(try ask("1", "origin: http://a.example").contains("http://a.example"))
    #expect(try !ask("1", "origin: http://aXexample").contains("aXexample"))
  }

  @Test func samplesBeyondTheirLimitAreRefusedInPrometheusWords() async throws {
    let server = try RunningStandalone(
      blocks: [try Fixtures.folder("prometheus/block-floats")], flags: ["--query.max-samples=100"])
    let reply = try await post(
      server.url + "/api/v1/query", [("query", "last_over_time({__name__=~\".+\"}[2h])"), ("time", "1748743100")])
    let answer = try QueryAnswer(status: reply.status, body: reply.body)
    #expect(answer.status == 422)
    #expect(
      answer.error?.contains("query processing would load too many samples into memory in query execution") == true,
      "\(answer.error ?? "")")
  }
}
