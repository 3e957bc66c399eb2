// The bucket tools against what Thanos' own printed, and what an upload leaves.
import BucketBlocks
import ComponentSupport
import Foundation
import ObjectStore
import Observability
import Storage
import TSModel
import TestSupport
import Testing

@testable import Tools

/// What a recorded run of a bucket tool printed.
private struct Recording: Decodable {
  var name: String
  var stdout: String?

  static func output(_ name: String) throws -> String {
    let path = try Fixtures.folder("thanos/captures/tools") + "/results.jsonl"
    for line in try textLines(path) {
      let recording = try JSONDecoder().decode(Recording.self, from: Data(line.utf8))
      if recording.name == name { return recording.stdout ?? "" }
    }
    throw TestSupportError("no recording \(name)")
  }
}

/// The meta that a line of recorded tab-separated output tells of.
private func meta(ofLine line: Substring) throws -> BlockMeta {
  let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
  func count(_ field: String) -> UInt64 { UInt64(field.replacing(",", with: "")) ?? 0 }
  var meta = BlockMeta(
    ulid: try #require(ULID(fields[0])), minTimeMs: try #require(TimestampText.ms(fields[1])),
    maxTimeExclusiveMs: try #require(TimestampText.ms(fields[2])))
  meta.stats.seriesCount = count(fields[5])
  meta.stats.sampleCount = count(fields[6])
  meta.stats.chunkCount = count(fields[7])
  meta.compaction.level = Int(fields[8]) ?? 0
  meta.thanos = ThanosMeta()
  meta.thanos?.labels = try LabelFlags.parse(
    fields[10].split(separator: ",").map { $0.replacing("=", with: "=\"") + "\"" })
  meta.thanos?.source = fields[12]
  return meta
}

private func rows(of metas: some Sequence<BlockMeta>, by names: [String] = ["FROM", "UNTIL"]) -> [[String]] {
  var rows = metas.map(InspectCommand.cells)
  InspectCommand.sort(&rows, by: names)
  return [InspectCommand.columns] + rows.map { $0.map(\.text) }
}

@Suite struct BucketToolTests {
  @Test(.needsShared) func inspectPrintsTablesAsRecorded() throws {
    let tsv = try Recording.output("inspect-tsv")
    let metas = try tsv.split(separator: "\n").dropFirst().map(meta(ofLine:))
    #expect(metas.count == 25)
    let rows = rows(of: metas.shuffled())
    #expect(InspectCommand.separated(rows, by: "\t") == tsv)
    #expect(InspectCommand.separated(rows, by: ",") == (try Recording.output("inspect-csv")))
    #expect(InspectCommand.table(rows) == (try Recording.output("inspect-table")))
  }

  @Test(.needsShared, arguments: [("inspect-raw", "bucket-raw"), ("inspect-down", "bucket-downsampled")])
  func inspectOfRecordedBucketsIsAsRecorded(_ recording: String, _ name: String) async throws {
    let bucket = FolderBucket(path: try Fixtures.folder("thanos/blocks/\(name)") + "/bucket")
    let view = try await BlockFetcher(bucket: bucket).fetch()
    let printed = InspectCommand.separated(rows(of: view.blocks), by: ",").split(separator: "\n")
    let recorded = try Recording.output(recording).split(separator: "\n")
    // Of the downsampled bucket not every block was kept.
    #expect(printed.count >= 3 && Set(printed).isSubset(of: recorded))
    #expect(printed == recorded.filter(Set(printed).contains))
  }

  @Test(.needsShared) func listPrintsAsRecorded() throws {
    let metas = try Recording.output("inspect-tsv").split(separator: "\n").dropFirst().map(meta(ofLine:))
    let wide = try Recording.output("ls-wide").split(separator: "\n").map(String.init)
    #expect(Set(metas.map(ListCommand.wide)) == Set(wide))
    // The recording of the JSON form is cut; its first block is whole.
    let json = try Recording.output("ls-json")
    let first = try #require(json.range(of: "\n}\n")).upperBound
    let text = String(json[..<first])
    #expect(String(decoding: try BlockMeta(json: Array(text.utf8)).thanosJSON(), as: UTF8.self) == text)
  }

  @Test func columnsAreSortedAsWhatTheyShow() throws {
    var metas: [BlockMeta] = []
    for (number, (hours, samples)) in [(2, 1000), (10, 900), (48, 20), (300, 5)].enumerated() {
      var meta = BlockMeta(
        ulid: ULID(timeMs: Int64(number), randomBytes: []), minTimeMs: 0, maxTimeExclusiveMs: Int64(hours) * 3_600_000)
      meta.stats.sampleCount = UInt64(samples)
      metas.append(meta)
    }
    func order(_ names: String...) -> [Int64] {
      rows(of: metas, by: names).dropFirst().compactMap { ULID($0[0])?.timeMs }
    }
    #expect(order("RANGE") == [0, 1, 2, 3])
    #expect(order("#SAMPLES") == [3, 2, 1, 0])
    #expect(order("UNTIL-DOWN") == [3, 2, 1, 0])
    #expect(order("COMP-LEVEL", "UNTIL") == [0, 1, 2, 3])
  }

  @Test func fieldsAreQuotedAsGoDoes() {
    let lines = [["a", "b,c", "d\"e", " f", "", "g h", "\\.", "i\tj"]]
    #expect(InspectCommand.separated(lines, by: ",") == "a,\"b,c\",\"d\"\"e\",\" f\",,g h,\"\\.\",i\tj\n")
    #expect(InspectCommand.separated(lines, by: "\t").hasSuffix("\"i\tj\"\n"))
  }

  @Test func labelsOfFlagsAreReadOrRefused() throws {
    let labels = try LabelFlags.parse([#"a="b""#, #"c="x\"\n\u00fc\x41""#, "d=`raw\\n`", #"a="last""#])
    #expect(labels.map(\.name) == ["c", "d", "a"])
    #expect(labels.map(\.value) == ["x\"\nüA", "raw\\n", "last"])
    for (text, reason) in [
      ("bad", "unrecognized label \"bad\""), ("a=b", "unquote label value: invalid syntax"),
      ("1a=\"b\"", "unsupported format for label 1a=\"b\""), ("=\"b\"", "unsupported format for label =\"b\""),
      ("a=\"", "unquote label value: invalid syntax"), (#"a="\q""#, "unquote label value: invalid syntax"),
      (#"a="\x+1""#, "unquote label value: invalid syntax"), (#"a="\xff""#, "unquote label value: invalid syntax"),
    ] {
      do {
        _ = try LabelFlags.parse([text])
        Issue.record("\(text) was taken")
      } catch { #expect("\(error)" == reason) }
    }
  }

  @Test func durationsAreWrittenAsGoDoes() {
    #expect(
      [0, 1, 999, 1000, 1500, 60_000, 7_200_000, -1_065_600_000, 3_601_010].map { GoDuration.text(ms: $0) } == [
        "0s", "1ms", "999ms", "1s", "1.5s", "1m0s", "2h0m0s", "-296h0m0s", "1h0m1.01s",
      ])
  }

  @Test func blocksAreUploadedOnceAndBadOnesDoNotStopOthers() async throws {
    let folder = try TemporaryFolder("upload")
    let good = try folder.copy(try Fixtures.block("prometheus/block-floats"))
    let id = try #require(ULID(String(good.suffix(26))))
    func copy(_ number: Int64, _ change: (inout BlockMeta) -> Void) throws -> String {
      let copied = ULID(timeMs: number, randomBytes: [])
      let path = try folder.copy(good, as: copied.description)
      var meta = try BlockMeta(json: readFile(path + "/meta.json"))
      meta.ulid = copied
      change(&meta)
      try writeFile(path + "/meta.json", meta.prometheusJSON())
      return path
    }
    _ = try copy(1) { $0.compaction.level = 2 }
    _ = try copy(2) { $0.stats.sampleCount = 0 }
    let damaged = try copy(3) { _ in }
    try writeFile(damaged + "/index", [1, 2, 3])
    try FileManager.default.createDirectory(
      atPath: folder.file(ULID(timeMs: 4, randomBytes: []).description), withIntermediateDirectories: true)

    let bucket = MemoryBucket()
    let options = BlockUploadOptions(source: "bucket.upload", labels: [.init(name: "a", value: "b")])
    func upload(compacted: Bool = false) async throws -> [ULID] {
      try await UploadCommand.upload(folder: folder.path, to: bucket, options: options, compacted: compacted, .none)
    }
    await #expect(throws: StorageError.self, "the damaged one is told of") { _ = try await upload() }
    #expect(try await bucket.entries(prefix: "").map(\.name) == ["\(id)/"])
    #expect(ShipperState(json: try readFile(folder.file("thanos.shipper.json"))) == ShipperState(uploaded: [id]))
    try FileManager.default.removeItem(atPath: damaged)
    #expect(try await upload() == [])
    #expect(try await upload(compacted: true) == [ULID(timeMs: 1, randomBytes: [])])
    try FileManager.default.removeItem(atPath: folder.file("thanos.shipper.json"))
    #expect(try await upload(compacted: true) == [], "what is in the bucket is not uploaded again")
    let view = try await BlockFetcher(bucket: bucket).fetch()
    #expect(view.blocks.count == 2 && view.blocks.allSatisfy { $0.thanos?.externalLabels == ["a": "b"] })
  }
}
