// An open index: label names, values, postings lists and series of one block. docs/formats/index.md has the bytes.
//
// Symbols and the postings offset table are checked and kept (as they lie in a mapped file, or downloaded); postings lists
// and series entries are read when they are asked for, each with its checksum.
internal import CTSDB
public import TSModel

/// Reads an index file of version 1, 2 or 3 (which is read like 2). Thread-safe: nothing changes after opening.
public final class IndexReader: Sendable {
  /// What the index is called in errors: a path or an object's name.
  public var name: String { source.name }
  /// The format version in the file.
  public let version: Int
  /// The strings that label ids of this index stand for.
  public var symbols: any SymbolTable { symbolTable }
  /// The same with what only the table of an index can do: bytes to id, many ids at once.
  public let symbolTable: IndexSymbols

  let source: any RangeReader
  let toc: tsdb_index_toc
  let table: PostingsTable

  /// Opens `source`: header, table of contents, symbols and postings offset table, each with its checksum and order.
  ///
  /// Throws `.magic`, `.version`, `.truncated`, `.checksum`, `.malformed`, `.count`, `.order`, `.reference` as the file has
  /// it, or what reading throws.
  public init(_ source: any RangeReader) throws(StorageError) {
    let fileSize = source.byteCount
    guard fileSize >= Int(TSDB_INDEX_HEADER_SIZE) + Int(TSDB_INDEX_TOC_SIZE) else {
      throw StorageError(.truncated, "open index \(source.name): \(fileSize) bytes are too few for an index")
    }
    let header = try source.region(offset: 0, count: Int(TSDB_INDEX_HEADER_SIZE))
    var version: UInt8 = 0
    var status = unsafe header.withUnsafeBytes { bytes in
      unsafe tsdb_index_header_read(bytes.bytes, bytes.count, &version)
    }
    guard status != TSDB_ERR_VERSION else {
      throw StorageError(.version, "open index \(source.name): format version \(version), known are 1 to 3")
    }
    guard status == TSDB_OK else { throw StorageError(status, "open index \(source.name)") }

    var toc = tsdb_index_toc()
    let tocBytes = try source.region(offset: fileSize - Int(TSDB_INDEX_TOC_SIZE), count: Int(TSDB_INDEX_TOC_SIZE))
    status = unsafe tocBytes.withUnsafeBytes { bytes in
      unsafe tsdb_index_toc_read(bytes.bytes, bytes.count, UInt64(fileSize), &toc)
    }
    guard status == TSDB_OK else {
      throw StorageError(
        status, "read the table of contents of \(source.name) at offset \(fileSize - Int(TSDB_INDEX_TOC_SIZE))")
    }
    self.source = source
    self.toc = toc
    self.version = Int(version)
    symbolTable = try IndexSymbols(source, offset: Int(toc.symbols), version: Int(version))
    table = try PostingsTable(source, offset: Int(toc.postings_table), version: Int(version))
    try checkFault()
  }

  // MARK: Names and values

  /// All label names, ascending by bytes.
  public func labelNames() throws(StorageError) -> [String] {
    table.labelNames().filter { !$0.isEmpty }
  }

  /// All values of the label `name`, ascending by bytes; an empty table where no series has it.
  public func labelValues(of name: String) throws(StorageError) -> ValueTable {
    let values = try table.values(of: name) { "list the values of label \(quoted(name)) in \(source.name)" }
    if values.region.hasFault { throw faulted() }
    return values
  }

  // MARK: Postings

  /// The ids of all series.
  public func allPostings() throws(StorageError) -> Postings { try postings(name: "", value: "") }

  /// The ids of the series with label `name`=`value`; none where there is no such pair.
  public func postings(name: String, value: String) throws(StorageError) -> Postings {
    let attempt = { "read postings of \(name)=\(quoted(value)) in \(self.source.name)" }
    guard let offset = try table.postingsOffset(name: name, value: value, attempt) else { return .empty }
    let postings = try Postings(source, offset: offset, attempt)
    if postings.region.hasFault { throw faulted() }
    return postings
  }

