// The second half of writing an index: postings lists in groups that fit the memory limit, the offset table, the TOC.
//
//   lists in the order of the file:  │ all │ a=1 │ a=2 │ b=1 │ …
//   groups:                          └── one pass ──┘└── one pass … ┘    a list larger than the buffer takes several passes
internal import CTSDB
internal import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

extension IndexWriter {
  /// Everything behind the series.
  mutating func finishPostings() throws(StorageError) {
    guard let pairs else { return }
    toc.label_indices = UInt64(seriesEnd)
    toc.postings = UInt64(seriesEnd)
    try output.align(to: 4)
    try output.flush()
    let listsStart = output.position

    let tables = pairs.byteCount + pairs.listBytesNeeded + symbolSamples.capacity * 4
    let room = memoryLimitBytes - tables - 2 * IndexOutput.bufferSize - (entrySizeMax + 15) / 16 * 16
    guard room >= Self.groupSizeMin else {
      throw StorageError(
        .budget,
        "write postings to \(path): tables of \(tables) bytes leave less than 64 KiB of the allowed \(memoryLimitBytes)",
        disposition: .rejectRequest)
    }
    let status = pairs.number(seriesCount: UInt32(seriesCount))
    guard status == TSDB_OK else { throw StorageError(status, "lay out the postings of \(path)") }
    try writeLists(pairs, groupWordsMax: min(room / 4, Int(UInt32.max)))

    toc.label_indices_table = UInt64(output.position)
    toc.postings_table = UInt64(output.position)
    try writeTable(pairs, listsStart: listsStart)
    var bytes = [UInt8](repeating: 0, count: Int(TSDB_INDEX_TOC_SIZE))
    unsafe bytes.withUnsafeMutableBufferPointer { bytes in unsafe tsdb_index_toc_write(&toc, bytes.baseAddress) }
    try output.append(bytes)
  }

  private static var groupSizeMin: Int { 64 << 10 }

  // MARK: Lists

