// Threads that may block, and places for those that want them.
import StoreServing
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
          try await gate.run { () async -> Int in
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
    try await gate.run {
      let waiting = Task { try await gate.run {} }
      while gate.waitingCount == 0 { await Task.yield() }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
    try await gate.run {}
    #expect(gate.inUseCount == 0)
  }
}