  /// The ids of the series with the value at `index` of `table`, a table of this index. Does not check for faults of the
  /// file: call `checkFault` once after a number of these.
  public func postings(_ table: ValueTable, at index: Int) throws(StorageError) -> Postings {
    try Postings(source, offset: table.postingsOffsets[index]) {
      "read postings of \(table.name)=\(quoted(table.string(index))) in \(self.source.name)"
    }
  }

  // MARK: Series

  /// Where series `ref` lies in the file, bytes.
  func offset(of ref: UInt32) -> Int { version == 1 ? Int(ref) : Int(ref) * Int(TSDB_INDEX_SERIES_ALIGNMENT) }

  /// Appends the series `refs` (ids as postings have them) to `batch`, which must be one of this index' symbols.
  ///
  /// With `timeRange`, only chunks that overlap it are kept, and a series without one is left out. `budget` is charged for
  /// the batch's memory if the batch has none yet. On an error the series before the one that failed stay in the batch.
  public func series(
    _ refs: UnsafeBufferPointer<UInt32>, into batch: SeriesBatch, timeRange: TimeRange? = nil,
    budget: MemoryBudget? = nil
  ) throws(StorageError) {
    precondition(batch.symbols === symbolTable, "a batch of another index' symbols")
    do { try batch.adopt(budget) } catch { throw StorageError(error, "read series of \(source.name)") }
    let symbolOffsets = version == 1 ? try symbolTable.offsets() : nil
    var rest = unsafe refs
    var entrySizeMax = SeriesWindow.entrySizeUsual
    var refusals = 0
    while !rest.isEmpty {
      let window = unsafe try SeriesWindow(self, rest, entrySizeMax: entrySizeMax)
      let result = unsafe window.decode(rest, into: batch, timeRange: timeRange, symbolOffsets)
      if window.region.hasFault { throw faulted() }
      unsafe rest = UnsafeBufferPointer(rebasing: rest[result.consumed...])
      refusals = result.consumed > 0 ? 0 : refusals
      switch result.status {
      case TSDB_OK:
        entrySizeMax = SeriesWindow.entrySizeUsual
      case TSDB_ERR_CAPACITY where refusals < 20:
        // Which array is full is not known: room for the series to come, and for ever more labels and chunks of one.
        let more = 4096 << refusals
        refusals += 1
        do { try batch.reserve(series: rest.count, pairs: more, chunks: more) } catch {
          throw StorageError(error, "read series of \(source.name)")
        }
      case TSDB_ERR_TRUNCATED where !window.isWhole:
        entrySizeMax *= 8
      default:
        throw unsafe StorageError(
          result.status, "read series \(rest[0]) of \(source.name), offset \(offset(of: rest[0]))")
      }
    }
  }

  /// See the other `series`.
  public func series(
    _ refs: [UInt32], into batch: SeriesBatch, timeRange: TimeRange? = nil, budget: MemoryBudget? = nil
  ) throws(StorageError) {
    let result = unsafe refs.withUnsafeBufferPointer { refs -> Result<Void, StorageError> in
      do throws(StorageError) {
        return .success(unsafe try series(refs, into: batch, timeRange: timeRange, budget: budget))
      } catch { return .failure(error) }
    }
    try result.get()
  }

  // MARK: Faults

  /// Throws `.faulted` where the file was cut short or could not be read while it was in use: what was read since then
  /// cannot be trusted. Calls that read one thing check by themselves; `postings(_:at:)`, which is made often, does not.
  public func checkFault() throws(StorageError) {
    if symbolTable.content.hasFault || table.content.hasFault { throw faulted() }
  }

  private func faulted() -> StorageError {
    StorageError(.faulted, "read index \(source.name): the file was cut short or could not be read while it was in use")
  }
}

