// The postings offset table of an open index: which label names and values there are, and where their lists lie.
//
// Kept in memory: 24 bytes a name and 4 bytes for every 32nd value. A table of version 1 is not sorted; it is written
// anew in the order of version 2, in memory of its own, so that there is one way to read tables.
internal import CTSDB
internal import TSModel

/// Names, values and places of postings lists.
struct PostingsTable: @unchecked Sendable {
  /// The table's content: its count and entries, without size and checksum.
  let content: ByteRegion
  /// Label names in ascending order; the first may be the empty one, whose list holds all series.
  private let names: [tsdb_index_name]
  private let samples: [UInt32]
  /// How many entries there are.
  let entryCount: Int

  /// Checks the framed table at `offset` of `source`. Lists lie before it.
  init(_ source: any RangeReader, offset: Int, version: Int) throws(StorageError) {
    let attempt = "read the postings offset table of \(source.name) at offset \(offset)"
    let stored = try source.tableContent(offset: offset, attempt)
    content = version == 1 ? try sorted(stored, attempt) : stored
    var entries: UInt32 = 0
    var status = unsafe content.withUnsafeBytes { bytes in
      unsafe tsdb_index_entries_count(bytes.bytes, bytes.count, &entries)
    }
    var scan = tsdb_index_scan()
    var names: [tsdb_index_name] = []
    var samples: [UInt32] = []
    while status == TSDB_OK || status == TSDB_ERR_CAPACITY {
      let room = max(64, names.count * 4)
      names += [tsdb_index_name](repeating: tsdb_index_name(), count: room - names.count)
      samples += [UInt32](repeating: 0, count: Int(entries) / Int(TSDB_INDEX_SAMPLING) + room - samples.count)
      status = unsafe content.withUnsafeBytes { bytes in
        unsafe names.withUnsafeMutableBufferPointer { names in
          unsafe samples.withUnsafeMutableBufferPointer { samples in
            unsafe tsdb_index_names_scan(
              &scan, bytes.bytes, bytes.count, UInt64(offset), names.baseAddress, names.count, samples.baseAddress,
              samples.count)
          }
        }
      }
      if status == TSDB_OK { break }
    }
    guard status == TSDB_OK else { throw StorageError(status, "\(attempt), entry \(scan.entries_done)") }
    names.removeLast(names.count - Int(scan.names_count))
    samples.removeLast(samples.count - Int(scan.samples_count))
    self.names = names
    self.samples = samples
    entryCount = Int(entries)
  }

  /// All label names, ascending; with the empty one, where the table has it.
  func labelNames() -> [String] {
    unsafe content.withUnsafeBytes { bytes in names.map { name in unsafe string(name.name, in: bytes) } }
  }

  /// The values of `name`; an empty table where there is no such name.
  func values(of name: String, _ attempt: () -> String) throws(StorageError) -> ValueTable {
    guard let entry = find(name) else { return .empty(name) }
    let count = Int(entry.value_count)
    var status = TSDB_OK
    var postingsOffsets: [UInt64] = []
    let slices = unsafe content.withUnsafeBytes { bytes in
      unsafe [SymbolSlice](unsafeUninitializedCapacity: count) { slices, filledSlices in
        unsafe postingsOffsets = [UInt64](unsafeUninitializedCapacity: count) { offsets, filledOffsets in
          status = unsafe UnsafeMutableRawBufferPointer(slices).withMemoryRebound(to: tsdb_index_slice.self) { slices in
            unsafe withUnsafePointer(to: entry) { entry in
              unsafe tsdb_index_values_list(
                bytes.bytes, bytes.count, entry, samples, slices.baseAddress, offsets.baseAddress, count)
            }
          }
          filledOffsets = status == TSDB_OK ? count : 0
        }
        filledSlices = status == TSDB_OK ? count : 0
      }
    }
    guard status == TSDB_OK else { throw StorageError(status, attempt()) }
    return ValueTable(name: name, region: content, slices: slices, postingsOffsets: postingsOffsets)
  }

  /// Where the list of `name`=`value` lies in the file; nil where there is no such pair.
  func postingsOffset(name: String, value: String, _ attempt: () -> String) throws(StorageError) -> UInt64? {
    guard var entry = find(name) else { return nil }
    var value = value
    var index: UInt32 = 0
    var offset: UInt64 = 0
    let status = unsafe content.withUnsafeBytes { bytes in
      value.withUTF8 { value in
        unsafe tsdb_index_value_find(
          bytes.bytes, bytes.count, &entry, samples, value.baseAddress, value.count, &index, &offset)
      }
    }
    if status == TSDB_ERR_REFERENCE { return nil }
    guard status == TSDB_OK else { throw StorageError(status, attempt()) }
    return offset
  }

  private func find(_ name: String) -> tsdb_index_name? {
    var name = name
    return name.withUTF8 { text in
      unsafe content.withUnsafeBytes { bytes in
        var low = 0
        var high = names.count
        while low < high {
          let middle = low + (high - low) / 2
          let slice = names[middle].name
          let order = unsafe compare(
            UnsafeRawBufferPointer(rebasing: bytes[Int(slice.offset)..<Int(slice.offset) + Int(slice.size)]),
            UnsafeRawBufferPointer(text))
          if order == 0 { return names[middle] }
          if order < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
      }
    }
  }
}

private func string(_ slice: tsdb_index_slice, in bytes: UnsafeRawBufferPointer) -> String {
  unsafe String(decoding: bytes[Int(slice.offset)..<Int(slice.offset) + Int(slice.size)], as: UTF8.self)
}

/// A table of version 1 with its entries in the order of version 2.
private func sorted(_ table: ByteRegion, _ attempt: String) throws(StorageError) -> ByteRegion {
  var count: UInt32 = 0
  var position: UInt32 = 4
  var entries: [(entry: tsdb_index_entry, range: Range<Int>)] = []
  let status = unsafe table.withUnsafeBytes { bytes -> tsdb_status in
    var status = unsafe tsdb_index_entries_count(bytes.bytes, bytes.count, &count)
    while status == TSDB_OK && entries.count < Int(count) {
      var entry = tsdb_index_entry()
      let start = Int(position)
      status = unsafe tsdb_index_entry_next(bytes.bytes, bytes.count, &position, &entry)
      entries.append((entry, start..<Int(position)))
    }
    return status
  }
  guard status == TSDB_OK else { throw StorageError(status, "\(attempt), entry \(entries.count)") }
  guard Int(position) == table.count else {
    throw StorageError(.count, "\(attempt): \(count) entries end at \(position), the table at \(table.count)")
  }
  let bytes = unsafe table.withUnsafeBytes { bytes -> [UInt8] in
    let slice = { (slice: tsdb_index_slice) in
      unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(slice.offset)..<Int(slice.offset) + Int(slice.size)])
    }
    entries.sort { a, b in
      let order = unsafe compare(slice(a.entry.name), slice(b.entry.name))
      return unsafe order != 0 ? order < 0 : compare(slice(a.entry.value), slice(b.entry.value)) < 0
    }
    var sorted = unsafe [UInt8](bytes[..<4])
    sorted.reserveCapacity(bytes.count)
    for entry in entries { unsafe sorted.append(contentsOf: bytes[entry.range]) }
    return sorted
  }
  return ByteRegion(copying: bytes)
}
