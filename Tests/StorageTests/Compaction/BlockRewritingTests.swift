// Blocks written again: what is left out is gone, all else is as it was.
import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite struct BlockRewritingTests {
  let folder: TemporaryFolder
  let block: Block
  init() throws {
    folder = try TemporaryFolder("rewriting")
    block = try Block.open(path: try Fixtures.block("prometheus/block-floats"))
  }

  private func rewritten(_ change: (inout BlockRewriting.Changes) throws -> Void) throws -> Block {
    var changes = BlockRewriting.Changes()
    try change(&changes)
    let result = try #require(try BlockRewriting(block, changes).write(to: folder.path))
    let written = try Block.open(path: result.path)
    #expect(written.meta == result.meta)
    #expect(written.meta.compaction.sources == [written.meta.ulid])
    return written
  }

  @Test func deletedSeriesAreGone() throws {
    let matcher = try LabelMatcher(.regex, name: "__name__", value: "exact.*")
    let gone = Set(try block.index.select([matcher]))
    #expect(!gone.isEmpty)
    let written = try rewritten { $0.deletions = [[matcher]] }
    let wanted = try block.dumped().filter { !$0.labels.hasPrefix("exact") && !$0.labels.contains("\"exact") }
    #expect(try written.dumped() == wanted)
    #expect(written.meta.stats.seriesCount == block.meta.stats.seriesCount - UInt64(gone.count))
  }

  @Test func aPartOfTheTimeKeepsItsSamples() throws {
    let middle = block.meta.minTimeMs + 1_800_000
    let written = try rewritten { $0.timeRange = TimeRange(minTimeMs: middle, maxTimeMs: middle + 600_000) }
    let wanted = try block.dumped(timeRange: TimeRange(minTimeMs: middle, maxTimeMs: middle + 600_000))
      .filter { !$0.times.isEmpty }
    #expect(try written.dumped() == wanted)
    #expect(written.meta.minTimeMs == middle)
    #expect(written.meta.maxTimeExclusiveMs == middle + 600_001)
  }

  @Test func relabelledSeriesAreInTheirNewOrder() throws {
    let rules = [try RelabelRule(targetLabel: "A", replacement: "first")]
    let written = try rewritten { $0.relabel = { rules.apply(to: $0) } }
    let wanted = try block.dumped()
    let found = try written.dumped()
    #expect(found.count == wanted.count)
    #expect(found.allSatisfy { $0.labels.contains("A=\"first\"") })
    #expect(found.map(\.valueBits.count).sorted() == wanted.map(\.valueBits.count).sorted())
  }

  /// All series get one name: their samples become one series, each time once.
  @Test func seriesOfEqualLabelsBecomeOne() throws {
    let histograms = try Block.open(path: try Fixtures.block("prometheus/block-tombstones"))
    var changes = BlockRewriting.Changes()
    changes.relabel = { _ in Labels([(name: "__name__", value: "one")]) }
    let result = try #require(try BlockRewriting(histograms, changes).write(to: folder.path))
    let found = try Block.open(path: result.path).dumped()
    #expect(found.count == 1)
    #expect(found.first?.times == Set(try histograms.dumped().flatMap(\.times)).sorted())
  }

  @Test func nothingLeftIsNoBlock() throws {
    var changes = BlockRewriting.Changes()
    changes.deletions = [[try LabelMatcher(.notEqual, name: "__name__", value: "nothing")]]
    #expect(try BlockRewriting(block, changes).write(to: folder.path) == nil)
    changes.deletions = []
    changes.relabel = { _ in nil }
    #expect(try BlockRewriting(block, changes).write(to: folder.path) == nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  /// `meta.json` of a block of Thanos says what was done to it.
  @Test func metaTellsOfTheRewriting() throws {
    let sidecar = try Block.open(path: try Fixtures.block("thanos/live-sidecar"))
    var changes = BlockRewriting.Changes()
    changes.timeRange = TimeRange(minTimeMs: sidecar.meta.minTimeMs, maxTimeMs: sidecar.meta.maxTimeExclusiveMs - 1)
    let result = try #require(try BlockRewriting(sidecar, changes).write(to: folder.path))
    let thanos = try #require(result.meta.thanos)
    #expect(thanos.source == "bucket.rewrite")
    #expect(thanos.rewrites.last?.sources == sidecar.meta.compaction.sources)
    #expect(thanos.labels == sidecar.meta.thanos?.labels)
  }
}
