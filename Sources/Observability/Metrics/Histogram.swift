// Observations counted by size, in buckets with fixed bounds and, where asked for, in exponential ones.
internal import Locking
internal import Synchronization

/// Usual bounds of buckets.
public enum MetricBuckets {
  /// From 5 ms to 10 s, as Prometheus' clients have them where nothing is said.
  public static let standard: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  /// `count` bounds: `start`, and each next one `factor` times as large.
  public static func exponential(start: Double, factor: Double, count: Int) -> [Double] {
    precondition(start > 0 && factor > 1, "exponential bounds grow from above zero")
    var bounds: [Double] = []
    var bound = start
    for _ in 0..<max(0, count) {
      bounds.append(bound)
      bound *= factor
    }
    return bounds
  }
}

/// Observations counted by size.
///
/// An observation costs a search over the bounds, two atomic additions and nothing else; with native buckets also a
/// lock.
public final class Histogram: MetricChild {
  /// Upper bounds of the buckets, ascending, without infinity.
  public let upperBounds: [Double]
  private let counts: AtomicCounts
  private let sum = AtomicDouble()
  private let native: Guarded<NativeBuckets>?

  init(upperBounds: [Double], isNative: Bool) {
    self.upperBounds = upperBounds
    counts = AtomicCounts(upperBounds.count + 1)
    native = isNative ? Guarded(NativeBuckets()) : nil
  }

  /// Counts an observation.
  public func observe(_ value: Double) {
    // The first bound that is not below the value; behind the last one (and for NaN) stands the bucket up to infinity.
    var low = 0
    var high = upperBounds.count
    if value.isNaN { low = high }
    while low < high {
      let middle = (low + high) / 2
      if upperBounds[middle] < value { low = middle + 1 } else { high = middle }
    }
    counts.increment(low)
    sum.add(value)
    native?.withLock { $0.observe(value) }
  }

  /// Counts a length of time in seconds.
  public func observe(_ duration: Duration) { observe(duration.seconds) }

  /// What it stands at; count and buckets agree whatever is observed meanwhile.
  public var value: MetricValue {
    var total: UInt64 = 0
    var buckets: [HistogramValue.Bucket] = []
    buckets.reserveCapacity(upperBounds.count)
    for (index, bound) in upperBounds.enumerated() {
      total &+= counts.load(index)
      buckets.append(HistogramValue.Bucket(upperBound: bound, cumulativeCount: total))
    }
    // The count is the sum of the buckets, so that the two agree whatever is observed meanwhile.
    total &+= counts.load(upperBounds.count)
    return .histogram(
      HistogramValue(count: total, sum: sum.load(), buckets: buckets, native: native?.withLock { $0 }))
  }
}

/// Counters side by side.
@safe private struct AtomicCounts: ~Copyable, @unchecked Sendable {
  // Unchecked: the memory is written through atomics only, from init to deinit.
  private let start: UnsafeMutablePointer<Atomic<UInt64>>
  private let count: Int

  init(_ count: Int) {
    self.count = count
    unsafe start = .allocate(capacity: count)
    for index in 0..<count { unsafe (start + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe start.deinitialize(count: count)
    unsafe start.deallocate()
  }

  func increment(_ index: Int) {
    precondition(index < count)
    unsafe start[index].wrappingAdd(1, ordering: .relaxed)
  }

  func load(_ index: Int) -> UInt64 {
    precondition(index < count)
    return unsafe start[index].load(ordering: .relaxed)
  }
}

extension Duration {
  /// Its length in seconds.
  public var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
