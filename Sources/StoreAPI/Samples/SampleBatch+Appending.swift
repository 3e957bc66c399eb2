// Filling a batch from values, for senders.
internal import CTSDB
public import TSModel

extension SampleBatch {
  /// Appends a series with float samples and histograms, each with its time and the time since when it counts (0: not known), in
  /// milliseconds, and exemplars.
  public func append(
    labels: Labels, samples floats: [(timestampMs: Int64, value: Double, startTimestampMs: Int64)] = [],
    histograms: [(timestampMs: Int64, startTimestampMs: Int64, histogram: Histogram)] = [],
    exemplars: [Exemplar] = []
  ) throws(BudgetExceeded) {
    while unsafe samples.series_count >= samples.series_capacity { try grow(TSDB_SAMPLES_SERIES, by: 1) }
    let series = seriesCount
    var (sample, histogram, exemplar) = (sampleCount, histogramCount, exemplarCount)
    while unsafe sample + floats.count > samples.sample_capacity { try grow(TSDB_SAMPLES_FLOATS, by: floats.count) }
    while unsafe histogram + histograms.count > samples.histogram_capacity {
      try grow(TSDB_SAMPLES_HISTOGRAMS, by: histograms.count)
    }
    while unsafe exemplar + exemplars.count > samples.exemplar_capacity {
      try grow(TSDB_SAMPLES_EXEMPLARS, by: exemplars.count)
    }
    unsafe samples.blobs[series] = try blob(labels)
    unsafe samples.is_loose[series] = 0
    for float in floats {
      unsafe samples.timestamps_ms[sample] = float.timestampMs
      unsafe samples.start_timestamps_ms[sample] = float.startTimestampMs
      unsafe samples.values[sample] = float.value
      sample += 1
    }
    for one in histograms {
      var head = try append(one.histogram)
      head.timestamp_ms = one.timestampMs
      head.start_timestamp_ms = one.startTimestampMs
      unsafe samples.histograms[histogram] = head
      histogram += 1
    }
    for one in exemplars {
      unsafe samples.exemplars[exemplar] = tsdb_wire_exemplar(
        labels: try blob(one.labels), value: one.value, timestamp_ms: one.timestampMs, is_loose: false)
      exemplar += 1
    }
    unsafe samples.sample_offsets[series + 1] = UInt32(sample)
    unsafe samples.histogram_offsets[series + 1] = UInt32(histogram)
    unsafe samples.exemplar_offsets[series + 1] = UInt32(exemplar)
    unsafe samples.series_count += 1
  }

  /// Appends what is known about a metric; `seriesIndex` must not be less than those appended before.
  public func append(_ entry: Metadata) throws(BudgetExceeded) {
    while unsafe samples.metadata_count >= samples.metadata_capacity { try grow(TSDB_SAMPLES_METADATA, by: 1) }
    let texts = [entry.family ?? "", entry.help, entry.unit]
    var views: [tsdb_bytes_view] = unsafe []
    for text in texts {
      let bytes = Array(text.utf8)
      let block = unsafe try self.block(bytes.count)
      unsafe block.copyBytes(from: bytes)
      unsafe views.append(
        tsdb_bytes_view(bytes: UnsafePointer(block.baseAddress?.assumingMemoryBound(to: UInt8.self)), size: bytes.count)
      )
    }
    unsafe samples.metadata[samples.metadata_count] = tsdb_wire_metadata(
      family: views[0], help: views[1], unit: views[2],
      series: entry.family == nil ? UInt32(entry.seriesIndex ?? 0) : .max, type: entry.kind.rawValue)
    unsafe samples.metadata_count += 1
  }

  /// Labels as bytes of messages.
  private func blob(_ labels: Labels) throws(BudgetExceeded) -> tsdb_bytes_view {
    var writer = ProtobufWriter()
    for label in labels {
      var message = LabelMessage()
      (message.name, message.value) = (label.name, label.value)
      writer.message(field: 1, message)
    }
    let bytes = writer.bytes
    let block = unsafe try self.block(bytes.count)
    unsafe block.copyBytes(from: bytes)
    return unsafe tsdb_bytes_view(
      bytes: UnsafePointer(block.baseAddress?.assumingMemoryBound(to: UInt8.self)), size: bytes.count)
  }

  /// Puts spans, buckets and bounds behind those that are there. Returns what refers to them.
  private func append(_ histogram: Histogram) throws(BudgetExceeded) -> tsdb_wire_histogram {
    let spans = histogram.positiveSpans + histogram.negativeSpans
    var head = tsdb_wire_histogram()
    var numbers: [UInt64]
    switch histogram.counts {
    case .int(let count, let zeroCount, let positive, let negative):
      (head.count, head.zero_count) = (count, zeroCount)
      numbers = (positive + negative).map { UInt64(bitPattern: $0) }
      (head.positive_bucket_count, head.negative_bucket_count) = (UInt32(positive.count), UInt32(negative.count))
    case .float(let count, let zeroCount, let positive, let negative):
      head.is_float = true
      (head.count, head.zero_count) = (count.bitPattern, zeroCount.bitPattern)
      numbers = (positive + negative).map(\.bitPattern)
      (head.positive_bucket_count, head.negative_bucket_count) = (UInt32(positive.count), UInt32(negative.count))
    }
    while unsafe samples.span_count + spans.count > samples.span_capacity {
      try grow(TSDB_SAMPLES_SPANS, by: spans.count)
    }
    while unsafe samples.bucket_count + numbers.count > samples.bucket_capacity {
      try grow(TSDB_SAMPLES_BUCKETS, by: numbers.count)
    }
    while unsafe samples.bound_count + histogram.customValues.count > samples.bound_capacity {
      try grow(TSDB_SAMPLES_BOUNDS, by: histogram.customValues.count)
    }
    (head.sum, head.zero_threshold) = (histogram.sum, histogram.zeroThreshold)
    (head.schema, head.reset_hint) = (histogram.schema, histogram.resetHint.rawValue)
    head.span_start = UInt32(unsafe samples.span_count)
    head.positive_span_count = UInt32(histogram.positiveSpans.count)
    head.negative_span_count = UInt32(histogram.negativeSpans.count)
    head.bucket_start = UInt32(unsafe samples.bucket_count)
    head.bound_start = UInt32(unsafe samples.bound_count)
    head.bound_count = UInt32(histogram.customValues.count)
    for span in spans {
      unsafe samples.spans[samples.span_count] = tsdb_histogram_span(offset: span.offset, length: span.length)
      unsafe samples.span_count += 1
    }
    for number in numbers {
      unsafe samples.buckets[samples.bucket_count] = number
      unsafe samples.bucket_count += 1
    }
    for bound in histogram.customValues {
      unsafe samples.bounds[samples.bound_count] = bound
      unsafe samples.bound_count += 1
    }
    return head
  }
}
