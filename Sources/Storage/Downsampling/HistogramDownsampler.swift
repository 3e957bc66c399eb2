// The native histograms of one series become aggregate chunks of three aggregates:
//
//   count     histograms of a window
//   sum       their sum, a gauge
//   counter   what has been counted since the batch began; where counters started anew, what they have counted since
//
// Minimum and maximum have no meaning here. All histograms of a chunk get the coarsest schema of the batch. The rules are
// Thanos', but that histograms with custom bounds are aggregated too, and that a change of layout which no chunk can hold ends
// the chunk.
internal import CTSDB
internal import TSModel

/// Aggregates histograms of one series.
struct HistogramDownsampler {
  /// Distance of the points, milliseconds.
  let resolutionMs: Int64

  /// Which histograms of a batch make the points.
  enum Source {
    /// Raw ones: all three aggregates.
    case raw
    /// Counters of downsampled data.
    case counters
    /// Sums of downsampled data.
    case sums
  }

  /// Points of a batch: at the end of each window the histograms, and how many there were in it.
  struct Points {
    var timestampsMs: [Int64] = []
    var counts: [Double] = []
    var sums: [Histogram] = []
    var counters: [Histogram] = []
    var isGauge = false
  }

  /// Adds the chunks of raw histograms, ascending, to `encoder`. `samples` hold nothing else. Throws `.argument` for histograms
  /// that cannot be added, and what encoding throws.
  func downsample(_ samples: borrowing SampleColumns, into encoder: inout ClusterEncoder) throws(StorageError) {
    let times = samples.histogramTimesMs
    guard let first = times.first, let last = times.last else { return }
    let chunkCount = tsdb_downsample_chunk_count(
      first, last, FloatDownsampler.rawDistanceMs, resolutionMs, times.count)
    let batchSize = times.count / chunkCount + 1
    var start = 0
    while start < times.count {
      var end = min(times.count, start + batchSize)
      let windowEndMs = tsdb_window_end(times[end - 1], resolutionMs)
      while end < times.count, times[end] <= windowEndMs { end += 1 }
      for batch in batches(samples, start..<end) {
        let points = try points(samples, batch)
        try encode(points, into: &encoder)
      }
      start = end
    }
  }

  /// The places `range` without histograms of a sum that is no number, cut where exponential and custom buckets change.
  private func batches(_ samples: borrowing SampleColumns, _ range: Range<Int>) -> [[Int]] {
    var batches: [[Int]] = []
    var hasCustomBounds: Bool?
    for place in range {
      let header = samples.pool.headers[Int(samples.histogramIndices[place])]
      guard !header.sum.isNaN else { continue }
      if header.hasCustomBounds != hasCustomBounds {
        batches.append([])
        hasCustomBounds = header.hasCustomBounds
      }
      batches[batches.count - 1].append(place)
    }
    return batches
  }

