// Requests of OpenTelemetry's protocol as Prometheus 3.14 takes them in. Buckets are cases of Prometheus' own tests.
import StoreAPI
import TSModel
import TestSupport
import Testing

/// A value of an attribute.
private indirect enum Value: Sendable {
  case empty
  case string(String)
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case array([Value])
  case map([(String, Value)])
  case bytes([UInt8])

  func write(to writer: inout ProtobufWriter) {
    switch self {
    case .empty: break
    case .string(let text): writer.string(field: 1, text, always: true)
    case .bool(let flag): writer.bool(field: 2, flag, always: true)
    case .int(let number): writer.int64(field: 3, number, always: true)
    case .double(let number): writer.double(field: 4, number, always: true)
    case .array(let elements):
      writer.message(field: 5) { list in for element in elements { list.message(field: 1) { element.write(to: &$0) } } }
    case .map(let members): writer.message(field: 6) { Request.attributes(members, field: 1, &$0) }
    case .bytes(let bytes): writer.bytes(field: 7, bytes, always: true)
    }
  }
}

/// An exemplar.
private struct Exemplar {
  var value: Double? = 0.2
  var traceID: [UInt8] = []
  var spanID: [UInt8] = []
  var attributes: [(String, Value)] = []

  func write(to writer: inout ProtobufWriter) {
    writer.fixed64(field: 2, 9_999_999_999)
    if let value { writer.double(field: 3, value, always: true) }
    writer.bytes(field: 4, spanID)
    writer.bytes(field: 5, traceID)
    Request.attributes(attributes, field: 7, &writer)
  }
}

/// What a request consists of, written field by field.
private struct Request {
  var resource: [(String, Value)] = []
  var scopeName = ""
  var scopeAttributes: [(String, Value)] = []
  var metrics: [(inout ProtobufWriter) -> Void] = []

