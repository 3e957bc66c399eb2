// A native histogram sample as a value: what a dump prints, an ingester appends and a test compares. Queries work on the
// columns of whole chunks instead (Storage/Chunk/HistogramColumns.swift).
//
// Buckets are absolute counts, not the deltas that chunks and the wire hold. Spans tell which buckets those are:
//
//   spans (offset -2, length 1) (offset 1, length 2)   →   buckets -2 | 0 1        offsets count from the last span's end
//
// Bucket i of schema s covers (2^((i-1)·2^-s), 2^(i·2^-s)]; with custom bounds (schema -53) it ends at customValues[i].

/// One histogram sample, of integer or floating-point counts. Equality is that of all bits, so NaNs compare as well.
public struct Histogram: Sendable {
  /// The schema number that says: bucket bounds are listed in `customValues`.
  public static let customBoundsSchema: Int32 = -53
  /// The exponential schemas that producers may use.
  public static let exponentialSchemas: ClosedRange<Int32> = -4...8
  /// The bits of the sum of a stale marker.
  public static let staleSumBits: UInt64 = 0x7FF0_0000_0000_0002

  /// Which kind of numbers the counts are.
  public enum Kind: Hashable, Sendable {
    case int, float
  }

  /// What is known about counters having started anew just before this sample.
  public enum ResetHint: UInt8, Hashable, Sendable, CustomStringConvertible {
    // The numbers are those of the two header bits in a chunk.
    case unknown = 0
    case notReset = 1
    case reset = 2
    case gauge = 3

    /// The spelling of the dump format: `unknown`, `not_reset`, `reset`, `gauge`.
    public var description: String {
      switch self {
      case .unknown: "unknown"
      case .notReset: "not_reset"
      case .reset: "reset"
      case .gauge: "gauge"
      }
    }
  }

  /// A run of neighbouring buckets.
  public struct Span: Hashable, Sendable {
    /// Buckets left out since the end of the span before; in the first span, the index of its first bucket.
    public var offset: Int32
    /// Number of buckets.
    public var length: UInt32

    /// A run of `length` buckets, `offset` after the end of the one before.
    public init(offset: Int32, length: UInt32) {
      self.offset = offset
      self.length = length
    }
  }

  /// The counts, absolute.
  public enum Counts: Sendable {
    /// Integers. Buckets are signed because chunks can hold negative ones; a valid histogram has none.
    case int(count: UInt64, zeroCount: UInt64, positive: [Int64], negative: [Int64])
    /// Floating-point numbers.
    case float(count: Double, zeroCount: Double, positive: [Double], negative: [Double])
  }

  /// -4 … 8, or `customBoundsSchema`.
  public var schema: Int32
  /// Half the width of the zero bucket.
  public var zeroThreshold: Double
  /// Sum of all observations; the stale marker's bits make the whole sample a stale marker.
  public var sum: Double
  /// See `ResetHint`.
  public var resetHint: ResetHint
  /// Which buckets of the positive side are there.
  public var positiveSpans: [Span]
  /// Which buckets of the negative side are there.
  public var negativeSpans: [Span]
  /// Upper bounds of the buckets, ascending, without +Inf; empty unless the schema is `customBoundsSchema`.
  public var customValues: [Double]
  /// See `Counts`.
  public var counts: Counts

  /// A histogram of the given parts, unchecked: `defect` tells whether they fit together.
  public init(
    schema: Int32 = 0, zeroThreshold: Double = 0, sum: Double, resetHint: ResetHint = .unknown,
    positiveSpans: [Span] = [], negativeSpans: [Span] = [], customValues: [Double] = [], counts: Counts
  ) {
    self.schema = schema
    self.zeroThreshold = zeroThreshold
    self.sum = sum
    self.resetHint = resetHint
    self.positiveSpans = positiveSpans
    self.negativeSpans = negativeSpans
    self.customValues = customValues
    self.counts = counts
  }

  /// A stale marker: no buckets, no counts, a sum of the stale bits.
  public static func stale(_ kind: Kind, resetHint: ResetHint = .unknown) -> Histogram {
    let counts: Counts =
      switch kind {
      case .int: .int(count: 0, zeroCount: 0, positive: [], negative: [])
      case .float: .float(count: 0, zeroCount: 0, positive: [], negative: [])
      }
    return Histogram(sum: Double(bitPattern: staleSumBits), resetHint: resetHint, counts: counts)
  }

  /// Whether counts are integers or floating-point numbers.
  public var kind: Kind {
    switch counts {
    case .int: .int
    case .float: .float
    }
  }

  /// Whether this is a stale marker.
  public var isStale: Bool { sum.bitPattern == Self.staleSumBits }

  /// Whether bucket bounds are listed rather than exponential.
  public var hasCustomBounds: Bool { schema == Self.customBoundsSchema }

  /// The same histogram with counts as floating-point numbers.
  public var asFloat: Histogram {
    guard case .int(let count, let zeroCount, let positive, let negative) = counts else { return self }
    var result = self
    result.counts = .float(
      count: Double(count), zeroCount: Double(zeroCount), positive: positive.map { Double($0) },
      negative: negative.map { Double($0) })
    return result
  }
}

