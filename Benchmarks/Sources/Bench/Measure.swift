// How a cost is measured: process CPU time, pinned to one core, the minimum over interleaved rounds.
import Glibc

/// CPU time that this process and the children it has waited for have used, in nanoseconds. Only rows over whole programs
/// have children.
func processTimeNs() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  var children = rusage()
  getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &children)
  let childrenUs =
    (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1_000_000
    + Int(children.ru_utime.tv_usec + children.ru_stime.tv_usec)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec) + UInt64(childrenUs) * 1000
}

/// A workload with the costs of its rounds so far.
final class Measurement {
  let workload: Workload
  private var runsPerRound = 1
  /// Nanoseconds a unit, one entry a round.
  private(set) var costs: [Double] = []
  /// Why a round could not be measured, or nil.
  private(set) var failure: (any Error)?

  init(_ workload: Workload) { self.workload = workload }

  /// Warms up and finds how many runs fill `roundNs`.
  func calibrate(roundNs: Double) {
    guard workload.cost == nil else { return }
    workload.run()
    var runs = 1
    while true {
      let spent = time(runs)
      if spent >= roundNs / 8 || runs >= 1 << 24 {
        runsPerRound = max(1, Int(Double(runs) * roundNs / max(spent, 1)))
        return
      }
      runs *= 4
    }
  }

  /// One round: the best of `repeats` equal parts.
  func round(repeats: Int) {
    if let cost = workload.cost {
      do { costs.append(try cost()) } catch { failure = error }
      return
    }
    let runs = max(1, runsPerRound / repeats)
    var best = Double.infinity
    for _ in 0..<repeats { best = min(best, time(runs) / Double(runs)) }
    costs.append(best / workload.unitsPerRun)
  }

  private func time(_ runs: Int) -> Double {
    let start = processTimeNs()
    for _ in 0..<runs { workload.run() }
    return Double(processTimeNs() - start)
  }

  /// The smallest cost of all rounds.
  var minimum: Double { costs.min() ?? .nan }
  /// The median round over the smallest one: 1.1 is quiet, 1.6 is a noisy machine.
  var spread: Double {
    let sorted = costs.sorted()
    guard let first = sorted.first, first > 0 else { return .nan }
    return sorted[sorted.count / 2] / first
  }
}
