// A writer that is killed at any moment leaves nothing that is taken for a block.
import Foundation
import TestSupport
import Testing

@Suite struct KilledWriterTests {
  @Test func aKilledWriterLeavesNoHalfBlock() throws {
    let scratch = try TemporaryFolder("kill")
    let dump = scratch.file("input.jsonl")
    try writeFile(dump, try gunzip(try Fixtures.folder("prometheus/block-floats") + "/dump.jsonl.gz"))
    try expectNoHalfBlocks(["create-from", "jsonl", dump], rounds: isLongTier ? 100 : 15, scratch)
  }

  /// Whoever makes one block of others is killed: the others are whole, and nothing half-made is taken for a result.
  @Test(arguments: ["compact", "downsample", "rewrite"])
  func aKilledTransformationLeavesItsInputAndNoHalfBlock(kind: String) throws {
    let scratch = try TemporaryFolder("kill-" + kind)
    let inputs = try Fixtures.blocks(in: Fixtures.folder("prometheus/overlapping/input"))
    let single = try Fixtures.block("prometheus/block-multisegment")
    let before = try inputs.map { try checksums($0) } + [try checksums(single)]
    let arguments =
      switch kind {
      case "compact": ["compact"] + inputs
      case "downsample": ["downsample", "--resolution=5m", single]
      default: ["rewrite", "--max-time=1748738000000", single]
      }
    try expectNoHalfBlocks(arguments, rounds: isLongTier ? 200 : 5, scratch)
    #expect(try inputs.map { try checksums($0) } + [try checksums(single)] == before)
  }

  /// The files of a block with their bytes' checksums.
  private func checksums(_ block: String) throws -> [String] {
    let files = FileManager.default.enumerator(atPath: block)?.compactMap { $0 as? String }.sorted() ?? []
    return try files.map { name in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: block + "/" + name, isDirectory: &isFolder)
      return isFolder.boolValue ? name : "\(name) \(try readFile(block + "/" + name).hashValue)"
    }
  }

  /// Runs `apus tools block` with these arguments and an output folder, and kills it, again and again.
  private func expectNoHalfBlocks(_ words: [String], rounds: Int, _ scratch: TemporaryFolder) throws {
    let arguments = ["tools", "block"] + words + ["-o"]

    // How long it takes when nobody interferes.
    let undisturbed = scratch.file("undisturbed")
    try FileManager.default.createDirectory(atPath: undisturbed, withIntermediateDirectories: true)
    let start = DispatchTime.now().uptimeNanoseconds
    let whole = try BuiltProgram.run(arguments + [undisturbed])
    #expect(whole.exitCode == 0, "\(whole.errorText)")
    var usualNs = DispatchTime.now().uptimeNanoseconds - start
    let usualBlocks = Fixtures.blocks(in: undisturbed).count
    #expect(usualBlocks >= 1)

    var random = SplitMix64(seed: 9)
    var (killed, finished) = (0, 0)
    // How long it takes depends on what else runs, and this process may be woken late: a run that ended before tells how long to wait at
    // most, and the next one is waited for less.
    var patience = 1.0
    for round in 0..<12 * rounds where killed < rounds {
      let folder = scratch.file("round-\(round)")
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let begin = DispatchTime.now().uptimeNanoseconds
      let writer = try RunningProcess(BuiltProgram.apus, arguments + [folder])
      // The second half is where files are written and renamed: look there more often.
      let share = random.unit() < 0.3 ? random.unit() : 0.5 + 0.55 * random.unit()
      if writer.wait(timeLimitSeconds: Double(usualNs) / 1e9 * share * patience) == nil {
        writer.kill(SIGKILL)
        killed += 1
        patience = min(1, patience * 1.5)
      } else {
        finished += 1
        patience *= 0.6
        usualNs = min(usualNs, DispatchTime.now().uptimeNanoseconds - begin)
      }
      for block in Fixtures.blocks(in: folder) {
        let verified = try BuiltProgram.run(["tools", "block", "verify", block])
        #expect(
          verified.exitCode == 0, "round \(round): a half block was left: \(verified.outputText)\(verified.errorText)")
      }
      // What is left does not stand in the way of the next try.
      if round % 5 == 0 {
        let again = try BuiltProgram.run(arguments + [folder])
        #expect(again.exitCode == 0, "round \(round): \(again.errorText)")
      }
      try FileManager.default.removeItem(atPath: folder)
    }
    say("writer killed \(killed) times, finished before \(finished) times, no half block")
    #expect(killed == rounds)
  }
}
