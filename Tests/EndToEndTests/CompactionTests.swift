// Blocks that the tools made of others, read by promtool: what it prints of the new block is what it prints of the old ones.
import Foundation
import TestSupport
import Testing

@Suite struct CompactionTests {
  /// The lines that `promtool tsdb dump` prints of a data folder with these blocks, sorted.
  private func dumped(_ blocks: [String], _ scratch: TemporaryFolder, _ name: String) throws -> [String] {
    let folder = scratch.file(name)
    try FileManager.default.createDirectory(atPath: folder + "/wal", withIntermediateDirectories: true)
    for block in blocks { try scratch.copy(block, as: name + "/" + URL(fileURLWithPath: block).lastPathComponent) }
    let result = try runProcess(try Peers.require("promtool"), ["tsdb", "dump", folder])
    #expect(result.exitCode == 0, "\(result.errorText)")
    return result.outputText.split(separator: "\n").map(String.init).sorted()
  }

  private func made(_ arguments: [String], _ scratch: TemporaryFolder) throws -> String {
    let folder = scratch.file("made-\(arguments.count)-\(arguments[0])")
    let result = try BuiltProgram.run(["tools", "block"] + arguments + ["-o", folder])
    #expect(result.exitCode == 0, "\(result.errorText)")
    let verified = try BuiltProgram.run(["tools", "block", "verify"] + Fixtures.blocks(in: folder))
    #expect(verified.exitCode == 0, "\(verified.outputText)")
    return try #require(Fixtures.blocks(in: folder).first)
  }

  @Test(.needsPeers("promtool")) func promtoolReadsMergedBlocksAsTheirInputs() throws {
    let scratch = try TemporaryFolder("compaction")
    let inputs = Fixtures.blocks(in: try Fixtures.folder("prometheus/overlapping/input"))
    // Two values at one time: either is right, so times are compared here; which is kept the Storage tests compare.
    func times(_ lines: [String]) -> [String] {
      lines.map { line in
        let words = line.split(separator: " ")
        return words.dropLast(2).joined(separator: " ") + " " + (words.last ?? "")
      }.filter { !$0.contains("count:") && !$0.contains("NaN") }
    }
    let merged = try dumped([try made(["compact"] + inputs, scratch)], scratch, "merged")
    let wanted = try dumped(inputs, scratch, "inputs")
    #expect(!merged.isEmpty)
    #expect(Set(times(merged)) == Set(times(wanted)))
    #expect(merged.count == wanted.count)
  }

  @Test(.needsPeers("promtool")) func promtoolReadsARewrittenBlockWithoutWhatWasDeleted() throws {
    let scratch = try TemporaryFolder("rewritten")
    let block = try Fixtures.block("prometheus/block-floats")
    let written = try made(["rewrite", "--delete={__name__=~\"exact.*\"}", block], scratch)
    let lines = try dumped([written], scratch, "rewritten")
    #expect(lines == (try dumped([block], scratch, "original")).filter { !$0.contains("__name__=\"exact") })
    #expect(!lines.isEmpty)
  }
}
