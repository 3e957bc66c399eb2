// Writes an index of version 2, byte for byte as Prometheus 3.7 and later do, with bounded memory.
//
// Symbols, then series go to the file as they come; of the series only the number of occurrences of each label pair is
// kept. `finish` lays out all postings lists from those counts and walks the written series once for every group of lists
// that fits the memory it may use. IndexPostingsWriting.swift has that part.
internal import CTSDB
public import TSModel

/// An index file under construction. First all symbols, then all series, then `finish`; after an error only dropping it
/// makes sense. Dropped without `finish`, it removes its file.
@safe public struct IndexWriter: ~Copyable {
  /// The file's path.
  public var path: String { output.path }
  /// How many series have been added.
  public private(set) var seriesCount = 0

  var output: IndexOutput
  let memoryLimitBytes: Int
  let offsetMax: UInt64
  var toc = tsdb_index_toc()

  // Symbols
  private(set) var symbolCount = 0
  private(set) var symbolSamples: [UInt32] = []
  private(set) var symbolsContentSize = 0
  private var lastSymbol: [UInt8] = []
  private var hasEmptySymbol = false

  // Series
  var pairs: PairCounts?
  private(set) var entrySizeMax = 0
  private var lastLabelIDs: [UInt32] = []
  private var lastChunkRef: UInt64 = 0
  private(set) var seriesEnd = 0
  var isFinished = false

  /// Creates the file `path`, which must not exist. `memoryLimitBytes` is what tables and buffers may take together: more
  /// memory means fewer passes over the series in `finish`; 16 bytes a symbol and 2 MiB are the least.
  public init(path: String, memoryLimitBytes: Int = 256 << 20) throws(StorageError) {
    try self.init(path: path, memoryLimitBytes: memoryLimitBytes, offsetMax: 16 * UInt64(UInt32.max))
  }

  /// With the highest offset that a series may have, for tests.
  init(path: String, memoryLimitBytes: Int, offsetMax: UInt64) throws(StorageError) {
    var output = try IndexOutput(creating: path)
    var header = bigEndianBytes(UInt32(0xBAAA_D700))
    header.append(2)
    // Size and count of the symbol table are filled in once they are known.
    header += [UInt8](repeating: 0, count: 8)
    try output.append(header)
    self.output = output
    self.memoryLimitBytes = memoryLimitBytes
    self.offsetMax = offsetMax
    toc.symbols = UInt64(TSDB_INDEX_HEADER_SIZE)
    symbolsContentSize = 4
  }

  deinit { if !isFinished { removeFile(output.path) } }

  // MARK: Symbols

  /// Adds the next symbol; its id is the number of symbols before it. Every label name and value must be added, strictly
  /// ascending by bytes. Throws `.order`, `.size` where the table would exceed 4 GiB, or what writing throws.
  public mutating func addSymbol(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    precondition(pairs == nil, "a symbol after the first series")
    let inOrder = unsafe lastSymbol.withUnsafeBytes { last in unsafe symbolCount == 0 || compare(last, bytes) < 0 }
    guard inOrder else {
      throw StorageError(.order, "write symbol \(symbolCount) to \(path): it is not above its predecessor")
    }
    guard symbolsContentSize + bytes.count + 10 <= Int(UInt32.max), symbolCount < Int(UInt32.max) else {
      throw StorageError(.size, "write symbol \(symbolCount) to \(path): the symbol table would exceed 4 GiB")
    }
    if symbolCount % Int(TSDB_INDEX_SAMPLING) == 0 { symbolSamples.append(UInt32(symbolsContentSize)) }
    if symbolCount == 0 { hasEmptySymbol = unsafe bytes.isEmpty }
    let start = output.position
    try output.append(uvarintBytes(UInt64(bytes.count)))
    unsafe try output.append(bytes)
    symbolsContentSize += output.position - start
    symbolCount += 1
    lastSymbol.removeAll(keepingCapacity: true)
    unsafe lastSymbol.append(contentsOf: bytes)
  }

