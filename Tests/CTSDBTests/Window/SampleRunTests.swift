import CTSDB
import TestSupport
import Testing

@Suite struct SampleRunTests {
  /// Against sets: every time once, that of the first run where both have it.
  @Test func runsBecomeOneInOrder() {
    var random = SplitMix64(seed: 9)
    for _ in 0..<2000 {
      func run(_ mark: Double) -> [(time: Int64, value: Double)] {
        let start = Int64.random(in: 0..<40, using: &random)
        return (0..<Int.random(in: 0..<30, using: &random)).filter { _ in Bool.random(using: &random) }
          .map { (start + Int64($0), mark + Double($0)) }
      }
      let (first, second) = (run(1000), run(2000))
      var times = (first + second).map(\.time)
      var values = (first + second).map(\.value)
      var starts = times.map { -$0 }
      var scratchTimes = [Int64](repeating: 0, count: 2 * first.count)
      var scratch = [Double](repeating: 0, count: first.count)
      let count = tsdb_float_runs_merge(
        &times, &values, &starts, first.count, times.count, &scratchTimes, &scratch)

      let known = Set(first.map(\.time))
      let expected = (first + second.filter { !known.contains($0.time) }).sorted { $0.time < $1.time }
      #expect(Array(times.prefix(count)) == expected.map(\.time))
      #expect(Array(values.prefix(count)) == expected.map(\.value))
      #expect(Array(starts.prefix(count)) == expected.map { -$0.time })
    }
  }
}
