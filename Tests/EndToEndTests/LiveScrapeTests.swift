// Blocks that a real Prometheus cut from live scrapes: our dump says what promtool's says, sample for sample.
import Foundation
import TestSupport
import Testing

@Suite struct LiveScrapeTests {
  @Test(.needsPeers("prometheus", "promtool", "node-exporter"))
  func blocksOfALiveScrapeDumpAsPromtoolDumpsThem()
    async throws
  {
    let scratch = try TemporaryFolder("live")
    let scene = try await ScrapedPrometheus(scratch, blockDuration: "4s")
    let server = scene.server
    // The first scrape comes five seconds after the start, the first block about six after that.
    let seconds = isLongTier ? 120 : 40
    for _ in 0..<seconds where Fixtures.blocks(in: server.dataFolder).count < (isLongTier ? 20 : 3) {
      try await Task.sleep(nanoseconds: 1_000_000_000)
    }
    scene.stop()

    // A copy that holds only the blocks; promtool wants a folder for the log beside them.
    let copy = scratch.file("copy")
    try FileManager.default.createDirectory(atPath: copy + "/wal", withIntermediateDirectories: true)
    let blocks = Fixtures.blocks(in: server.dataFolder)
    #expect(blocks.count >= 2, "Prometheus cut \(blocks.count) blocks")
    for block in blocks { try scratch.copy(block, as: "copy/" + URL(fileURLWithPath: block).lastPathComponent) }
    let promtool = try runProcess(try Peers.require("promtool"), ["tsdb", "dump", copy])
    #expect(promtool.exitCode == 0, "\(promtool.errorText)")

    var samples = 0
    var mine: [String] = []
    // promtool goes through series over all blocks at once; each series' samples are in time order in both.
    var seriesOfAll: [String: [[Any]]] = [:]
    var labelsOfAll: [String: Any] = [:]
    for block in Fixtures.blocks(in: copy) {
      let verified = try BuiltProgram.run(["tools", "block", "verify", block])
      #expect(verified.exitCode == 0, "\(verified.outputText)\(verified.errorText)")
      let path = scratch.file("dump.jsonl")
      try dumpBlock(block, to: path)
      for line in try textLines(path) {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let labels = try #require(object["labels"] as? [String: String])
        let key = labels.sorted { $0.key < $1.key }.map { "\($0.key)\u{1}\($0.value)" }.joined(separator: "\u{2}")
        labelsOfAll[key] = labels
        seriesOfAll[key, default: []] += object["samples"] as? [[Any]] ?? []
        samples += (object["samples"] as? [Any])?.count ?? 0
      }
    }
    let merged = try seriesOfAll.map { key, samples in
      let data = try JSONSerialization.data(withJSONObject: ["labels": labelsOfAll[key] ?? [:], "samples": samples])
      return String(decoding: data, as: UTF8.self)
    }
    mine = try promtoolLines(ofDump: merged).sorted()
    let theirs = shortened(promtoolOutput: promtool.outputText).sorted()
    #expect(mine.count == theirs.count, "lines of ours and of promtool's")
    let differing = zip(mine, theirs).filter { $0 != $1 }
    #expect(
      differing.isEmpty,
      "\(differing.count) lines differ, first ours \(differing.first?.0 ?? "") theirs \(differing.first?.1 ?? "")")
    say(
      "live scrape: \(blocks.count) blocks, \(seriesOfAll.count) series, \(samples) samples, \(theirs.count) lines equal promtool's"
    )
    #expect(theirs.count > 5000)
  }
}
