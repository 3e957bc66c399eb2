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
  /// Whether nothing of its answer is missing, at the end.
  private(set) var isWhole = true
  /// What it sent so far.
  private(set) var traffic = RemoteTraffic()

  private let call: GRPCClientCall
  private let dropped: [[UInt8]]
  private let shard: Shard?
  private let timeoutMs: Int
  private let budget: MemoryBudget
  private var before: WireWindow?
  /// What ends the answer once the series before it were given.
  private var failure: GRPCStatus?

  /// The answer `call` to `asked`. Of a store that would not leave labels out itself all series are read before the first is given, since
  /// without them their order may be another.
  init(_ store: RemoteStore, _ call: GRPCClientCall, _ asked: RemoteCall, budget: MemoryBudget) {
    self.store = store
    self.call = call
    dropped = store.dropsReplicaLabels ? [] : asked.droppedLabels.map { Array($0.utf8) }
    shard = store.supportsSharding ? nil : asked.shard
    timeoutMs = asked.responseTimeoutMs
    self.budget = budget
  }

  /// The next window that has series; nil at the end. What the store says meanwhile is told to `observer`. Throws `GRPCStatus` where the
  /// store fails or its bytes cannot be read, `BudgetExceeded` where there is no memory for them.
  func next(_ observer: any RemoteMergeObserver) async throws -> WireWindow? {
    while !isAtEnd {
      if let failure {
        (isAtEnd, isWhole) = (true, false)
        throw failure
      }
      let window = try WireWindow(budget: budget)
      let isComplete: Bool
      do { isComplete = try await fill(window) } catch {
        isWhole = false
        throw error
      }
      for warning in window.warnings { try observer.warned(warning, by: store) }
      for hints in window.hints { observer.hinted(hints, by: store) }
      let isInOrder = try window.finish(sorting: !dropped.isEmpty, shard, after: before)
      traffic.seriesCount += Int64(window.count)
      traffic.chunkCount += Int64(window.chunkCount)
      isAtEnd = isComplete && failure == nil
      if !isInOrder {
        (isAtEnd, isWhole) = (true, false)
        call.cancel()
        try observer.lacks(
          "receive series from \(store.seriesDescription): its series are not in order; those after are left out", nil,
          of: store)
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
      guard let messages = try await received() else { return true }
      traffic.bytes += Int64(messages.bytes.count)
      traffic.messageCount += Int64(messages.count)
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

  /// The next messages; nil at the end.
  private func received() async throws -> GRPCMessages? {
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
