// Threads that may block, and places for those that want them.
import Locking
import StoreServing
import Synchronization
import TSModel
import Testing

@Suite struct PoolTests {
  @Test func tasksRunOnThreadsOfThePool() async {
    let pool = BlockingThreads(countMax: 3)
    let sum = await withTaskGroup(of: Int.self) { group in
      for number in 0..<200 {
        group.addTask(executorPreference: pool) {
          await Task.yield()
          return number
        }
      }
      return await group.reduce(0, +)
    }
    #expect(sum == 199 * 100)
  }

  @Test func aGateLetsInAsManyAsItHasPlaces() async throws {
    let gate = ConcurrencyGate(width: 3)
    let most = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await gate.run { _ async -> Int in
            await Task.yield()
            return gate.inUseCount
          }
        }
      }
      return try await group.reduce(0) { max($0, $1) }
    }
    #expect(most >= 1 && most <= 3)
    #expect(gate.inUseCount == 0 && gate.waitingCount == 0)
  }

  @Test func whoIsCancelledWhileWaitingLeaves() async throws {
    let gate = ConcurrencyGate(width: 1)
    try await gate.run { _ in
      let waiting = Task { try await gate.run { _ in } }
      while gate.waitingCount == 0 { await Task.yield() }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
    try await gate.run { _ in }
    #expect(gate.inUseCount == 0)
  }

  /// What a task tells once it has come so far.
  private final class Steps: Sendable {
    private let state = Guarded<Set<String>>([])
    func reach(_ step: String) { state.withLock { _ = $0.insert(step) } }
    func wait(for step: String) async { while !state.withLock({ $0.contains(step) }) { await Task.yield() } }
  }

  @Test func whoWaitsOutsideLetsOthersIn() async throws {
    let gate = ConcurrencyGate(width: 1)
    let steps = Steps()
    let stalled = Task {
      try await gate.run { place in
        try await place.whileWaiting {
          steps.reach("outside")
          await steps.wait(for: "reader is back")
        }
        return gate.inUseCount
      }
    }
    await steps.wait(for: "outside")
    #expect(gate.outsideCount == 1 && gate.inUseCount == 0)
    #expect(try await gate.run { _ in gate.inUseCount } == 1)
    try await gate.run { _ in
      steps.reach("reader is back")
      while gate.waitingCount == 0 { await Task.yield() }
      #expect(gate.outsideCount == 0 && gate.inUseCount == 1)
    }
    #expect(try await stalled.value == 1)
    #expect(gate.inUseCount == 0 && gate.outsideCount == 0 && gate.waitingCount == 0)
  }

  @Test func whoCannotComeBackLeavesNoPlaceBehind() async throws {
    let gate = ConcurrencyGate(width: 1)
    let steps = Steps()
    let stalled = Task {
      try await gate.run { place in
        try await place.whileWaiting {
          steps.reach("outside")
          await steps.wait(for: "reader is back")
        }
      }
    }
    await steps.wait(for: "outside")
    try await gate.run { _ in
      steps.reach("reader is back")
      while gate.waitingCount == 0 { await Task.yield() }
      stalled.cancel()
      await #expect(throws: CancellationError.self) { try await stalled.value }
    }
    await #expect(throws: PoolTestError.self) {
      try await gate.run { place in try await place.whileWaiting { throw PoolTestError() } }
    }
    #expect(gate.inUseCount == 0 && gate.outsideCount == 0)
    try await gate.run { _ in }
  }

  @Test func thoseOutsideAreBounded() async throws {
    let gate = ConcurrencyGate(width: 1)
    let steps = Steps()
    let count = 9
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<count {
        group.addTask {
          try await gate.run { place in try await place.whileWaiting { await steps.wait(for: "end") } }
        }
      }
      // Eight times the width are outside; the ninth keeps the place.
      while gate.outsideCount < 8 || gate.inUseCount < 1 { await Task.yield() }
      #expect(gate.outsideCount == 8 && gate.inUseCount == 1)
      steps.reach("end")
      try await group.waitForAll()
    }
    #expect(gate.inUseCount == 0 && gate.outsideCount == 0)
  }

  @Test func thousandsWhoLeaveBeforeTheirTurnCostLittle() async throws {
    let gate = ConcurrencyGate(width: 1)
    try await gate.run { _ in
      let waiting = (0..<2_000).map { _ in Task { try await gate.run { _ in } } }
      while gate.waitingCount < waiting.count { await Task.yield() }
      for task in waiting.reversed() { task.cancel() }
      for task in waiting { await #expect(throws: CancellationError.self) { try await task.value } }
    }
    #expect(gate.inUseCount == 0 && gate.waitingCount == 0)
    try await gate.run { _ in }
  }
}

private struct PoolTestError: Error {}
