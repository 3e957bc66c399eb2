import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// What heads held is recovered as Prometheus does; where something is damaged, all but what the damaged bytes held.
@Suite struct HeadRecoveryTests {
  /// What is in one and not in the other, in words.
  ///
  /// Where several samples of one time came out of order, in chunks that overlap, Prometheus hands out the one or the other: each that the
  /// log or a block has will do.
  private func differences(
    _ got: RecordedHead.Series, _ want: RecordedHead.Series, _ logged: RecordedHead.Logged
  ) -> (missing: [String], extra: [String]) {
    var (missing, extra): ([String], [String]) = ([], [])
    for (labels, samples) in want {
      for (timeMs, value) in samples where got[labels]?[timeMs] != value {
        if let mine = got[labels]?[timeMs], let all = logged[labels]?[timeMs], all.contains(mine), all.contains(value) {
          continue
        }
        missing.append("\(labels) \(timeMs)")
      }
    }
    for (labels, samples) in got {
      for timeMs in samples.keys where want[labels]?[timeMs] == nil { extra.append("\(labels) \(timeMs)") }
    }
    return (missing.sorted(), extra.sorted())
  }

  @Test func aKilledServersHeadIsRecoveredAsPrometheusDoes() throws { try expectAsRecorded("head", exemplars: 847) }

  @Test(
    .needsShared, arguments: [("head-zstd", 847), ("head-uncompressed", 847), ("head-st", 0), ("head-snapshot", 0)])
  func otherHeadsAreRecoveredAsPrometheusDoes(name: String, exemplars: Int) throws {
    try expectAsRecorded(name, exemplars: exemplars)
  }

