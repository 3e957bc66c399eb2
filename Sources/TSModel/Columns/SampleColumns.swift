// All samples of one series: floats in columns, native histograms in a pool, each by time.

/// The samples of one series. A series may have both kinds; at one time it has one of them.
///
/// Its memory is used again for the next series, so that it grows to the largest and then stays.
public struct SampleColumns: ~Copyable {
  /// Floats, ascending by time; stale markers are among them.
  public var floats = FloatColumns()
  /// Times of the histograms, milliseconds since the Unix epoch, ascending.
  public private(set) var histogramTimesMs: [Int64] = []
  /// Since when each histogram has been counting, milliseconds; 0 where that is not known.
  public private(set) var histogramStartTimesMs: [Int64] = []
  /// Each histogram's index in `pool`. A stale marker is a histogram with the stale sum.
  public private(set) var histogramIndices: [Int32] = []
  /// Where the histograms are.
  public let pool = HistogramPool()

  /// No samples.
  public init() {}

  /// How many histograms there are.
  public var histogramCount: Int { histogramIndices.count }

  /// Forgets the samples and keeps the memory.
  public mutating func removeAll() {
    floats.removeAll()
    // Most series have none: this is called for each of them.
    guard !histogramIndices.isEmpty else { return }
    histogramTimesMs.removeAll(keepingCapacity: true)
    histogramStartTimesMs.removeAll(keepingCapacity: true)
    histogramIndices.removeAll(keepingCapacity: true)
    pool.removeAll()
  }

  /// Adds a histogram that is in `pool` already, behind the others.
  public mutating func append(histogram index: Int32, timestampMs: Int64, startTimestampMs: Int64 = 0) {
    histogramTimesMs.append(timestampMs)
    histogramStartTimesMs.append(startTimestampMs)
    histogramIndices.append(index)
  }

  /// Adds a histogram behind the others.
  public mutating func append(_ histogram: Histogram, timestampMs: Int64, startTimestampMs: Int64 = 0) {
    append(histogram: pool.append(histogram), timestampMs: timestampMs, startTimestampMs: startTimestampMs)
  }

  /// Puts the histograms in order of time. Where two have the same time, the one that came first stays.
  public mutating func sortHistograms() {
    let times = histogramTimesMs
    guard zip(times, times.dropFirst()).contains(where: { $0 >= $1 }) else { return }
    let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
    let (starts, indices) = (histogramStartTimesMs, histogramIndices)
    histogramTimesMs.removeAll(keepingCapacity: true)
    histogramStartTimesMs.removeAll(keepingCapacity: true)
    histogramIndices.removeAll(keepingCapacity: true)
    for place in order where histogramTimesMs.last != times[place] {
      append(histogram: indices[place], timestampMs: times[place], startTimestampMs: starts[place])
    }
  }
}

extension SampleColumns {
  /// Puts samples of chunks that overlap in order: histograms by time, and of a float and a histogram at one time the float
  /// stays. Floats must be in order already.
  public mutating func settleOverlaps() {
    guard !histogramIndices.isEmpty else { return }
    sortHistograms()
    for place in 0..<histogramCount { pool.forgetResetHint(histogramIndices[place]) }
    var isKept = [Bool](repeating: true, count: histogramCount)
    do {
      let times = floats.timestampsMs
      var float = 0
      for place in 0..<histogramCount {
        while float < times.count, times[float] < histogramTimesMs[place] { float += 1 }
        isKept[place] = float == times.count || times[float] != histogramTimesMs[place]
      }
    }
    keepHistograms(isKept)
  }

  /// Takes stale markers out, of both kinds.
  public mutating func removeStaleMarkers() {
    floats.removeStaleMarkers()
    guard !histogramIndices.isEmpty else { return }
    let isKept = histogramIndices.map { pool.headers[Int($0)].sum.bitPattern != Histogram.staleSumBits }
    if isKept.contains(false) { keepHistograms(isKept) }
  }

  private mutating func keepHistograms(_ isKept: [Bool]) {
    var kept = 0
    for place in histogramIndices.indices where isKept[place] {
      histogramTimesMs[kept] = histogramTimesMs[place]
      histogramStartTimesMs[kept] = histogramStartTimesMs[place]
      histogramIndices[kept] = histogramIndices[place]
      kept += 1
    }
    histogramTimesMs.removeSubrange(kept...)
    histogramStartTimesMs.removeSubrange(kept...)
    histogramIndices.removeSubrange(kept...)
  }

  /// What of these samples, which ascend by time, lies in `timeRange`.
  public func range(in timeRange: TimeRange, floats: Range<Int>, histograms: Range<Int>) -> ReplicaRange {
    let times = self.floats.timestampsMs
    func part(_ range: Range<Int>, _ timeMs: (Int) -> Int64) -> Range<Int> {
      let low = range.lowerBound + firstIndex(range.count) { timeMs(range.lowerBound + $0) >= timeRange.minTimeMs }
      let high = range.lowerBound + firstIndex(range.count) { timeMs(range.lowerBound + $0) > timeRange.maxTimeMs }
      return low..<max(low, high)
    }
    return ReplicaRange(
      floats: part(floats) { times[$0] }, histograms: part(histograms) { histogramTimesMs[$0] })
  }

  /// Divides the histograms from `start` on by the counts of the same time; those without are left out.
  public mutating func divideHistograms(from start: Int, by counts: borrowing FloatColumns) {
    guard start < histogramCount else { return }
    let (times, values) = (counts.timestampsMs, counts.values)
    var isKept = [Bool](repeating: true, count: histogramCount)
    var place = 0
    for index in start..<histogramCount {
      while place < times.count, times[place] < histogramTimesMs[index] { place += 1 }
      isKept[index] = place < times.count && times[place] == histogramTimesMs[index]
      if isKept[index] { pool.divide(histogramIndices[index], by: values[place]) }
    }
    keepHistograms(isKept)
  }

  /// Which histograms lie in (after, upTo].
  public func histogramRange(after startMs: Int64, upTo endMs: Int64) -> Range<Int> {
    let low = firstIndex(histogramTimesMs.count) { histogramTimesMs[$0] > startMs }
    let high = firstIndex(histogramTimesMs.count) { histogramTimesMs[$0] > endMs }
    return low..<max(low, high)
  }

  /// Which floats lie in (after, upTo].
  public func floatRange(after startMs: Int64, upTo endMs: Int64) -> Range<Int> {
    let times = floats.timestampsMs
    let low = firstIndex(times.count) { times[$0] > startMs }
    let high = firstIndex(times.count) { times[$0] > endMs }
    return low..<max(low, high)
  }
}

/// The first of `count` indices that fulfils an ascending condition.
private func firstIndex(_ count: Int, where condition: (Int) -> Bool) -> Int {
  var (low, high) = (0, count)
  while low < high {
    let middle = (low + high) / 2
    if condition(middle) { high = middle } else { low = middle + 1 }
  }
  return low
}
