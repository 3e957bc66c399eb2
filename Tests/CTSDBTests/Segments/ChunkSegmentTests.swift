import CTSDB
import TestSupport
import Testing

private func record(_ encoding: UInt8, _ data: [UInt8]) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: tsdb_chunk_record_bound(UInt32(data.count)))
  var size = 0
  #expect(
    tsdb_chunk_record_write(encoding, data, UInt32(data.count), &bytes, bytes.count - 1, &size) == TSDB_ERR_CAPACITY)
  #expect(tsdb_chunk_record_write(encoding, data, UInt32(data.count), &bytes, bytes.count, &size) == TSDB_OK)
  #expect(size == bytes.count)
  return bytes
}

private func read(_ bytes: [UInt8]) -> (tsdb_status, tsdb_chunk_record) {
  let source = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
  defer { source.deallocate() }
  source.initialize(from: bytes, count: bytes.count)
  var record = tsdb_chunk_record()
  return (tsdb_chunk_record_read(source, bytes.count, &record), record)
}

private func validate(_ bytes: [UInt8]) -> (status: tsdb_status, count: Int, offset: Int, reason: String) {
  var (count, offset): (Int, Int) = (0, 0)
  var reason: UnsafePointer<CChar>?
  let status = tsdb_segment_validate(bytes, bytes.count, &count, &offset, &reason)
  return (status, count, offset, reason.map { String(cString: $0) } ?? "")
}

private let header: [UInt8] = [0x85, 0xBD, 0x40, 0xDD, 1, 0, 0, 0]

@Suite struct ChunkSegmentTests {
  @Test func theHeaderIsEightBytes() {
    var bytes = [UInt8](repeating: 0xFF, count: 8)
    #expect(tsdb_segment_header_write(&bytes, 7) == TSDB_ERR_CAPACITY)
    #expect(tsdb_segment_header_write(&bytes, 8) == TSDB_OK)
    #expect(bytes == header)
    for length in 0..<8 { #expect(tsdb_segment_header_check(bytes, length) == TSDB_ERR_TRUNCATED) }
    for bit in 0..<40 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(tsdb_segment_header_check(flipped, 8) == (bit < 32 ? TSDB_ERR_MAGIC : TSDB_ERR_VERSION))
    }
  }

  /// The first record of a segment that Prometheus wrote: one sample (0, 0) and a byte of padding.
  @Test func readsWhatPrometheusWrote() {
    let bytes: [UInt8] = [0x0C, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1B, 0xF8, 0x6A, 0x40]
    let (status, found) = read(bytes)
    #expect(status == TSDB_OK && found.encoding == 1 && found.data_size == 12 && found.data_offset == 2)
    #expect(record(1, Array(bytes[2..<14])) == bytes)
  }

  @Test func roundTripsAtEveryLengthOfTheLength() {
    for size in [0, 1, 127, 128, 16383, 16384, 2_097_151, 2_097_152] {
      let data = [UInt8](repeating: 0x5A, count: size)
      let (status, found) = read(record(0xFF, data))
      #expect(status == TSDB_OK && Int(found.data_size) == size && found.encoding == 0xFF)
      #expect(found.record_size - size <= Int(TSDB_CHUNK_RECORD_OVERHEAD_MAX))
    }
  }

  @Test func everyTruncationAndEveryFlippedBitIsRefused() {
    let bytes = record(1, (0..<200).map { UInt8($0) })
    for length in 0..<bytes.count { #expect(read(Array(bytes[..<length])).0 == TSDB_ERR_TRUNCATED) }
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(read(flipped).0 != TSDB_OK, "bit \(bit)")
    }
  }

  @Test func impossibleLengthsAreRefused() {
    #expect(read([UInt8](repeating: 0xFF, count: 10)).0 == TSDB_ERR_MALFORMED)
    #expect(read([0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 1, 2, 3]).0 == TSDB_ERR_MALFORMED)
    #expect(read([0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 2, 3]).0 == TSDB_ERR_TRUNCATED)
    var size = 0
    #expect(tsdb_chunk_record_size([0xFF, 0xFF, 0xFF, 0xFF, 0x0F], 5, &size) == TSDB_OK)
    #expect(size == 5 + 1 + Int(UInt32.max) + 4)
    #expect(tsdb_chunk_record_size([0xFF, 0xFF], 2, &size) == TSDB_ERR_TRUNCATED)
    #expect(tsdb_chunk_record_size([], 0, &size) == TSDB_ERR_TRUNCATED)
  }

