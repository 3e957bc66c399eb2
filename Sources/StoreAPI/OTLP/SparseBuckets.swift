// Dense buckets of OpenTelemetry's histograms as spans and counts.
internal import TSModel

/// Buckets as native histograms have them: gaps of more than two empty buckets are left out.
struct SparseBuckets {
  private(set) var spans: [Histogram.Span] = []
  /// Absolute counts.
  private(set) var counts: [Int64] = []

  /// No buckets.
  init() {}

  /// Buckets of an exponential histogram, of which each 2^`down` become one. OpenTelemetry's bucket i is Prometheus' bucket i + 1.
  init(_ dense: [UInt64], offset: Int32, down: Int32) {
    self.init(dense[...], firstOffset: (offset >> down) &+ 1) { (Int32(truncatingIfNeeded: $0) &+ offset) >> down }
  }

  /// Buckets of a histogram with bounds, the first of which has the index `offset`.
  init(custom dense: ArraySlice<UInt64>, offset: Int32) {
    self.init(dense, firstOffset: offset) { Int32(truncatingIfNeeded: $0) &+ offset }
  }

  /// `index` tells where the bucket of a place in `dense` goes.
  private init(_ dense: ArraySlice<UInt64>, firstOffset: Int32, _ index: (Int) -> Int32) {
    guard !dense.isEmpty else { return }
    spans = [Histogram.Span(offset: firstOffset, length: 0)]
    // The bucket that is being filled, and where the last one that was appended lies before it.
    var (count, last) = (Int64(0), index(0))
    for (place, added) in dense.enumerated() {
      let next = index(place)
      if next == last {
        count &+= Int64(bitPattern: added)
      } else if count == 0 {
        // An empty bucket is left out for now: the gap counts from the last one that was appended.
        count = Int64(bitPattern: added)
      } else {
        append(count, gap: next &- last &- 1)
        (count, last) = (Int64(bitPattern: added), next)
      }
    }
    append(count, gap: index(dense.count - 1) &- last)
  }

  /// Appends a bucket behind `gap` empty ones.
  private mutating func append(_ count: Int64, gap: Int32) {
    if gap > 2 {
      spans.append(Histogram.Span(offset: gap, length: 0))
    } else if gap > 0 {
      for _ in 0..<gap { append(count: 0) }
    }
    append(count: count)
  }

  private mutating func append(count: Int64) {
    spans[spans.count - 1].length += 1
    counts.append(count)
  }
}
