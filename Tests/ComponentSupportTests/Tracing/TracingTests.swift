// Spans on their way to a receiver.
import Locking
import Synchronization
import TSModel
import TestSupport
import Testing

@testable import ComponentSupport
@testable import Observability
@testable import Transport

private final class Receiver: SpanSender {
  let batches = Guarded<[[FinishedSpan]]>([])
  let failures: Guarded<[SpanSendError]>

  init(failures: [SpanSendError] = []) { self.failures = Guarded(failures) }

  func send(_ spans: [FinishedSpan]) async throws {
    if let failure = failures.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw failure }
    batches.withLock { $0.append(spans) }
  }

  var names: [String] { batches.withLock { $0.flatMap { $0.map(\.name) } } }
}

/// A collector of traces that is busy at first.
private final class Collector: GRPCService {
  let name = "opentelemetry.proto.collector.trace.v1.TraceService"
  let methods: [GRPCMethod] = ["Export"]
  let received = Guarded<[(key: String?, message: [UInt8])]>([])

  func handle(method: String, call: GRPCServerCall) async throws {
    let message = try await call.onlyMessage()
    let count = received.withLock { received in
      received.append((call.metadata["x-key"], message))
      return received.count
    }
    if count == 1 { throw GRPCStatus(.unavailable, "busy") }
    try await call.send([])
  }
}

@Suite struct TracingTests {
  private static func config(_ yaml: String) throws -> TracingConfig { try TracingConfig(Array(yaml.utf8)) }
  private static let otlp = "type: OTLP\nconfig: {client_type: http, insecure: true}"

