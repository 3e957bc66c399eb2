// Our client: against gRPC's own server, against ours, and against what is no server at all.
import Observability
import Synchronization
import TestSupport
import Testing

@testable import Transport

private let echo = "/apus.test.Echo/"

/// gRPC's own server, started once for all tests of this file.
private final class PythonServer: Sendable {
  let process: RunningProcess
  let port: Int

  init() async throws {
    process = try RunningProcess(
      Peers.require("python"), [peerProgram("grpc_server.py")], environment: ["GRPC_VERBOSITY": "NONE"])
    let process = self.process
    _ = await eventually { process.output.last == 0x0A || process.poll() != nil }
    let words = String(decoding: process.output, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard let port = words.last.flatMap({ Int($0) }) else {
      throw TestSupportError("no server: \(String(decoding: process.errors, as: UTF8.self))")
    }
    self.port = port
  }
}

private func options(_ change: (inout GRPCChannelOptions) -> Void = { _ in }) throws -> GRPCChannelOptions {
  var options = GRPCChannelOptions(loops: try EventLoopGroup(count: 1))
  change(&options)
  return options
}

private func outcome<Value>(_ body: () async throws -> Value) async -> GRPCStatus? {
  do {
    _ = try await body()
    return nil
  } catch { return error as? GRPCStatus }
}

/// Everything that a server must be able to do for the client, whoever it is.
private func exercise(_ channel: GRPCChannel, isGRPCsOwn: Bool) async throws {
  // Unary, small and empty, one after the other and at the same time.
  #expect(try await channel.unary(path: echo + "Unary", message: Array("hello".utf8)) == Array("hello".utf8))
  #expect(try await channel.unary(path: echo + "Unary", message: []) == [])
  try await withThrowingTaskGroup(of: Bool.self) { group in
    for index in 0..<200 {
      group.addTask {
        let message = Array("\(index)".utf8)
        return try await channel.unary(path: echo + "Unary", message: message) == message
      }
    }
    for try await isRight in group { #expect(isRight) }
  }
  // Streams of all kinds.
  let expanded = try await channel.serverStream(path: echo + "Expand", message: Array("500 300".utf8))
  var sizes: [Int] = []
  while let message = try await expanded.nextMessage() { sizes.append(message.count) }
  #expect(sizes == [Int](repeating: 300, count: 500))
  #expect(expanded.outcome == .ok)
  let inBatches = try await channel.serverStream(path: echo + "Expand", message: Array("3000 100".utf8))
  var whole = 0
  while let messages = try await inBatches.nextMessages() {
    for range in messages {
      let expected = UInt8(truncatingIfNeeded: whole)
      #expect(range.count == 100 && messages.bytes[range].allSatisfy { isGRPCsOwn || $0 == expected })
      whole += 1
    }
  }
  #expect(whole == 3_000)
  let empty = try await channel.serverStream(path: echo + "Expand", message: Array("0 0".utf8))
  #expect(try await empty.nextMessage() == nil)
  let collect = try await channel.call(path: echo + "Collect", kind: .clientStream)
  for part in ["a", "", "bc"] { try await collect.send(Array(part.utf8)) }
  try await collect.finishSending()
  #expect(try await collect.onlyMessage() == Array("abc".utf8))
  let chat = try await channel.call(path: echo + "Chat")
  for index in 0..<50 {
    try await chat.send([UInt8(index)])
    #expect(try await chat.nextMessage() == [UInt8(index)])
  }
  try await chat.finishSending()
  #expect(try await chat.nextMessage() == nil)
  // Metadata.
  let call = try await channel.call(
    path: echo + "Unary", kind: .unary,
    metadata: ["x-echo": "one", "x-echo": "two", "x-echo-bin": Base64.encoded([0, 255, 7], padded: false)])
  try await call.send([1])
  try await call.finishSending()
  let initial = try await call.initialMetadata()
  #expect(initial.values(for: "x-echo") == ["one", "two"])
  #expect(try initial.binary("x-echo-bin") == [[0, 255, 7]])
  #expect(try await call.onlyMessage() == [1])
  if isGRPCsOwn { #expect(try call.trailingMetadata.binary("x-trailing-bin") == [[0, 255]]) }
  // Outcomes.
  for code in GRPCStatus.Code.allCases.dropFirst() {
    let status = await outcome {
      try await channel.unary(path: echo + "Unary", message: [1], metadata: ["x-fail": "\(code.rawValue)"])
    }
    #expect(status?.code == code)
    #expect(status?.message == "asked to fail: 100 % — ü")
  }
  let missing = await outcome { try await channel.unary(path: echo + "Missing", message: []) }
  #expect(missing?.code == .unimplemented)
  // Deadlines.
  let late = await outcome { try await channel.unary(path: echo + "Sleep", message: [], timeoutMs: 100) }
  #expect(late?.code == .deadlineExceeded)
  let forever = try await channel.serverStream(path: echo + "Forever", message: [1, 2, 3], timeoutMs: 200)
  let ended = await outcome { while try await forever.nextMessage() != nil {} }
  #expect(ended?.code == .deadlineExceeded)
  // Cancellation: by the call, by the task, by letting go.
  let cancelled = try await channel.serverStream(path: echo + "Forever", message: [1, 2, 3])
  for _ in 0..<100 { #expect(try await cancelled.nextMessage() == [1, 2, 3]) }
  cancelled.cancel()
  #expect(await outcome { while try await cancelled.nextMessage() != nil {} }?.code == .cancelled)
  let task = Task { try await channel.unary(path: echo + "Sleep", message: []) }
  try await Task.sleep(for: .milliseconds(30))
  task.cancel()
  #expect(await outcome { try await task.value }?.code == .cancelled)
  _ = try await channel.serverStream(path: echo + "Forever", message: [1])
  #expect(try await channel.unary(path: echo + "Unary", message: [9]) == [9])
}

@Suite(.serialized) struct GRPCChannelTests {
  @Test(.needsPeers("python")) func grpcsOwnServerServesUs() async throws {
    let server = try await PythonServer()
    let channel = try GRPCChannel(target: "127.0.0.1:\(server.port)", options: options { $0.userAgent = "apus-test/3" })
    try await exercise(channel, isGRPCsOwn: true)
    // The server was told of what was given up; of calls that were given up at once perhaps before their handlers began.
    var count = 0
    for _ in 0..<500 where count < 2 {
      let text = String(decoding: try await channel.unary(path: echo + "Cancelled", message: []), as: UTF8.self)
      count = Int(text) ?? 0
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(count >= 2)
    #expect(
      try await channel.unary(path: echo + "Unary", message: Array("what timeout".utf8), timeoutMs: 100_000)
        == Array("100".utf8))
    let agent = String(
      decoding: try await channel.unary(path: echo + "Unary", message: Array("who".utf8)), as: UTF8.self)
    #expect(agent.hasPrefix("apus-test/3"))
    #expect(try await channel.unary(path: "/grpc.health.v1.Health/Check", message: []) == [8, 1])

    let big = [UInt8](repeating: 0x5A, count: isLongTier ? 100_000_000 : 20_000_000)
    #expect(try await channel.unary(path: echo + "Unary", message: big) == big)

    let gzip = try GRPCChannel(target: "127.0.0.1:\(server.port)", options: options { $0.compression = .gzip })
    let text = [UInt8](repeating: 0x20, count: 1_000_000)
    #expect(try await gzip.unary(path: echo + "Unary", message: text, metadata: ["x-compress": "1"]) == text)
    // A server without snappy says so.
    let snappy = try GRPCChannel(target: "127.0.0.1:\(server.port)", options: options { $0.compression = .snappy })
    let refused = await outcome { try await snappy.unary(path: echo + "Unary", message: text) }
    #expect(refused?.code == .internal, "\(refused.map { "\($0)" } ?? "")")
  }

  @Test(.needsPeers("python")) func callsAreTriedAgainAsThePolicySays() async throws {
    let server = try await PythonServer()
    let target = "127.0.0.1:\(server.port)"
    let patient = try GRPCChannel(target: target, options: options { $0.retry = GRPCRetryPolicy(initialBackoffMs: 5) })
    #expect(try await patient.unary(path: echo + "Flaky", message: []) == Array("3".utf8))
    let hasty = try GRPCChannel(target: target, options: options())
    #expect(
      await outcome { try await hasty.unary(path: echo + "Flaky", message: []) } == GRPCStatus(.unavailable, "not now"))
    let twice = try GRPCChannel(
      target: target, options: options { $0.retry = GRPCRetryPolicy(maxAttempts: 2, initialBackoffMs: 5) })
    #expect(try await twice.unary(path: echo + "Flaky", message: []) == Array("6".utf8))
    #expect(await outcome { try await twice.unary(path: echo + "Flaky", message: []) }?.code == .unavailable)
  }

  @Test func ourServerServesUs() async throws {
    let server = try await EchoServer()
    for compression in GRPCCompression.allCases {
      let channel = try GRPCChannel(
        target: "127.0.0.1:\(server.port)", options: options { $0.compression = compression })
      try await exercise(channel, isGRPCsOwn: false)
      let chat = try await channel.call(path: echo + "ChatInBatches")
      for text in ["a", "", "bc"] { try await chat.send(Array(text.utf8)) }
      try await chat.finishSending()
      for text in ["a", "", "bc"] { #expect(try await chat.nextMessage() == Array(text.utf8)) }
      #expect(try await chat.nextMessage() == nil)
    }
    #expect(await eventually { server.server.requestsInFlight == 0 })
    // Each handler that began was told; of one call each time it is certain that it did, since it had sent messages.
    #expect(await eventually { server.service.allWereCancelled })
    #expect(server.service.cancellations.load(ordering: .relaxed) >= GRPCCompression.allCases.count)
    await server.server.shutdown(graceMs: 1_000)
  }

  @Test func aReaderThatStallsStopsItsSenderAndNobodyElse() async throws {
    let server = try await EchoServer()
    let channel = try GRPCChannel(target: "127.0.0.1:\(server.port)", options: options())
    let message = [UInt8](repeating: 1, count: 50_000)
    let stalled = try await channel.serverStream(path: echo + "Forever", message: message)
    _ = try await stalled.nextMessage()
    var last = -1
    while last != server.service.sentForever.load(ordering: .relaxed) {
      last = server.service.sentForever.load(ordering: .relaxed)
      try await Task.sleep(for: .milliseconds(200))
    }
    // One window of the stream (1 MiB), what waits at the server, and what lies here.
    #expect(last * 50_000 < 8 << 20)
    #expect(try await channel.unary(path: echo + "Unary", message: [1]) == [1])
    for _ in 0..<200 { #expect(try await stalled.nextMessage() == message) }
    stalled.cancel()
    await server.server.shutdown(graceMs: 1_000)
  }

  @Test func nobodyThereIsUnavailableAtOnceAndAgainOnlyAfterAPause() async throws {
    // A port that was free a moment ago.
    let server = try await EchoServer()
    let port = server.port
    await server.server.shutdown(graceMs: 0)
    let channel = try GRPCChannel(
      target: "127.0.0.1:\(port)",
      options: options {
        $0.backoff.initialMs = 600_000; $0.backoff.maxMs = 600_000
      })
    let first = await outcome { try await channel.unary(path: echo + "Unary", message: []) }
    #expect(first?.code == .unavailable)
    #expect(first?.message.contains("transport: Error while dialing") == true)
    // Now somebody is there, and the pause still lasts.
    var options = HTTPServerOptions(loops: try EventLoopGroup(count: 1))
    options.limits = TransportLimits()
    let late = try HTTPServer(handler: GRPCServer(services: [EchoService()], health: GRPCHealth()), options: options)
    do { _ = try await late.listen(on: .tcp(host: "127.0.0.1", port: port)) } catch { return }
    #expect(await outcome { try await channel.unary(path: echo + "Unary", message: []) } == first)
    let other = try GRPCChannel(target: "127.0.0.1:\(port)", options: GRPCChannelTests.fresh())
    #expect(try await other.unary(path: echo + "Unary", message: [7]) == [7])
    await late.shutdown(graceMs: 0)
  }

  private static func fresh() throws -> GRPCChannelOptions { try options() }

  @Test func aConnectionThatBreaksIsReplaced() async throws {
    let server = try await EchoServer(
      limits: {
        var limits = TransportLimits()
        limits.connectionAgeMs = 50
        limits.connectionGraceMs = 1_000
        return limits
      }())
    let channel = try GRPCChannel(
      target: "127.0.0.1:\(server.port)", options: options { $0.retry = GRPCRetryPolicy(initialBackoffMs: 5) })
    for index in 0..<60 {
      #expect(try await channel.unary(path: echo + "Unary", message: [UInt8(index)]) == [UInt8(index)])
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(server.server.counts.accepted > 1)
    await server.server.shutdown(graceMs: 1_000)
  }

  @Test func whatIsNoGRPCServerIsToldApart() async throws {
    struct Page: HTTPHandler {
      func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
        switch request.head.path {
        case "/html/page": try await response.respond(status: 200, headers: ["content-type": "text/html"], body: [1])
        case "/gone/away": try await response.respond(status: 404, headers: ["content-type": "text/plain"])
        case "/no/trailers": try await response.respond(status: 200, headers: ["content-type": "application/grpc"])
        case "/odd/coding":
          try await response.respond(status: 200, headers: ["content-type": "application/grpc", "grpc-encoding": "br"])
        default: response.reset(http2Code: HTTP2Code.internalError)
        }
      }
    }
    let server = try HTTPServer(handler: Page(), options: HTTPServerOptions(loops: EventLoopGroup(count: 1)))
    guard case .tcp(_, let port) = try await server.listen(on: .parse("127.0.0.1:0")) else { return }
    let channel = try GRPCChannel(target: "127.0.0.1:\(port)", options: options())
    let cases: [(String, GRPCStatus.Code)] = [
      ("/html/page", .unknown), ("/gone/away", .unimplemented), ("/no/trailers", .internal), ("/odd/coding", .internal),
      ("/reset/it", .unavailable),
    ]
    for (path, code) in cases {
      #expect(await outcome { try await channel.unary(path: path, message: [1]) }?.code == code, "\(path)")
    }
    await server.shutdown(graceMs: 0)
  }

  @Test func callsAreSpreadOverAllAddresses() async throws {
    let servers = [try await EchoServer(), try await EchoServer()]
    let dns = try TestNameServer(
      services: [
        "_grpc._tcp.store.test": servers.map { ServiceRecord(target: "store.test", port: $0.port) }
      ], addresses: ["store.test": [[127, 0, 0, 1]]])
    var resolverOptions = DNSResolverOptions()
    resolverOptions.servers = ["127.0.0.1:\(dns.port)"]
    let resolver = try DNSResolver(options: resolverOptions)
    let channel = try GRPCChannel(
      target: "dnssrv+_grpc._tcp.store.test",
      options: options {
        $0.resolver = resolver
        $0.balancing = .roundRobin
      })
    func accepted() -> [Int] { servers.map { $0.server.counts.accepted } }
    for _ in 0..<200 where accepted().contains(0) {
      #expect(try await channel.unary(path: echo + "Unary", message: [1]) == [1])
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(!accepted().contains(0))
    #expect(channel.addresses.count == 2)
    for server in servers { await server.server.shutdown(graceMs: 0) }
  }

  @Test func whatTheServerAnsweredEarlyIsTheOutcomeOfAWriter() async throws {
    let server = try await EchoServer()
    let channel = try GRPCChannel(target: "127.0.0.1:\(server.port)", options: options())
    let call = try await channel.call(path: echo + "Chat", metadata: ["x-fail": "8"])
    // The server takes nothing: sooner or later writing fails, and reading tells why.
    do {
      for _ in 0..<10_000 { try await call.send([UInt8](repeating: 0, count: 10_000)) }
    } catch {}
    #expect(await outcome { try await call.nextMessage() }?.message == "asked to fail: 100 % — ü")
    #expect(call.outcome?.code == .resourceExhausted)
    await server.server.shutdown(graceMs: 0)
  }

  @Test func knownAddressesOutliveTheirNameServer() async throws {
    let server = try await EchoServer()
    let names = try TestNameServer(addresses: ["store.test": [[127, 0, 0, 1]]])
    var resolverOptions = DNSResolverOptions()
    resolverOptions.servers = ["127.0.0.1:\(names.port)"]
    resolverOptions.timeoutMs = 100
    resolverOptions.tries = 1
    let resolver = try DNSResolver(options: resolverOptions)
    let channel = try GRPCChannel(
      target: "dns+store.test:\(server.port)",
      options: options {
        $0.resolver = resolver
        $0.resolveIntervalMs = 0
      })
    // On a busy machine the first answers may come too late.
    for _ in 0..<1_000 where channel.addresses.isEmpty {
      _ = await outcome { try await channel.unary(path: echo + "Unary", message: [1]) }
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(try await channel.unary(path: echo + "Unary", message: [1]) == [1])
    names.cutBytes.store(0, ordering: .relaxed)
    let before = names.questions.load(ordering: .relaxed)
    for _ in 0..<50 {
      #expect(try await channel.unary(path: echo + "Unary", message: [1]) == [1])
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(names.questions.load(ordering: .relaxed) > before)
    let lost = try GRPCChannel(target: "dns+other.test:1", options: options { $0.resolver = resolver })
    let failure = await outcome { try await lost.unary(path: echo + "Unary", message: []) }
    #expect(failure?.code == .unavailable)
    #expect(failure?.message.hasPrefix("name resolver error: produced zero addresses: lookup other.test") == true)
    await server.server.shutdown(graceMs: 0)
  }

  @Test func callsAreCounted() async throws {
    let server = try await EchoServer()
    let registry = MetricsRegistry()
    let channel = try GRPCChannel(
      target: "127.0.0.1:\(server.port)", options: options { $0.observer = GRPCClientMetrics(registry: registry) })
    _ = try await channel.unary(path: echo + "Unary", message: [1])
    let call = try await channel.serverStream(path: echo + "Expand", message: Array("5 1".utf8))
    while try await call.nextMessage() != nil {}
    _ = await outcome { try await channel.unary(path: echo + "Unary", message: [1], metadata: ["x-fail": "8"]) }
    let text = String(decoding: registry.exposition(.prometheusText), as: UTF8.self)
    for line in [
      #"grpc_client_started_total{grpc_method="Unary",grpc_service="apus.test.Echo",grpc_type="unary"} 2"#,
      #"grpc_client_handled_total{grpc_code="OK",grpc_method="Unary",grpc_service="apus.test.Echo",grpc_type="unary"} 1"#,
      #"grpc_client_handled_total{grpc_code="ResourceExhausted",grpc_method="Unary",grpc_service="apus.test.Echo",grpc_type="unary"} 1"#,
      #"grpc_client_msg_received_total{grpc_method="Expand",grpc_service="apus.test.Echo",grpc_type="server_stream"} 5"#,
      #"grpc_client_msg_sent_total{grpc_method="Expand",grpc_service="apus.test.Echo",grpc_type="server_stream"} 1"#,
    ] { #expect(text.contains(line + "\n"), "\(line)\n\(text)") }
    await server.server.shutdown(graceMs: 0)
  }

  @Test func pausesGrowAsThePoliciesSay() {
    let backoff = GRPCConnectionBackoff()
    #expect((1...4).map { backoff.delayMs(afterFailures: $0, jitter: 0) } == [1_000, 1_600, 2_560, 4_096])
    #expect(backoff.delayMs(afterFailures: 100, jitter: 0) == 120_000)
    #expect(backoff.delayMs(afterFailures: 1, jitter: 1) == 1_200)
    #expect(backoff.delayMs(afterFailures: 1, jitter: -1) == 800)
    let retry = GRPCRetryPolicy()
    #expect((2...6).map { retry.backoffMs(before: $0, jitter: 0) } == [100, 200, 400, 800, 1_000])
  }

  @Test func targetsAreUnderstoodOrRefused() throws {
    for target in ["127.0.0.1:1", "[::1]:1", "unix:/tmp/x", "unix:///tmp/x", "passthrough:///127.0.0.1:1"] {
      #expect(throws: Never.self) { _ = try GRPCChannel(target: target, options: options()) }
    }
    for target in ["", "host", "host:0", "host:1", "dns+host", "dnssrv+a:b"] {
      #expect(throws: TransportError.self, "\(target)") { _ = try GRPCChannel(target: target, options: options()) }
    }
  }
}
