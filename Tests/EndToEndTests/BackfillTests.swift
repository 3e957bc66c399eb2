// Blocks made of an OpenMetrics text are those that promtool makes of it: the same samples in the same chunks, bytes included.
import Foundation
import TestSupport
import Testing

@Suite struct BackfillTests {
  /// Counters, gauges, a histogram and a summary over some hours: some begin late, some have a hole, some scrape times wobble.
  private func text(seed: UInt64) -> String {
    var random = SplitMix64(seed: seed)
    let start = 1_748_735_400.0
    var lines: [String] = []
    func series(_ name: String, _ labels: String, count: Int, step: Double, late: Int, value: (Int) -> Double) {
      let hole = random.unit() < 0.3 ? count / 3..<count / 2 : 0..<0
      for index in late..<max(late, count) where !hole.contains(index) {
        let time = start + step * Double(index) + (random.unit() < 0.5 ? 0 : 0.01 * random.unit())
        lines.append("\(name)\(labels) \(value(index)) \(String(format: "%.3f", time))")
      }
    }
    for (name, type) in [("requests", "counter"), ("temperature", "gauge"), ("up", "gauge")] {
      lines.append("# HELP \(name) A help text.")
      lines.append("# TYPE \(name) \(type)")
      for instance in 0..<4 {
        var total = 0.0
        let late = instance * Int(random.next() % 100)
        let labels = "{job=\"größe\",instance=\"host:\(instance)\"}"
        series(name + (type == "counter" ? "_total" : ""), labels, count: 1_500, step: 15, late: late) { index in
          switch name {
          case "requests":
            total = random.unit() < 0.001 ? 0 : total + Double(random.next() % 30)
            return total
          case "up": return random.unit() < 0.98 ? 1 : 0
          default: return index % 200 == 7 ? .nan : (1e4 * random.unit()).rounded() / 1e3
          }
        }
      }
    }
    lines.append("# TYPE seconds histogram")
    for bound in ["0.1", "1", "1000000", "+Inf"] {
      series("seconds_bucket", "{le=\"\(bound)\"}", count: 300, step: 60, late: 0) { Double($0) }
    }
    lines.append("# TYPE size summary")
    for quantile in ["0", "0.50", "1"] {
      series("size", "{quantile=\"\(quantile)\"}", count: 300, step: 60, late: 0) { Double($0 / 7) }
    }
    return (lines + ["# EOF", ""]).joined(separator: "\n")
  }

  /// What a block says of itself, and its chunks.
  private struct Written: Equatable {
    let times: [Int64]
    let counts: [String: Int64]
    let chunks: Data
    let dump: [String]

    init(_ block: String) throws {
      let meta = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: block + "/meta.json")))
      let fields = try #require(meta as? [String: Any])
      times = ["minTime", "maxTime"].compactMap { (fields[$0] as? NSNumber)?.int64Value }
      let stats = fields["stats"] as? [String: Any] ?? [:]
      counts = Dictionary(
        ["numSamples", "numSeries", "numChunks"].compactMap { name in
          (stats[name] as? NSNumber).map { (name, $0.int64Value) }
        }
      ) { a, _ in a }
      chunks = try Data(contentsOf: URL(fileURLWithPath: block + "/chunks/000001"))
      let result = try BuiltProgram.run(["tools", "block", "dump", block])
      #expect(result.exitCode == 0, "\(result.errorText)")
      dump = result.outputText.split(separator: "\n").map(String.init)
    }
  }

  @Test(.needsPeers("promtool"), arguments: [("2h", 1), ("6h", 2)])
  func blocksAreThoseOfPromtool(duration: String, seed: Int) throws {
    let scratch = try TemporaryFolder("backfill")
    let input = scratch.file("input.om")
    try writeFile(input, Array(text(seed: UInt64(seed)).utf8))
    let folders = (ours: scratch.file("ours"), theirs: scratch.file("theirs"))
    let ours = try BuiltProgram.run(
      ["tools", "block", "create-from", "openmetrics", input, "-o", folders.ours, "--max-block-duration=\(duration)"])
    #expect(ours.exitCode == 0, "\(ours.errorText)")
    let theirs = try runProcess(
      try Peers.require("promtool"),
      ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=\(duration)", input, folders.theirs],
      timeLimitSeconds: 300)
    #expect(theirs.exitCode == 0, "\(theirs.errorText)")
    func written(_ folder: String) throws -> [Written] {
      try Fixtures.blocks(in: folder).map(Written.init).sorted { $0.times[0] < $1.times[0] }
    }
    let (found, wanted) = (try written(folders.ours), try written(folders.theirs))
    #expect(found.map(\.times) == wanted.map(\.times) && found.count >= 2)
    #expect(found.map(\.counts) == wanted.map(\.counts))
    for (a, b) in zip(found, wanted) {
      #expect(a.counts.count == 3 && a.chunks == b.chunks, "chunks of \(a.times)")
      #expect(a.dump == b.dump, "series of \(a.times)")
    }
    #expect(found.contains { $0.dump.contains { $0.contains("\"le\":\"1e+06\"") } })
  }
}
