// The worked example of docs/formats/index.md is an index: it is read, and written again.
import Storage
import TSModel
import TestSupport
import Testing

@Suite("docs/formats/index.md") struct IndexPageTests {
  /// The bytes of the page's example block: hexadecimal up to `#` on each line.
  static func example() throws -> [UInt8] {
    let lines = try textLines(Fixtures.repository + "/docs/formats/index.md")
    let start = try #require(lines.firstIndex(of: "```example"))
    let end = try #require(lines[start...].firstIndex(of: "```"))
    return lines[(start + 1)..<end].flatMap { line in
      line.prefix { $0 != "#" }.split(separator: " ").map { UInt8($0, radix: 16) ?? 0 }
    }
  }

  @Test func theExampleIsReadAndWrittenAgain() throws {
    let bytes = try Self.example()
    let index = try IndexReader(IndexInMemory(bytes))
    #expect(try index.labelNames() == ["a", "b"])
    let batch = SeriesBatch(symbols: index.symbols)
    try index.series(index.postings(name: "a", value: "x").refs(), into: batch)
    #expect(batch.seriesCount == 2)
    #expect(batch.labels(at: 0) == Labels([("a", "x")]))
    #expect(batch.labels(at: 1) == Labels([("a", "x"), ("b", "y")]))
    #expect(
      batch.chunkRange(at: 1).map(batch.chunk) == [
        ChunkMeta(minTimeMs: 1000, maxTimeMs: 1300, ref: 8), ChunkMeta(minTimeMs: 1301, maxTimeMs: 1400, ref: 40),
      ])
    index.verify { Issue.record("\($0)") }

    let folder = try TemporaryFolder("index-page")
    try rewrite(index, to: folder.file("index"))
    #expect(try readFile(folder.file("index")) == bytes)
  }
}
