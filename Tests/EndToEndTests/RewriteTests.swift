// A block's dump, written again as a block, dumps the same; promtool and Prometheus read what we wrote.
import Foundation
import TestSupport
import Testing

/// Recorded blocks with all their samples, those that Prometheus 3.5 can read marked.
private struct Rewritten: Sendable {
  let recorded: RecordedBlock
  /// Whether the chunks must be the recorded ones, bytes included: the block was cut from a head, as ours is.
  let hasSameChunks: Bool
  /// Whether Prometheus 3.5 knows its encodings.
  let isKnownToPrometheus35: Bool
}

@Suite struct RewriteTests {
  private static func blocks() throws -> [Rewritten] {
    try RecordedBlocks.inRepository().filter { $0.hasAllSamples && !$0.ignoresTombstones }.map { recorded in
      Rewritten(
        recorded: recorded,
        hasSameChunks: ["prometheus/block-floats", "prometheus/block-histograms"].contains(recorded.name),
        isKnownToPrometheus35: !recorded.name.contains("newchunks"))
    }
  }

  /// Writes the recorded dump as blocks into `folder` of `scratch`; returns the blocks.
  private static func write(_ recorded: RecordedBlock, into folder: String, _ scratch: TemporaryFolder) throws
    -> [String]
  {
    let dump = scratch.file("input.jsonl")
    try writeFile(dump, try gunzip(recorded.dump))
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let result = try BuiltProgram.run(["tools", "block", "create-from", "jsonl", dump, "-o", folder])
    guard result.exitCode == 0 else {
      throw TestSupportError("create-from \(recorded.name) ended with \(result.exitCode): \(result.errorText)")
    }
    return Fixtures.blocks(in: folder)
  }

  @Test(.needsShared) func dumpsWrittenAgainDumpTheSame() throws {
    let scratch = try TemporaryFolder("rewrite")
    var tally = Tally()
    for (index, rewritten) in try Self.blocks().enumerated() {
      let recorded = rewritten.recorded
      do {
        let blocks = try Self.write(recorded, into: scratch.file("\(index)"), scratch)
        #expect(!blocks.isEmpty, "\(recorded.name): no block was written")
        let verified = try BuiltProgram.run(["tools", "block", "verify"] + blocks)
        #expect(verified.exitCode == 0, "\(recorded.name): \(verified.outputText)\(verified.errorText)")
        guard blocks.count == 1 else {
          Issue.record("\(recorded.name): written as \(blocks.count) blocks")
          continue
        }
        let again = scratch.file("again.jsonl")
        try dumpBlock(blocks[0], to: again)
        tally += try diffDump(again, recorded.dump, rewritten.hasSameChunks ? [] : ["--no-chunks"])
      } catch {
        Issue.record("\(recorded.name): \(error)")
      }
    }
    say("written again: \(tally)")
  }

  /// Shows that the comparison below compares: promtool over the producer's own blocks prints what the recordings say.
  @Test(.needsPeers("promtool")) func promtoolPrintsTheOriginalsAsExpected() throws {
    let scratch = try TemporaryFolder("promtool")
    for (index, rewritten) in try Self.blocks().enumerated() where rewritten.isKnownToPrometheus35 {
      let folder = scratch.file("\(index)")
      try FileManager.default.createDirectory(atPath: folder + "/wal", withIntermediateDirectories: true)
      let block = rewritten.recorded.block
      guard Fixtures.isBlockName(URL(fileURLWithPath: block).lastPathComponent) else { continue }
      try scratch.copy(block, as: "\(index)/" + URL(fileURLWithPath: block).lastPathComponent)
      try Self.expectPromtoolPrints(rewritten.recorded, in: folder)
    }
  }

  /// Compares `promtool tsdb dump` of a data folder with a recording; returns the number of lines.
  @discardableResult
  private static func expectPromtoolPrints(_ recorded: RecordedBlock, in folder: String) throws -> Int {
    let dumped = try runProcess(try Peers.require("promtool"), ["tsdb", "dump", folder])
    #expect(dumped.exitCode == 0, "\(recorded.name): \(dumped.errorText)")
    let mine = try promtoolLines(ofDump: try textLines(recorded.dump)).sorted()
    let theirs = shortened(promtoolOutput: dumped.outputText).sorted()
    let isSame = mine == theirs
    if !isSame {
      let differing = zip(mine, theirs).first { $0 != $1 }
      Issue.record(
        """
        \(recorded.name): promtool printed \(theirs.count) lines, expected are \(mine.count); first that differ: \
        \(differing.map { "\($0)" } ?? "")
        """)
    }
    return theirs.count
  }

