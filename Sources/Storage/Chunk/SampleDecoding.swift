// Chunks of one series into the columns that queries compute with.
public import TSModel

/// Decodes chunks of floats and of histograms into columns of samples. Its memory is used again from chunk to chunk.
public struct SampleDecoder: ~Copyable {
  private var histograms = HistogramColumns()

  /// Nothing decoded yet.
  public init() {}

  /// Decodes a chunk behind the samples that `columns` hold already; of those, none may be later.
  ///
  /// Throws `.encoding` for a chunk of aggregates, and `.truncated`, `.malformed`, `.count`, `.size` as the chunk has it.
  public mutating func append(
    _ bytes: RawSpan, encoding: ChunkEncoding, to columns: inout SampleColumns
  ) throws(StorageError) {
    if encoding.isFloat {
      try columns.floats.append(decoding: bytes, encoding: encoding)
      return
    }
    try histograms.decode(bytes, encoding: encoding, numbers: .doubles)
    guard histograms.count > 0 else { return }
    let pool = columns.pool
    var header = PooledHistogram()
    header.schema = histograms.schema
    header.zeroThreshold = histograms.zeroThreshold
    header.spanStart = pool.append(spans: histograms.positiveSpans, histograms.negativeSpans)
    header.positiveSpanCount = histograms.positiveSpans.count
    header.negativeSpanCount = histograms.negativeSpans.count
    header.positiveBucketCount = histograms.positiveBucketCount
    header.negativeBucketCount = histograms.bucketsPerRow - histograms.positiveBucketCount
    header.boundStart = pool.append(bounds: histograms.customValues)
    header.boundCount = histograms.customValues.count
    let (times, starts) = (histograms.timestampsMs, histograms.startTimestampsMs)
    let (sums, counts, zeroCounts) = (histograms.sums, histograms.counts, histograms.zeroCounts)
    for index in 0..<histograms.count {
      let place: Int32
      if sums[index].bitPattern == Histogram.staleSumBits {
        place = pool.append(Histogram.stale(.float))
      } else {
        header.resetHint = histograms.resetHint(at: index)
        (header.sum, header.count, header.zeroCount) = (sums[index], counts[index], zeroCounts[index])
        let row = index * histograms.bucketsPerRow
        place = pool.append(header, buckets: histograms.buckets, at: row)
      }
      columns.append(histogram: place, timestampMs: times[index], startTimestampMs: starts[index])
    }
  }
}
