// How many samples the selectors of a query look at, a number a step.
//
// A part of the query that is evaluated at other steps, a subquery or what is the same at every step, has counts of its own. What
// they are to the steps around is known only once all of it is evaluated, so they are put together in the end.
internal import Locking
internal import Synchronization
internal import TSModel

/// Numbers of one series, or of one part of a stream. Filled by one task.
struct SampleTally {
  /// Samples that each step looks at.
  private(set) var total: [Int64]
  /// Those that the step before did not look at.
  private(set) var read: [Int64]

  init(stepCount: Int) {
    total = Array(repeating: 0, count: stepCount)
    read = total
  }

  /// Counts the values of a row, each of which is a sample.
  mutating func add(row: Int, of batch: VectorBatch) {
    let values = unsafe batch.floats(row)
    for step in 0..<batch.stepCount {
      let histogram = batch.histogram(row, step)
      let weight: Int
      if histogram >= 0 {
        weight = SampleWeight.of(histogram, batch.pool)
      } else if unsafe values[step].bitPattern != absentBits {
        weight = 1
      } else {
        continue
      }
      total[step] += Int64(weight)
      read[step] += Int64(weight)
    }
  }

  /// Counts the samples of a series in the windows of the steps.
  mutating func add(_ samples: borrowing SampleColumns, in window: SelectorWindow) {
    let floatTimes = samples.floats.timestampsMs
    var (floatStart, floatEnd, floatRead) = (0, 0, 0)
    var (start, end, next) = (0, 0, 0)
    // The weight of all histograms before each.
    var before: [Int64] = [0]
    for index in samples.histogramIndices {
      before.append(before[before.count - 1] + Int64(SampleWeight.of(index, samples.pool)))
    }
    for step in 0..<total.count {
      if window.isFixed, step > 0 {
        total[step] += total[0]
        continue
      }
      let endMs = window.grid.timeMs(step)
      let startMs = endMs &- window.rangeMs
      while floatEnd < floatTimes.count, floatTimes[floatEnd] <= endMs { floatEnd += 1 }
      while floatStart < floatEnd, floatTimes[floatStart] <= startMs { floatStart += 1 }
      total[step] += Int64(floatEnd - floatStart)
      read[step] += Int64(floatEnd - max(floatStart, floatRead))
      floatRead = floatEnd
      guard before.count > 1 else { continue }
      while end < before.count - 1, samples.histogramTimesMs[end] <= endMs { end += 1 }
      while start < end, samples.histogramTimesMs[start] <= startMs { start += 1 }
      total[step] += before[end] - before[start]
      read[step] += before[max(start, next, end)] - before[max(start, next)]
      next = end
    }
  }
}

/// Numbers of a query or of a part of it. Any of its tasks may add to them.
final class SampleCounts: Sendable {
  /// What the steps of a part are to those around it.
  enum Use: Sendable {
    /// The one step of the part stands for all.
    case everyStep
    /// A step looks at those of the part's steps, `inner`, that lie in its window.
    case windows(SelectorWindow, inner: StepGrid)
  }

  private struct State {
    var tally: SampleTally
    var parts: [(SampleCounts, Use)] = []
  }

  private let state: Guarded<State>
  private let stepCount: Int

  init(stepCount: Int) {
    self.stepCount = stepCount
    state = Guarded(State(tally: SampleTally(stepCount: stepCount)))
  }

  /// Adds the numbers of a part of a stream.
  func add(_ tally: SampleTally) { state.withLock { $0.tally.add(tally) } }

  /// Numbers of a part of the query that is evaluated at other steps.
  func part(stepCount: Int, _ use: Use) -> SampleCounts {
    let part = SampleCounts(stepCount: stepCount)
    state.withLock { $0.parts.append((part, use)) }
    return part
  }

  /// All numbers, those of the parts included.
  func finished() -> SampleTally {
    var (tally, parts) = state.withLock { ($0.tally, $0.parts) }
    for (part, use) in parts {
      let numbers = part.finished()
      switch use {
      case .everyStep: tally.repeatFirst(of: numbers)
      case .windows(let window, let inner): tally.add(numbers, at: inner, in: window)
      }
    }
    parts = []
    return tally
  }
}

extension SampleTally {
  fileprivate mutating func add(_ other: SampleTally) {
    for step in total.indices {
      total[step] += other.total[step]
      read[step] += other.read[step]
    }
  }

  fileprivate mutating func repeatFirst(of other: SampleTally) {
    guard let whole = other.total.first, !total.isEmpty else { return }
    for step in total.indices { total[step] += whole }
    read[0] += other.read.first ?? 0
  }

  fileprivate mutating func add(_ other: SampleTally, at inner: StepGrid, in window: SelectorWindow) {
    var (start, end, next) = (0, 0, 0)
    var sum: Int64 = 0
    for step in total.indices {
      if !window.isFixed || step == 0 {
        let endMs = window.grid.timeMs(step)
        while end < inner.count, inner.timeMs(end) <= endMs {
          sum += other.total[end]
          end += 1
        }
        while start < end, inner.timeMs(start) <= endMs &- window.rangeMs {
          sum -= other.total[start]
          start += 1
        }
        for place in max(start, next)..<max(start, next, end) { read[step] += other.read[place] }
        next = end
      }
      total[step] += sum
    }
  }
}