  private func expectAsRecorded(_ name: String, exemplars: Int) throws {
    let head = try RecordedHead(name)
    let want = try RecordedHead.samples(ofDump: head.folder + "/dump.jsonl.gz")
    let logged = try RecordedHead.outOfOrder(in: head.data)
    // All at once, and in many passes.
    for batchBytes in name == "head" ? [256 << 20, 300_000] : [256 << 20] {
      let (got, losses, found) = try RecordedHead.recover(head.data, batchBytes: batchBytes)
      let (missing, extra) = differences(got, want, logged)
      #expect(missing.isEmpty, "\(name): \(missing.count) samples are missing: \(missing.prefix(3))")
      #expect(extra.isEmpty, "\(name): \(extra.count) samples are too many: \(extra.prefix(3))")
      #expect(losses.isEmpty, "\(losses)")
      try expectExemplars(head, found)
      if exemplars > 0 { #expect(found.values.reduce(0) { $0 + $1.count } == exemplars) }
    }
  }

  private func expectExemplars(_ head: RecordedHead, _ found: [Labels: [WALRecord.Exemplar]]) throws {
    for line in try textLines(head.folder + "/exemplars.jsonl.gz") {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let got = found[try RecordedHead.labels(object["labels"])] ?? []
      let want = try #require(object["exemplars"] as? [[String: Any]])
      #expect(got.count == want.count, "\(head.name): exemplars of \(object["labels"] ?? "")")
      for (exemplar, wanted) in zip(got, want) {
        #expect(exemplar.timestampMs == (wanted["t"] as? NSNumber)?.int64Value)
        #expect(exemplar.value.bitPattern == (try RecordedHead.number(wanted["value"] as? String ?? "")).bitPattern)
        #expect(Labels(labels: exemplar.labels) == (try RecordedHead.labels(wanted["labels"])))
      }
    }
  }

  /// Where no record is damaged that held anything, nothing is lost.
  @Test(.needsShared, arguments: ["head-corrupt-chunks", "head-corrupt-checkpoint"])
  func damageThatHitsNoRecordCostsNothing(name: String) throws {
    let want = try RecordedHead.samples(ofDump: Fixtures.folder("prometheus/head") + "/dump.jsonl.gz")
    let logged = try RecordedHead.outOfOrder(in: RecordedHead("head").data)
    let (got, losses, _) = try RecordedHead.recover(try RecordedHead(name).data)
    let (missing, extra) = differences(got, want, logged)
    #expect(missing.isEmpty && extra.isEmpty && losses.damages.count == 1)
  }

  /// What is lost is what the damaged record held, and not a sample more; Prometheus loses more than a thousand.
  @Test(
    .needsShared,
    arguments: [
      ("head-torn", "wal", 7, 57), ("head-corrupt", "wal", 5, nil), ("head-corrupt-wbl", "wbl", 1, nil),
    ] as [(String, String, Int, Int?)])
  func aDamagedRecordCostsWhatItHeld(name: String, log: String, segment: Int, place: Int?) throws {
    let head = try RecordedHead("head")
    let damaged = try RecordedHead(name)
    let want = try RecordedHead.samples(ofDump: head.folder + "/dump.jsonl.gz")
    let prometheus = try RecordedHead.samples(ofDump: damaged.folder + "/dump.jsonl.gz")
    let logged = try RecordedHead.outOfOrder(in: head.data)
    let (got, losses, _) = try RecordedHead.recover(damaged.data)
    #expect(losses.damages.count == 1 && losses.entriesOfUnknownSeries == 0)

    // Which samples the damaged record held: those of the records that are in the one log and not in the other.
    let held = try entries(of: head.data, log, segment).subtracting(try entries(of: damaged.data, log, segment))
    #expect(!held.isEmpty && held.count < 60)
    let (missing, extra) = differences(got, want, logged)
    #expect(extra.isEmpty, "\(extra.count) samples are too many: \(extra.prefix(3))")
    #expect(missing.allSatisfy { held.contains($0) }, "\(missing.filter { !held.contains($0) }.prefix(3))")
    let theirs = differences(prometheus, want, logged).missing.count
    say("\(name): \(missing.count) samples lost, \(theirs) by Prometheus; the damaged record held \(held.count)")
    #expect(missing.count <= theirs)
  }

  /// The entries of a segment, as `differences` names samples.
  private func entries(of data: String, _ log: String, _ number: Int) throws -> Set<String> {
    var labels: [UInt64: Labels] = [:]
    var entries: Set<String> = []
    for one in try HeadFolder(path: data).logs() {
      var reader = WALReader(one.segments)
      while let event = try reader.next() {
        guard case .record(let place) = event else { continue }
        try reader.decode().map { throw $0 }
        let record = reader.record
        for index in 0..<record.count {
          let ref = record.seriesRefs[index]
          if record.type == .series { labels[ref] = Labels(labels: record.labelPairs(at: index)) }
          guard one.name == log, place.segmentNumber == number, let name = labels[ref] else { continue }
          if record.type.isSamples || record.type.isHistograms {
            entries.insert("\(name) \(record.timestampsMs[index])")
          } else if record.type == .exemplars {
            entries.insert("exemplar \(name) \(record.timestampsMs[index])")
          }
        }
      }
    }
    return entries
  }

  // MARK: Heads made for a question

  private let up = [Labels.Label(name: "__name__", value: "up")]

  private func recover(
    _ records: [[UInt8]], outOfOrder: [[UInt8]] = [], minValidTimeMs: Int64 = .min,
    _ change: (String) throws -> Void = { _ in }
  ) throws -> (series: [RecoveredSeries], losses: RecoveryLosses) {
    let folder = try TemporaryFolder("head")
    for (log, records) in [("wal", records), ("wbl", outOfOrder)] {
      try FileManager.default.createDirectory(atPath: folder.file(log), withIntermediateDirectories: true)
      var writer = try WALWriter(folder: folder.file(log))
      for record in records { try writer.append(record) }
      try writer.finish()
    }
    try change(folder.path)
    var options = HeadRecovery.Options()
    options.minValidTimeMs = minValidTimeMs
    var recovery = HeadRecovery(try HeadFolder(path: folder.path), options)
    try recovery.read()
    var series: [RecoveredSeries] = []
    try recovery.forEachSeries { found throws(StorageError) in series.append(found) }
    return (series, recovery.losses)
  }

  private func samples(_ ref: UInt64, _ times: [Int64], _ value: Double = 1) -> [UInt8] {
    WALRecord.encodeSamples(
      seriesRefs: times.map { _ in ref }, timestampsMs: times, values: times.map { _ in value })
  }

  @Test func severalReferencesOfOneSeriesAreOne() throws {
    let (series, losses) = try recover([
      WALRecord.encodeSeries([(1, up)]), samples(1, [10, 20]), WALRecord.encodeSeries([(7, up)]), samples(7, [30]),
      samples(1, [40]),
    ])
    #expect(series.map(\.timestampsMs) == [[10, 20, 30, 40]] && losses.isEmpty)
  }

  @Test func samplesBeforeTheirSeriesAreFound() throws {
    let (series, losses) = try recover([samples(3, [10]), WALRecord.encodeSeries([(3, up)]), samples(3, [20])])
    #expect(series.map(\.timestampsMs) == [[10, 20]] && losses.isEmpty)
  }

  @Test func samplesOfUnknownSeriesAreCounted() throws {
    let (series, losses) = try recover([WALRecord.encodeSeries([(1, up)]), samples(1, [10]), samples(2, [10, 20])])
    #expect(series.count == 1 && losses.entriesOfUnknownSeries == 2)
  }

  /// The log has samples that the head refused: those not later than the one before, unless they are in the other log, too.
  @Test func refusedSamplesAreNotRecovered() throws {
    let (series, _) = try recover(
      [WALRecord.encodeSeries([(1, up)]), samples(1, [10, 30, 20]), samples(1, [30], 5), samples(1, [25, 40])],
      outOfOrder: [samples(1, [25])])
    #expect(series.map(\.timestampsMs) == [[10, 25, 30, 40]])
    #expect(series.first?.values == [1, 1, 1, 1])
  }

  @Test func deletionsAndEvictionsAreApplied() throws {
    let other = [Labels.Label(name: "__name__", value: "down")]
    let (series, _) = try recover([
      WALRecord.encodeSeries([(1, up), (2, other)]), samples(1, [10, 20, 30]), samples(2, [10, 20]),
      WALRecord.encodeTombstones([(1, TimeRange(minTimeMs: 15, maxTimeMs: 20)), (2, .all)]),
      WALRecord.encodeSeries([(9, other)]), samples(9, [50]),
    ])
    #expect(series.map(\.timestampsMs) == [[10, 30], [50]])
    #expect(series.map { $0.labels["__name__"] } == ["up", "down"])
  }

  @Test func samplesThatAreInBlocksAreLeftOut() throws {
    let (series, _) = try recover(
      [WALRecord.encodeSeries([(1, up)]), samples(1, [10, 20, 30])], outOfOrder: [samples(1, [5])], minValidTimeMs: 20)
    #expect(series.map(\.timestampsMs) == [[5, 20, 30]])
  }

  @Test func metadataIsTheLast() throws {
    let old = WALRecord.Metadata(metricType: 2, unit: "s", help: "old")
    let new = WALRecord.Metadata(metricType: 1, unit: "bytes", help: "Maß 🔥")
    let (series, _) = try recover([
      WALRecord.encodeSeries([(1, up)]), WALRecord.encodeMetadata([(1, old)]), samples(1, [10]),
      WALRecord.encodeMetadata([(1, new)]),
    ])
    #expect(series.map(\.metadata) == [new])
  }

  @Test func segmentsWithHolesInTheirNumbersAreRead() throws {
    let (series, losses) = try recover([WALRecord.encodeSeries([(1, up)]), samples(1, [10])]) { folder in
      var writer = try WALWriter(folder: folder + "/wal", number: 5)
      try writer.append(samples(1, [20]))
      try writer.finish()
    }
    #expect(series.map(\.timestampsMs) == [[10, 20]] && losses.isEmpty)
  }

  @Test func aSnapshotOfAnEarlierLogIsNotUsed() throws {
    let (series, _) = try recover([WALRecord.encodeSeries([(1, up)]), samples(1, [10])]) { folder in
      var snapshot = try ChunkSnapshotWriter(parentFolder: folder, segmentNumber: 4, segmentOffset: 0)
      try snapshot.append(
        ChunkSnapshot.Series(ref: 1, labels: [Labels.Label(name: "__name__", value: "other")], chunk: nil))
      try snapshot.finish()
    }
    #expect(series.map { $0.labels["__name__"] } == ["up"])
  }

  @Test func histogramsOfFinerSchemasAreReducedAndUnknownOnesCounted() throws {
    func histogram(_ schema: Int32) -> WALRecord.HistogramEntry {
      WALRecord.HistogramEntry(
        seriesRef: 1, timestampMs: Int64(schema) + 100,
        histogram: Histogram(
          schema: schema, sum: 6, positiveSpans: [.init(offset: 0, length: 4)],
          counts: .int(count: 10, zeroCount: 0, positive: [1, 2, 3, 4], negative: [])))
    }
    let records = WALRecord.encodeHistograms([histogram(8), histogram(9), histogram(60)], hasStartTimestamps: false)
    let (series, losses) = try recover([WALRecord.encodeSeries([(1, up)])] + records)
    #expect(losses.unknownHistograms == 1)
    let found = try #require(series.first)
    #expect(found.timestampsMs == [108, 109] && found.histograms.map(\.schema) == [8, 8])
    // Buckets 0 | 1 2 | 3 of schema 9 are buckets 0 | 1 | 2 of schema 8.
    #expect(found.histograms[1].counts == .int(count: 10, zeroCount: 0, positive: [1, 5, 4], negative: []))
    #expect(found.histograms[1].positiveSpans == [.init(offset: 0, length: 3)])
  }

  /// Every bit of a small log: what is recovered is never more than there was, and never less by more than one record.
  @Test func everyFlippedBitOfALogCostsAtMostARecord() throws {
    let folder = try TemporaryFolder("flips")
    try FileManager.default.createDirectory(atPath: folder.file("wal"), withIntermediateDirectories: true)
    var writer = try WALWriter(folder: folder.file("wal"), compression: .none)
    try writer.append(WALRecord.encodeSeries([(1, up)]))
    for time in 1...4 as ClosedRange<Int64> { try writer.append(samples(1, [10 * time])) }
    try writer.finish()
    let path = folder.file("wal/00000000")
    let bytes = try readFile(path)
    let end = try #require(bytes.lastIndex { $0 != 0 }) + 1
    for bit in stride(from: 0, to: 8 * end, by: 3) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      try writeFile(path, damaged)
      var recovery = HeadRecovery(try HeadFolder(path: folder.path))
      try recovery.read()
      var times: [Int64] = []
      try recovery.forEachSeries { series throws(StorageError) in times += series.timestampsMs }
      // Without the series' labels there is nothing to hand over; else three samples of four, at least.
      #expect(times.isEmpty || times.count >= 3 && times.allSatisfy { [10, 20, 30, 40].contains($0) }, "bit \(bit)")
    }
  }
}
