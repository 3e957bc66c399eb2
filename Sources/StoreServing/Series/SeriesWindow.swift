// Some series of one block, ready to be merged: labels as blobs in the order of the answer, chunks where they lie.
//
//   batch    label ids, chunk times, chunk bytes     as Storage filled it
//   bytes    │ blob │ blob │ blob │ …                labels as they will be sent
//   blobs    where each begins, by index of series
//   order    indices of the series that are wanted, ascending by labels
internal import CTSDB
internal import Storage
internal import TSModel

/// Series of a block with labels as they are sent. Made by one task and then only read.
@safe final class SeriesWindow: MergeWindow {
  /// Where labels and chunks come from.
  let batch: SeriesBatch
  /// How many series are wanted.
  private(set) var count = 0

  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let blobs: UnsafeMutableBufferPointer<tsdb_bytes_view>
  private let order: UnsafeMutableBufferPointer<UInt32>
  private let charge: BudgetCharge

  /// The series of `batch`, whose labels become those that `rules` make of them; of these, those that `shard` takes.
  /// `ownBytes` is the memory of chunks that was not charged yet.
  init(
    _ batch: SeriesBatch, _ rules: LabelRules, _ shard: Shard?, slices: inout [SymbolSlice], ownBytes: Int,
    budget: MemoryBudget?
  ) throws {
    self.batch = batch
    let seriesCount = batch.seriesCount
    let ids = batch.labelIDs
    if slices.count < ids.count { slices = [SymbolSlice](repeating: SymbolSlice(), count: ids.count) }
    try rules.symbols.resolve(ids, into: &slices)
    let bound = unsafe slices.withUnsafeBytes { slices in
      unsafe rules.withSource(batch, slices) { source in unsafe tsdb_label_blobs_bound(&source) }
    }
    guard bound != .max else { throw StoreServingErrors.labels }
    charge = unsafe try BudgetCharge(
      budget, bytes: ownBytes + bound + seriesCount * (MemoryLayout<tsdb_bytes_view>.stride + 16))
    unsafe bytes = .allocate(capacity: bound)
    unsafe blobs = .allocate(capacity: seriesCount)
    unsafe order = .allocate(capacity: 2 * seriesCount)
    guard write(rules, slices) == TSDB_OK else { throw StoreServingErrors.labels }
    sort(shard)
  }

  deinit {
    unsafe bytes.deallocate()
    unsafe blobs.deallocate()
    unsafe order.deallocate()
  }

  var hasFault: Bool { batch.hasFault }

  /// See `MergeWindow`. Chunks are there only if their bytes were loaded.
  func mergeSource(isLast: Bool, withChunks: Bool) -> tsdb_merge_source {
    unsafe batch.withColumns { columns, chunks in
      var source = unsafe tsdb_merge_source()
      unsafe source.blobs = UnsafePointer(blobs.baseAddress)
      unsafe source.order = UnsafePointer(order.baseAddress)
      unsafe source.count = count
      unsafe source.is_last = isLast
      if withChunks {
        unsafe source.chunk_offsets = UnsafePointer(columns.chunkOffsets)
        unsafe source.min_times_ms = columns.chunkMinTimesMs.map { unsafe UnsafePointer($0) }
        unsafe source.max_times_ms = columns.chunkMaxTimesMs.map { unsafe UnsafePointer($0) }
        unsafe source.data = UnsafeRawPointer(chunks.starts)?.assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
        unsafe source.sizes = chunks.sizes
        unsafe source.encodings = chunks.encodings
      }
      return unsafe source
    }
  }

  /// Writes the labels of all series.
  private func write(_ rules: LabelRules, _ slices: [SymbolSlice]) -> tsdb_status {
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: batch.seriesCount) { ends in
      let status = unsafe slices.withUnsafeBytes { slices in
        unsafe rules.withSource(batch, slices) { source in
          unsafe tsdb_label_blobs_write(&source, bytes.baseAddress, bytes.count, ends.baseAddress)
        }
      }
      guard status == TSDB_OK else { return status }
      var start = 0
      for index in 0..<batch.seriesCount {
        let end = unsafe Int(ends[index])
        unsafe blobs[index] = tsdb_bytes_view(
          bytes: bytes.baseAddress.map { unsafe UnsafePointer($0 + start) }, size: end - start)
        start = end
      }
      return status
    }
  }

  /// Takes those that the shard wants, and sorts them.
  private func sort(_ shard: Shard?) {
    for index in 0..<batch.seriesCount {
      if let shard, unsafe !shard.takes(blobs[index]) { continue }
      unsafe order[count] = UInt32(index)
      count += 1
    }
    guard count > 1, let base = unsafe order.baseAddress else { return }
    unsafe tsdb_label_blobs_sort(blobs.baseAddress, base, base + batch.seriesCount, count)
  }
}
