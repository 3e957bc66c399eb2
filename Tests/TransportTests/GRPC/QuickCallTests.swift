// Calls that are answered without a task, over real connections: the same as those that have one.
import Locking
import Synchronization
import TestSupport
import Testing

@testable import Transport

/// Answers with what it is sent, and notes how it was asked.
private final class QuickService: GRPCService {
  let name = "apus.test.Quick"
  let methods: [GRPCMethod] = ["Echo", GRPCMethod("Twice", .serverStream)]
  let quickMethods: Set<String>
  let quick = Atomic<Int>(0)
  let usual = Atomic<Int>(0)

  init(isQuick: Bool = true) { quickMethods = isQuick ? ["Echo"] : [] }

  func handle(method: String, call: GRPCServerCall) async throws {
    let message = try await call.onlyMessage()
    if method == "Twice" {
      for _ in 0..<2 { try await call.send(message) }
      return
    }
    usual.add(1, ordering: .relaxed)
    try await call.send(try Self.answer(message))
  }

  func answerQuickly(method: String, message: RawSpan) throws -> [UInt8] {
    quick.add(1, ordering: .relaxed)
    return try Self.answer(message.withUnsafeBytes { Array($0) })
  }

  /// "fail" fails, and "long" is long.
  private static func answer(_ message: [UInt8]) throws -> [UInt8] {
    switch String(decoding: message, as: UTF8.self) {
    case "fail": throw GRPCStatus(.notFound, "100 % — ü", details: [1, 2])
    case "odd": throw OddError()
    case "long": return [UInt8](repeating: 7, count: 1 << 20)
    default: return message
    }
  }
}

private final class Lines: GRPCServerObserver, GRPCServerInterceptor {
  let lines = Guarded<[String]>([])

  func callStarted(service: String, method: GRPCMethod) { lines.withLock { $0.append("+ \(method.name)") } }
  func callEnded(
    service: String, method: GRPCMethod, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int
  ) {
    lines.withLock { $0.append("- \(code.name) \(messagesReceived) \(messagesSent)") }
  }

  private func check(_ metadata: HTTPHeaders, _ peer: PeerInfo) throws {
    lines.withLock { $0.append("\(metadata["x-name"] ?? "") \(peer.address) \(metadata.contains("te"))") }
    if metadata.contains("x-stop") { throw GRPCStatus(.permissionDenied, "stop") }
  }

  func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws {
    try check(call.metadata, call.peer)
    try await next()
  }

  func interceptQuick(_ call: GRPCQuickCall, _ next: () throws -> [UInt8]) throws -> [UInt8] {
    #expect(call.path.hasSuffix("/" + call.method.name))
    try check(call.metadata, call.peer)
    return try next()
  }
}

@Suite struct QuickCallTests {
  private static let path = "/apus.test.Quick/Echo"

  /// A server of `service` and a channel to it.
  private static func channel(
    _ service: QuickService, _ options: GRPCServerOptions = GRPCServerOptions(),
    _ change: (inout GRPCChannelOptions) -> Void = { _ in }
  ) async throws -> (GRPCChannel, HTTPServer) {
    let loops = try EventLoopGroup(count: 1)
    let server = try HTTPServer(
      handler: GRPCServer(services: [service], options: options, health: GRPCHealth()),
      options: HTTPServerOptions(loops: loops))
    guard case .tcp(_, let port) = try await server.listen(on: .tcp(host: "127.0.0.1", port: 0)) else {
      throw TransportError(.io, "no port")
    }
    var channelOptions = GRPCChannelOptions(loops: loops)
    change(&channelOptions)
    let channel = try GRPCChannel(target: "127.0.0.1:\(port)", options: channelOptions)
    // The first call waits for the connection, and is made another way.
    _ = try await channel.unary(path: "/grpc.health.v1.Health/Check", message: [])
    return (channel, server)
  }

  private static func result(_ body: () async throws(GRPCStatus) -> [UInt8]) async -> String {
    do throws(GRPCStatus) { return "\(try await body().prefix(50))" } catch {
      return "\(error.code) \(error.message) \(error.details)"
    }
  }

