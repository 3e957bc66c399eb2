// What `apus standalone` makes of folders: overlapping blocks, tombstones, what lies beside blocks, bad blocks among good ones.
import Foundation
import TestSupport
import Testing

@Suite struct FolderTests {
  /// Everything in a folder, sample by sample, as our answer and as that of a Prometheus over a copy.
  ///
  /// Of one series at one time blocks may hold different values: either may be answered, and `ambiguous` names them.
  private func differencesFromPrometheus(
    _ blocks: [String], endMs: Int64, range: String, ambiguous: Set<String> = []
  ) async throws -> (series: Int, samples: Int, difference: String?) {
    let scratch = try TemporaryFolder("folder")
    try makeFolder(scratch.file("data"))
    for block in blocks { try scratch.copy(block, as: "data/" + (block as NSString).lastPathComponent) }
    try scratch.copy(scratch.file("data"), as: "copy")
    let theirs = try await PrometheusServer(dataFolder: scratch.file("copy"), scratch: scratch, port: try freePort())
    defer { theirs.stop() }
    let ours = try RunningStandalone(blocks: [scratch.file("data")])
    let form = [("query", "{__name__=~\".+\"}[\(range)]"), ("time", "\(Double(endMs) / 1000)")]
    let (a, b) = (
      try await post(ours.url + "/api/v1/query", form), try await post(theirs.url + "/api/v1/query", form)
    )
    var mine = try QueryAnswer(status: a.status, body: a.body)
    var expected = try QueryAnswer(status: b.status, body: b.body)
    for labels in expected.series.keys {
      func isCertain(_ point: (time: Double, value: QueryAnswer.Value)) -> Bool {
        !ambiguous.contains("\(labels) \(Int64((point.time * 1000).rounded()))")
      }
      mine.series[labels] = mine.series[labels]?.filter(isCertain)
      expected.series[labels] = expected.series[labels]?.filter(isCertain)
    }
    let samples = expected.series.values.reduce(0) { $0 + $1.count }
    return (expected.series.count, samples, difference(mine, expected))
  }

  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  private func end(of blocks: [String]) throws -> Int64 {
    try blocks.map { block -> Int64 in
      let meta = try JSONSerialization.jsonObject(with: Data(try readFile(block + "/meta.json"))) as? [String: Any]
      return try #require(meta?["maxTime"] as? Int64)
    }.max() ?? 0
  }

  @Test(.needsShared, .needsPeers("prometheus")) func overlappingBlocksAreReadAsPrometheusReadsThem() async throws {
    let blocks = Fixtures.blocks(in: try Fixtures.folder("prometheus/overlapping/input"))
    #expect(blocks.count == 9)
    let ambiguous = try ambiguousSamples(of: blocks)
    #expect(ambiguous.count > 50 && ambiguous.count < 5000, "\(ambiguous.count)")
    let result = try await differencesFromPrometheus(
      blocks, endMs: try end(of: blocks), range: "30d", ambiguous: ambiguous)
    #expect(result.difference == nil, "\(result.difference ?? "")")
    #expect(result.series > 10 && result.samples > 10_000, "\(result)")
    say("overlapping blocks: \(result.series) series, \(result.samples) samples alike")
  }

  /// Series and times at which blocks hold different values.
  private func ambiguousSamples(of blocks: [String]) throws -> Set<String> {
    let scratch = try TemporaryFolder("ambiguous")
    var (values, ambiguous): ([String: String], Set<String>) = ([:], [])
    for block in blocks {
      try dumpBlock(block, to: scratch.file("dump.jsonl"))
      for line in try textLines(scratch.file("dump.jsonl")) {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let labels = (object?["labels"] as? [String: String] ?? [:]).sorted { $0.key < $1.key }
          .map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        for sample in object?["samples"] as? [[Any]] ?? [] {
          let (key, value) = ("\(labels) \(sample[0])", "\(sample[1])")
          if let other = values.updateValue(value, forKey: key), other != value { ambiguous.insert(key) }
        }
      }
    }
    return ambiguous
  }

  @Test(.needsPeers("prometheus")) func whatTombstonesHideIsNotSeen() async throws {
    let blocks = [try Fixtures.block("prometheus/block-tombstones")]
    let result = try await differencesFromPrometheus(blocks, endMs: try end(of: blocks), range: "30d")
    #expect(result.difference == nil, "\(result.difference ?? "")")
    #expect(result.series >= 10 && result.samples > 100, "\(result)")
  }

