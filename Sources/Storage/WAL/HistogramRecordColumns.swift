// The histograms of one record of a log, as the C core's columns.
internal import CTSDB
internal import TSModel

/// Columns of histograms; see tsdb_wal_histograms.
struct HistogramRecordColumns: Sendable {
  private var resetHints: [UInt8] = []
  private var schemas: [Int32] = []
  private var zeroThresholds: [Double] = []
  private var sums: [Double] = []
  private var zeroCounts: [UInt64] = []
  private var counts: [UInt64] = []
  private var layouts = Layouts()

  init() {}

  /// Decodes a record into the columns and those of series and times, which have room.
  mutating func read(
    _ bytes: [UInt8], _ capacity: inout tsdb_wal_counts, _ refs: inout [UInt64], _ times: inout [Int64],
    _ starts: inout [Int64]
  ) -> tsdb_status {
    let entries = capacity.entries
    extend(&resetHints, to: entries, 0)
    extend(&schemas, to: entries, 0)
    extend(&zeroThresholds, to: entries, 0)
    extend(&sums, to: entries, 0)
    extend(&zeroCounts, to: entries, 0)
    extend(&counts, to: entries, 0)
    layouts.extend(to: capacity)
    return unsafe withColumns(&refs, &times, &starts) { columns in
      unsafe tsdb_wal_histograms_read(bytes, bytes.count, &capacity, columns, nil)
    }
  }

  /// Appends an entry: what is to be written.
  mutating func append(_ histogram: Histogram) {
    resetHints.append(histogram.resetHint.inRecord)
    schemas.append(histogram.schema)
    zeroThresholds.append(histogram.zeroThreshold)
    sums.append(histogram.sum)
    layouts.spans += histogram.positiveSpans.map { tsdb_histogram_span(offset: $0.offset, length: $0.length) }
    layouts.positiveSpanEnds.append(UInt32(truncatingIfNeeded: layouts.spans.count))
    layouts.spans += histogram.negativeSpans.map { tsdb_histogram_span(offset: $0.offset, length: $0.length) }
    layouts.negativeSpanEnds.append(UInt32(truncatingIfNeeded: layouts.spans.count))
    switch histogram.counts {
    case .int(let count, let zeroCount, let positive, let negative):
      counts.append(count)
      zeroCounts.append(zeroCount)
      layouts.buckets += positive.map { UInt64(bitPattern: $0) }
      layouts.positiveBucketEnds.append(UInt32(truncatingIfNeeded: layouts.buckets.count))
      layouts.buckets += negative.map { UInt64(bitPattern: $0) }
    case .float(let count, let zeroCount, let positive, let negative):
      counts.append(count.bitPattern)
      zeroCounts.append(zeroCount.bitPattern)
      layouts.buckets += positive.map(\.bitPattern)
      layouts.positiveBucketEnds.append(UInt32(truncatingIfNeeded: layouts.buckets.count))
      layouts.buckets += negative.map(\.bitPattern)
    }
    layouts.negativeBucketEnds.append(UInt32(truncatingIfNeeded: layouts.buckets.count))
    layouts.bounds += histogram.customValues
    layouts.boundEnds.append(UInt32(truncatingIfNeeded: layouts.bounds.count))
  }

  /// What was appended, in elements.
  var totals: tsdb_wal_counts {
    tsdb_wal_counts(
      entries: schemas.count, labels: 0, spans: layouts.spans.count, buckets: layouts.buckets.count,
      bounds: layouts.bounds.count)
  }

