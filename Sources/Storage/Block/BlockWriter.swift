// Writes a block: whole or not at all. docs/formats/block-folder.md.
//
//   1. <parent>/<ULID>.tmp-for-creation/ chunks/000001 …, index, meta.json, tombstones, each waited for until on the disk
//   2. rename to <parent>/<ULID>
//
// Whoever is stopped before the second step leaves a folder whose name nobody takes for a block.
internal import CTSDB
public import TSModel

/// A block under construction: series by series in their order, then `finish`. After an error, and when it is dropped
/// without `finish`, nothing of it is left.
public final class BlockWriter {
  /// The steps of writing, in order: a test lets each of them fail.
  package enum Step: CaseIterable, Sendable {
    case folder, index, series, chunks, indexTables, meta, tombstones, temporaryFolder, name, parentFolder
  }

  /// The block's name.
  public let ulid: ULID
  /// Where the block will be.
  public let path: String
  /// How many series were added.
  public private(set) var seriesCount = 0

  private let parentFolder: String
  private let temporaryPath: String
  private let symbols: SymbolList
  private let before: (Step) throws(StorageError) -> Void
  private var chunks: ChunkSegmentWriter?
  private var index: IndexWriter?
  private var stats = BlockMeta.Stats()
  private var timeRange: TimeRange?
  /// The largest chunk so far with its length and checksum, bytes.
  private(set) var chunkSizeMax = 0
  /// After `finish`: the largest entry of a series in the index with what follows up to the next one, bytes.
  private(set) var seriesSizeMax = 0
  /// After `finish`: the names of the files in `chunks`.
  private(set) var segmentFiles: [String] = []

  /// The size that Prometheus cuts segments of chunks at, bytes.
  public static let chunkSegmentBytesMax: UInt64 = 512 << 20

  /// Begins the block `ulid` in `parentFolder`, which must exist. `symbols` are all label names and values of all series,
  /// strictly ascending by bytes. `indexMemoryLimitBytes` bounds what the index' writer takes.
  ///
  /// Throws `.argument` where the block exists or is being written, `.order` where the symbols do not ascend, and what
  /// writing throws: `.permission`, `.notFound`, `.noSpace`, `.io`.
  public convenience init(
    parentFolder: String, ulid: ULID, symbols: some Sequence<String>,
    chunkSegmentBytesMax: UInt64 = BlockWriter.chunkSegmentBytesMax, indexMemoryLimitBytes: Int = 256 << 20
  ) throws(StorageError) {
    try self.init(
      parentFolder: parentFolder, ulid: ulid, symbols: symbols, chunkSegmentBytesMax: chunkSegmentBytesMax,
      indexMemoryLimitBytes: indexMemoryLimitBytes, before: { _ throws(StorageError) in })
  }

  /// See the other one; `before` is called before each step and may refuse it.
  package convenience init(
    parentFolder: String, ulid: ULID, symbols: some Sequence<String>, chunkSegmentBytesMax: UInt64,
    indexMemoryLimitBytes: Int, before: @escaping (Step) throws(StorageError) -> Void
  ) throws(StorageError) {
    let list = SymbolList(symbols)
    unsafe try self.init(
      parentFolder: parentFolder, ulid: ulid, symbols: list, chunkSegmentBytesMax: chunkSegmentBytesMax,
      indexMemoryLimitBytes: indexMemoryLimitBytes, before: before
    ) { add throws(StorageError) in
      for symbol in 0..<list.count {
        unsafe try list.withBytes(symbol) { bytes throws(StorageError) in unsafe try add(bytes) }
      }
    }
  }

  /// A block whose series are added by the ids of their symbols only. `addSymbols` hands all symbols, strictly ascending, to
  /// the function it is given. See the other one.
  convenience init(
    parentFolder: String, ulid: ULID, chunkSegmentBytesMax: UInt64 = BlockWriter.chunkSegmentBytesMax,
    indexMemoryLimitBytes: Int, addSymbols: (AddSymbol) throws(StorageError) -> Void
  ) throws(StorageError) {
    unsafe try self.init(
      parentFolder: parentFolder, ulid: ulid, symbols: SymbolList([]), chunkSegmentBytesMax: chunkSegmentBytesMax,
      indexMemoryLimitBytes: indexMemoryLimitBytes, before: { _ throws(StorageError) in }, addSymbols: addSymbols)
  }

  /// Takes the next symbol.
  typealias AddSymbol = (UnsafeRawBufferPointer) throws(StorageError) -> Void

