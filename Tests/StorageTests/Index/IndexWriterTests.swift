// Writing an index: the bytes of Prometheus where it wrote the same content, checks, limits, bounded memory.
import Foundation
import Storage
import TSModel
import TestSupport
import Testing

/// Writes everything that `index` holds into a new index at `path`.
func rewrite(_ index: IndexReader, to path: String, memoryLimitBytes: Int = 64 << 20) throws {
  let batch = try IndexFixtureTests.allSeries(index)
  var writer = try IndexWriter(path: path, memoryLimitBytes: memoryLimitBytes)
  for id in 0..<index.symbols.count { try writer.addSymbol(index.symbols.string(UInt32(id))!) }
  for series in 0..<batch.seriesCount {
    let pairs = batch.labelRange(at: series)
    let ids = (2 * pairs.lowerBound..<2 * pairs.upperBound).map { batch.labelIDs[$0] }
    try writer.addSeries(labelIDs: ids, chunks: batch.chunkRange(at: series).map(batch.chunk))
  }
  try writer.finish()
}

@Suite("Writing an index") struct IndexWriterTests {
  static let fixtures = [
    "block-floats", "block-histograms", "block-manyseries", "block-multisegment", "block-newchunks/xor2-no-st",
    "block-newchunks/xor2-st", "block-tombstones", "overlapping/input", "overlapping/compacted-2h",
    "overlapping/compacted-6h", "head/data", "head-st/data",
  ]

