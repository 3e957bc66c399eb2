import CTSDB
import TestSupport
import Testing

/// Stored references in memory of exactly their size, so that the address sanitizer notices any read beyond.
private final class StoredList {
  let bytes: UnsafeMutablePointer<UInt8>
  let count: Int

  init(_ refs: [UInt32]) {
    count = refs.count
    bytes = .allocate(capacity: max(1, 4 * refs.count))
    for (index, ref) in refs.enumerated() {
      for part in 0..<4 { bytes[4 * index + part] = UInt8(truncatingIfNeeded: ref >> (24 - 8 * part)) }
    }
  }
  deinit { bytes.deallocate() }
  var list: tsdb_postings { tsdb_postings_stored(bytes, count) }
}

/// The same references in the machine's order.
private final class NativeList {
  let refs: UnsafeMutablePointer<UInt32>
  let count: Int

  init(_ refs: [UInt32]) {
    count = refs.count
    self.refs = .allocate(capacity: max(1, refs.count))
    self.refs.initialize(from: refs, count: refs.count)
  }
  deinit { refs.deallocate() }
  var list: tsdb_postings { tsdb_postings_native(refs, count) }
}

private typealias Operation = (
  tsdb_postings, tsdb_postings, UnsafeMutablePointer<UInt32>?, Int, UnsafeMutablePointer<Int>?
) -> tsdb_status

/// Runs `operation` into a destination of exactly `capacity`; nil where it is refused.
private func run(_ operation: Operation, _ a: tsdb_postings, _ b: tsdb_postings, capacity: Int) -> [UInt32]? {
  let target = NativeList([UInt32](repeating: 0xDEAD_BEEF, count: capacity))
  var count = 0
  guard operation(a, b, target.refs, capacity, &count) == TSDB_OK else {
    #expect(count == 0)
    return nil
  }
  #expect(count <= capacity)
  return Array(UnsafeBufferPointer(start: target.refs, count: count))
}

/// All four combinations of byte orders, both variants, against Swift's own sets.
private func compare(_ a: [UInt32], _ b: [UInt32], sourceLocation: SourceLocation = #_sourceLocation) {
  let (setA, setB) = (Set(a), Set(b))
  let both = setA.intersection(setB).sorted()
  let onlyA = setA.subtracting(setB).sorted()
  let (storedA, nativeA, storedB, nativeB) = (StoredList(a), NativeList(a), StoredList(b), NativeList(b))
  for left in [storedA.list, nativeA.list] {
    for right in [storedB.list, nativeB.list] {
      for operation in [tsdb_postings_intersect, tsdb_postings_intersect_portable] {
        let bound = tsdb_postings_intersect_bound(a.count, b.count)
        #expect(run(operation, left, right, capacity: bound) == both, sourceLocation: sourceLocation)
        if bound > 0 {
          #expect(run(operation, left, right, capacity: bound - 1) == nil, sourceLocation: sourceLocation)
        }
      }
      for operation in [tsdb_postings_subtract, tsdb_postings_subtract_portable] {
        #expect(run(operation, left, right, capacity: a.count) == onlyA, sourceLocation: sourceLocation)
        if !a.isEmpty {
          #expect(run(operation, left, right, capacity: a.count - 1) == nil, sourceLocation: sourceLocation)
        }
      }
    }
  }
}

private func union(_ lists: [tsdb_postings]) -> [UInt32]? {
  let bound = tsdb_postings_union_bound(lists, lists.count)
  let scratchBound = tsdb_postings_union_scratch_bound(lists, lists.count)
  let target = NativeList([UInt32](repeating: 0, count: bound))
  let scratch = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, scratchBound))
  scratch.initialize(repeating: 0xDEAD_BEEF, count: max(1, scratchBound))
  defer { scratch.deallocate() }
  var count = 0
  if bound > 0 {
    #expect(
      tsdb_postings_union(lists, lists.count, target.refs, bound - 1, scratch, scratchBound, &count)
        == TSDB_ERR_CAPACITY)
    #expect(
      tsdb_postings_union(lists, lists.count, target.refs, bound, scratch, scratchBound - 1, &count)
        == TSDB_ERR_CAPACITY)
  }
  guard tsdb_postings_union(lists, lists.count, target.refs, bound, scratch, scratchBound, &count) == TSDB_OK else {
    return nil
  }
  return Array(UnsafeBufferPointer(start: target.refs, count: count))
}

