// Metrics as messages `io.prometheus.client.MetricFamily`, each behind its length: the form that shows native
// histograms.
//
//   MetricFamily  1 name  2 help  3 type (COUNTER 0, GAUGE 1, SUMMARY 2, HISTOGRAM 4)  4 metrics
//   Metric        1 labels {1 name, 2 value}  2 gauge {1}  3 counter {1}  4 summary  7 histogram
//   Summary       1 count  2 sum  3 quantiles {1 quantile, 2 value}
//   Histogram     1 count  2 sum  3 buckets {1 cumulative count, 2 upper bound}  5 schema (zigzag)  6 zero threshold
//                 7 zero count  9 negative spans {1 offset (zigzag), 2 length}  10 negative deltas (zigzag)
//                 12 positive spans  13 positive deltas

enum MetricsProtobuf {
  static func encode(_ families: [MetricFamilySnapshot]) -> [UInt8] {
    var out: [UInt8] = []
    for family in families {
      var message = Message()
      message.text(1, family.name)
      message.text(2, family.help)
      message.varint(3, type(family.kind))
      for metric in family.metrics {
        message.message(4) { write(metric, family.kind, &$0) }
      }
      Message.appendVarint(UInt64(message.bytes.count), to: &out)
      out.append(contentsOf: message.bytes)
    }
    return out
  }

  private static func type(_ kind: MetricKind) -> UInt64 {
    switch kind {
    case .counter: 0
    case .gauge: 1
    case .summary: 2
    case .histogram: 4
    }
  }

  private static func write(_ metric: MetricSnapshot, _ kind: MetricKind, _ message: inout Message) {
    for label in metric.labels {
      message.message(1) {
        $0.text(1, label.name)
        $0.text(2, label.value)
      }
    }
    switch metric.value {
    case .number(let number):
      message.message(kind == .counter ? 3 : 2) { $0.double(1, number) }
    case .summary(let count, let sum, let quantiles):
      message.message(4) {
        $0.varint(1, count)
        $0.double(2, sum)
        for quantile in quantiles {
          $0.message(3) {
            $0.double(1, quantile.quantile)
            $0.double(2, quantile.value)
          }
        }
      }
    case .histogram(let histogram):
      message.message(7) { write(histogram, &$0) }
    }
  }

  private static func write(_ histogram: HistogramValue, _ message: inout Message) {
    // With native buckets their count and sum lead: a reader takes them for both, and they agree with each other.
    message.varint(1, histogram.native?.count ?? histogram.count)
    message.double(2, histogram.native?.sum ?? histogram.sum)
    for bucket in histogram.buckets {
      message.message(3) {
        $0.varint(1, bucket.cumulativeCount)
        $0.double(2, bucket.upperBound)
      }
    }
    guard let native = histogram.native else { return }
    message.zigzag(5, Int64(native.schema))
    message.double(6, NativeBuckets.zeroThreshold)
    message.varint(7, native.zeroCount)
    write(native.negative, spans: 9, deltas: 10, &message)
    write(native.positive, spans: 12, deltas: 13, &message)
    if native.negative.isEmpty && native.positive.isEmpty && native.zeroCount == 0 {
      // A span without buckets says that this is a native histogram, though an empty one.
      message.message(12) {
        $0.zigzag(1, 0)
        $0.varint(2, 0)
      }
    }
  }

  private static func write(_ buckets: [Int: UInt64], spans: Int, deltas: Int, _ message: inout Message) {
    let form = NativeBuckets.spans(buckets)
    for span in form.spans {
      message.message(spans) {
        $0.zigzag(1, Int64(span.offset))
        $0.varint(2, UInt64(span.length))
      }
    }
    for delta in form.deltas { message.zigzag(deltas, delta) }
  }

  /// As much of the wire format as these messages need.
  private struct Message {
    var bytes: [UInt8] = []

    static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func key(_ field: Int, _ wireType: Int) {
      Self.appendVarint(UInt64(field << 3 | wireType), to: &bytes)
    }

    mutating func varint(_ field: Int, _ value: UInt64) {
      key(field, 0)
      Self.appendVarint(value, to: &bytes)
    }

    mutating func zigzag(_ field: Int, _ value: Int64) {
      varint(field, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    mutating func double(_ field: Int, _ value: Double) {
      key(field, 1)
      var bits = value.bitPattern
      for _ in 0..<8 {
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
      }
    }

    mutating func text(_ field: Int, _ text: String) {
      key(field, 2)
      Self.appendVarint(UInt64(text.utf8.count), to: &bytes)
      bytes.append(contentsOf: text.utf8)
    }

    mutating func message(_ field: Int, _ body: (inout Message) -> Void) {
      var inner = Message()
      body(&inner)
      key(field, 2)
      Self.appendVarint(UInt64(inner.bytes.count), to: &bytes)
      bytes.append(contentsOf: inner.bytes)
    }
  }
}