/// A part of the series section that holds the entries of the next refs: for a mapped file a matter of pointers, for
/// anything else one read. It ends where the next entry lies far away, and in any case after 64 MiB.
private struct SeriesWindow {
  static let entrySizeUsual = 64 << 10
  static let gapMax = 512 << 10
  static let sizeMax = 64 << 20

  let region: ByteRegion
  /// Whether it reaches to the end of the section: an entry that crosses its end is damaged then.
  let isWhole: Bool
  private let index: IndexReader
  private let start: Int
  private let refCount: Int

  /// The window for the first of `refs` and as many more as fit; the last entry is expected to have at most `entrySizeMax`
  /// bytes.
  init(_ index: IndexReader, _ refs: UnsafeBufferPointer<UInt32>, entrySizeMax: Int) throws(StorageError) {
    let start = unsafe index.offset(of: refs[0])
    let (sectionStart, sectionEnd) = (Int(index.toc.series), Int(index.toc.series_end))
    guard start >= sectionStart, start < sectionEnd else {
      throw unsafe StorageError(
        .reference,
        "read series \(refs[0]) of \(index.name): offset \(start) is outside the series, \(sectionStart) to \(sectionEnd)"
      )
    }
    var last = start
    var count = 1
    while count < refs.count {
      let next = unsafe index.offset(of: refs[count])
      if next < last || next - last > Self.gapMax || next - start > Self.sizeMax || next >= sectionEnd { break }
      last = next
      count += 1
    }
    let end = min(last + entrySizeMax, sectionEnd)
    self.index = index
    self.start = start
    refCount = count
    isWhole = end == sectionEnd
    region = try index.source.region(offset: start, count: end - start)
  }

  /// Decodes the entries of this window's refs, which are the first of `refs`.
  func decode(
    _ refs: UnsafeBufferPointer<UInt32>, into batch: SeriesBatch, timeRange: TimeRange?, _ symbolOffsets: [UInt32]?
  ) -> (status: tsdb_status, consumed: Int) {
    var consumed = 0
    var status = TSDB_OK
    unsafe batch.fill { columns in
      unsafe region.withUnsafeBytes { bytes in
        unsafe (symbolOffsets ?? []).withUnsafeBufferPointer { symbolOffsets in
          var source = unsafe tsdb_series_source(
            src: bytes.bytes, src_size: bytes.count, src_offset: UInt64(start),
            symbols_count: UInt32(index.symbolTable.count),
            ref_scale: index.version == 1 ? 1 : UInt32(TSDB_INDEX_SERIES_ALIGNMENT),
            symbol_offsets: index.version == 1 ? symbolOffsets.baseAddress : nil,
            symbols_start: UInt64(index.symbolTable.contentOffset))
          var target = unsafe tsdb_series_columns(columns, filled: batch.seriesCount)
          status = unsafe tsdb_index_series_decode(
            &source, refs.baseAddress, refCount, timeRange != nil, timeRange?.minTimeMs ?? 0, timeRange?.maxTimeMs ?? 0,
            &target, &consumed)
          return unsafe target.series_count
        }
      }
    }
    return (status, consumed)
  }
}

extension tsdb_series_columns {
  /// The arrays of a batch, of which `filled` series are filled.
  init(_ columns: SeriesBatch.Columns, filled: Int) {
    unsafe self.init(
      refs: columns.refs, label_offsets: columns.labelOffsets, chunk_offsets: columns.chunkOffsets,
      series_capacity: columns.seriesCapacity, label_ids: columns.labelIDs, pairs_capacity: columns.pairCapacity,
      chunk_min_times_ms: columns.chunkMinTimesMs, chunk_max_times_ms: columns.chunkMaxTimesMs,
      chunk_refs: columns.chunkRefs, chunks_capacity: columns.chunkCapacity, series_count: filled)
  }
}

/// `text` in double quotes, as messages show label values.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
