// What is logged of requests, and the routes that all components have.
import Locking
import Synchronization
import TestSupport
import Testing

@testable import ComponentSupport
@testable import Observability
@testable import Transport

@Suite struct RequestLogTests {
  private static func yaml(_ text: String) throws -> RequestLoggingConfig { try RequestLoggingConfig(Array(text.utf8)) }

  private static func router(
    _ metrics: MetricsRegistry, logger: Logger = .none, requestLog: RequestLog? = nil
  ) -> HTTPRouter {
    var router = HTTPRouter(
      instrumentation: HTTPInstrumentation(metrics: metrics, logger: logger, requestLog: requestLog))
    router.get("/named", name: "named") { _ in .text("answer") }
    router.get("/broken", name: "broken") { _ in throw HTTPProblem(status: 503, "no") }
    router.get("/plain") { _ in .text("plain") }
    return router
  }

  @Test func requestsAreLoggedAsConfigured() async throws {
    let sink = MemorySink()
    let logger = Logger(level: .debug, sink: sink)
    let all = RequestLog(
      config: try Self.yaml("options: {level: DEBUG, decision: {log_start: true, log_end: true}}"), logger: logger,
      port: 10902)
    _ = try await ask(Self.router(MetricsRegistry(), requestLog: all), "/named?x=1", headers: ["x-request-id": "abc"])
    #expect(sink.lines.count == 2)
    #expect(
      sink.lines.first?.hasSuffix(
        #"level=debug msg="started call" http.method="GET /named?x=1" http.request_id=abc thanos.method_name=named"#)
        == true)
    let end = sink.lines.last ?? ""
    #expect(end.contains(#"level=debug http.method="GET /named?x=1" http.request_id=abc http.status_code=200 "#))
    #expect(end.hasSuffix(#"http.remote_addr=127.0.0.1:4711 thanos.method_name=named msg="finished call""#))

    let failures = MemorySink()
    let errors = RequestLog(
      config: try Self.yaml("http: {options: {level: ERROR, decision: {log_end: true}}}"),
      logger: Logger(level: .debug, sink: failures), port: 10902)
    let router = Self.router(MetricsRegistry(), requestLog: errors)
    _ = try await ask(router, "/named")
    _ = try await ask(router, "/broken")
    #expect(failures.lines.count == 1)
    #expect(failures.lines.first?.contains("level=error") == true)
    #expect(failures.lines.first?.contains("http.error=503") == true)
  }

  @Test func onlyListedRequestsAreLogged() async throws {
    let sink = MemorySink()
    let config = try Self.yaml(
      """
      http:
        options: {level: DEBUG, decision: {log_end: true}}
        config: [{path: /named, port: 10902}, {path: /broken, port: 1}]
      """)
    let log = RequestLog(config: config, logger: Logger(level: .debug, sink: sink), port: 10902)
    let router = Self.router(MetricsRegistry(), requestLog: log)
    for path in ["/named", "/broken"] { _ = try await ask(router, path) }
    #expect(sink.lines.count == 1 && sink.lines.first?.contains("/named") == true)
  }
}

@Suite struct CommonRoutesTests {
  private static func router() -> (HTTPRouter, Probes, MetricsRegistry) {
    let metrics = MetricsRegistry()
    let probes = Probes(component: "store", metrics: metrics, logger: .none)
    var router = HTTPRouter()
    router.addProbes(probes)
    router.addMetrics(metrics)
    router.addProfiles()
    return (router, probes, metrics)
  }

  @Test func probesTellTheState() async throws {
    let (router, probes, metrics) = Self.router()
    for path in ["/-/healthy", "/-/ready"] {
      let answer = try await ask(router, path)
      #expect(answer.status == 503 && answer.text == "NOT OK")
    }
    probes.setHealthy()
    probes.setReady()
    for path in ["/-/healthy", "/-/ready"] {
      let answer = try await ask(router, "POST", path)
      #expect(answer.status == 200 && answer.text == "OK")
      #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
    }
    probes.setNotReady("busy")
    #expect(try await ask(router, "/-/ready").status == 503)
    #expect(
      String(decoding: metrics.exposition(), as: UTF8.self).hasSuffix(
        """
        thanos_status{check="healthy",component="store"} 1
        thanos_status{check="ready",component="store"} 0

        """))
  }

  @Test func changesOfProbesAreLoggedOnce() {
    let sink = MemorySink()
    let probes = Probes(component: "store", metrics: MetricsRegistry(), logger: Logger(sink: sink))
    let seen = Guarded<[Bool]>([])
    probes.onReadiness { isReady in seen.withLock { $0.append(isReady) } }
    probes.setReady()
    probes.setReady()
    probes.setNotReady("no \"disk\"")
    #expect(seen.withLock { $0 } == [false, true, false])
    #expect(sink.lines.count == 2)
    #expect(sink.lines.first?.hasSuffix(#"level=info msg="changing probe status" status=ready"#) == true)
    #expect(
      sink.lines.last?.hasSuffix(
        #"level=warn msg="changing probe status" status=not-ready reason="no \"disk\"""#) == true)
  }

  @Test func metricsComeInTheFormAskedFor() async throws {
    let (router, _, _) = Self.router()
    let text = try await ask(router, "/metrics")
    #expect(text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
    let open = try await ask(router, "/metrics", headers: ["accept": "application/openmetrics-text; version=1.0.0"])
    #expect(open.headers["content-type"]?.hasPrefix("application/openmetrics-text; version=1.0.0") == true)
    #expect(open.text.hasSuffix("# EOF\n"))
  }

  @Test func profilesSayWhereTheyAreTaken() async throws {
    let (router, _, _) = Self.router()
    let index = try await ask(router, "/debug/pprof/")
    #expect(index.status == 200 && index.headers["content-type"] == "text/html; charset=utf-8")
    for name in ["profile", "allocs", "block", "mutex", "trace", "symbol"] {
      #expect(index.text.contains("href=\"\(name)\""))
      let answer = try await ask(router, "/debug/pprof/\(name)?seconds=1")
      #expect(answer.status == 501 && answer.text.hasPrefix("\(name): not available: ") && !answer.text.contains("PID"))
    }
    let heap = try await ask(router, "/debug/pprof/heap")
    let profile = try Gzip.decode(heap.body, limitBytes: 1 << 20)
    #expect(heap.status == 200 && profile.count > 100)
    // (The address sanitizer has a heap of its own, without that name.)
    let mappings = try await ask(router, "/debug/pprof/heap?debug=1").text
    #expect(mappings.contains(" [heap]\n") || mappings.contains(" [stack]\n"))
    #expect(try await ask(router, "/debug/pprof/tasks").text.hasPrefix("threads: "))
    #expect(try await ask(router, "/debug/pprof/nope").status == 404)
  }
}

