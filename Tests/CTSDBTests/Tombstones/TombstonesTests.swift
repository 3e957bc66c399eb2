import CTSDB
import Foundation
import TestSupport
import Testing

/// What a file of tombstones holds, or the status that refuses it. The bytes are handed over in memory of their exact size.
private func read(_ bytes: [UInt8]) -> Result<[(ref: UInt64, min: Int64, max: Int64)], StatusError> {
  let source = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
  defer { source.deallocate() }
  source.initialize(from: bytes, count: bytes.count)
  let capacity = tsdb_tombstones_count_bound(bytes.count)
  var refs = [UInt64](repeating: 0, count: capacity)
  var mins = [Int64](repeating: 0, count: capacity)
  var maxs = [Int64](repeating: 0, count: capacity)
  var count = 0
  let status = tsdb_tombstones_read(source, bytes.count, &refs, &mins, &maxs, capacity, &count)
  guard status == TSDB_OK else { return .failure(StatusError(status: status)) }
  return .success((0..<count).map { (refs[$0], mins[$0], maxs[$0]) })
}

struct StatusError: Error { let status: tsdb_status }

private func write(_ entries: [(ref: UInt64, min: Int64, max: Int64)]) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: tsdb_tombstones_bound(entries.count))
  var size = 0
  let status = tsdb_tombstones_write(
    entries.map(\.ref), entries.map(\.min), entries.map(\.max), entries.count, &bytes, bytes.count, &size)
  #expect(status == TSDB_OK)
  // Exactly as much is enough, one byte less is not.
  var exact = [UInt8](repeating: 0, count: size)
  #expect(
    tsdb_tombstones_write(
      entries.map(\.ref), entries.map(\.min), entries.map(\.max), entries.count, &exact, size, &size) == TSDB_OK)
  var less = size
  #expect(
    tsdb_tombstones_write(
      entries.map(\.ref), entries.map(\.min), entries.map(\.max), entries.count, &exact, size - 1, &less)
      == TSDB_ERR_CAPACITY)
  return Array(bytes[..<size])
}

@Suite struct TombstonesTests {
  @Test func anEmptyFileHasNineBytes() {
    #expect(write([]) == [0x01, 0x30, 0xBA, 0x30, 1, 0, 0, 0, 0])
    #expect((try? read(write([])).get())?.count == 0)
  }

  @Test func roundTrips() throws {
    var random = SplitMix64(seed: 1)
    for count in [1, 2, 7, 500] {
      let entries = (0..<count).map { _ in
        (
          ref: random.next() >> UInt64(random.below(64)),
          min: Int64(bitPattern: random.next()) >> Int64(random.below(64)),
          max: Int64(bitPattern: random.next()) >> Int64(random.below(64))
        )
      }
      let back = try read(write(entries)).get()
      #expect(back.map(\.ref) == entries.map(\.ref))
      #expect(back.map(\.min) == entries.map(\.min))
      #expect(back.map(\.max) == entries.map(\.max))
    }
    let extremes = [(ref: UInt64.max, min: Int64.min, max: Int64.max)]
    #expect(try read(write(extremes)).get().first?.min == .min)
  }

