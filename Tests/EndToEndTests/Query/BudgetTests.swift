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

  /// Whatever is asked, what it holds is charged: memory stays near the limit, and the process goes on.
  @Test func whateverIsAskedMemoryStaysBounded() async throws {
    let folder = try TemporaryFolder("bounded")
    let made = try BuiltProgram.run([
      "tools", "bench", "generate", "--set=M1", "--scale=0.03", "--output-dir=\(folder.file("blocks"))",
    ])
    try #require(made.exitCode == 0, "\(made.errorText)")
    let server = try RunningStandalone(
      blocks: [folder.file("blocks")],
      flags: ["--query.max-memory=24MiB", "--query.max-memory-per-query=16MiB", "--query.max-concurrent=8"])
    let (start, end, url) = ("1767225600", "1767229200", server.url)
    _ = try await post(url + "/api/v1/query", [("query", "count({__name__=~\".+\"})"), ("time", start)])
    let before = try server.memoryKiB("RssAnon") >> 10
    func range(_ query: String, step: String) -> (path: String, form: [(String, String)]) {
      ("/api/v1/query_range", [("query", query), ("start", start), ("end", end), ("step", step)])
    }
    let requests: [(path: String, form: [(String, String)])] = [
      range("{__name__=~\".+\"}", step: "1"), range("sort({__name__=~\".+\"})", step: "1"),
      range("topk(1000000, {__name__=~\".+\"})", step: "1"),
      range("max_over_time(max_over_time({__name__=~\".+\"}[10m:1s])[10m:1s])", step: "60"),
      range("count_values(\"v\", {__name__=~\".+\"} * pi() + timestamp({__name__=~\".+\"}))", step: "30"),
      range("{__name__=~\".+\"} * on() group_left() {__name__=~\".+\"}", step: "60"),
      range("{__name__=~\".+\"} or {__name__=~\".+\"} and {__name__=~\".+\"}", step: "1"),
      range("label_replace({__name__=~\".+\"}, \"a\", \"$1$1$1$1\", \"pod\", \"(.*)\")", step: "10"),
      ("/api/v1/series", [("match[]", "{__name__=~\".+\"}"), ("start", start), ("end", end)]),
      ("/api/v1/labels", [("match[]", "{pod=~\".+\"}"), ("start", start), ("end", end)]),
    ]
    var statuses: [Int: Int] = [:]
    try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for round in 0..<2 {
        for request in requests {
          group.addTask {
            let reply = try await post(url + request.path, request.form)
            let text = reply.status == 200 ? "" : String(decoding: reply.body.prefix(500), as: UTF8.self)
            return (reply.status, "\(round) \(request.form[0].1): \(text)")
          }
        }
        group.addTask {
          let values = try await get(url + "/api/v1/label/pod/values")
          return (values.status, "label values")
        }
        group.addTask { (try await post(url + "/api/v1/query", [("query", "1 + 1")]).status, "small") }
      }
      for try await (status, what) in group {
        statuses[status, default: 0] += 1
        #expect(status == 200 || status == 422, "\(what)")
        #expect(!what.hasSuffix("small") || status == 200, "\(what)")
        if status == 422 {
          #expect(
            what.contains("memory limit of") || what.contains("same labelset") || what.contains("many-to-many"),
            "\(what)")
        }
      }
    }
    let peak = (try server.memoryKiB("VmHWM") - server.memoryKiB("RssFile")) >> 10
    say("bounded: \(statuses), \(before) MiB before, \(peak) MiB at most")
    #expect(statuses[422, default: 0] >= 4)
    #expect(server.process.poll() == nil)
    // The budget, what the allocator keeps, and answers on their way; without a budget these take some gigabytes.
    #expect(peak - before < 160, "\(before) MiB before, \(peak) MiB at most")
    #expect(try server.get("/metrics").contains("\napus_query_memory_bytes 0\n"))
  }

  /// What reading an expression takes no budget knows of: long ones are read one at a time, and nobody waits for them.
  @Test func longExpressionsAreReadOneAfterAnother() async throws {
    let server = try RunningStandalone(blocks: [try Fixtures.folder("prometheus/block-floats")])
    _ = try await post(server.url + "/api/v1/query", [("query", "1"), ("time", "1748743100")])
    let before = try server.memoryKiB("VmRSS") >> 10
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
    let peak = try server.memoryKiB("VmHWM") >> 10
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