  /// Writes what was appended as a record of `type`: empty where none is of that type.
  mutating func encoded(
    _ type: WALRecordType, _ refs: inout [UInt64], _ times: inout [Int64], _ starts: inout [Int64],
    base: tsdb_wal_base?
  ) -> [UInt8] {
    var totals = totals
    let capacity = unsafe tsdb_wal_record_size_bound(&totals, 0)
    return unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, size in
      let status = unsafe withColumns(&refs, &times, &starts) { columns in
        guard var base else {
          return unsafe tsdb_wal_histograms_write(
            type.rawValue, columns, totals.entries, nil, target.baseAddress, target.count, &size)
        }
        return unsafe tsdb_wal_histograms_write(
          type.rawValue, columns, totals.entries, &base, target.baseAddress, target.count, &size)
      }
      assert(status == TSDB_OK, "the bound is enough for any entries")
    }
  }

  /// The numbers of the first entry that was appended, as a chunk snapshot keeps a series' last histogram; empty where there is none.
  mutating func body(isFloat: Bool) -> [UInt8] {
    var totals = totals
    guard totals.entries > 0 else { return [] }
    var (refs, times, starts): ([UInt64], [Int64], [Int64]) = ([0], [0], [0])
    let capacity = unsafe tsdb_wal_record_size_bound(&totals, 0)
    return unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, size in
      let status = unsafe withColumns(&refs, &times, &starts) { columns in
        unsafe tsdb_wal_histogram_body_write(columns, 0, isFloat, target.baseAddress, target.count, &size)
      }
      assert(status == TSDB_OK, "the bound is enough for any entries")
    }
  }

  /// Calls `body` with the columns' addresses, valid during the call.
  private mutating func withColumns(
    _ refs: inout [UInt64], _ times: inout [Int64], _ starts: inout [Int64],
    _ body: (UnsafePointer<tsdb_wal_histograms>) -> tsdb_status
  ) -> tsdb_status {
    // The arrays' storage stays where it is: each is borrowed until the end of this call.
    unsafe refs.withUnsafeMutableBufferPointer { refs in
      unsafe times.withUnsafeMutableBufferPointer { times in
        unsafe starts.withUnsafeMutableBufferPointer { starts in
          var columns = unsafe tsdb_wal_histograms()
          unsafe columns.series_refs = refs.baseAddress
          unsafe columns.timestamps_ms = times.baseAddress
          unsafe columns.start_timestamps_ms = starts.baseAddress
          return unsafe withNumbers(&columns, body)
        }
      }
    }
  }

  private mutating func withNumbers(
    _ columns: inout tsdb_wal_histograms, _ body: (UnsafePointer<tsdb_wal_histograms>) -> tsdb_status
  ) -> tsdb_status {
    unsafe resetHints.withUnsafeMutableBufferPointer { resetHints in
      unsafe schemas.withUnsafeMutableBufferPointer { schemas in
        unsafe zeroThresholds.withUnsafeMutableBufferPointer { zeroThresholds in
          unsafe sums.withUnsafeMutableBufferPointer { sums in
            unsafe zeroCounts.withUnsafeMutableBufferPointer { zeroCounts in
              unsafe counts.withUnsafeMutableBufferPointer { counts in
                unsafe columns.reset_hints = resetHints.baseAddress
                unsafe columns.schemas = schemas.baseAddress
                unsafe columns.zero_thresholds = zeroThresholds.baseAddress
                unsafe columns.sums = sums.baseAddress
                unsafe columns.zero_counts = zeroCounts.baseAddress
                unsafe columns.counts = counts.baseAddress
                return unsafe layouts.withColumns(&columns, body)
              }
            }
          }
        }
      }
    }
  }

  /// Entry `index`.
  func histogram(at index: Int, isFloat: Bool) -> Histogram {
    func begin(_ ends: [UInt32]) -> Int { index == 0 ? 0 : Int(ends[index - 1]) }
    func spans(_ range: Range<Int>) -> [Histogram.Span] {
      layouts.spans[range].map { Histogram.Span(offset: $0.offset, length: $0.length) }
    }
    let spanMiddle = Int(layouts.positiveSpanEnds[index])
    let bucketMiddle = Int(layouts.positiveBucketEnds[index])
    let positive = layouts.buckets[begin(layouts.negativeBucketEnds)..<bucketMiddle]
    let negative = layouts.buckets[bucketMiddle..<Int(layouts.negativeBucketEnds[index])]
    let counts: Histogram.Counts =
      isFloat
      ? .float(
        count: Double(bitPattern: self.counts[index]), zeroCount: Double(bitPattern: zeroCounts[index]),
        positive: positive.map { Double(bitPattern: $0) }, negative: negative.map { Double(bitPattern: $0) })
      : .int(
        count: self.counts[index], zeroCount: zeroCounts[index], positive: positive.map { Int64(bitPattern: $0) },
        negative: negative.map { Int64(bitPattern: $0) })
    return Histogram(
      schema: schemas[index], zeroThreshold: zeroThresholds[index], sum: sums[index],
      resetHint: Histogram.ResetHint(inRecord: resetHints[index]),
      positiveSpans: spans(begin(layouts.negativeSpanEnds)..<spanMiddle),
      negativeSpans: spans(spanMiddle..<Int(layouts.negativeSpanEnds[index])),
      customValues: Array(layouts.bounds[begin(layouts.boundEnds)..<Int(layouts.boundEnds[index])]), counts: counts)
  }
}