  /// Aggregates the histograms at `places`, not empty and all exponential or all with custom bounds.
  func points(_ samples: borrowing SampleColumns, _ places: [Int]) throws(StorageError) -> Points {
    let (source, times) = (samples.pool, samples.histogramTimesMs)
    let indices = samples.histogramIndices
    guard let firstPlace = places.first, let lastPlace = places.last else { return Points() }
    let schema = places.map { source.headers[Int(indices[$0])].schema }.min() ?? 0
    var result = Points()
    result.isGauge = source.headers[Int(indices[firstPlace])].resetHint == .gauge
    // Results are made in one pool and, window by window, move on to the next.
    var pool = HistogramPool()
    var (counter, previous): (Int32?, Int32?)
    var place = 0
    while place < places.count {
      let next = HistogramPool()
      counter = counter.map { next.append($0, of: pool) }
      previous = previous.map { next.append($0, of: pool) }
      pool = next
      let endMs = min(tsdb_window_end(times[places[place]], resolutionMs), times[lastPlace])
      var sum: Int32?
      var count = 0.0
      while place < places.count, times[places[place]] <= endMs {
        let index = indices[places[place]]
        let current =
          source.headers[Int(index)].schema == schema
          ? pool.append(index, of: source) : HistogramMath.reduced(index, source, toSchema: schema, into: pool)
        guard current >= 0 else { throw Self.refused("reduce it to schema \(schema)", times[places[place]]) }
        if let before = previous, let so_far = counter {
          let original = pool.append(index, of: source)
          let hint = source.headers[Int(index)].resetHint
          let isReset = hint != .gauge && HistogramMath.isReset(original, after: before, pool)
          let added =
            isReset
            ? current
            : HistogramMath.combined(current, pool, before, pool, subtracts: true, compacts: false, into: pool)?.index
          guard let added, added >= 0,
            let total = HistogramMath.combined(
              so_far, pool, added, pool, subtracts: false, compacts: false, into: pool)?.index, total >= 0
          else { throw Self.refused("count it", times[places[place]]) }
          counter = total
        } else {
          counter = current
        }
        if let part = sum {
          guard
            let total = HistogramMath.combined(
              part, pool, current, pool, subtracts: false, compacts: false, into: pool)?.index, total >= 0
          else { throw Self.refused("add it", times[places[place]]) }
          sum = total
        } else {
          sum = current
        }
        previous = current
        count += 1
        place += 1
      }
      guard let sum, let counter else { break }
      var (sumValue, counterValue) = (pool.histogram(sum), pool.histogram(counter))
      sumValue.resetHint = .gauge
      counterValue.resetHint = result.isGauge ? .gauge : .unknown
      result.timestampsMs.append(endMs)
      result.counts.append(count)
      result.sums.append(sumValue)
      result.counters.append(counterValue)
    }
    return result
  }

  private static func refused(_ what: String, _ timestampMs: Int64) -> StorageError {
    StorageError(.argument, "downsample the histogram at \(timestampMs) ms: cannot \(what)")
  }

  /// Adds aggregate chunks of these points: one, or several where no chunk can hold two of them.
  func encode(_ points: Points, into encoder: inout ClusterEncoder) throws(StorageError) {
    var start = 0
    while start < points.timestampsMs.count {
      let rest = start..<points.timestampsMs.count
      var counter = try chunk(points.timestampsMs, points.counters, rest, points.isGauge ? .gauge : .notReset)
      var sum = try chunk(points.timestampsMs, points.sums, rest, .gauge)
      let end = start + min(counter.sampleCount, sum.sampleCount)
      guard end > start else {
        throw StorageError(.argument, "encode the histogram at \(points.timestampsMs[start]) ms: no chunk takes it")
      }
      if counter.sampleCount > end - start {
        counter = try chunk(points.timestampsMs, points.counters, start..<end, .notReset)
      }
      if sum.sampleCount > end - start { sum = try chunk(points.timestampsMs, points.sums, start..<end, .gauge) }
      let times = Array(points.timestampsMs[start..<end])
      let count = try EncodedChunk.wholeFloats(
        encoding: .xor, timestampsMs: times, values: Array(points.counts[start..<end]))
      encoder.append(
        EncodedChunk(
          encoding: .aggregates, minTimeMs: times[0], maxTimeMs: times[times.count - 1],
          bytes: AggregateChunk.encode([
            .count: (.xor, count.bytes), .sum: (.floatHistogram, sum.bytes),
            .counter: (.floatHistogram, counter.bytes),
          ]),
          sampleCount: times.count))
      start = end
    }
  }

  /// A chunk of as many of the histograms at `places` as one can hold.
  private func chunk(
    _ timestampsMs: [Int64], _ histograms: [Histogram], _ places: Range<Int>, _ header: Histogram.ResetHint
  ) throws(StorageError) -> EncodedChunk {
    var builder = try HistogramChunkBuilder(encoding: .floatHistogram, chunkRangeMs: 1 << 62, cutsForSize: false)
    // That counters went on since a chunk that may come before cannot be known; Thanos says so all the same.
    builder.begin(resetHeader: header.rawValue)
    for place in places where builder.chunks.isEmpty {
      try builder.append(timestampMs: timestampsMs[place], histograms[place])
    }
    let chunks = builder.finish()
    guard let first = chunks.first else {
      throw StorageError(.argument, "encode histograms at \(places.count) times", disposition: .rejectRequest)
    }
    return first
  }
}
