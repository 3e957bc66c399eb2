// Series as the merge gives them: labels and chunks where they lie in windows, which are kept as long as this is.
internal import CTSDB
internal import PromQL
internal import Storage
internal import TSModel

/// Complete series of a merge, for any number of tasks to read.
@safe final class MergedSeries: @unchecked Sendable {
  // Sendable because nothing changes after `init`.
  private let series: UnsafeMutableBufferPointer<tsdb_wire_series>
  private let chunks: UnsafeMutableBufferPointer<tsdb_wire_chunk>
  /// Where the chunks of each series begin, and the end.
  private let chunkStarts: [Int]
  private let windows: [any MergeWindow]
  private let charge: BudgetCharge

  /// A copy of `series` and their chunks, the first ones of `chunks`.
  init(
    _ series: UnsafeBufferPointer<tsdb_wire_series>, _ chunks: UnsafeBufferPointer<tsdb_wire_chunk>,
    windows: [any MergeWindow], budget: MemoryBudget
  ) throws(BudgetExceeded) {
    var starts = [0]
    starts.reserveCapacity(series.count + 1)
    var end = 0
    for index in 0..<series.count {
      unsafe end = min(chunks.count, end + Int(series[index].chunk_count))
      starts.append(end)
    }
    charge = unsafe try BudgetCharge(
      budget,
      bytes: series.count * (MemoryLayout<tsdb_wire_series>.stride + 8) + end * MemoryLayout<tsdb_wire_chunk>.stride)
    unsafe self.series = .allocate(capacity: series.count)
    _ = unsafe self.series.initialize(fromContentsOf: series)
    unsafe self.chunks = .allocate(capacity: end)
    _ = unsafe self.chunks.initialize(fromContentsOf: chunks[..<end])
    chunkStarts = starts
    self.windows = windows
  }

  deinit {
    unsafe series.deallocate()
    unsafe chunks.deallocate()
  }

  /// How many series there are.
  var count: Int { unsafe series.count }
  /// How many chunks they have together.
  var chunkCount: Int { unsafe chunks.count }

  /// Adds the labels of all series to `sets`.
  func appendLabels(to sets: inout LabelSets) throws(StorageError) {
    var size = 0
    for index in 0..<count { unsafe size += series[index].labels.size }
    let isWritten = unsafe sets.append(sets: count, upTo: size) { bytes, ends in
      unsafe tsdb_label_blobs_to_sets(series.baseAddress, series.count, bytes.baseAddress, bytes.count, ends) == TSDB_OK
    }
    guard isWritten else { throw StoreServingErrors.labels }
  }

  /// Which chunks are those of series `index`.
  func chunkRange(_ index: Int) -> Range<Int> { chunkStarts[index]..<chunkStarts[index + 1] }

  /// The times of a chunk, both inclusive.
  func timeRange(ofChunk index: Int) -> TimeRange {
    let chunk = unsafe chunks[index]
    return unsafe TimeRange(minTimeMs: chunk.min_time_ms, maxTimeMs: chunk.max_time_ms)
  }

  /// Decodes a chunk behind what `columns` hold.
  func decode(
    chunk index: Int, _ decoder: inout SampleDecoder, into columns: inout SampleColumns
  ) throws(StorageError) {
    let chunk = unsafe chunks[index]
    let bytes = unsafe RawSpan(
      _unsafeBytes: UnsafeRawBufferPointer(start: UnsafeRawPointer(chunk.data), count: Int(chunk.size)))
    unsafe try decoder.append(bytes, encoding: ChunkEncoding(rawValue: chunk.encoding), to: &columns)
  }

  /// The newest samples of all series at one time (chunks_newest.h). Series that are left must be decoded.
  func newest(at timeMs: Int64, lookbackMs: Int64) -> NewestSamples {
    var newest = NewestSamples()
    newest.values = unsafe [Double](unsafeUninitializedCapacity: count) { values, valueCount in
      newest.left = unsafe [Int](unsafeUninitializedCapacity: count) { left, leftCount in
        var sampleCount: UInt64 = 0
        if let first = values.baseAddress {
          leftCount = unsafe tsdb_chunks_newest(
            chunks.baseAddress, chunkStarts, count, timeMs, lookbackMs, first, left.baseAddress, &sampleCount)
        }
        newest.sampleCount = Int(clamping: sampleCount)
      }
      valueCount = count
    }
    return newest
  }

  /// How many samples a chunk says that it has; 0 of chunks of aggregates.
  func sampleCount(ofChunk index: Int) -> Int {
    let chunk = unsafe chunks[index]
    guard unsafe chunk.encoding <= UInt8(TSDB_CHUNK_FLOAT_HISTOGRAM_ST), unsafe chunk.size >= 2 else { return 0 }
    return unsafe Int(chunk.data[0]) << 8 | Int(chunk.data[1])
  }

  /// How a chunk is encoded, as in blocks; TSDB_CHUNK_WIRE_AGGREGATES of aggregates as messages carry them.
  func encoding(ofChunk index: Int) -> UInt8 { unsafe chunks[index].encoding }

  /// Decodes an aggregate (1 count, 2 sum, 3 min, 4 max, 5 counter) of a chunk of them, as messages carry it, behind what `columns`
  /// hold. Throws `.notFound` where it is not there.
  func decode(
    aggregate: Int32, ofChunk index: Int, _ decoder: inout SampleDecoder, into columns: inout SampleColumns
  ) throws(StorageError) {
    let chunk = unsafe chunks[index]
    var (data, encoding) = unsafe (tsdb_bytes_view(), UInt8(0))
    let status = unsafe tsdb_wire_aggregate_find(chunk.data, Int(chunk.size), aggregate, &data, &encoding)
    guard status == TSDB_OK else { throw StoreServingErrors.chunk(status) }
    guard encoding != 0 else {
      throw StorageError(.notFound, "read a chunk of aggregates: aggregate \(aggregate) is not in it")
    }
    let bytes = unsafe RawSpan(
      _unsafeBytes: UnsafeRawBufferPointer(start: UnsafeRawPointer(data.bytes), count: data.size))
    try decoder.append(bytes, encoding: ChunkEncoding(rawValue: encoding), to: &columns)
  }

  /// Whether a file that chunks lie in has failed since it was mapped: what was read may be zeros.
  var hasFault: Bool { windows.contains { $0.hasFault } }
}
