// How much memory buffers may take whose size depends on data or on a request: a tree of counters, one for the process,
// below it one a tenant, below those one a query, an upload, a compaction.
//
//   process ──┬── tenant a ──┬── query 1      a charge to "query 1" counts in all three levels, or in none
//             │              └── query 2
//             └── compaction
internal import Synchronization

/// A limit on memory, and what has been charged to it. A charge counts in this budget and in every one above it.
///
/// Charging is lock-free. While a charge that a budget further up will refuse is being tried, those below it count it for
/// a moment, so that a charge made at the same instant may be refused although it would just have fitted.
public final class MemoryBudget: Sendable {
  /// What it limits, as an error should name it: "query", "tenant a".
  public let name: String
  /// The most that may be charged at one time, bytes; `Int.max` is no limit.
  public let limitBytes: Int
  /// The budget that every charge also counts in.
  public let parent: MemoryBudget?

  private let used = Atomic<Int>(0)
  private let peak = Atomic<Int>(0)

  /// A budget of `limitBytes` (not negative) within `parent`.
  public init(name: String, limitBytes: Int = .max, parent: MemoryBudget? = nil) {
    precondition(limitBytes >= 0, "a budget's limit is not negative")
    self.name = name
    self.limitBytes = limitBytes
    self.parent = parent
  }

  /// What is charged now, bytes.
  public var usedBytes: Int { used.load(ordering: .relaxed) }

  /// The most that was ever charged at one time, bytes.
  public var peakBytes: Int { peak.load(ordering: .relaxed) }

  /// Counts `bytes` (not negative) in this budget and all above it. Throws, with nothing counted, where any of them
  /// would exceed its limit; the error names that one.
  public func charge(_ bytes: Int) throws(BudgetExceeded) {
    precondition(bytes >= 0, "a charge is not negative")
    var level: MemoryBudget? = self
    while let budget = level {
      if let usedBytes = budget.refusal(of: bytes) {
        release(bytes, below: budget)
        throw BudgetExceeded(
          budgetName: budget.name, limitBytes: budget.limitBytes, usedBytes: usedBytes, requestedBytes: bytes)
      }
      level = budget.parent
    }
    notePeaks()
  }

  /// Takes `bytes`, charged before, back out of this budget and all above it.
  public func release(_ bytes: Int) {
    precondition(bytes >= 0, "a charge is not negative")
    release(bytes, below: nil)
  }

  /// Charges `bytes` for as long as the returned value lives.
  public func charged(_ bytes: Int) throws(BudgetExceeded) -> BudgetCharge {
    try BudgetCharge(self, bytes: bytes)
  }

  /// Counts `bytes` in this level only. Returns nil, or what is in use where `bytes` more would exceed the limit.
  private func refusal(of bytes: Int) -> Int? {
    var current = used.load(ordering: .relaxed)
    while true {
      let (sum, overflows) = current.addingReportingOverflow(bytes)
      if overflows || sum > limitBytes { return current }
      let (exchanged, original) = used.weakCompareExchange(
        expected: current, desired: sum, ordering: .relaxed)
      if exchanged { return nil }
      current = original
    }
  }

  private func notePeaks() {
    var level: MemoryBudget? = self
    while let budget = level {
      budget.peak.max(budget.used.load(ordering: .relaxed), ordering: .relaxed)
      level = budget.parent
    }
  }

  private func release(_ bytes: Int, below end: MemoryBudget?) {
    var level: MemoryBudget? = self
    while let budget = level, budget !== end {
      let (_, left) = budget.used.subtract(bytes, ordering: .relaxed)
      assert(left >= 0, "budget \(budget.name): more released than was charged")
      level = budget.parent
    }
  }
}

/// Memory that is charged to a budget until this value ends its life.
public struct BudgetCharge: ~Copyable, Sendable {
  private let budget: MemoryBudget?
  /// What is charged, bytes.
  public private(set) var bytes: Int

  /// Charges nothing to nobody.
  public init() {
    budget = nil
    bytes = 0
  }

  /// Charges `bytes` to `budget`; to none where it is nil.
  public init(_ budget: MemoryBudget?, bytes: Int) throws(BudgetExceeded) {
    try budget?.charge(bytes)
    self.budget = budget
    self.bytes = bytes
  }

  /// Charges `more` bytes (not negative) besides. Throws, and keeps what was charged, where they exceed a limit.
  public mutating func grow(by more: Int) throws(BudgetExceeded) {
    try budget?.charge(more)
    bytes += more
  }

  /// Gives `fewer` bytes, at most `bytes`, back.
  public mutating func shrink(by fewer: Int) {
    precondition(fewer >= 0 && fewer <= bytes, "no more can be given back than was charged")
    budget?.release(fewer)
    bytes -= fewer
  }

  deinit { budget?.release(bytes) }
}

/// A charge that a budget refused.
public struct BudgetExceeded: Error, Hashable, Sendable, CustomStringConvertible {
  /// The budget that refused: the one charged or one above it.
  public var budgetName: String
  /// Its limit, bytes.
  public var limitBytes: Int
  /// What was charged to it at that moment, bytes.
  public var usedBytes: Int
  /// What was asked for, bytes.
  public var requestedBytes: Int

  /// An error with everything said by the caller.
  public init(budgetName: String, limitBytes: Int, usedBytes: Int, requestedBytes: Int) {
    self.budgetName = budgetName
    self.limitBytes = limitBytes
    self.usedBytes = usedBytes
    self.requestedBytes = requestedBytes
  }

  public var description: String {
    "\(requestedBytes) bytes more exceed the memory limit of \(budgetName): \(usedBytes) of \(limitBytes) bytes are in use"
  }
}