private func intersection(_ lists: [tsdb_postings]) -> [UInt32]? {
  var lists = lists
  let bound = tsdb_postings_intersect_many_bound(lists, lists.count)
  let (target, scratch) = (
    NativeList([UInt32](repeating: 0, count: bound)), NativeList([UInt32](repeating: 0, count: bound))
  )
  var count = 0
  if bound > 0 {
    #expect(
      tsdb_postings_intersect_many(&lists, lists.count, target.refs, bound - 1, scratch.refs, bound, &count)
        == TSDB_ERR_CAPACITY)
    #expect(
      tsdb_postings_intersect_many(&lists, lists.count, target.refs, bound, scratch.refs, bound - 1, &count)
        == TSDB_ERR_CAPACITY)
  }
  guard
    tsdb_postings_intersect_many(&lists, lists.count, target.refs, bound, scratch.refs, bound, &count) == TSDB_OK
  else { return nil }
  return Array(UnsafeBufferPointer(start: target.refs, count: count))
}

private func randomList(count: Int, below bound: Int, _ random: inout SplitMix64) -> [UInt32] {
  (0..<count).map { _ in UInt32(random.below(bound)) }.sorted()
}

@Suite struct PostingsTests {
  @Test func allSmallSizesAgreeWithSets() {
    var random = SplitMix64(seed: 1)
    for aCount in 0...100 {
      for bCount in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, aCount] {
        // Narrow ranges repeat references, wide ones have none in common.
        for bound in [3, 60, 200, 100_000] {
          compare(randomList(count: aCount, below: bound, &random), randomList(count: bCount, below: bound, &random))
        }
      }
    }
  }

  @Test func adversarialListsAgreeWithSets() {
    let ascending = (0..<1000).map { UInt32($0) }
    let extremes: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF]
    let lists: [[UInt32]] = [
      [], [0], [UInt32.max], extremes, ascending, ascending.map { $0 * 2 }, ascending.map { $0 * 2 + 1 },
      ascending.map { $0 + 5000 }, ascending.map { $0 &* 4_294_967 }, [UInt32](repeating: 7, count: 300),
      ascending.map { $0 / 10 }, ascending.map { $0 / 8 * 8 + 7 }, Array(ascending[990...]), Array(ascending[..<9]),
      (0..<40_000).map { UInt32($0) * 3 }, (0..<9).map { UInt32($0) * 13_333 },
    ]
    for a in lists {
      for b in lists { compare(a, b) }
    }
  }

  @Test func skewedListsAgreeWithSets() {
    var random = SplitMix64(seed: 2)
    for (aCount, bCount) in [(3, 20_000), (50, 20_000), (400, 20_000), (800, 20_000), (20_000, 900), (5000, 5000)] {
      for bound in [20_000, 1_000_000, 4_000_000_000] {
        compare(randomList(count: aCount, below: bound, &random), randomList(count: bCount, below: bound, &random))
      }
    }
  }

  @Test func manyListsAgreeWithSets() throws {
    var random = SplitMix64(seed: 3)
    for round in 0..<300 {
      let bound = [40, 1000, 100_000, 4_000_000_000][round % 4]
      let lists = (0..<random.below(9)).map { _ in randomList(count: random.below(200), below: bound, &random) }
      let stored = lists.map { StoredList($0) }
      let native = lists.map { NativeList($0) }
      let mixed = (0..<lists.count).map { random.next() % 2 == 0 ? stored[$0].list : native[$0].list }
      #expect(union(mixed) == Set(lists.joined()).sorted())
      var common = Set(lists.first ?? [])
      for list in lists { common.formIntersection(list) }
      #expect(intersection(mixed) == common.sorted())
    }
  }

  @Test func unionOfAThousandSparseListsNeedsNoRecursion() throws {
    var random = SplitMix64(seed: 4)
    let lists = (0..<1000).map { _ in randomList(count: 5, below: 4_000_000_000, &random) }
    let stored = lists.map { StoredList($0) }
    #expect(union(stored.map(\.list)) == Set(lists.joined()).sorted())
  }

  @Test func decodingReadsBigEndian() {
    var random = SplitMix64(seed: 5)
    for count in 0...70 {
      let refs = (0..<count).map { _ in UInt32(truncatingIfNeeded: random.next()) }
      let stored = StoredList(refs)
      for decode in [tsdb_postings_decode, tsdb_postings_decode_portable] {
        let target = NativeList([UInt32](repeating: 0, count: count))
        var decoded = 0
        #expect(decode(stored.list, target.refs, count, &decoded) == TSDB_OK)
        #expect(Array(UnsafeBufferPointer(start: target.refs, count: decoded)) == refs)
        if count > 0 { #expect(decode(stored.list, target.refs, count - 1, &decoded) == TSDB_ERR_CAPACITY) }
      }
    }
  }

  @Test func listsThatAreNotAscendingStayInsideTheBuffers() {
    var random = SplitMix64(seed: 6)
    for _ in 0..<500 {
      let a = StoredList((0..<random.below(300)).map { _ in UInt32(random.below(100)) })
      let b = StoredList((0..<random.below(300)).map { _ in UInt32(random.below(100)) })
      for operation in [
        tsdb_postings_intersect, tsdb_postings_intersect_portable, tsdb_postings_subtract,
        tsdb_postings_subtract_portable,
      ] {
        _ = run(operation, a.list, b.list, capacity: a.count)
        _ = run(operation, b.list, a.list, capacity: b.count)
      }
      _ = union([a.list, b.list])
    }
  }

  @Test func validationNamesTheFirstOffender() {
    for (refs, status, index) in [
      ([], TSDB_OK, 0), ([5], TSDB_OK, 0), ([1, 2, 9], TSDB_OK, 0), ([1, 2, 2, 1], TSDB_ERR_ORDER, 2),
      ([3, 2], TSDB_ERR_ORDER, 1),
    ] as [([UInt32], tsdb_status, Int)] {
      let stored = StoredList(refs)
      var offender = -1
      #expect(tsdb_postings_validate(stored.bytes, 4 * refs.count, &offender) == status)
      #expect(offender == index)
    }
    var offender = 0
    let odd = StoredList([1, 2])
    withExtendedLifetime(odd) { #expect(tsdb_postings_validate(odd.bytes, 7, &offender) == TSDB_ERR_TRUNCATED) }
  }
}

/// A list with its frame.
private func framed(_ refs: [UInt32]) -> [UInt8] {
  func be32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
  let content = be32(UInt32(refs.count)) + refs.flatMap(be32)
  return be32(UInt32(content.count)) + content + be32(tsdb_crc32c(0, content, content.count))
}

@Suite struct FramedPostingsTests {
  @Test func everyTruncationAndEveryFlippedBitIsAnError() {
    let whole = framed([5, 9, 400])
    var list = tsdb_postings()
    #expect(tsdb_postings_open(whole, whole.count, true, &list) == TSDB_OK)
    #expect(list.count == 3)
    for size in 0..<whole.count {
      #expect(tsdb_postings_open(Array(whole[..<size]), size, true, &list) == TSDB_ERR_TRUNCATED)
      #expect(list.count == 0)
    }
    for bit in 0..<(8 * whole.count) {
      var damaged = whole
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(tsdb_postings_open(damaged, damaged.count, true, &list) != TSDB_OK)
    }
  }

  @Test func adjacentListsAreCountedWithoutReadingThem() {
    let lists: [[UInt32]] = [[1, 2, 3], [], [9]]
    var (bytes, offsets): ([UInt8], [UInt64]) = ([], [])
    for list in lists {
      offsets.append(500 + UInt64(bytes.count))
      bytes += framed(list)
    }
    var count: UInt64 = 0
    #expect(tsdb_postings_stored_count(bytes, bytes.count, 500, offsets, 3, &count) == TSDB_OK)
    #expect(count == 4)
    #expect(tsdb_postings_stored_count(bytes, bytes.count, 500, [], 0, &count) == TSDB_OK)
    #expect(count == 0)
    #expect(tsdb_postings_stored_count(bytes, bytes.count, 500, [offsets[0], offsets[2]], 2, &count) == TSDB_ERR_ORDER)
    #expect(tsdb_postings_stored_count(bytes, bytes.count, 500, [offsets[1], offsets[0]], 2, &count) == TSDB_ERR_ORDER)
    #expect(tsdb_postings_stored_count(bytes, bytes.count - 1, 500, offsets, 3, &count) == TSDB_ERR_TRUNCATED)
    #expect(tsdb_postings_stored_count(bytes, bytes.count, 501, offsets, 3, &count) == TSDB_ERR_TRUNCATED)
    #expect(count == 0)
  }

  @Test func bitmapsCollectManyStoredLists() {
    let lists: [[UInt32]] = [[64, 65, 127, 128], [], [70, 6400], [64, 6463]]
    var bytes: [UInt8] = []
    var offsets: [UInt64] = []
    for list in lists {
      offsets.append(1000 + UInt64(bytes.count))
      bytes += framed(list)
    }
    var words = [UInt64](repeating: 0, count: tsdb_postings_bitmap_bound(64, 6463))
    #expect(words.count == 100)
    words.withUnsafeMutableBufferPointer { words in
      var bitmap = tsdb_postings_bitmap(words: words.baseAddress, word_count: words.count, first_ref: 64)
      var failed = 0
      let status = tsdb_postings_bitmap_add_stored(
        &bitmap, bytes, bytes.count, 1000, offsets.reversed(), offsets.count, &failed)
      #expect(status == TSDB_OK)
      #expect(tsdb_postings_bitmap_count(&bitmap) == 7)
      var refs = [UInt32](repeating: 0, count: 7)
      var count = 0
      #expect(tsdb_postings_bitmap_read(&bitmap, &refs, 7, &count) == TSDB_OK)
      #expect(refs == [64, 65, 70, 127, 128, 6400, 6463])
      #expect(tsdb_postings_bitmap_read(&bitmap, &refs, 6, &count) == TSDB_ERR_CAPACITY)
      // Outside the bitmap, below and above; outside the bytes; a damaged checksum.
      for outside in [63, 6464] as [UInt32] {
        let list = StoredList([outside])
        withExtendedLifetime(list) {
          #expect(tsdb_postings_bitmap_add(&bitmap, list.list) == TSDB_ERR_REFERENCE)
        }
      }
      for offset in [999, 1000 + UInt64(bytes.count), UInt64.max] {
        #expect(
          tsdb_postings_bitmap_add_stored(&bitmap, bytes, bytes.count, 1000, [1000, offset], 2, &failed)
            == TSDB_ERR_TRUNCATED)
        #expect(failed == 1)
      }
      var damaged = bytes
      damaged[9] ^= 1
      #expect(
        tsdb_postings_bitmap_add_stored(&bitmap, damaged, damaged.count, 1000, offsets, 4, &failed) == TSDB_ERR_CHECKSUM
      )
    }
  }
}
