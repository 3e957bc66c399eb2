// The value that travels the read path: some hundred or thousand series, in flat memory that C fills.
//
//   seriesRefs     │ r0          │ r1      │ …
//   labelOffsets   │ 0           │ 3       │ 5 …              in pairs
//   labelIDs       │ n v n v n v │ n v n v │ …                symbol ids: name, value
//   chunkOffsets   │ 0           │ 2       │ 3 …
//   chunkMin/Max   │ a b         │ c       │ …                milliseconds, both inclusive
//   chunkRefs      │ x y         │ z       │ …
//   chunk bytes    │ encoding, where, size of each            only once they are loaded; whose memory it is is retained
//
// No string, array or object per series exists. A batch can be emptied and filled again without new memory.

/// The time range and the place of one chunk.
public struct ChunkMeta: Hashable, Sendable {
  /// Time of the first sample, milliseconds since the Unix epoch, UTC.
  public var minTimeMs: Int64
  /// Time of the last sample, milliseconds; inclusive.
  public var maxTimeMs: Int64
  /// Where the chunk lies: segment number and offset, as the block format packs them.
  public var ref: UInt64

  /// A chunk from `minTimeMs` to `maxTimeMs`, both inclusive, at `ref`.
  public init(minTimeMs: Int64, maxTimeMs: Int64, ref: UInt64) {
    self.minTimeMs = minTimeMs
    self.maxTimeMs = maxTimeMs
    self.ref = ref
  }
}

/// Series with their labels, chunk times and, once loaded, chunk bytes. See the drawing above for the layout.
///
/// Filled by one task, then read by any number: it is not safe to fill and read at the same time.
@safe public final class SeriesBatch: @unchecked Sendable {
  /// The strings that label ids stand for.
  public let symbols: any SymbolTable
  /// How many series are in the batch.
  public private(set) var seriesCount = 0
  /// How many chunks they have together.
  public private(set) var chunkCount = 0
  /// Whether chunk bytes have been loaded.
  public private(set) var hasChunkBytes = false

  private var series = SeriesArrays()
  private var pairs = unsafe UnsafeMutableBufferPointer<UInt32>(start: nil, count: 0)
  private var chunks = ChunkArrays()
  private var bytesOfChunks = ChunkBytesArrays()
  private var owners: [ByteRegion] = []
  private var budget: MemoryBudget?
  private var chargedBytes = 0

  /// An empty batch for series of `symbols`, whose memory is charged to `budget`.
  public init(symbols: any SymbolTable, budget: MemoryBudget? = nil) {
    self.symbols = symbols
    self.budget = budget
  }

  deinit {
    series.deallocate()
    unsafe pairs.deallocate()
    chunks.deallocate()
    bytesOfChunks.deallocate()
    budget?.release(chargedBytes)
  }

  /// Bytes that the arrays take, whether filled or not.
  public var allocatedBytes: Int {
    unsafe series.byteCount + pairs.count * 4 + chunks.byteCount + bytesOfChunks.byteCount
  }

  /// Empties the batch and keeps its memory for the next series.
  public func removeAll() {
    seriesCount = 0
    chunkCount = 0
    hasChunkBytes = false
    owners.removeAll(keepingCapacity: true)
  }

  // MARK: Reading

  /// The reference of the series at `index`, as postings have it.
  public func seriesRef(at index: Int) -> UInt32 {
    precondition(index >= 0 && index < seriesCount, "no series \(index) in a batch of \(seriesCount)")
    return unsafe series.refs[index]
  }

