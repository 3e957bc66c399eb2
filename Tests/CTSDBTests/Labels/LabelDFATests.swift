import CTSDB
import TestSupport
import Testing

/// Values in memory of exactly their size, with `gap` bytes between them.
private final class Values {
  let bytes: UnsafeMutablePointer<UInt8>
  let size: Int
  let slices: [tsdb_label_slice]

  init(_ values: [[UInt8]], gap: [UInt8] = []) {
    var all: [UInt8] = []
    var slices: [tsdb_label_slice] = []
    for (index, value) in values.enumerated() {
      if index > 0 { all += gap }
      slices.append(tsdb_label_slice(offset: UInt32(all.count), size: UInt32(value.count)))
      all += value
    }
    size = all.count
    bytes = .allocate(capacity: max(1, all.count))
    bytes.initialize(from: all, count: all.count)
    self.slices = slices
  }
  deinit { bytes.deallocate() }
}

@Suite struct LabelFindTests {
  @Test func bothSearchesFindWhatIsThere() {
    var random = SplitMix64(seed: 11)
    for round in 0..<400 {
      let alphabet = round % 2 == 0 ? 2 : 3
      let values = (0..<random.below(60)).map { _ in
        (0..<random.below(30)).map { _ in UInt8(97 + random.below(alphabet)) }
      }
      let needle = (0...random.below(6)).map { _ in UInt8(97 + random.below(alphabet)) }
      let laidOut = Values(values, gap: [97, 98])
      let expected = values.indices.filter { index in
        values[index].count >= needle.count
          && (0...values[index].count - needle.count).contains { values[index][$0...].starts(with: needle) }
      }
      for find in [tsdb_label_find, tsdb_label_find_portable] {
        var indices = [UInt32](repeating: 0, count: values.count)
        var count = -1
        #expect(
          find(
            laidOut.bytes, laidOut.size, laidOut.slices, values.count, needle, needle.count, &indices, values.count,
            &count)
            == TSDB_OK)
        #expect(indices.prefix(count).map { Int($0) } == expected)
      }
      var indices = [UInt32](repeating: 0, count: values.count)
      var count = -1
      let status = tsdb_label_find_suffix(
        laidOut.bytes, laidOut.size, laidOut.slices, values.count, needle, needle.count, needle.count + 1, &indices,
        values.count, &count)
      #expect(status == TSDB_OK)
      #expect(
        indices.prefix(count).map { Int($0) }
          == values.indices.filter {
            values[$0].count > needle.count && values[$0].suffix(needle.count).elementsEqual(needle)
          })
    }
  }

  @Test func mistakesAreRefused() {
    let values = Values([[97, 98], [99]])
    var indices: [UInt32] = [0, 0]
    var count = -1
    #expect(tsdb_label_find(values.bytes, 3, values.slices, 2, [], 0, &indices, 2, &count) == TSDB_ERR_ARGUMENT)
    #expect(tsdb_label_find(values.bytes, 3, values.slices, 2, [99], 1, &indices, 1, &count) == TSDB_ERR_CAPACITY)
    #expect(tsdb_label_find(values.bytes, 2, values.slices, 2, [99], 1, &indices, 2, &count) == TSDB_ERR_REFERENCE)
    #expect(
      tsdb_label_find_suffix(values.bytes, 2, values.slices, 2, [99], 1, 1, &indices, 2, &count) == TSDB_ERR_REFERENCE)
    #expect(
      tsdb_label_find_suffix(values.bytes, 3, values.slices, 2, [], 0, 1, &indices, 2, &count) == TSDB_ERR_ARGUMENT)
    #expect(tsdb_label_find(values.bytes, 3, values.slices, 0, [99], 1, &indices, 0, &count) == TSDB_OK)
    #expect(count == 0)
  }
}

/// `a.*|b`: rows dead, everything, start, after b; classes a, b, other, end.
private let rows: [UInt32] = [0, 0, 0, 0, 4, 4, 4, 1, 4, 12, 0, 0, 0, 0, 0, 1]

