// Rows of postings set operations (see targets.tsv): big-endian lists as stored, elements of all lists counted.
import CTSDB

/// splitmix64, for the inputs of the postings and regex rows.
struct RowRandom {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// `count` references spread evenly over [0, bound), ascending, as stored.
private func spreadList(_ count: Int, below bound: Int, seed: UInt64) -> [UInt8] {
  var random = RowRandom(state: seed)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(4 * count)
  var left = count
  for ref in 0..<bound where left > 0 && Int(random.next() % UInt64(bound - ref)) < left {
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: ref >> shift)) }
    left -= 1
  }
  return bytes
}

/// Lists that live as long as the program.
private func stored(_ lists: [[UInt8]]) -> [tsdb_postings] {
  lists.map { list in
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, list.count))
    memory.initialize(from: list, count: list.count)
    return tsdb_postings_stored(memory, list.count / 4)
  }
}

/// `specifications`: how many lists of how many elements.
private func row(
  _ name: String, _ specifications: [(lists: Int, count: Int)], below bound: Int,
  _ operation: @escaping @Sendable ([tsdb_postings], UnsafeMutablePointer<UInt32>, Int) -> Void
) -> Row {
  Row(name: name, unit: "ns/elem") {
    var lists: [[UInt8]] = []
    let bound = benchSize.pick(bound, toy: 4000)
    for (number, count) in specifications {
      for _ in 0..<number {
        // Toy size keeps the ratios where it can.
        let count = benchSize == .full ? count : min(count, bound / 2)
        lists.append(spreadList(count, below: bound, seed: 42 + UInt64(lists.count)))
      }
    }
    let total = lists.reduce(0) { $0 + $1.count / 4 }
    let target = UnsafeMutablePointer<UInt32>.allocate(capacity: total + 1)
    let inputs = stored(lists)
    return Workload(unitsPerRun: Double(total)) {
      operation(inputs, target, total)
      blackHole(target)
    }
  }
}

private typealias Lists = [tsdb_postings]

private func check(_ status: tsdb_status) {
  guard status == TSDB_OK else { fatalError("postings: status \(status.rawValue)") }
}

private func intersect(_ lists: Lists, _ target: UnsafeMutablePointer<UInt32>, _ capacity: Int) {
  var count = 0
  check(tsdb_postings_intersect(lists[0], lists[1], target, capacity, &count))
}

private func subtract(_ lists: Lists, _ target: UnsafeMutablePointer<UInt32>, _ capacity: Int) {
  var count = 0
  check(tsdb_postings_subtract(lists[0], lists[1], target, capacity, &count))
}

/// Both operations take what they need beside the result from memory that is there already, as a query's do.
nonisolated(unsafe) private let scratch = UnsafeMutablePointer<UInt64>.allocate(capacity: 4_000_000)

private func union(_ lists: Lists, _ target: UnsafeMutablePointer<UInt32>, _ capacity: Int) {
  var count = 0
  check(tsdb_postings_union(lists, lists.count, target, capacity, scratch, 4_000_000, &count))
}

private func intersectMany(_ lists: Lists, _ target: UnsafeMutablePointer<UInt32>, _ capacity: Int) {
  var lists = lists
  var count = 0
  scratch.withMemoryRebound(to: UInt32.self, capacity: 8_000_000) { scratch in
    check(tsdb_postings_intersect_many(&lists, lists.count, target, capacity, scratch, 8_000_000, &count))
  }
}

let postingsRows: [Row] = [
  row("postings_intersect_1m_1m", [(2, 1_000_000)], below: 2_000_000, intersect),
  row("postings_intersect_1m_1k", [(1, 1_000_000), (1, 1000)], below: 2_000_000, intersect),
  row("postings_intersect_10m_100k", [(1, 10_000_000), (1, 100_000)], below: 20_000_000, intersect),
  row("postings_intersect_4x500k", [(4, 500_000)], below: 1_000_000, intersectMany),
  row("postings_union_10x100k", [(10, 100_000)], below: 4_000_000, union),
  row("postings_union_1000x1k", [(1000, 1000)], below: 4_000_000, union),
  row("postings_subtract_1m_1m", [(2, 1_000_000)], below: 2_000_000, subtract),
  row("postings_subtract_1m_1k", [(1, 1_000_000), (1, 1000)], below: 2_000_000, subtract),
]