extension Histogram.Counts: Hashable {
  public static func == (left: Self, right: Self) -> Bool {
    switch (left, right) {
    case (.int(let c, let z, let p, let n), .int(let c2, let z2, let p2, let n2)):
      c == c2 && z == z2 && p == p2 && n == n2
    case (.float(let c, let z, let p, let n), .float(let c2, let z2, let p2, let n2)):
      c.bitPattern == c2.bitPattern && z.bitPattern == z2.bitPattern && sameBits(p, p2) && sameBits(n, n2)
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .int(let count, let zeroCount, let positive, let negative):
      hasher.combine(count)
      hasher.combine(zeroCount)
      hasher.combine(positive)
      hasher.combine(negative)
    case .float(let count, let zeroCount, let positive, let negative):
      hasher.combine(count.bitPattern)
      hasher.combine(zeroCount.bitPattern)
      for value in positive { hasher.combine(value.bitPattern) }
      for value in negative { hasher.combine(value.bitPattern) }
    }
  }
}

extension Histogram: Hashable {
  public static func == (left: Self, right: Self) -> Bool {
    left.schema == right.schema && left.zeroThreshold.bitPattern == right.zeroThreshold.bitPattern
      && left.sum.bitPattern == right.sum.bitPattern && left.resetHint == right.resetHint
      && left.positiveSpans == right.positiveSpans && left.negativeSpans == right.negativeSpans
      && sameBits(left.customValues, right.customValues) && left.counts == right.counts
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(schema)
    hasher.combine(zeroThreshold.bitPattern)
    hasher.combine(sum.bitPattern)
    hasher.combine(resetHint)
    hasher.combine(positiveSpans)
    hasher.combine(negativeSpans)
    hasher.combine(counts)
  }
}

private func sameBits(_ left: [Double], _ right: [Double]) -> Bool {
  left.elementsEqual(right) { $0.bitPattern == $1.bitPattern }
}

// ---- Validation -------------------------------------------------------------------------------------------------------

extension Histogram {
  /// Why this histogram must not be ingested, in words for a person, or nil where it is sound. A stale marker is sound.
  public var defect: String? {
    if isStale { return nil }
    if hasCustomBounds {
      if let defect = customBoundsDefect { return defect }
    } else {
      if !Self.exponentialSchemas.contains(schema) { return "schema \(schema) is neither -4 … 8 nor -53" }
      if !customValues.isEmpty { return "custom bounds with exponential schema \(schema)" }
      if !(zeroThreshold >= 0) { return "zero threshold \(zeroThreshold) is not a number from 0 up" }
    }
    switch counts {
    case .int(let count, let zeroCount, let positive, let negative):
      if let defect = spansDefect(positiveSpans, buckets: positive.count, side: "positive") { return defect }
      if let defect = spansDefect(negativeSpans, buckets: negative.count, side: "negative") { return defect }
      return intCountsDefect(count: count, zeroCount: zeroCount, buckets: positive + negative)
    case .float(let count, let zeroCount, let positive, let negative):
      if let defect = spansDefect(positiveSpans, buckets: positive.count, side: "positive") { return defect }
      if let defect = spansDefect(negativeSpans, buckets: negative.count, side: "negative") { return defect }
      // Rounding forbids comparing the sum of the buckets with the count.
      if count < 0 { return "count \(count) is negative" }
      if zeroCount < 0 { return "zero bucket count \(zeroCount) is negative" }
      if let bad = (positive + negative).first(where: { $0 < 0 }) { return "bucket count \(bad) is negative" }
      return nil
    }
  }

  private var customBoundsDefect: String? {
    if !negativeSpans.isEmpty { return "negative buckets with custom bounds" }
    if zeroThreshold != 0 { return "zero threshold \(zeroThreshold) with custom bounds" }
    switch counts {
    case .int(_, let zeroCount, _, _): if zeroCount != 0 { return "zero bucket count \(zeroCount) with custom bounds" }
    case .float(_, let zeroCount, _, _):
      if zeroCount != 0 { return "zero bucket count \(zeroCount) with custom bounds" }
    }
    var previous = -Double.infinity
    for bound in customValues {
      if !bound.isFinite { return "custom bound \(bound) is not finite" }
      if bound <= previous { return "custom bound \(bound) does not ascend from \(previous)" }
      previous = bound
    }
    var end: Int64 = 0
    for span in positiveSpans { end += Int64(span.offset) + Int64(span.length) }
    if let first = positiveSpans.first, first.offset < 0 {
      return "bucket \(first.offset) before the first custom bound"
    }
    if end > Int64(customValues.count) + 1 { return "buckets up to \(end) with \(customValues.count) custom bounds" }
    return nil
  }

  private func spansDefect(_ spans: [Span], buckets: Int, side: String) -> String? {
    var total: UInt64 = 0
    for (index, span) in spans.enumerated() {
      if index > 0 && span.offset < 0 {
        return "\(side) span \(index) starts \(-Int64(span.offset)) before the end of the last"
      }
      total += UInt64(span.length)
    }
    return total == UInt64(buckets) ? nil : "\(side) spans of \(total) buckets, but \(buckets) counts"
  }

  private func intCountsDefect(count: UInt64, zeroCount: UInt64, buckets: [Int64]) -> String? {
    var total = zeroCount
    for bucket in buckets {
      guard bucket >= 0 else { return "bucket count \(bucket) is negative" }
      let (sum, overflow) = total.addingReportingOverflow(UInt64(bucket))
      if overflow { return "bucket counts beyond 64 bits" }
      total = sum
    }
    // Observations of NaN count, but lie in no bucket.
    if sum.isNaN ? total > count : total != count {
      return "buckets hold \(total) observations, but the count is \(count)"
    }
    return nil
  }
}
