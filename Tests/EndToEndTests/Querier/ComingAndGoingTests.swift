// Stores are killed, halted and started again under a steady load: no answer is wrong, and what one lacks it says.
import Foundation
import TestSupport
import Testing

@Suite struct ComingAndGoingTests {
  /// A store on a port of its own, which can be started again.
  private final class Store {
    let port: Int
    let folder: TemporaryFolder
    private(set) var process: RunningProcess?

    var address: String { "127.0.0.1:\(port)" }

    init(_ number: Int) throws {
      port = try freePort()
      folder = try TemporaryFolder("coming-\(number)")
      for name in ["bucket", "uploaded"] {
        try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
      }
      let block = try folder.copy(
        try Fixtures.block("prometheus/block-floats"), as: "uploaded/01M81XEX4TTZMAHHBHKRDGDK6K")
      let uploaded = try BuiltProgram.run([
        "tools", "bucket", "upload-blocks", "--path=\((block as NSString).deletingLastPathComponent)",
        "--label=store=\"\(number)\"",
        "--objstore.config={type: FILESYSTEM, config: {directory: \(folder.file("bucket"))}}",
      ])
      guard uploaded.exitCode == 0 else { throw TestSupportError("upload: \(uploaded.errorText)") }
      try start()
    }

    func start() throws {
      process = try RunningProcess(
        BuiltProgram.apus,
        [
          "store", "--objstore.config={type: FILESYSTEM, config: {directory: \(folder.file("bucket"))}}",
          "--data-dir=\(folder.file("data"))", "--http-address=127.0.0.1:0", "--grpc-address=\(address)",
        ])
    }

    func signal(_ signal: Int32) { if let process { kill(process.processID, signal) } }

    func end() {
      signal(SIGCONT)
      process?.kill(SIGKILL)
      process = nil
    }

    deinit { end() }
  }

  /// What the answers of the load were.
  private struct Tally: Sendable {
    var whole = 0
    var partial = 0
    var wrong: [String] = []
  }

  private static func load(_ url: String, _ addresses: [String], until end: Date) async throws -> Tally {
    var tally = Tally()
    while Date() < end {
      let reply = try await post(
        url + "/api/v1/query", [("query", "sum by (store) (constant_gauge)"), ("time", "1748743100")])
      let answer = try QueryAnswer(status: reply.status, body: reply.body)
      let values = Set(answer.series.values.flatMap { $0.map { "\($0.value)" } })
      let missing = addresses.indices.filter { answer.series["store=\($0)"] == nil }
      if answer.status != 200 {
        tally.wrong.append("\(answer.status) \(answer.error ?? "")")
      } else if values.count > 1 {
        tally.wrong.append("values \(values) \(answer.warnings)")
      } else if missing.isEmpty {
        tally.whole += 1
      } else if missing.allSatisfy({ index in answer.warnings.contains { $0.contains(addresses[index]) } }) {
        tally.partial += 1
      } else {
        tally.wrong.append("without \(missing), said \(answer.warnings)")
      }
    }
    return tally
  }

  @Test func noAnswerIsWrongAndWhatIsMissingIsSaid() async throws {
    let stores = try (0..<3).map { try Store($0) }
    let querier = try RunningQuerier(
      stores.map(\.address),
      flags: ["--endpoint.info-timeout=1s", "--store.response-timeout=2s", "--query.timeout=20s"])
    try querier.waitForStores(3)
    let (url, addresses) = (querier.url, stores.map(\.address))
    let seconds = isLongTier ? 600.0 : 20
    let end = Date() + seconds
    async let first = Self.load(url, addresses, until: end)
    async let second = Self.load(url, addresses, until: end)
    var random = SplitMix64(seed: UInt64.random(in: 1...999_999))
    var events = 0
    while Date() < end - 6 {
      let store = stores[random.below(3)]
      switch random.below(3) {
      case 0:
        store.end()
        try await Task.sleep(for: .milliseconds(300 + random.below(1500)))
        try store.start()
      case 1:
        store.signal(SIGSTOP)
        try await Task.sleep(for: .milliseconds(300 + random.below(4000)))
        store.signal(SIGCONT)
      default:
        store.signal(SIGTERM)
        try await Task.sleep(for: .milliseconds(500))
        store.end()
        try store.start()
      }
      events += 1
      try await Task.sleep(for: .milliseconds(random.below(2000)))
    }
    let tallies = try await [first, second]
    let wrong = tallies.flatMap(\.wrong)
    say(
      "stores that come and go: \(events) times; \(tallies.map(\.whole)) answers whole, \(tallies.map(\.partial)) that say what is missing, \(wrong.count) wrong"
    )
    #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    #expect(tallies.allSatisfy { $0.whole > 3 && $0.partial > 0 })
    #expect(querier.process.poll() == nil)
    // All are back.
    try querier.waitForStores(3)
    let last = try await Self.load(url, addresses, until: Date() + 1)
    #expect(last.whole > 0 && last.partial == 0 && last.wrong.isEmpty, "\(last)")
  }
}
