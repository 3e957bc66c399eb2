// Looks one chunk through for what reading does not notice: every sample decoded, compared with what the chunk says and
// what the index says about it.
internal import TSModel

/// Inspects one chunk after the other; its memory is used again.
struct ChunkInspector: ~Copyable {
  private var floats = FloatColumns()
  private var histograms = HistogramColumns()

  /// What was found in a chunk.
  struct Result {
    /// Samples in it; in an aggregate chunk those of its count.
    var sampleCount = 0
    /// Times of its first and last sample, where it could be decoded and has any.
    var timeRange: TimeRange?
    /// What is wrong, as the end of a sentence that begins "the chunk …".
    var defects: [String] = []
    /// Whether its samples, or some, cannot be read.
    var isUnreadable = false
  }

  /// Decodes all samples of a chunk.
  mutating func inspect(_ bytes: RawSpan, _ encoding: ChunkEncoding) -> Result {
    var result = Result()
    do throws(StorageError) {
      if encoding == .aggregates {
        try inspectAggregates(bytes, &result)
      } else {
        result.timeRange = try decode(bytes, encoding, &result.sampleCount)
        if let defect = defect(of: bytes, encoding) { result.defects.append(defect) }
      }
    } catch {
      result.isUnreadable = true
      result.defects.append("cannot be decoded: \(error.message)")
    }
    return result
  }

  private mutating func decode(
    _ bytes: RawSpan, _ encoding: ChunkEncoding, _ sampleCount: inout Int
  ) throws(StorageError) -> TimeRange? {
    if encoding.isFloat {
      floats.removeAll()
      try floats.append(decoding: bytes, encoding: encoding)
      sampleCount = floats.count
      return Self.range(of: floats.timestampsMs)
    }
    try histograms.decode(bytes, encoding: encoding)
    sampleCount = histograms.count
    return Self.range(of: histograms.timestampsMs)
  }

  private static func range(of timestampsMs: Span<Int64>) -> TimeRange? {
    let count = timestampsMs.count
    guard count > 0 else { return nil }
    return TimeRange(minTimeMs: timestampsMs[0], maxTimeMs: timestampsMs[count - 1])
  }

  private func defect(of bytes: RawSpan, _ encoding: ChunkEncoding) -> String? {
    encoding.isFloat ? floatChunkDefect(bytes, encoding: encoding) : histogramChunkDefect(bytes, encoding: encoding)
  }

  /// An aggregate chunk: its slots, then each of them. The chunk of counters repeats its last time on purpose, so that no
  /// order of times is asked for here.
  private mutating func inspectAggregates(_ bytes: RawSpan, _ result: inout Result) throws(StorageError) {
    let slots = try AggregateChunk.parse(bytes)
    if let defect = aggregateChunkDefect(bytes) { result.defects.append(defect) }
    for slot in AggregateChunk.Slot.allCases {
      guard let part = slots[slot] else { continue }
      var count = 0
      let range = try decode(bytes.extracting(part.bytes), part.encoding, &count)
      if slot == .count { result.sampleCount = count }
      // The first counter is the first raw sample, which lies before the window that the index speaks of.
      guard let range, slot != .counter else { continue }
      let all = result.timeRange ?? range
      result.timeRange = TimeRange(
        minTimeMs: min(all.minTimeMs, range.minTimeMs), maxTimeMs: max(all.maxTimeMs, range.maxTimeMs))
    }
  }
}