  /// The references of all series, in the order of the batch.
  public var seriesRefs: Span<UInt32> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: series.refsOrEmpty, count: seriesCount))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Where the label pairs of the series at `index` lie in `labelIDs`, counted in pairs.
  public func labelRange(at index: Int) -> Range<Int> {
    precondition(index >= 0 && index < seriesCount, "no series \(index) in a batch of \(seriesCount)")
    return unsafe Range(uncheckedBounds: (Int(series.labelOffsets[index]), Int(series.labelOffsets[index + 1])))
  }

  /// All label pairs as symbol ids: name, value, name, value, … of one series after the other.
  public var labelIDs: Span<UInt32> {
    @_lifetime(borrow self)
    get {
      let count = seriesCount == 0 ? 0 : 2 * labelRange(at: seriesCount - 1).upperBound
      let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: pairs[..<count]))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The labels of the series at `index` as strings: for the edges of the process.
  public func labels(at index: Int) -> Labels {
    let range = labelRange(at: index)
    var labels: [Labels.Label] = []
    labels.reserveCapacity(range.count)
    for pair in range {
      let name = unsafe symbols.string(pairs[2 * pair])
      let value = unsafe symbols.string(pairs[2 * pair + 1])
      if let name, let value { labels.append(Labels.Label(name: name, value: value)) }
    }
    return Labels(labels: labels)
  }

  /// Which chunks are those of the series at `index`.
  public func chunkRange(at index: Int) -> Range<Int> {
    precondition(index >= 0 && index < seriesCount, "no series \(index) in a batch of \(seriesCount)")
    return unsafe Range(uncheckedBounds: (Int(series.chunkOffsets[index]), Int(series.chunkOffsets[index + 1])))
  }

  /// Times and place of a chunk; chunks are numbered through the whole batch.
  public func chunk(_ index: Int) -> ChunkMeta {
    precondition(index >= 0 && index < chunkCount, "no chunk \(index) in a batch of \(chunkCount)")
    return unsafe ChunkMeta(
      minTimeMs: chunks.minTimesMs[index], maxTimeMs: chunks.maxTimesMs[index], ref: chunks.refs[index])
  }

  /// Encoding and bytes of a chunk, without length and checksum; nil before they are loaded. Valid until the batch is
  /// emptied or dropped.
  public func chunkBytes(_ index: Int) -> (encoding: UInt8, bytes: UnsafeRawBufferPointer)? {
    precondition(index >= 0 && index < chunkCount, "no chunk \(index) in a batch of \(chunkCount)")
    guard hasChunkBytes else { return nil }
    return unsafe (
      bytesOfChunks.encodings[index],
      UnsafeRawBufferPointer(start: bytesOfChunks.starts[index], count: Int(bytesOfChunks.sizes[index]))
    )
  }

  // MARK: Filling, by Storage and the wire

  /// The arrays as they are, for C to append to. Their sizes are capacities; what is filled is `seriesCount` and the
  /// offsets at it.
  @unsafe package struct Columns {
    package var refs, labelOffsets, chunkOffsets: UnsafeMutablePointer<UInt32>
    package var seriesCapacity: Int
    package var labelIDs: UnsafeMutablePointer<UInt32>?
    package var pairCapacity: Int
    package var chunkMinTimesMs, chunkMaxTimesMs: UnsafeMutablePointer<Int64>?
    package var chunkRefs: UnsafeMutablePointer<UInt64>?
    package var chunkCapacity: Int
  }

  /// Makes room for so many more series, pairs and chunks. Throws, and changes nothing, where the budget does not allow it.
  package func reserve(series: Int, pairs: Int, chunks: Int) throws(BudgetExceeded) {
    let pairCount = seriesCount == 0 ? 0 : labelRange(at: seriesCount - 1).upperBound
    if seriesCount + series > self.series.capacity {
      let capacity = max(seriesCount + series, self.series.capacity * 2)
      let added = SeriesArrays.byteCount(capacity) - self.series.byteCount
      try charge(added)
      self.series.grow(to: capacity, filled: seriesCount)
    }
    if unsafe pairCount + pairs > self.pairs.count / 2 {
      let capacity = unsafe max(pairCount + pairs, self.pairs.count)
      unsafe try charge(capacity * 8 - self.pairs.count * 4)
      unsafe self.pairs = grown(self.pairs, to: 2 * capacity, filled: 2 * pairCount)
    }
    if chunkCount + chunks > self.chunks.capacity {
      let capacity = max(chunkCount + chunks, self.chunks.capacity * 2)
      let added = ChunkArrays.byteCount(capacity) - self.chunks.byteCount
      try charge(added)
      self.chunks.grow(to: capacity, filled: chunkCount)
    }
  }

  /// Uses `budget` for this batch where it has none yet; what it holds already is charged at once.
  package func adopt(_ budget: MemoryBudget?) throws(BudgetExceeded) {
    guard self.budget == nil, let budget else { return }
    try budget.charge(allocatedBytes)
    self.budget = budget
    chargedBytes = allocatedBytes
  }

  /// Calls `body` with the arrays; it returns how many series are filled afterwards.
  package func fill<Failure: Error>(_ body: (Columns) throws(Failure) -> Int) throws(Failure) {
    if series.isMissing { series.grow(to: 0, filled: 0) }
    let columns = unsafe Columns(
      refs: series.refs, labelOffsets: series.labelOffsets, chunkOffsets: series.chunkOffsets,
      seriesCapacity: series.capacity, labelIDs: pairs.baseAddress, pairCapacity: pairs.count / 2,
      chunkMinTimesMs: chunks.minTimesMs, chunkMaxTimesMs: chunks.maxTimesMs, chunkRefs: chunks.refs,
      chunkCapacity: chunks.capacity)
    let count = unsafe try body(columns)
    seriesCount = count
    chunkCount = unsafe Int(series.chunkOffsets[count])
  }

  /// Makes room for the bytes of every chunk of the batch; `setChunkBytes` must then be called for each.
  package func reserveChunkBytes() throws(BudgetExceeded) {
    if chunkCount > bytesOfChunks.capacity {
      let capacity = max(chunkCount, chunks.capacity)
      let added = ChunkBytesArrays.byteCount(capacity) - bytesOfChunks.byteCount
      try charge(added)
      bytesOfChunks.deallocate()
      bytesOfChunks = ChunkBytesArrays(capacity: capacity)
    }
    bytesOfChunks.clear(chunkCount)
    hasChunkBytes = true
  }

  /// Says where the bytes of a chunk lie: within a region that was handed to `retain`.
  package func setChunkBytes(_ index: Int, encoding: UInt8, bytes: UnsafeRawBufferPointer) {
    precondition(hasChunkBytes && index >= 0 && index < chunkCount, "no room for the bytes of chunk \(index)")
    unsafe bytesOfChunks.encodings[index] = encoding
    unsafe bytesOfChunks.starts[index] = bytes.baseAddress
    unsafe bytesOfChunks.sizes[index] = UInt32(clamping: bytes.count)
  }

  /// The arrays of chunk bytes as they are, for C to read: `chunkCount` elements each.
  @unsafe package struct ChunkBytesColumns {
    package var starts: UnsafePointer<UnsafeRawPointer?>?
    package var sizes: UnsafePointer<UInt32>?
    package var encodings: UnsafePointer<UInt8>?
  }

  /// Calls `body` with the arrays as they are. The pointers stay valid until the batch is filled again or dropped.
  package func withColumns<Result>(_ body: (Columns, ChunkBytesColumns) -> Result) -> Result {
    if series.isMissing { series.grow(to: 0, filled: 0) }
    let columns = unsafe Columns(
      refs: series.refs, labelOffsets: series.labelOffsets, chunkOffsets: series.chunkOffsets,
      seriesCapacity: series.capacity, labelIDs: pairs.baseAddress, pairCapacity: pairs.count / 2,
      chunkMinTimesMs: chunks.minTimesMs, chunkMaxTimesMs: chunks.maxTimesMs, chunkRefs: chunks.refs,
      chunkCapacity: chunks.capacity)
    let bytes = unsafe ChunkBytesColumns(
      starts: bytesOfChunks.starts.map { unsafe UnsafePointer($0) },
      sizes: bytesOfChunks.sizes.map { unsafe UnsafePointer($0) },
      encodings: bytesOfChunks.encodings.map { unsafe UnsafePointer($0) })
    return unsafe body(columns, bytes)
  }

  /// Keeps `region` alive as long as the batch refers to bytes in it: until it is emptied or dropped.
  package func retain(_ region: ByteRegion) { owners.append(region) }

  /// Whether memory that chunk bytes lie in has failed (see `ByteOwner.hasFault`): they cannot be trusted then.
  public var hasFault: Bool { owners.contains { $0.hasFault } }

  private func charge(_ bytes: Int) throws(BudgetExceeded) {
    try budget?.charge(bytes)
    if budget != nil { chargedBytes += bytes }
  }
}

