// Exponential buckets of a native histogram: each power of two is cut into 2^schema parts. Bucket i reaches from
// base^(i-1), excluded, to base^i, included, with base = 2^(2^-schema). Schema 3 is a factor of 1.09 from bucket to
// bucket.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// The exponential buckets of one native histogram.
public struct NativeBuckets: Sendable, Equatable {
  /// Most buckets that are kept; when there would be more, neighbours are joined by taking a smaller schema.
  static let countMax = 100
  /// Observations up to this size, of either sign, count as zero: 2^-128, as Prometheus' clients have it.
  public static let zeroThreshold = 0x1p-128
  private static let schemaMin = -4

  /// Into how many parts a power of two is cut, as a power of two itself.
  public private(set) var schema = 3
  /// Observations around zero.
  public private(set) var zeroCount: UInt64 = 0
  /// Observations by bucket index.
  public private(set) var positive: [Int: UInt64] = [:]
  /// Negative observations by bucket index of their size.
  public private(set) var negative: [Int: UInt64] = [:]
  /// Observations that are not a number; they have a place in the count only.
  public private(set) var notANumberCount: UInt64 = 0
  /// The sum of all observations.
  public private(set) var sum = 0.0

  /// No observations.
  init() {}

  /// The number of observations.
  public var count: UInt64 {
    positive.values.reduce(zeroCount &+ notANumberCount, &+) &+ negative.values.reduce(0, &+)
  }

  mutating func observe(_ value: Double) {
    sum += value
    if value.isNaN {
      notANumberCount &+= 1
    } else if abs(value) <= Self.zeroThreshold {
      zeroCount &+= 1
    } else {
      let index = Self.index(of: abs(value), schema: schema)
      if value > 0 { positive[index, default: 0] &+= 1 } else { negative[index, default: 0] &+= 1 }
      while positive.count + negative.count > Self.countMax, schema > Self.schemaMin { halve() }
    }
  }

  /// Joins each pair of neighbours.
  private mutating func halve() {
    schema -= 1
    positive = Self.halved(positive)
    negative = Self.halved(negative)
  }

  private static func halved(_ buckets: [Int: UInt64]) -> [Int: UInt64] {
    var halved: [Int: UInt64] = [:]
    // Of (i-1, i] and (i, i+1] the upper one has an even index that both go to: round i/2 up.
    for (index, count) in buckets { halved[(index + 1) >> 1, default: 0] &+= count }
    return halved
  }

  /// The bucket of `size`, which is above zero. Infinity goes where the largest finite number's next neighbour would
  /// be.
  static func index(of size: Double, schema: Int) -> Int {
    if size.isInfinite { return index(of: Double.greatestFiniteMagnitude, schema: schema) + 1 }
    // size = fraction × 2^exponent with the fraction in [0.5, 1).
    var exponent = Int(size.exponent) + 1
    let fraction = size.significand / 2
    if schema <= 0 {
      if fraction == 0.5 { exponent -= 1 }
      // Rounded up: bucket i holds what is above base^(i-1), with base a power of two here.
      let step = -schema
      return (exponent + (1 << step) - 1) >> step
    }
    let parts = 1 << schema
    // The bound of part k within [0.5, 1) is 2^(k/parts - 1); the bucket is that of the first bound not below the
    // fraction.
    var low = 0
    var high = parts
    while low < high {
      let middle = (low + high) / 2
      if exp2(Double(middle) / Double(parts) - 1) < fraction { low = middle + 1 } else { high = middle }
    }
    return low + (exponent - 1) * parts
  }

  /// Buckets as spans of neighbours and the differences of their counts, as the protobuf form has them. Gaps of at most
  /// two empty buckets are written out.
  static func spans(_ buckets: [Int: UInt64]) -> (spans: [(offset: Int, length: Int)], deltas: [Int64]) {
    var spans: [(offset: Int, length: Int)] = []
    var deltas: [Int64] = []
    var previous: Int64 = 0
    var next = 0
    for index in buckets.keys.sorted() {
      let count = Int64(clamping: buckets[index] ?? 0)
      let gap = index - next
      if spans.isEmpty || gap > 2 {
        spans.append((spans.isEmpty ? index : gap, 0))
      } else {
        for _ in 0..<gap {
          deltas.append(-previous)
          previous = 0
          spans[spans.count - 1].length += 1
        }
      }
      deltas.append(count - previous)
      previous = count
      spans[spans.count - 1].length += 1
      next = index + 1
    }
    return (spans, deltas)
  }
}
