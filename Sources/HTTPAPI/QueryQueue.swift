// Where queries wait until others have ended, and the file that tells which are running: Prometheus' queries.active.
//
//   [ entry entry …      the byte `[`, then one place of 1000 bytes a query that may run
//   entry                {"query":"up","timestamp_sec":1748826000} zeroes ,     all zeroes where none runs
//
// What is left in the file after a crash are the queries that ran then.
internal import Locking
internal import Observability
internal import PromQL
internal import Synchronization
public import TSModel

/// Lets so many queries run at a time, and keeps a file of which these are.
public final class QueryQueue: Sendable {
  /// Writes bytes into the file, which is there and long enough, at an offset.
  public typealias Write = @Sendable (_ bytes: [UInt8], _ offset: Int) -> Void

  /// Bytes of an entry.
  public static let entryBytes = 1000

  private struct State {
    /// Places that are free, the lowest last.
    var free: [Int]
    var nextNumber: UInt64 = 0
    var waiting: [(number: UInt64, continuation: CheckedContinuation<Int?, Never>)] = []
    /// Gave up before they waited.
    var cancelled: Set<UInt64> = []
  }

  /// The most queries that run at a time.
  public let width: Int
  private let state: Guarded<State>
  private let write: Write?
  private let nowS: @Sendable () -> Int64

  /// A queue for `width` queries at a time; `write` fills the file where there is one.
  public init(
    width: Int, nowS: @escaping @Sendable () -> Int64 = { WallClock.nowMs() / 1000 }, write: Write? = nil
  ) {
    precondition(width > 0, "at least one query runs at a time")
    self.width = width
    self.write = write
    self.nowS = nowS
    state = Guarded(State(free: Array((0..<width).reversed())))
  }

  /// What the file of so many places holds at the start: nothing runs.
  public static func emptyFile(width: Int) -> [UInt8] {
    [UInt8(ascii: "[")] + Array(repeating: 0, count: width * entryBytes)
  }

  /// The queries that a file tells of, as a JSON list; nil where there are none.
  public static func unfinished(in file: [UInt8]) -> String? {
    let bytes = file.filter { $0 != 0 }
    return bytes.count <= 1 ? nil : String(decoding: bytes.dropLast(), as: UTF8.self) + "]"
  }

  /// How many queries run.
  public var runningCount: Int { state.withLock { width - $0.free.count } }

  /// How many queries wait.
  public var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Waits for a place and takes it. Throws `QueryError` where the task is cancelled or the deadline comes before.
  func enter(_ query: String, deadline: ContinuousClock.Instant?) async throws -> Int {
    let place = try await place(deadline)
    write?(entry(query), 1 + place * Self.entryBytes)
    return place
  }

  /// Gives a place back.
  func leave(_ place: Int) {
    write?(Array(repeating: 0, count: Self.entryBytes), 1 + place * Self.entryBytes)
    let next = state.withLock { state -> CheckedContinuation<Int?, Never>? in
      if state.waiting.isEmpty {
        state.free.append(place)
        return nil
      }
      return state.waiting.removeFirst().continuation
    }
    next?.resume(returning: place)
  }

  private func place(_ deadline: ContinuousClock.Instant?) async throws -> Int {
    let number = state.withLock { state -> UInt64 in
      state.nextNumber += 1
      return state.nextNumber
    }
    if let place = state.withLock({ $0.free.popLast() }) { return place }
    let place = await withTaskCancellationHandler {
      await withTaskGroup(of: Void.self) { group in
        if let deadline {
          group.addTask {
            try? await Task.sleep(until: deadline, clock: .continuous)
            if !Task.isCancelled { self.giveUp(number) }
          }
        }
        let place = await self.wait(number)
        group.cancelAll()
        return place
      }
    } onCancel: {
      giveUp(number)
    }
    state.withLock { _ = $0.cancelled.remove(number) }
    if let place { return place }
    throw Task.isCancelled
      ? QueryError(.canceled, "context canceled") : QueryError(.execution, "context deadline exceeded")
  }

  private func wait(_ number: UInt64) async -> Int? {
    await withCheckedContinuation { continuation in
      enum Outcome {
        case place(Int), cancelled, waits
      }
      let outcome = state.withLock { state -> Outcome in
        if state.cancelled.contains(number) { return .cancelled }
        if let place = state.free.popLast() { return .place(place) }
        state.waiting.append((number, continuation))
        return .waits
      }
      switch outcome {
      case .place(let place): continuation.resume(returning: place)
      case .cancelled: continuation.resume(returning: nil)
      case .waits: break
      }
    }
  }

  private func giveUp(_ number: UInt64) {
    let waiting = state.withLock { state -> CheckedContinuation<Int?, Never>? in
      guard let index = state.waiting.firstIndex(where: { $0.number == number }) else {
        state.cancelled.insert(number)
        return nil
      }
      return state.waiting.remove(at: index).continuation
    }
    waiting?.resume(returning: nil)
  }

  /// An entry; a query that is too long is cut.
  private func entry(_ query: String) -> [UInt8] {
    let (head, tail) = ("{\"query\":", ",\"timestamp_sec\":\(nowS())}")
    // The comma is the last byte.
    let room = Self.entryBytes - 1 - head.utf8.count - tail.utf8.count
    var scalars = Array(query.unicodeScalars.prefix(room))
    var text = JSONValue.quoted(query.unicodeScalars.count > room ? Self.string(scalars) : query)
    while text.utf8.count > room {
      // No scalar takes more than 6 bytes.
      scalars.removeLast(min(scalars.count, max(1, (text.utf8.count - room) / 6)))
      text = JSONValue.quoted(Self.string(scalars))
    }
    var bytes = Array((head + text + tail).utf8)
    bytes += Array(repeating: 0, count: Self.entryBytes - 1 - bytes.count)
    bytes.append(UInt8(ascii: ","))
    return bytes
  }

  private static func string(_ scalars: [Unicode.Scalar]) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }
}