  @Test(.needsPeers("promtool")) func promtoolReadsWhatWeWrote() throws {
    let promtool = try Peers.require("promtool")
    let scratch = try TemporaryFolder("promtool")
    var lines = 0
    for (index, rewritten) in try Self.blocks().enumerated() where rewritten.isKnownToPrometheus35 {
      let recorded = rewritten.recorded
      let folder = scratch.file("\(index)")
      try FileManager.default.createDirectory(atPath: folder + "/wal", withIntermediateDirectories: true)
      let blocks = try Self.write(recorded, into: folder, scratch)
      let listed = try runProcess(promtool, ["tsdb", "list", folder])
      #expect(listed.exitCode == 0, "\(listed.errorText)")
      for block in blocks {
        #expect(
          listed.outputText.contains(URL(fileURLWithPath: block).lastPathComponent), "\(recorded.name): not listed")
        let analyzed = try runProcess(
          promtool, ["tsdb", "analyze", "--extended", folder, URL(fileURLWithPath: block).lastPathComponent])
        #expect(analyzed.exitCode == 0, "\(recorded.name): \(analyzed.errorText)")
        #expect(analyzed.outputText.contains("Total Series:"), "\(recorded.name): \(analyzed.outputText.prefix(300))")
      }
      lines += try Self.expectPromtoolPrints(recorded, in: folder)
    }
    say("promtool read what we wrote: \(lines) lines as recorded")
    #expect(lines > 50_000)
  }

  @Test(.needsPeers("prometheus")) func prometheusAnswersAsOverTheOriginal() async throws {
    let scratch = try TemporaryFolder("prometheus")
    var answers = 0
    for (index, rewritten) in try Self.blocks().enumerated() where rewritten.isKnownToPrometheus35 {
      let recorded = rewritten.recorded
      let (original, written) = (scratch.file("original-\(index)"), scratch.file("written-\(index)"))
      try FileManager.default.createDirectory(atPath: original, withIntermediateDirectories: true)
      let meta = try #require(
        try JSONSerialization.jsonObject(with: Data(try readFile(recorded.block + "/meta.json"))) as? [String: Any])
      let ulid = try #require(meta["ulid"] as? String)
      let minTimeMs = try #require(meta["minTime"] as? Int64 ?? (meta["minTime"] as? NSNumber)?.int64Value)
      let maxTimeMs = try #require((meta["maxTime"] as? NSNumber)?.int64Value)
      try scratch.copy(recorded.block, as: "original-\(index)/\(ulid)")
      _ = try Self.write(recorded, into: written, scratch)
      let before = try await PrometheusServer(dataFolder: original, scratch: scratch, port: try freePort())
      let after = try await PrometheusServer(dataFolder: written, scratch: scratch, port: try freePort())
      for query in [
        #"{__name__=~".+"}"#, #"count by (__name__) ({__name__=~".+"})"#, #"last_over_time({__name__=~".+"}[5m])"#,
        "rate(http_requests_total[5m])", "rate(hist_counter_resets[5m])", "stddev_over_time(random_double[10m])",
        "histogram_count(hist_counter_resets)", "histogram_quantile(0.9, hist_schema)",
      ] {
        let want = try await before.queryRange(query, startMs: minTimeMs, endMs: maxTimeMs, stepSeconds: 60)
        let got = try await after.queryRange(query, startMs: minTimeMs, endMs: maxTimeMs, stepSeconds: 60)
        #expect(got == want, "\(recorded.name): \(query): answers differ (\(got.count) and \(want.count) bytes)")
        answers += 1
      }
      before.stop()
      after.stop()
    }
    say("Prometheus answered \(answers) queries over what we wrote as over the original")
    #expect(answers >= 20)
  }
}
