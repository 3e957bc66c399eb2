// The index readers in C with destinations that are too small: an error that says so, and a way to go on.
import CTSDB
import Testing

@Suite("Index readers with little room") struct IndexCapacityTests {
  static func uvarint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128), UInt8(value >> 7)]
  }
  static func text(_ text: String) -> [UInt8] { uvarint(text.utf8.count) + Array(text.utf8) }
  static func be(_ value: Int) -> [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }

  @Test func symbolsNeedRoomForEvery32ndOffset() {
    let words = (0..<100).map { "s" + String(1000 + $0) }
    let content = Self.be(words.count) + words.flatMap(Self.text)
    var (count, stopped): (UInt32, UInt32) = (0, 0)
    var samples = [UInt32](repeating: 0, count: 4)
    #expect(tsdb_index_samples_bound(100) == 4)
    #expect(
      tsdb_index_symbols_open(content, content.count, &samples, 3, &count, &stopped) == TSDB_ERR_CAPACITY)
    #expect(tsdb_index_symbols_open(content, content.count, &samples, 4, &count, &stopped) == TSDB_OK)
    var offsets = [UInt32](repeating: 0, count: 100)
    #expect(tsdb_index_symbols_offsets(content, content.count, 100, &offsets, 99) == TSDB_ERR_CAPACITY)
    #expect(tsdb_index_symbols_offsets(content, content.count, 100, &offsets, 100) == TSDB_OK)
    #expect(samples == [offsets[0], offsets[32], offsets[64], offsets[96]])
    // A count one too small or too large is noticed.
    for wrong in [99, 101] {
      let bytes = Self.be(wrong) + content.dropFirst(4)
      #expect(tsdb_index_symbols_open(bytes, bytes.count, &samples, 4, &count, &stopped) == TSDB_ERR_COUNT)
    }
  }

  @Test func aTableScanGoesOnWhereRoomRanOut() {
    var entries: [UInt8] = []
    var total = 0
    for name in 0..<9 {
      for value in 0..<(name * 17 + 1) {
        entries += [2] + Self.text("name\(name)") + Self.text("value" + String(1000 + value)) + Self.uvarint(5 + total)
        total += 1
      }
    }
    let content = Self.be(total) + entries
    func scan(step: Int) -> ([(Int, UInt32)], [UInt32], Int) {
      var names: [tsdb_index_name] = []
      var samples: [UInt32] = []
      var scan = tsdb_index_scan()
      var rounds = 0
      while true {
        rounds += 1
        names += [tsdb_index_name](repeating: tsdb_index_name(), count: step)
        samples += [UInt32](repeating: 0, count: step)
        let status = tsdb_index_names_scan(
          &scan, content, content.count, 1 << 20, &names, names.count, &samples, samples.count)
        if status == TSDB_ERR_CAPACITY { continue }
        #expect(status == TSDB_OK)
        break
      }
      let found = names.prefix(Int(scan.names_count)).map { (Int($0.value_count), $0.entries_end) }
      return (found, Array(samples.prefix(Int(scan.samples_count))), rounds)
    }
    let (names, samples, rounds) = scan(step: 1000)
    #expect(rounds == 1)
    #expect(names.map(\.0) == (0..<9).map { $0 * 17 + 1 })
    for step in 1...3 {
      let (again, samplesAgain, rounds) = scan(step: step)
      #expect(rounds > 1)
      #expect(again.map(\.1) == names.map(\.1) && samplesAgain == samples)
    }
    // A list at or behind the end of the lists is an error.
    var (scan, name, sample) = (tsdb_index_scan(), tsdb_index_name(), UInt32(0))
    #expect(tsdb_index_names_scan(&scan, content, content.count, 5, &name, 1, &sample, 1) == TSDB_ERR_REFERENCE)
  }

  @Test func aSeriesEncoderNeedsItsBoundAndNoMore() {
    let ids: [UInt32] = [0, .max, 1, 1 << 20]
    let chunks = [
      tsdb_chunk_meta(min_time_ms: .min, max_time_ms: -1, ref: .max - 1),
      tsdb_chunk_meta(min_time_ms: 0, max_time_ms: .max, ref: .max),
    ]
    ids.withUnsafeBufferPointer { ids in
      chunks.withUnsafeBufferPointer { chunks in
        var entry = tsdb_series_entry(
          label_ids: ids.baseAddress, pairs_count: 2, chunks: chunks.baseAddress, chunks_count: 2)
        let bound = tsdb_index_series_bound(2, 2)
        var bytes = [UInt8](repeating: 0, count: bound)
        var size = 0
        #expect(tsdb_index_series_encode(&entry, &bytes, bound - 1, &size) == TSDB_ERR_CAPACITY)
        #expect(tsdb_index_series_encode(&entry, &bytes, bound, &size) == TSDB_OK)
        #expect(size <= bound)
      }
    }
  }
}