  private mutating func writeLists(_ pairs: PairCounts, groupWordsMax: Int) throws(StorageError) {
    let counts = unsafe pairs.listCounts
    var total: UInt64 = 0
    for list in 0..<counts.count { total += unsafe tsdb_index_list_words(counts[list]) }
    let words = Int(min(UInt64(groupWordsMax), total))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * words, alignment: 16)
    defer { unsafe buffer.deallocate() }
    var first = 0
    while first < counts.count {
      if unsafe tsdb_index_list_words(counts[first]) > UInt64(words) {
        unsafe try writeLargeList(pairs, first, buffer)
        first += 1
        continue
      }
      var end = first
      var used = 0
      while end < counts.count, unsafe UInt64(used) + tsdb_index_list_words(counts[end]) <= UInt64(words) {
        used += unsafe Int(tsdb_index_list_words(counts[end]))
        end += 1
      }
      let group = unsafe UnsafeMutableBufferPointer(rebasing: counts[first..<end])
      unsafe tsdb_index_lists_place(group.baseAddress, group.count)
      unsafe try scatter(pairs, first..<end, group.baseAddress, skipWords: 0, buffer)
      unsafe tsdb_index_lists_close(
        buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), group.baseAddress, group.count)
      unsafe try output.append(UnsafeRawBufferPointer(rebasing: buffer[..<(4 * used)]))
      first = end
    }
  }

  /// A list that the buffer cannot hold: as many passes as it takes.
  private mutating func writeLargeList(
    _ pairs: PairCounts, _ list: Int, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    let count = unsafe Int(pairs.listCounts[list])
    let header = bigEndianBytes(UInt32(truncatingIfNeeded: 4 * count + 4)) + bigEndianBytes(UInt32(count))
    guard 4 * count + 4 <= Int(UInt32.max) else {
      throw StorageError(.size, "write postings to \(path): a list of \(count) series exceeds 4 GiB")
    }
    try output.append(header)
    var crc = unsafe header[4...].withUnsafeBytes { bytes in unsafe tsdb_crc32c(0, bytes.bytes, bytes.count) }
    var done = 0
    while done < count {
      let words = min(buffer.count / 4, count - done)
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<(4 * words)])
      var place: UInt32 = 0
      unsafe try scatter(pairs, list..<list + 1, &place, skipWords: UInt32(done), part)
      let bytes = UnsafeRawBufferPointer(part)
      crc = unsafe tsdb_crc32c(crc, bytes.bytes, bytes.count)
      unsafe try output.append(bytes)
      done += words
    }
    try output.append(crc)
  }

  /// One pass over the written series.
  private func scatter(
    _ pairs: PairCounts, _ lists: Range<Int>, _ places: UnsafeMutablePointer<UInt32>?, skipWords: UInt32,
    _ buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    let start = (Int(toc.series) + 15) / 16 * 16
    guard start < seriesEnd else { return }
    var table = unsafe pairs.table
    let pieceSize = (max(IndexOutput.bufferSize, entrySizeMax) + 15) / 16 * 16
    let path = self.path
    unsafe try readBack(start..<seriesEnd, chunkSize: pieceSize) { bytes, offset throws(StorageError) in
      var consumed = 0
      let status = unsafe tsdb_index_refs_scatter(
        &table, bytes.bytes, bytes.count, UInt64(offset), UInt32(lists.lowerBound), UInt32(lists.upperBound), places,
        skipWords, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count / 4, &consumed)
      guard status == TSDB_OK else { throw StorageError(status, "read series of \(path) back at offset \(offset)") }
      return consumed
    }
  }

  // MARK: Offset table

  private mutating func writeTable(_ pairs: PairCounts, listsStart: Int) throws(StorageError) {
    let start = output.position
    var head = [UInt8](repeating: 0, count: 4)
    head += bigEndianBytes(UInt32(unsafe pairs.table.pairs_count + 1))
    // The first list is that of all series: an empty name and an empty value.
    head += [2, 0, 0] + uvarintBytes(UInt64(listsStart))
    try output.append(head)
    var crc = unsafe head[4...].withUnsafeBytes { bytes in unsafe tsdb_crc32c(0, bytes.bytes, bytes.count) }
    var listOffset = UInt64(listsStart) + 4 * tsdb_index_list_words(UInt32(seriesCount))

    try output.flush()
    let symbols = try MappedFile(path: path).region(
      offset: Int(TSDB_INDEX_HEADER_SIZE) + 4, count: symbolsContentSize)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: IndexOutput.bufferSize, alignment: 16)
    defer { unsafe bytes.deallocate() }
    var room = unsafe bytes
    var larger: UnsafeMutableRawBufferPointer? = nil
    defer { unsafe larger?.deallocate() }
    for name in pairs.names {
      var list = Int(name.first_list)
      let end = list + Int(name.lists_count)
      while list < end {
        var (size, done) = (0, 0)
        let status = unsafe symbols.withUnsafeBytes { symbols in
          unsafe tsdb_index_entries_encode(
            symbols.bytes, symbols.count, symbolSamples, UInt32(symbolCount), name.name_id,
            pairs.listValues[list...].baseAddressOfSlice,
            pairs.listCounts[list...].baseAddressOfSlice, end - list, &listOffset,
            room.baseAddress?.assumingMemoryBound(to: UInt8.self), room.count, &size, &done)
        }
        guard status == TSDB_OK else { throw StorageError(status, "read the symbols of \(path) back") }
        if done == 0 {
          // An entry larger than the buffer: a label of more than a megabyte.
          unsafe larger?.deallocate()
          unsafe larger = UnsafeMutableRawBufferPointer.allocate(byteCount: room.count * 2, alignment: 16)
          unsafe room = larger.unsafelyUnwrapped
          continue
        }
        let encoded = unsafe UnsafeRawBufferPointer(rebasing: room[..<size])
        crc = unsafe tsdb_crc32c(crc, encoded.bytes, encoded.count)
        unsafe try output.append(encoded)
        list += done
      }
    }
    if symbols.hasFault { throw StorageError(.faulted, "read the symbols of \(path) back: the file was cut short") }
    let contentSize = output.position - start - 4
    guard contentSize <= Int(UInt32.max) else {
      throw StorageError(.size, "write \(path): the postings offset table would exceed 4 GiB")
    }
    try output.append(crc)
    try output.flush()
    try output.overwrite(bigEndianBytes(UInt32(contentSize)), at: start)
  }
}

extension Slice<UnsafeMutableBufferPointer<UInt32>> {
  /// Where the slice starts.
  fileprivate var baseAddressOfSlice: UnsafeMutablePointer<UInt32>? {
    unsafe UnsafeMutableBufferPointer(rebasing: self).baseAddress
  }
}

/// Removes a file that was not finished. There is nobody to tell of a failure: the folder is removed as a whole, too.
func removeFile(_ path: String) { _ = unsafe unlink(path) }
