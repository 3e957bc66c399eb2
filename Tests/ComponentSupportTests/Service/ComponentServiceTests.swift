// A component from its first listener to its last request, over sockets.
import Locking
import Synchronization
import TestSupport
import Testing

@testable import ComponentSupport
@testable import Observability
@testable import Transport

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// The command line of a component with all shared flags.
func componentCommand(_ arguments: String...) throws -> ParsedCommand {
  let table = CommandLineTable(
    program: CommandSpec(
      "apus", "", flags: CommonFlags.global,
      commands: [
        CommandSpec(
          "test", "",
          flags: CommonFlags.http + CommonFlags.grpcServer + CommonFlags.requestLogging
            + CommonFlags.transport + CommonFlags.grpcMessage)
      ]),
    versionText: "")
  guard case .run(let command) = table.parse(["apus", "test"] + arguments) else {
    throw TestSupportError("the command line \(arguments) is refused")
  }
  return command
}

func testContext(_ command: ParsedCommand, sink: any LogSink = MemorySink()) -> ComponentContext {
  ComponentContext(
    name: "test", command: command, build: BuildFacts(version: "1.2.3"), logger: Logger(sink: sink),
    metrics: MetricsRegistry())
}

private struct Sad: Error {}

/// Lets tasks wait for each other.
final class Gate: Sendable {
  private let request = ShutdownRequest()
  func open() { request.request("open") }
  func wait() async { _ = await request.wait() }
}

/// Addresses that a service told.
private final class Told: Sendable {
  let http = Guarded<ListenAddress?>(nil)
  let grpc = Guarded<ListenAddress?>(nil)
  var url: String { "http://\(http.withLock { $0.map { "\($0)" } ?? "" })" }
}

@Suite struct ComponentServiceTests {
  @Test func itServesUntilItIsAskedToEnd() async throws {
    let sink = MemorySink()
    let context = testContext(
      try componentCommand("--http-address=127.0.0.1:0", "--grpc-address=127.0.0.1:0"), sink: sink)
    let told = Told()
    let listening = Gate()
    let entered = Gate()
    let mayAnswer = Gate()
    var service = ComponentService(context, try ServiceOptions(context.command, grpc: true))
    service.router.get("/slow", name: "slow") { _ in
      entered.open()
      await mayAnswer.wait()
      return .text("slow answer")
    }
    let running = service
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await running.run(
          onListening: { http, grpc in
            told.http.withLock { $0 = http }
            told.grpc.withLock { $0 = grpc }
            listening.open()
          },
          {
            context.probes.setReady()
            try await Task.sleep(for: .seconds(600))
          })
      }
      await listening.wait()
      let client = HTTPClient()
      func get(_ path: String) async throws -> (status: Int, body: String) {
        let response = try await client.send(HTTPClientRequest("GET", told.url + path))
        return (response.status, String(decoding: try await response.collect(limitBytes: 1 << 20), as: UTF8.self))
      }
      #expect(told.grpc.withLock { $0 } != nil)
      while try await get("/-/ready").status != 200 { await Task.yield() }
      #expect(running.health.status() == .serving)
      #expect(try await get("/-/healthy").body == "OK")
      #expect(try await get("/metrics").body.contains("grpc_server_started_total") == false)
      #expect(try await get("/nope").status == 404)

