// What is counted and bounded of each tenant's queries, and the log of those that took long.
import Observability
import PromQL
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

@Suite struct TenantQueriesTests {
  private static let source = MemorySource(
    (0..<50).map { MemorySeries(Labels([("__name__", "up"), ("pod", "p\($0)")]), [(0, 1), (60_000, 2)]) })

  /// An API in which tenants may hold so much.
  private static func api(_ registry: MetricsRegistry, tenantBytesMax: Int = .max, queryBytesMax: Int = .max)
    -> QueryAPI
  {
    var options = QueryAPIOptions()
    options.tenancy = Tenancy()
    options.queryBytesMax = queryBytesMax
    var api = QueryAPI(engine: QueryEngine(), source: source, options: options)
    api.tenants = TenantQueries(registry, bytesMax: tenantBytesMax, parent: nil)
    return api
  }

  private static func router(_ api: QueryAPI) -> HTTPRouter {
    var router = HTTPRouter()
    api.addRoutes(to: &router)
    return router
  }

  private static func lines(_ registry: MetricsRegistry) -> [String] {
    String(decoding: registry.exposition(.prometheusText), as: UTF8.self).split(separator: "\n")
      .map(String.init).filter { !$0.hasPrefix("#") }
  }

  @Test func queriesAreCountedByTenantAndByHowTheyEnded() async throws {
    let registry = MetricsRegistry()
    let router = Self.router(Self.api(registry))
    for (tenant, target, status) in [
      ("a", "query?query=up&time=0", 200), ("a", "query_range?query=sort(up)&start=0&end=60&step=30", 200),
      ("a", "query?query=up%2bon(job)up&time=0", 422), ("b", "query?query=sum(up)&time=60", 200),
      ("b", "query?query=sum(&time=60", 400),
    ] {
      let answer = try await ask(router, "/api/v1/" + target, headers: ["thanos-tenant": tenant])
      #expect(answer.status == status, "\(answer.text)")
    }
    let lines = Self.lines(registry)
    for line in [
      #"apus_query_tenant_queries_total{outcome="success",tenant="a"} 2"#,
      #"apus_query_tenant_queries_total{outcome="error",tenant="a"} 1"#,
      #"apus_query_tenant_queries_total{outcome="success",tenant="b"} 1"#,
      #"apus_query_tenant_samples_total{tenant="a"} 200"#, #"apus_query_tenant_samples_total{tenant="b"} 100"#,
      #"apus_query_tenant_memory_bytes{tenant="a"} 0"#, #"apus_query_tenant_memory_bytes{tenant="b"} 0"#,
    ] { #expect(lines.contains(line), "\(line) is not in \(lines)") }
    #expect(lines.contains { $0.hasPrefix(#"apus_query_tenant_seconds_total{tenant="a"} "#) && !$0.hasSuffix(" 0") })
    // What is no query at all is nobody's.
    #expect(!lines.contains { $0.contains(#"outcome="error",tenant="b""#) })
  }

  @Test func aTenantAndAQueryHoldWhatTheyMay() async throws {
    for (tenantBytes, queryBytes, name) in [
      (1000, Int.max, "tenant a (--query.max-memory-per-tenant)"),
      (.max, 1000, "a query (--query.max-memory-per-query)"),
    ] {
      let registry = MetricsRegistry()
      let router = Self.router(Self.api(registry, tenantBytesMax: tenantBytes, queryBytesMax: queryBytes))
      let answer = try await ask(
        router, "/api/v1/query_range?query=sort(up)&start=0&end=60&step=1", headers: ["thanos-tenant": "a"])
      #expect(answer.status == 422 && answer.text.contains("the memory limit of \(name): "), "\(answer.text)")
      #expect(answer.text.contains("ask for fewer series"))
      let lines = Self.lines(registry)
      #expect(lines.contains(#"apus_query_tenant_queries_total{outcome="memory",tenant="a"} 1"#), "\(lines)")
      #expect(lines.contains(#"apus_query_tenant_memory_bytes{tenant="a"} 0"#), "\(lines)")
      let small = try await ask(router, "/api/v1/query?query=1&time=0", headers: ["thanos-tenant": "a"])
      #expect(small.status == 200, "\(small.text)")
    }
  }

  @Test func tenantsBeyondAThousandShareAnAccount() async throws {
    let registry = MetricsRegistry()
    let tenants = TenantQueries(registry, parent: nil)
    for number in 0..<1500 { tenants.count("t\(number)", QueryStatistics(), nil) }
    let names = Self.lines(registry).filter { $0.hasPrefix("apus_query_tenant_queries_total") }
    #expect(names.count == TenantQueries.namesMax)
    #expect(names.contains(#"apus_query_tenant_queries_total{outcome="success",tenant="(others)"} 501"#))
    #expect(tenants.account("t1400") === tenants.account("t1499"))
    #expect(tenants.account("t1") !== tenants.account("t2"))
  }

  @Test func slowQueriesAreToldWithWhatTheyRead() async throws {
    for (thresholdMs, count) in [(-1000, 3), (3_600_000, 0)] as [(Int64, Int)] {
      let sink = MemorySink()
      var api = Self.api(MetricsRegistry())
      api.slowQueries = SlowQueryLog(thresholdMs: thresholdMs, logger: Logger(sink: sink))
      let router = Self.router(api)
      let long = "sum(up{pod!=\"" + String(repeating: "x", count: 6000) + "\"})"
      for target in [
        "query_range?query=sum(up)&start=0&end=60&step=30", "query?query=up%2bon(job)up&time=0",
        "query?query=\(long)&time=0",
      ] {
        _ = try await ask(
          router, "/api/v1/" + target, headers: ["thanos-tenant": "a", "x-dashboard-uid": "abc", "x-panel-id": "7"])
      }
      let lines = sink.lines
      #expect(lines.count == count, "\(lines)")
      guard count > 0 else { continue }
      #expect(lines.allSatisfy { $0.contains("slow query detected") && $0.contains("level=warn") }, "\(lines)")
      for field in [
        "query=sum(up)", "start=0", "end=60", "step=30", " samples=100", "series=50", "tenant=a",
        "path=/api/v1/query_range",
        "grafana_dashboard_uid=abc", "grafana_panel_id=7", "time_taken=", "queued=", "peak_samples=",
      ] { #expect(lines[0].contains(field), "\(field): \(lines[0])") }
      #expect(lines[1].contains("err="), "\(lines[1])")
      #expect(lines[2].utf8.count < 6000 && lines[2].contains("… (6016 bytes)"), "\(lines[2])")
    }
  }
}
