// The blocks whose content another program wrote down, and how a dump of ours is compared with that.
import Foundation
import Locking
import Synchronization
import TestSupport
import Testing

/// A block and the dump that its producer made of it.
struct RecordedBlock: Sendable {
  /// Short name for messages.
  let name: String
  /// The block's folder.
  let block: String
  /// The recorded dump, `.jsonl` or `.jsonl.gz`.
  let dump: String
  /// Whether the recording is of the block without its tombstones file.
  var ignoresTombstones = false
  /// Whether the dump has whole samples (some recordings hold digests, or aggregates only).
  var hasAllSamples = true
}

enum RecordedBlocks {
  /// Those that come with the repository.
  static func inRepository() throws -> [RecordedBlock] {
    func block(_ name: String) throws -> RecordedBlock {
      RecordedBlock(
        name: name, block: try Fixtures.block(name), dump: try Fixtures.folder(name) + "/dump.jsonl.gz",
        hasAllSamples: name != "thanos/downsampled-1h")
    }
    let tombstones = try Fixtures.block("prometheus/block-tombstones")
    let corrupt = try Fixtures.folder("prometheus/corrupt")
    let recordings = try Fixtures.folder("prometheus/block-tombstones")
    return try [
      "prometheus/block-floats", "prometheus/block-histograms", "prometheus/block-multisegment",
      "prometheus/block-newchunks/xor2-no-st", "prometheus/block-newchunks/xor2-st", "thanos/downsampled-1h",
      "thanos/live-sidecar",
    ].map(block) + [
      RecordedBlock(
        name: "prometheus/block-tombstones", block: tombstones, dump: recordings + "/dump-with-tombstones.jsonl.gz"),
      RecordedBlock(
        name: "prometheus/block-tombstones without", block: tombstones,
        dump: recordings + "/dump-without-tombstones.jsonl.gz", ignoresTombstones: true),
      RecordedBlock(
        name: "prometheus/corrupt/good", block: corrupt + "/good/block", dump: corrupt + "/good/dump.jsonl"),
    ]
  }

  /// Those of the shared collection that the repository has no copy of: every folder of it that has dumps.
  static func inShared() throws -> [RecordedBlock] {
    let shared = try #require(Fixtures.shared) + "/fixtures"
    let prometheus = shared + "/prometheus"
    var blocks = [
      RecordedBlock(
        name: "prometheus/index-v1", block: prometheus + "/index-v1/block",
        dump: prometheus + "/index-v1/dump.jsonl.gz"),
      RecordedBlock(
        name: "prometheus/block-manyseries", block: try Fixtures.block("prometheus/block-manyseries"),
        dump: prometheus + "/block-manyseries/series.jsonl.gz", hasAllSamples: false),
    ]
    let overlapping = prometheus + "/overlapping"
    for dump in try names(in: overlapping + "/dumps") {
      // <folder>-<ULID>.jsonl.gz
      let stem = dump.prefix { $0 != "." }
      let (folder, ulid) = (stem.dropLast(27), stem.suffix(26))
      blocks.append(
        RecordedBlock(
          name: "prometheus/overlapping/\(stem)", block: "\(overlapping)/\(folder)/\(ulid)",
          dump: overlapping + "/dumps/" + dump))
    }
    let thanos = shared + "/thanos/blocks"
    let walk = FileManager.default.enumerator(atPath: thanos)
    var folders: [String] = []
    while let path = walk?.nextObject() as? String {
      if path.hasSuffix("/dumps") { folders.append(path) }
    }
    for folder in folders.sorted() {
      let parent = thanos + "/" + folder.dropLast("/dumps".count)
      for dump in try names(in: thanos + "/" + folder) {
        let ulid = dump.prefix { $0 != "." }
        let block = [parent + "/bucket/" + ulid, parent + "/" + ulid].first {
          FileManager.default.fileExists(atPath: $0 + "/index")
        }
        blocks.append(
          RecordedBlock(
            name: "thanos/\(folder.dropLast("/dumps".count))/\(ulid)",
            block: try #require(block, "no block beside \(folder)/\(dump)"), dump: thanos + "/" + folder + "/" + dump,
            hasAllSamples: !dump.contains("digest") && !folder.hasPrefix("bucket-downsampled")))
      }
    }
    return blocks
  }

  private static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
  }
}

/// How much was compared, over many blocks.
struct Tally: Sendable, CustomStringConvertible {
  var blocks = 0
  var series = 0
  var samples = 0
  var chunks = 0
  var description: String { "\(blocks) blocks, \(series) series, \(samples) samples and \(chunks) chunks" }

  static func += (sum: inout Tally, other: Tally) {
    sum.blocks += other.blocks
    sum.series += other.series
    sum.samples += other.samples
    sum.chunks += other.chunks
  }
}

/// Compares two dumps with the collection's own tool. Throws what it printed where they differ.
func diffDump(_ got: String, _ want: String, _ options: [String] = []) throws -> Tally {
  let tool = try #require(Fixtures.shared) + "/tools/diff-dump"
  let result = try runProcess("/usr/bin/env", ["python3", tool, got, want, "--show", "5"] + options)
  // N passed, N failed (N samples, N chunks compared)
  let last = result.outputText.split(separator: "\n").last.map(String.init) ?? ""
  let numbers = last.split { !$0.isNumber }.compactMap { Int($0) }
  guard result.exitCode == 0, numbers.count == 4 else {
    throw TestSupportError("\(result.outputText.prefix(3000))\(result.errorText.prefix(2000))")
  }
  return Tally(blocks: 1, series: numbers[0], samples: numbers[2], chunks: numbers[3])
}

/// Writes `apus tools block dump` of `block` into `path`.
func dumpBlock(_ block: String, to path: String, _ options: [String] = []) throws {
  let result = try BuiltProgram.run(["tools", "block", "dump"] + options + [block], outputPath: path)
  guard result.exitCode == 0 else {
    throw TestSupportError("dump of \(block) ended with \(result.exitCode): \(result.errorText)")
  }
}

/// Runs `body` over all `items`, as many at a time as there are cores; returns the sum and what went wrong with which.
func concurrently<Item: Sendable>(
  _ items: [Item], names: [String], _ body: @Sendable (Item) throws -> Tally
) -> (tally: Tally, failures: [String]) {
  let results = Guarded<(tally: Tally, failures: [String])>((Tally(), []))
  DispatchQueue.concurrentPerform(iterations: items.count) { index in
    do {
      let tally = try body(items[index])
      results.withLock { $0.tally += tally }
    } catch {
      results.withLock { $0.failures.append("\(names[index]): \(error)") }
    }
  }
  return results.withLock { $0 }
}
