// Answers of the query API over series in memory.
import PromQL
import Synchronization
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

private struct Broken: Error, CustomStringConvertible { let description = "the disk is gone" }

@Suite struct QueryAPITests {
  private static let up = MemorySeries(
    Labels([("__name__", "up"), ("job", "a<b>")]), [(0, 1), (60_000, 0.5), (120_000, 2)])
  private static let down = MemorySeries(Labels([("__name__", "down"), ("job", "b")]), [(0, 3), (60_000, .infinity)])
  private static let mixed = MemorySeries(
    Labels([("__name__", "mixed")]),
    values: [
      (0, .float(7)),
      (
        60_000,
        .histogram(
          Histogram(
            schema: 0, sum: 4, positiveSpans: [Histogram.Span(offset: 0, length: 2)],
            counts: .float(count: 3, zeroCount: 0, positive: [1, 2], negative: [])))
      ),
    ])

  private static func router(
    _ source: MemorySource = MemorySource([up, down, mixed]), engine: QueryEngine = QueryEngine(), prefix: String = "",
    _ change: (inout QueryAPIOptions) -> Void = { _ in }
  ) -> HTTPRouter {
    var options = QueryAPIOptions()
    change(&options)
    var router = HTTPRouter()
    QueryAPI(engine: engine, source: source, options: options).addRoutes(to: &router, prefix: prefix)
    return router
  }

