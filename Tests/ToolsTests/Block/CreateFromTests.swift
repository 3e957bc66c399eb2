// Blocks out of text, looked at through their own dumps.
import Foundation
import Storage
import TSModel
import TestSupport
import Testing

@testable import Tools

/// A block's dump, line by line.
private func dump(_ path: String) throws -> [String] {
  let folder = try TemporaryFolder("dump")
  let file = folder.file("out")
  let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
  defer { close(descriptor) }
  let block = try Block.open(path: path)
  let writer = JSONLinesDump(
    output: OutputStream(descriptor: descriptor, name: file), timeRange: .all, tombstones: block.tombstones)
  try SeriesChoice().forEachBatch(of: block) { try writer.write($0, name: path) }
  try writer.finish()
  return try textLines(file)
}

/// Labels and samples of a dumped line.
private func withoutChunks(_ line: String) -> String {
  line.components(separatedBy: ",\"chunks\":").first ?? line
}

private func importText(_ text: String, samplesMax: Int = 1000, duration: Int64 = 7_200_000) throws -> [String] {
  let folder = try TemporaryFolder("create")
  let file = folder.file("text")
  try writeFile(file, Array(text.utf8))
  var work = OpenMetricsImport(folder: folder.path, blockDurationMsMax: duration, samplesMax: samplesMax)
  var lines: [String] = []
  try work.run(path: file) { result in
    lines.append("block")
    lines += try dump(result.blockPath).map(withoutChunks)
  }
  return lines
}

private func refusal(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return "nothing was refused"
}

