// `--deduplication.func=seamless` over replicas of native histograms that lose samples at random: of the compactor's tool, and of a querier.
import Foundation
import TestSupport
import Testing

@Suite struct SeamlessHistogramTests {
  private static let startMs: Int64 = 1_777_852_800_000
  private static let scrapes = 160

  /// Makes the block of one replica of all patterns; where it is.
  private func block(_ patterns: [LossPattern], _ replica: Int, _ folder: TemporaryFolder) throws -> String {
    var lines = ""
    for (place, pattern) in patterns.enumerated() where replica < pattern.replicas.count {
      lines += "{\"labels\":{\"__name__\":\"latency\",\"pattern\":\"\(place)\"},\"samples\":["
      lines += pattern.replicas[replica].map(\.dumpText).joined(separator: ",") + "]}\n"
    }
    try writeFile(folder.file("replica-\(replica).jsonl"), Array(lines.utf8))
    let made = folder.file("made-\(replica)")
    let result = try BuiltProgram.run([
      "tools", "block", "create-from", "jsonl", "-o", made, folder.file("replica-\(replica).jsonl"),
    ])
    try #require(result.exitCode == 0, "\(result.errorText)")
    let path = try #require(Fixtures.blocks(in: made).first)
    // What a sidecar would add to the block.
    var meta = try #require(
      try JSONSerialization.jsonObject(with: Data(try readFile(path + "/meta.json"))) as? [String: Any])
    meta["thanos"] = [
      "labels": ["replica": "\(replica)"], "downsample": ["resolution": 0], "source": "sidecar",
    ]
    try writeFile(path + "/meta.json", Array(try JSONSerialization.data(withJSONObject: meta)))
    return path
  }

  private func patterns(_ seeds: Range<UInt64>) -> [LossPattern] {
    seeds.map { LossPattern(seed: $0, scrapes: Self.scrapes, startMs: Self.startMs) }
  }

  @Test func theCompactorMakesOneOfReplicasWithoutHolesAndResets() throws {
    let folder = try TemporaryFolder("seamless-blocks")
    let patterns = patterns(0..<(isLongTier ? 1000 : 80))
    let blocks = try (0..<3).map { try block(patterns, $0, folder) }
    let result = try BuiltProgram.run(
      ["tools", "block", "compact", "--deduplication.func=seamless", "--deduplication.replica-label=replica", "-o"]
        + [folder.file("merged")] + blocks)
    try #require(result.exitCode == 0, "\(result.errorText)")
    let merged = try #require(Fixtures.blocks(in: folder.file("merged")).first)
    let dump = try BuiltProgram.run(["tools", "block", "dump", "--format=jsonl", merged])
    try #require(dump.exitCode == 0, "\(dump.errorText)")
    var (compared, differences) = (0, [String]())
    for line in dump.outputText.split(separator: "\n") {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let labels = try #require(object["labels"] as? [String: String])
      let place = try #require(labels["pattern"].flatMap(Int.init))
      let times = try #require(object["samples"] as? [[Any]]).compactMap { ($0[0] as? NSNumber)?.int64Value }
      let pattern = patterns[place]
      // At no time is none of them alive: a hole would be two intervals, and jitter.
      for (before, after) in zip(times, times.dropFirst()) where after - before > 2 * LossPattern.intervalMs + 4000 {
        differences.append("\(pattern.kind) \(place): a hole from \(before) to \(after)")
      }
      if abs(times.count - Self.scrapes) > Self.scrapes / 8 {
        differences.append("\(pattern.kind) \(place): \(times.count) samples of \(Self.scrapes)")
      }
      compared += 1
    }
    #expect(differences.isEmpty, "\(differences.prefix(10).joined(separator: "\n"))")
    #expect(compared == patterns.count)
  }

  /// Answers of a querier by the pattern's number and time in seconds.
  private func ask(
    _ querier: RunningQuerier, _ query: String, _ stepSeconds: Int
  ) async throws -> [Int: [Double: Double]] {
    let start = Self.startMs / 1000 + 600
    let end = Self.startMs / 1000 + Int64(Self.scrapes) * LossPattern.intervalMs / 1000 - 60
    let reply = try await post(
      querier.url + "/api/v1/query_range",
      [("query", query), ("start", "\(start)"), ("end", "\(end)"), ("step", "\(stepSeconds)")])
    let answer = try QueryAnswer(status: reply.status, body: reply.body)
    try #require(reply.status == 200, "\(answer.error ?? "")")
    var found: [Int: [Double: Double]] = [:]
    for (labels, points) in answer.series {
      guard let place = labels.split(separator: "=").last.flatMap({ Int($0) }) else { continue }
      for (time, value) in points {
        if case .text(let text) = value, let number = Double(text) { found[place, default: [:]][time] = number }
      }
    }
    return found
  }

  @Test func aQuerierMakesOneOfReplicasWithoutHolesAndResets() async throws {
    let folder = try TemporaryFolder("seamless-query")
    let patterns = patterns(0..<(isLongTier ? 1000 : 80))
    let blocks = try (0..<3).map { try block(patterns, $0, folder) }
    let store = try RunningStore(blocks: blocks)
    let querier = try RunningQuerier(
      [store.grpc], flags: ["--query.replica-label=replica", "--deduplication.func=seamless"])
    try querier.waitForStores(1)
    let (window, interval) = (Int64(300_000), LossPattern.intervalMs)
    let counts = try await ask(querier, "count_over_time(latency[300s])", 120)
    let resets = try await ask(querier, "resets(latency[300s])", 120)
    let increases = try await ask(querier, "histogram_count(increase(latency[300s]))", 120)
    let rates = try await ask(querier, "histogram_sum(rate(latency[300s]))", 120)
    var (compared, differences) = (0, [String]())
    for (place, pattern) in patterns.enumerated() {
      for (time, count) in counts[place] ?? [:] {
        let end = Int64(time * 1000)
        compared += 1
        func say(_ text: String) { differences.append("\(pattern.kind) \(place) at \(time): \(text)") }
        // A window of twenty scrapes has few changes, of which each costs or adds a sample at most.
        if abs(count - Double(window / interval)) > 6 { say("\(count) samples") }
        guard pattern.kind != .gauges, pattern.kind != .floatsBefore else { continue }
        let real = pattern.resetsMs.count { $0 > end - window - 2 * interval && $0 <= end }
        if let found = resets[place]?[time], found > Double(real) { say("\(found) resets of \(real)") }
        guard real == 0, let increase = increases[place]?[time], let rate = rates[place]?[time] else { continue }
        let wanted = pattern.slope * Double(window)
        if abs(increase - wanted) > wanted * 0.25 + 20 { say("an increase of \(increase) for \(wanted)") }
        if rate < 0 { say("a rate of \(rate)") }
      }
    }
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(10).joined(separator: "\n"))")
    #expect(compared > patterns.count * 10)
    say("windows of seamless histograms: \(compared)")
  }
}