  @Test(.needsShared, arguments: fixtures, [64 << 20, 0])
  func contentWrittenAgainGivesTheBytesOfPrometheus(fixture: String, memory: Int) throws {
    let blocks = Fixtures.blocks(in: try Fixtures.folder("prometheus/" + fixture))
    try #require(!blocks.isEmpty)
    for block in blocks {
      let folder = try TemporaryFolder("index-writer")
      let index = try IndexReader(MappedFile(path: block + "/index"))
      // The least memory: groups of 64 KiB, so that large indexes take many passes, and long lists several each.
      let limit = memory != 0 ? memory : 2_250_000 + 17 * index.symbols.count
      try rewrite(index, to: folder.file("index"), memoryLimitBytes: limit)
      let (ours, theirs) = try (readFile(folder.file("index")), readFile(block + "/index"))
      #expect(ours.count == theirs.count)
      let difference = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }
      #expect(difference == nil, "first difference at offset \(difference?.offset ?? 0)")
    }
  }

  /// A writer of five symbols: a, b, c, x, y are 0 to 4.
  static func small(_ folder: TemporaryFolder) throws -> IndexWriter {
    var writer = try IndexWriter(path: folder.file("index"), memoryLimitBytes: 8 << 20)
    for symbol in ["a", "b", "c", "x", "y"] { try writer.addSymbol(symbol) }
    return writer
  }

  @Test func whatTheFormatForbidsIsRefusedWithAReason() throws {
    let folder = try TemporaryFolder("index-writer")
    func refused(_ ids: [UInt32], _ chunks: [ChunkMeta], _ reason: String) throws {
      var writer = try Self.small(folder)
      try writer.addSeries(
        labelIDs: [0, 3, 1, 3], chunks: [ChunkMeta(minTimeMs: 1, maxTimeMs: 5, ref: 8)])
      let error = #expect(throws: StorageError.self) { try writer.addSeries(labelIDs: ids, chunks: chunks) }
      #expect(error?.message.hasSuffix(reason) == true, "\(error?.message ?? "no error"), not \(reason)")
    }
    try refused([], [], "a series without labels")
    try refused([0, 9], [], "a label refers to a symbol that is not there")
    try refused([1, 3, 0, 4], [], "label names are not ascending")
    try refused([0, 4, 0, 4], [], "a label name occurs twice")
    try refused([0, 3, 1, 3], [], "the series is not above its predecessor")
    try refused([0, 3], [], "the series is not above its predecessor")
    let chunk = { ChunkMeta(minTimeMs: $0, maxTimeMs: $1, ref: $2) }
    try refused([0, 4], [chunk(5, 4, 9)], "a chunk ends before it starts")
    try refused([0, 4], [chunk(5, 6, 9), chunk(6, 7, 10)], "a chunk starts before its predecessor ends")
    try refused([0, 4], [chunk(5, 6, 7)], "chunk references descend")
    try refused([0, 4], [chunk(5, 6, 9), chunk(7, 8, 8)], "chunk references descend")
    // Nothing half-made is left, and what the format allows passes.
    #expect(!FileManager.default.fileExists(atPath: folder.file("index")))
    var writer = try Self.small(folder)
    try writer.addSeries(labelIDs: [0, 3], chunks: [chunk(5, 6, 9), chunk(7, 7, 9)])
    try writer.addSeries(labelIDs: [0, 3, 1, 3], chunks: [])
    try writer.finish()
    let index = try IndexReader(MappedFile(path: folder.file("index")))
    #expect(try index.labelNames() == ["a", "b"])
    #expect(try IndexFixtureTests.allSeries(index).labels(at: 1) == Labels([("a", "x"), ("b", "x")]))
  }

  @Test func symbolsOutOfOrderAreRefused() throws {
    let folder = try TemporaryFolder("index-writer")
    for (first, second) in [("b", "a"), ("b", "b"), ("ab", "a")] {
      var writer = try IndexWriter(path: folder.file("index"))
      try writer.addSymbol(first)
      let error = #expect(throws: StorageError.self) { try writer.addSymbol(second) }
      #expect(error?.code == .order)
    }
  }

  @Test func anIndexWithoutSeriesCanBeWrittenAndRead() throws {
    let folder = try TemporaryFolder("index-writer")
    for symbols in [[], ["lonely"]] {
      let path = folder.file("index-\(symbols.count)")
      var writer = try IndexWriter(path: path)
      for symbol in symbols { try writer.addSymbol(symbol) }
      try writer.finish()
      let index = try IndexReader(MappedFile(path: path))
      #expect(try index.labelNames() == [])
      #expect(try index.allPostings().count == 0)
      #expect(index.symbols.count == symbols.count)
    }
  }

  /// What the kernel cannot drop of this process, bytes.
  static func residentBytes() throws -> Int {
    try textLines("/proc/self/status").filter { $0.hasPrefix("RssAnon") || $0.hasPrefix("RssShmem") }
      .map { Int($0.split(separator: " ").first { $0.allSatisfy(\.isNumber) } ?? "0") ?? 0 }.reduce(0, +) * 1024
  }

  @Test func manySeriesAreWrittenWithinTheMemoryLimit() throws {
    let folder = try TemporaryFolder("index-writer")
    let podCount = isLongTier ? 1_000_000 : 10_000
    let limit = isLongTier ? 230 << 20 : 4 << 20
    let before = try Self.residentBytes()
    var writer = try IndexWriter(path: folder.file("index"), memoryLimitBytes: limit)
    for name in ["__name__", "instance", "job", "pod"] { try writer.addSymbol(name) }
    func number(_ value: Int) -> String { String(10_000_000 + value) }
    for metric in 0..<10 { try writer.addSymbol("q-metric-\(metric)") }
    for job in 0..<40 { try writer.addSymbol("r-job-" + number(job)) }
    for pod in 0..<podCount { try writer.addSymbol("s-pod-" + number(pod)) }
    var labels: [UInt32] = [0, 0, 1, 0, 2, 0, 3, 0]
    var chunks = [ChunkMeta(minTimeMs: 0, maxTimeMs: 7_199_999, ref: 8)]
    var peak = 0
    for metric in 0..<10 {
      for pod in 0..<podCount {
        labels[1] = UInt32(4 + metric)
        labels[3] = UInt32(54 + pod)
        labels[5] = UInt32(14 + pod % 40)
        labels[7] = UInt32(54 + pod / 2)
        chunks[0].ref += 40
        try writer.addSeries(labelIDs: labels, chunks: chunks)
      }
      peak = max(peak, try Self.residentBytes())
    }
    try writer.finish()
    peak = max(peak, try Self.residentBytes())
    if isLongTier {
      say(
        "an index of \(writer.seriesCount) series: RssAnon + RssShmem \(before >> 20) MiB before, \(peak >> 20) MiB at most"
      )
      #expect(peak - before <= 256 << 20)
    }
    let index = try IndexReader(MappedFile(path: folder.file("index")))
    #expect(try index.allPostings().count == 10 * podCount)
    #expect(try index.postings(name: "job", value: "r-job-" + number(7)).count == 10 * podCount / 40)
    #expect(try index.postings(name: "pod", value: "s-pod-" + number(3)).count == 20)
    #expect(try index.labelValues(of: "instance").count == podCount)
    if !isLongTier { index.verify { Issue.record("\($0)") } }
  }

  @Test func lackOfMemoryAFullDiskAndAForbiddenFolderAreClearErrors() throws {
    let folder = try TemporaryFolder("index-writer")
    var writer = try IndexWriter(path: folder.file("index"), memoryLimitBytes: 1 << 20)
    try writer.addSymbol("a")
    let error = #expect(throws: StorageError.self) { try writer.addSeries(labelIDs: [0, 0], chunks: []) }
    #expect(error?.code == .budget)
    #expect(throws: StorageError.self) { _ = try IndexWriter(path: folder.file("missing/index")) }
    #expect(throws: StorageError.self) { _ = try IndexWriter(path: "/dev/full") }
  }
}