  private static func data(_ router: HTTPRouter, _ target: String) async throws -> String {
    let answer = try await ask(router, target)
    #expect(answer.status == 200 && answer.headers["content-type"] == "application/json", "\(target): \(answer.text)")
    let (head, tail) = (#"{"status":"success","data":"#, "}")
    #expect(answer.text.hasPrefix(head) && answer.text.hasSuffix(tail))
    return String(answer.text.dropFirst(head.count).dropLast())
  }

  @Test func vectorsHoldTheNewestSamples() async throws {
    #expect(
      try await Self.data(Self.router(), "/api/v1/query?query=up&time=90.5")
        == #"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a<b>"},"value":[90.500,"0.5"]}]}"#)
    #expect(
      try await Self.data(Self.router(), "/api/v1/query?query=mixed&time=60")
        == #"{"resultType":"vector","result":[{"metric":{"__name__":"mixed"},"histogram":[60,"#
        + #"{"count":"3","sum":"4","buckets":[[0,"0.5","1","1"],[0,"1","2","2"]]}]}]}"#)
  }

  @Test func matricesHoldFloatsThenHistograms() async throws {
    #expect(
      try await Self.data(Self.router(), "/api/v1/query_range?query={job!=''}&start=0&end=120&step=1m")
        == #"{"resultType":"matrix","result":["#
        + #"{"metric":{"__name__":"down","job":"b"},"values":[[0,"3"],[60,"+Inf"],[120,"+Inf"]]},"#
        + #"{"metric":{"__name__":"up","job":"a<b>"},"values":[[0,"1"],[60,"0.5"],[120,"2"]]}]}"#)
    #expect(
      try await Self.data(Self.router(), "/api/v1/query_range?query=mixed&start=0&end=60&step=30")
        == #"{"resultType":"matrix","result":[{"metric":{"__name__":"mixed"},"values":[[0,"7"],[30,"7"]],"#
        + #""histograms":[[60,{"count":"3","sum":"4","buckets":[[0,"0.5","1","1"],[0,"1","2","2"]]}]]}]}"#)
    #expect(
      try await Self.data(Self.router(), "/api/v1/query?query=mixed[2m]&time=60")
        == #"{"resultType":"matrix","result":[{"metric":{"__name__":"mixed"},"values":[[0,"7"]],"#
        + #""histograms":[[60,{"count":"3","sum":"4","buckets":[[0,"0.5","1","1"],[0,"1","2","2"]]}]]}]}"#)
  }

  @Test func scalarsAndStringsHaveTheirTime() async throws {
    #expect(
      try await Self.data(Self.router(), "/api/v1/query?query=1e-9&time=1.5")
        == #"{"resultType":"scalar","result":[1.5,"0.000000001"]}"#)
    #expect(
      try await Self.data(Self.router(), "/api/v1/query?query=%22%3C%22&time=1")
        == #"{"resultType":"string","result":[1,"\u003c"]}"#)
  }

  @Test func limitsCutTheAnswerAndSaySo() async throws {
    let answer = try await ask(Self.router(), "/api/v1/query?query={job!=''}&time=60&limit=1")
    #expect(answer.text.hasSuffix(#""+Inf"]}]},"warnings":["results truncated due to limit"]}"#))
    #expect(!answer.text.contains("\"up\""))
    let series = try await ask(Self.router(), "/api/v1/series?match[]=up&match[]=down&match[]=up&limit=1")
    #expect(
      series.text == #"{"status":"success","data":[{"__name__":"down","job":"b"}],"#
        + #""warnings":["results truncated due to limit"]}"#)
  }

  /// Numbers at the edges of their types are answered, whatever the answer.
  @Test(arguments: [
    "9223372036854775807", "9223372036854775806", "-9223372036854775808", "1e18", "-1e18", "9.3e18", "292y", "0",
  ])
  func extremeNumbersAreAnswered(_ number: String) async throws {
    let router = Self.router()
    for target in [
      "series?match[]=up&limit=\(number)", "labels?limit=\(number)", "label/job/values?limit=\(number)",
      "query?query=up&limit=\(number)", "query?query=up&time=\(number)", "query?query=up[1h:1m]&time=\(number)",
      "query?query=up&time=0&timeout=\(number)", "query?query=up&time=0&lookback_delta=\(number)",
      "query_range?query=up&start=\(number)&end=\(number)&step=1",
      "query_range?query=up&start=0&end=\(number)&step=1e9",
      "query_range?query=up&start=-\(number)&end=\(number)&step=9e9",
      "query_range?query=up&start=0&end=1&step=\(number)",
      "series?match[]=up&start=\(number)&end=\(number)", "series?match[]=up&start=-\(number)",
      "status/tsdb?limit=\(number)",
      "query?query=up%20offset%20\(number)&time=1", "query?query=up%20@%20\(number)&time=1",
      "query?query=up[\(number)]&time=1",
      "query?query=rate(up[\(number)])&time=\(number)",
      "query_range?query=sum_over_time(up[1m:\(number)])&start=0&end=9&step=1",
    ] {
      let answer = try await ask(router, "/api/v1/" + target)
      #expect([200, 400, 422, 503].contains(answer.status), "\(target): \(answer.text.prefix(300))")
    }
  }

  @Test func seriesOfSeveralSelectorsAreMerged() async throws {
    #expect(
      try await Self.data(Self.router(), "/api/v1/series?match[]=up&match[]={__name__=~'up|mixed'}&match[]=down")
        == #"[{"__name__":"down","job":"b"},{"__name__":"mixed"},{"__name__":"up","job":"a<b>"}]"#)
    #expect(try await Self.data(Self.router(), "/api/v1/series?match[]=up&start=200") == "[]")
  }

  @Test func labelsAreEscapedForHTMLInLists() async throws {
    #expect(try await Self.data(Self.router(), "/api/v1/labels") == #"["__name__","job"]"#)
    #expect(try await Self.data(Self.router(), "/api/v1/label/job/values") == #"["a\u003cb\u003e","b"]"#)
    #expect(try await Self.data(Self.router(), "/api/v1/label/U__job/values?match[]=up") == #"["a\u003cb\u003e"]"#)
  }

  @Test func warningsOfSourcesAreTold() async throws {
    let router = Self.router(MemorySource([Self.up], warnings: ["block 01 is \"bad\""]))
    for target in ["/api/v1/query?query=up&time=0", "/api/v1/series?match[]=up", "/api/v1/labels"] {
      let answer = try await ask(router, target)
      #expect(answer.status == 200 && answer.text.hasSuffix(#","warnings":["block 01 is \"bad\""]}"#), "\(target)")
    }
  }

  @Test func manyWarningsAreCounted() throws {
    let texts = (0..<12).map { "w\($0)" }
    let reply = try APIAnswer(.text("1"), warnings: texts, infos: ["i"]).reply(.prometheus)
    guard case .bytes(let bytes) = reply.body else { throw TestSupportError("a small answer is not streamed") }
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasSuffix(#""w9","2 more warning annotations omitted"],"infos":["i"]}"#))
  }

  @Test func largeAnswersAreStreamedWithTheSameText() async throws {
    var series: [MemorySeries] = []
    var want = #"{"status":"success","data":{"resultType":"matrix","result":["#
    for number in 0..<300 {
      let labels = Labels([("__name__", "m"), ("n", String(1000 + number))])
      let values = (0..<200).map { step -> Double in Double(number) + Double(step) / 8 }
      series.append(MemorySeries(labels, values.enumerated().map { (Int64($0.offset) * 1000, $0.element) }))
      let points = values.enumerated().map { step, value -> String in
        let text = value == value.rounded() ? "\(Int(value))" : "\(value)"
        return "[\(step),\"\(text)\"]"
      }
      want += number > 0 ? "," : ""
      want += #"{"metric":{"__name__":"m","n":"\#(1000 + number)"},"values":[\#(points.joined(separator: ","))]}"#
    }
    want += "]}}"
    let target = "/api/v1/query_range?query=m&start=0&end=199&step=1"
    let answer = try await ask(Self.router(MemorySource(series)), target)
    #expect(answer.text == want)
    #expect(answer.text.utf8.count > APIAnswer.wholeBytesMax)

    // One series with more samples than fit into a piece.
    let long = MemorySeries(Labels([("__name__", "l")]), (0..<30_000).map { (Int64($0) * 10, Double($0)) })
    let samples = try await ask(Self.router(MemorySource([long])), "/api/v1/query?query=l[1h]&time=300")
    #expect(samples.text.utf8.count > APIAnswer.wholeBytesMax)
    #expect(
      samples.text.hasPrefix(
        #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"l"},"values":[[0,"0"],[0.010,"1"]"#
      ))
    #expect(samples.text.hasSuffix(#",[299.990,"29999"]]}]}}"#))
    #expect(samples.text.split(separator: "[").count == 30_002)
  }

  @Test func sourcesThatFailAreFaultsOfTheServer() async throws {
    let router = Self.router(MemorySource(onAsk: { throw Broken() }))
    for target in ["/api/v1/query?query=up", "/api/v1/series?match[]=up", "/api/v1/label/a/values"] {
      let answer = try await ask(router, target)
      #expect(answer.status == 500, "\(target)")
      #expect(answer.text == #"{"status":"error","errorType":"internal","error":"the disk is gone"}"#, "\(target)")
    }
  }

  /// What `promql-extras` adds is answered, written and told by all endpoints, within the budget.
  @Test func extrasAreThereWhereTheyAreEnabled() async throws {
    var parser = ParserOptions()
    parser.extras = true
    let engine = QueryEngine(parserOptions: parser)
    let router = Self.router(engine: engine)
    let sums = try await ask(router, "/api/v1/query_range?query=running_sum(up)&start=0&end=120&step=60")
    #expect(sums.text.contains(#""values":[[0,"1"],[60,"1.5"],[120,"3.5"]]"#), "\(sums.text)")
    let formatted = try await ask(router, "/api/v1/format_query?query=WITH%20(x=up)%20(x,x)%20default%200")
    #expect(formatted.text.contains("union(up, up) default 0"), "\(formatted.text)")
    let tree = try await ask(router, "/api/v1/parse_query?query=abs(up)%20keep_metric_names")
    #expect(tree.text.contains(#""keepMetricNames":true"#), "\(tree.text)")
    let budget = MemoryBudget(name: "all queries", limitBytes: 1 << 20)
    let narrow = Self.router(engine: engine) { options in
      options.queryBytesMax = 12_000
      options.budget = budget
    }
    for query in ["range_median(up)", "(up,down)", "outliersk(1,up)", "share(up)", "up%20default%200"] {
      let answer = try await ask(narrow, "/api/v1/query_range?query=\(query)&start=0&end=1000&step=1")
      #expect(
        answer.status == 422 && answer.text.contains("exceed the memory limit of a query"), "\(query): \(answer.text)")
    }
    #expect(budget.usedBytes == 0)
    #expect(try await ask(Self.router(), "/api/v1/query?query=running_sum(up)").status == 400)
  }