  @Test func whatWaitsIsSentAtTheEnd() async throws {
    let metrics = MetricsRegistry()
    let batches = SpanBatches(try Self.config(Self.otlp), metrics: metrics, logger: .none)
    let receiver = Receiver()
    let tracer = Tracer(sampler: .always, exporter: batches)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await batches.run(receiver) }
      for index in 0..<1100 { tracer.startSpan("s\(index)").end() }
      batches.close()
    }
    #expect(receiver.names == (0..<1100).map { "s\($0)" })
    #expect(receiver.batches.withLock { $0.allSatisfy { $0.count <= 512 } })
    #expect(String(decoding: metrics.exposition(), as: UTF8.self).contains("apus_tracing_spans_sent_total 1100\n"))
    tracer.startSpan("late").end()
    #expect(String(decoding: metrics.exposition(), as: UTF8.self).contains("apus_tracing_spans_dropped_total 1\n"))
  }

  @Test func theQueueIsBounded() throws {
    let metrics = MetricsRegistry()
    let batches = SpanBatches(try Self.config(Self.otlp), metrics: metrics, logger: .none)
    let tracer = Tracer(sampler: .always, exporter: batches)
    for _ in 0..<3000 { tracer.startSpan("s").end() }
    #expect(String(decoding: metrics.exposition(), as: UTF8.self).contains("apus_tracing_spans_dropped_total 952\n"))
  }

  @Test func triesAreRepeatedAsConfigured() async throws {
    let config = try Self.config(
      """
      type: OTLP
      config:
        client_type: http
        retry_config: {retry_enabled: true, retry_initial_interval: 1s, retry_max_interval: 2s, retry_max_elapsed_time: 1m}
      """)
    let pauses = Guarded<[Duration]>([])
    let batches = SpanBatches(config, metrics: MetricsRegistry(), logger: .none) { duration in
      // The interval between batches passes at once, too.
      if duration != .seconds(5) { pauses.withLock { $0.append(duration) } }
    }
    let busy = SpanSendError(isRetryable: true, retryAfterMs: nil, description: "busy")
    let patience = SpanSendError(isRetryable: true, retryAfterMs: 7000, description: "patience")
    let receiver = Receiver(failures: [busy, busy, busy, patience])
    let tracer = Tracer(sampler: .always, exporter: batches)
    tracer.startSpan("a").end()
    let run = Task { await batches.run(receiver) }
    while receiver.names.isEmpty { await Task.yield() }
    run.cancel()
    await run.value
    #expect(pauses.withLock { $0 } == [.seconds(1), .milliseconds(1500), .seconds(2), .seconds(7)])
  }

  @Test func whatIsRefusedForGoodIsCountedAndLogged() async throws {
    let sink = MemorySink()
    let metrics = MetricsRegistry()
    let batches = SpanBatches(try Self.config(Self.otlp), metrics: metrics, logger: Logger(sink: sink))
    let receiver = Receiver(failures: [SpanSendError(isRetryable: false, retryAfterMs: nil, description: "no thanks")])
    Tracer(sampler: .always, exporter: batches).startSpan("a").end()
    batches.close()
    await batches.run(receiver)
    #expect(sink.lines.first?.contains(#"level=warn msg="sending spans failed" spans=1 err="no thanks""#) == true)
    #expect(String(decoding: metrics.exposition(), as: UTF8.self).contains("apus_tracing_spans_failed_total 1\n"))
  }

  @Test func otlpArrivesOverHTTP() async throws {
    let received = Guarded<[(headers: HTTPHeaders, body: [UInt8])]>([])
    var router = HTTPRouter()
    router.post("/custom/traces") { call in
      let body = try await call.request.collectBody(limitBytes: 1 << 20)
      let isFirst = received.withLock { received in
        received.append((call.headers, body))
        return received.count == 1
      }
      return isFirst ? .error("busy", status: 503) : HTTPReply()
    }
    let server = try HTTPServer(handler: router, options: HTTPServerOptions(loops: try EventLoopGroup(count: 1)))
    let address = try await server.listen(on: ListenAddress.parse("127.0.0.1:0"))
    let config = try Self.config(
      """
      type: otlp
      config:
        client_type: http
        insecure: true
        endpoint: "\(address)"
        url_path: custom/traces
        compression: gzip
        headers: {x-key: value}
        resource_attributes: {team: birds}
      """)
    let sender = try OTLPSenders.sender(config, component: "store", build: BuildFacts(version: "1.2.3"))
    let kept = KeptSpans()
    let tracer = Tracer(
      sampler: .always, exporter: kept, clock: { 1_000_000_007 }, randomNumber: { 0x0102_0304_0506_0708 })
    let parent = try #require(SpanContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
    let span = tracer.startSpan("work", parent: parent, kind: .server, attributes: [("n", 1), ("s", "t"), ("b", true)])
    span.addEvent("event", [("f", 0.5)])
    span.setError("broken")
    span.end()
    await #expect(throws: SpanSendError.self) { try await sender.send(kept.all) }
    try await sender.send(kept.all)
    await server.shutdown(graceMs: 0)

    let request = try #require(received.withLock { $0.last })
    #expect(request.headers["content-type"] == "application/x-protobuf" && request.headers["x-key"] == "value")
    #expect(request.headers["content-encoding"] == "gzip")
    let message = try Gzip.decode(request.body, limitBytes: 1 << 20)
    let text = try protobufText(message)
    #expect(text.contains("thanos-store") && text.contains("birds") && text.contains("broken"))
    let expectedSpan =
      """
      {1: 4bf92f3577b34da6a3ce929d0e0e4736, 2: 0102030405060708, 4: 00f067aa0ba902b7, 5: "work", 6: 2, 7: 1000000007, \
      8: 1000000007, 9: {1: "n", 2: {3: 1}}, 9: {1: "s", 2: {1: "t"}}, 9: {1: "b", 2: {2: 1}}, \
      11: {1: 1000000007, 2: "event", 3: {1: "f", 2: {4: 4602678819172646912}}}, 15: {2: "broken", 3: 2}}
      """
    #expect(text.contains(expectedSpan), "\(text)")
  }

  @Test func otlpArrivesOverGRPC() async throws {
    let collector = Collector()
    let server = try HTTPServer(
      handler: GRPCServer(services: [collector], health: GRPCHealth()),
      options: HTTPServerOptions(loops: try EventLoopGroup(count: 1)))
    let address = try await server.listen(on: ListenAddress.parse("127.0.0.1:0"))
    let config = try Self.config(
      """
      type: OTLP
      config: {client_type: grpc, insecure: true, endpoint: "\(address)", compression: gzip, headers: {x-key: value}}
      """)
    let sender = try OTLPSenders.sender(config, component: "store", build: BuildFacts(version: "1.2.3"))
    let kept = KeptSpans()
    Tracer(sampler: .always, exporter: kept).startSpan("work").end()
    // The first one that arrives is refused; on a slow machine one before it may not have arrived at all.
    while collector.received.withLock({ $0.isEmpty }) {
      let failure = await #expect(throws: SpanSendError.self) { try await sender.send(kept.all) }
      try #require(failure?.isRetryable == true)
    }
    try await sender.send(kept.all)
    let received = collector.received.withLock { $0 }
    #expect(received.count == 2 && received.allSatisfy { $0.key == "value" })
    #expect(try protobufText(received.last?.message ?? []).contains("\"work\""))
    await server.shutdown(graceMs: 0)
    let gone = await #expect(throws: SpanSendError.self) { try await sender.send(kept.all) }
    #expect(gone?.isRetryable == true)
  }

  @Test func addressesBecomeURLs() throws {
    func url(_ yaml: String) throws -> String { try OTLPHTTPSender.url(try Self.config("type: OTLP\nconfig: " + yaml)) }
    #expect(try url("{client_type: http}") == "https://localhost:4318/v1/traces")
    #expect(try url("{client_type: http, endpoint: 'c:1', insecure: true}") == "http://c:1/v1/traces")
    #expect(try url("{client_type: http, endpoint: 'http://c:1/', url_path: /x}") == "http://c:1/x")
    let jaeger = try Self.config("type: JAEGER\nconfig: {endpoint: 'http://j:14268/api/traces', sampler_type: const}")
    #expect(try OTLPHTTPSender.url(jaeger) == "http://j:14268/api/traces")
    #expect(throws: ConfigurationError.self) {
      try OTLPHTTPSender.url(try Self.config("type: JAEGER\nconfig: {sampler_type: const}"))
    }
  }

  @Test func configurationsChooseTheSampler() throws {
    let id = TraceID(high: 1, low: .max)
    func sampler(_ yaml: String) throws -> Sampler {
      Sampler(try Self.config("type: OTLP\nconfig: {client_type: http, \(yaml)}").sampling)
    }
    #expect(try sampler("sampler_type: alwayssample").isSampled(id, parent: nil))
    #expect(try !sampler("sampler_type: neversample").isSampled(id, parent: nil))
    #expect(try !sampler("sampler_type: traceidratiobased, sampler_param: '0.5'").isSampled(id, parent: nil))
    #expect(try sampler("sampler_type: parentbasedtraceidratiobased, sampler_param: '1'").isSampled(id, parent: nil))
  }
}

