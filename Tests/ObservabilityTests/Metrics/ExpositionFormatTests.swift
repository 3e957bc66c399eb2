// Which form a scraper gets.
import Testing

@testable import Observability

private let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

@Suite struct ExpositionFormatTests {
  @Test(arguments: [
    (nil, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
    ("", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
    ("*/*", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
    ("text/html,application/xml;q=0.9", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
    (
      "application/openmetrics-text; version=1.0.0",
      "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    ),
    (
      "application/openmetrics-text", "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores"
    ),
    (
      "application/openmetrics-text;version=2.0.0,text/plain",
      "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    ),
    (
      "text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.6",
      "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    ),
    (
      "application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0.1",
      "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    ),
    (
      // Prometheus 3's own.
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
        + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
    ),
    (
      protobuf + ";escaping=allow-utf-8;q=0.7,text/plain;q=0.3",
      """
      application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8
      """
    ),
    ("text/plain ; version=\"1.0.0\" ; q = 1", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
    ("text/plain;escaping=nonsense", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
    (";;,=;,q=1,/", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
  ]) func acceptChoosesTheForm(_ accept: String?, _ contentType: String) {
    #expect(ExpositionFormat.negotiate(accept: accept).contentType == contentType)
  }

  @Test func protobufHoldsNativeAndFixedBuckets() {
    let registry = MetricsRegistry()
    let histogram = registry.histogram("h", "H", labels: ["l"], buckets: [1], native: true).with("v")
    histogram.observe(0.5)
    let expected: [UInt8] =
      [
        65,  // length
        0x0A, 1, 0x68, 0x12, 1, 0x48, 0x18, 4,  // name, help, type
        0x22, 55,  // metric
        0x0A, 6, 0x0A, 1, 0x6C, 0x12, 1, 0x76,  // label
        0x3A, 45,  // histogram
        0x08, 1,  // count
        0x11, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F,  // sum
        0x1A, 11, 0x08, 1, 0x11, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,  // bucket
        0x28, 6,  // schema 3
        0x31, 0, 0, 0, 0, 0, 0, 0xF0, 0x37,  // zero threshold
        0x38, 0,  // zero count
        0x62, 4, 0x08, 15, 0x10, 1,  // span at -8 of one
        0x68, 2,  // delta
      ]
    let bytes = registry.exposition(.protobuf)
    #expect(Array(bytes.dropFirst()) == Array(expected.dropFirst()))
    #expect(Int(bytes[0]) == bytes.count - 1)
  }

  @Test func protobufHoldsTheOtherKinds() {
    let registry = MetricsRegistry()
    registry.counter("c", "").add()
    registry.gauge("g", "").set(2)
    registry.collect { $0.add("s", "", .summary, .summary(count: 1, sum: 2, quantiles: [(0.5, 2)]), []) }
    let one: [UInt8] = [0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
    let two: [UInt8] = [0x09, 0, 0, 0, 0, 0, 0, 0, 0x40]
    let counter: [UInt8] = [0x0A, 1, 0x63, 0x12, 0, 0x18, 0, 0x22, 11, 0x1A, 9] + one
    let gauge: [UInt8] = [0x0A, 1, 0x67, 0x12, 0, 0x18, 1, 0x22, 11, 0x12, 9] + two
    let quantile: [UInt8] = [0x1A, 18, 0x09, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0x11] + two.dropFirst()
    let summary: [UInt8] =
      [0x0A, 1, 0x73, 0x12, 0, 0x18, 2, 0x22, 33, 0x22, 31, 0x08, 1, 0x11] + two.dropFirst() + quantile
    #expect(
      registry.exposition(.protobuf)
        == [UInt8(counter.count)] + counter + [UInt8(gauge.count)] + gauge + [UInt8(summary.count)] + summary)
  }
}