  @Test func quickCallsAreAnsweredAsOthersAre() async throws {
    var answers: [[String]] = []
    for isQuick in [true, false] {
      let service = QuickService(isQuick: isQuick)
      let (channel, server) = try await Self.channel(service)
      var results: [String] = []
      for text in ["", "hello", "fail", "odd", "long"] {
        for timeoutMs in [nil, 60_000] {
          results.append(
            await Self.result { () async throws(GRPCStatus) in
              try await channel.unary(path: Self.path, message: Array(text.utf8), timeoutMs: timeoutMs)
            })
        }
      }
      answers.append(results)
      #expect(service.quick.load(ordering: .relaxed) == (isQuick ? results.count : 0))
      #expect(service.usual.load(ordering: .relaxed) == (isQuick ? 0 : results.count))
      await server.shutdown(graceMs: 0)
    }
    #expect(answers[0] == answers[1])
    #expect(answers[0][4].contains("100 % — ü"))
  }

  @Test func whatIsNotPlainTakesTheUsualWay() async throws {
    let service = QuickService()
    let (channel, server) = try await Self.channel(service)
    // In several frames; with metadata of bytes.
    let long = [UInt8](repeating: 3, count: 200_000)
    #expect(try await channel.unary(path: Self.path, message: long) == long)
    #expect(try await channel.unary(path: Self.path, message: [1], metadata: ["a-bin": "AAEC"]) == [1])
    #expect(service.usual.load(ordering: .relaxed) == 2 && service.quick.load(ordering: .relaxed) == 0)
    let refused = await Self.result { () async throws(GRPCStatus) in
      try await channel.unary(path: Self.path, message: [1], metadata: ["a-bin": "%%"])
    }
    #expect(refused.hasPrefix("internal"))
    await server.shutdown(graceMs: 0)

    let (compressing, other) = try await Self.channel(service) { $0.compression = .gzip }
    let text = [UInt8](repeating: 0x61, count: 1000)
    #expect(try await compressing.unary(path: Self.path, message: text) == text)
    #expect(service.usual.load(ordering: .relaxed) == 3)
    await other.shutdown(graceMs: 0)
  }

  @Test func whoStandsAroundCallsStandsAroundQuickOnes() async throws {
    for isQuick in [true, false] {
      let lines = Lines()
      var options = GRPCServerOptions()
      options.interceptors = [lines]
      options.observer = lines
      let service = QuickService(isQuick: isQuick)
      let (channel, server) = try await Self.channel(service, options)
      lines.lines.withLock { $0 = [] }
      #expect(try await channel.unary(path: Self.path, message: [5], metadata: ["x-name": "a"]) == [5])
      let stopped = await Self.result { () async throws(GRPCStatus) in
        try await channel.unary(path: Self.path, message: [5], metadata: ["x-stop": "1"])
      }
      #expect(stopped.hasPrefix("permissionDenied stop"))
      #expect(service.quick.load(ordering: .relaxed) == (isQuick ? 1 : 0))
      await server.shutdown(graceMs: 1_000)
      let received = isQuick ? 1 : 0
      #expect(
        lines.lines.withLock { $0 } == [
          "+ Echo", "a 127.0.0.1 false", "- OK 1 1", "+ Echo", " 127.0.0.1 false", "- PermissionDenied \(received) 0",
        ])
    }
  }

  @Test func aClientIsToldOfAnswersThatAreNone() async throws {
    let service = QuickService()
    let (channel, server) = try await Self.channel(service) { $0.maxReceiveMessageBytes = 1000 }
    let twice = await Self.result { () async throws(GRPCStatus) in
      try await channel.unary(path: "/apus.test.Quick/Twice", message: [1])
    }
    #expect(twice.hasPrefix("internal cardinality violation"))
    let long = await Self.result { () async throws(GRPCStatus) in
      try await channel.unary(path: Self.path, message: Array("long".utf8))
    }
    #expect(long.hasPrefix("resourceExhausted grpc: received message larger than max (1048576 vs. 1000)"))
    #expect(try await channel.unary(path: Self.path, message: [1]) == [1])
    await server.shutdown(graceMs: 0)
    let gone = await Self.result { () async throws(GRPCStatus) in
      try await channel.unary(path: Self.path, message: [1])
    }
    #expect(gone.hasPrefix("unavailable"))
  }
}
