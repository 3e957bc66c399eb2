// What is seen of gRPC calls.
import TestSupport
import Testing

@testable import ComponentSupport
@testable import Observability
@testable import Transport

private struct Bird: GRPCService {
  let name = "apus.test.Bird"
  let methods: [GRPCMethod] = ["Sing"]

  func handle(method: String, call: GRPCServerCall) async throws {
    _ = try await call.onlyMessage()
    if let code = call.metadata["x-fail"].flatMap({ Int($0) }).flatMap(GRPCStatus.Code.init(rawValue:)) {
      throw GRPCStatus(code, "no voice")
    }
    try await call.send([1])
  }
}

@Suite struct GRPCInstrumentationTests {
  private static func call(
    _ config: String, logger: Logger, tracer: Tracer = .none, headers: HTTPHeaders = [:]
  ) async throws -> HTTPHeaders {
    var options = GRPCServerOptions()
    options.interceptors = [
      GRPCInstrumentation(config: try RequestLoggingConfig(Array(config.utf8)), logger: logger, tracer: tracer)
    ]
    let server = GRPCServer(services: [Bird()], options: options, health: GRPCHealth())
    var all = headers
    all.add("content-type", "application/grpc")
    all.add("te", "trailers")
    let stream = MemoryStream(body: [0, 0, 0, 0, 1, 9])
    try await server.handle(
      HTTPServerRequest(
        head: HTTPRequestHead(method: "POST", target: "/apus.test.Bird/Sing", headers: all, version: .http2),
        peer: PeerInfo(address: "127.0.0.1", port: 1), stream: stream),
      HTTPServerResponse(stream: stream))
    // A failure before the first message is told in the head.
    let trailers = stream.responseTrailers ?? [:]
    return trailers.contains("grpc-status") ? trailers : stream.responseHead?.headers ?? [:]
  }

  private static let all = "options: {level: DEBUG, decision: {log_start: true, log_end: true}}"

  @Test func callsAreLoggedAsConfigured() async throws {
    let sink = MemorySink()
    _ = try await Self.call(Self.all, logger: Logger(level: .debug, sink: sink))
    #expect(sink.lines.count == 2)
    let fields = """
      grpc.service=apus.test.Bird grpc.method=Sing grpc.method_type=unary grpc.component=server \
      peer.address=127.0.0.1:1
      """
    #expect(sink.lines.first?.hasSuffix(#"level=debug \#(fields) msg="started call""#) == true)
    #expect(sink.lines.last?.contains("level=debug \(fields) grpc.code=OK grpc.time_ms=") == true)

    let failures = MemorySink()
    let logger = Logger(level: .debug, sink: failures)
    let errorsOnly = "grpc: {options: {level: ERROR, decision: {log_end: true}}}"
    for code in [GRPCStatus.Code.ok, .notFound, .internal] {
      _ = try await Self.call(errorsOnly, logger: logger, headers: code == .ok ? [:] : ["x-fail": "\(code.rawValue)"])
    }
    #expect(failures.lines.count == 1)
    #expect(failures.lines.first?.contains(#"grpc.error="rpc error: code = Internal desc = no voice""#) == true)
  }

  @Test func onlyListedMethodsAreLogged() async throws {
    let sink = MemorySink()
    let logger = Logger(level: .debug, sink: sink)
    func config(_ service: String) -> String {
      "grpc: {options: {level: DEBUG, decision: {log_end: true}}, config: [{service: \(service), method: Sing}]}"
    }
    _ = try await Self.call(config("other.Service"), logger: logger)
    _ = try await Self.call(config("apus.test.Bird"), logger: logger)
    #expect(sink.lines.count == 1)
  }

  @Test func spansContinueTheCallersTrace() async throws {
    let kept = KeptSpans()
    let tracer = Tracer(sampler: .parentBased(.never), exporter: kept)
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let trailers = try await Self.call(
      "", logger: .none, tracer: tracer, headers: ["traceparent": traceparent, "x-fail": "13"])
    _ = try await Self.call("", logger: .none, tracer: tracer)
    #expect(trailers["grpc-status"] == "13")
    let span = try #require(kept.all.first)
    #expect(kept.all.count == 1 && span.name == "/apus.test.Bird/Sing" && span.errorMessage == "no voice")
    #expect(span.context.traceID == TraceID(hex: "4bf92f3577b34da6a3ce929d0e0e4736") && span.kind == .server)
    #expect(span.attributes.contains { $0.key == "rpc.grpc.status_code" && $0.value == 13 })
  }
}
