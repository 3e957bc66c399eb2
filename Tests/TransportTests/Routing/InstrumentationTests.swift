// What is seen of requests.
import TestSupport
import Testing

@testable import Observability
@testable import Transport

@Suite struct InstrumentationTests {
  private static func router(_ metrics: MetricsRegistry, tracer: Tracer = .none) -> HTTPRouter {
    var router = HTTPRouter(
      instrumentation: HTTPInstrumentation(metrics: metrics, logger: .none, tracer: tracer))
    router.get("/named", name: "named") { _ in .text("answer") }
    router.get("/broken", name: "broken") { _ in throw HTTPProblem(status: 503, "no") }
    router.get("/plain") { _ in .text("plain") }
    return router
  }

  @Test func namedRoutesAreCounted() async throws {
    let metrics = MetricsRegistry()
    let router = Self.router(metrics)
    for path in ["/named", "/named", "/broken", "/plain", "/nope"] { _ = try await ask(router, path) }
    _ = try await ask(router, "HEAD", "/named")
    let text = String(decoding: metrics.exposition(), as: UTF8.self)
    let lines = Set(text.split(separator: "\n").map(String.init))
    for line in [
      #"http_requests_total{code="200",handler="named",method="get"} 2"#,
      #"http_requests_total{code="200",handler="named",method="head"} 1"#,
      #"http_requests_total{code="503",handler="broken",method="get"} 1"#,
      #"http_inflight_requests{handler="named",method="get"} 0"#,
      #"http_response_size_bytes_sum{code="200",handler="named",method="get"} 12"#,
      #"http_request_duration_seconds_count{code="200",handler="named",method="get"} 2"#,
      #"http_request_size_bytes_bucket{code="503",handler="broken",method="get",le="64"} 1"#,
    ] { #expect(lines.contains(line), "\(line)") }
    #expect(!text.contains("plain") && text.contains(#"le="720"} 2"#) && text.contains(#"le="32768"} 2"#))
  }

  @Test func spansContinueTheCallersTrace() async throws {
    let kept = KeptSpans()
    let router = Self.router(MetricsRegistry(), tracer: Tracer(sampler: .parentBased(.never), exporter: kept))
    let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
    let sampled = try await ask(router, "/named", headers: ["traceparent": "00-\(traceID)-00f067aa0ba902b7-01"])
    #expect(sampled.headers["x-thanos-trace-id"] == traceID)
    let unsampled = try await ask(router, "/named", headers: ["traceparent": "00-\(traceID)-00f067aa0ba902b7-00"])
    #expect(!unsampled.headers.contains("x-thanos-trace-id"))
    let forced = try await ask(router, "/broken", headers: ["x-thanos-force-tracing": "1"])
    #expect(forced.headers["x-thanos-trace-id"]?.count == 32)
    #expect(kept.all.map(\.name) == ["named", "broken"] && kept.all.map(\.kind) == [.server, .server])
    #expect(kept.all.last?.errorMessage == "HTTP status 503")
    #expect(kept.all.first?.attributes.contains { $0.key == "http.status_code" && $0.value == 200 } == true)
  }

  @Test func unknownMethodsShareALabel() {
    #expect(HTTPInstrumentation.label(of: "GET") == "get")
    #expect(HTTPInstrumentation.label(of: "BREW") == "unknown")
  }
}