/// Fields by their numbers; bytes that are a message as one, text as text, other bytes in hexadecimal digits.
private func protobufText(_ bytes: [UInt8]) throws -> String {
  var at = 0
  func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard at < bytes.count else { throw TestSupportError("truncated") }
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw TestSupportError("too long")
  }
  var parts: [String] = []
  while at < bytes.count {
    let key = try varint()
    guard key >> 3 > 0, key >> 3 < 100 else { throw TestSupportError("field \(key >> 3)") }
    switch key & 7 {
    case 0: parts.append("\(key >> 3): \(try varint())")
    case 1:
      guard at + 8 <= bytes.count else { throw TestSupportError("truncated") }
      let value = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
      at += 8
      parts.append("\(key >> 3): \(value)")
    case 2:
      let length = Int(try varint())
      guard at + length <= bytes.count else { throw TestSupportError("truncated") }
      let inner = Array(bytes[at..<at + length])
      at += length
      let isID = [1: 16, 2: 8, 4: 8][key >> 3] == length && !inner.allSatisfy { (0x20..<0x7F).contains($0) }
      if isID {
        parts.append("\(key >> 3): " + inner.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
      } else if let message = try? protobufText(inner), !message.isEmpty {
        parts.append("\(key >> 3): \(message)")
      } else {
        parts.append("\(key >> 3): \"\(String(decoding: inner, as: UTF8.self))\"")
      }
    default: throw TestSupportError("wire type \(key & 7)")
    }
  }
  return parts.isEmpty ? "" : "{" + parts.joined(separator: ", ") + "}"
}
