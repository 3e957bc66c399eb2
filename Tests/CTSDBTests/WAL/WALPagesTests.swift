import CTSDB
import TestSupport
import Testing

/// A record with the bytes of its fragments.
private struct FoundRecord: Equatable {
  var offset: Int
  var compression: tsdb_wal_compression
  var stored: [UInt8]
}

/// What a segment holds.
private struct FoundSegment {
  var records: [FoundRecord] = []
  var damages: [(offset: Int, endOffset: Int, reason: String, isTorn: Bool)] = []

  /// Walks `bytes`, which lie in memory of exactly their size.
  init(_ bytes: [UInt8]) {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
    defer { memory.deallocate() }
    memory.initialize(from: bytes, count: bytes.count)
    var cursor = tsdb_wal_cursor_make(bytes.count)
    var extent = tsdb_wal_extent()
    var position = 0
    while tsdb_wal_next(memory, bytes.count, &cursor, &extent) != TSDB_WAL_END {
      #expect(extent.offset >= position && extent.end_offset > extent.offset && extent.end_offset <= bytes.count)
      #expect(cursor.position == extent.end_offset)
      position = extent.end_offset
      guard extent.kind == TSDB_WAL_RECORD else {
        damages.append((extent.offset, extent.end_offset, String(cString: extent.reason), extent.is_torn))
        continue
      }
      var stored = [UInt8](repeating: 0, count: extent.data_size)
      #expect(tsdb_wal_record_copy(memory, bytes.count, &extent, &stored, stored.count) == TSDB_OK)
      records.append(FoundRecord(offset: extent.offset, compression: extent.compression, stored: stored))
    }
    #expect(cursor.position == bytes.count)
  }
}

/// Records one behind the other as a segment.
private func segment(_ records: [(stored: [UInt8], compression: tsdb_wal_compression)], isClosed: Bool = true)
  -> [UInt8]
{
  var bytes: [UInt8] = []
  for record in records {
    var target = [UInt8](repeating: 0xEE, count: tsdb_wal_record_bound(record.stored.count))
    var size = 0
    let status = tsdb_wal_record_write(
      bytes.count, record.stored, record.stored.count, record.compression, &target, target.count, &size)
    #expect(status == TSDB_OK)
    bytes += target[..<size]
  }
  return isClosed ? bytes + [UInt8](repeating: 0, count: tsdb_wal_page_padding(bytes.count)) : bytes
}

