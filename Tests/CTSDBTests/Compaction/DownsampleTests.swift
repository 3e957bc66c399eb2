// Windows of samples: the cases of Thanos' own tests, and odd input.
import CTSDB
import TestSupport
import Testing

/// Points of a batch, by aggregate.
private struct Points: Equatable {
  var times: [Int64] = []
  var counts: [Double] = []
  var sums: [Double] = []
  var mins: [Double] = []
  var maxs: [Double] = []
  var counters: [Double] = []

  init(_ samples: [(Int64, Double)], resolution: Int64) {
    let times = samples.map(\.0)
    let bound = tsdb_downsample_bound(times.first ?? 0, times.last ?? 0, times.count, resolution)
    var all = [Double](repeating: 0, count: 5 * bound)
    var ends = [Int64](repeating: 0, count: bound)
    let count = ends.withUnsafeMutableBufferPointer { ends in
      all.withUnsafeMutableBufferPointer { all in
        func column(_ index: Int) -> UnsafeMutablePointer<Double>? { all.baseAddress.map { $0 + index * bound } }
        var points = tsdb_downsample_points(
          timestamps_ms: ends.baseAddress, counts: column(0), sums: column(1), mins: column(2), maxs: column(3),
          counters: column(4))
        return tsdb_downsample_floats(times, samples.map(\.1), times.count, resolution, &points)
      }
    }
    let columns = (0..<5).map { Array(all[$0 * bound..<$0 * bound + count]) }
    self.times = Array(ends[..<count])
    (counts, sums, mins, maxs, counters) = (columns[0], columns[1], columns[2], columns[3], columns[4])
  }
}

@Suite struct DownsampleTests {
  @Test func windowsEndAtMultiplesLessOneAndTheLastAtTheLastSample() {
    let samples: [(Int64, Double)] = [
      (20, 1), (40, 2), (60, 3), (80, 1), (100, 2), (120, 5), (180, 10), (250, 1),
    ]
    let points = Points(samples, resolution: 100)
    #expect(points.times == [99, 199, 250])
    #expect(points.counts == [4, 3, 1])
    #expect(points.sums == [7, 17, 1])
    #expect(points.mins == [1, 2, 1])
    #expect(points.maxs == [3, 10, 1])
    #expect(points.counters == [4, 13, 14])
  }

  @Test func timesBefore1970HaveWindowsToo() {
    #expect(Points([(-101, 1), (-100, 2), (-1, 3), (0, 4)], resolution: 100).times == [-101, -1, 0])
    #expect(tsdb_window_end(.max, 1000) == .max)
    #expect(tsdb_window_end(.min, 1000) <= .min + 999)
  }

  @Test func chunksHoldAtMost140PointsOnAverage() {
    #expect(tsdb_downsample_chunk_count(0, 0, 60_000, 300_000, 1) == 1)
    // A day at 15 s: 288 points, so three chunks.
    #expect(tsdb_downsample_chunk_count(0, 86_399_000, 60_000, 300_000, 5760) == 3)
    #expect(tsdb_downsample_chunk_count(0, 139 * 300_000, 60_000, 300_000, 700) == 1)
    #expect(tsdb_downsample_chunk_count(.min, .max, 60_000, 300_000, 10) == 1)
    var random = SplitMix64(seed: 61)
    for _ in 0..<1000 {
      let (span, count) = (Int64(random.below(1 << 40)), 1 + random.below(1 << 20))
      let fullness = min(1, Double(count) / (Double(span) / 60_000))
      let points = Int(Double(span / 300_000) * fullness) + 1
      var wanted = 1
      while points / wanted > 140 { wanted += 1 }
      #expect(tsdb_downsample_chunk_count(0, span, 60_000, 300_000, count) == wanted)
    }
  }

  @Test func whatIsNotToBeCountedIsTakenOut() {
    let stale = Double(bitPattern: 0x7FF0_0000_0000_0002)
    var times: [Int64] = [-5, 10, 20, 15, 30, 40]
    var values: [Double] = [1, 2, stale, 3, .nan, 4]
    #expect(tsdb_downsample_sanitize(&times, &values, 6) == 4)
    #expect(times[..<4] == [10, 15, 30, 40])
    #expect(tsdb_nan_remove(&times, &values, 4) == 3)
    #expect(values[..<3] == [2, 3, 4])
  }
}
