// What one store answers to a Series call, window by window.
internal import Locking
internal import StoreAPI
internal import TSModel
internal import Transport

/// The series of one store. Used by one task at a time.
final class RemoteSeries {
  /// Who answers.
  let store: RemoteStore
  /// Whether all windows were given, or what is left cannot be had.
  private(set) var isAtEnd = false

  private let call: GRPCClientCall
  private let dropped: [[UInt8]]
  private let timeoutMs: Int
  private let budget: MemoryBudget
  private var before: WireWindow?
  /// What ends the answer once the series before it were given.
  private var failure: GRPCStatus?

  /// The answer to `call`. `dropped` are labels that the store would not leave out itself: all of its series are read then before the
  /// first is given, since without them their order may be another.
  init(_ store: RemoteStore, _ call: GRPCClientCall, dropped: [String], timeoutMs: Int, budget: MemoryBudget) {
    self.store = store
    self.call = call
    self.dropped = dropped.map { Array($0.utf8) }
    self.timeoutMs = timeoutMs
    self.budget = budget
  }

  /// The next window that has series, and what the store said meanwhile; nil at the end. Throws `GRPCStatus` where the store fails or its
  /// bytes cannot be read, `BudgetExceeded` where there is no memory for them.
  func next(_ warn: (String) -> Void) async throws -> WireWindow? {
    while !isAtEnd {
      if let failure {
        isAtEnd = true
        throw failure
      }
      let window = try WireWindow(budget: budget)
      let isWhole = try await fill(window)
      for warning in window.warnings { warn(warning) }
      let isInOrder = try window.finish(sorting: !dropped.isEmpty, after: before)
      isAtEnd = isWhole && failure == nil
      if !isInOrder {
        isAtEnd = true
        call.cancel()
        warn("receive series from \(store.seriesDescription): its series are not in order; those after are left out")
      }
      if window.count > 0 {
        before = window
        return window
      }
    }
    return nil
  }

  /// Takes what is there, or all of it where it must be sorted. True at the end of the call.
  private func fill(_ window: WireWindow) async throws -> Bool {
    repeat {
      guard let messages = try await messages() else { return true }
      do throws(WireWindow.Refusal) { try window.append(messages, dropping: dropped) } catch {
        call.cancel()
        switch error {
        case .budget(let exceeded): throw exceeded
        case .malformed(let reason): failure = GRPCStatus(.internal, reason)
        }
        return true
      }
    } while !dropped.isEmpty
    return false
  }

  private func messages() async throws -> GRPCMessages? {
    guard timeoutMs > 0 else { return try await call.nextMessages() }
    let call = call
    let timer = Task { [timeoutMs] in
      try await Task.sleep(for: .milliseconds(timeoutMs))
      call.cancel()
    }
    defer { timer.cancel() }
    do { return try await call.nextMessages() } catch {
      guard error.code == .cancelled, !Task.isCancelled else { throw error }
      throw GRPCStatus(.deadlineExceeded, "failed to receive any data in \(timeoutMs)ms")
    }
  }
}
