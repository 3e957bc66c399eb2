// Deduplication by penalty beside a slow form of the rules, and the cases of Thanos' own tests.
import CTSDB
import TestSupport
import Testing

/// The rules, step by step, as a reader of both replicas would follow them.
private func reference(_ a: [Int64], _ b: [Int64]) -> [Int64] {
  var (last, penaltyA, penaltyB) = (Int64.min, Int64(0), Int64(0))
  var (at, bt) = (0, 0)
  var taken: [Int64] = []
  while true {
    let from = last == .min ? Int64.min : last + 1
    while at < a.count, last != .min, a[at] < from + penaltyA { at += 1 }
    while bt < b.count, last != .min, b[bt] < from + penaltyB { bt += 1 }
    if at == a.count && bt == b.count { return taken }
    let usesA = bt == b.count || (at < a.count && a[at] <= b[bt])
    let time = usesA ? a[at] : b[bt]
    let penalty = last == .min ? 5000 : 2 * (time - last)
    (penaltyA, penaltyB) = usesA ? (0, penalty) : (penalty, 0)
    last = time
    taken.append(time)
  }
}

/// The kernel, in calls of at most `capacity` runs.
private func kernel(_ a: [Int64], _ b: [Int64], capacity: Int = 3) -> [Int64] {
  var penalty = tsdb_penalty()
  tsdb_penalty_init(&penalty)
  var taken: [Int64] = []
  a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      var left = tsdb_sample_list(timestamps_ms: a.baseAddress, count: a.count, position: 0)
      var right = tsdb_sample_list(timestamps_ms: b.baseAddress, count: b.count, position: 0)
      var runs = [tsdb_sample_run](repeating: tsdb_sample_run(), count: capacity)
      var count: Int
      repeat {
        count = tsdb_penalty_run(&penalty, &left, true, &right, true, &runs, capacity)
        for run in runs[..<count] {
          for index in run.first..<run.first + run.count { taken.append(run.list == 0 ? a[Int(index)] : b[Int(index)]) }
        }
      } while count == capacity
    }
  }
  return taken
}

/// Lists folded one after the other.
private func folded(_ lists: [[Int64]]) -> [Int64] {
  let count = lists.reduce(0) { $0 + $1.count }
  var times = [Int64](repeating: 0, count: count)
  var rows = [UInt32](repeating: 0, count: count)
  var skips = times
  var scratch = times
  var scratchRows = rows
  let all = lists.flatMap { $0 }
  let taken = times.withUnsafeMutableBufferPointer { times in
    rows.withUnsafeMutableBufferPointer { rows in
      skips.withUnsafeMutableBufferPointer { skips in
        var column = tsdb_penalty_column(
          timestamps_ms: times.baseAddress, rows: rows.baseAddress, skips_ms: skips.baseAddress, count: 0)
        var first = 0
        for list in lists {
          tsdb_penalty_fold(&column, list, list.count, UInt32(first), &scratch, &scratchRows)
          first += list.count
        }
        return (0..<column.count).map { all[Int(rows[$0])] }
      }
    }
  }
  return taken
}

@Suite struct PenaltyTests {
  @Test func casesOfThanosGiveTheirResults() {
    func seconds(_ times: [Double]) -> [Int64] { times.map { Int64($0 * 1000) } }
    let cases: [(a: [Double], b: [Double], taken: [Double])] = [
      ([10, 20, 30], [10, 20, 30], [10, 20, 30]),
      ([15, 25], [10, 20, 30], [10, 20, 30]),
      ([10, 20, 40], [10, 20, 30, 40], [10, 20, 40]),
      ([10, 20, 30, 60, 70], [10.1, 20.1, 30.1, 40.1, 50.1, 60.1], [10, 20, 30, 50.1, 60.1]),
      ([], [1, 2], [1, 2]), ([1, 2], [], [1, 2]), ([], [], []),
    ]
    for one in cases { #expect(kernel(seconds(one.a), seconds(one.b)) == seconds(one.taken)) }
    // Below five seconds the first penalty decides.
    #expect(folded([Array(0...90), Array(60...150)]) == Array(0...90))
  }

  @Test func randomReplicasGiveWhatTheRulesGive() {
    var random = SplitMix64(seed: 41)
    for round in 0..<2000 {
      func replica() -> [Int64] {
        var time = Int64(random.below(20_000)) - 5000
        let step = Int64(1 + random.below(15_000))
        return (0..<random.below(60)).map { _ in
          time += random.below(12) == 0 ? step * Int64(1 + random.below(8)) : step + Int64(random.below(3)) - 1
          if step == 1 { time += 1 }
          return time
        }
      }
      let (a, b) = (replica(), replica())
      let wanted = reference(a, b)
      for capacity in [1, 2, 100] { #expect(kernel(a, b, capacity: capacity) == wanted, "round \(round)") }
    }
  }

  /// Chunks of several replicas, each folded into what was there: as if all were read again every time.
  @Test func foldingGivesWhatFoldingWholeListsGives() {
    var random = SplitMix64(seed: 42)
    for round in 0..<500 {
      var lists: [[Int64]] = []
      for _ in 0..<1 + random.below(3) {
        var time = Int64(random.below(30_000))
        for _ in 0..<random.below(8) {
          if random.below(3) == 0 { time += Int64(random.below(200_000)) }
          lists.append(
            (0..<1 + random.below(20)).map { _ in
              time += 14_000 + Int64(random.below(2000))
              return time
            })
        }
      }
      lists.sort { $0[0] < $1[0] }
      let wanted = lists.reduce([]) { reference($0, $1) }
      #expect(folded(lists) == wanted, "round \(round)")
    }
  }

  @Test func timesAtTheEndsOfTheRangeDoNotTrap() {
    #expect(kernel([.min, 0, .max], [.min + 1, .max - 1, .max]) == [.min, 0, .max])
    #expect(folded([[.min, .max], [.min, .max]]) == [.min, .max])
  }
}
