// What a server answers, request by request, without a socket.
import Locking
import Observability
import Synchronization
import TSModel
import TestSupport
import Testing

@testable import Transport

/// Keeps what an observer is told.
private final class Recorder: GRPCServerObserver {
  let lines = Guarded<[String]>([])

  func callStarted(service: String, method: GRPCMethod) { lines.withLock { $0.append("+ \(service)/\(method.name)") } }
  func callEnded(
    service: String, method: GRPCMethod, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int
  ) {
    lines.withLock { $0.append("- \(method.name) \(code.name) \(messagesReceived) \(messagesSent)") }
  }
}

private struct Answer {
  var status = 0
  var headers = HTTPHeaders()
  var body: [UInt8] = []
  var trailers = HTTPHeaders()

  var outcome: GRPCStatus? { GRPCStatus(trailers: trailers) ?? GRPCStatus(trailers: headers) }
  var messages: [[UInt8]] {
    get throws {
      var deframer = GRPCDeframer(maxMessageBytes: 1 << 20)
      deframer.push(body)
      var messages: [[UInt8]] = []
      let encoding = GRPCCompression(rawValue: headers["grpc-encoding"] ?? "identity") ?? .identity
      while let frame = try deframer.next() {
        messages.append(try GRPCCompression.message(of: frame, encoding: encoding, limitBytes: 1 << 20))
      }
      try deframer.finish()
      return messages
    }
  }
}

private func ask(
  _ path: String, _ messages: [[UInt8]] = [], body: [UInt8]? = nil, headers: HTTPHeaders = [:],
  options: GRPCServerOptions = GRPCServerOptions(), method: String = "POST", version: HTTPVersion = .http2,
  contentType: String? = "application/grpc", health: GRPCHealth = GRPCHealth(), services: [any GRPCService]? = nil
) async throws -> Answer {
  var frames = body ?? []
  for message in messages { GRPCFraming.append(message, to: &frames) }
  var all = headers
  if let contentType { all.add("content-type", contentType) }
  all.add("te", "trailers")
  let stream = MemoryStream(body: frames, partBytes: 7)
  let server = GRPCServer(services: services ?? [EchoService()], options: options, health: health)
  try await server.handle(
    HTTPServerRequest(
      head: HTTPRequestHead(method: method, target: path, headers: all, version: version),
      peer: PeerInfo(address: "127.0.0.1", port: 1), stream: stream),
    HTTPServerResponse(stream: stream))
  return Answer(
    status: stream.responseHead?.status ?? 0, headers: stream.responseHead?.headers ?? [:], body: stream.responseBody,
    trailers: stream.responseTrailers ?? [:])
}

@Suite struct GRPCServerTests {
  @Test func unaryCallsAnswerWithOneMessageAndOK() async throws {
    let answer = try await ask("/apus.test.Echo/Unary", [[1, 2, 3]])
    #expect(answer.status == 200)
    #expect(answer.headers["content-type"] == "application/grpc")
    #expect(try answer.messages == [[1, 2, 3]])
    #expect(answer.trailers == ["grpc-status": "0"])
  }

  @Test func theSubtypeOfTheContentTypeIsAnswered() async throws {
    let answer = try await ask("/apus.test.Echo/Unary", [[1]], contentType: "application/grpc+proto")
    #expect(answer.headers["content-type"] == "application/grpc+proto")
    #expect(answer.outcome == .ok)
  }

