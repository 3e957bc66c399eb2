// The wish that a component ends, which all its parts can wait for.
internal import Locking
internal import Synchronization

/// Asked for once, seen by any number of waiters.
public final class ShutdownRequest: Sendable {
  private struct State {
    var reason: String?
    var waiters: [Int: CheckedContinuation<String, Never>] = [:]
    var lastWaiter = 0
  }

  private let state = Guarded(State())

  /// Not asked for yet.
  public init() {}

  /// Asks for it. Only the first call counts.
  public func request(_ reason: String) {
    let waiters = state.withLock { state -> [CheckedContinuation<String, Never>] in
      if state.reason != nil { return [] }
      state.reason = reason
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(returning: reason) }
  }

  /// The reason, or nil where nobody has asked.
  public var reason: String? { state.withLock { $0.reason } }

  /// Waits until it is asked for, or until the task is cancelled; returns the reason.
  public func wait() async -> String {
    let waiter = state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let reason = state.withLock { state -> String? in
          if let reason = state.reason { return reason }
          if Task.isCancelled { return "cancelled" }
          state.waiters[waiter] = continuation
          return nil
        }
        if let reason { continuation.resume(returning: reason) }
      }
    } onCancel: {
      let continuation = state.withLock { $0.waiters.removeValue(forKey: waiter) }
      continuation?.resume(returning: "cancelled")
    }
  }
}
