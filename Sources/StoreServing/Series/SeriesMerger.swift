// Windows of many blocks in, messages out: C merges and writes, this brings windows and room.
internal import CTSDB
internal import Storage
internal import TSModel

/// How series become messages.
struct SeriesEncoding {
  /// Series that a message carries; 0 and 1: one.
  var batchSize: Int
  /// Aggregates that are wanted of downsampled data.
  var aggregates: UInt32
}

/// Some series of a source, in the order of their labels, for a merge. Stays as it is as long as it is kept.
protocol MergeWindow: AnyObject {
  /// What the merge needs to know. `isLast`: no other window of the source follows; `withChunks`: they are wanted.
  func mergeSource(isLast: Bool, withChunks: Bool) -> tsdb_merge_source
  /// Whether memory that chunks lie in has failed: they cannot be trusted then.
  var hasFault: Bool { get }
}

/// The merge of one request. Used by one task.
@safe final class SeriesMerger {
  /// Series that have been handed over.
  private(set) var seriesCount: Int64 = 0
  /// Their chunks.
  private(set) var chunkCount: Int64 = 0

  private var merge = unsafe tsdb_merge()
  private let sources: UnsafeMutableBufferPointer<tsdb_merge_source>
  private let nodes: UnsafeMutableBufferPointer<tsdb_merge_node>
  private var series: UnsafeMutableBufferPointer<tsdb_wire_series>
  private var chunks: UnsafeMutableBufferPointer<tsdb_wire_chunk>
  private var windows: [(any MergeWindow)?]
  /// Windows that were used up since the open series began, which refers to them.
  private var retiredByOpen: [any MergeWindow] = []
  /// Windows used up before, which complete series refer to that have not been taken.
  private var retired: [any MergeWindow] = []
  private var options: tsdb_wire_options
  private var charge: BudgetCharge

  /// The most that is handed over at once unless one message is larger, bytes.
  private static let outputSizeMax = 64 << 10

  /// A merge of `sourceCount` sources.
  init(sourceCount: Int, _ encoding: SeriesEncoding, budget: MemoryBudget) throws(BudgetExceeded) {
    let (seriesCapacity, chunkCapacity) = (512, 2048)
    charge = unsafe try BudgetCharge(
      budget,
      bytes: sourceCount * (MemoryLayout<tsdb_merge_source>.stride + MemoryLayout<tsdb_merge_node>.stride + 8)
        + seriesCapacity * MemoryLayout<tsdb_wire_series>.stride + chunkCapacity * MemoryLayout<tsdb_wire_chunk>.stride)
    unsafe sources = .allocate(capacity: sourceCount)
    unsafe sources.initialize(repeating: tsdb_merge_source())
    unsafe nodes = .allocate(capacity: sourceCount)
    unsafe series = .allocate(capacity: seriesCapacity)
    unsafe chunks = .allocate(capacity: chunkCapacity)
    windows = Array(repeating: nil, count: sourceCount)
    options = tsdb_wire_options(
      batch_size: UInt32(clamping: encoding.batchSize), aggregates: encoding.aggregates, writes_hashes: true,
      is_framed: true)
    unsafe merge.sources = sources.baseAddress
    unsafe merge.source_count = sourceCount
    unsafe merge.nodes = nodes.baseAddress
    useArrays()
  }

  deinit {
    unsafe sources.deallocate()
    unsafe nodes.deallocate()
    unsafe series.deallocate()
    unsafe chunks.deallocate()
  }

  private func useArrays() {
    unsafe merge.series = series.baseAddress
    unsafe merge.series_capacity = series.count
    unsafe merge.chunks = chunks.baseAddress
    unsafe merge.chunk_capacity = chunks.count
  }

  /// Brings the next window of source `index`, the last one if `isLast`.
  func push(_ window: any MergeWindow, of index: Int, isLast: Bool, withChunks: Bool) {
    if let old = windows[index] { retiredByOpen.append(old) }
    windows[index] = window
    unsafe sources[index] = window.mergeSource(isLast: isLast, withChunks: withChunks)
    unsafe tsdb_merge_push(&merge, index)
  }

  /// What has to happen next.
  enum Step {
    /// The source of this number needs its next window, or has none.
    case refill(Int)
    /// Series are ready to be taken.
    case output
    /// All series have been taken.
    case end
  }

  /// Merges until something has to happen. Take all of the output after `.output` and `.end`.
  func step() throws(BudgetExceeded) -> Step {
    while true {
      var source = 0
      let closedBefore = closedCount
      let stop = unsafe tsdb_merge_run(&merge, &source)
      if closedCount > closedBefore {
        // The series that was open is complete, the one that is now began in windows that are current.
        retired += retiredByOpen
        retiredByOpen.removeAll()
      }
      switch stop {
      case TSDB_MERGE_END: return .end
      case TSDB_MERGE_REFILL: return .refill(source)
      default:
        if closedCount > 0 { return .output }
        try grow()
      }
    }
  }