  @Test func requestsThatAreNoGRPCAreRefusedAsHTTP() async throws {
    for type in [nil, "text/plain", "application/grpc-web", "application/grpcx"] {
      let answer = try await ask("/apus.test.Echo/Unary", contentType: type)
      #expect(answer.status == 415)
      #expect(
        answer.outcome == GRPCStatus(.invalidArgument, "invalid gRPC request content-type \"\(type ?? "")\""))
    }
    let get = try await ask("/apus.test.Echo/Unary", method: "GET")
    #expect(get.status == 405)
    #expect(get.outcome?.message == "Received a HEADERS frame with :method \"GET\" which should be POST")
    #expect(try await ask("/apus.test.Echo/Unary", version: .http1_1).status == 505)
    #expect(try await ask("/apus.test.Echo/Unary", headers: ["grpc-timeout": "5x"]).status == 400)
    #expect(try await ask("/apus.test.Echo/Unary", headers: ["a-bin": "%%"]).status == 400)
  }

  @Test func unknownNamesAreUnimplementedInTheWordsOfGo() async throws {
    let cases = [
      ("/thanos.X/Y", "unknown service thanos.X"), ("/apus.test.Echo/M", "unknown method M for service apus.test.Echo"),
      ("/apus.test.Echo/", "unknown method  for service apus.test.Echo"),
      ("/nothing", "malformed method name: \"/nothing\""),
      ("/a/b/c", "unknown service a/b"),
    ]
    for (path, message) in cases {
      let answer = try await ask(path, [[1]])
      #expect(answer.status == 200)
      #expect(answer.outcome == GRPCStatus(.unimplemented, message), "\(path)")
      // Trailers only.
      #expect(answer.trailers.isEmpty && answer.body.isEmpty)
    }
  }

  @Test func whatAHandlerThrowsIsTheOutcome() async throws {
    let failed = try await ask("/apus.test.Echo/Unary", [[1]], headers: ["x-fail": "8", "x-echo": "a"])
    #expect(failed.outcome == GRPCStatus(.resourceExhausted, "asked to fail: 100 % — ü", details: [8, 5]))
    #expect(failed.headers["grpc-message"] == "asked to fail: 100 %25 %E2%80%94 %C3%BC")
    #expect(
      try await ask("/apus.test.Echo/Unary", [[1]], headers: ["x-throw": "1"]).outcome
        == GRPCStatus(.unknown, "something odd"))
  }

  @Test func requestsOfOtherCardinalityAreInternal() async throws {
    #expect(try await ask("/apus.test.Echo/Unary").outcome?.code == .internal)
    #expect(try await ask("/apus.test.Echo/Unary", [[1], [2]]).outcome?.code == .internal)
    #expect(
      try await ask("/apus.test.Echo/Unary", body: [0, 0, 0, 0, 9, 1]).outcome
        == GRPCStatus(.internal, "unexpected EOF"))
  }

  @Test func messagesAboveTheLimitsAreRefused() async throws {
    var options = GRPCServerOptions()
    options.maxReceiveMessageBytes = 10
    options.maxSendMessageBytes = 15
    let long = try await ask("/apus.test.Echo/Unary", [[UInt8](repeating: 0, count: 11)], options: options)
    #expect(long.outcome == GRPCStatus(.resourceExhausted, "grpc: received message larger than max (11 vs. 10)"))
    let huge = try await ask("/apus.test.Echo/Unary", body: [0, 0x80, 0, 0, 0], options: options)
    #expect(
      huge.outcome == GRPCStatus(.resourceExhausted, "grpc: received message larger than max (2147483648 vs. 10)"))
    let sent = try await ask("/apus.test.Echo/Collect", [Array(0..<8), Array(0..<8)], options: options)
    #expect(sent.outcome == GRPCStatus(.resourceExhausted, "grpc: trying to send message larger than max (16 vs. 15)"))
    var bomb: [UInt8] = []
    GRPCFraming.append([1, 2, 3], compressed: true, to: &bomb)
    #expect(
      try await ask("/apus.test.Echo/Unary", body: bomb).outcome
        == GRPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding"))
    options.maxReceiveMessageBytes = 2_000
    bomb = []
    GRPCFraming.append(try Gzip.encode([UInt8](repeating: 0, count: 2_001)), compressed: true, to: &bomb)
    #expect(
      try await ask("/apus.test.Echo/Unary", body: bomb, headers: ["grpc-encoding": "gzip"], options: options).outcome
        == GRPCStatus(.resourceExhausted, "grpc: received message after decompression larger than max 2000"))
  }

  @Test(arguments: [GRPCCompression.gzip, .snappy]) func compressedCallsAreAnsweredAlike(_ compression: GRPCCompression)
    async throws
  {
    let message = [UInt8](repeating: 9, count: 5_000)
    var body: [UInt8] = []
    GRPCFraming.append(try compression.encode(message), compressed: true, to: &body)
    let headers: HTTPHeaders = ["grpc-encoding": compression.rawValue, "grpc-accept-encoding": "identity, snappy,gzip"]
    let answer = try await ask("/apus.test.Echo/Unary", body: body, headers: headers)
    #expect(answer.headers["grpc-encoding"] == compression.rawValue)
    #expect(answer.body.count < 1_000)
    #expect(try answer.messages == [message])
    // Who accepts nothing gets plain messages.
    let plain = try await ask("/apus.test.Echo/Unary", body: body, headers: ["grpc-encoding": compression.rawValue])
    #expect(plain.headers["grpc-encoding"] == nil && plain.body.count == 5_005)
    // Messages that come framed are compressed one by one.
    var request: [UInt8] = []
    GRPCFraming.append(try compression.encode(Array("3 500".utf8)), compressed: true, to: &request)
    let framed = try await ask("/apus.test.Echo/Framed", body: request, headers: headers)
    #expect(framed.body.count < 500)
    #expect(try framed.messages == (0..<3).map { [UInt8](repeating: UInt8($0), count: 500) })
    #expect(
      try await ask("/apus.test.Echo/Unary", body: body, headers: ["grpc-encoding": "br"]).outcome
        == GRPCStatus(.unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"br\""))
  }

  @Test func handlersMayCompressForThoseWhoAccept() async throws {
    let message = [UInt8](repeating: 9, count: 5_000)
    let answer = try await ask(
      "/apus.test.Echo/Unary", [message], headers: ["x-compress": "snappy", "grpc-accept-encoding": "snappy"])
    #expect(answer.headers["grpc-encoding"] == "snappy")
    #expect(try answer.messages == [message])
    let refused = try await ask("/apus.test.Echo/Unary", [message], headers: ["x-compress": "snappy"])
    #expect(refused.headers["grpc-encoding"] == nil)
  }

  @Test func streamsOfAllKindsWork() async throws {
    let messages = (0..<20).map { [UInt8](repeating: UInt8($0), count: $0 * 3) }
    #expect(try await ask("/apus.test.Echo/Collect", messages).messages == [messages.flatMap { $0 }])
    #expect(try await ask("/apus.test.Echo/Chat", messages).messages == messages)
    let expanded = try await ask("/apus.test.Echo/Expand", [Array("100 9".utf8)])
    #expect(try expanded.messages == (0..<100).map { [UInt8](repeating: UInt8($0), count: 9) })
    // An empty stream is trailers only.
    let empty = try await ask("/apus.test.Echo/Expand", [Array("0 0".utf8)])
    #expect(empty.trailers.isEmpty && empty.headers["grpc-status"] == "0" && empty.body.isEmpty)
  }

  @Test func metadataGoesBothWays() async throws {
    let answer = try await ask(
      "/apus.test.Echo/Unary", [[1]],
      headers: ["x-echo": "one", "x-echo": "two", "x-echo-bin": "AAEC", "x-echo-bin": "/w=="])
    #expect(answer.headers.values(for: "x-echo") == ["one", "two"])
    #expect(try answer.headers.binary("x-echo-bin") == [[0, 1, 2], [255]])
    #expect(answer.trailers.values(for: "x-echo-trailing") == ["one", "two"])
  }

  @Test func deadlinesEndCallsAndCancelTheirHandlers() async throws {
    let service = EchoService()
    let answer = try await ask("/apus.test.Echo/Sleep", [[1]], headers: ["grpc-timeout": "20m"], services: [service])
    #expect(answer.outcome == GRPCStatus(.deadlineExceeded, "context deadline exceeded"))
    #expect(service.cancellations.load(ordering: .relaxed) == 1)
    let zero = try await ask("/apus.test.Echo/Sleep", [[1]], headers: ["grpc-timeout": "0n"])
    #expect(zero.outcome?.code == .deadlineExceeded)
    #expect(try await ask("/apus.test.Echo/Unary", [[1]], headers: ["grpc-timeout": "99999999H"]).outcome == .ok)
  }

  @Test func aClientThatLeavesCancelsItsHandler() async throws {
    let service = EchoService()
    let recorder = Recorder()
    var options = GRPCServerOptions()
    options.observer = recorder
    let task = Task { [options] in try await ask("/apus.test.Echo/Sleep", [[1]], options: options, services: [service])
    }
    while recorder.lines.withLock({ $0.isEmpty }) { await Task.yield() }
    task.cancel()
    #expect(try await task.value.outcome?.code == .cancelled)
    #expect(recorder.lines.withLock { $0 } == ["+ apus.test.Echo/Sleep", "- Sleep Canceled 1 0"])
  }

  @Test func interceptorsStandAroundHandlersInTheirOrder() async throws {
    final class Tracer: GRPCServerInterceptor {
      let name: String
      let lines: @Sendable (String) -> Void
      init(_ name: String, _ lines: @escaping @Sendable (String) -> Void) { (self.name, self.lines) = (name, lines) }
      func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws {
        lines("\(name) before \(call.path)")
        if call.metadata.contains("x-stop-\(name)") { throw GRPCStatus(.permissionDenied, name) }
        try await next()
        lines("\(name) after")
      }
      func interceptQuick(_ call: GRPCQuickCall, _ next: () throws -> [UInt8]) throws -> [UInt8] {
        Issue.record("no method of this server is quick")
        return try next()
      }
    }
    let lines = Guarded<[String]>([])
    let record: @Sendable (String) -> Void = { line in lines.withLock { $0.append(line) } }
    var options = GRPCServerOptions()
    options.interceptors = [Tracer("a", record), Tracer("b", record)]
    #expect(try await ask("/apus.test.Echo/Unary", [[1]], options: options).outcome == .ok)
    #expect(
      lines.withLock { $0 } == [
        "a before /apus.test.Echo/Unary", "b before /apus.test.Echo/Unary", "b after", "a after",
      ])
    let stopped = try await ask("/apus.test.Echo/Unary", [[1]], headers: ["x-stop-b": ""], options: options)
    #expect(stopped.outcome == GRPCStatus(.permissionDenied, "b"))
  }

  @Test func callsAreCounted() async throws {
    let registry = MetricsRegistry()
    let metrics = GRPCServerMetrics(registry: registry)
    metrics.prepare(EchoService())
    var options = GRPCServerOptions()
    options.observer = metrics
    _ = try await ask("/apus.test.Echo/Chat", [[1], [2]], options: options)
    _ = try await ask("/apus.test.Echo/Chat", [[1]], headers: ["x-fail": "8"], options: options)
    let text = String(decoding: registry.exposition(.prometheusText), as: UTF8.self)
    for line in [
      #"grpc_server_started_total{grpc_method="Chat",grpc_service="apus.test.Echo",grpc_type="bidi_stream"} 2"#,
      #"grpc_server_started_total{grpc_method="Unary",grpc_service="apus.test.Echo",grpc_type="unary"} 0"#,
      #"grpc_server_handled_total{grpc_code="ResourceExhausted",grpc_method="Chat",grpc_service="apus.test.Echo",grpc_type="bidi_stream"} 1"#,
      #"grpc_server_msg_received_total{grpc_method="Chat",grpc_service="apus.test.Echo",grpc_type="bidi_stream"} 2"#,
      #"grpc_server_msg_sent_total{grpc_method="Chat",grpc_service="apus.test.Echo",grpc_type="bidi_stream"} 2"#,
      #"grpc_server_handling_seconds_count{grpc_method="Chat",grpc_service="apus.test.Echo",grpc_type="bidi_stream"} 2"#,
    ] { #expect(text.contains(line + "\n"), "\(line)") }
  }

  @Test func healthIsToldAndWatched() async throws {
    let health = GRPCHealth()
    func check(_ service: String) async throws -> Answer {
      var request = ProtobufWriter()
      request.string(field: 1, service)
      return try await ask("/grpc.health.v1.Health/Check", [request.bytes], health: health)
    }
    #expect(try await check("").messages == [[8, 1]])
    #expect(try await check("x").outcome == GRPCStatus(.notFound, "unknown service"))
    health.set(.notServing, service: "x")
    #expect(try await check("x").messages == [[8, 2]])
    #expect(try await ask("/grpc.health.v1.Health/Check", [[0x0A, 5]]).outcome?.code == .internal)

    var seen: [GRPCHealth.Status] = []
    for await status in health.watch("later") {
      seen.append(status)
      if seen.count == 1 { health.set(.serving, service: "later") }
      if seen.count == 2 { health.shutdown() }
      if seen.count == 3 { break }
    }
    #expect(seen == [.serviceUnknown, .serving, .notServing])
    health.set(.serving)
    #expect(health.status() == .notServing)
  }

  @Test func reflectionSurvivesDamagedQuestions() async throws {
    var request = ProtobufWriter()
    request.string(field: 1, "host")
    request.string(field: 4, "grpc.health.v1.Health", always: true)
    for length in 0...request.bytes.count {
      _ = try await ask(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", [Array(request.bytes.prefix(length))])
    }
    for bit in 0..<request.bytes.count * 8 {
      var damaged = request.bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      let answer = try await ask("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", [damaged])
      #expect(answer.outcome?.code == .ok || answer.outcome?.code == .internal)
    }
  }
}