/// Which buckets the histograms of a record have, and what is in them.
private struct Layouts: Sendable {
  var positiveSpanEnds: [UInt32] = []
  var negativeSpanEnds: [UInt32] = []
  var positiveBucketEnds: [UInt32] = []
  var negativeBucketEnds: [UInt32] = []
  var boundEnds: [UInt32] = []
  var spans: [tsdb_histogram_span] = []
  var buckets: [UInt64] = []
  var bounds: [Double] = []

  /// Makes room for a record.
  mutating func extend(to capacity: tsdb_wal_counts) {
    Storage.extend(&positiveSpanEnds, to: capacity.entries, 0)
    Storage.extend(&negativeSpanEnds, to: capacity.entries, 0)
    Storage.extend(&positiveBucketEnds, to: capacity.entries, 0)
    Storage.extend(&negativeBucketEnds, to: capacity.entries, 0)
    Storage.extend(&boundEnds, to: capacity.entries, 0)
    Storage.extend(&spans, to: capacity.spans, tsdb_histogram_span())
    Storage.extend(&buckets, to: capacity.buckets, 0)
    Storage.extend(&bounds, to: capacity.bounds, 0)
  }

  /// Puts the columns' addresses in, and calls `body`, during which they are valid.
  mutating func withColumns(
    _ columns: inout tsdb_wal_histograms, _ body: (UnsafePointer<tsdb_wal_histograms>) -> tsdb_status
  ) -> tsdb_status {
    unsafe positiveSpanEnds.withUnsafeMutableBufferPointer { positiveSpanEnds in
      unsafe negativeSpanEnds.withUnsafeMutableBufferPointer { negativeSpanEnds in
        unsafe positiveBucketEnds.withUnsafeMutableBufferPointer { positiveBucketEnds in
          unsafe negativeBucketEnds.withUnsafeMutableBufferPointer { negativeBucketEnds in
            unsafe boundEnds.withUnsafeMutableBufferPointer { boundEnds in
              unsafe spans.withUnsafeMutableBufferPointer { spans in
                unsafe buckets.withUnsafeMutableBufferPointer { buckets in
                  unsafe bounds.withUnsafeMutableBufferPointer { bounds in
                    unsafe columns.positive_span_ends = positiveSpanEnds.baseAddress
                    unsafe columns.negative_span_ends = negativeSpanEnds.baseAddress
                    unsafe columns.positive_bucket_ends = positiveBucketEnds.baseAddress
                    unsafe columns.negative_bucket_ends = negativeBucketEnds.baseAddress
                    unsafe columns.bound_ends = boundEnds.baseAddress
                    unsafe columns.spans = spans.baseAddress
                    unsafe columns.buckets = buckets.baseAddress
                    unsafe columns.bounds = bounds.baseAddress
                    return unsafe body(&columns)
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

extension Histogram.ResetHint {
  /// Records number the hints otherwise than chunks do.
  init(inRecord number: UInt8) {
    switch number {
    case 1: self = .reset
    case 2: self = .notReset
    case 3: self = .gauge
    default: self = .unknown
    }
  }

  var inRecord: UInt8 {
    switch self {
    case .unknown: 0
    case .reset: 1
    case .notReset: 2
    case .gauge: 3
    }
  }
}
