// The samples of a series, chunk by chunk: decoded into columns, without those outside a range of time and those that are
// deleted.
internal import CTSDB
public import TSModel

/// Decodes the chunks of one series after the other. Its memory is used again, so that it grows to the largest chunk and
/// then stays.
public struct SeriesSamples: ~Copyable {
  /// What the last chunk holds, and so where its samples are.
  public enum Content: Sendable {
    /// Floats, in `floats`.
    case floats
    /// Native histograms, in `histograms`.
    case histograms
    /// Aggregates: `AggregateChunk` finds their parts, each of which can be decoded alone.
    case aggregates
  }

  /// The samples of the last chunk, where they are floats: all of them.
  public private(set) var floats = FloatColumns()
  /// The samples of the last chunk, where they are histograms: all of them.
  public private(set) var histograms = HistogramColumns()
  private var kept: [UInt32] = []
  private var keptCount = 0

  /// Nothing decoded yet.
  public init() {}

  /// Which of the last chunk's samples are to be seen, as indices into its columns, ascending.
  public var keptIndices: Span<UInt32> {
    @_lifetime(borrow self)
    get { kept.span.extracting(first: keptCount) }
  }

  /// Decodes a chunk and finds out which of its samples lie in `timeRange` and were not deleted from series `seriesRef`.
  ///
  /// Of an aggregate chunk nothing is decoded and nothing is left out: deletions are not applied to downsampled data. Throws
  /// `.encoding`, `.truncated`, `.malformed`, `.count` as the chunk has it; then there are no samples.
  public mutating func decode(
    _ bytes: RawSpan, encoding: ChunkEncoding, timeRange: TimeRange = .all, tombstones: Tombstones = Tombstones(),
    seriesRef: UInt64 = 0
  ) throws(StorageError) -> Content {
    keptCount = 0
    guard encoding != .aggregates else { return .aggregates }
    let deleted = tombstones.columns(of: seriesRef)
    // Out and back in: the columns are read while these are written.
    var (indices, count) = ([UInt32](), 0)
    swap(&indices, &kept)
    defer {
      swap(&indices, &kept)
      keptCount = count
    }
    if encoding.isFloat {
      floats.removeAll()
      try floats.append(decoding: bytes, encoding: encoding)
      Self.clip(floats.timestampsMs, timeRange, deleted, &indices, &count)
      return .floats
    }
    try histograms.decode(bytes, encoding: encoding)
    Self.clip(histograms.timestampsMs, timeRange, deleted, &indices, &count)
    return .histograms
  }

  private static func clip(
    _ timestampsMs: Span<Int64>, _ timeRange: TimeRange, _ deleted: Tombstones.Intervals?, _ kept: inout [UInt32],
    _ keptCount: inout Int
  ) {
    let count = timestampsMs.count
    if kept.count < count { kept = [UInt32](repeating: 0, count: count) }
    let (minTimes, maxTimes) = (deleted?.minTimesMs ?? [], deleted?.maxTimesMs ?? [])
    unsafe timestampsMs.withUnsafeBufferPointer { times in
      unsafe tsdb_intervals_clip(
        times.baseAddress, count, timeRange.minTimeMs, timeRange.maxTimeMs, minTimes, maxTimes, minTimes.count, &kept,
        &keptCount)
    }
  }
}