/// A copy of `old` with room for `count` elements, of which the first `filled` are copied; `old` is given back.
private func grown<Element: BitwiseCopyable>(
  _ old: UnsafeMutableBufferPointer<Element>, to count: Int, filled: Int
) -> UnsafeMutableBufferPointer<Element> {
  let new = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
  if filled > 0 { _ = unsafe new.update(fromContentsOf: old[..<filled]) }
  unsafe old.deallocate()
  return unsafe new
}

/// The arrays with an element a series. The two of offsets have one more.
@safe private struct SeriesArrays {
  private var storage: UnsafeMutableBufferPointer<UInt32>
  private(set) var capacity = 0

  var isMissing: Bool { unsafe storage.baseAddress == nil }
  init() { unsafe storage = UnsafeMutableBufferPointer(start: nil, count: 0) }

  /// Without the two offsets that are there even before the first series.
  static func byteCount(_ capacity: Int) -> Int { 3 * capacity * 4 }
  var byteCount: Int { Self.byteCount(capacity) }
  var labelOffsets: UnsafeMutablePointer<UInt32> { unsafe storage.baseAddress.unsafelyUnwrapped }
  var chunkOffsets: UnsafeMutablePointer<UInt32> { unsafe labelOffsets + (capacity + 1) }
  var refs: UnsafeMutablePointer<UInt32> { unsafe labelOffsets + 2 * (capacity + 1) }
  var refsOrEmpty: UnsafePointer<UInt32>? {
    unsafe storage.baseAddress == nil ? nil : UnsafePointer(refs)
  }

