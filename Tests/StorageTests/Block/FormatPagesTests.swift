import CTSDB
import TSModel
import TestSupport
import Testing

@testable import Storage

/// The examples of the pages about blocks are true.
@Suite struct FormatPagesTests {
  @Test func theULIDOfTheFolderPage() throws {
    let bytes = try exampleBytes("docs/formats/block-folder.md")
    #expect(bytes.count == 16)
    let time = bytes[..<6].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    #expect(time == 1_795_360_792_893)
    #expect(ULID(timeMs: time, randomBytes: Array(bytes[6...])).description == "01M81XF89X9QX54AYHAVT5YAD5")
  }

  @Test func theSegmentOfTheSegmentsPage() throws {
    let folder = try TemporaryFolder("page")
    let bytes = try exampleBytes("docs/formats/chunk-segments.md")
    try writeFile(folder.file("000001"), bytes)
    let segments = try ChunkSegments([try MappedFile(path: folder.file("000001"))])
    let (encoding, chunk) = try segments.chunk(ref: 8)
    var samples = SeriesSamples()
    _ = try samples.decode(chunk.bytes, encoding: ChunkEncoding(rawValue: encoding))
    #expect(samples.floats.count == 1 && samples.floats.timestampsMs[0] == 0 && samples.floats.values[0] == 0)
    // Our writer makes the same of the chunk.
    let again = try TemporaryFolder("page")
    let writer = ChunkSegmentWriter(folder: again.path, segmentBytesMax: 1000)
    let encoded = EncodedChunk(
      encoding: .xor, minTimeMs: 0, maxTimeMs: 0, bytes: chunk.withUnsafeBytes { Array($0) }, sampleCount: 1)
    #expect(try writer.write([encoded]) == [8])
    try writer.finish()
    #expect(try readFile(again.file("000001")) == bytes)
  }

  @Test func theDeletionOfTheTombstonesPage() throws {
    let bytes = try exampleBytes("docs/formats/tombstones.md")
    let tombstones = try Tombstones(parsing: bytes)
    #expect(tombstones.seriesRefs == [9])
    #expect(tombstones.intervals(of: 9) == [TimeRange(minTimeMs: 1_748_736_000_000, maxTimeMs: 1_748_736_060_000)])
    #expect(tombstones.encoded() == bytes)
    #expect(Tombstones().encoded() == [0x01, 0x30, 0xBA, 0x30, 1, 0, 0, 0, 0])
  }

  @Test func theFilesOfTheMetaPage() throws {
    let smallest = try BlockMeta(json: try exampleBytes("docs/formats/meta-json.md"))
    #expect(smallest.minTimeMs == 0 && smallest.stats == BlockMeta.Stats() && smallest.thanos == nil)
    let page = String(decoding: try readFile(Fixtures.repository + "/docs/formats/meta-json.md"), as: UTF8.self)
    let start = try #require(page.range(of: "```json\n"))
    let end = try #require(page[start.upperBound...].range(of: "\n```"))
    let text = Array(page[start.upperBound..<end.lowerBound].utf8)
    let meta = try BlockMeta(json: text)
    #expect(meta.prometheusJSON() == text && meta.stats.chunkCount == 1)
  }
}