  @Test func budgetsRefuseWithTheirLimit() async throws {
    let budget = MemoryBudget(name: "all queries", limitBytes: 1 << 20)
    let router = Self.router { options in
      options.queryBytesMax = 1000
      options.budget = budget
    }
    let answer = try await ask(router, "/api/v1/query_range?query=up&start=0&end=1000&step=1")
    #expect(answer.status == 422 && answer.text.contains(#""errorType":"execution""#))
    #expect(
      answer.text.contains("memory limit of a query (--query.max-memory-per-query): ")
        && answer.text.contains("larger step"))
    #expect(budget.usedBytes == 0)
    #expect(try await ask(router, "/api/v1/query?query=up&time=0").status == 200)
  }

  @Test func dialectsDiffer() async throws {
    let thanos = Self.router { $0.dialect = .thanos }
    let derived = try await ask(thanos, "/api/v1/query_range?query=1&start=0&end=1000")
    #expect(derived.text.hasSuffix(#",[996,"1"],[1000,"1"]]}],"analysis":{}}}"#))
    #expect(derived.headers["access-control-allow-origin"] == "*")
    let refused = try await ask(thanos, "/api/v1/query?query=")
    #expect(refused.status == 400 && refused.headers["cache-control"] == "no-store")
    #expect(APIProblem(.canceled, "").type.status == 503)
    #expect(try APIProblem(.canceled, "").reply(.prometheus).status == 499)
    #expect(try await ask(thanos, "/api/v1/status/tsdb?limit=0").status == 200)
    #expect(try await ask(Self.router(), "/api/v1/status/tsdb?limit=0").status == 400)
  }

  @Test func seriesAreCounted() async throws {
    var api = QueryAPI(engine: QueryEngine(), source: MemorySource([Self.up, Self.down, Self.mixed]))
    let unnamed = MemorySeries(Labels([("job", "b"), ("zone", "z")]), [(0, 1)])
    let source = MemorySource([Self.up, Self.down, Self.mixed, unnamed])
    api.status.tsdb = SeriesStatistics(source) {
      var facts = SeriesStatistics.Facts()
      (facts.chunkCount, facts.minTimeMs, facts.maxTimeMs) = (7, 10, 20)
      return facts
    }
    var router = HTTPRouter()
    api.addRoutes(to: &router)
    #expect(
      try await Self.data(router, "/api/v1/status/tsdb?limit=2")
        == #"{"headStats":{"numSeries":4,"numLabelPairs":6,"chunkCount":7,"minTime":10,"maxTime":20},"#
        + #""seriesCountByMetricName":[{"name":"down","value":1},{"name":"mixed","value":1}],"#
        + #""labelValueCountByLabelName":[{"name":"__name__","value":3},{"name":"job","value":2}],"#
        + #""memoryInBytesByLabelName":[{"name":"__name__","value":11},{"name":"job","value":6}],"#
        + #""seriesCountByLabelValuePair":[{"name":"job=b","value":2},{"name":"__name__=down","value":1}]}"#)
  }

  /// What Prometheus 3.5 answers to the same.
  @Test func namesInPathsMustBeText() async throws {
    let router = Self.router()
    let bad = try await ask(router, "/api/v1/label/%ff/values")
    #expect(bad.status == 400)
    #expect(bad.text == #"{"status":"error","errorType":"bad_data","error":"invalid label name: \"\\xff\""}"#)
    let unclean = try await ask(router, "/api/v1/label/a%20b%2F/values?x=/../1")
    #expect(unclean.status == 307 && unclean.headers["location"] == "/api/v1/label/a%20b/values?x=/../1")
    #expect(unclean.text == "<a href=\"/api/v1/label/a%20b/values?x=/../1\">Temporary Redirect</a>.\n\n")
    let posted = try await ask(router, "POST", "//api/v1/query")
    #expect(posted.status == 307 && posted.body.isEmpty && posted.headers["location"] == "/api/v1/query")
    #expect(try await ask(router, "/api/v1/label/a%2Fb/values").status == 404)
    let nothing = try await ask(router, "/api/v1/query_exemplars?query=1")
    #expect(nothing.status == 204 && nothing.body.isEmpty)
  }

  @Test func routesLieBelowThePrefix() async throws {
    let router = Self.router(prefix: "/prom")
    #expect(try await ask(router, "/prom/api/v1/query?query=1").status == 200)
    #expect(try await ask(router, "/api/v1/query?query=1").status == 404)
    #expect(try await ask(router, "OPTIONS", "/prom/api/v1/anything").status == 204)
  }

  @Test func originsMustMatch() async throws {
    let router = Self.router { $0.allowedOrigins = .matching(try! LabelRegex("https://a.example")) }
    let good = try await ask(router, "/api/v1/query?query=1", headers: ["origin": "https://a.example"])
    #expect(good.headers["access-control-allow-origin"] == "https://a.example" && good.headers["vary"] == "Origin")
    let bad = try await ask(router, "/api/v1/query?query=1", headers: ["origin": "https://aXexample.org"])
    #expect(!bad.headers.contains("access-control-allow-origin") && bad.status == 200)
  }
}
