// Requests of OpenTelemetry's protocol as Prometheus 3.14 takes them in. Buckets are cases of Prometheus' own tests.
import StoreAPI
import TSModel
import TestSupport
import Testing

/// What a request consists of, written field by field.
private struct Request {
  var resource: [(String, OTLPValue)] = []
  var scopeName = ""
  var scopeAttributes: [(String, OTLPValue)] = []
  var metrics: [(inout ProtobufWriter) -> Void] = []

  static func attributes(_ pairs: [(String, OTLPValue)], field: Int, _ writer: inout ProtobufWriter) {
    for (key, value) in pairs {
      var attribute = OTLPAttribute()
      (attribute.key, attribute.value) = (key, value)
      writer.message(field: field, attribute)
    }
  }

  /// A metric of a kind (its field) with points (each a message) and what the kind says beside.
  mutating func add(
    _ name: String, unit: String = "", help: String = "", kind: Int, temporality: Int32 = 2, isMonotonic: Bool = false,
    _ points: [(inout ProtobufWriter) -> Void]
  ) {
    metrics.append { writer in
      writer.string(field: 1, name)
      writer.string(field: 2, help)
      writer.string(field: 3, unit)
      writer.message(field: kind) { data in
        for point in points { data.message(field: 1, point) }
        if kind == 7 || kind == 9 || kind == 10 { data.int32(field: 2, temporality) }
        data.bool(field: 3, isMonotonic)
      }
    }
  }

  var bytes: [UInt8] {
    var writer = ProtobufWriter()
    writer.message(field: 1) { resourceMetrics in
      resourceMetrics.message(field: 1) { Self.attributes(resource, field: 1, &$0) }
      resourceMetrics.message(field: 2) { scopeMetrics in
        scopeMetrics.message(field: 1) { scope in
          scope.string(field: 1, scopeName)
          scope.string(field: 2, scopeName.isEmpty ? "" : "v1")
          Self.attributes(scopeAttributes, field: 3, &scope)
        }
        for metric in metrics { scopeMetrics.message(field: 2, metric) }
      }
    }
    return writer.bytes
  }
}

private let second: UInt64 = 1_000_000_000

/// A point of a gauge or a sum.
private func number(
  _ value: Double, at time: UInt64 = 10 * second, since start: UInt64 = 0, _ attributes: [(String, OTLPValue)] = [],
  flags: UInt32 = 0
) -> (inout ProtobufWriter) -> Void {
  { point in
    point.fixed64(field: 2, start)
    point.fixed64(field: 3, time)
    point.double(field: 4, value, always: true)
    Request.attributes(attributes, field: 7, &point)
    point.uint32(field: 8, flags)
  }
}

@Suite struct OTLPTranslationTests {
  private typealias Options = OTLPTranslation.Options

  /// What becomes of a request: each series with its sample.
  private func translated(
    _ request: Request, _ options: Options = Options()
  ) throws -> (batch: SampleBatch, translation: OTLPTranslation, text: [String]) {
    let batch = try SampleBatch()
    let translation = try OTLPTranslation.append(request.bytes, to: batch, options: options)
    let text = (0..<batch.seriesCount).map { index in
      let values = batch.sampleRange(at: index).map { "\(batch.values[$0])@\(batch.timestampsMs[$0])" }
      return "\(batch.labels(at: index)) " + values.joined(separator: " ")
    }
    return (batch, translation, text)
  }

