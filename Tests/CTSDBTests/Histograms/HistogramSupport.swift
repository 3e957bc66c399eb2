// The core's histogram calls with Swift's arrays, each buffer of exactly the size that the call was promised.
import CTSDB
import TestSupport

let stale = Double(bitPattern: 0x7FF0_0000_0000_0002)

/// One sample to append. Buckets as integers; float chunks get them divided by `scale`.
struct Sample {
  var timestampMs: Int64 = 1_748_736_000_000
  var startTimestampMs: Int64 = 0
  var schema: Int32 = 0
  var hint: UInt8 = 0
  var zeroThreshold = 0.001
  var sum = 0.0
  var count: UInt64 = 0
  var zeroCount: UInt64 = 0
  var positiveSpans: [tsdb_histogram_span] = []
  var negativeSpans: [tsdb_histogram_span] = []
  var buckets: [Int64] = []
  var bounds: [Double] = []
  var scale = 1.0
}

func span(_ offset: Int32, _ length: UInt32) -> tsdb_histogram_span {
  tsdb_histogram_span(offset: offset, length: length)
}

/// What the counting allocator knows: bytes that are out, and the allocation that shall fail.
final class Memory {
  var live = 0
  var allocations = 0
  var failing: Int?
}

/// An appender of the core.
final class Appender {
  let memory = Memory()
  let encoding: UInt8
  let pointer: OpaquePointer

  init(_ encoding: UInt8) throws {
    self.encoding = encoding
    var allocator = tsdb_allocator(
      context: Unmanaged.passUnretained(memory).toOpaque(),
      allocate: { context, size in
        let memory = Unmanaged<Memory>.fromOpaque(context!).takeUnretainedValue()
        memory.allocations += 1
        if memory.failing == memory.allocations - 1 { return nil }
        memory.live += size
        return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
      },
      release: { context, pointer, size in
        Unmanaged<Memory>.fromOpaque(context!).takeUnretainedValue().live -= size
        pointer?.deallocate()
      })
    var created: OpaquePointer?
    let status = tsdb_histogram_appender_create(&allocator, encoding, &created)
    guard status == TSDB_OK, let created else { throw TestSupportError("create: \(status)") }
    pointer = created
  }

  deinit { tsdb_histogram_appender_destroy(pointer) }

  var isFloat: Bool { encoding == 3 || encoding == 6 }

  var bytes: [UInt8] {
    var size = 0
    let bytes = tsdb_histogram_appender_bytes(pointer, &size)
    return Array(UnsafeBufferPointer(start: bytes, count: size))
  }

  func with<Result>(_ sample: Sample, _ body: (UnsafePointer<tsdb_histogram_sample>) -> Result) -> Result {
    let doubles = sample.buckets.map { Double($0) / sample.scale }
    return sample.positiveSpans.withUnsafeBufferPointer { positive in
      sample.negativeSpans.withUnsafeBufferPointer { negative in
        sample.buckets.withUnsafeBufferPointer { ints in
          doubles.withUnsafeBufferPointer { doubles in
            sample.bounds.withUnsafeBufferPointer { bounds in
              var raw = tsdb_histogram_sample(
                timestamp_ms: sample.timestampMs, start_timestamp_ms: sample.startTimestampMs, schema: sample.schema,
                reset_hint: sample.hint, zero_threshold: sample.zeroThreshold, sum: sample.sum, count: sample.count,
                zero_count: sample.zeroCount, count_double: Double(sample.count) / sample.scale,
                zero_count_double: Double(sample.zeroCount) / sample.scale, positive_spans: positive.baseAddress,
                negative_spans: negative.baseAddress, positive_span_count: UInt32(positive.count),
                negative_span_count: UInt32(negative.count), int_buckets: isFloat ? nil : ints.baseAddress,
                buckets: isFloat ? doubles.baseAddress : nil, bucket_count: ints.count,
                custom_bounds: bounds.baseAddress,
                custom_bound_count: UInt32(bounds.count))
              return body(&raw)
            }
          }
        }
      }
    }
  }

