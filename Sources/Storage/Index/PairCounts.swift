// How often each label pair occurs in an index that is being written, and which postings list it becomes.
internal import CTSDB

/// Owns the memory of a C pair table: 8 bytes a symbol, and 12 to 24 for each pair whose value occurs under several names.
@safe final class PairCounts {
  private(set) var table: tsdb_pair_table
  private let moreCapacityMin = 1024
  /// Once numbered: the lists of each name, ascending.
  private(set) var names: [tsdb_name_lists] = []
  private let lists: Lists

  /// The values and counts of all lists, by number; list 0 is that of all series.
  @safe final class Lists {
    fileprivate(set) var values = unsafe UnsafeMutableBufferPointer<UInt32>(start: nil, count: 0)
    fileprivate(set) var counts = unsafe UnsafeMutableBufferPointer<UInt32>(start: nil, count: 0)
    deinit {
      unsafe values.deallocate()
      unsafe counts.deallocate()
    }
  }

  /// No pairs yet, of `symbolCount` symbols.
  init(symbolCount: Int) {
    let count = max(symbolCount, 1)
    let bitWords = symbolCount / 64 + 1
    unsafe table = tsdb_pair_table(
      symbols_count: UInt32(symbolCount), names: zeroed(count), counts: zeroed(count), name_bits: zeroed(bitWords),
      more: zeroed(3 * moreCapacityMin), more_capacity: moreCapacityMin, more_count: 0, pairs_count: 0)
    lists = Lists()
  }

  deinit {
    unsafe table.names.deallocate()
    unsafe table.counts.deallocate()
    unsafe table.name_bits.deallocate()
    unsafe table.more.deallocate()
  }

  /// What the tables take, bytes.
  var byteCount: Int {
    unsafe Int(table.symbols_count) * 8 + Int(table.symbols_count) / 8 + table.more_capacity * 12 + listBytes
  }
  private var listBytes: Int { unsafe (lists.values.count + lists.counts.count) * 4 }

  /// Values of all lists by number; element 0 means nothing.
  var listValues: UnsafeMutableBufferPointer<UInt32> { unsafe lists.values }
  /// How many ids each list has.
  var listCounts: UnsafeMutableBufferPointer<UInt32> { unsafe lists.counts }

  /// Counts the pairs of one series. False where that would take the tables above `byteLimit`.
  func count(_ labelIDs: UnsafeBufferPointer<UInt32>, byteLimit: Int) -> Bool {
    while unsafe tsdb_index_pairs_count(&table, labelIDs.baseAddress, labelIDs.count / 2) == TSDB_ERR_CAPACITY {
      let capacity = unsafe table.more_capacity * 2
      // The old and the new table are there at the same time.
      guard byteCount + capacity * 12 <= byteLimit else { return false }
      let old = unsafe table.more
      unsafe tsdb_index_pairs_rehash(&table, zeroed(3 * capacity), capacity)
      unsafe old?.deallocate()
    }
    return true
  }

  /// What `number` will add, bytes.
  var listBytesNeeded: Int { unsafe (Int(table.pairs_count) + 1) * 8 }

  /// Numbers the lists in the order of the file. `seriesCount` becomes the count of list 0.
  func number(seriesCount: UInt32) -> tsdb_status {
    let count = unsafe Int(table.pairs_count) + 1
    unsafe lists.values = UnsafeMutableBufferPointer(start: zeroed(count), count: count)
    unsafe lists.counts = UnsafeMutableBufferPointer(start: zeroed(count), count: count)
    names = unsafe [tsdb_name_lists](repeating: tsdb_name_lists(), count: tsdb_index_names_count(&table))
    let status = unsafe names.withUnsafeMutableBufferPointer { names in
      unsafe tsdb_index_pairs_number(
        &table, names.baseAddress, names.count, lists.values.baseAddress, lists.counts.baseAddress, count)
    }
    unsafe lists.counts[0] = seriesCount
    return status
  }
}

/// Memory for `count` integers, all 0. The system hands out zero pages that take no memory before they are used.
private func zeroed<Integer: FixedWidthInteger & BitwiseCopyable>(_ count: Int) -> UnsafeMutablePointer<Integer> {
  let memory = UnsafeMutablePointer<Integer>.allocate(capacity: count)
  unsafe memory.initialize(repeating: 0, count: count)
  return unsafe memory
}