@Test func samplesInAnyOrderBecomeBlocksInOrder() throws {
  let text = """
    # TYPE b gauge
    b{x="2"} 5 7200
    a 1 7199.999
    b{x="1"} 4 -0.001
    a 2 0
    a 3 14400.5
    a 2 0
    b{x="2"} NaN 7201
    # EOF

    """
  let wanted = [
    "block", #"{"labels":{"__name__":"b","x":"1"},"samples":[[-1,"4"]]"#, "block",
    #"{"labels":{"__name__":"a"},"samples":[[0,"2"],[7199999,"1"]]"#, "block",
    #"{"labels":{"__name__":"b","x":"2"},"samples":[[7200000,"5"],[7201000,"0x7ff8000000000001"]]"#, "block",
    #"{"labels":{"__name__":"a"},"samples":[[14400500,"3"]]"#,
  ]
  // However much is held before it is written out.
  for samplesMax in [1, 2, 3, 1000] { #expect(try importText(text, samplesMax: samplesMax) == wanted) }
  #expect(try importText(text, duration: 21_600_000).filter { $0 == "block" }.count == 2)
}

@Test func whatCannotBecomeABlockIsRefusedWithItsLine() {
  #expect(refusal { _ = try importText("a 1 1\n") }.hasSuffix("text:1: # EOF is missing: the text was cut short"))
  #expect(refusal { _ = try importText("a 1 1\n# EOF\n\n") }.hasSuffix("text:3: text after # EOF"))
  #expect(refusal { _ = try importText("a 1 1\nb x 2\n# EOF\n") }.hasSuffix("text:2: invalid value \"x\""))
  #expect(refusal { _ = try importText("a 1 1\na 2 1\n# EOF\n") }.contains("series a has two values at 1000 ms"))
  #expect(refusal { _ = try importText("a 1 1") }.hasSuffix("text:1: the line does not end: the text was cut short"))
}

@Test func dumpsAreReadBack() throws {
  for name in ["prometheus/block-floats", "prometheus/block-histograms"] {
    let original = try dump(try Fixtures.block(name))
    let folder = try TemporaryFolder("back")
    let file = folder.file("dump")
    // Lines in another order are brought back into order.
    try writeFile(file, Array(original.reversed().joined(separator: "\n").utf8))
    let result = try #require(try DumpImport.run(path: file, name: "dump", folder: folder.path))
    #expect(try dump(result.blockPath) == original)
  }
}

@Test(.needsShared) func aDownsampledBlocksDumpBecomesADownsampledBlock() throws {
  let block = try Fixtures.folder("thanos/blocks/bucket-downsampled/bucket") + "/01M81WKX3NAGYF9V6XT7FTC765"
  let original = try dump(block)
  let folder = try TemporaryFolder("aggregates")
  let file = folder.file("dump")
  try writeFile(file, Array(original.joined(separator: "\n").utf8))
  let result = try #require(try DumpImport.run(path: file, name: "dump", folder: folder.path))
  #expect(try dump(result.blockPath) == original)
  #expect(try Block.open(path: result.blockPath).meta.thanos?.resolutionMs == 3_600_000)
}

@Test func withoutAListOfChunksTheyAreCutAsInAHead() throws {
  let original = try dump(try Fixtures.block("prometheus/block-floats"))
  let folder = try TemporaryFolder("cut")
  let file = folder.file("dump")
  try writeFile(file, Array(original.map { withoutChunks($0) + "}" }.joined(separator: "\n").utf8))
  let result = try #require(try DumpImport.run(path: file, name: "dump", folder: folder.path))
  #expect(try dump(result.blockPath) == original)
}

@Test func brokenDumpsAreRefusedWithTheirLine() throws {
  let folder = try TemporaryFolder("broken")
  let file = folder.file("dump")
  func refused(_ text: String) throws -> String {
    try writeFile(file, Array(text.utf8))
    return refusal { _ = try DumpImport.run(path: file, name: "dump", folder: folder.path) }
  }
  let good = #"{"labels":{"a":"b"},"samples":[[1,"2"]]}"#
  #expect(try refused(good + "\n" + good).hasPrefix("dump:2: series {a=\"b\"} again; it is on line 1, too"))
  #expect(try refused(#"{"labels":{"a":"b"},"samples":[[1,"x"]]}"#) == "dump:1: column 36: expected a number")
  #expect(try refused(#"{"samples":[]}"#) == "dump:1: a series without \"labels\"")
  #expect(
    try refused(#"{"labels":{"a":"b"},"samples":[[2,"1"],[1,"1"]]}"#).hasPrefix("dump:1: append a sample at 1 ms"))
  #expect(try refused(#"{"labels":{"a":"b"},"samples_total":9,"samples":[]}"#).contains("shortened"))
  #expect(Fixtures.blocks(in: folder.path).isEmpty)
}

@Test func noTruncatedAndNoChangedLineTraps() throws {
  let line = Array(
    #"""
    {"labels":{"__name__":"h\u00e4","x":"\ud83d\ude00"},"samples":[[1,{"kind":"float","schema":-53,"zero_threshold":"1e-128","zero_count":"0","count":"3","sum":"0x7ff8000000000001","reset_hint":"gauge","positive_spans":[[0,2]],"positive_buckets":["1","2"],"negative_spans":[],"negative_buckets":[],"custom_values":["0.5"]},{"st":5}]],"chunks":[{"min":1,"max":1,"encoding":"aggr","samples":1,"ref":"8","aggr":{"count":[[1,"2"]]},"aggr_encoding":{"count":"XOR"}}]}
    """#.utf8)
  func attempt(_ bytes: [UInt8]) {
    guard let series = try? DumpedSeries(bytes.span) else { return }
    _ = try? DumpImport.encode(series)
  }
  var random = SplitMix64(seed: 5)
  for length in 0...line.count {
    attempt(Array(line[..<length]))
    for _ in 0..<10 {
      var changed = line
      changed[Int(random.next() % UInt64(line.count))] = UInt8(truncatingIfNeeded: random.next())
      if length > 0 { changed[length - 1] = UInt8(truncatingIfNeeded: random.next()) }
      attempt(changed)
    }
  }
}

@Test func samplesCanBeChosenByTimeAndSelector() throws {
  let path = try Fixtures.block("prometheus/block-floats")
  let block = try Block.open(path: path)
  let choice = try SeriesChoice(
    matching: [#"http_requests_total{code="500"}"#, "last_millisecond"], minTimeMs: 1_748_742_000_000, maxTimeMs: nil)
  var names: [String] = []
  try choice.forEachBatch(of: block) { batch in
    for series in 0..<batch.seriesCount { names.append(batch.labels(at: series)["__name__"] ?? "") }
  }
  #expect(names.count == 13)
  #expect(names.last == "last_millisecond")
  #expect(
    refusal { _ = try SeriesChoice(matching: ["a{"], minTimeMs: nil, maxTimeMs: nil) }.hasPrefix("read selector 'a{': ")
  )
}
