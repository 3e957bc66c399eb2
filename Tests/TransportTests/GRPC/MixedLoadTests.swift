// Calls of every kind in both directions at once, over connections that are cut at random: gRPC's own client with our server, our client
// with gRPC's own server. No message is lost or mixed up: what ends well is whole, what is cut says so.
import Foundation
import Locking
import Synchronization
import TestSupport
import Testing

@testable import Transport

/// What came of the calls of one direction.
private struct LoadOutcome: Sendable {
  var whole = 0
  var cut = 0
  var wrong: [String] = []
}

/// An answer that is not the right one.
private struct WrongAnswer: Error, CustomStringConvertible {
  var description: String
}

/// Our client under load, as grpc_load_client.py is gRPC's own.
private final class LoadClient: Sendable {
  private let channel: GRPCChannel
  private let begin = ContinuousClock.now
  private let seconds: Double
  private let cuttingSeconds: Double
  private let number = Atomic<Int>(0)
  private let outcome = Guarded(LoadOutcome())

  init(port: Int, seconds: Double, cuttingSeconds: Double) throws {
    var options = GRPCChannelOptions(loops: try EventLoopGroup(count: 1))
    options.backoff.initialMs = 50
    options.backoff.maxMs = 200
    channel = try GRPCChannel(target: "127.0.0.1:\(port)", options: options)
    self.seconds = seconds
    self.cuttingSeconds = cuttingSeconds
  }

  private var passed: Double {
    let passed = (ContinuousClock.now - begin).components
    return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
  }

  func run() async -> LoadOutcome {
    await withTaskGroup(of: Void.self) { group in
      for seed: UInt64 in 0..<6 { group.addTask { await self.work(seed) } }
    }
    channel.close()
    return outcome.withLock { $0 }
  }

  private func work(_ seed: UInt64) async {
    var random = SplitMix64(seed: seed)
    while passed < seconds {
      let call = number.add(1, ordering: .relaxed).newValue
      do {
        try await one(call, &random)
        outcome.withLock { $0.whole += 1 }
      } catch let error as GRPCStatus where error.code == .unavailable && passed < cuttingSeconds + 4 {
        outcome.withLock { $0.cut += 1 }
      } catch {
        outcome.withLock { $0.wrong.append("call \(call): \(error)") }
      }
    }
  }

  /// Nobody else's.
  private func message(_ call: Int, _ index: Int, _ size: Int) -> [UInt8] {
    Array("\(call)/\(index)/".utf8) + [UInt8](repeating: UInt8(truncatingIfNeeded: call * 7 + index), count: size)
  }

  private func must(_ condition: Bool, _ what: String) throws {
    if !condition { throw WrongAnswer(description: what) }
  }

  private func one(_ call: Int, _ random: inout SplitMix64) async throws {
    let echo = "/apus.test.Echo/"
    func below(_ bound: Int, _ random: inout SplitMix64) -> Int { Int(random.next() % UInt64(bound)) }
    switch call % 5 {
    case 0:
      let mine = message(call, 0, [0, 10, 1000, 200_000][below(4, &random)])
      try must(try await channel.unary(path: echo + "Unary", message: mine, timeoutMs: 60_000) == mine, "unary")
    case 1:
      var parts: [[UInt8]] = []
      for index in 0..<below(20, &random) { parts.append(message(call, index, below(20_000, &random))) }
      let stream = try await channel.call(path: echo + "Collect", kind: .clientStream, timeoutMs: 60_000)
      for part in parts { try await stream.send(part) }
      try await stream.finishSending()
      try must(try await stream.onlyMessage() == parts.flatMap { $0 }, "collect")
    case 2:
      let (count, size) = (below(100, &random), below(20_000, &random))
      let stream = try await channel.serverStream(
        path: echo + "Expand", message: Array("\(count) \(size)".utf8), timeoutMs: 60_000)
      var got = 0
      while let answer = try await stream.nextMessage() {
        let wanted = [UInt8](repeating: UInt8(truncatingIfNeeded: got), count: size)
        try must(answer == wanted, "expand: message \(got)")
        got += 1
      }
      try must(got == count, "expand: \(got) of \(count)")
    case 3:
      let mine = message(call, 0, below(5000, &random))
      let stream = try await channel.serverStream(path: echo + "Forever", message: mine, timeoutMs: 60_000)
      for _ in 0..<20 { try must(try await stream.nextMessage() == mine, "forever") }
      stream.cancel()
    default:
      let stream = try await channel.call(path: echo + "Chat", timeoutMs: 60_000)
      for index in 0..<20 {
        let mine = message(call, index, below(20_000, &random))
        try await stream.send(mine)
        try must(try await stream.nextMessage() == mine, "chat: message \(index)")
      }
      try await stream.finishSending()
      try must(try await stream.nextMessage() == nil, "chat: one too many")
    }
  }
}