  mutating func grow(to newCapacity: Int, filled: Int) {
    var new = SeriesArrays()
    unsafe new.storage = UnsafeMutableBufferPointer.allocate(capacity: 3 * newCapacity + 2)
    new.capacity = newCapacity
    if unsafe storage.baseAddress == nil {
      unsafe new.labelOffsets[0] = 0
      unsafe new.chunkOffsets[0] = 0
    } else {
      unsafe new.labelOffsets.update(from: labelOffsets, count: filled + 1)
      unsafe new.chunkOffsets.update(from: chunkOffsets, count: filled + 1)
      unsafe new.refs.update(from: refs, count: filled)
    }
    unsafe storage.deallocate()
    self = new
  }

  func deallocate() { unsafe storage.deallocate() }
}

/// The arrays with an element a chunk.
@safe private struct ChunkArrays {
  private(set) var minTimesMs: UnsafeMutablePointer<Int64>! = nil
  private(set) var maxTimesMs: UnsafeMutablePointer<Int64>!
  private(set) var refs: UnsafeMutablePointer<UInt64>!
  private(set) var capacity = 0

  static func byteCount(_ capacity: Int) -> Int { capacity * 24 }
  var byteCount: Int { Self.byteCount(capacity) }

  mutating func grow(to newCapacity: Int, filled: Int) {
    let old = self
    unsafe minTimesMs = UnsafeMutablePointer.allocate(capacity: newCapacity)
    unsafe maxTimesMs = UnsafeMutablePointer.allocate(capacity: newCapacity)
    unsafe refs = UnsafeMutablePointer.allocate(capacity: newCapacity)
    capacity = newCapacity
    if filled > 0 {
      unsafe minTimesMs.update(from: old.minTimesMs, count: filled)
      unsafe maxTimesMs.update(from: old.maxTimesMs, count: filled)
      unsafe refs.update(from: old.refs, count: filled)
    }
    old.deallocate()
  }

  func deallocate() {
    unsafe minTimesMs?.deallocate()
    unsafe maxTimesMs?.deallocate()
    unsafe refs?.deallocate()
  }
}

/// Where the bytes of each chunk are.
@safe private struct ChunkBytesArrays {
  private(set) var starts: UnsafeMutablePointer<UnsafeRawPointer?>!
  private(set) var sizes: UnsafeMutablePointer<UInt32>!
  private(set) var encodings: UnsafeMutablePointer<UInt8>!
  private(set) var capacity = 0

  init() {}

  init(capacity: Int) {
    unsafe starts = UnsafeMutablePointer.allocate(capacity: capacity)
    unsafe sizes = UnsafeMutablePointer.allocate(capacity: capacity)
    unsafe encodings = UnsafeMutablePointer.allocate(capacity: capacity)
    self.capacity = capacity
  }

  static func byteCount(_ capacity: Int) -> Int { capacity * 13 }
  var byteCount: Int { Self.byteCount(capacity) }

  func clear(_ count: Int) {
    guard count > 0 else { return }
    unsafe starts.update(repeating: nil, count: count)
    unsafe sizes.update(repeating: 0, count: count)
    unsafe encodings.update(repeating: 0, count: count)
  }

  func deallocate() {
    unsafe starts?.deallocate()
    unsafe sizes?.deallocate()
    unsafe encodings?.deallocate()
  }
}