      // A request under way is answered, though the process was asked to end.
      async let slow = get("/slow")
      await entered.wait()
      context.shutdown.request("test")
      while context.probes.isReady { await Task.yield() }
      mayAnswer.open()
      #expect(try await slow.body == "slow answer")
      try await group.waitForAll()
    }
    #expect(running.health.status() == .notServing)
    #expect(!context.probes.isHealthy)
    let messages = sink.lines.joined(separator: "\n")
    #expect(
      messages.contains(#"service=http/server component=test msg="listening for requests and metrics" address=127"#))
    let grpcEnd = try #require(
      messages.range(of: "service=gRPC/server component=test msg=\"internal server is shutdown"))
    let httpEnd = try #require(
      messages.range(of: "service=http/server component=test msg=\"internal server is shutdown"))
    #expect(grpcEnd.lowerBound < httpEnd.lowerBound)
  }

  @Test func whatTheWorkThrowsEndsTheServers() async throws {
    let context = testContext(try componentCommand("--http-address=127.0.0.1:0"))
    let service = ComponentService(context, try ServiceOptions(context.command, grpc: false))
    await #expect(throws: Sad.self) { try await service.run { throw Sad() } }
    #expect(!context.probes.isReady && !context.probes.isHealthy)
  }

  @Test func workThatEndsEndsTheServers() async throws {
    let context = testContext(try componentCommand("--http-address=127.0.0.1:0"))
    let service = ComponentService(context, try ServiceOptions(context.command, grpc: false))
    try await service.run {}
    #expect(context.shutdown.reason == nil)
  }

  @Test func anAddressThatIsNoneEndsWhatWasStarted() async throws {
    for address in ["127.0.0.1:99999", "nope", "unix:/nowhere/socket"] {
      let context = testContext(try componentCommand("--http-address=127.0.0.1:0", "--grpc-address=\(address)"))
      let service = ComponentService(context, try ServiceOptions(context.command, grpc: true))
      await #expect(throws: TransportError.self) { try await service.run {} }
      #expect(!context.probes.isHealthy)
    }
  }

  @Test func tlsFlagsBelongTogether() throws {
    #expect(throws: ConfigurationError.self) {
      try ServiceOptions(try componentCommand("--grpc-server-tls-cert=x"), grpc: true)
    }
    #expect(throws: ConfigurationError.self) {
      try ServiceOptions(try componentCommand("--grpc-server-tls-client-ca=x"), grpc: true)
    }
    #expect(throws: ConfigurationError.self) {
      try ServiceOptions(
        try componentCommand(
          "--grpc-server-tls-cert=x", "--grpc-server-tls-key=y", "--grpc-server-tls-ciphers=NOPE"), grpc: true)
    }
    let options = try ServiceOptions(
      try componentCommand(
        "--grpc-server-tls-cert=x", "--grpc-server-tls-key=y", "--grpc-server-tls-client-ca=z",
        "--grpc-server-tls-min-version=1.2", "--grpc-server-tls-curves=CurveP256",
        "--grpc-server-tls-ciphers=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "--grpc-server-tls-ciphers=TLS_AES_128_GCM_SHA256", "--grpc-grace-period=1.5s", "--http-grace-period=3s"),
      grpc: true)
    let tls = try #require(options.grpcTLS)
    #expect(tls.clientAuthentication == .requireAndVerify && tls.authorityFile == "z" && tls.minVersion == .tls1_2)
    #expect(tls.ciphers == ["ECDHE-RSA-AES128-GCM-SHA256"] && tls.curves == ["P-256"])
    #expect(options.grpcGraceMs == 1500 && options.httpGraceMs == 3000 && options.grpcConnectionAgeMs == 3_600_000)
    #expect(options.httpAddress == "0.0.0.0:10902" && options.grpcAddress == "0.0.0.0:10901")
  }
}

@Suite(.serialized) struct RunComponentTests {
  @Test func sigtermEndsInGoodOrderAndSighupReloads() async throws {
    let sink = MemorySink()
    let code = await runComponent(
      name: "test", command: try componentCommand(), build: BuildFacts(version: "1.2.3"), sink: sink
    ) { context in
      kill(getpid(), SIGHUP)
      for await _ in context.reloads.requests { break }
      kill(getpid(), SIGTERM)
      let reason = await context.shutdown.wait()
      #expect(reason == "caught signal terminated")
      let text = String(decoding: context.metrics.exposition(), as: UTF8.self)
      #expect(text.contains(#"version="1.2.3"} 1"#) && text.contains("process_cpu_seconds_total"))
    }
    #expect(code == 0)
    #expect(sink.lines.last?.hasSuffix("level=info msg=exiting") == true)
    #expect(sink.lines.contains { $0.contains(#"msg="caught signal, exiting" signal=terminated"#) })
    #expect(sink.lines.contains { $0.contains(#"msg="caught signal, reloading" signal=hangup"#) })
  }

  @Test func aFailureIsLoggedAndIsOne() async throws {
    let sink = MemorySink()
    let code = await runComponent(
      name: "test", command: try componentCommand("--log.format=json"), build: BuildFacts(version: "1"), sink: sink
    ) { _ in throw ConfigurationError(.value, "no bucket") }
    #expect(code == 1)
    #expect(sink.lines.last?.contains(#""err":"no bucket\ntest command failed","level":"error""#) == true)
  }

  @Test func journaldIsRefusedByName() async throws {
    let sink = MemorySink()
    let code = await runComponent(
      name: "test", command: try componentCommand("--log.format=journald"), build: BuildFacts(version: "1"),
      sink: sink
    ) { _ in }
    #expect(code == 1 && sink.lines.last?.contains("--log.format=journald is not supported") == true)
  }

  @Test func theLevelAndTheNameComeFromFlags() async throws {
    let sink = MemorySink()
    _ = await runComponent(
      name: "test", command: try componentCommand("--log.level=warn", "--debug.name=me"),
      build: BuildFacts(version: "1"), sink: sink
    ) { context in
      context.logger.info("unseen")
      context.logger.warn("seen")
    }
    #expect(sink.lines.count == 1 && sink.lines.first?.hasSuffix("level=warn name=me msg=seen") == true)
  }
}

@Suite struct ShutdownRequestTests {
  @Test func allWaitersSeeTheFirstReason() async {
    let request = ShutdownRequest()
    await withTaskGroup(of: String.self) { group in
      for _ in 0..<10 { group.addTask { await request.wait() } }
      request.request("one")
      request.request("two")
      for await reason in group { #expect(reason == "one") }
    }
    #expect(await request.wait() == "one")
  }

  @Test func aCancelledTaskWaitsNoLonger() async {
    let request = ShutdownRequest()
    let task = Task { await request.wait() }
    task.cancel()
    #expect(await task.value == "cancelled" && request.reason == nil)
  }
}