  @Test func numbersWithNamesUnitsAndTargetInfo() throws {
    var request = Request()
    request.resource = [
      ("service.name", .string("api")), ("service.namespace", .string("shop")), ("service.instance.id", .string("i1")),
      ("cloud.region", .string("eu")), ("replicas", .int(3)),
    ]
    request.add(
      "http.server.requests", unit: "1", help: "Requests.", kind: 7, isMonotonic: true,
      [number(5, since: 2 * second, [("http.method", .string("GET")), ("ok", .bool(true))])])
    request.add("queue", unit: "{items}", kind: 5, [number(1.5), number(2.5, at: 20 * second)])
    request.add("temperature", unit: "Cel", kind: 7, [number(-3)])
    let (batch, translation, text) = try translated(request)
    #expect(translation.problems.isEmpty && translation.warnings.isEmpty)
    #expect(
      text == [
        #"http_server_requests_total{http_method="GET", instance="i1", job="shop/api", ok="true"} 5.0@10000"#,
        #"queue{instance="i1", job="shop/api"} 1.5@10000"#, #"queue{instance="i1", job="shop/api"} 2.5@20000"#,
        #"temperature_celsius{instance="i1", job="shop/api"} -3.0@10000"#,
        #"target_info{cloud_region="eu", instance="i1", job="shop/api", replicas="3"} 1.0@10000"#,
        #"target_info{cloud_region="eu", instance="i1", job="shop/api", replicas="3"} 1.0@20000"#,
      ])
    #expect(batch.startTimestampsMs[0] == 2000 && batch.startTimestampsMs[1] == 0)
    #expect(batch.metadata.map(\.kind) == [.counter, .gauge, .gauge, .gauge, .gauge, .gauge])
    #expect(batch.metadata.map(\.unit) == ["", "", "", "celsius", "", ""])
    #expect(batch.metadata.first?.help == "Requests." && batch.metadata.last?.help == "Target metadata")
    #expect(batch.metadata.map(\.seriesIndex) == (0..<6).map { $0 })
  }

  @Test func optionsOfLabels() throws {
    var request = Request()
    request.resource = [("service.name", .string("api")), ("zone", .string("z")), ("host.name", .string("h"))]
    (request.scopeName, request.scopeAttributes) = ("lib", [("kind", .string("x"))])
    request.add("up", unit: "s", kind: 5, [number(1, [("zone", .string("own")), ("a.b", .int(1)), ("a_b", .int(2))])])
    var options = Options()
    options.promotedAttributes = ["zone", "host.name"]
    options.keepsIdentifyingAttributes = true
    options.promotesScope = true
    options.addsTypeAndUnit = true
    let (_, translation, text) = try translated(request, options)
    #expect(
      text.first
        == #"up_seconds{__type__="gauge", __unit__="seconds", a_b="1;2", host_name="h", job="api", "#
        + #"otel_scope_kind="x", otel_scope_name="lib", otel_scope_version="v1", zone="own"} 1.0@10000"#)
    #expect(text.last == #"target_info{host_name="h", job="api", service_name="api", zone="z"} 1.0@10000"#)
    #expect(
      translation.warnings == [
        #"OTLP data point attributes "a.b", "a_b" collide as label "a_b" after name sanitization, values are concatenated with ';'"#
      ])
    options = Options()
    options.promotesAll = true
    options.promotedAttributes = ["zone", "service.name"]
    options.names.strategy = .noTranslation
    #expect(
      try translated(request, options).text.first
        == #"up{"a.b"="1", a_b="2", "host.name"="h", job="api", zone="own"} 1.0@10000"#)
  }

  @Test func deltasAndNamelessMetricsAreProblems() throws {
    var request = Request()
    request.add("a", kind: 7, temporality: 1, isMonotonic: true, [number(1)])
    request.add("b", kind: 7, temporality: 0, [number(1)])
    request.add("#", kind: 5, [number(1)])
    request.add("nothing", kind: 5, [])
    request.add("good", kind: 5, [number(1)])
    let (_, translation, text) = try translated(request)
    #expect(text == ["good 1.0@10000"])
    #expect(
      translation.problems == [
        #"invalid temporality and type combination for metric "a""#,
        #"invalid temporality and type combination for metric "b""#,
        ##"normalization for metric "#" resulted in empty name"##,
      ])
    #expect(translation.warnings == ["empty data points. nothing is dropped"])
    var options = Options()
    options.allowsDelta = true
    let allowed = try translated(request, options)
    #expect(allowed.text == ["a_total 1.0@10000", "good 1.0@10000"] && allowed.translation.problems.count == 2)
    #expect(allowed.batch.metadata.first?.kind == .unknown)
  }

  private func explicit(
    _ counts: [UInt64], _ bounds: [Double], sum: Double? = 7, exemplars: [(Double, [UInt8])] = [], flags: UInt32 = 0
  ) -> (inout ProtobufWriter) -> Void {
    { point in
      point.fixed64(field: 3, 10 * second)
      point.fixed64(field: 4, counts.reduce(0, +))
      if let sum { point.double(field: 5, sum, always: true) }
      point.packedDoubles(field: 6, counts.map { Double(bitPattern: $0) })
      point.packedDoubles(field: 7, bounds)
      for (value, trace) in exemplars {
        var exemplar = OTLPExemplar()
        (exemplar.value, exemplar.traceID, exemplar.timeNs) = (value, trace, 9_999_999_999)
        point.message(field: 8, exemplar)
      }
      point.uint32(field: 10, flags)
    }
  }

  @Test func histogramsWithBounds() throws {
    var request = Request()
    let trace = [UInt8](1...16)
    request.add(
      "d", unit: "s", kind: 9, [explicit([1, 2, 3], [0.5, 10], exemplars: [(0.2, trace), (0.7, trace), (99, trace)])])
    let (batch, _, text) = try translated(request)
    #expect(
      text == [
        "d_seconds_sum 7.0@10000", "d_seconds_count 6.0@10000", #"d_seconds_bucket{le="0.5"} 1.0@10000"#,
        #"d_seconds_bucket{le="10"} 3.0@10000"#, #"d_seconds_bucket{le="+Inf"} 6.0@10000"#,
      ])
    #expect((0..<5).map { batch.exemplarRange(at: $0).count } == [0, 0, 1, 1, 1])
    #expect(
      batch.exemplar(0)
        == SampleBatch.Exemplar(
          labels: ["trace_id": "0102030405060708090a0b0c0d0e0f10"], value: 0.2, timestampMs: 9999))
    // Without a sum there is none; without a value all are stale.
    var other = Request()
    other.add("d", kind: 9, [explicit([1], [], sum: nil, flags: 1)])
    let stale = try translated(other)
    #expect(stale.text.count == 2)
    #expect((0..<2).allSatisfy { stale.batch.values[$0].bitPattern == Histogram.staleSumBits })
    var options = Options()
    options.convertsHistograms = true
    let native = try translated(request, options).batch
    #expect(
      native.histogram(0).histogram
        == Histogram(
          schema: Histogram.customBoundsSchema, sum: 7, positiveSpans: [.init(offset: 0, length: 3)],
          customValues: [0.5, 10], counts: .int(count: 6, zeroCount: 0, positive: [1, 2, 3], negative: [])))
  }

  private func exponential(
    _ counts: [UInt64], offset: Int32, scale: Int32
  ) -> (inout ProtobufWriter) -> Void {
    { point in
      point.fixed64(field: 2, second)
      point.fixed64(field: 3, 10 * second)
      point.fixed64(field: 4, 9)
      point.double(field: 5, 2.5)
      point.sint32(field: 6, scale)
      point.fixed64(field: 7, 2)
      point.message(field: 8) { buckets in
        buckets.sint32(field: 1, offset)
        buckets.packed(field: 2, counts)
      }
    }
  }

  @Test func exponentialHistograms() throws {
    struct Case {
      var counts: [UInt64]
      var offset: Int32
      var scale: Int32
      var spans: [Histogram.Span]
      var want: [Int64]
    }
    let gaps: [UInt64] = [4, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    let cases = [
      Case(counts: [4, 3, 2, 1], offset: 0, scale: 1, spans: [.init(offset: 1, length: 4)], want: [4, 3, 2, 1]),
      Case(counts: [4, 3, 2, 1], offset: 0, scale: 9, spans: [.init(offset: 1, length: 2)], want: [7, 3]),
      Case(counts: [4, 3, 2, 1], offset: 0, scale: 10, spans: [.init(offset: 1, length: 1)], want: [10]),
      Case(counts: [4, 3, 2, 1], offset: 1, scale: 9, spans: [.init(offset: 1, length: 3)], want: [4, 5, 1]),
      Case(
        counts: gaps, offset: 4, scale: 0, spans: [.init(offset: 5, length: 4), .init(offset: 12, length: 1)],
        want: [4, 2, 0, 2, 1]),
      Case(
        counts: gaps, offset: 4, scale: 9, spans: [.init(offset: 3, length: 2), .init(offset: 6, length: 1)],
        want: [6, 2, 1]),
      Case(
        counts: [3, 1, 0, 0, 0, 1], offset: -2, scale: 3,
        spans: [.init(offset: -1, length: 2), .init(offset: 3, length: 1)], want: [3, 1, 1]),
      Case(counts: [3, 1, 0, 0, 0, 1], offset: -2, scale: 9, spans: [.init(offset: 0, length: 3)], want: [4, 0, 1]),
      Case(
        counts: [3, 0, 0, 1, 0, 0, 1], offset: -2, scale: 0, spans: [.init(offset: -1, length: 7)],
        want: [3, 0, 0, 1, 0, 0, 1]),
      Case(counts: [], offset: 0, scale: 0, spans: [], want: []),
      // A scale beyond all that there is merges everything into one.
      Case(counts: [1, 2], offset: 5, scale: .max, spans: [.init(offset: 1, length: 1)], want: [3]),
    ]
    for one in cases {
      var request = Request()
      request.add("h", kind: 10, [exponential(one.counts, offset: one.offset, scale: one.scale)])
      let found = try translated(request).batch.histogram(0)
      #expect(found.timestampMs == 10_000 && found.startTimestampMs == 1000)
      #expect(
        found.histogram
          == Histogram(
            schema: min(one.scale, 8), zeroThreshold: 1e-128, sum: 2.5, positiveSpans: one.spans,
            counts: .int(count: 9, zeroCount: 2, positive: one.want, negative: [])), "\(one)")
    }
    var coarse = Request()
    coarse.add("h", kind: 10, [exponential([1], offset: 0, scale: -5)])
    #expect(
      try translated(coarse).translation.problems == [
        "cannot convert exponential to native histogram. Scale must be >= -4, was -5"
      ])
  }

  @Test func summaries() throws {
    var request = Request()
    request.add(
      "s", kind: 11,
      [
        { point in
          point.fixed64(field: 3, 10 * second)
          point.fixed64(field: 4, 3)
          point.double(field: 5, 6)
          for (quantile, value) in [(0.5, 1.0), (0.99, 4.0)] {
            point.message(field: 6) { entry in
              entry.double(field: 1, quantile)
              entry.double(field: 2, value)
            }
          }
        }
      ])
    #expect(
      try translated(request).text == [
        "s_sum 6.0@10000", "s_count 3.0@10000", #"s{quantile="0.5"} 1.0@10000"#, #"s{quantile="0.99"} 4.0@10000"#,
      ])
  }

  @Test func valuesAsTexts() {
    func attribute(_ key: String, _ value: OTLPValue) -> OTLPAttribute {
      var attribute = OTLPAttribute()
      (attribute.key, attribute.value) = (key, value)
      return attribute
    }
    for (value, want) in [
      (.double(0.1), "0.1"), (.double(1e21), "1e+21"), (.double(1e-7), "1e-7"), (.double(100), "100"),
      (.bytes([1, 2, 3, 4]), "AQIDBA=="), (.empty, ""), (.int(-5), "-5"), (.bool(false), "false"),
      (.array([.int(1), .string("a\"<"), .empty, .bool(true)]), #"[1,"a\"\u003c",null,true]"#),
      (
        .map([attribute("b", .double(2.5)), attribute("a", .map([])), attribute("b", .int(1))]),
        #"{"a":{},"b":1}"#
      ),
    ] as [(OTLPValue, String)] { #expect(value.text == want) }
  }

  /// Points that lie far apart do not make a request of a few bytes millions of samples.
  @Test func targetInfoIsBounded() throws {
    var request = Request()
    request.resource = [("service.name", .string("api")), ("zone", .string("z"))]
    request.add("g", kind: 5, [number(1, at: 0), number(1, at: UInt64(Int64.max))])
    let (batch, translation, text) = try translated(request)
    #expect(batch.seriesCount == 3 && text.last?.hasPrefix("target_info") == true)
    #expect(translation.warnings.count == 1)
    request.metrics.removeAll()
    request.add("g", kind: 5, [number(1, at: 0), number(1, at: 400 * second)])
    #expect(try translated(request).batch.sampleCount == 2 + 4)
  }

  @Test func anyBytesGiveSamplesOrAnError() throws {
    var request = Request()
    request.resource = [("service.name", .string("api")), ("zone", .array([.map([OTLPAttribute()])]))]
    request.add("g", kind: 5, [number(1)])
    request.add("d", kind: 9, [explicit([1, 2], [0.5], exemplars: [(0.2, [1])])])
    request.add("h", kind: 10, [exponential([1, 0, 0, 0, 2], offset: -3, scale: 9)])
    let bytes = request.bytes
    func check(_ bytes: [UInt8]) throws {
      let batch = try SampleBatch(budget: MemoryBudget(name: "test", limitBytes: 64 << 20))
      do {
        _ = try OTLPTranslation.append(bytes, to: batch)
        _ = try batch.remoteWriteV2(0..<batch.seriesCount)
      } catch is ModelError {}
    }
    for size in 0..<bytes.count { try check(Array(bytes[..<size])) }
    for at in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[at] ^= 1 << bit
        try check(changed)
      }
    }
  }
}