  static func attributes(_ pairs: [(String, Value)], field: Int, _ writer: inout ProtobufWriter) {
    for (key, value) in pairs {
      writer.message(field: field) { attribute in
        attribute.string(field: 1, key)
        attribute.message(field: 2) { value.write(to: &$0) }
      }
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
  _ value: Double, at time: UInt64 = 10 * second, since start: UInt64 = 0, _ attributes: [(String, Value)] = [],
  flags: UInt32 = 0, exemplars: [Exemplar] = []
) -> (inout ProtobufWriter) -> Void {
  { point in
    point.fixed64(field: 2, start)
    point.fixed64(field: 3, time)
    point.double(field: 4, value, always: true)
    for exemplar in exemplars { point.message(field: 5) { exemplar.write(to: &$0) } }
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
    _ counts: [UInt64], _ bounds: [Double], sum: Double? = 7, exemplars: [(Double?, [UInt8])] = [], flags: UInt32 = 0,
    _ attributes: [(String, Value)] = []
  ) -> (inout ProtobufWriter) -> Void {
    { point in
      point.fixed64(field: 3, 10 * second)
      point.fixed64(field: 4, counts.reduce(0, +))
      if let sum { point.double(field: 5, sum, always: true) }
      point.packedDoubles(field: 6, counts.map { Double(bitPattern: $0) })
      point.packedDoubles(field: 7, bounds)
      for (value, trace) in exemplars {
        point.message(field: 8) { Exemplar(value: value, traceID: trace).write(to: &$0) }
      }
      Request.attributes(attributes, field: 9, &point)
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
    _ counts: [UInt64], offset: Int32, scale: Int32, negative: [UInt64] = [], count: UInt64 = 9, flags: UInt32 = 0
  ) -> (inout ProtobufWriter) -> Void {
    { point in
      point.fixed64(field: 2, second)
      point.fixed64(field: 3, 10 * second)
      point.fixed64(field: 4, count)
      point.double(field: 5, 2.5)
      point.sint32(field: 6, scale)
      point.fixed64(field: 7, 2)
      point.message(field: 8) { buckets in
        buckets.sint32(field: 1, offset)
        buckets.packed(field: 2, counts)
      }
      if !negative.isEmpty {
        // Not packed, and the offset behind them.
        point.message(field: 9) { buckets in for count in negative { buckets.uint64(field: 2, count, always: true) } }
        point.message(field: 9) { $0.sint32(field: 1, offset) }
      }
      point.uint32(field: 10, flags)
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

  @Test func valuesAsTexts() throws {
    let deep = (0..<20).reduce(Value.int(1)) { value, _ in .array([value]) }
    for (value, want) in [
      (.double(0.1), "0.1"), (.double(1e21), "1e+21"), (.double(1e-7), "1e-7"), (.double(1e-10), "1e-10"),
      (.double(100), "100"), (.double(.nan), "json: unsupported value: NaN"),
      (.double(-.infinity), "json: unsupported value: -Inf"), (.bytes([1, 2, 3, 4]), "AQIDBA=="), (.bytes([]), nil),
      (.bytes([255, 254]), "//4="), (.bytes([1, 2, 3]), "AQID"), (.empty, nil), (.int(-5), "-5"),
      (.int(.min), "-9223372036854775808"), (.bool(false), "false"), (.string("\u{8}<\u{2028}"), "\u{8}<\u{2028}"),
      (.array([.int(1), .string("a\"<"), .empty, .bool(true)]), #"[1,"a\"\u003c",null,true]"#),
      (.array([.string("\u{8}\u{c}\u{1}\n\u{2028}é"), .bytes([1])]), #"["\b\f\u0001\n\u2028é","AQ=="]"#),
      (.array([.double(1e-7), .double(2)]), "[1e-7,2]"), (.array([]), "[]"), (.map([]), "{}"),
      // Go's encoder gives nothing for the whole where it meets a double that is not finite.
      (.array([.map([("a", .array([.double(.infinity)]))])]), nil),
      (.map([("a", .double(.nan)), ("a", .int(1))]), #"{"a":1}"#),
      (
        .map([("b", .double(2.5)), ("a", .map([("z", .int(1)), ("y", .int(2))])), ("b", .int(1))]),
        #"{"a":{"y":2,"z":1},"b":1}"#
      ),
      (deep, String(repeating: "[", count: 20) + "1" + String(repeating: "]", count: 20)),
    ] as [(Value, String?)] {
      var request = Request()
      request.resource = [("service.name", .string("api")), ("own", value)]
      request.add("g", kind: 5, [number(1, [("x", value)])])
      let batch = try translated(request).batch
      #expect(batch.labels(at: 0)["x"] == want, "\(value)")
      #expect(batch.seriesCount == 2 && batch.labels(at: 1)["own"] == want, "\(value)")
    }
    var request = Request()
    request.add("g", kind: 5, [number(1, [("x", (0..<40).reduce(Value.int(1)) { value, _ in .array([value]) })])])
    #expect(throws: ModelError.self) { try translated(request) }
  }

  @Test func labelsOfPointsInAnyOrder() throws {
    var request = Request()
    request.resource = [("service.name", .string("api")), ("zone", .string("own"))]
    request.add(
      "g", kind: 5,
      [
        number(1, [("b", .string("1")), ("a", .string("2")), ("zone", .string(""))]),
        // The same keys, then others, then the first ones again.
        number(2, [("b", .string("3")), ("a", .string("")), ("zone", .string("z"))]),
        number(3, [("zone", .string("z")), ("job", .string("mine")), ("__name__", .string("x")), ("1", .int(1))]),
        number(4, [("b", .string("4")), ("a", .string("5")), ("zone", .string(""))]), number(5),
        number(6, (0..<100).reversed().map { ("k\($0)", .int($0)) }),
        number(7, [("long", .string(String(repeating: "x", count: 10_000)))]),
        number(8, [("a.b", .string("")), ("a_b", .string("1")), ("a-b", .string("2")), ("..name..", .string("n"))]),
      ])
    var options = Options()
    options.promotedAttributes = ["zone"]
    let (batch, translation, text) = try translated(request, options)
    #expect(
      Array(text[..<5]) == [
        #"g{a="2", b="1", job="api", zone="own"} 1.0@10000"#, #"g{b="3", job="api", zone="z"} 2.0@10000"#,
        #"g{job="api", key_1="1", zone="z"} 3.0@10000"#, #"g{a="5", b="4", job="api", zone="own"} 4.0@10000"#,
        #"g{job="api", zone="own"} 5.0@10000"#,
      ])
    let many = batch.labels(at: 5)
    #expect(many.count == 103 && (0..<100).allSatisfy { many["k\($0)"] == "\($0)" })
    #expect(batch.labels(at: 6)["long"]?.utf8.count == 10_000)
    #expect(text[7] == #"g{a_b="2;;1", job="api", zone="own"} 8.0@10000"#)
    #expect(
      translation.warnings == [
        #"OTLP data point attributes "a-b", "a.b", "a_b" collide as label "a_b" after name sanitization, values are concatenated with ';'"#
      ])
    #expect((0..<batch.seriesCount).allSatisfy { batch.labelBytes(at: $0) != nil })
  }

  /// Values are joined, and that is told, also where another label takes their place.
  @Test func collisionsBehindOtherLabels() throws {
    var request = Request()
    request.resource = [("service.name", .string("api"))]
    request.add("g", kind: 5, [number(1, [("job", .int(1)), ("job", .int(2))])])
    let (_, translation, text) = try translated(request)
    #expect(text == [#"g{job="api"} 1.0@10000"#])
    #expect(
      translation.warnings == [
        #"OTLP data point attributes "job", "job" collide as label "job" after name sanitization, values are concatenated with ';'"#
      ])
  }

  /// Requests of more of everything than a batch has room for at first.
  @Test func manyPoints() throws {
    var request = Request()
    for metric in 0..<3 {
      request.add(
        "m\(metric)", kind: 7, (0..<500).map { number(Double($0), [("n", .int(Int64($0))), ("x", .string("y"))]) })
    }
    let (batch, _, text) = try translated(request)
    #expect(text.count == 1500 && text[777] == #"m1{n="277", x="y"} 277.0@10000"#)
    #expect(batch.metadata.map(\.seriesIndex) == (0..<1500).map { $0 })
    let limited = try SampleBatch(budget: MemoryBudget(name: "test", limitBytes: 100_000))
    #expect(throws: BudgetExceeded.self) { try OTLPTranslation.append(request.bytes, to: limited) }
  }

  @Test func textsThatAreNoUTF8AreRepaired() throws {
    var request = Request()
    request.metrics.append { writer in
      writer.bytes(field: 1, [0x67, 0xFF])
      writer.message(field: 5) { gauge in
        gauge.message(field: 1) { point in
          for _ in 0..<2 {
            point.message(field: 7) { attribute in
              attribute.bytes(field: 1, [0x61, 0xC3])
              attribute.message(field: 2) { $0.bytes(field: 1, [0x62, 0xFF, 0x63]) }
            }
          }
        }
      }
    }
    #expect(try translated(request).text == ["g{a_=\"b\u{FFFD}c;b\u{FFFD}c\"} 0.0@0"])
    var options = Options()
    options.names.strategy = .noTranslation
    #expect(try translated(request, options).batch.labels(at: 0)["a\u{FFFD}"] == "b\u{FFFD}c")
  }

  /// An attribute of a scope without a value takes no label away; its name, version and schema do.
  @Test func emptyLabelsOfScopes() throws {
    var request = Request()
    (request.scopeName, request.scopeAttributes) = ("lib", [("kind", .string("")), ("k", .string("v"))])
    request.add(
      "g", kind: 5,
      [number(1, [("otel_scope_kind", .string("own")), ("otel_scope_schema_url", .string("own"))])])
    var options = Options()
    options.promotesScope = true
    #expect(
      try translated(request, options).text == [
        #"g{otel_scope_k="v", otel_scope_kind="own", otel_scope_name="lib", otel_scope_version="v1"} 1.0@10000"#
      ])
  }

  @Test func namesThatAreRefusedEndAMetric() throws {
    var request = Request()
    request.resource = [("service.name", .string("api")), ("zone", .string("z"))]
    request.add(
      "a", kind: 5, [number(1), number(2, [("ようこそ", .int(1))]), number(3, at: 20 * second, [("ok", .int(1))])])
    request.add("b", kind: 5, [number(4, [("__", .int(1)), ("", .int(1))])])
    request.add("c", kind: 5, [number(5)])
    let (_, translation, text) = try translated(request)
    #expect(
      text == [
        #"a{job="api"} 1.0@10000"#, #"c{job="api"} 5.0@10000"#, #"target_info{job="api", zone="z"} 1.0@10000"#,
        #"target_info{job="api", zone="z"} 1.0@20000"#,
      ])
    #expect(
      translation.problems == [
        #"normalization for label name "ようこそ" resulted in invalid name "____""#, "label name is empty",
      ])
    // Nothing of a resource is taken whose own labels have no names.
    request.resource.append(("__", .int(1)))
    var options = Options()
    options.promotesAll = true
    let refused = try translated(request, options)
    #expect(refused.text.isEmpty && refused.translation.problems.count == 1)
  }

  @Test func exemplarsOfSums() throws {
    var request = Request()
    let trace = [UInt8](repeating: 0xAB, count: 16)
    request.add(
      "s", kind: 7,
      [
        number(
          1,
          exemplars: [
            Exemplar(
              traceID: trace, spanID: [0, 0], attributes: [("b", .int(1)), ("a.x", .string("é")), ("b", .int(2))]),
            Exemplar(spanID: [1], attributes: [("a", .string(String(repeating: "é", count: 119)))]),
            Exemplar(spanID: [1], attributes: [("a", .string(String(repeating: "é", count: 118)))]),
            Exemplar(spanID: [1], attributes: [("a", .string(String(repeating: "é", count: 117)))]),
          ]), number(2),
      ])
    request.add("g", kind: 5, [number(3, exemplars: [Exemplar(value: nil), Exemplar()])])
    let (batch, translation, text) = try translated(request)
    #expect(translation.problems.isEmpty && text.count == 3)
    #expect((0..<3).map { batch.exemplarRange(at: $0).count } == [4, 0, 0])
    #expect(
      batch.exemplar(0).labels == ["trace_id": String(repeating: "ab", count: 16), "a.x": "é", "b": "2"])
    #expect(batch.exemplar(0).timestampMs == 9999 && batch.exemplar(0).value == 0.2)
    // 128 characters: span_id, its two digits, a.
    #expect((1..<4).map { batch.exemplar($0).labels.count } == [1, 2, 2])
    request.metrics.removeAll()
    request.add("s", kind: 7, [number(1), number(2, exemplars: [Exemplar(), Exemplar(value: nil)]), number(3)])
    let refused = try translated(request)
    #expect(refused.text == ["s 1.0@10000"] && refused.batch.exemplarCount == 0)
    #expect(refused.translation.problems == ["unsupported exemplar value type: Empty"])
  }

  @Test func labelsOfHistogramsAndSummaries() throws {
    var request = Request()
    request.resource = [("service.name", .string("api"))]
    request.add(
      "h", kind: 9,
      [explicit([1, 2], [0.5], [("le", .string("own")), ("..name..", .string("n")), ("zone", .int(1))])])
    request.add(
      "s", kind: 11,
      [
        { point in
          point.message(field: 6) { $0.double(field: 1, 0.5) }
          Request.attributes([("quantile", .string("own"))], field: 7, &point)
        }
      ])
    var options = Options()
    options.addsTypeAndUnit = true
    #expect(
      try translated(request, options).text == [
        #"h_sum{__type__="histogram", job="api", le="own", zone="1"} 7.0@10000"#,
        #"h_count{__type__="histogram", job="api", le="own", zone="1"} 3.0@10000"#,
        #"h_bucket{__type__="histogram", job="api", le="0.5", zone="1"} 1.0@10000"#,
        #"h_bucket{__type__="histogram", job="api", le="+Inf", zone="1"} 3.0@10000"#,
        #"s_sum{__type__="summary", job="api", quantile="own"} 0.0@0"#,
        #"s_count{__type__="summary", job="api", quantile="own"} 0.0@0"#,
        #"s{__type__="summary", job="api", quantile="0.5"} 0.0@0"#,
      ])
    // What is wrong with an exemplar is found behind the count.
    request.metrics.removeAll()
    request.add("h", kind: 9, [explicit([1], [], exemplars: [(nil, [])])])
    let refused = try translated(request)
    #expect(refused.text == [#"h_sum{job="api"} 7.0@10000"#, #"h_count{job="api"} 1.0@10000"#])
    #expect(refused.translation.problems == ["unsupported exemplar value type: Empty"])
  }

