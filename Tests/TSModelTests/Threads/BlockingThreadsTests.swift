// Work on threads of its own: all of it is done, and never more of it at a time than there may be threads.
import Foundation
import Locking
import Synchronization
import TSModel
import Testing

@Suite struct BlockingThreadsTests {
  /// How much is going on, seen by all threads.
  private final class Gauge: Sendable {
    private let counts = Guarded<[Int]>([0, 0])
    var most: Int { counts.withLock { $0[1] } }
    func enter() {
      counts.withLock {
        $0[0] += 1
        $0[1] = max($0[0], $0[1])
      }
    }
    func leave() { counts.withLock { $0[0] -= 1 } }
  }

  private struct Refusal: Error, Equatable { var number: Int }

  @Test func allWorkIsDoneWithinTheBound() async {
    let threads = BlockingThreads(countMax: 3)
    let gauge = Gauge()
    let sum = await withTaskGroup(of: Int.self) { group in
      for number in 0..<3000 {
        group.addTask {
          await threads.run {
            gauge.enter()
            defer { gauge.leave() }
            if number % 500 == 0 { usleep(1000) }
            return number
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(sum == 3000 * 2999 / 2)
    #expect(gauge.most <= 3)
  }

  @Test func errorsComeBackAsTheyAre() async {
    let threads = BlockingThreads(countMax: 1)
    for number in 0..<10 {
      await #expect(throws: Refusal(number: number)) {
        try await threads.run { () throws(Refusal) in throw Refusal(number: number) }
      }
    }
  }

  @Test func threadsThatEndedAreStartedAgain() async throws {
    let threads = BlockingThreads(countMax: 2, idleSecondsMax: 0)
    for number in 0..<20 {
      #expect(await threads.run { number } == number)
      if number % 5 == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
  }

  @Test func workThatWaitsDoesNotKeepTasksFromRunning() async {
    let threads = BlockingThreads(countMax: 4)
    let gate = Gauge()
    async let waiting: Void = threads.run { while gate.most == 0 { usleep(100) } }
    let done = await threads.run { 1 }
    gate.enter()
    await waiting
    #expect(done == 1)
  }
}
