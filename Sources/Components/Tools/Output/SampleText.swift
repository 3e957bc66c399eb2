// Samples in the form of the dumps: `[1748736000000,"0.1"]`, `[1748736000000,{"kind":"int",…},{"st":1748735990000}]`.
// docs/formats/dump.md.
internal import Storage
internal import TSModel

extension TextBuffer {
  /// A float in quotes; NaN as its bits, for there are several that mean different things.
  mutating func appendDumped(_ value: Double) {
    append(UInt8(ascii: "\""))
    if value.isNaN { appendBits(value.bitPattern) } else { append(value) }
    append(UInt8(ascii: "\""))
  }

  /// A start timestamp, where there is one, and the end of the sample.
  @inline(__always) private mutating func appendSampleEnd(startTimestampMs: Int64) {
    if startTimestampMs != 0 {
      append(",{\"st\":")
      append(startTimestampMs)
      append(UInt8(ascii: "}"))
    }
    append(UInt8(ascii: "]"))
  }

  /// A float sample.
  mutating func appendSample(timestampMs: Int64, value: Double, startTimestampMs: Int64) {
    append(UInt8(ascii: "["))
    append(timestampMs)
    append(UInt8(ascii: ","))
    appendDumped(value)
    appendSampleEnd(startTimestampMs: startTimestampMs)
  }

  /// The float samples of `columns` whose time `isSeen` wants, with commas between, and one before unless `isFirst`.
  /// Returns how many there were.
  mutating func appendSamples(_ columns: borrowing FloatColumns, isFirst: Bool, isSeen: (Int64) -> Bool) -> Int {
    let (times, values, starts) = (columns.timestampsMs, columns.values, columns.startTimestampsMs)
    var written = 0
    for index in 0..<columns.count where isSeen(times[index]) {
      if written > 0 || !isFirst { append(UInt8(ascii: ",")) }
      appendSample(
        timestampMs: times[index], value: values[index], startTimestampMs: starts.isEmpty ? 0 : starts[index])
      written += 1
    }
    return written
  }

  /// The same for histogram samples.
  mutating func appendSamples(_ columns: borrowing HistogramColumns, isFirst: Bool, isSeen: (Int64) -> Bool) -> Int {
    let (times, starts) = (columns.timestampsMs, columns.startTimestampsMs)
    var written = 0
    for index in 0..<columns.count where isSeen(times[index]) {
      if written > 0 || !isFirst { append(UInt8(ascii: ",")) }
      appendSample(
        timestampMs: times[index], histogram: columns.histogram(at: index),
        startTimestampMs: starts.isEmpty ? 0 : starts[index])
      written += 1
    }
    return written
  }

  /// A histogram sample.
  mutating func appendSample(timestampMs: Int64, histogram: Histogram, startTimestampMs: Int64) {
    append(UInt8(ascii: "["))
    append(timestampMs)
    append(UInt8(ascii: ","))
    appendHistogram(histogram)
    appendSampleEnd(startTimestampMs: startTimestampMs)
  }

  /// A histogram's numbers as an object.
  mutating func appendHistogram(_ histogram: Histogram) {
    append(histogram.kind == .int ? "{\"kind\":\"int\",\"schema\":" : "{\"kind\":\"float\",\"schema\":")
    append(Int64(histogram.schema))
    append(",\"zero_threshold\":")
    appendDumped(histogram.zeroThreshold)
    switch histogram.counts {
    case .int(let count, let zeroCount, _, _):
      append(",\"zero_count\":")
      append(zeroCount)
      append(",\"count\":")
      append(count)
    case .float(let count, let zeroCount, _, _):
      append(",\"zero_count\":")
      appendDumped(zeroCount)
      append(",\"count\":")
      appendDumped(count)
    }
    append(",\"sum\":")
    appendDumped(histogram.sum)
    append(",\"reset_hint\":\"")
    append(histogram.resetHint.description)
    append("\",\"positive_spans\":")
    append(histogram.positiveSpans)
    append(",\"positive_buckets\":")
    switch histogram.counts {
    case .int(_, _, let positive, let negative):
      append(positive)
      appendNegativeSpans(histogram)
      append(negative)
    case .float(_, _, let positive, let negative):
      append(positive)
      appendNegativeSpans(histogram)
      append(negative)
    }
    append(",\"custom_values\":")
    append(histogram.customValues)
    append(UInt8(ascii: "}"))
  }

  private mutating func appendNegativeSpans(_ histogram: Histogram) {
    append(",\"negative_spans\":")
    append(histogram.negativeSpans)
    append(",\"negative_buckets\":")
  }

  private mutating func append(_ spans: [Histogram.Span]) {
    append(UInt8(ascii: "["))
    for (index, span) in spans.enumerated() {
      append(index == 0 ? "[" : ",[")
      append(Int64(span.offset))
      append(UInt8(ascii: ","))
      append(UInt64(span.length))
      append(UInt8(ascii: "]"))
    }
    append(UInt8(ascii: "]"))
  }

  private mutating func append(_ counts: [Int64]) {
    append(UInt8(ascii: "["))
    for (index, count) in counts.enumerated() {
      if index > 0 { append(UInt8(ascii: ",")) }
      append(count)
    }
    append(UInt8(ascii: "]"))
  }

  private mutating func append(_ values: [Double]) {
    append(UInt8(ascii: "["))
    for (index, value) in values.enumerated() {
      if index > 0 { append(UInt8(ascii: ",")) }
      appendDumped(value)
    }
    append(UInt8(ascii: "]"))
  }
}
