// Chains of samples: every time once, in order, from a list that has it.
import CTSDB
import TestSupport
import Testing

/// The chain of lists, in calls of at most `capacity` runs, as (list, index) pairs.
private func chained(_ lists: [[Int64]], capacity: Int) -> [(list: Int, index: Int)] {
  let all = lists.flatMap { $0 }
  var heap = [UInt32](repeating: 0, count: lists.count)
  var taken: [(list: Int, index: Int)] = []
  all.withUnsafeBufferPointer { all in
    var start = 0
    var sources = lists.map { list in
      defer { start += list.count }
      return tsdb_sample_list(timestamps_ms: all.baseAddress.map { $0 + start }, count: list.count, position: 0)
    }
    sources.withUnsafeMutableBufferPointer { sources in
      heap.withUnsafeMutableBufferPointer { heap in
        var chain = tsdb_sample_chain()
        chain.lists = sources.baseAddress
        chain.list_count = lists.count
        chain.heap = heap.baseAddress
        tsdb_sample_chain_init(&chain)
        var runs = [tsdb_sample_run](repeating: tsdb_sample_run(), count: capacity)
        var count = 0
        repeat {
          tsdb_sample_chain_run(&chain, &runs, capacity, &count)
          for run in runs[..<count] {
            for index in run.first..<run.first + run.count { taken.append((Int(run.list), Int(index))) }
          }
        } while count > 0
      }
    }
  }
  return taken
}

@Suite struct SampleChainTests {
  @Test func everyTimeIsThereOnceAndInOrder() {
    var random = SplitMix64(seed: 51)
    for round in 0..<1000 {
      let lists = (0..<1 + random.below(6)).map { _ in
        Set((0..<random.below(30)).map { _ in Int64(random.below(100)) }).sorted()
      }
      let wanted = Set(lists.joined()).sorted()
      for capacity in [1, 3, 200] {
        let taken = chained(lists, capacity: capacity)
        #expect(taken.map { lists[$0.list][$0.index] } == wanted, "round \(round)")
      }
    }
  }

  @Test func aListThatRepeatsATimeGivesItOnce() {
    #expect(chained([[1, 1, 2, 2], [2, 2, 3]], capacity: 10).count == 3)
    #expect(chained([[], [5], []], capacity: 10).count == 1)
    #expect(chained([], capacity: 10).isEmpty)
  }
}
