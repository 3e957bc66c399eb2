// Seamless deduplication over random losses: no hole, no reset that the target did not have, no sample too many.
import CTSDB
import TestSupport
import Testing

/// Samples of a replica, or of several merged. `isSwitch` tells where the replica that is followed changed.
private struct Samples {
  var times: [Int64] = []
  var values: [Double] = []
  var isSwitch: [Bool] = []

  func merged(with other: Samples, capacity: Int) -> Samples {
    var state = tsdb_seamless()
    tsdb_seamless_init(&state, true)
    var result = Samples()
    var runs = [tsdb_seamless_run](repeating: tsdb_seamless_run(), count: capacity)
    var (taken, last): (Int, UInt32?) = (0, nil)
    repeat {
      taken = times.withUnsafeBufferPointer { times in
        values.withUnsafeBufferPointer { values in
          other.times.withUnsafeBufferPointer { otherTimes in
            other.values.withUnsafeBufferPointer { otherValues in
              var a = tsdb_seamless_list(
                timestamps_ms: times.baseAddress, values: values.baseAddress, count: times.count, views: nil,
                histograms: nil,
                schemas: nil, falls: nil)
              var b = tsdb_seamless_list(
                timestamps_ms: otherTimes.baseAddress, values: otherValues.baseAddress, count: otherTimes.count,
                views: nil,
                histograms: nil, schemas: nil, falls: nil)
              return tsdb_seamless_run_lists(&state, &a, &b, &runs, capacity)
            }
          }
        }
      }
      for run in runs[..<taken] {
        let source = run.run.list == 0 ? self : other
        for index in Int(run.run.first)..<Int(run.run.first + run.run.count) {
          let changes = index == Int(run.run.first) && last != nil && last != run.run.list
          result.times.append(source.times[index])
          let value = source.values[index]
          result.values.append(value.isNaN ? value : value + run.lift)
          result.isSwitch.append(changes || source.isSwitch[index])
        }
        last = run.run.list
      }
    } while taken == capacity
    return result
  }

  /// What a query over (start, end] sees.
  func window(_ start: Int64, _ end: Int64) -> (count: Int, increase: Double, resets: Int, switches: Int) {
    var found = (count: 0, increase: 0.0, resets: 0, switches: 0)
    var last: Double?
    for index in times.indices where times[index] > start && times[index] <= end {
      found.switches += isSwitch[index] ? 1 : 0
      if values[index].bitPattern == staleBits { continue }
      found.count += 1
      if let last {
        let falls = values[index] < last - 1e-9 * abs(last)
        found.resets += falls ? 1 : 0
        found.increase += falls ? values[index] : values[index] - last
      }
      last = values[index]
    }
    return found
  }
}

@Suite struct SeamlessTests {
  private static let interval: Int64 = 15_000
  private static let scrapes = 400

  /// Two or three replicas of one counter of a constant slope that starts anew now and then. Each scrapes every 15 s, at a phase and
  /// with a jitter of its own, and reads a value that is up to `lagMax` old; at most one is dead at a time.
  private func check(_ seed: UInt64, lagMax: Int64) {
    var random = SplitMix64(seed: seed)
    func below(_ bound: Int64) -> Int64 { Int64(random.below(Int(bound))) }
    let (interval, end) = (Self.interval, Self.interval * Int64(Self.scrapes))
    let replicaCount = 2 + random.below(2)
    let slope = 0.001 * Double(1 + random.below(100))
    var resets: [Int64] = []
    var time = below(end)
    while time < end, resets.count < 6 {
      resets.append(time)
      time += interval * 10 + below(end)
    }
    func counter(_ time: Int64) -> Double { slope * Double(time - (resets.last { $0 <= time } ?? -1_000_000)) }
    var losses: [(range: Range<Int64>, replica: Int, isStale: Bool)] = []
    time = interval * 3 + below(interval * 40)
    while time < end {
      let length = random.below(4) == 0 ? interval * below(40) : below(interval * 3)
      losses.append((time..<time + length, random.below(replicaCount), random.below(2) == 0))
      time += length + interval * 3 + below(interval * 40)
    }
    var merged: Samples?
    for replica in 0..<replicaCount {
      let phase = below(interval)
      let jitter = random.below(2) == 0 ? 20 : 1 + below(1000)
      let lag = lagMax > 0 ? below(lagMax + 1) : 0
      var samples = Samples()
      var lastLoss: Range<Int64>?
      for scrape in 0..<Self.scrapes {
        let at = phase + interval * Int64(scrape) + below(2 * jitter + 1) - jitter
        let loss = losses.first { $0.replica == replica && $0.range.contains(at) }
        // A scrape that failed marks the series as stale, once; a replica that is down does nothing.
        let isStale = loss.map { $0.isStale && $0.range != lastLoss } ?? false
        lastLoss = loss?.range ?? lastLoss
        if at < 0 || (loss != nil && !isStale) { continue }
        samples.times.append(at)
        samples.values.append(isStale ? Double(bitPattern: staleBits) : counter(at - lag))
        samples.isSwitch.append(false)
      }
      merged = merged.map { $0.merged(with: samples, capacity: 1 + random.below(8)) } ?? samples
    }
    guard let merged else { return }
    #expect(zip(merged.times, merged.times.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
    var whole = Samples()
    for scrape in 0..<Self.scrapes {
      whole.times.append(interval * Int64(scrape))
      whole.values.append(counter(interval * Int64(scrape)))
      whole.isSwitch.append(false)
    }
    for _ in 0..<10 {
      let start = interval * 2 + below(end - interval * 8)
      let stop = min(end - interval * 2, start + interval * 4 + below(end - start - interval * 4))
      let (wanted, found) = (whole.window(start, stop), merged.window(start, stop))
      let real = resets.count { $0 > start - interval * 2 && $0 <= stop }
      // Both ends of a window may fall on a jittered sample.
      #expect(abs(wanted.count - found.count) <= found.switches + 2, "seed \(seed): samples")
      #expect(found.resets <= real, "seed \(seed): resets")
      let bound =
        slope * Double(interval) * Double(found.switches + 2 + 2 * real) * 1.05
        + slope * 2 * Double(lagMax) * Double(found.switches + 1 + real)
      #expect(abs(wanted.increase - found.increase) <= bound, "seed \(seed): increase")
    }
  }

  @Test func randomLossesLeaveNoHoleAndNoReset() {
    let seeds = 0..<UInt64(isLongTier ? 10_000 : 500)
    for seed in seeds { check(seed, lagMax: 0) }
    say("seamless counters without a lag: seeds \(seeds)")
  }

  @Test func replicasThatLagDoNotFall() {
    let seeds = 1 << 32..<1 << 32 + UInt64(isLongTier ? 10_000 : 500)
    for seed in seeds { check(seed, lagMax: 5000) }
    say("seamless counters with lags: seeds \(seeds)")
  }

  @Test func oddColumnsDoNotTrap() {
    let extremes = Samples(times: [.min, 0, .max], values: [.nan, 1, .infinity], isSwitch: [false, false, false])
    let others = Samples(times: [.min + 1, .max - 1], values: [3, -.infinity], isSwitch: [false, false])
    for (a, b) in [(extremes, others), (others, extremes), (extremes, Samples()), (Samples(), others)] {
      let merged = a.merged(with: b, capacity: 2)
      #expect(zip(merged.times, merged.times.dropFirst()).allSatisfy { $0 < $1 })
      #expect(!merged.times.isEmpty)
    }
    #expect(Samples().merged(with: Samples(), capacity: 1).times.isEmpty)
  }
}