  private init(
    parentFolder: String, ulid: ULID, symbols: SymbolList, chunkSegmentBytesMax: UInt64, indexMemoryLimitBytes: Int,
    before: @escaping (Step) throws(StorageError) -> Void, addSymbols: (AddSymbol) throws(StorageError) -> Void
  ) throws(StorageError) {
    self.ulid = ulid
    self.parentFolder = parentFolder
    self.before = before
    path = parentFolder + "/" + ulid.description
    temporaryPath = path + ".tmp-for-creation"
    self.symbols = symbols
    guard try kind(of: path) == .nothing else {
      throw StorageError(.argument, "write block \(path): it exists already", disposition: .rejectRequest)
    }
    guard try kind(of: temporaryPath) == .nothing else {
      throw StorageError(
        .argument,
        "write block \(path): \(temporaryPath) exists: another process is writing it, or was stopped while it did; delete "
          + "that folder in this case", disposition: .rejectRequest)
    }
    do throws(StorageError) {
      try before(.folder)
      try makeFolder(temporaryPath)
      try makeFolder(temporaryPath + "/chunks")
      chunks = ChunkSegmentWriter(folder: temporaryPath + "/chunks", segmentBytesMax: chunkSegmentBytesMax)
      try before(.index)
      index = try IndexWriter(path: temporaryPath + "/index", memoryLimitBytes: indexMemoryLimitBytes)
      unsafe try addSymbols { bytes throws(StorageError) in unsafe try index?.addSymbol(bytes) }
    } catch { throw failed(error) }
  }

  deinit { try? abort() }

  /// Adds the next series. Series ascend by their labels; chunks ascend in time and do not overlap. Throws `.order` where
  /// one of these does not hold, `.reference` for a label that is not among the symbols, and what writing throws.
  public func addSeries(labels: Labels, chunks: [EncodedChunk]) throws(StorageError) {
    try addSeries(labelIDs: try ids(of: labels), chunks: chunks)
  }

  /// The ids of the symbols of labels. Throws `.reference`, and gives up, for a label that is not among the symbols.
  func ids(of labels: Labels) throws(StorageError) -> [UInt32] {
    var ids: [UInt32] = []
    ids.reserveCapacity(2 * labels.count)
    for label in labels {
      for text in [label.name, label.value] {
        guard let id = symbols.id(of: text) else {
          throw failed(
            StorageError(.reference, "write series \(labels) to \(path): \(quoted(text)) is not among the symbols"))
        }
        ids.append(id)
      }
    }
    return ids
  }

  /// Adds the next series by the ids of its symbols (name, value, name, value, …, names ascending); an id is the place of a
  /// string among the symbols. See the other `addSeries`.
  public func addSeries(labelIDs: [UInt32], chunks: [EncodedChunk]) throws(StorageError) {
    guard let writer = self.chunks, index != nil else {
      preconditionFailure("a series for block \(ulid), which is finished or has failed")
    }
    do throws(StorageError) {
      try before(.series)
      let refs = try writer.write(chunks)
      var metas: [ChunkMeta] = []
      metas.reserveCapacity(chunks.count)
      for (chunk, ref) in zip(chunks, refs) {
        metas.append(ChunkMeta(minTimeMs: chunk.minTimeMs, maxTimeMs: chunk.maxTimeMs, ref: ref))
        count(
          chunk.encoding, samples: chunk.sampleCount, size: chunk.bytes.count,
          TimeRange(minTimeMs: chunk.minTimeMs, maxTimeMs: chunk.maxTimeMs))
      }
      _ = try index?.addSeries(labelIDs: labelIDs, chunks: metas)
      seriesCount += 1
    } catch { throw failed(error) }
  }

  /// Adds the next series. `labelIDs` are as in the other `addSeries`; the references of `chunks` are filled in.
  func addSeries(labelIDs: UnsafeBufferPointer<UInt32>, chunks views: inout ChunkViews) throws(StorageError) {
    guard let writer = chunks, index != nil else {
      preconditionFailure("a series for block \(ulid), which is finished or has failed")
    }
    do throws(StorageError) {
      try before(.series)
      try writer.write(&views)
      for place in 0..<views.count {
        let meta = views.metas[place]
        count(
          ChunkEncoding(rawValue: views.encodings[place]), samples: try views.sampleCount(place),
          size: Int(views.sizes[place]), TimeRange(minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs))
      }
      let metas = views.metas
      try unsafe metas.withUnsafeBufferPointer { metas throws(StorageError) in
        _ = try unsafe index?.addSeries(labelIDs: labelIDs, chunks: metas)
      }
      seriesCount += 1
    } catch { throw failed(error) }
  }

  /// Finishes the block and gives it its name. Returns the path of its folder.
  ///
  /// `meta.json` says what was counted, level 1, itself as source, and as range that of the samples; `adjust` may change any
  /// of it. It is written as Thanos does where `adjust` sets the section `thanos`, else as Prometheus does. Throws what
  /// writing throws, and `.argument` where a block of that name has come to be meanwhile.
  @discardableResult
  public func finish(
    tombstones: Tombstones = Tombstones(), _ adjust: (inout BlockMeta) -> Void = { _ in }
  ) throws(StorageError) -> String {
    guard let chunks, index != nil else {
      preconditionFailure("block \(ulid) is finished already or has failed")
    }
    do throws(StorageError) {
      try before(.chunks)
      try chunks.finish()
      try before(.indexTables)
      try index?.finish()
      let alignment = Int(TSDB_INDEX_SERIES_ALIGNMENT)
      seriesSizeMax = ((index?.entrySizeMax ?? 0) + alignment - 1) / alignment * alignment
      segmentFiles = (0..<chunks.segmentCount).map { ChunkSegmentWriter.fileName($0) }
      self.chunks = nil
      index = nil
      try before(.meta)
      let meta = meta(tombstones, adjust)
      try write(meta.thanos == nil ? meta.prometheusJSON() : meta.thanosJSON(), to: "meta.json")
      try before(.tombstones)
      try write(tombstones.encoded(), to: "tombstones")
      try before(.temporaryFolder)
      try synchronizeFolder(temporaryPath)
      try before(.name)
      guard try kind(of: path) == .nothing else {
        throw StorageError(.argument, "write block \(path): it exists already", disposition: .rejectRequest)
      }
      try rename(from: temporaryPath, to: path)
      try settleName()
      return path
    } catch { throw failed(error) }
  }

