// Replicas of native histograms read as one by a query: no hole, no reset that the target did not have, no hint that is not so.
import TestSupport
import Testing

@testable import TSModel

@Suite struct SeamlessHistogramTests {
  /// Replicas as a query reads them, merged.
  private func merged(_ pattern: LossPattern) -> [LossPattern.Sample] {
    var all = SampleColumns()
    var ranges: [ReplicaRange] = []
    for (replica, samples) in pattern.replicas.enumerated() {
      let (floats, histograms) = (all.floats.count, all.histogramCount)
      var (places, last): (Int, Histogram?) = (0, nil)
      for sample in samples {
        guard var histogram = sample.histogram else {
          all.floats.append(timestampMs: sample.timeMs, value: sample.value)
          continue
        }
        // As chunks of some 20 samples say it: nothing of their first one, of the others that counters went on. Those of other
        // lengths and those that start anew begin a chunk.
        places += 1
        let follows = last.map { !histogram.isStale && !$0.isStale && !Self.isReset(histogram, $0) } ?? false
        if follows, places % (17 + replica) != 0, histogram.resetHint != .gauge { histogram.resetHint = .notReset }
        last = sample.histogram
        all.append(histogram, timestampMs: sample.timeMs)
      }
      ranges.append(ReplicaRange(floats: floats..<all.floats.count, histograms: histograms..<all.histogramCount))
    }
    var columns = SampleColumns()
    columns.append(seamless: ranges, of: all, isCounter: false)
    let (times, values) = (columns.floats.timestampsMs, columns.floats.values)
    var found = (0..<columns.floats.count).map { LossPattern.Sample(timeMs: times[$0], value: values[$0]) }
    for place in 0..<columns.histogramCount {
      found.append(
        LossPattern.Sample(
          timeMs: columns.histogramTimesMs[place], histogram: columns.pool.histogram(columns.histogramIndices[place])))
    }
    return found.sorted { $0.timeMs < $1.timeMs }
  }

  static func isReset(_ current: Histogram, _ previous: Histogram) -> Bool {
    let pool = HistogramPool()
    let before = pool.append(previous)
    return HistogramMath.isReset(pool.append(current), after: before, pool)
  }

  private func check(_ seeds: Range<UInt64>, lagMaxMs: Int64) {
    var (defects, switched) = ([String](), 0)
    for seed in seeds {
      let pattern = LossPattern(seed: seed, lagMaxMs: lagMaxMs)
      // In a series of both, floats are taken by time.
      if pattern.kind == .floatsBefore, lagMaxMs > LossPattern.intervalMs / 2 { continue }
      let merged = MergedPattern(merged(pattern), isReset: Self.isReset)
      defects += merged.defects(pattern, seed: seed, lagMaxMs: lagMaxMs)
      if merged.samples.count > pattern.replicas[0].count { switched += 1 }
    }
    #expect(defects.isEmpty, "\(defects.count): \(defects.prefix(20).joined(separator: "\n"))")
    #expect(switched > seeds.count / 2)
    say("seamless histograms of a query, lag \(lagMaxMs) ms: seeds \(seeds), \(defects.count) defects")
  }

  @Test func randomLossesLeaveNoHoleAndNoReset() { check(0..<(isLongTier ? 10_000 : 200), lagMaxMs: 0) }

  @Test func replicasThatLagDoNotFall() { check(1 << 32..<1 << 32 + (isLongTier ? 10_000 : 200), lagMaxMs: 5000) }

  @Test func replicasThatLagByMoreThanAnIntervalWait() {
    check(1 << 33..<1 << 33 + (isLongTier ? 10_000 : 200), lagMaxMs: 20_000)
  }
}