@Suite struct MemoryProfileTests {
  private static let smaps = """
    55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0                          [heap]
    Size:                132 kB
    Rss:                  20 kB
    Anonymous:            20 kB
    VmFlags: rd wr mr mw me ac
    7f0000000000-7f0000010000 r--p 00000000 08:01 42                         /var/a b
    Rss:                  64 kB
    Anonymous:             0 kB
    7f0000020000-7f0000030000 rw-p 00000000 00:00 0
    Rss:                   4 kB
    Anonymous:             4 kB
    7f0000040000-7f0000050000 r--p 00000000 08:01 42                         /var/a b
    Rss:                   4 kB
    7f0000060000-7f0000070000 ---p 00000000 00:00 0
    Rss:                   0 kB

    """

  @Test func mappingsAreAddedUp() {
    let profile = MemoryProfile(smaps: Array(Self.smaps.utf8))
    #expect(
      profile.text == """
        resident bytes, of them without a file, mapping
        94208 24576 all
        69632 0 /var/a b
        20480 20480 [heap]
        4096 4096 anonymous

        """)
    for length in 0..<Self.smaps.utf8.count { _ = MemoryProfile(smaps: Array(Self.smaps.utf8.prefix(length))) }
  }

  @Test func theProfileHasTheFormOfPprof() {
    let profile = MemoryProfile(smaps: Array("1-2 r--p 0 0:0 0 /f\nRss: 1 kB\nAnonymous: 0 kB\n".utf8))
    var expected: [UInt8] = [0x0A, 4, 0x08, 1, 0x10, 3, 0x0A, 4, 0x08, 2, 0x10, 3]  // sample types
    expected += [0x12, 8, 0x0A, 1, 1, 0x12, 3, 0x80, 8, 0] as [UInt8]  // location 1: 1024, 0
    expected += [0x22, 6, 0x08, 1, 0x22, 2, 0x08, 1, 0x2A, 4, 0x08, 1, 0x10, 4] as [UInt8]  // location and function
    for text in ["", "resident_space", "inuse_space", "bytes", "/f"] {
      expected += [0x32, UInt8(text.utf8.count)]
      expected += Array(text.utf8)
    }
    expected += [0x48, 5, 0x70, 2] as [UInt8]
    #expect(profile.encoded(timeNs: 5) == expected)
  }
}

@Suite struct TenancyTests {
  private static let peer = PeerInfo(address: "::1")

  @Test func headersNameTheTenant() throws {
    let tenancy = Tenancy(header: "X-Scope", defaultTenant: "nobody")
    #expect(try tenancy.tenant(headers: [:], peer: Self.peer) == "nobody")
    #expect(try tenancy.tenant(headers: ["THANOS-TENANT": "a"], peer: Self.peer) == "a")
    #expect(try tenancy.tenant(headers: ["thanos-tenant": "a", "x-scope": "b"], peer: Self.peer) == "b")
    #expect(try tenancy.tenant(headers: ["thanos-tenant": "a", "x-scope": ""], peer: Self.peer) == "a")
  }

  @Test(arguments: ["a/b", "/", ".", "..", "../x", "a\0b"]) func namesThatCouldBePathsAreRefused(_ name: String) {
    #expect(throws: HTTPProblem.self) { try Tenancy().tenant(headers: ["thanos-tenant": name], peer: Self.peer) }
  }

  @Test func certificatesDecideAlone() throws {
    let tls = PeerInfo.TLS(version: "TLSv1.3", cipher: "", organizations: ["org"], commonName: "cn")
    let peer = PeerInfo(address: "::1", tls: tls)
    let headers: HTTPHeaders = ["thanos-tenant": "a"]
    #expect(try Tenancy(certificateField: .organization).tenant(headers: headers, peer: peer) == "org")
    #expect(try Tenancy(certificateField: .commonName).tenant(headers: headers, peer: peer) == "cn")
    #expect(throws: HTTPProblem.self) {
      try Tenancy(certificateField: .organizationalUnit).tenant(headers: headers, peer: peer)
    }
    #expect(throws: HTTPProblem.self) {
      try Tenancy(certificateField: .commonName).tenant(headers: headers, peer: Self.peer)
    }
  }
}