  /// Adds the next symbol. See the other `addSymbol`.
  public mutating func addSymbol(_ text: String) throws(StorageError) {
    let bytes = Array(text.utf8)
    unsafe try bytes.withRawBytes { bytes throws(StorageError) in unsafe try addSymbol(bytes) }
  }

  /// Ends the symbol table: fills in size, count and checksum.
  private mutating func endSymbols() throws(StorageError) {
    try output.flush()
    let count = bigEndianBytes(UInt32(symbolCount))
    var crc = unsafe count.withUnsafeBytes { bytes in unsafe tsdb_crc32c(0, bytes.bytes, bytes.count) }
    let start = Int(TSDB_INDEX_HEADER_SIZE) + 8
    try unsafe readBack(start..<output.position, chunkSize: IndexOutput.bufferSize) { bytes, _ in
      crc = unsafe tsdb_crc32c(crc, bytes.bytes, bytes.count)
      return bytes.count
    }
    try output.overwrite(bigEndianBytes(UInt32(symbolsContentSize)) + count, at: Int(TSDB_INDEX_HEADER_SIZE))
    try output.append(crc)
    toc.series = UInt64(output.position)
    seriesEnd = output.position
    lastSymbol = []
    let table = PairCounts(symbolCount: symbolCount)
    guard table.byteCount + 2 * IndexOutput.bufferSize <= memoryLimitBytes else {
      throw StorageError(
        .budget,
        "write \(path): \(symbolCount) symbols need \(table.byteCount) bytes of tables, \(memoryLimitBytes) are allowed",
        disposition: .rejectRequest)
    }
    pairs = table
  }

  // MARK: Series

  /// Adds the next series: `labelIDs` are symbol ids (name, value, name, value, …), names ascending; `chunks` ascend in
  /// time without overlap, their refs never descend in the whole file. Throws `.order`, `.reference` or `.argument` with
  /// the reason where one of these does not hold or the series is not above its predecessor, `.size` beyond 64 GiB,
  /// `.budget` where counting would exceed the memory limit, or what writing throws. Returns the series' reference.
  @discardableResult
  public mutating func addSeries(
    labelIDs: UnsafeBufferPointer<UInt32>, chunks: UnsafeBufferPointer<ChunkMeta>
  ) throws(StorageError) -> UInt32 {
    if pairs == nil { try endSymbols() }
    precondition(labelIDs.count % 2 == 0, "a label id without its partner")
    try unsafe check(labelIDs, chunks)
    try output.align(to: Int(TSDB_INDEX_SERIES_ALIGNMENT))
    let offset = output.position
    guard UInt64(offset) <= offsetMax else {
      throw StorageError(.size, "write series \(seriesCount) to \(path): no series can start behind \(offsetMax) bytes")
    }
    guard unsafe pairs?.count(labelIDs, byteLimit: memoryLimitBytes - 2 * IndexOutput.bufferSize) == true else {
      throw StorageError(
        .budget,
        "write series \(seriesCount) to \(path): the counts of its label pairs exceed \(memoryLimitBytes) bytes",
        disposition: .rejectRequest)
    }
    let (path, series) = (self.path, seriesCount)
    unsafe try output.append(upTo: tsdb_index_series_bound(labelIDs.count / 2, chunks.count)) {
      room throws(StorageError) in
      var size = 0
      var entry = unsafe tsdb_series_entry(labelIDs, chunks)
      let status = unsafe tsdb_index_series_encode(
        &entry, room.baseAddress?.assumingMemoryBound(to: UInt8.self), room.count, &size)
      guard status == TSDB_OK else { throw StorageError(status, "encode series \(series) for \(path)") }
      return size
    }
    seriesEnd = output.position
    entrySizeMax = max(entrySizeMax, seriesEnd - offset)
    seriesCount += 1
    lastLabelIDs.removeAll(keepingCapacity: true)
    unsafe lastLabelIDs.append(contentsOf: labelIDs)
    return UInt32(offset / Int(TSDB_INDEX_SERIES_ALIGNMENT))
  }

