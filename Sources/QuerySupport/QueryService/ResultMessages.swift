// The answer of a query as messages of `thanos.Query`: QueryResponse and QueryRangeResponse, which are alike.
internal import PromQL
internal import StoreAPI
internal import TSModel

/// Messages of one result, some series each.
struct ResultMessages: IteratorProtocol {
  private let result: QueryResult
  private let batchSize: Int
  private let count: Int
  private var index = 0

  /// The messages of `result`, each with `batchSize` series at most; where that is one, it stands alone.
  init(_ result: QueryResult, batchSize: Int) {
    self.result = result
    self.batchSize = batchSize
    count =
      switch result.value {
      case .matrix(let rows), .vector(let rows): rows.count
      case .scalar: 1
      // As Thanos: nothing is sent of strings and range vectors.
      case .samples, .string: 0
      }
  }

  /// A message; nil at the end.
  mutating func next() -> [UInt8]? {
    guard index < count else { return nil }
    var writer = ProtobufWriter()
    if batchSize > 1 {
      writer.message(field: 4) { batch in
        for _ in 0..<min(batchSize, count - index) { writeSeries(1, &batch) }
      }
    } else {
      writeSeries(2, &writer)
    }
    return writer.bytes
  }

  private mutating func writeSeries(_ field: Int, _ writer: inout ProtobufWriter) {
    writer.message(field: field) { series in
      switch result.value {
      case .matrix(let rows), .vector(let rows):
        writeLabels(rows.labels(index), &series)
        writeSamples(rows, &series)
      case .scalar(let value): Self.writeSample(value, result.grid.startMs, &series)
      case .samples, .string: break
      }
    }
    index += 1
  }

  private func writeLabels(_ labels: LabelBytes, _ series: inout ProtobufWriter) {
    for (name, value, _) in LabelBytesIterator(labels) {
      series.message(field: 1) { label in
        label.bytes(field: 1, Array(name))
        label.bytes(field: 2, Array(value))
      }
    }
  }

  private static func writeSample(_ value: Double, _ timeMs: Int64, _ series: inout ProtobufWriter) {
    series.message(field: 2) { sample in
      sample.double(field: 1, value)
      sample.int64(field: 2, timeMs)
    }
  }

  private func writeSamples(_ rows: ResultRows, _ series: inout ProtobufWriter) {
    for step in 0..<rows.stepCount {
      if let value = rows.float(index, step) { Self.writeSample(value, result.grid.timeMs(step), &series) }
    }
    guard rows.hasHistograms else { return }
    for step in 0..<rows.stepCount {
      guard let histogram = rows.histogram(index, step) else { continue }
      series.message(field: 4, HistogramMessage(rows.pool.histogram(histogram), atMs: result.grid.timeMs(step)))
    }
  }
}

extension HistogramMessage {
  /// A histogram of floats, as queries give them.
  fileprivate init(_ histogram: Histogram, atMs timeMs: Int64) {
    self.init()
    let floats = histogram.asFloat
    timestampMs = timeMs
    (schema, sum, zeroThreshold) = (floats.schema, floats.sum, floats.zeroThreshold)
    resetHint =
      switch floats.resetHint {
      case .unknown: .unknown
      case .reset: .yes
      case .notReset: .no
      case .gauge: .gauge
      }
    positiveSpans = floats.positiveSpans.map(BucketSpanMessage.init)
    negativeSpans = floats.negativeSpans.map(BucketSpanMessage.init)
    customValues = floats.customValues
    if case .float(let count, let zeroCount, let positive, let negative) = floats.counts {
      (countFloat, zeroCountFloat) = (count, zeroCount)
      (positiveCounts, negativeCounts) = (positive, negative)
    }
  }
}

extension BucketSpanMessage {
  fileprivate init(_ span: Histogram.Span) {
    self.init()
    (offset, length) = (span.offset, span.length)
  }
}