@Suite struct WALPagesTests {
  private func randomRecords(_ count: Int, seed: UInt64, sizeMax: UInt64) -> [(
    stored: [UInt8], compression: tsdb_wal_compression
  )] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let size = Int(random.next() % sizeMax)
      let compression = [TSDB_WAL_RAW, TSDB_WAL_SNAPPY, TSDB_WAL_ZSTD][Int(random.next() % 3)]
      return ((0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }, compression)
    }
  }

  @Test func recordsOfAnySizeAreFoundAsWritten() {
    for (seed, sizeMax) in [(1, 40), (2, 3000), (3, 40_000), (4, 120_000)] as [(UInt64, UInt64)] {
      let records = randomRecords(60, seed: seed, sizeMax: sizeMax)
      let found = FoundSegment(segment(records))
      #expect(found.damages.isEmpty)
      #expect(found.records.map(\.stored) == records.map(\.stored))
      #expect(found.records.map(\.compression) == records.map(\.compression))
    }
  }

  @Test func aRecordThatFillsAPageIsOneFragment() {
    let full = [UInt8](repeating: 7, count: Int(TSDB_WAL_PAGE_SIZE) - 7)
    let bytes = segment([(full, TSDB_WAL_RAW), ([], TSDB_WAL_RAW), ([1], TSDB_WAL_RAW)])
    #expect(bytes.count == 2 * Int(TSDB_WAL_PAGE_SIZE) && bytes[0] == 1 && bytes[1...2] == [0x7F, 0xF9])
    #expect(FoundSegment(bytes).records.map(\.stored) == [full, [], [1]])
  }

  @Test func pagesWithLessThanAHeaderLeftAreEndedWithZeros() {
    for left in 0..<8 {
      let first = [UInt8](repeating: 9, count: Int(TSDB_WAL_PAGE_SIZE) - 7 - left)
      let bytes = segment([(first, TSDB_WAL_RAW), ([5, 6], TSDB_WAL_RAW)], isClosed: false)
      // With seven bytes left, the next record begins there, with no byte of its data.
      #expect(bytes.count == Int(TSDB_WAL_PAGE_SIZE) + 9, "\(left) bytes left")
      #expect(FoundSegment(bytes).records.map(\.stored) == [first, [5, 6]])
    }
  }

  @Test func recordsThatDoNotFitAreKnown() {
    let page = Int(TSDB_WAL_PAGE_SIZE)
    #expect(tsdb_wal_record_fits(0, page, 10 * page))  // an empty segment takes any record
    #expect(tsdb_wal_record_fits(100, page, page - 107) && !tsdb_wal_record_fits(100, page, page - 106))
    #expect(tsdb_wal_record_fits(100, 2 * page, 2 * page - 114) && !tsdb_wal_record_fits(100, 2 * page, 2 * page - 113))
    #expect(!tsdb_wal_record_fits(page, page, 0))
  }

  /// Whatever is cut off, records before the cut are found, and the torn one is said to be torn.
  @Test func everyTruncationCostsTheTornRecordAlone() {
    let records = randomRecords(40, seed: 5, sizeMax: 60)
    let bytes = segment(records, isClosed: false)
    let whole = FoundSegment(bytes)
    for size in 0..<bytes.count {
      let found = FoundSegment(Array(bytes[..<size]))
      let kept = whole.records.filter { $0.offset + 7 + $0.stored.count <= size }
      let isAsExpected = found.records == kept
      #expect(isAsExpected, "cut to \(size)")
      let isAtRecord = size == 0 || whole.records.contains { $0.offset == size }
      #expect(found.damages.count == (isAtRecord ? 0 : 1) && found.damages.allSatisfy { $0.isTorn }, "cut to \(size)")
    }
  }

  /// Whatever bit is flipped, at most the record it is in is lost.
  @Test func everyFlippedBitCostsOneRecord() {
    // (An empty record behind a damaged size cannot be told from other zeros, and holds nothing.)
    let records = randomRecords(12, seed: 6, sizeMax: 40).filter { !$0.stored.isEmpty }
    let bytes = segment(records)
    let whole = FoundSegment(bytes)
    let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    for place in 0..<8 * (end + 20) {
      var damaged = bytes
      damaged[place / 8] ^= 1 << (place % 8)
      let found = FoundSegment(damaged)
      let hit = whole.records.firstIndex { $0.offset <= place / 8 && place / 8 < $0.offset + 7 + $0.stored.count }
      var expected = whole.records
      if let hit { expected.remove(at: hit) }
      // (A one among the zeros behind the records begins an empty record, as Prometheus sees it, too.)
      let others = found.records.filter { record in
        record.offset < end && (hit == nil || record.offset != whole.records[hit ?? 0].offset)
      }
      let isAsExpected = others == expected
      #expect(isAsExpected, "bit \(place) flipped")
    }
  }

  /// A record over several pages that loses a part costs itself alone.
  @Test func aDamagedPageInALongRecordCostsThatRecord() {
    let records =
      randomRecords(4, seed: 7, sizeMax: 20) + [([UInt8](repeating: 3, count: 100_000), TSDB_WAL_RAW)]
      + randomRecords(4, seed: 8, sizeMax: 20)
    let bytes = segment(records)
    for page in 0..<4 {
      var damaged = bytes
      damaged[page * Int(TSDB_WAL_PAGE_SIZE) + 500] ^= 0xFF
      let found = FoundSegment(damaged)
      #expect(found.records.map(\.stored) == (records[..<4] + records[5...]).map(\.stored), "page \(page)")
      #expect(!found.damages.isEmpty)
    }
    // A page that is gone altogether.
    var damaged = bytes
    for index in Int(TSDB_WAL_PAGE_SIZE)..<2 * Int(TSDB_WAL_PAGE_SIZE) { damaged[index] = 0xAB }
    #expect(FoundSegment(damaged).records.map(\.stored) == (records[..<4] + records[5...]).map(\.stored))
  }

  @Test func zerosAtTheEndAreNoDamage() {
    let records = randomRecords(10, seed: 9, sizeMax: 100)
    let found = FoundSegment(segment(records) + [UInt8](repeating: 0, count: 100_000))
    #expect(found.damages.isEmpty && found.records.count == 10)
    // A record that was being written when its file had grown already.
    var torn = segment(records, isClosed: false)
    for index in torn.count - 3..<torn.count { torn[index] = 0 }
    let half = FoundSegment(torn + [UInt8](repeating: 0, count: 50_000))
    #expect(half.records.count == 9 && half.damages.count == 1)
  }

  /// Prometheus' own segments: each record is found, and written again they are the same bytes.
  @Test(.needsShared) func recordedSegmentsAreWrittenAgainByteForByte() throws {
    var segments = 0
    for fixture in ["head", "head-zstd", "head-uncompressed", "head-st"] {
      let data = try Fixtures.folder("prometheus/\(fixture)") + "/data"
      for path in try recordedSegments(data) {
        let bytes = try readFile(path)
        let found = FoundSegment(bytes)
        #expect(found.damages.isEmpty && !found.records.isEmpty)
        let isClosed = bytes.count % Int(TSDB_WAL_PAGE_SIZE) == 0
        let again = segment(found.records.map { ($0.stored, $0.compression) }, isClosed: isClosed)
        // (Compared as one: a difference is not printed as 64 KiB.)
        let isSame = again == bytes
        #expect(isSame, "\(path)")
        segments += 1
      }
    }
    #expect(segments >= 30)
  }

  /// Records that Prometheus wrote are written again as the same bytes.
  @Test(.needsShared) func recordedRecordsAreWrittenAgainByteForByte() throws {
    var types: [UInt8: Int] = [:]
    for path in try recordedSegments(try Fixtures.folder("prometheus/head-uncompressed") + "/data") {
      for record in FoundSegment(try readFile(path)).records {
        let again = try rewritten(record.stored)
        #expect(again == record.stored, "a record of type \(record.stored.first ?? 0) in \(path)")
        types[record.stored.first ?? 0, default: 0] += 1
      }
    }
    #expect(types.keys.sorted() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "\(types)")
  }

  private func recordedSegments(_ data: String) throws -> [String] {
    let logs = [data + "/wal", data + "/wbl"]
    let result = try runProcess("/usr/bin/find", logs + ["-name", "0*", "-type", "f"])
    return result.outputText.split(separator: "\n").map(String.init).sorted()
  }

  /// A record, read into columns and written of them.
  private func rewritten(_ record: [UInt8]) throws -> [UInt8] {
    var counts = tsdb_wal_counts()
    #expect(tsdb_wal_record_measure(record, record.count, &counts) == TSDB_OK)
    let n = counts.entries
    var refs = [UInt64](repeating: 0, count: n)
    var others = refs
    var times = [Int64](repeating: 0, count: n)
    var secondTimes = times
    var values = [Double](repeating: 0, count: n)
    var ends = [UInt32](repeating: 0, count: n)
    var types = [UInt8](repeating: 0, count: n)
    var texts = [tsdb_wal_text](repeating: tsdb_wal_text(), count: max(2 * counts.labels, 2 * n))
    var target = [UInt8](repeating: 0, count: tsdb_wal_record_size_bound(&counts, record.count))
    let capacity = target.count
    var size = 0
    var base = tsdb_wal_base()
    func good(_ status: tsdb_status) { #expect(status == TSDB_OK) }
    switch UInt32(record[0]) {
    case TSDB_WAL_SERIES.rawValue:
      good(tsdb_wal_series_read(record, record.count, &counts, &refs, &ends, &texts))
      good(tsdb_wal_series_write(refs, ends, texts, record, n, &target, capacity, &size))
    case TSDB_WAL_SAMPLES.rawValue:
      good(tsdb_wal_samples_read(record, record.count, &counts, &refs, &times, nil, &values, nil))
      good(tsdb_wal_samples_write(refs, times, nil, values, n, &target, capacity, &size))
    case TSDB_WAL_TOMBSTONES.rawValue:
      good(tsdb_wal_tombstones_read(record, record.count, &counts, &refs, &times, &secondTimes))
      good(tsdb_wal_tombstones_write(refs, times, secondTimes, n, &target, capacity, &size))
    case TSDB_WAL_EXEMPLARS.rawValue:
      good(tsdb_wal_exemplars_read(record, record.count, &counts, &refs, &times, &values, &ends, &texts, nil))
      good(tsdb_wal_exemplars_write(refs, times, values, ends, texts, record, n, &target, capacity, &size))
    case TSDB_WAL_MMAP_MARKERS.rawValue:
      good(tsdb_wal_markers_read(record, record.count, &counts, &refs, &others))
      good(tsdb_wal_markers_write(refs, others, n, &target, capacity, &size))
    case TSDB_WAL_METADATA.rawValue:
      good(tsdb_wal_metadata_read(record, record.count, &counts, &refs, &types, &texts))
      good(tsdb_wal_metadata_write(refs, types, texts, record, n, &target, capacity, &size))
    default:
      let columns = allocateColumns(counts)
      defer { free(columns) }
      good(withUnsafePointer(to: columns) { tsdb_wal_histograms_read(record, record.count, &counts, $0, &base) })
      good(
        withUnsafePointer(to: columns) {
          tsdb_wal_histograms_write(record[0], $0, n, &base, &target, capacity, &size)
        })
    }
    return Array(target[..<size])
  }

  private func allocateColumns(_ counts: tsdb_wal_counts) -> tsdb_wal_histograms {
    func room<T>(_ count: Int) -> UnsafeMutablePointer<T> { .allocate(capacity: max(1, count)) }
    let n = counts.entries
    return tsdb_wal_histograms(
      series_refs: room(n), timestamps_ms: room(n), start_timestamps_ms: room(n), reset_hints: room(n),
      schemas: room(n), zero_thresholds: room(n), sums: room(n), zero_counts: room(n), counts: room(n),
      positive_span_ends: room(n), negative_span_ends: room(n), positive_bucket_ends: room(n),
      negative_bucket_ends: room(n), bound_ends: room(n), spans: room(counts.spans), buckets: room(counts.buckets),
      bounds: room(counts.bounds))
  }

  private func free(_ columns: tsdb_wal_histograms) {
    for pointer in [
      UnsafeMutableRawPointer(columns.series_refs), UnsafeMutableRawPointer(columns.timestamps_ms),
      UnsafeMutableRawPointer(columns.start_timestamps_ms), UnsafeMutableRawPointer(columns.reset_hints),
      UnsafeMutableRawPointer(columns.schemas), UnsafeMutableRawPointer(columns.zero_thresholds),
      UnsafeMutableRawPointer(columns.sums), UnsafeMutableRawPointer(columns.zero_counts),
      UnsafeMutableRawPointer(columns.counts), UnsafeMutableRawPointer(columns.positive_span_ends),
      UnsafeMutableRawPointer(columns.negative_span_ends), UnsafeMutableRawPointer(columns.positive_bucket_ends),
      UnsafeMutableRawPointer(columns.negative_bucket_ends), UnsafeMutableRawPointer(columns.bound_ends),
      UnsafeMutableRawPointer(columns.spans), UnsafeMutableRawPointer(columns.buckets),
      UnsafeMutableRawPointer(columns.bounds),
    ] { pointer?.deallocate() }
  }
}
