// How many requests may read blocks at one time; the others wait in the order they came.
internal import Synchronization

/// A number of places. Thread-safe.
public final class ConcurrencyGate: Sendable {
  private struct Waiting {
    let number: UInt64
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var free: Int
    var nextNumber: UInt64 = 0
    var waiting: [Waiting] = []
    /// Cancelled before they waited.
    var cancelled: Set<UInt64> = []
  }

  private let state: Mutex<State>
  /// How many places there are.
  public let width: Int

  /// A gate of `width` places.
  public init(width: Int) {
    precondition(width > 0, "a gate has at least one place")
    self.width = width
    state = Mutex(State(free: width))
  }

  /// How many places are taken.
  public var inUseCount: Int { state.withLock { width - $0.free } }

  /// How many wait for a place.
  public var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Runs `body` in a place of its own. Throws `CancellationError` where the task is cancelled while it waits for one, and what
  /// `body` throws.
  public func run<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
  ) async throws -> Result {
    guard await enter() else { throw CancellationError() }
    defer { leave() }
    return try await body()
  }

  private func enter() async -> Bool {
    let number = state.withLock { state -> UInt64? in
      if state.free > 0 {
        state.free -= 1
        return nil
      }
      state.nextNumber += 1
      return state.nextNumber
    }
    guard let number else { return true }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let result = state.withLock { state -> Bool? in
          if state.cancelled.remove(number) != nil { return false }
          if state.free > 0 {
            state.free -= 1
            return true
          }
          state.waiting.append(Waiting(number: number, continuation: continuation))
          return nil
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      let waiting = state.withLock { state -> Waiting? in
        guard let index = state.waiting.firstIndex(where: { $0.number == number }) else {
          // It does not wait yet, or has its place already and will never ask again.
          state.cancelled.insert(number)
          return nil
        }
        return state.waiting.remove(at: index)
      }
      waiting?.continuation.resume(returning: false)
    }
  }

  private func leave() {
    let next = state.withLock { state -> Waiting? in
      if state.waiting.isEmpty {
        state.free += 1
        state.cancelled.removeAll()
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.continuation.resume(returning: true)
  }
}
