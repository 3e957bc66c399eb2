// How many requests may read blocks at one time; the others wait in the order they came.
internal import Locking
internal import Synchronization

/// A number of places. Thread-safe.
public final class ConcurrencyGate: Sendable {
  private struct State {
    var free: Int
    var nextNumber: UInt64 = 0
    /// Who waits, by number.
    var waiting: [UInt64: CheckedContinuation<Bool, Never>] = [:]
    /// Numbers in the order they came, from `first` on, also of those that left.
    var order: [UInt64] = []
    var first = 0
    /// Numbers that do not wait yet.
    var coming: Set<UInt64> = []
    /// Cancelled before they waited.
    var cancelled: Set<UInt64> = []
    /// How many gave up their place for a while.
    var outside = 0

    /// Who is next, if anybody waits.
    mutating func takeFirst() -> CheckedContinuation<Bool, Never>? {
      while first < order.count {
        let number = order[first]
        first += 1
        if let continuation = waiting.removeValue(forKey: number) { return continuation }
      }
      order.removeAll()
      first = 0
      return nil
    }

    /// Forgets the places in the order of those that left, once they are the greater part.
    mutating func tidy() {
      guard order.count - first > 2 * waiting.count + 64 || first > 1024 + waiting.count else { return }
      order = order[first...].filter { waiting[$0] != nil }
      first = 0
    }
  }

  private let state: Guarded<State>
  /// How many places there are.
  public let width: Int
  /// How many may be outside at the same time; others keep their places while they wait.
  private let outsideMax: Int

  /// A gate of `width` places.
  public init(width: Int) {
    precondition(width > 0, "a gate has at least one place")
    self.width = width
    outsideMax = width > Int.max / 8 ? .max : 8 * width
    state = Guarded(State(free: width))
  }

  /// How many places are taken.
  public var inUseCount: Int { state.withLock { width - $0.free } }

  /// How many wait for a place.
  public var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// How many have given up their place for a while, and will want one again.
  public var outsideCount: Int { state.withLock { $0.outside } }

  /// A place, for whom it was given.
  public final class Place: Sendable {
    fileprivate let isHeld = Atomic<Bool>(true)
    private let gate: ConcurrencyGate

    fileprivate init(_ gate: ConcurrencyGate) { self.gate = gate }

    /// Runs `body`, which works for nobody but waits, without the place, and comes back into one afterwards, behind those that wait already.
    /// Where too many others are outside, the place is kept. Throws `CancellationError` where the task is cancelled
    /// while it waits for a place, and what `body` throws.
    public func whileWaiting(
      isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
    ) async throws {
      guard gate.goOutside() else { return try await body() }
      isHeld.store(false, ordering: .relaxed)
      do { try await body() } catch {
        gate.comeBack()
        throw error
      }
      gate.comeBack()
      guard await gate.enter() else { throw CancellationError() }
      isHeld.store(true, ordering: .relaxed)
    }
  }

  /// Runs `body` in a place of its own. Throws `CancellationError` where the task is cancelled before it has one, and what
  /// `body` throws.
  public func run<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: (Place) async throws -> Result
  ) async throws -> Result {
    guard !Task.isCancelled, await enter() else { throw CancellationError() }
    let place = Place(self)
    defer { if place.isHeld.load(ordering: .relaxed) { leave() } }
    return try await body(place)
  }

  private func goOutside() -> Bool {
    let (mayGo, next) = state.withLock { state -> (Bool, CheckedContinuation<Bool, Never>?) in
      guard state.outside < outsideMax else { return (false, nil) }
      state.outside += 1
      return (true, Self.free(&state))
    }
    next?.resume(returning: true)
    return mayGo
  }

  private func comeBack() { state.withLock { $0.outside -= 1 } }

  private func enter() async -> Bool {
    let number = state.withLock { state -> UInt64? in
      if state.free > 0 {
        state.free -= 1
        return nil
      }
      state.nextNumber += 1
      state.coming.insert(state.nextNumber)
      return state.nextNumber
    }
    guard let number else { return true }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let result = state.withLock { state -> Bool? in
          state.coming.remove(number)
          if state.cancelled.remove(number) != nil { return false }
          if state.free > 0 {
            state.free -= 1
            return true
          }
          state.waiting[number] = continuation
          state.order.append(number)
          return nil
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      let waiting = state.withLock { state -> CheckedContinuation<Bool, Never>? in
        if state.coming.contains(number) { state.cancelled.insert(number) }
        let waiting = state.waiting.removeValue(forKey: number)
        state.tidy()
        return waiting
      }
      waiting?.resume(returning: false)
    }
  }

  private func leave() {
    let next = state.withLock { Self.free(&$0) }
    next?.resume(returning: true)
  }

  /// A place is free: who gets it.
  private static func free(_ state: inout State) -> CheckedContinuation<Bool, Never>? {
    let next = state.takeFirst()
    if next == nil { state.free += 1 } else { state.tidy() }
    return next
  }
}
