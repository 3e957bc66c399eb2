// Samples on their way from logs and chunks to a series: first of many series in the order of the log, then of one in order of time.
internal import CTSDB
internal import TSModel

/// Where a sample comes from. Of several at one time the first of these counts.
enum SampleOrigin: UInt8, Comparable {
  case chunk, snapshot, log, outOfOrderChunk, outOfOrderLog

  static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  var isOutOfOrder: Bool { self >= .outOfOrderChunk }
}

/// A sample; `histogram` is an index, or -1 for a float.
struct RecoveredSample {
  var timestampMs: Int64
  var startTimestampMs: Int64
  var value: Double
  var histogram: Int32
  var origin: SampleOrigin
}

/// Samples of many series in the order in which they came.
struct RecoveredSamples {
  /// What a float takes.
  static let floatBytes = 40

  /// Whether nothing is kept that is appended.
  var isClosed = false
  private(set) var histograms: [Histogram] = []
  private var histogramBytes = 0
  private var series: [UInt32] = []
  private var samples: [RecoveredSample] = []
  private var order: [UInt32] = []

  init() {}

  var memoryBytes: Int { samples.count * Self.floatBytes + histogramBytes }

  mutating func removeAll() {
    series.removeAll(keepingCapacity: true)
    samples.removeAll(keepingCapacity: true)
    histograms.removeAll(keepingCapacity: true)
    order = []
    histogramBytes = 0
  }

  mutating func append(
    series number: Int, origin: SampleOrigin, timestampMs: Int64, startTimestampMs: Int64, value: Double
  ) {
    guard !isClosed else { return }
    series.append(UInt32(truncatingIfNeeded: number))
    samples.append(
      RecoveredSample(
        timestampMs: timestampMs, startTimestampMs: startTimestampMs, value: value, histogram: -1, origin: origin))
  }

  mutating func append(
    series number: Int, origin: SampleOrigin, timestampMs: Int64, startTimestampMs: Int64, _ histogram: Histogram
  ) {
    guard !isClosed else { return }
    series.append(UInt32(truncatingIfNeeded: number))
    samples.append(
      RecoveredSample(
        timestampMs: timestampMs, startTimestampMs: startTimestampMs, value: 0,
        histogram: Int32(truncatingIfNeeded: histograms.count), origin: origin))
    histograms.append(histogram)
    histogramBytes += 300 + 8 * histogram.bucketCount
  }

  /// Sorts the samples by series, those of each in the order in which they came. Returns where each of these series' samples are.
  mutating func groups(_ numbers: Range<Int>) -> [Range<Int>] {
    var ends = [Int](repeating: 0, count: numbers.count + 1)
    for number in series where numbers.contains(Int(number)) { ends[Int(number) - numbers.lowerBound + 1] += 1 }
    for index in 0..<numbers.count { ends[index + 1] += ends[index] }
    let ranges = (0..<numbers.count).map { ends[$0]..<ends[$0 + 1] }
    order = [UInt32](repeating: 0, count: ends[numbers.count])
    for (index, number) in series.enumerated() where numbers.contains(Int(number)) {
      order[ends[Int(number) - numbers.lowerBound]] = UInt32(truncatingIfNeeded: index)
      ends[Int(number) - numbers.lowerBound] += 1
    }
    return ranges
  }

  func forEach(in group: Range<Int>, _ body: (RecoveredSample) -> Void) {
    for index in group { body(samples[Int(order[index])]) }
  }
}

/// The samples of one series, from all its sources.
struct SeriesTimeline {
  private var samples: [RecoveredSample] = []
  // Histograms out of chunks; those out of logs are elsewhere, and have indices from 0 up. These have indices from -2 down.
  private var chunkHistograms: [Histogram] = []
  private var lastLogTimeMs: Int64?

  init() {}

  var isEmpty: Bool { samples.isEmpty }

  /// Appends a sample of a log. In a write-ahead log those that are not later than the one before were refused, and are not in the head.
  mutating func append(_ sample: RecoveredSample) {
    if sample.origin == .log {
      if let last = lastLogTimeMs, sample.timestampMs <= last { return }
      lastLogTimeMs = sample.timestampMs
    }
    samples.append(sample)
  }

  /// Appends the samples of a chunk. Returns whether they can be decoded.
  mutating func append(
    _ bytes: RawSpan, _ encoding: ChunkEncoding, origin: SampleOrigin, _ floats: inout FloatColumns,
    _ histograms: inout HistogramColumns
  ) -> Bool {
    do throws(StorageError) {
      if encoding.isFloat {
        floats.removeAll()
        try floats.append(decoding: bytes, encoding: encoding)
        for index in 0..<floats.count {
          samples.append(
            RecoveredSample(
              timestampMs: floats.timestampsMs[index], startTimestampMs: floats.startTimestampsMs[index],
              value: floats.values[index], histogram: -1, origin: origin))
        }
      } else {
        try histograms.decode(bytes, encoding: encoding)
        for index in 0..<histograms.count {
          chunkHistograms.append(histograms.histogram(at: index))
          samples.append(
            RecoveredSample(
              timestampMs: histograms.timestampsMs[index], startTimestampMs: histograms.startTimestampsMs[index],
              value: 0, histogram: Int32(truncatingIfNeeded: -1 - chunkHistograms.count), origin: origin))
        }
      }
      return true
    } catch {
      return false
    }
  }

