import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// The examples of the pages about heads are true.
@Suite struct HeadFormatPagesTests {
  private let up = [Labels.Label(name: "__name__", value: "up")]

  @Test func theSegmentOfTheLogPage() throws {
    let bytes = try exampleBytes("docs/formats/wal.md")
    let folder = try TemporaryFolder("page")
    try writeFile(folder.file("00000000"), bytes)
    var reader = WALReader(try WALSegment.inFolder(folder.path))
    guard case .record = try reader.next() else { throw TestSupportError("no record") }
    #expect(reader.decode() == nil && reader.record.type == .series && reader.record.count == 1)
    #expect(reader.record.seriesRefs[0] == 1 && reader.record.labelPairs(at: 0) == up)
    let series = reader.record.bytes
    guard case .record = try reader.next() else { throw TestSupportError("no second record") }
    #expect(reader.decode() == nil && reader.record.type == .samples && reader.record.count == 2)
    #expect(reader.record.timestampsMs[0] == 1_748_736_000_000 && reader.record.timestampsMs[1] == 1_748_736_015_000)
    #expect(reader.record.values[0] == 1 && reader.record.values[1] == 0)
    let samples = reader.record.bytes
    #expect(try reader.next() == nil)
    // Our writer makes the same of the same.
    #expect(series == WALRecord.encodeSeries([(1, up)]))
    #expect(
      samples
        == WALRecord.encodeSamples(
          seriesRefs: [1, 1], timestampsMs: [1_748_736_000_000, 1_748_736_015_000], values: [1, 0]))
    let again = try TemporaryFolder("page")
    var writer = try WALWriter(folder: again.path, compression: .none)
    try writer.append(series)
    try writer.append(samples)
    try writer.flush()
    #expect(try readFile(again.file("00000000")) == bytes)
  }

  @Test func theChunkOfTheHeadChunksPage() throws {
    let bytes = try exampleBytes("docs/formats/head-chunks.md")
    let folder = try TemporaryFolder("page")
    try writeFile(folder.file("000001"), bytes)
    var found: [(HeadChunk, [UInt8])] = []
    try #require(try HeadChunkFile.inFolder(folder.path).first).forEachChunk { chunk, data in
      found.append((chunk, data.withUnsafeBytes { Array($0) }))
    } onDamage: { damage in
      Issue.record("\(damage)")
    }
    let (chunk, data) = try #require(found.first)
    #expect(found.count == 1 && chunk.ref == 1 << 32 | 8 && chunk.seriesRef == 1 && !chunk.isOutOfOrder)
    var floats = FloatColumns()
    try floats.append(decoding: data.span.bytes, encoding: chunk.encoding)
    #expect(floats.count == 1 && floats.timestampsMs[0] == 1_748_736_000_000 && floats.values[0] == 1)
    let again = try TemporaryFolder("page")
    var writer = try HeadChunkWriter(folder: again.path, number: 1)
    let ref = try writer.append(
      seriesRef: 1, timeRange: chunk.timeRange, encoding: .xor, isOutOfOrder: false, data: data.span.bytes)
    try writer.finish()
    #expect(try ref == chunk.ref && readFile(again.file("000001")) == bytes)
  }

  @Test func theSeriesOfTheSnapshotPage() throws {
    let bytes = try exampleBytes("docs/formats/chunk-snapshot.md")
    guard case .series(let series) = try ChunkSnapshot.parse(bytes) else { throw TestSupportError("no series") }
    #expect(series.ref == 1 && series.labels == up && series.chunk?.sampleCount == 1)
    let folder = try TemporaryFolder("page")
    var writer = try ChunkSnapshotWriter(parentFolder: folder.path, segmentNumber: 0, segmentOffset: 0)
    try writer.append(series)
    try writer.finish()
    let snapshot = try #require(try ChunkSnapshot.inFolder(folder.path).first)
    var reader = WALReader(try WALSegment.inFolder(snapshot.path))
    _ = try reader.next()
    #expect(reader.record.bytes == bytes)
    // Cut anywhere, it is refused.
    for size in 0..<bytes.count {
      if case .series? = try? ChunkSnapshot.parse(Array(bytes[..<size])) { Issue.record("cut to \(size)") }
    }
  }
}
