// Rows of histogram chunks (see targets.tsv).
internal import CTSDB

let histogramRows: [Row] = [
  Row(name: "histogram_decode_40", unit: "ns/sample") { decodeFortyBuckets() }
]

/// Chunks of 60 samples of a counter with schema 3 and one span of 40 buckets, 15 s apart. Each bucket grows by up to twice
/// its mean, which falls off from the middle one; about 41 bytes a sample.
private func decodeFortyBuckets() -> Workload {
  let (bucketCount, sampleCount) = (40, 60)
  let chunkCount = benchSize.pick(500, toy: 5)
  var state: UInt64 = 42
  func unit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }
  var allocator = tsdb_allocator(
    context: nil, allocate: { _, size in .allocate(byteCount: size, alignment: 16) },
    release: { _, memory, _ in memory?.deallocate() })
  var appender: OpaquePointer?
  guard tsdb_histogram_appender_create(&allocator, UInt8(TSDB_CHUNK_HISTOGRAM), &appender) == TSDB_OK else {
    preconditionFailure("no histogram appender")
  }
  defer { tsdb_histogram_appender_destroy(appender) }
  let means = (0..<bucketCount).map { bucket -> Double in
    let distance = Double(bucket - bucketCount / 2)
    return 12 / (1 + distance * distance / 60)
  }
  var chunks: [[UInt8]] = []
  for _ in 0..<chunkCount {
    tsdb_histogram_appender_begin(appender, 0)
    var buckets = [Int64](repeating: 0, count: bucketCount)
    var (sum, count) = (0.0, UInt64(0))
    for index in 0..<sampleCount {
      for bucket in 0..<bucketCount {
        let growth = Int64(unit() * 2 * means[bucket])
        buckets[bucket] += growth
        count += UInt64(growth)
        sum += Double(growth) * 0.1 * Double(bucket + 1)
      }
      var span = tsdb_histogram_span(offset: -10, length: UInt32(bucketCount))
      var sample = tsdb_histogram_sample()
      sample.timestamp_ms = 1_748_736_000_000 + 15_000 * Int64(index)
      sample.schema = 3
      sample.zero_threshold = 0x1p-128
      (sample.sum, sample.count, sample.bucket_count) = (sum, count, bucketCount)
      var result = tsdb_histogram_append_result()
      let status = withUnsafePointer(to: &span) { span in
        buckets.withUnsafeBufferPointer { buckets in
          (sample.positive_spans, sample.positive_span_count) = (span, 1)
          sample.int_buckets = buckets.baseAddress
          return tsdb_histogram_appender_append(appender, &sample, &result)
        }
      }
      guard status == TSDB_OK, result.kind == TSDB_HISTOGRAM_APPENDED else {
        preconditionFailure("a counter's sample is appended")
      }
    }
    var size = 0
    let bytes = tsdb_histogram_appender_bytes(appender, &size)
    chunks.append(Array(UnsafeBufferPointer(start: bytes, count: size)))
  }
  // Layout, all samples and all buckets as doubles, into the same columns again and again.
  let times = UnsafeMutablePointer<Int64>.allocate(capacity: sampleCount)
  let scalars = UnsafeMutablePointer<Double>.allocate(capacity: 3 * sampleCount)
  let rows = UnsafeMutablePointer<Double>.allocate(capacity: sampleCount * bucketCount)
  let scratch = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * bucketCount)
  var columns = tsdb_histogram_columns(
    timestamps_ms: times, start_timestamps_ms: nil, sums: scalars, counts: scalars + sampleCount,
    zero_counts: scalars + 2 * sampleCount, buckets: rows, capacity: sampleCount, row_capacity: sampleCount)
  return Workload(unitsPerRun: Double(chunkCount * sampleCount)) {
    for chunk in chunks {
      var layout = tsdb_histogram_layout()
      var cursor = tsdb_histogram_cursor()
      var (count, rowCount) = (0, 0)
      chunk.withUnsafeBufferPointer { chunk in
        var status = tsdb_histogram_layout_read(
          UInt8(TSDB_CHUNK_HISTOGRAM), chunk.baseAddress, chunk.count, &layout)
        if status == TSDB_OK {
          status = tsdb_histogram_decode(
            &layout, &cursor, chunk.baseAddress, chunk.count, scratch, 2 * bucketCount, &columns, &count, &rowCount)
        }
        precondition(status == TSDB_OK && count == sampleCount, "the chunk was written just now")
      }
      blackHole(rows[0])
    }
  }
}