  @Test func nativeHistogramsOfAllKinds() throws {
    var request = Request()
    request.add("d", kind: 9, temporality: 1, [explicit([0, 0, 3, 0, 0, 0, 1], [1, 2, 3, 4, 5, 6])])
    request.add("z", kind: 9, [explicit([0, 0], [1]), explicit([0, 0], [1], sum: nil, flags: 1)])
    request.add("e", kind: 10, [exponential([1], offset: 2, scale: 0, negative: [2, 3], count: 0)])
    request.add("n", kind: 10, [exponential([1], offset: 2, scale: 0, flags: 1)])
    var options = Options()
    options.convertsHistograms = true
    options.allowsDelta = true
    let (batch, translation, text) = try translated(request, options)
    #expect(text.count == 5 && batch.histogramCount == 5)
    #expect(
      batch.histogram(0).histogram
        == Histogram(
          schema: Histogram.customBoundsSchema, sum: 7, resetHint: .gauge,
          positiveSpans: [.init(offset: 2, length: 1), .init(offset: 3, length: 1)], customValues: [1, 2, 3, 4, 5, 6],
          counts: .int(count: 4, zeroCount: 0, positive: [3, 1], negative: [])))
    #expect(
      batch.histogram(1).histogram
        == Histogram(
          schema: Histogram.customBoundsSchema, sum: 7, customValues: [1],
          counts: .int(count: 0, zeroCount: 0, positive: [], negative: [])))
    for index in [2, 4] {
      let stale = batch.histogram(index).histogram
      #expect(stale.sum.bitPattern == Histogram.staleSumBits)
      guard case .int(let count, _, _, _) = stale.counts else { continue }
      #expect(count == Histogram.staleSumBits)
    }
    #expect(
      batch.histogram(3).histogram
        == Histogram(
          schema: 0, zeroThreshold: 1e-128, sum: 2.5, positiveSpans: [.init(offset: 3, length: 1)],
          negativeSpans: [.init(offset: 3, length: 2)],
          counts: .int(count: 0, zeroCount: 2, positive: [1], negative: [2, 3])))
    #expect(
      translation.warnings == [
        "histogram data point has zero count, but non-zero sum: 7.0",
        "exponential histogram data point has zero count, but non-zero sum: 2.5",
      ])
  }

  /// Bytes that are wrong are told also where nothing would have become of them.
  @Test func wrongBytesInWhatIsLeftOut() throws {
    for temporality in [1, 2] as [Int32] {
      var request = Request()
      request.add(
        "s", kind: 7, temporality: temporality,
        [{ point in point.message(field: 7) { attribute in attribute.message(field: 2) { $0.uint64(field: 1, 7) } } }])
      #expect(throws: ModelError.self) { try translated(request) }
    }
    for (field, write) in [
      (3, { $0.uint64(field: 3, 1) }), (4, { $0.uint64(field: 4, 1) }), (5, { $0.uint64(field: 5, 1) }),
      (7, { $0.fixed64(field: 7, 1) }), (8, { $0.fixed64(field: 8, 1) }),
    ] as [(Int, (inout ProtobufWriter) -> Void)] {
      var request = Request()
      request.add("g", kind: 5, [write])
      #expect(throws: ModelError.self, "field \(field)") { try translated(request) }
    }
    #expect(throws: ModelError.self) { try OTLPTranslation.append([0x08, 0x01], to: try SampleBatch()) }
    #expect(try OTLPTranslation.append([], to: try SampleBatch()).problems.isEmpty)
  }

  @Test func ofSeveralKindsTheLastCounts() throws {
    var request = Request()
    request.metrics.append { writer in
      writer.string(field: 1, "m")
      for (kind, value) in [(5, 1.0), (7, 2), (5, 3), (5, 4)] {
        writer.message(field: kind) { data in
          data.message(field: 1) { $0.double(field: 4, value) }
          if kind == 7 { data.bool(field: 3, true) }
        }
      }
    }
    #expect(try translated(request).text == ["m 3.0@0", "m 4.0@0"])
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
    request.resource = [("service.name", .string("api")), ("zone", .array([.map([("k", .double(1))])]))]
    request.add(
      "g", kind: 7, [number(1, [("a.b", .int(1)), ("a_b", .string("x"))], exemplars: [Exemplar(spanID: [1])])])
    request.add("d", kind: 9, [explicit([1, 2], [0.5], exemplars: [(0.2, [1])], [("k", .bytes([1]))])])
    request.add("h", kind: 10, [exponential([1, 0, 0, 0, 2], offset: -3, scale: 9, negative: [1])])
    request.add("s", kind: 11, [{ point in point.message(field: 6) { $0.double(field: 1, 0.5) } }])
    let bytes = request.bytes
    var natively = Options()
    natively.convertsHistograms = true
    natively.names.strategy = .noTranslation
    func check(_ bytes: [UInt8]) throws {
      for options in [Options(), natively] {
        let batch = try SampleBatch(budget: MemoryBudget(name: "test", limitBytes: 64 << 20))
        do {
          _ = try OTLPTranslation.append(bytes, to: batch, options: options)
          try batch.normalizeLabels()
          _ = try batch.remoteWriteV2(0..<batch.seriesCount)
        } catch is ModelError {}
      }
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