@Suite(.serialized, .timeLimit(.minutes(15))) struct MixedLoadTests {
  /// A program of Tests/PeerPrograms that says its port.
  private func start(_ name: String, _ arguments: String...) async throws -> (process: RunningProcess, port: Int) {
    let process = try RunningProcess(
      Peers.require("python"), [peerProgram(name)] + arguments, environment: ["GRPC_VERBOSITY": "NONE"])
    _ = await eventually { process.output.last == 0x0A || process.poll() != nil }
    let words = String(decoding: process.output, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard let port = words.last.flatMap({ Int($0) }) else {
      throw TestSupportError("\(name): \(String(decoding: process.errors, as: UTF8.self))")
    }
    return (process, port)
  }

  /// Resident memory of this process, KiB.
  private static func residentKiB() -> Int {
    let text = String(decoding: (try? readFile("/proc/self/status")) ?? [], as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
  }

  @Test(.needsPeers("python")) func nothingIsLostOrMixedUpWhereConnectionsAreCut() async throws {
    let seconds = isLongTier ? 600.0 : 10.0
    let cutting = seconds - 5
    let echo = try await EchoServer()
    let proxyToUs = try await start("cutting_proxy.py", "\(echo.port)", "0.5", "\(cutting)")
    let theirServer = try await start("grpc_server.py")
    let proxyToThem = try await start("cutting_proxy.py", "\(theirServer.port)", "0.5", "\(cutting)")
    let theirClient = try RunningProcess(
      Peers.require("python"),
      [peerProgram("grpc_load_client.py"), "127.0.0.1:\(proxyToUs.port)", "\(seconds)", "\(cutting)"],
      environment: ["GRPC_VERBOSITY": "NONE"])
    let memory = Guarded<[Int]>([])
    let watcher = Task {
      while !Task.isCancelled {
        memory.withLock { $0.append(Self.residentKiB()) }
        try? await Task.sleep(for: .milliseconds(500))
      }
    }
    let ours = try await LoadClient(port: proxyToThem.port, seconds: seconds, cuttingSeconds: cutting).run()
    #expect(await eventually { theirClient.poll() != nil })
    watcher.cancel()

    say("our client, gRPC's own server: \(ours.whole) calls whole, \(ours.cut) cut, \(ours.wrong.count) wrong")
    #expect(ours.wrong.isEmpty, "\(ours.wrong.prefix(10))")
    #expect(ours.whole > 0)
    let lines = String(decoding: theirClient.output, as: UTF8.self).split(separator: "\n")
    let counts = (lines.first ?? "").split(separator: " ").compactMap { Int($0) }
    guard counts.count == 3 else {
      throw TestSupportError("grpc_load_client.py: \(String(decoding: theirClient.errors, as: UTF8.self))")
    }
    say("gRPC's own client, our server: \(counts[0]) calls whole, \(counts[1]) cut, \(counts[2]) wrong")
    #expect(counts[2] == 0, "\(lines.dropFirst())")
    #expect(counts[0] > 0)
    // Calls that were cut end at our server, too.
    #expect(await eventually { echo.server.requestsInFlight == 0 })
    for process in [proxyToUs.process, proxyToThem.process, theirServer.process] { process.kill(SIGKILL) }
    #expect(await eventually { echo.server.counts.open == 0 })
    await echo.server.shutdown(graceMs: 1_000)

    let samples = memory.withLock { $0 }
    let (third, last) = (
      samples.dropLast(samples.count / 4).suffix(samples.count / 4), samples.suffix(samples.count / 4)
    )
    let (before, after) = (third.sorted()[third.count / 2], last.sorted()[last.count / 2])
    say("memory under mixed load: \(before >> 10) MiB in its third quarter, \(after >> 10) MiB in its last")
    // Other tests share the process: only of ten minutes, when they have ended, does it say something.
    if isLongTier { #expect(after < before + (48 << 10)) }
  }
}