  /// Gives up: removes what was written so far. Does nothing after `finish`.
  public func abort() throws(StorageError) {
    let isUnfinished = chunks != nil || index != nil
    chunks = nil
    index = nil
    if isUnfinished { try removeAll(at: temporaryPath) }
  }

  /// A name that may be lost with the power is none: where that cannot be ruled out, the block is taken back.
  private func settleName() throws(StorageError) {
    do throws(StorageError) {
      try before(.parentFolder)
      try synchronizeFolder(parentFolder)
    } catch {
      try rename(from: path, to: temporaryPath)
      throw error
    }
  }

  /// Removes everything after `error`; if that fails, too, the message says what is left.
  private func failed(_ error: StorageError) -> StorageError {
    chunks = nil
    index = nil
    var error = error
    do throws(StorageError) {
      try removeAll(at: temporaryPath)
    } catch let second {
      error.message += " (and what was written to \(temporaryPath) could not be removed: \(second.message))"
    }
    return error
  }

  private func write(_ bytes: [UInt8], to name: String) throws(StorageError) {
    let file = try FileDescriptor(temporaryPath + "/" + name, for: .creating)
    let written = unsafe bytes.withUnsafeBytes { bytes -> Result<Void, StorageError> in
      do throws(StorageError) { return .success(unsafe try file.write(bytes)) } catch { return .failure(error) }
    }
    try written.get()
    try file.synchronize()
  }

  private func count(_ encoding: ChunkEncoding, samples: Int, size: Int, _ times: TimeRange) {
    stats.chunkCount += 1
    stats.sampleCount += UInt64(samples)
    if encoding.isFloat { stats.floatSampleCount += UInt64(samples) }
    if encoding.isHistogram { stats.histogramSampleCount += UInt64(samples) }
    chunkSizeMax = max(chunkSizeMax, tsdb_chunk_record_bound(UInt32(clamping: size)))
    let range = timeRange ?? times
    timeRange = TimeRange(
      minTimeMs: min(range.minTimeMs, times.minTimeMs), maxTimeMs: max(range.maxTimeMs, times.maxTimeMs))
  }

  private func meta(_ tombstones: Tombstones, _ adjust: (inout BlockMeta) -> Void) -> BlockMeta {
    let lastMs = timeRange?.maxTimeMs ?? 0
    var meta = BlockMeta(
      ulid: ulid, minTimeMs: timeRange?.minTimeMs ?? 0, maxTimeExclusiveMs: lastMs == .max ? .max : lastMs + 1)
    meta.stats = stats
    meta.stats.seriesCount = UInt64(seriesCount)
    meta.stats.tombstoneCount = UInt64(tombstones.intervalCount)
    meta.compaction.level = 1
    meta.compaction.sources = [ulid]
    adjust(&meta)
    return meta
  }
}

/// Ascending strings in one piece of memory, found by halving: what a dictionary of strings would take many times over.
/// Compares bytes, as `String` does not.
private struct SymbolList {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  init(_ symbols: some Sequence<String>) {
    for symbol in symbols {
      bytes += symbol.utf8
      ends.append(bytes.count)
    }
  }

  var count: Int { ends.count }

  func withBytes<Result>(
    _ index: Int, _ body: (UnsafeRawBufferPointer) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    let range = (index == 0 ? 0 : ends[index - 1])..<ends[index]
    let result = unsafe bytes.withUnsafeBytes { bytes -> Swift.Result<Result, StorageError> in
      do throws(StorageError) {
        return .success(unsafe try body(UnsafeRawBufferPointer(rebasing: bytes[range])))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  func id(of text: String) -> UInt32? {
    var text = text
    return text.withUTF8 { wanted in
      var (low, high) = (0, ends.count)
      while low < high {
        let middle = (low + high) / 2
        let order = unsafe compare(middle, UnsafeRawBufferPointer(wanted))
        if order == 0 { return UInt32(exactly: middle) }
        if order < 0 { low = middle + 1 } else { high = middle }
      }
      return nil
    }
  }

  /// Below zero where the symbol at `index` comes before `other`, zero where they are the same.
  private func compare(_ index: Int, _ other: UnsafeRawBufferPointer) -> Int {
    let start = index == 0 ? 0 : ends[index - 1]
    let size = ends[index] - start
    for offset in 0..<min(size, other.count) {
      let (left, right) = unsafe (bytes[start + offset], other[offset])
      if left != right { return Int(left) - Int(right) }
    }
    return size - other.count
  }
}