  /// Puts the samples in order of time, each time once, without those that were deleted.
  mutating func settle(into series: inout RecoveredSeries, deleted: [TimeRange], _ logHistograms: [Histogram]) {
    let isSorted = zip(samples, samples.dropFirst()).allSatisfy { $0.timestampMs < $1.timestampMs }
    if !isSorted {
      let places = samples.indices.sorted {
        let (a, b) = (samples[$0], samples[$1])
        if a.timestampMs != b.timestampMs { return a.timestampMs < b.timestampMs }
        return a.origin != b.origin ? a.origin < b.origin : $0 < $1
      }
      samples = places.map { samples[$0] }
    }
    var last: Int64?
    var lastKind: Histogram.Kind?
    for sample in samples where sample.timestampMs != last {
      last = sample.timestampMs
      if sample.histogram == -1 {
        // A series of histograms becomes stale as a histogram.
        if sample.value.bitPattern == Histogram.staleSumBits, let lastKind, !sample.origin.isOutOfOrder {
          append(sample, .stale(lastKind), to: &series, deleted)
          continue
        }
        if !sample.origin.isOutOfOrder { lastKind = nil }
        append(sample, nil, to: &series, deleted)
      } else {
        let histogram =
          sample.histogram >= 0
          ? logHistograms[Int(sample.histogram)] : chunkHistograms[-2 - Int(sample.histogram)]
        if !sample.origin.isOutOfOrder { lastKind = histogram.kind }
        append(sample, histogram, to: &series, deleted)
      }
    }
  }

  private func append(
    _ sample: RecoveredSample, _ histogram: Histogram?, to series: inout RecoveredSeries, _ deleted: [TimeRange]
  ) {
    if deleted.contains(where: { $0.contains(sample.timestampMs) }) { return }
    series.timestampsMs.append(sample.timestampMs)
    series.startTimestampsMs.append(sample.startTimestampMs)
    series.values.append(sample.value)
    guard let histogram else {
      series.histogramIndices.append(-1)
      return
    }
    series.histogramIndices.append(Int32(truncatingIfNeeded: series.histograms.count))
    series.histograms.append(histogram)
  }
}

extension Histogram {
  /// Buckets of both sides.
  fileprivate var bucketCount: Int {
    switch counts {
    case .int(_, _, let positive, let negative): positive.count + negative.count
    case .float(_, _, let positive, let negative): positive.count + negative.count
    }
  }

  /// The histogram in a schema that this program knows: schemas of 9 to 52 have been reduced to 8. Nil for all others.
  var withKnownSchema: Histogram? {
    if hasCustomBounds || Int32(TSDB_HISTOGRAM_SCHEMA_MIN)...Int32(TSDB_HISTOGRAM_SCHEMA_MAX) ~= schema { return self }
    guard Int32(TSDB_HISTOGRAM_SCHEMA_MAX)...Int32(TSDB_HISTOGRAM_SCHEMA_STORED_MAX) ~= schema else { return nil }
    return reduced(toSchema: Int32(TSDB_HISTOGRAM_SCHEMA_MAX))
  }

  /// The histogram at a coarser schema, or itself where its own is no finer (custom bounds are not reduced).
  func reduced(toSchema coarser: Int32) -> Histogram {
    guard !hasCustomBounds, coarser < schema else { return self }
    let steps = Int(schema) - Int(coarser)
    var reduced = self
    reduced.schema = coarser
    switch counts {
    case .int(let count, let zeroCount, let positive, let negative):
      let (above, aboveSpans) = Self.reduce(positive, positiveSpans, steps, &+)
      let (below, belowSpans) = Self.reduce(negative, negativeSpans, steps, &+)
      reduced.counts = .int(count: count, zeroCount: zeroCount, positive: above, negative: below)
      (reduced.positiveSpans, reduced.negativeSpans) = (aboveSpans, belowSpans)
    case .float(let count, let zeroCount, let positive, let negative):
      let (above, aboveSpans) = Self.reduce(positive, positiveSpans, steps, +)
      let (below, belowSpans) = Self.reduce(negative, negativeSpans, steps, +)
      reduced.counts = .float(count: count, zeroCount: zeroCount, positive: above, negative: below)
      (reduced.positiveSpans, reduced.negativeSpans) = (aboveSpans, belowSpans)
    }
    return reduced
  }

  /// Buckets of a schema by `steps` lower: each is the sum of up to 2^steps.
  private static func reduce<Number>(
    _ buckets: [Number], _ spans: [Span], _ steps: Int, _ add: (Number, Number) -> Number
  ) -> ([Number], [Span]) {
    var (sums, reduced): ([Number], [Span]) = ([], [])
    var (index, taken): (Int, Int) = (0, 0)
    var last: Int?
    for span in spans {
      index += Int(span.offset)
      for _ in 0..<min(Int(span.length), buckets.count - taken) {
        let target = ((index - 1) >> steps) + 1
        if let previous = last, previous == target {
          sums[sums.count - 1] = add(sums[sums.count - 1], buckets[taken])
        } else {
          if let previous = last, previous + 1 == target {
            reduced[reduced.count - 1].length += 1
          } else {
            let distance = last.map { target - $0 - 1 } ?? target
            reduced.append(Span(offset: Int32(clamping: distance), length: 1))
          }
          sums.append(buckets[taken])
          last = target
        }
        index += 1
        taken += 1
      }
    }
    return (sums, reduced)
  }
}
