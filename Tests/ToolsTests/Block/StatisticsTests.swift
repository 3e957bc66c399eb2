// What a block is made of, beside what promtool says about the same block.
import Foundation
import Storage
import TestSupport
import Testing

@testable import Tools

private func statistics(_ path: String) throws -> BlockStatistics {
  try BlockStatistics(of: try Block.open(path: path), choice: SeriesChoice())
}

@Test func countsOfARecordedBlock() throws {
  let got = try statistics(try Fixtures.block("prometheus/block-floats"))
  #expect(got.seriesCount == 153)
  #expect(got.labelNameCount == 32)
  #expect(got.labelPairCount == 161)
  #expect(got.pairEntryCount == 422)
  #expect(got.commonPairs(2).map(\.name) == ["__name__=http_requests_total", "__name__=node_temperature_celsius"])
  #expect(got.commonPairs(1) == [CountedName(name: "__name__=http_requests_total", value: 40)])
  #expect(got.longestNames(2) == [CountedName(name: "long", value: 2048), CountedName(name: "instance", value: 526)])
  #expect(got.weightByEncoding[.xor]?.sampleCount == 55_223)
  #expect(got.weightByEncoding[.xor]?.chunkCount == 509)
}

@Test(
  .needsShared, .needsPeers("promtool"),
  arguments: ["block-floats", "block-histograms", "block-tombstones", "block-manyseries"])
func promtoolSaysTheSame(name: String) throws {
  let block = try Fixtures.block("prometheus/" + name)
  let scratch = try TemporaryFolder("analyze")
  try scratch.copy(block)
  let ulid = URL(fileURLWithPath: block).lastPathComponent
  let result = try runProcess(
    try Peers.require("promtool"), ["tsdb", "analyze", "--limit=1000000", scratch.path, ulid])
  #expect(result.exitCode == 0, "\(result.errorText)")
  // Heading → number and name, sorted: equal numbers stand in no order.
  var theirs: [String: [String]] = [:]
  var heading = ""
  for line in result.outputText.split(separator: "\n").map(String.init) {
    if line.hasSuffix(":"), line.first?.isUppercase == true {
      heading = line
    } else {
      theirs[heading, default: []].append(line)
    }
  }
  let got = try statistics(block)
  let limit = 1_000_000
  for (heading, items) in [
    ("Label pairs most involved in churning:", got.churningPairs(limit)),
    ("Label names most involved in churning:", got.churningNames(limit)),
    ("Most common label pairs:", got.commonPairs(limit)),
    ("Label names with highest cumulative label value length:", got.longestNames(limit)),
    ("Highest cardinality labels:", got.widestNames(limit)),
    ("Highest cardinality metric names:", got.widestMetrics(limit)),
  ] {
    let mine = items.flatMap { "\($0.value) \($0.name)".split(separator: "\n").map(String.init) }
    #expect(mine.sorted() == theirs[heading, default: []].sorted(), "\(name): \(heading)")
    #expect(!mine.isEmpty)
  }
  #expect(result.outputText.contains("Total Series: \(got.seriesCount)\n"))
  #expect(result.outputText.contains("Label names: \(got.labelNameCount)\n"))
  #expect(result.outputText.contains("Postings (unique label pairs): \(got.labelPairCount)\n"))
  #expect(result.outputText.contains("Postings entries (total label pairs): \(got.pairEntryCount)\n"))
}