  /// Whether so many series are complete that they are worth a message or several.
  var isWorthTaking: Bool { closedCount >= 256 }

  /// Series that are complete.
  private var closedCount: Int { unsafe merge.series_count - (merge.open_entries > 0 ? 1 : 0) }

  /// Makes the arrays twice as large: one series has more chunks than there is room for.
  private func grow() throws(BudgetExceeded) {
    unsafe try charge.grow(by: chunks.count * MemoryLayout<tsdb_wire_chunk>.stride)
    let larger = unsafe UnsafeMutableBufferPointer<tsdb_wire_chunk>.allocate(capacity: 2 * chunks.count)
    _ = unsafe larger.update(fromContentsOf: chunks[..<merge.chunk_count])
    unsafe chunks.deallocate()
    unsafe chunks = larger
    useArrays()
  }

  /// The next messages of complete series, with gRPC's framing, at most `limit` series; nil where none are left, and
  /// windows that nothing refers to any more are let go.
  func output(limit: Int64, budget: MemoryBudget) throws -> (frames: [UInt8], messageCount: Int)? {
    let closed = closedCount
    guard closed > 0 else { return nil }
    let wanted = limit > 0 ? min(closed, Int(clamping: limit - seriesCount)) : closed
    guard wanted > 0 else { return nil }
    var (count, chunkCount, size) = (0, 0, 0)
    let openChunks = unsafe merge.open_entries > 0 ? Int(series[closed].chunk_count) : 0
    let closedChunks = unsafe merge.chunk_count - openChunks
    var status = unsafe tsdb_series_response_measure(
      series.baseAddress, wanted, chunks.baseAddress, closedChunks, &options, Self.outputSizeMax, &count, &chunkCount,
      &size)
    guard status == TSDB_OK else { throw StoreServingErrors.chunk(status) }
    let charge = try BudgetCharge(budget, bytes: size)
    let frames = unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, written in
      unsafe status = tsdb_series_response_encode(
        series.baseAddress, count, chunks.baseAddress, chunkCount, &options, bytes.baseAddress, bytes.count, &written)
    }
    _ = charge.bytes
    guard status == TSDB_OK else { throw StoreServingErrors.chunk(status) }
    let used = windows.lazy.compactMap(\.self) + retired + retiredByOpen
    guard !used.contains(where: { $0.hasFault }) else { throw StoreServingErrors.faulted }
    take(count, chunkCount)
    let perMessage = max(1, Int(options.batch_size))
    return (frames, (count + perMessage - 1) / perMessage)
  }

  /// The complete series, at most `limit` altogether (0: all), with their labels and chunks where they lie; nil where none are
  /// left.
  func takeSeries(limit: Int64, budget: MemoryBudget) throws(BudgetExceeded) -> MergedSeries? {
    let closed = closedCount
    let wanted = limit > 0 ? min(closed, Int(clamping: limit - seriesCount)) : closed
    guard wanted > 0 else { return nil }
    let openChunks = unsafe merge.open_entries > 0 ? Int(series[closed].chunk_count) : 0
    let closedChunks = unsafe merge.chunk_count - openChunks
    let taken = unsafe try MergedSeries(
      UnsafeBufferPointer(rebasing: series[..<wanted]), UnsafeBufferPointer(rebasing: chunks[..<closedChunks]),
      windows: windows.compactMap(\.self) + retired + retiredByOpen, budget: budget)
    take(wanted, taken.chunkCount)
    return taken
  }

  /// Moves what is left after the first series and chunks to the front.
  private func take(_ count: Int, _ chunkCount: Int) {
    seriesCount += Int64(count)
    self.chunkCount += Int64(chunkCount)
    unsafe merge.series_count -= count
    unsafe merge.chunk_count -= chunkCount
    if let base = unsafe series.baseAddress, unsafe merge.series_count > 0 {
      unsafe base.update(from: base + count, count: merge.series_count)
    }
    if let base = unsafe chunks.baseAddress, unsafe merge.chunk_count > 0 {
      unsafe base.update(from: base + chunkCount, count: merge.chunk_count)
    }
    if closedCount == 0 { retired.removeAll() }
  }
}

/// Errors that come of bytes which Storage had no reason to look at.
enum StoreServingErrors {
  static let labels = StorageError(.reference, "read labels of series: a string lies outside the symbols")
  static let faulted = StorageError(
    .faulted, "read chunks: a file was cut short or could not be read while it was in use")

  static func chunk(_ status: tsdb_status) -> StorageError {
    switch status {
    case TSDB_ERR_ENCODING: StorageError(.encoding, "write chunks: one has an encoding that messages have no type for")
    case TSDB_ERR_SIZE: StorageError(.size, "write chunks: a series has more than a message can carry")
    default: StorageError(.malformed, "write chunks: the aggregates of one cannot be told apart")
    }
  }
}