  @Test func chunksMustBeKnownAndHaveSamples() {
    for encoding in 1...6 {
      #expect(tsdb_chunk_check(UInt8(encoding), [0, 1, 9], 3) == TSDB_OK)
      #expect(tsdb_chunk_check(UInt8(encoding), [0, 0, 9], 3) == TSDB_ERR_MALFORMED)
      #expect(tsdb_chunk_check(UInt8(encoding), [0], 1) == TSDB_ERR_TRUNCATED)
      // The two upper bits belong to the counter or, with start timestamps, to the reset header.
      #expect(tsdb_chunk_check(UInt8(encoding), [0xC0, 0, 9], 3) == (encoding >= 5 ? TSDB_ERR_MALFORMED : TSDB_OK))
    }
    #expect(tsdb_chunk_check(0xFF, [0], 1) == TSDB_OK)
    #expect(tsdb_chunk_check(0xFF, [], 0) == TSDB_ERR_TRUNCATED)
    for encoding: UInt8 in [0, 7, 0x7F, 0x81, 0xFE] {
      #expect(tsdb_chunk_check(encoding, [0, 1, 9], 3) == TSDB_ERR_ENCODING)
    }
  }

  @Test func findsManyChunksInAPartOfASegment() {
    let chunks = (0..<20).map { record(1, [0, 1] + [UInt8](repeating: UInt8($0), count: $0 * 3)) }
    var segment = header
    var refs: [UInt64] = []
    for chunk in chunks {
      refs.append(7 << 32 | UInt64(segment.count))
      segment += chunk
    }
    let start = Int(refs[5] & 0xFFFF)
    let part = Array(segment[start...])
    var data = [UnsafePointer<UInt8>?](repeating: nil, count: 20)
    var sizes = [UInt32](repeating: 0, count: 20)
    var encodings = [UInt8](repeating: 0, count: 20)
    var done = 0
    func locate(_ wanted: [UInt64], _ size: Int) -> tsdb_status {
      part.withUnsafeBufferPointer {
        tsdb_chunk_records_locate(
          $0.baseAddress, size, UInt64(start), wanted, wanted.count, &data, &sizes, &encodings, &done)
      }
    }
    #expect(locate(Array(refs[5...]), part.count) == TSDB_OK)
    #expect(done == 15 && sizes[..<15].map { Int($0) } == (5..<20).map { 2 + 3 * $0 })
    #expect(locate(Array(refs[5...]), part.count - 1) == TSDB_ERR_TRUNCATED && done == 14)
    #expect(locate([refs[6], refs[4]], part.count) == TSDB_ERR_REFERENCE && done == 1)
    #expect(locate([refs[6], UInt64(segment.count)], part.count) == TSDB_ERR_REFERENCE)
    #expect(locate([4], part.count) == TSDB_ERR_REFERENCE)
    #expect(locate([refs[6] + 1], part.count) != TSDB_OK)
  }

  @Test func validationReadsOnUntilTheFirstDefect() {
    var segment = header + record(1, [0, 1, 2]) + record(2, [0, 1, 2, 3])
    #expect(validate(segment).status == TSDB_OK && validate(segment).count == 2)
    let whole = segment
    for length in 0..<segment.count {
      let result = validate(Array(segment[..<length]))
      #expect([8, 17].contains(length) ? result.status == TSDB_OK : result.status == TSDB_ERR_TRUNCATED)
      #expect(result.offset <= length && result.reason.isEmpty == (result.status == TSDB_OK))
    }
    segment[20] ^= 1
    let result = validate(segment)
    #expect(result.status == TSDB_ERR_CHECKSUM && result.count == 1 && result.offset == 17)
    #expect(result.reason == "the checksum of a chunk does not match")
    for bit in 0..<whole.count * 8 {
      var flipped = whole
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let result = validate(flipped)
      #expect(result.status != TSDB_OK || bit / 8 >= 5 && bit / 8 < 8)
    }
  }

  /// Segments that a model of the rule cuts, chunk by chunk, for random groups: see docs/formats/chunk-segments.md.
  @Test func cutsWhereTheRuleSays() {
    var cutter = tsdb_segment_cutter()
    // One group, fresh segment: estimates of 20 + 10 each; 8 + 3·30 = 98 fits 100, the fourth does not.
    tsdb_segment_cutter_begin(&cutter, 100, 8)
    #expect(
      (0..<7).map { _ in tsdb_segment_cutter_next(&cutter, 20) } == [false, false, false, true, false, false, true])
    // The segment holds 71 bytes already: one of 29 goes in (100), one of 30 does not.
    tsdb_segment_cutter_begin(&cutter, 100, 71)
    #expect(!tsdb_segment_cutter_next(&cutter, 19))
    tsdb_segment_cutter_begin(&cutter, 100, 71)
    #expect(tsdb_segment_cutter_next(&cutter, 20))
    // A chunk larger than any segment goes into a fresh one alone, and makes no empty segment.
    tsdb_segment_cutter_begin(&cutter, 100, 8)
    #expect([1000, 1000, 1].map { tsdb_segment_cutter_next(&cutter, $0) } == [false, true, true])
    tsdb_segment_cutter_begin(&cutter, 100, 50)
    #expect([1000, 5].map { tsdb_segment_cutter_next(&cutter, $0) } == [true, true])
  }
}
