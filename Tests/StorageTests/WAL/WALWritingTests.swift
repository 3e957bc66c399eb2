import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// What is written is read again; how it is cut into segments; what a checkpoint keeps.
@Suite struct WALWritingTests {
  private func records(in folder: String) throws -> [[UInt8]] {
    var reader = WALReader(try WALSegment.inFolder(folder))
    var records: [[UInt8]] = []
    while let event = try reader.next() {
      guard case .record = event else { throw TestSupportError("\(event)") }
      records.append(reader.record.bytes)
    }
    return records
  }

  @Test(arguments: [WALCompression.none, .snappy, .zstd])
  func recordsAreReadAsWritten(compression: WALCompression) throws {
    let folder = try TemporaryFolder("log")
    var random = SplitMix64(seed: 4)
    var written: [[UInt8]] = []
    var writer = try WALWriter(folder: folder.path, compression: compression, segmentBytesMax: 3 << 15)
    for index in 0..<300 {
      let size = Int(random.next() % (index % 20 == 0 ? 90_000 : 500))
      let record = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next() % (index % 2 == 0 ? 4 : 256)) }
      try writer.append(record)
      written.append(record)
    }
    try writer.finish()
    let segments = try WALSegment.inFolder(folder.path)
    #expect(segments.count > 3 && segments.map(\.number) == Array(0..<segments.count))
    #expect(segments.allSatisfy { $0.byteCount <= 3 << 15 && $0.byteCount % (1 << 15) == 0 })
    #expect(try records(in: folder.path) == written)
    // The next writer begins a segment of its own.
    var next = try WALWriter(folder: folder.path)
    #expect(next.segmentNumber == segments.count)
    try next.append([1])
    try next.finish()
    #expect(try records(in: folder.path) == written + [[1]])
  }

  /// Every record of every fixture, taken apart and put together again, has the same entries.
  @Test(.needsShared, arguments: ["head", "head-st", "head-uncompressed"])
  func entriesOfRecordsAreEncodedAgain(name: String) throws {
    var count = 0
    for log in try HeadFolder(path: Fixtures.folder("prometheus/\(name)") + "/data").logs() {
      var reader = WALReader(log.segments)
      while try reader.next() != nil {
        #expect(reader.decode() == nil)
        let record = reader.record
        // Without the first entry, and without all but it: encoded anew, both.
        let parts = record.filtered { $0 > 0 } + record.filtered { $0 == 0 }
        var entries = 0
        for part in parts {
          var again = WALRecord(part)
          try again.decode()
          for index in 0..<again.count {
            let original = entries + index + 1 < record.count ? entries + index + 1 : 0
            guard part != record.bytes else { continue }
            #expect(again.seriesRefs[index] == record.seriesRefs[original])
            if !again.timestampsMs.isEmpty { #expect(again.timestampsMs[index] == record.timestampsMs[original]) }
            if !again.startTimestampsMs.isEmpty {
              #expect(again.startTimestampsMs[index] == record.startTimestampsMs[original])
            }
            if again.type.isHistograms { #expect(again.histogram(at: index) == record.histogram(at: original)) }
            if again.type == .series { #expect(again.labelPairs(at: index) == record.labelPairs(at: original)) }
            if again.type == .metadata { #expect(again.metadata(at: index) == record.metadata(at: original)) }
          }
          entries += again.count
        }
        #expect(entries == record.count || record.count == 1 && entries == 1)
        count += 1
      }
    }
    #expect(count > 900)
  }

  /// A checkpoint of everything that Prometheus' own checkpoint is made of has what that has.
  @Test func aCheckpointKeepsWhatIsNeeded() throws {
    let folder = try TemporaryFolder("checkpoint")
    let up = [Labels.Label(name: "__name__", value: "up")]
    let gone = [Labels.Label(name: "__name__", value: "gone")]
    var writer = try WALWriter(folder: folder.path)
    try writer.append(WALRecord.encodeSeries([(1, up), (2, gone)]))
    try writer.append(
      WALRecord.encodeSamples(seriesRefs: [1, 2, 1], timestampsMs: [10, 10, 20], values: [1, 2, 3]))
    try writer.append(WALRecord.encodeMetadata([(1, .init(metricType: 1, unit: "", help: "old"))]))
    try writer.cut()
    try writer.append(WALRecord.encodeMetadata([(1, .init(metricType: 1, unit: "", help: "new"))]))
    try writer.append([200, 1, 2, 3])
    try writer.append(
      WALRecord.encodeTombstones([
        (1, TimeRange(minTimeMs: 1, maxTimeMs: 5)), (1, TimeRange(minTimeMs: 18, maxTimeMs: 30)), (2, .all),
      ]))
    try writer.cut()
    try writer.append(WALRecord.encodeSamples(seriesRefs: [1], timestampsMs: [30], values: [4]))
    try writer.finish()
    // What one who was killed has left is removed.
    try FileManager.default.createDirectory(
      atPath: folder.file("checkpoint.00000000.tmp"), withIntermediateDirectories: true)

    let checkpointing = WALCheckpointing(folder: folder.path)
    let result = try checkpointing.write(upTo: 1, keeps: { $0 == 1 }, minTimeMs: 15)
    #expect(result.entriesRead == 10 && result.entriesDropped == 6)
    try checkpointing.removeCovered()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["00000002", "checkpoint.00000001"])
    let kept = try records(in: folder.file("checkpoint.00000001"))
    #expect(
      kept == [
        WALRecord.encodeSeries([(1, up)]),
        WALRecord.encodeSamples(seriesRefs: [1], timestampsMs: [20], values: [3]),
        WALRecord.encodeTombstones([(1, TimeRange(minTimeMs: 18, maxTimeMs: 30))]),
        WALRecord.encodeMetadata([(1, .init(metricType: 1, unit: "", help: "new"))]),
      ])
    // The next one reads this one first.
    let next = try checkpointing.write(upTo: 2, keeps: { _ in true }, minTimeMs: 25)
    #expect(next.path.hasSuffix("checkpoint.00000002"))
    #expect(try records(in: next.path).count == 4)
    #expect(throws: StorageError.self) { try checkpointing.write(upTo: 2, keeps: { _ in true }, minTimeMs: 0) }
    #expect(throws: StorageError.self) { try checkpointing.write(upTo: 9, keeps: { _ in true }, minTimeMs: 0) }
  }

  /// Prometheus made its checkpoint with this program's rules: made again of itself, with nothing left out, it is the same.
  @Test(.needsShared) func aCheckpointOfACheckpointIsTheSame() throws {
    let folder = try TemporaryFolder("again")
    let source = try Fixtures.folder("prometheus/head-uncompressed") + "/data/wal"
    _ = try runProcess("/bin/cp", ["-r", source + "/checkpoint.00000002", source + "/00000003", folder.path])
    let before = try records(in: folder.file("checkpoint.00000002"))
    let result = try WALCheckpointing(folder: folder.path).write(
      upTo: 3, keeps: { _ in true }, minTimeMs: .min, compression: .none)
    let after = try records(in: result.path)
    #expect(after.count > before.count)
    // Metadata is the last record in both; in a checkpoint it is in no order.
    #expect(Array(after.prefix(before.count - 1)) == Array(before.dropLast()))
  }

  @Test func chunksAreReadAsWritten() throws {
    let folder = try TemporaryFolder("chunks")
    var writer = try HeadChunkWriter(folder: folder.path, number: 1, fileBytesMax: 2000)
    var random = SplitMix64(seed: 3)
    var written: [(ref: UInt64, data: [UInt8])] = []
    for index in 0..<40 {
      let data = (0..<Int(20 + random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let range = TimeRange(minTimeMs: Int64(index), maxTimeMs: Int64(index) + 5)
      let ref = try writer.append(
        seriesRef: UInt64(index + 1), timeRange: range, encoding: .xor, isOutOfOrder: index % 3 == 0,
        data: data.span.bytes)
      written.append((ref, data))
    }
    try writer.finish()
    let files = try HeadChunkFile.inFolder(folder.path)
    #expect(files.count > 1 && files.map(\.number) == Array(1...files.count))
    var found: [(HeadChunk, [UInt8])] = []
    for file in files {
      try file.forEachChunk { chunk, bytes throws(StorageError) in
        found.append((chunk, bytes.withUnsafeBytes { Array($0) }))
      } onDamage: { damage throws(StorageError) in
        Issue.record("\(damage)")
      }
    }
    #expect(found.map(\.0.ref) == written.map(\.ref) && found.map(\.1) == written.map(\.data))
    #expect(found.map(\.0.seriesRef) == (1...40).map { UInt64($0) })
    #expect(found.enumerated().allSatisfy { $1.0.isOutOfOrder == ($0 % 3 == 0) })
  }

  /// Prometheus' own files: chunk for chunk the same bytes; each flipped byte costs one chunk.
  @Test func recordedChunksAreWrittenAgainByteForByte() throws {
    let folder = try TemporaryFolder("chunks")
    for file in try HeadChunkFile.inFolder(Fixtures.folder("prometheus/head") + "/data/chunks_head") {
      var writer = try HeadChunkWriter(folder: folder.path, number: file.number)
      var (end, count) = (8, 0)
      var spans: [Range<Int>] = []
      var copies: [(HeadChunk, [UInt8])] = []
      try file.forEachChunk { chunk, bytes throws(StorageError) in
        copies.append((chunk, bytes.withUnsafeBytes { Array($0) }))
      } onDamage: { damage throws(StorageError) in
        Issue.record("\(damage)")
      }
      for (chunk, data) in copies {
        let ref = try writer.append(
          seriesRef: chunk.seriesRef, timeRange: chunk.timeRange, encoding: chunk.encoding,
          isOutOfOrder: chunk.isOutOfOrder, data: data.span.bytes)
        #expect(ref == chunk.ref)
        end = chunk.recordRange.upperBound
        spans.append(chunk.recordRange)
        count += 1
      }
      try writer.finish()
      let path = folder.path + "/" + HeadChunkFile.name(file.number)
      let bytes = try readFile(path)
      let isSame = bytes == Array(try readFile(file.path)[..<end])
      #expect(isSame)
      guard count > 0 else { continue }
      for place in stride(from: 8, to: end, by: 7) {
        var damaged = bytes
        damaged[place] ^= 0x41
        try writeFile(path, damaged)
        var (found, damages) = (0, 0)
        try HeadChunkFile(number: file.number, path: path, byteCount: bytes.count).forEachChunk { _, _ in
          found += 1
        } onDamage: { _ in
          damages += 1
        }
        #expect(found == count - 1 && damages == 1, "byte \(place)")
      }
      // Cut anywhere: what is whole is found.
      for size in stride(from: 9, to: end, by: 11) {
        try writeFile(path, bytes[..<size])
        var found = 0
        try HeadChunkFile(number: file.number, path: path, byteCount: size).forEachChunk { _, _ in
          found += 1
        } onDamage: { _ in
        }
        #expect(found == spans.filter { $0.upperBound <= size }.count, "cut to \(size)")
      }
    }
  }

  @Test func aSnapshotIsReadAsWritten() throws {
    let folder = try TemporaryFolder("snapshot")
    var builder = try SeriesChunkBuilder(.init(reencodesLast: false))
    for time in 0..<5 as Range<Int64> { try builder.append(timestampMs: time, value: Double(time) + 0.5) }
    let floats = builder.finish()[0]
    let histogram = Histogram(
      schema: 1, sum: 3, positiveSpans: [.init(offset: 1, length: 2)],
      counts: .int(count: 3, zeroCount: 0, positive: [1, 2], negative: []))
    try builder.append(timestampMs: 7, histogram)
    let histograms = builder.finish()[0]
    let labels = [Labels.Label(name: "__name__", value: "up"), Labels.Label(name: "ü", value: "é")]
    var tombstones = Tombstones()
    tombstones.add(TimeRange(minTimeMs: -5, maxTimeMs: 9), toSeries: 2)
    let exemplar = WALRecord.Exemplar(seriesRef: 1, timestampMs: 3, value: 4, labels: labels)

    var writer = try ChunkSnapshotWriter(parentFolder: folder.path, segmentNumber: 3, segmentOffset: 64)
    #expect(try ChunkSnapshot.inFolder(folder.path).isEmpty)
    try writer.append(ChunkSnapshot.Series(ref: 1, labels: labels, chunk: floats))
    try writer.append(ChunkSnapshot.Series(ref: 2, labels: [labels[0]], chunk: histograms))
    try writer.append(ChunkSnapshot.Series(ref: 3, labels: [], chunk: nil))
    try writer.append(tombstones)
    try writer.append([exemplar])
    try writer.finish()

    let snapshot = try #require(try ChunkSnapshot.inFolder(folder.path).first)
    #expect(snapshot.name == "chunk_snapshot.000003.0000000064")
    #expect(snapshot.segmentNumber == 3 && snapshot.segmentOffset == 64)
    let found = try records(in: snapshot.path).map { try ChunkSnapshot.parse($0) }
    #expect(found.count == 5)
    guard case .series(let first) = found[0], case .series(let second) = found[1], case .series(let third) = found[2],
      case .tombstones(let deleted) = found[3], case .exemplars(let exemplars) = found[4]
    else { throw TestSupportError("other records: \(found)") }
    #expect(first.ref == 1 && first.labels == labels && first.chunk?.bytes == floats.bytes)
    #expect(second.chunk?.bytes == histograms.bytes && second.chunk?.encoding == .histogram)
    #expect(third.chunk == nil && third.labels.isEmpty)
    #expect(deleted == tombstones && exemplars == [exemplar])
  }

  /// Prometheus' own snapshot: its records of series are written again as the same bytes.
  @Test(.needsShared) func recordedSnapshotsAreWrittenAgainByteForByte() throws {
    let data = try Fixtures.folder("prometheus/head-snapshot") + "/data"
    let snapshot = try #require(try ChunkSnapshot.inFolder(data).last)
    let folder = try TemporaryFolder("snapshot")
    var writer = try ChunkSnapshotWriter(
      parentFolder: folder.path, segmentNumber: snapshot.segmentNumber, segmentOffset: snapshot.segmentOffset)
    let recorded = try records(in: snapshot.path)
    for record in recorded {
      switch try ChunkSnapshot.parse(record) {
      case .series(let series): try writer.append(series)
      case .tombstones(let tombstones): try writer.append(tombstones)
      case .exemplars(let exemplars): try writer.append(exemplars)
      case .unknown: Issue.record("an unknown record")
      }
    }
    try writer.finish()
    let again = try records(in: folder.path + "/" + snapshot.name)
    #expect(again.count == recorded.count && recorded.count > 40)
    var same = 0
    for (mine, theirs) in zip(again, recorded) {
      // A histogram's last value is written as the open chunk has it: with buckets that have become empty. Deletions are in no order.
      if mine == theirs { same += 1 }
      #expect(mine.first == theirs.first)
    }
    say("snapshot: \(same) of \(recorded.count) records are the same bytes")
    #expect(same >= 15)
  }
}