  @Test func everyTruncationAndEveryFlippedBitIsRefused() {
    let bytes = write([(5, 1_748_736_600_000, 1_748_737_200_000), (8, -1, 1), (300, .min, .max)])
    for length in 0..<bytes.count {
      guard case .failure = read(Array(bytes[..<length])) else {
        Issue.record("accepted the first \(length) bytes")
        continue
      }
    }
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      guard case .failure(let error) = read(flipped) else {
        Issue.record("accepted with bit \(bit) flipped")
        continue
      }
      #expect(error.status == (bit < 32 ? TSDB_ERR_MAGIC : bit < 40 ? TSDB_ERR_VERSION : TSDB_ERR_CHECKSUM))
    }
  }

  @Test func entriesCutWithAGoodChecksumAreRefused() {
    let bytes = write([(5, 1_748_736_600_000, 1_748_737_200_000), (8, -1, 1)])
    let entries = Array(bytes[5..<(bytes.count - 4)])
    for length in 0...entries.count {
      var cut = Array(bytes[..<5]) + entries[..<length] + [0, 0, 0, 0]
      let sum = tsdb_crc32c(0, Array(entries[..<length]), length)
      for index in 0..<4 { cut[cut.count - 4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
      switch read(cut) {
      case .success(let found): #expect([0, 14, entries.count].contains(length) || found.count < 2)
      case .failure(let error): #expect(error.status == TSDB_ERR_TRUNCATED)
      }
    }
  }

  @Test func tooSmallColumnsAreTold() {
    let bytes = write([(1, 2, 3), (4, 5, 6)])
    var (ref, min, max, count): (UInt64, Int64, Int64, Int) = (0, 0, 0, 77)
    #expect(tsdb_tombstones_read(bytes, bytes.count, &ref, &min, &max, 1, &count) == TSDB_ERR_CAPACITY)
    #expect(count == 77)
  }

  @Test func addingMergesWhatOverlapsOrTouches() {
    let cases: [(before: [(Int64, Int64)], added: (Int64, Int64), after: [(Int64, Int64)])] = [
      ([(1, 4), (6, 6)], (5, 6), [(1, 6)]),
      ([(5, 10), (12, 20)], (11, 14), [(5, 20)]),
      ([(5, 10)], (1, 4), [(1, 10)]),
      ([(5, 10)], (1, 3), [(1, 3), (5, 10)]),
      ([(5, 10)], (12, 13), [(5, 10), (12, 13)]),
      ([(5, 10)], (11, 13), [(5, 13)]),
      ([(5, 10)], (6, 7), [(5, 10)]),
      ([(5, 10), (20, 30), (40, 50)], (8, 45), [(5, 50)]),
      ([(5, 10), (20, 30), (40, 50)], (12, 18), [(5, 10), (12, 18), (20, 30), (40, 50)]),
      ([(Int64.min, 0)], (2, Int64.max), [(Int64.min, 0), (2, Int64.max)]),
      ([(Int64.min, 0)], (1, Int64.max), [(Int64.min, Int64.max)]),
      ([(5, Int64.max)], (Int64.min, 3), [(Int64.min, 3), (5, Int64.max)]),
      ([(Int64.min, Int64.max)], (0, 0), [(Int64.min, Int64.max)]),
      ([(1, 2)], (Int64.min, Int64.max), [(Int64.min, Int64.max)]),
      ([(Int64.max, Int64.max)], (Int64.min, Int64.min), [(Int64.min, Int64.min), (Int64.max, Int64.max)]),
    ]
    for (before, added, after) in cases {
      var mins = before.map(\.0) + [0]
      var maxs = before.map(\.1) + [0]
      var count = before.count
      #expect(tsdb_intervals_add(&mins, &maxs, &count, before.count + 1, added.0, added.1) == TSDB_OK)
      #expect(Array(mins[..<count]) == after.map(\.0))
      #expect(Array(maxs[..<count]) == after.map(\.1))
    }
  }

  @Test func addingAgreesWithASetOfInstants() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<2000 {
      var (mins, maxs, count) = ([Int64](repeating: 0, count: 40), [Int64](repeating: 0, count: 40), 0)
      var deleted = Set<Int64>()
      for _ in 0..<random.below(12) {
        let min = Int64(random.below(60))
        let max = min + Int64(random.below(6))
        #expect(tsdb_intervals_add(&mins, &maxs, &count, 40, min, max) == TSDB_OK)
        deleted.formUnion(min...max)
        #expect(tsdb_intervals_add(&mins, &maxs, &count, 40, max + 1, max) == TSDB_ERR_ARGUMENT)
      }
      var instants: [Int64] = []
      for index in 0..<count {
        instants += Array(mins[index]...maxs[index])
        if index > 0 { #expect(mins[index] > maxs[index - 1] + 1) }
      }
      #expect(instants == deleted.sorted())
      let (low, high) = (Int64(random.below(60)), Int64(60 + random.below(10)))
      let coverage = tsdb_intervals_coverage(mins, maxs, count, low, high)
      let covered = (low...high).filter(deleted.contains).count
      #expect(
        coverage
          == (covered == 0 ? TSDB_COVERS_NOTHING : covered == high - low + 1 ? TSDB_COVERS_ALL : TSDB_COVERS_PART))
      let times = (0..<50).map { _ in Int64(random.below(70)) }.sorted()
      var kept = [UInt32](repeating: 0, count: times.count)
      var keptCount = 0
      tsdb_intervals_clip(times, times.count, low, high, mins, maxs, count, &kept, &keptCount)
      #expect(
        kept[..<keptCount].map { Int($0) }
          == times.indices.filter { times[$0] >= low && times[$0] <= high && !deleted.contains(times[$0]) })
    }
  }

  @Test func fullColumnsAreTold() {
    var (mins, maxs, count): ([Int64], [Int64], Int) = ([1, 5], [2, 6], 2)
    #expect(tsdb_intervals_add(&mins, &maxs, &count, 2, 9, 9) == TSDB_ERR_CAPACITY)
    #expect(mins == [1, 5] && maxs == [2, 6] && count == 2)
    #expect(tsdb_intervals_add(&mins, &maxs, &count, 2, 3, 4) == TSDB_OK)
    #expect(count == 1 && mins[0] == 1 && maxs[0] == 6)
  }

  @Test func validationTellsWhatIsUnusual() {
    let cases: [(entries: [(UInt64, Int64, Int64)], reason: String, offset: Int)] = [
      ([(1, 1, 2), (1, 4, 5), (2, 0, 0)], "", 18),
      ([(1, 1, 2), (1, 3, 5)], "two intervals of a series overlap, touch or are out of order", 8),
      ([(2, 1, 2), (1, 3, 5)], "", 15),
      ([(2, 1, 0)], "an interval ends before it begins", 5),
    ]
    for (entries, reason, offset) in cases {
      let bytes = write(entries.map { (ref: $0.0, min: $0.1, max: $0.2) })
      var (count, place): (Int, Int) = (0, 0)
      var text: UnsafePointer<CChar>?
      let status = tsdb_tombstones_validate(bytes, bytes.count, &count, &place, &text)
      #expect(status == (reason.isEmpty ? TSDB_OK : TSDB_ERR_ORDER))
      #expect(text.map { String(cString: $0) } == reason)
      #expect(place == offset)
    }
  }
}
