// Numbers that rise, and numbers that rise and fall: one atomic each.
internal import Synchronization

/// A number that only rises, from zero at the start of the process.
public final class Counter: MetricChild {
  // Whole steps, which are nearly all, cost one atomic addition; others go to a sum of their own.
  private let whole = Atomic<UInt64>(0)
  private let fractions = AtomicDouble()

  init() {}

  /// Adds `count`, which is not negative.
  public func add(_ count: Int = 1) {
    precondition(count >= 0, "a counter never falls")
    whole.wrappingAdd(UInt64(count), ordering: .relaxed)
  }

  /// Adds `amount`, which is not negative.
  public func add(_ amount: Double) {
    precondition(amount >= 0, "a counter never falls")
    fractions.add(amount)
  }

  /// What it stands at.
  public var total: Double { Double(whole.load(ordering: .relaxed)) + fractions.load() }

  /// What it stands at.
  public var value: MetricValue { .number(total) }
}

/// A number that rises and falls.
public final class Gauge: MetricChild {
  private let number = AtomicDouble()

  init() {}

  /// Sets it.
  public func set(_ value: Double) { number.store(value) }

  /// Sets it.
  public func set(_ value: Int) { number.store(Double(value)) }

  /// Adds `amount`.
  public func add(_ amount: Double) { number.add(amount) }

  /// Adds `count`, one where nothing is said.
  public func add(_ count: Int = 1) { number.add(Double(count)) }

  /// Takes `count` away, one where nothing is said.
  public func subtract(_ count: Int = 1) { number.add(-Double(count)) }

  /// Sets it to the seconds since the Unix epoch, now.
  public func setToCurrentTime() { number.store(Double(WallClock.nowNs) / 1e9) }

  /// What it stands at.
  public var current: Double { number.load() }

  /// What it stands at.
  public var value: MetricValue { .number(current) }
}

/// A floating-point number that several threads may change.
struct AtomicDouble: ~Copyable, Sendable {
  private let bits = Atomic<UInt64>(0)

  func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }
}