private func withAutomaton<R>(
  _ rows: [UInt32], rowCount: UInt32 = 4, classCount: UInt32 = 4, start: UInt32 = 8, aClass: UInt8 = 0,
  _ body: (UnsafePointer<tsdb_label_dfa>) -> R
) -> R {
  var classes = [UInt8](repeating: 2, count: 256)
  classes[97] = aClass
  classes[98] = 1
  return classes.withUnsafeBufferPointer { classes in
    rows.withUnsafeBufferPointer { rows in
      var dfa = tsdb_label_dfa(
        class_of_byte: classes.baseAddress, rows: rows.baseAddress, row_count: rowCount, class_count: classCount,
        start: start)
      return body(&dfa)
    }
  }
}

@Suite struct LabelDFATests {
  @Test func manyValuesMatchAsOne() {
    let texts: [[UInt8]] = [[], [97], [98], [98, 98], [97, 0, 1], [99], [97, 97, 97, 97, 97, 97], [98, 97], [98]]
    for count in 0...texts.count {
      let values = Values(Array(texts[..<count]))
      withAutomaton(rows) { dfa in
        #expect(tsdb_label_dfa_validate(dfa) == TSDB_OK)
        let expected = (0..<count).filter { [1, 2, 4, 6, 8].contains($0) }
        #expect((0..<count).filter { tsdb_label_dfa_matches(dfa, texts[$0], texts[$0].count) } == expected)
        var indices = [UInt32](repeating: 0, count: count)
        var found = -1
        #expect(
          tsdb_label_dfa_match_many(
            dfa, values.bytes, values.size, values.slices, count, nil, 0, &indices, count, &found) == TSDB_OK)
        #expect(indices.prefix(found).map { Int($0) } == expected)
        if count > 0 {
          #expect(
            tsdb_label_dfa_match_many(
              dfa, values.bytes, values.size, values.slices, count, nil, 0, &indices, count - 1, &found)
              == TSDB_ERR_CAPACITY)
        }
      }
    }
    withAutomaton(rows) { dfa in
      let values = Values(texts)
      var candidates: [UInt32] = [2, 3, 6]
      var found = -1
      candidates.withUnsafeMutableBufferPointer { list in
        let status = tsdb_label_dfa_match_many(
          dfa, values.bytes, values.size, values.slices, texts.count, list.baseAddress, 3, list.baseAddress, 3, &found)
        #expect(status == TSDB_OK)
      }
      #expect(Array(candidates.prefix(found)) == [2, 6])
      var outside: [UInt32] = [9]
      let status = tsdb_label_dfa_match_many(
        dfa, values.bytes, values.size, values.slices, texts.count, [9], 1, &outside, 1, &found)
      #expect(status == TSDB_ERR_REFERENCE)
    }
  }

  @Test func tablesThatLeadOutsideAreRefused() {
    func refused(_ change: (inout [UInt32]) -> Void) -> Bool {
      var changed = rows
      change(&changed)
      return withAutomaton(changed) { tsdb_label_dfa_validate($0) } == TSDB_ERR_ARGUMENT
    }
    #expect(refused { $0[8] = 16 })
    #expect(refused { $0[8] = 5 })
    #expect(refused { $0[11] = 2 })
    #expect(refused { $0[0] = 4 })
    #expect(refused { $0[5] = 0 })
    #expect(refused { $0[3] = 1 })
    #expect(refused { $0[7] = 0 })
    #expect(!refused { $0[10] = 8 })
    #expect(withAutomaton(rows, rowCount: 1) { tsdb_label_dfa_validate($0) } == TSDB_ERR_ARGUMENT)
    #expect(withAutomaton(rows, classCount: 1) { tsdb_label_dfa_validate($0) } == TSDB_ERR_ARGUMENT)
    #expect(withAutomaton(rows, start: 16) { tsdb_label_dfa_validate($0) } == TSDB_ERR_ARGUMENT)
    #expect(withAutomaton(rows, start: 9) { tsdb_label_dfa_validate($0) } == TSDB_ERR_ARGUMENT)
    #expect(withAutomaton(rows, aClass: 3) { tsdb_label_dfa_validate($0) } == TSDB_ERR_ARGUMENT)
  }
}
