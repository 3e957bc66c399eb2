// Blocks that the tools made of others, opened by promtool and Prometheus: Prometheus answers over them as over what they were made of.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct WrittenBlocksTests {
  /// One run of `apus tools block`: the folder of what it made, verified, and analyzed by promtool.
  private func made(_ arguments: [String], _ scratch: TemporaryFolder, _ name: String) throws -> String {
    let folder = scratch.file(name)
    try FileManager.default.createDirectory(atPath: folder + "/wal", withIntermediateDirectories: true)
    let result = try BuiltProgram.run(["tools", "block"] + arguments + ["-o", folder])
    #expect(result.exitCode == 0, "\(name): \(result.errorText)")
    let blocks = Fixtures.blocks(in: folder)
    try #require(!blocks.isEmpty, "\(name)")
    for block in blocks {
      let ulid = URL(fileURLWithPath: block).lastPathComponent
      let verified = try BuiltProgram.run(["tools", "block", "verify", block])
      #expect(verified.exitCode == 0, "\(name): \(verified.outputText)")
      let analyzed = try runProcess(try Peers.require("promtool"), ["tsdb", "analyze", "--extended", folder, ulid])
      #expect(analyzed.exitCode == 0, "\(name): \(analyzed.errorText)")
      #expect(analyzed.outputText.contains("Total Series:"), "\(name): \(analyzed.outputText.prefix(300))")
    }
    return folder
  }

  /// A data folder with copies of these blocks.
  private func copied(_ blocks: [String], _ scratch: TemporaryFolder, _ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: scratch.file(name), withIntermediateDirectories: true)
    for block in blocks {
      let meta = try #require(
        try JSONSerialization.jsonObject(with: Data(try readFile(block + "/meta.json"))) as? [String: Any])
      try scratch.copy(block, as: "\(name)/\(try #require(meta["ulid"] as? String))")
    }
    return scratch.file(name)
  }

  /// The times that blocks reach over, in milliseconds.
  private func timeRange(_ blocks: [String]) throws -> Range<Int64> {
    let ranges = try blocks.map { block in
      let meta = try #require(
        try JSONSerialization.jsonObject(with: Data(try readFile(block + "/meta.json"))) as? [String: Any])
      let minTime = try #require((meta["minTime"] as? NSNumber)?.int64Value)
      return minTime..<(try #require((meta["maxTime"] as? NSNumber)?.int64Value))
    }
    let first = try #require(ranges.map(\.lowerBound).min())
    return first..<(try #require(ranges.map(\.upperBound).max()))
  }

  /// Asks a Prometheus over `sources` and one over each of `written` the same; returns how many answers there were.
  private func compare(
    _ sources: [String], _ written: [String], queries: [String], _ scratch: TemporaryFolder, _ name: String
  ) async throws -> Int {
    let times = try timeRange(sources)
    let original = try await PrometheusServer(
      dataFolder: copied(sources, scratch, name), scratch: scratch, port: try freePort())
    defer { original.stop() }
    var answers = 0
    for folder in written {
      let server = try await PrometheusServer(dataFolder: folder, scratch: scratch, port: try freePort())
      defer { server.stop() }
      for query in queries {
        let want = try await original.queryRange(
          query, startMs: times.lowerBound, endMs: times.upperBound, stepSeconds: 60)
        let got = try await server.queryRange(
          query, startMs: times.lowerBound, endMs: times.upperBound, stepSeconds: 60)
        #expect(got == want, "\(name): \(query): answers differ (\(got.count) and \(want.count) bytes)")
        #expect(want.contains("\"values\"") || want.contains("\"histograms\""), "\(name): \(query): no answer")
        answers += 1
      }
    }
    return answers
  }

  @Test(
    .needsPeers("prometheus", "promtool"),
    arguments: [
      ("prometheus/block-floats", "stddev_over_time(random_double[10m]) + count_over_time(random_double[7m])"),
      ("prometheus/block-histograms", "histogram_quantile(0.9, sum_over_time(hist_schema[7m]))"),
      ("prometheus/block-multisegment", #"count(last_over_time({__name__=~".+"}[7m]))"#),
    ])
  func aBlockThatWasCutAndMergedAnswersAsTheWhole(name: String, query: String) async throws {
    let scratch = try TemporaryFolder("cut")
    let block = try Fixtures.block(name)
    let times = try timeRange([block])
    // Two cuts that no chunk and no scrape agrees with.
    let cuts = [
      times.lowerBound + (times.upperBound - times.lowerBound) / 3 + 7,
      times.lowerBound + (times.upperBound - times.lowerBound) * 3 / 4 + 11,
    ]
    let parts = try [
      ["--max-time=\(cuts[0])"], ["--min-time=\(cuts[0])", "--max-time=\(cuts[1])"], ["--min-time=\(cuts[1])"],
    ].enumerated().flatMap { index, range in
      Fixtures.blocks(in: try made(["rewrite"] + range + [block], scratch, "part-\(index)"))
    }
    #expect(parts.count == 3)
    let merged = try made(["compact"] + parts, scratch, "merged")
    // The whole again: merged with parts of itself, each sample there twice.
    let doubled = try made(["compact", block, parts[0], parts[2]], scratch, "doubled")
    let answers = try await compare(
      [block], [merged, doubled],
      queries: [
        #"{__name__=~".+"}"#, #"last_over_time({__name__=~".+"}[5m])"#, #"count by (__name__) ({__name__=~".+"})"#,
        query,
      ], scratch, "original")
    #expect(answers == 8)
  }

  /// Of several values of one time Prometheus keeps in a block one and hands out of several blocks another: what it made of these is compared.
  @Test(.needsPeers("prometheus", "promtool")) func overlappingBlocksMergedAreWhatPrometheusMadeOfThem() async throws {
    let scratch = try TemporaryFolder("overlapping")
    let merged = try made(
      ["compact"] + Fixtures.blocks(in: try Fixtures.folder("prometheus/overlapping/input")), scratch, "merged")
    let answers = try await compare(
      Fixtures.blocks(in: try Fixtures.folder("prometheus/overlapping/compacted-6h")), [merged],
      queries: [#"{n=~".+"}"#, #"count_over_time({n=~".+"}[5m])"#, #"last_over_time({n=~".+"}[5m])"#], scratch, "theirs"
    )
    #expect(answers == 3)
  }

  @Test(.needsPeers("prometheus", "promtool")) func aRewrittenBlockAnswersAsTheRestOfIt() async throws {
    let scratch = try TemporaryFolder("rest")
    let block = try Fixtures.block("prometheus/block-floats")
    let written = try made(["rewrite", #"--delete={__name__=~"exact.*"}"#, block], scratch, "rewritten")
    let answers = try await compare(
      [block], [written],
      queries: [
        #"{__name__!~"exact.*",__name__!=""}"#, #"last_over_time({__name__!~"exact.*",__name__!=""}[10m])"#,
      ], scratch, "original")
    #expect(answers == 2)
  }
}
