// The symbols of several blocks as one table: Sources/CTSDB/symbols_merge.c does the work.
internal import CTSDB
internal import TSModel

/// The union of symbol tables, and what the ids of each become.
struct MergedSymbols {
  /// For each table, by the old id, the new one.
  private(set) var translations: [[UInt32]] = []
  /// How many symbols there are.
  private(set) var count = 0

  /// Merges `tables` and hands every symbol of the union to `add`, strictly ascending. Throws `.truncated` or `.malformed` where
  /// a table is not what its index announced, and what `add` throws. Memory: four bytes a symbol of each table.
  init(
    _ tables: [IndexSymbols], add: BlockWriter.AddSymbol
  ) throws(StorageError) {
    let sources = UnsafeMutableBufferPointer<tsdb_symbols_source>.allocate(capacity: tables.count)
    let heap = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: tables.count)
    let room = UnsafeMutableBufferPointer<tsdb_symbol_view>.allocate(capacity: 512)
    let total = tables.reduce(0) { $0 + $1.count }
    let ids = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: total)
    unsafe ids.initialize(repeating: 0)
    defer {
      unsafe sources.deallocate()
      unsafe heap.deallocate()
      unsafe room.deallocate()
      unsafe ids.deallocate()
    }
    var start = 0
    for index in 0..<tables.count {
      let table = tables[index]
      // The bytes belong to `table`, which outlives this call.
      let content = unsafe table.content.withUnsafeBytes { unsafe $0 }
      unsafe sources.initializeElement(
        at: index,
        to: tsdb_symbols_source(
          content: content.bytes, content_size: content.count, count: UInt32(clamping: table.count),
          translation: ids.baseAddress.map { unsafe $0 + start }, position: 0, symbol_start: 0, symbol_size: 0))
      start += table.count
    }
    var merge = unsafe tsdb_symbols_merge(
      sources: sources.baseAddress, source_count: tables.count, heap: heap.baseAddress, heap_count: 0,
      merged_count: 0)
    var status = unsafe tsdb_symbols_merge_init(&merge)
    var taken = 0
    repeat {
      if status == TSDB_OK {
        unsafe status = tsdb_symbols_merge_run(&merge, room.baseAddress, room.count, &taken)
      }
      guard status == TSDB_OK else { throw StorageError(status, "merge the symbols of \(tables.count) indexes") }
      for index in 0..<taken {
        let symbol = unsafe room[index]
        unsafe try add(UnsafeRawBufferPointer(start: symbol.bytes, count: symbol.size))
      }
      count += taken
    } while taken > 0
    start = 0
    for table in tables {
      unsafe translations.append(Array(ids[start..<start + table.count]))
      start += table.count
    }
    withExtendedLifetime(tables) {}
  }
}
