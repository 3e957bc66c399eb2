// Requests that may see their tenant's series alone, and limits of a query that the engine was given.
import PromQL
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

@Suite struct TenancyTests {
  private static let series = ["a", "b"].flatMap { tenant in
    ["1", "2"].map { number in
      MemorySeries(
        Labels([("__name__", "up"), ("of_\(tenant)", "yes"), ("pod", tenant + number), ("tenant_id", tenant)]),
        [(0, Double(number) ?? 0), (60_000, 4)])
    }
  }

  private static func router(
    _ tenancy: Tenancy = Tenancy(), enforcing label: String? = "tenant_id", engine: EngineOptions = EngineOptions()
  ) -> HTTPRouter {
    var options = QueryAPIOptions()
    options.tenancy = tenancy
    options.enforcedTenantLabel = label
    let source = MemorySource(series)
    var router = HTTPRouter()
    var api = QueryAPI(engine: QueryEngine(options: engine), source: source, options: options)
    api.status.tsdb = SeriesStatistics(source)
    api.addRoutes(to: &router)
    return router
  }

  /// Every way to ask names what is the tenant's, and nothing of the other's, whatever is said of the label.
  @Test(arguments: [
    "query?query=up&time=0", "query?query=count(up)%20by%20(pod,tenant_id)&time=0",
    "query?query=up{tenant_id=\"b\"}&time=0", "query?query=up{tenant_id!=\"a\"}&time=0",
    "query?query=up{tenant_id=~\".*\"}&time=0", "query?query={__name__=~\".%2b\"}&time=60",
    "query?query=up[1m:30s]&time=60", "query?query=up[5m]&time=60", "query?query=up%20or%20up{tenant_id=\"b\"}&time=0",
    "query_range?query=up&start=0&end=60&step=30", "query_range?query=rate(up[2m])&start=0&end=60&step=30",
    "query_range?query=sum%20by%20(pod)%20(up)&start=0&end=60&step=30",
    "series?match[]=up", "series?match[]=up&match[]={tenant_id=\"b\"}", "labels?match[]=up", "labels",
    "label/pod/values", "label/pod/values?match[]={tenant_id=\"b\"}", "label/tenant_id/values", "status/tsdb",
  ]) func nothingOfOthersIsSeen(_ target: String) async throws {
    for (tenant, other) in [("a", "b"), ("b", "a")] {
      let answer = try await ask(Self.router(), "/api/v1/" + target, headers: ["thanos-tenant": tenant])
      #expect(answer.status == 200, "\(answer.text)")
      let own = [
        "\"\(tenant)1\"", "\"of_\(tenant)\"", "\"tenant_id\":\"\(tenant)\"", "\"\(tenant)\"", "\"pod=\(tenant)1\"",
      ]
      #expect(own.contains(where: answer.text.contains), "\(tenant): \(answer.text)")
      for foreign in ["\(other)1", "\(other)2", "of_\(other)", "\"\(other)\"", "tenant_id=\(other)"] {
        #expect(!answer.text.contains(foreign), "\(tenant): \(answer.text)")
      }
    }
  }

  @Test func aTenantWithoutSeriesSeesNone() async throws {
    let answer = try await ask(Self.router(), "/api/v1/query?query=count(up)&time=0")
    #expect(answer.text.hasSuffix(#""result":[]}}"#), "\(answer.text)")
    let statistics = try await ask(Self.router(), "/api/v1/status/tsdb")
    #expect(statistics.text.contains(#""numSeries":0"#), "\(statistics.text)")
  }

  @Test func withoutEnforcementAllIsSeen() async throws {
    let answer = try await ask(
      Self.router(enforcing: nil), "/api/v1/query?query=count(up)&time=0", headers: ["thanos-tenant": "a"])
    #expect(answer.text.contains(#""4"]"#), "\(answer.text)")
  }

  @Test func theFieldIsTheOneAskedFor() async throws {
    let tenancy = Tenancy(header: "X-Scope-OrgID", defaultTenant: "b")
    for (headers, pod) in [
      (["x-scope-orgid": "a", "thanos-tenant": "b"], "a1"), (["thanos-tenant": "a"], "a1"), ([:], "b1"),
    ] as [(HTTPHeaders, String)] {
      let answer = try await ask(Self.router(tenancy), "/api/v1/query?query=up==1&time=0", headers: headers)
      #expect(answer.text.contains("\"pod\":\"\(pod)\""), "\(answer.text)")
    }
  }

  @Test(arguments: ["../b", "/", "..", "a/b"]) func badNamesAreRefused(_ name: String) async throws {
    for target in ["query?query=up", "series?match[]=up", "labels", "label/pod/values", "status/tsdb"] {
      let answer = try await ask(Self.router(), "/api/v1/" + target, headers: ["thanos-tenant": name])
      #expect(answer.status == 400 && answer.text.contains("tenant name not valid"), "\(target): \(answer.text)")
      #expect(answer.text.contains(#""errorType":"bad_data""#))
    }
  }

  @Test func certificatesAreAskedFor() async throws {
    let answer = try await ask(
      Self.router(Tenancy(certificateField: .commonName)), "/api/v1/query?query=up", headers: ["thanos-tenant": "a"])
    #expect(answer.status == 400 && answer.text.contains("could not get required certificate field"), "\(answer.text)")
  }

  // MARK: Limits

  @Test(arguments: [
    "query?query=up&time=0", "query?query=up[5m]&time=60", "query?query=sum(rate(up[5m]))&time=60",
    "query?query=up{pod=\"a1\"}%2bup{pod=\"a1\"}%2bup{pod=\"a2\"}%2bup{pod=\"b1\"}&time=0",
    "query_range?query=up&start=0&end=60&step=30",
  ]) func moreSeriesThanAQueryMayReadAreRefused(_ target: String) async throws {
    var engine = EngineOptions()
    engine.seriesMax = 3
    let answer = try await ask(Self.router(enforcing: nil, engine: engine), "/api/v1/" + target)
    #expect(answer.status == 422, "\(answer.text)")
    #expect(answer.text.contains("more than 3 series, the limit of a query"), "\(answer.text)")
    engine.seriesMax = 4
    #expect(try await ask(Self.router(enforcing: nil, engine: engine), "/api/v1/" + target).status == 200)
  }

  @Test func subqueriesAreNestedAsDeepAsTheyMay() async throws {
    var engine = EngineOptions()
    engine.subqueryDepthMax = 3
    let router = Self.router(enforcing: nil, engine: engine)
    func nested(_ depth: Int) -> String {
      (0..<depth).reduce("up") { inner, _ in "max_over_time(\(inner)[2m:1m])" }
    }
    for (query, status) in [
      (nested(3), 200), (nested(4), 422), ("(\(nested(3)))%2b\(nested(3))", 200), ("1%2bsum(\(nested(4)))", 422),
      ("\(nested(3))[1m:1m]", 422),
    ] {
      let answer = try await ask(router, "/api/v1/query?query=\(query)&time=60")
      #expect(answer.status == status, "\(query): \(answer.text)")
      #expect(status == 200 || answer.text.contains("nests 4 subqueries, of which 3 are allowed"), "\(answer.text)")
    }
  }
}