  /// See the other `addSeries`.
  @discardableResult
  public mutating func addSeries(labelIDs: [UInt32], chunks: [ChunkMeta]) throws(StorageError) -> UInt32 {
    try unsafe labelIDs.withUnsafeBufferPointer { labelIDs throws(StorageError) in
      try unsafe chunks.withUnsafeBufferPointer { chunks throws(StorageError) in
        try unsafe addSeries(labelIDs: labelIDs, chunks: chunks)
      }
    }
  }

  private mutating func check(
    _ labelIDs: UnsafeBufferPointer<UInt32>, _ chunks: UnsafeBufferPointer<ChunkMeta>
  ) throws(StorageError) {
    var reason: UnsafePointer<CChar>?
    var entry = unsafe tsdb_series_entry(labelIDs, chunks)
    var chunkRef = lastChunkRef
    let status = unsafe lastLabelIDs.withUnsafeBufferPointer { last in
      var previous = unsafe tsdb_series_entry(last, UnsafeBufferPointer(start: nil, count: 0))
      return unsafe withUnsafePointer(to: &previous) { previous in
        unsafe tsdb_index_series_check(
          &entry, seriesCount == 0 ? nil : previous, UInt32(symbolCount), hasEmptySymbol, &chunkRef, &reason)
      }
    }
    guard status == TSDB_OK else {
      let text = unsafe reason.map { unsafe String(cString: $0) } ?? ""
      throw StorageError(StorageError.Code(status), "write series \(seriesCount) to \(path): \(text)")
    }
    lastChunkRef = chunkRef
  }

  // MARK: End

  /// Writes postings lists, offset table and table of contents, and waits until the file is on the disk.
  public mutating func finish() throws(StorageError) {
    precondition(!isFinished, "an index finished twice")
    if pairs == nil { try endSymbols() }
    try finishPostings()
    try output.synchronize()
    isFinished = true
  }

  /// Reads the flushed part `range` of the file back in pieces. `body` gets a piece and its offset and returns how many
  /// bytes it used; the rest comes again, at the front of the next piece.
  func readBack(
    _ range: Range<Int>, chunkSize: Int,
    _ body: (UnsafeRawBufferPointer, Int) throws(StorageError) -> Int
  ) throws(StorageError) {
    let file = try FileDescriptor(path, for: .reading)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize, alignment: 16)
    defer { unsafe buffer.deallocate() }
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = min(buffer.count, range.upperBound - offset)
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
      guard unsafe try file.read(into: part, at: offset) == count else {
        throw StorageError(.truncated, "read \(path) back at offset \(offset): the file was cut short")
      }
      let used = unsafe try body(UnsafeRawBufferPointer(part), offset)
      guard used > 0 else {
        throw StorageError(.malformed, "read \(path) back at offset \(offset): not what was written")
      }
      offset += used
    }
  }
}

extension tsdb_series_entry {
  /// A view of a series' parts. A `ChunkMeta` has the layout of a `tsdb_chunk_meta`: three 64-bit numbers.
  fileprivate init(_ labelIDs: UnsafeBufferPointer<UInt32>, _ chunks: UnsafeBufferPointer<ChunkMeta>) {
    unsafe self.init(
      label_ids: labelIDs.baseAddress, pairs_count: labelIDs.count / 2,
      chunks: UnsafeRawPointer(chunks.baseAddress)?.assumingMemoryBound(to: tsdb_chunk_meta.self),
      chunks_count: chunks.count)
  }
}

/// `value` as uvarint.
func uvarintBytes(_ value: UInt64) -> [UInt8] {
  var bytes: [UInt8] = []
  var rest = value
  while rest >= 0x80 {
    bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
    rest >>= 7
  }
  bytes.append(UInt8(truncatingIfNeeded: rest))
  return bytes
}