  func append(_ sample: Sample) -> (status: tsdb_status, result: tsdb_histogram_append_result) {
    var result = tsdb_histogram_append_result()
    let status = with(sample) { tsdb_histogram_appender_append(pointer, $0, &result) }
    return (status, result)
  }
}

/// A chunk as the core decodes it.
struct Decoded {
  var layout = tsdb_histogram_layout()
  var positiveSpans: [tsdb_histogram_span] = []
  var negativeSpans: [tsdb_histogram_span] = []
  var bounds: [Double] = []
  var samples: [ReferenceSample] = []
}

struct HistogramStatusError: Error, Equatable { let status: tsdb_status }

/// Decodes a chunk whole: integer chunks exactly, float chunks as doubles. All buffers are of exact size.
func decode(_ bytes: [UInt8], encoding: UInt8, asDoubles: Bool = false, batch: Int? = nil) throws -> Decoded {
  let src = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
  defer { src.deallocate() }
  src.initialize(from: bytes, count: bytes.count)
  var decoded = Decoded()
  func check(_ status: tsdb_status) throws { if status != TSDB_OK { throw HistogramStatusError(status: status) } }
  try check(tsdb_histogram_layout_read(encoding, src, bytes.count, &decoded.layout))
  var layout = decoded.layout
  decoded.positiveSpans = .init(repeating: span(0, 0), count: Int(layout.positive_span_count))
  decoded.negativeSpans = .init(repeating: span(0, 0), count: Int(layout.negative_span_count))
  decoded.bounds = .init(repeating: 0, count: Int(layout.custom_bound_count))
  try check(
    tsdb_histogram_layout_arrays(
      &layout, src, bytes.count, &decoded.positiveSpans, &decoded.negativeSpans, &decoded.bounds))
  let rowSize = tsdb_histogram_row_bound(&layout)
  let capacity = batch ?? Int(layout.sample_count)
  let rows = batch ?? tsdb_histogram_rows_bound(&layout, bytes.count)
  let words = tsdb_histogram_scratch_bound(&layout)
  var scratch = [UInt64](repeating: 0xAAAA, count: words)
  var cursor = tsdb_histogram_cursor()
  let isInteger = !layout.is_float && !asDoubles
  while decoded.samples.count < Int(layout.sample_count) {
    var times = [Int64](repeating: 0, count: capacity)
    var starts = times
    var sums = [Double](repeating: 0, count: capacity)
    var counts = sums
    var zeroCounts = sums
    var intCounts = [UInt64](repeating: 0, count: capacity)
    var intZeroCounts = intCounts
    var intBuckets = [Int64](repeating: 0, count: isInteger ? rows * rowSize : 0)
    var buckets = [Double](repeating: 0, count: isInteger ? 0 : rows * rowSize)
    var (count, rowCount) = (0, 0)
    let status = times.withUnsafeMutableBufferPointer { times in
      starts.withUnsafeMutableBufferPointer { starts in
        sums.withUnsafeMutableBufferPointer { sums in
          counts.withUnsafeMutableBufferPointer { counts in
            zeroCounts.withUnsafeMutableBufferPointer { zeroCounts in
              intCounts.withUnsafeMutableBufferPointer { intCounts in
                intZeroCounts.withUnsafeMutableBufferPointer { intZeroCounts in
                  intBuckets.withUnsafeMutableBufferPointer { intBuckets in
                    buckets.withUnsafeMutableBufferPointer { buckets in
                      if isInteger {
                        var columns = tsdb_histogram_int_columns(
                          timestamps_ms: times.baseAddress, start_timestamps_ms: starts.baseAddress,
                          sums: sums.baseAddress,
                          counts: intCounts.baseAddress, zero_counts: intZeroCounts.baseAddress,
                          buckets: intBuckets.baseAddress, capacity: capacity, row_capacity: rows)
                        return tsdb_histogram_decode_int(
                          &layout, &cursor, src, bytes.count, &scratch, words, &columns, &count, &rowCount)
                      }
                      var columns = tsdb_histogram_columns(
                        timestamps_ms: times.baseAddress, start_timestamps_ms: starts.baseAddress,
                        sums: sums.baseAddress,
                        counts: counts.baseAddress, zero_counts: zeroCounts.baseAddress, buckets: buckets.baseAddress,
                        capacity: capacity, row_capacity: rows)
                      return tsdb_histogram_decode(
                        &layout, &cursor, src, bytes.count, &scratch, words, &columns, &count, &rowCount)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    try check(status)
    // A row more than the bytes could hold was announced, and so the next sample is not there.
    if count == 0 { throw HistogramStatusError(status: TSDB_ERR_TRUNCATED) }
    for index in 0..<count {
      var sample = ReferenceSample(
        timestampMs: times[index], startTimestampMs: starts[index],
        count: isInteger ? intCounts[index] : counts[index].bitPattern,
        zeroCount: isInteger ? intZeroCounts[index] : zeroCounts[index].bitPattern, sumBits: sums[index].bitPattern)
      if index < rowCount {
        let row = index * rowSize..<(index + 1) * rowSize
        sample.buckets =
          isInteger ? intBuckets[row].map { UInt64(bitPattern: $0) } : buckets[row].map(\.bitPattern)
      }
      decoded.samples.append(sample)
    }
  }
  return decoded
}

/// What validation says.
func defect(_ bytes: [UInt8], encoding: UInt8) -> tsdb_histogram_defect {
  let words = tsdb_histogram_validate_scratch_bound(encoding, bytes, bytes.count)
  var scratch = [UInt64](repeating: 0, count: words)
  var defect = tsdb_histogram_defect()
  let status = tsdb_histogram_validate(encoding, bytes, bytes.count, &scratch, words, &defect)
  precondition(status == TSDB_OK)
  return defect
}

/// A random walk of samples: buckets grow, sometimes new ones appear, sometimes the series goes stale.
struct SampleWalk {
  var random: SplitMix64
  var sample = Sample()
  var counts: [[Int32: Int64]] = [[:], [:]]
  let isCustom: Bool

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    isCustom = random.below(5) == 0
    sample.schema = isCustom ? -53 : Int32(random.below(13)) - 4
    sample.zeroThreshold = isCustom ? 0 : [0, 0.001, 0x1p-128, 1e-128, 2048, 0x1p-243][random.below(6)]
    sample.scale = [1, 3, 8][random.below(3)]
    sample.hint = random.below(4) == 0 ? 3 : 0
    if isCustom { sample.bounds = [-1.5, 0, 0.005, 1.0 / 3, 33554.43, 33554.431, 1e9] }
    sample.timestampMs = [0, -5_000, 1_748_736_000_000][random.below(3)]
  }

  mutating func next() -> Sample {
    sample.timestampMs += 1 + Int64(random.below([1, 15_000, 1 << 30][random.below(3)]))
    if random.below(6) == 0 {
      sample.startTimestampMs = random.below(3) == 0 ? 0 : sample.timestampMs - Int64(random.below(90_000))
    }
    sample.zeroCount += isCustom ? 0 : UInt64(random.below(3))
    for _ in 0..<random.below(6) {
      let side = isCustom ? 0 : random.below(2)
      let index = isCustom ? Int32(random.below(8)) : Int32(random.below(30)) - 15
      counts[side][index, default: 0] += Int64(random.below([2, 50, 1 << 40][random.below(3)]))
    }
    if random.below(40) == 0, let gone = counts[0].first(where: { $0.value == 0 }) { counts[0][gone.key] = nil }
    sample.sum += random.unit() * 100
    var rows: [Int64] = []
    for side in 0..<2 {
      var spans: [tsdb_histogram_span] = []
      var end: Int32 = 0
      for index in counts[side].keys.sorted() {
        if !spans.isEmpty && index == end {
          spans[spans.count - 1].length += 1
        } else {
          spans.append(span(index - end, 1))
        }
        end = index + 1
        rows.append(counts[side][index] ?? 0)
      }
      if side == 0 { sample.positiveSpans = spans } else { sample.negativeSpans = spans }
    }
    sample.buckets = rows
    sample.count = rows.reduce(sample.zeroCount) { $0 + UInt64($1) }
    return sample
  }
}
