// Every recorded block is read as its producer read it: series, samples and chunks.
import Foundation
import TestSupport
import Testing

@Suite struct DumpTests {
  @Test(.needsShared) func everyRecordedBlockDumpsAsRecorded() throws {
    let blocks = try RecordedBlocks.inRepository() + RecordedBlocks.inShared()
    #expect(blocks.count >= 80)
    let scratch = try TemporaryFolder("dump")
    let (tally, failures) = concurrently(Array(blocks.indices), names: blocks.map(\.name)) { index in
      let recorded = blocks[index]
      var block = recorded.block
      if recorded.ignoresTombstones {
        block = try scratch.copy(block, as: "block-\(index)")
        try FileManager.default.removeItem(atPath: block + "/tombstones")
      }
      let got = scratch.file("\(index).jsonl")
      try dumpBlock(block, to: got)
      defer { try? FileManager.default.removeItem(atPath: got) }
      return try diffDump(got, recorded.dump, Self.options(for: recorded))
    }
    for failure in failures { Issue.record("\(failure)") }
    say("dumps compared with their recordings: \(tally)")
    #expect(tally.blocks == blocks.count)
    #expect(tally.samples > 1_000_000 && tally.chunks > 10_000)
  }

  /// Reset hints count where the recording is a reader's own; the compactor's results carry those of another merge.
  private static func options(for recorded: RecordedBlock) -> [String] {
    recorded.name.hasPrefix("prometheus/block-") && recorded.hasAllSamples ? ["--reset-hints"] : []
  }

  /// On a machine without the collection: the copies in fixtures/, compared by their own JSON.
  @Test func blocksOfTheRepositoryDumpAsRecorded() throws {
    let scratch = try TemporaryFolder("dump")
    var series = 0
    for (index, recorded) in try RecordedBlocks.inRepository().enumerated() {
      var block = recorded.block
      if recorded.ignoresTombstones {
        block = try scratch.copy(block, as: "block-\(index)")
        try FileManager.default.removeItem(atPath: block + "/tombstones")
      }
      let path = scratch.file("got.jsonl")
      try dumpBlock(block, to: path)
      let got = try textLines(path)
      let want = try textLines(recorded.dump)
      #expect(got.count == want.count, "\(recorded.name): \(got.count) series, recorded \(want.count)")
      for (mine, theirs) in zip(got, want) {
        let (mine, theirs) = (try DumpedSeries(mine), try DumpedSeries(theirs))
        #expect(mine.labels == theirs.labels, "\(recorded.name): another series than recorded")
        if recorded.hasAllSamples {
          #expect(mine.samples == theirs.samples, "\(recorded.name): samples of \(theirs.labels) differ")
        }
        #expect(mine.chunkCount == theirs.chunkCount, "\(recorded.name): chunks of \(theirs.labels) differ")
        series += 1
      }
    }
    say("dumps of the repository's fixtures: \(series) series as recorded")
    #expect(series > 400)
  }
}

/// One line of a dump, with what makes two texts of the same thing differ taken out.
struct DumpedSeries {
  let labels: [String: String]
  /// `[t, value]`, a histogram as its sorted fields.
  let samples: [String]
  let chunkCount: Int

  init(_ line: String) throws {
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    guard let object, let labels = object["labels"] as? [String: String] else {
      throw TestSupportError("not a line of a dump: \(line.prefix(200))")
    }
    self.labels = labels
    samples = (object["samples"] as? [[Any]] ?? []).map { sample in
      sample.map(Self.text).joined(separator: " ")
    }
    chunkCount = (object["chunks"] as? [Any])?.count ?? 0
  }

  private static func text(_ value: Any) -> String {
    guard let fields = value as? [String: Any] else { return "\(value)" }
    return fields.sorted { $0.key < $1.key }.compactMap { key, value in
      if let list = value as? [Any] { return list.isEmpty ? nil : "\(key)=\(list)" }
      return "\(key)=\(value)"
    }.joined(separator: ",")
  }
}
