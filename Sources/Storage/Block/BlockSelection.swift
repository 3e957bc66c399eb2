// Series out of a block, batch by batch: labels and chunk times from the index, tombstones applied, chunk bytes found.
internal import CTSDB
public import TSModel

extension Block {
  /// Hands the series that all of `matchers` match to `body`, some at a time, in ascending order of their labels. See
  /// `read(series:)` for what comes with them, what the batch is charged to, and what is thrown.
  public func select(
    _ matchers: [LabelMatcher], timeRange: TimeRange = .all, batchSize: Int = Block.batchSizeUsual,
    loadsChunks: Bool = true, budget: MemoryBudget? = nil, _ body: (SeriesBatch) throws -> Void
  ) throws {
    let refs: SeriesRefs
    do throws(StorageError) { refs = try index.select(matchers) } catch { throw withFault(error) }
    var charge = BudgetCharge()
    do throws(BudgetExceeded) {
      charge = try BudgetCharge(budget, bytes: refs.count * MemoryLayout<UInt32>.size)
    } catch { throw StorageError(error, "select \(refs.count) series of \(path)") }
    try read(
      series: refs, timeRange: timeRange, batchSize: batchSize, loadsChunks: loadsChunks, budget: budget, body)
    charge.shrink(by: charge.bytes)
  }

  /// Series of a batch when the caller does not say.
  public static let batchSizeUsual = 1024

  /// Hands the series `refs` (ids as postings have them, best ascending) to `body`, some at a time and in their order.
  ///
  /// With each series come its chunks that overlap `timeRange` and are not deleted as a whole; a series without one is
  /// left out. Of a chunk that is deleted in part, or reaches beyond `timeRange`, all samples are there: `SeriesSamples`
  /// leaves out what must not be seen. The batch, whose memory is charged to `budget`, is used again for the next series
  /// and must not be kept. Throws what `body` throws, and `StorageError`: what is wrong with the index or a chunk,
  /// `.faulted` where a file failed (nothing of that batch was handed over then), `.budget`.
  public func read(
    series refs: UnsafeBufferPointer<UInt32>, timeRange: TimeRange = .all, batchSize: Int = Block.batchSizeUsual,
    loadsChunks: Bool = true, budget: MemoryBudget? = nil, _ body: (SeriesBatch) throws -> Void
  ) throws {
    precondition(batchSize > 0, "a batch holds at least one series")
    let batch = SeriesBatch(symbols: index.symbols, budget: budget)
    var rest = unsafe refs[...]
    while unsafe !rest.isEmpty {
      let part = unsafe rest.prefix(batchSize)
      unsafe rest = rest.dropFirst(batchSize)
      unsafe try fill(batch, with: UnsafeBufferPointer(rebasing: part), timeRange, loadsChunks, budget)
      if batch.seriesCount > 0 { try body(batch) }
    }
  }

  /// See the other `read`.
  public func read(
    series refs: [UInt32], timeRange: TimeRange = .all, batchSize: Int = Block.batchSizeUsual,
    loadsChunks: Bool = true, budget: MemoryBudget? = nil, _ body: (SeriesBatch) throws -> Void
  ) throws {
    unsafe try refs.withUnsafeBufferPointer { refs in
      unsafe try read(
        series: refs, timeRange: timeRange, batchSize: batchSize, loadsChunks: loadsChunks, budget: budget, body)
    }
  }

  private func fill(
    _ batch: SeriesBatch, with refs: UnsafeBufferPointer<UInt32>, _ timeRange: TimeRange, _ loadsChunks: Bool,
    _ budget: MemoryBudget?
  ) throws(StorageError) {
    batch.removeAll()
    do throws(StorageError) {
      unsafe try index.series(refs, into: batch, timeRange: timeRange == .all ? nil : timeRange)
      if !tombstones.isEmpty { batch.removeDeleted(tombstones) }
      if loadsChunks { try segments.load(into: batch, budget: budget) }
      // Labels are symbols, which are read when they are asked for: also those must still be there.
      try index.checkFault()
    } catch { throw withFault(error) }
  }
}

extension SeriesBatch {
  /// Takes out chunks that are deleted as a whole, and then series that have no chunks left.
  package func removeDeleted(_ tombstones: Tombstones) {
    let count = seriesCount
    guard (0..<count).contains(where: { tombstones.columns(of: UInt64(seriesRef(at: $0))) != nil }) else { return }
    unsafe fill { columns in
      var (series, pair, chunk) = (0, 0, 0)
      // Everything moves to the left or stays: what has been read is never needed again.
      var (pairStart, chunkStart) = (0, 0)
      for index in 0..<count {
        let pairEnd = unsafe Int(columns.labelOffsets[index + 1])
        let chunkEnd = unsafe Int(columns.chunkOffsets[index + 1])
        let intervals = unsafe tombstones.columns(of: UInt64(columns.refs[index]))
        let firstChunk = chunk
        if let minTimes = unsafe columns.chunkMinTimesMs, let maxTimes = unsafe columns.chunkMaxTimesMs,
          let refs = unsafe columns.chunkRefs
        {
          for old in chunkStart..<chunkEnd {
            let range = unsafe TimeRange(minTimeMs: minTimes[old], maxTimeMs: maxTimes[old])
            if let intervals, intervals.coverage(of: range) == .all { continue }
            unsafe minTimes[chunk] = range.minTimeMs
            unsafe maxTimes[chunk] = range.maxTimeMs
            unsafe refs[chunk] = refs[old]
            chunk += 1
          }
        }
        // A series that never had chunks was not deleted.
        if chunk > firstChunk || chunkStart == chunkEnd {
          if let ids = unsafe columns.labelIDs {
            for old in pairStart..<pairEnd {
              unsafe ids[2 * pair] = ids[2 * old]
              unsafe ids[2 * pair + 1] = ids[2 * old + 1]
              pair += 1
            }
          }
          unsafe columns.refs[series] = columns.refs[index]
          series += 1
          unsafe columns.labelOffsets[series] = UInt32(pair)
          unsafe columns.chunkOffsets[series] = UInt32(chunk)
        }
        (pairStart, chunkStart) = (pairEnd, chunkEnd)
      }
      return series
    }
  }
}
