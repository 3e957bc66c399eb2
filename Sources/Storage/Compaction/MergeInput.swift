// One block on its way into a merge: its series, window by window, with labels as ids of the merged symbols.
internal import CTSDB
internal import TSModel

/// The series of one block in their order. Memory: one window.
@safe final class MergeInput {
  /// The block.
  let block: Block
  /// The series of the current window.
  let batch: SeriesBatch
  /// The same with the merged symbols' ids, for C. Valid until the next window.
  private(set) var source = unsafe tsdb_group_source()

  /// The series of the window whose turn it is.
  var position = 0

  /// Which replica the block is of.
  let replica: Int

  private let postings: Postings
  private let translation: [UInt32]
  private var next = 0
  private let refs: UnsafeMutableBufferPointer<UInt32>

  /// Series of a window.
  private static let windowMax = 256

  /// The series of `block`, whose symbol ids become those of `translation`.
  init(_ block: Block, translation: [UInt32], replica: Int = 0) throws(StorageError) {
    self.block = block
    self.replica = replica
    self.translation = translation
    postings = try block.index.allPostings()
    batch = SeriesBatch(symbols: block.index.symbols)
    unsafe refs = .allocate(capacity: Self.windowMax)
  }

  deinit { unsafe refs.deallocate() }

  /// Series of the block.
  var seriesCount: Int { postings.count }

  /// The labels of the series whose turn it is, as ids of the merged symbols. Valid until the next window.
  var labelIDsOfCurrent: UnsafeBufferPointer<UInt32> {
    let range = batch.labelRange(at: position)
    return unsafe UnsafeBufferPointer(
      start: source.label_ids.map { unsafe $0 + 2 * range.lowerBound }, count: 2 * range.count)
  }

  /// The block's id of a merged symbol: translations ascend.
  private func id(of merged: UInt32) -> UInt32? {
    guard !translation.isEmpty else { return merged }
    var (low, high) = (0, translation.count)
    while low < high {
      let middle = (low + high) / 2
      if translation[middle] < merged { low = middle + 1 } else { high = middle }
    }
    return low < translation.count && translation[low] == merged ? UInt32(low) : nil
  }

  /// The same as strings, for messages and for a look at the metric's name.
  var labelsOfCurrent: Labels {
    let ids = unsafe labelIDsOfCurrent
    return Labels(
      labels: stride(from: 0, to: ids.count, by: 2).compactMap { place -> Labels.Label? in
        guard let name = unsafe id(of: ids[place]), let value = unsafe id(of: ids[place + 1]),
          let nameText = block.index.symbols.string(name), let valueText = block.index.symbols.string(value)
        else { return nil }
        return Labels.Label(name: nameText, value: valueText)
      })
  }

  /// Finds the bytes of the window's chunks. Chunks without samples, which some versions of Thanos left in downsampled blocks, have
  /// times that say so: they are passed over.
  private func loadChunks() throws(StorageError) {
    guard (0..<batch.chunkCount).contains(where: { batch.chunk($0).minTimeMs > batch.chunk($0).maxTimeMs }) else {
      try block.loadChunks(into: batch)
      return
    }
    do { try batch.reserveChunkBytes() } catch { throw StorageError(error, "read chunks of \(block.path)") }
    for index in 0..<batch.chunkCount {
      let meta = batch.chunk(index)
      guard meta.minTimeMs <= meta.maxTimeMs else { continue }
      let (encoding, bytes) = try block.chunk(ref: meta.ref)
      batch.retain(bytes)
      unsafe bytes.withUnsafeBytes { unsafe batch.setChunkBytes(index, encoding: encoding.rawValue, bytes: $0) }
    }
  }

  /// Throws where a file of the block failed, or was cut short, since the window was read: what was made of its series is not to be trusted.
  /// Asked once a window, since each time asks the system.
  func checkFault() throws(StorageError) {
    if batch.hasFault { throw block.faulted(nil) }
  }

  /// Reads one series alone, whatever the window: labels are those of the block then. Throws also where `checkFault` would.
  func readSeries(_ ref: UInt32) throws(StorageError) {
    try checkFault()
    batch.removeAll()
    position = 0
    try block.index.series([ref], into: batch)
    try loadChunks()
    try block.index.checkFault()
  }

  /// Reads the next window. False where there is none. Throws also where `checkFault` would.
  func readWindow() throws(StorageError) -> Bool {
    try checkFault()
    let end = min(postings.count, next + Self.windowMax)
    guard next < end else { return false }
    let count = end - next
    unsafe postings.copy(next..<end, into: refs)
    next = end
    batch.removeAll()
    position = 0
    unsafe try block.index.series(UnsafeBufferPointer(rebasing: refs[..<count]), into: batch)
    try loadChunks()
    try block.index.checkFault()
    let series = batch.seriesCount
    let pairs = series == 0 ? 0 : batch.labelRange(at: series - 1).upperBound
    var status = TSDB_OK
    unsafe batch.withColumns { columns, _ in
      unsafe status = tsdb_symbol_ids_translate(
        translation, UInt32(clamping: translation.count), columns.labelIDs, 2 * pairs)
      unsafe source = tsdb_group_source(
        label_ids: columns.labelIDs, label_offsets: columns.labelOffsets, count: series, position: 0)
    }
    guard status == TSDB_OK else { throw StorageError(status, "read series of \(block.path)") }
    return true
  }
}
