// The series of a head while its log is read: from references and labels to dense numbers. A million series are a few flat arrays.
//
//   reference ──▶ number ◀── labels, as the bytes that a record has for them
internal import CTSDB
internal import TSModel

/// Series by reference and by labels. A series is numbered when it is seen first.
struct HeadSeriesTable {
  /// A series that has been evicted from the head keeps its number; the same labels then get a new one.
  private(set) var isEvicted: [Bool] = []
  private var arena: [UInt8] = []
  private var ends: [Int] = []
  private var hashes: [UInt64] = []
  // Open addressing, a power of two; 0 is free, -1 was freed, else number + 1.
  private var slots: [Int32] = [Int32](repeating: 0, count: 1 << 10)
  private var usedSlots = 0
  // References ascend from 1, so most are places in an array.
  private var dense: [Int32] = []
  private var sparse: [UInt64: Int32] = [:]

  init() {}

  /// Series altogether.
  var count: Int { ends.count }

  /// Roughly what they take in memory, bytes.
  var memoryBytes: Int { arena.count + 24 * ends.count + 4 * (slots.count + dense.count) + 32 * sparse.count }

  /// The series that a reference stands for now.
  func number(of ref: UInt64) -> Int? {
    if ref < UInt64(dense.count), dense[Int(ref)] >= 0 { return Int(dense[Int(ref)]) }
    return sparse.isEmpty ? nil : sparse[ref].map { Int($0) }
  }

  /// Lets a reference stand for a series from now on.
  mutating func assign(_ ref: UInt64, to number: Int) {
    if ref < UInt64(max(1 << 16, 8 * count)) {
      if dense.count <= Int(ref) { extend(&dense, to: max(Int(ref) + 1, 2 * dense.count), -1) }
      dense[Int(ref)] = Int32(truncatingIfNeeded: number)
    } else {
      sparse[ref] = Int32(truncatingIfNeeded: number)
    }
  }

  /// The number of the series with these labels, as a record has them; a new one where there is none. Nil where there are too many.
  mutating func number(ofLabels range: Range<Int>, in record: [UInt8]) -> Int? {
    let hash = unsafe record.withUnsafeBufferPointer { bytes in
      unsafe tsdb_xxhash64_of(UnsafeBufferPointer(rebasing: bytes[range]).baseAddress, range.count, 0)
    }
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if number >= 0, hashes[number] == hash, hasLabels(number, range, record) { return number }
      slot = (slot + 1) & (slots.count - 1)
    }
    guard count < Int(Int32.max) - 1 else { return nil }
    slots[slot] = Int32(count + 1)
    usedSlots += 1
    arena.append(contentsOf: record[range])
    ends.append(arena.count)
    hashes.append(hash)
    isEvicted.append(false)
    if 2 * usedSlots > slots.count { rehash() }
    return count - 1
  }

  private func labelRange(_ number: Int) -> Range<Int> { (number == 0 ? 0 : ends[number - 1])..<ends[number] }

  private func hasLabels(_ number: Int, _ range: Range<Int>, _ record: [UInt8]) -> Bool {
    let own = labelRange(number)
    guard own.count == range.count else { return false }
    return arena[own].elementsEqual(record[range])
  }

  private mutating func rehash() {
    slots = [Int32](repeating: 0, count: 4 * max(1, count).nextPowerOf2)
    usedSlots = 0
    for number in 0..<count where !isEvicted[number] {
      var slot = Int(truncatingIfNeeded: hashes[number]) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(number + 1)
      usedSlots += 1
    }
  }

  /// Forgets that a series has its labels.
  mutating func evict(_ number: Int) {
    guard !isEvicted[number] else { return }
    isEvicted[number] = true
    var slot = Int(truncatingIfNeeded: hashes[number]) & (slots.count - 1)
    while slots[slot] != 0 {
      if Int(slots[slot]) - 1 == number { slots[slot] = -1 }
      slot = (slot + 1) & (slots.count - 1)
    }
  }

  /// The labels of a series.
  func labels(of number: Int) -> Labels {
    let range = labelRange(number)
    var record = WALRecord([WALRecordType.series.rawValue] + [UInt8](repeating: 0, count: 8) + arena[range])
    // They came out of a record: they are a record's again.
    guard (try? record.decode()) != nil, record.count == 1 else { return Labels() }
    return Labels(labels: record.labelPairs(at: 0))
  }
}

extension Int {
  /// The least power of two that is not less than a positive number.
  fileprivate var nextPowerOf2: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
