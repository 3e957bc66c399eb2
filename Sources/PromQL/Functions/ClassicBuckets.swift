// The buckets of a classic histogram at one time, and what can be estimated from them.

/// Cumulative counts by ascending upper bounds.
struct ClassicBuckets {
  /// How counts that fell had to be raised.
  struct Forced {
    var minBound = Double.infinity
    var maxBound = -Double.infinity
    var maxDifference = 0.0
  }

  private var bounds: [Double] = []
  private var counts: [Double] = []

  /// Relative differences of counts below this come from rounding.
  private static let tolerance = 1e-12

  var isEmpty: Bool { bounds.isEmpty }

  mutating func removeAll() {
    bounds.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
  }

  /// Adds a bucket behind the others. Counts of equal bounds are summed up.
  mutating func append(bound: Double, count: Double) {
    if let last = bounds.last, last == bound {
      counts[counts.count - 1] += count
    } else {
      bounds.append(bound)
      counts.append(count)
    }
  }

  private var endsInInfinity: Bool { bounds.last == .infinity }

  /// Makes counts that fall, or rise by no more than rounding, equal to the one before.
  private mutating func makeMonotonic() -> Forced? {
    var forced: Forced?
    var previous = counts[0]
    for index in counts.indices.dropFirst() {
      let count = counts[index]
      if count == previous { continue }
      if isAlmostEqual(previous, count) {
        counts[index] = previous
      } else if count < previous {
        counts[index] = previous
        var known = forced ?? Forced()
        known.minBound = min(known.minBound, bounds[index])
        known.maxBound = max(known.maxBound, bounds[index])
        known.maxDifference = max(known.maxDifference, previous - count)
        forced = known
      } else {
        // Also where either is NaN.
        previous = count
      }
    }
    return forced
  }

  private func isAlmostEqual(_ a: Double, _ b: Double) -> Bool {
    if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
    let (sum, difference) = (a.magnitude + b.magnitude, (a - b).magnitude)
    if a == 0 || b == 0 || sum < Double.leastNormalMagnitude {
      return difference < Self.tolerance * Double.leastNormalMagnitude
    }
    return difference / min(sum, Double.greatestFiniteMagnitude) < Self.tolerance
  }

  /// The quantile, linear inside a bucket. The counts are made monotonic for it.
  mutating func quantile(_ quantile: Double) -> (value: Double, forced: Forced?) {
    if quantile.isNaN { return (.nan, nil) }
    if quantile < 0 { return (-.infinity, nil) }
    if quantile > 1 { return (.infinity, nil) }
    guard endsInInfinity else { return (.nan, nil) }
    let forced = makeMonotonic()
    let last = bounds.count - 1
    guard last > 0, counts[last] != 0 else { return (.nan, forced) }
    let rank = quantile * counts[last]
    var (low, high) = (0, last)
    while low < high {
      let middle = (low + high) / 2
      if counts[middle] >= rank { high = middle } else { low = middle + 1 }
    }
    if low == last { return (bounds[last - 1], forced) }
    if low == 0 {
      return (bounds[0] <= 0 ? bounds[0] : bounds[0] * (rank / counts[0]), forced)
    }
    let share = (rank - counts[low - 1]) / (counts[low] - counts[low - 1])
    return (bounds[low - 1] + (bounds[low] - bounds[low - 1]) * share, forced)
  }

  /// The share of observations in (lower, upper], linear inside a bucket.
  func fraction(from lower: Double, to upper: Double) -> Double {
    guard endsInInfinity, let all = counts.last, all != 0, !lower.isNaN, !upper.isNaN else { return .nan }
    if lower >= upper { return 0 }
    return (rank(of: upper, all) - rank(of: lower, all)) / all
  }

  /// How many observations lie below `value`.
  private func rank(of value: Double, _ all: Double) -> Double {
    var (before, start) = (0.0, bounds[0] <= 0 ? -Double.infinity : 0)
    for (bound, count) in zip(bounds, counts) {
      if start >= value { return min(before, all) }
      if bound > value {
        // A bucket without a lower end tells nothing of what is in it.
        let inside = start == -.infinity ? count : before + (count - before) * (value - start) / (bound - start)
        return inside > all ? all : inside
      }
      (before, start) = (count, bound)
    }
    return all
  }
}
