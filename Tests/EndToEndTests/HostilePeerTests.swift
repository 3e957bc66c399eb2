// `apus store` under peers that mean no good: it lives on, its memory stays within a bound, and a client that does nothing wrong is
// served meanwhile. What each attack came to stands in the test's output; how long the good client waits is printed, not judged.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct HostilePeerTests {
  /// An attack of Tests/PeerPrograms/hostile_peer.py.
  private struct Attack {
    var name: String
    var port = Port.grpc
    var seconds = 2.0
    /// What the line of the attacker must contain.
    var answer: String
  }

  private enum Port { case grpc, http }

  private static let attacks = [
    Attack(name: "stalled", seconds: 4, answer: "connections: 3"),
    Attack(name: "idle", port: .http, seconds: 4, answer: "closed by the server: 1000"),
    Attack(name: "resets", answer: "GOAWAY ENHANCE_YOUR_CALM"),
    Attack(name: "late-resets", answer: "cut off"),
    Attack(name: "length-prefix", answer: "answers HEADERS: 1"),
    Attack(name: "smuggling", port: .http, answer: "length and chunks: 400, 1 answers"),
    Attack(name: "slow-headers", port: .http, seconds: 4, answer: "closed by the server: 200"),
    Attack(name: "pings", answer: "GOAWAY ENHANCE_YOUR_CALM"),
    Attack(name: "settings", answer: "GOAWAY ENHANCE_YOUR_CALM"),
    Attack(name: "empty-frames", answer: "GOAWAY ENHANCE_YOUR_CALM"),
    Attack(name: "continuations", answer: "cut off"),
    Attack(name: "hpack-bomb", answer: "cut off"),
  ]

  /// Far above what any of them takes (some 220 MB, most below 100), far below what an attack without a bound would.
  private static let memoryMaxKiB = 768 << 10

  /// What may be left of it: 32 MiB that are kept for the next requests, and what a server needs.
  private static let memoryAfterMaxKiB = 64 << 10

  /// Memory of a process, KiB: all that is resident, and of it what no file backs.
  private struct Memory {
    var total = 0
    var own = 0

    init(_ processID: pid_t) {
      let text = String(decoding: (try? readFile("/proc/\(processID)/status")) ?? [], as: UTF8.self)
      for line in text.split(separator: "\n") {
        let words = line.split { $0 == " " || $0 == "\t" }
        guard words.count > 1, let value = Int(words[1]) else { continue }
        if words[0] == "VmRSS:" { total = value }
        if words[0] == "RssAnon:" || words[0] == "RssShmem:" { own += value }
      }
    }
  }

  /// What a client that does nothing wrong met with.
  private struct Patience {
    var calls = 0
    var failed = 0
    /// Milliseconds: median, 99th percentile, longest.
    var times: [String] = []
    var text = ""

    init(_ result: String) {
      text = result
      let words = (result.split(separator: "\n").first ?? "").split(separator: " ").map(String.init)
      guard words.count == 5, let calls = Int(words[0]), let failed = Int(words[1]) else { return }
      self.calls = calls
      self.failed = failed
      times = Array(words[2...])
    }
  }

  private func program(_ name: String) -> String { "\(Fixtures.repository)/Tests/PeerPrograms/\(name).py" }

  /// One attack, with a good client beside it.
  private func run(_ attack: Attack, number: Int, target: String, on store: RunningStore) throws {
    let python = try Peers.require("python")
    let seconds = isLongTier ? 3 * attack.seconds : attack.seconds
    // Each from an address of its own, so that none has to pay for the one before.
    let attacker = try RunningProcess(
      python, [program("hostile_peer"), attack.name, target, "\(seconds)", "127.0.1.\(number + 1)"])
    let client = try RunningProcess(python, [program("patient_client"), store.grpc, "\(seconds - 0.5)"])
    var (total, own) = (0, 0)
    while attacker.poll() == nil || client.poll() == nil {
      let now = Memory(store.process.processID)
      total = max(total, now.total)
      own = max(own, now.own)
      usleep(20_000)
      if store.process.poll() != nil { break }
    }
    #expect(store.process.poll() == nil, "\(attack.name) ended the server: \(store.log)")
    let answer = String(decoding: attacker.output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    let met = Patience(String(decoding: client.output, as: UTF8.self))
    say(
      "\(attack.name): \(answer); memory at most \(own >> 10) MiB, with files \(total >> 10) MiB; "
        + "a good client's calls: \(met.calls), p50, p99 and longest ms: \(met.times.joined(separator: ", "))")
    let errors = String(decoding: attacker.errors + client.errors, as: UTF8.self)
    #expect(answer.contains(attack.answer), "\(attack.name): \(answer) \(errors)")
    #expect(met.calls > 0 && met.failed == 0, "\(attack.name): \(met.text) \(errors)")
    #expect(own > 0 && total < Self.memoryMaxKiB, "\(attack.name): \(total) KiB")
  }

  private func store(_ flags: [String], prepare: (TemporaryFolder) throws -> Void = { _ in }) throws -> RunningStore {
    let blocks = try Fixtures.shared == nil ? [Fixtures.block("thanos/live-sidecar")] : RunningStore.recordedBlocks()
    return try RunningStore(
      blocks: blocks,
      flags: ["--transport.head-timeout=1s", "--transport.handshake-timeout=1s", "--transport.write-timeout=2s"]
        + flags,
      prepare: prepare)
  }

  @Test(.needsPeers("python")) func attacksAreCutOffAndOthersServed() throws {
    let store = try store([])
    let python = try Peers.require("python")
    let calm = Patience(
      try runProcess(python, [program("patient_client"), store.grpc, "1.5"], timeLimitSeconds: 60).outputText)
    let memory = Memory(store.process.processID)
    say(
      "calm: memory \(memory.own >> 10) MiB, with files \(memory.total >> 10) MiB; "
        + "a good client's calls: \(calm.calls), p50, p99 and longest ms: \(calm.times.joined(separator: ", "))")
    #expect(calm.calls > 0 && calm.failed == 0, "\(calm.text)")
    for (number, attack) in Self.attacks.enumerated() {
      try run(attack, number: number, target: attack.port == .http ? store.http : store.grpc, on: store)
    }
    // What the attacks made it hold is given back.
    var left = Memory(store.process.processID).own
    for _ in 0..<600 where left > Self.memoryAfterMaxKiB {
      usleep(50_000)
      left = Memory(store.process.processID).own
    }
    say("afterwards: memory \(left >> 10) MiB")
    #expect(left <= Self.memoryAfterMaxKiB)
    let metrics = try store.get("/metrics")
    for limit in ["head-timeout", "resets", "peer-resets", "control-frames", "continuation-frames", "header-bytes"] {
      let counts = metrics.split(separator: "\n").filter {
        $0.hasPrefix("apus_transport_limits_total{limit=\"\(limit)\"") && !$0.hasSuffix(" 0")
      }
      #expect(!counts.isEmpty, "\(limit) was not counted")
    }
    #expect(store.process.stop() == 0)
  }

  @Test(.needsPeers("python")) func handshakesThatNeverEndAreCutOff() throws {
    let folder = try TemporaryFolder("certificate")
    let made = try runProcess(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-keyout", folder.file("key.pem"), "-out", folder.file("certificate.pem"),
      ])
    #expect(made.exitCode == 0, "\(made.errorText)")
    let config =
      "tls_server_config:\n  cert_file: \(folder.file("certificate.pem"))\n  key_file: \(folder.file("key.pem"))\n"
    try writeFile(folder.file("web.yaml"), Array(config.utf8))
    let store = try store(["--http.config=\(folder.file("web.yaml"))"])
    let attack = Attack(name: "handshake", port: .http, seconds: 4, answer: "closed by the server: 200")
    try run(attack, number: 100, target: store.http, on: store)
    #expect(store.process.stop() == 0)
  }
}
