// Damaged blocks through the command line: a clear error or the right data, never a crash, a hang or silently wrong data.
import Foundation
import TestSupport
import Testing

/// Damage that costs nothing.
private let harmless: Set<String> = ["meta-unknown-fields", "tombstones-missing"]

@Suite struct CorruptBlockTests {
  private static func cases() throws -> [String] {
    try textLines(try Fixtures.folder("prometheus/corrupt") + "/cases.jsonl").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let name = object?["case"] as? String else { throw TestSupportError("not a case: \(line)") }
      return name
    }
  }

  /// A copy, with the empty folder that version control does not keep.
  private static func copy(_ name: String, _ scratch: TemporaryFolder) throws -> String {
    let block = try scratch.copy(try Fixtures.folder("prometheus/corrupt") + "/" + name)
    if name != "chunks-dir-missing" {
      try FileManager.default.createDirectory(atPath: block + "/chunks", withIntermediateDirectories: true)
    }
    return block
  }

  @Test func everyDamageIsReportedAndNoneCrashes() throws {
    let folder = try Fixtures.folder("prometheus/corrupt")
    let scratch = try TemporaryFolder("corrupt")
    let good = try textLines(folder + "/good/dump.jsonl").map { try DumpedSeries($0) }
    let cases = try Self.cases()
    #expect(cases.count == 59)
    var (harmlessSeen, refused, partly) = (0, 0, 0)
    for name in cases {
      let block = try Self.copy(name, scratch)
      let verified = try BuiltProgram.run(["tools", "block", "verify", block], timeLimitSeconds: 20)
      let text = verified.outputText + verified.errorText
      #expect(
        verified.exitCode == (harmless.contains(name) ? 0 : 1),
        "verify \(name) ended with \(verified.exitCode): \(text)")
      if !harmless.contains(name) { #expect(text.count > 20, "verify \(name) says nothing of use: \(text)") }

      let dumped = try BuiltProgram.run(["tools", "block", "dump", block], timeLimitSeconds: 20)
      #expect(dumped.exitCode <= 1, "dump of \(name) ended with \(dumped.exitCode): \(dumped.errorText)")
      // What is printed is whole series of the good block, or nothing; where the exit code is 0, all of them.
      let got = try dumped.outputText.split(separator: "\n").map { try DumpedSeries(String($0)) }
      if dumped.exitCode == 0 {
        #expect(harmless.contains(name), "dump of \(name) did not notice the damage")
        #expect(got.map(\.labels) == good.map(\.labels), "dump of \(name): other series")
        #expect(
          name == "tombstones-missing" || got.map(\.samples) == good.map(\.samples), "dump of \(name): other samples")
        harmlessSeen += 1
      } else {
        #expect(
          dumped.errorText.contains("error") || dumped.errorText.count > 20, "dump of \(name): \(dumped.errorText)")
        #expect(got.count < good.count || name.hasPrefix("chunk"), "dump of \(name) printed all series and failed")
        if got.isEmpty { refused += 1 } else { partly += 1 }
      }
    }
    say(
      "of \(cases.count) damaged blocks \(harmlessSeen) equal the good one, \(refused) are refused, \(partly) give what is whole"
    )
  }

  @Test func aBrokenBlockAmongGoodOnesCostsOnlyItself() throws {
    let scratch = try TemporaryFolder("among")
    let good = try Fixtures.folder("prometheus/corrupt") + "/good/block"
    let floats = try Fixtures.block("prometheus/block-floats")
    let bad = try Self.copy("chunk-bad-crc", scratch)
    let result = try BuiltProgram.run(["tools", "block", "verify", good, bad, floats])
    #expect(result.exitCode == 1)
    let text = result.outputText + result.errorText
    #expect(text.contains("chunks/000001"), "the damaged file is not named: \(text)")
    for block in [good, floats] {
      let alone = try BuiltProgram.run(["tools", "block", "verify", block])
      #expect(alone.exitCode == 0, "\(alone.outputText)\(alone.errorText)")
    }
  }

  @Test func whatIsNoBlockIsSaidClearly() throws {
    let scratch = try TemporaryFolder("noblock")
    let empty = scratch.file("empty")
    try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
    for (path, words) in [
      (scratch.file("absent"), ["absent", "no such"]), (empty, ["empty", "block"]),
      (Fixtures.repository + "/README.md", ["README.md", "block"]),
    ] {
      for verb in ["dump", "verify", "stats"] {
        let result = try BuiltProgram.run(["tools", "block", verb, path])
        let text = (result.outputText + result.errorText).lowercased()
        #expect(result.exitCode == 1, "\(verb) \(path) ended with \(result.exitCode): \(text)")
        for word in words { #expect(text.contains(word.lowercased()), "\(verb) \(path) does not say \(word): \(text)") }
      }
    }
  }
}