  @Test func badBlocksCostAWarningAndTheRestIsAnswered() async throws {
    let good = try Fixtures.block("prometheus/block-floats")
    let scratch = try TemporaryFolder("bad-blocks")
    for name in ["data", "other"] { try makeFolder(scratch.file(name)) }
    try scratch.copy(good, as: "data/" + (good as NSString).lastPathComponent)
    for name in ["wal", "chunks_head", "01JWFZ000000000000000000AA.tmp-for-creation", "snapshots"] {
      try makeFolder(scratch.file("data/" + name))
    }
    try writeFile(scratch.file("data/lock"), [])
    let ours = try RunningStandalone(blocks: [scratch.file("data")], flags: ["--blocks.sync-interval=100ms"])
    let form = [("query", "count({__name__=~\".+\"})"), ("time", "\(Double(try end(of: [good])) / 1000 - 1)")]
    let whole = try await post(ours.url + "/api/v1/query", form)
    #expect(whole.status == 200 && !String(decoding: whole.body, as: UTF8.self).contains("warnings"))

    // One without an index, one whose index is cut short.
    for (name, size) in [("01JWFZ000000000000000000AA", 0), ("01JWFZ000000000000000000AB", 900)] {
      let block = try scratch.copy(good, as: "other/" + name)
      let meta = String(decoding: try readFile(block + "/meta.json"), as: UTF8.self)
      try writeFile(
        block + "/meta.json",
        Array(meta.replacingOccurrences(of: (good as NSString).lastPathComponent, with: name).utf8))
      try writeFile(block + "/index", Array(try readFile(good + "/index").prefix(size)))
      try FileManager.default.moveItem(atPath: block, toPath: scratch.file("data/" + name))
    }
    try await Task.sleep(nanoseconds: 500_000_000)
    let part = try await post(ours.url + "/api/v1/query", form)
    let (before, after) = (
      try QueryAnswer(status: whole.status, body: whole.body), try QueryAnswer(status: part.status, body: part.body)
    )
    #expect(after.status == 200)
    #expect(after.warnings.contains { $0.contains("01JWFZ000000000000000000AA") }, "\(after.warnings)")
    #expect(after.warnings.contains { $0.contains("01JWFZ000000000000000000AB") }, "\(after.warnings)")
    var quiet = after
    quiet.warnings = []
    #expect(difference(quiet, before) == nil)
  }

  /// A block whose files are cut short while queries run: each answer is whole, or says that something is missing, or is an error.
  @Test func aBlockTruncatedUnderQueriesIsNeverAnsweredWronglyInSilence() async throws {
    let good = try Fixtures.block("prometheus/block-floats")
    let scratch = try TemporaryFolder("truncated")
    try makeFolder(scratch.file("data"))
    let block = try scratch.copy(good, as: "data/" + (good as NSString).lastPathComponent)
    let ours = try RunningStandalone(blocks: [scratch.file("data")], flags: ["--blocks.sync-interval=1h"])
    let query = "last_over_time({__name__=~\".+\"}[2h])"
    let form = [("query", query), ("time", "\(Double(try end(of: [good])) / 1000)")]
    let first = try await post(ours.url + "/api/v1/query", form)
    let whole = try QueryAnswer(status: first.status, body: first.body)
    #expect(whole.status == 200 && whole.series.count > 5)
    let segment = block + "/chunks/000001"
    let size = try readFile(segment).count
    for divisor in [2, 8, 100] {
      async let cut: Void = {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: segment))
        try handle.truncate(atOffset: UInt64(size / divisor))
        try handle.close()
      }()
      for _ in 0..<10 {
        let reply = try await post(ours.url + "/api/v1/query", form)
        let answer = try QueryAnswer(status: reply.status, body: reply.body)
        if answer.status != 200 {
          #expect(answer.error?.isEmpty == false)
        } else if !answer.warnings.contains(where: { $0.contains("chunks") || $0.contains("chunk") }) {
          #expect(difference(answer, whole) == nil)
        }
      }
      try await cut
    }
    let last = try await post(ours.url + "/api/v1/query", form)
    let answer = try QueryAnswer(status: last.status, body: last.body)
    #expect(answer.status != 200 || !answer.warnings.isEmpty)
    #expect(ours.process.poll() == nil)
  }
}
