// The extras of the language, asked of us and of a real VictoriaMetrics that holds the same samples.
import Foundation
import TestSupport
import Testing

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

@Suite struct VictoriaMetricsTests {
  private static let startMs: Int64 = 1_700_000_040_000
  private static let count = 30

  private struct Series {
    var labels: [String: String]
    var samples: [(timeMs: Int64, value: Double)]
  }

  /// Series with a sample a minute, some with holes, one that begins late, counters that begin anew.
  private static let data: [Series] = {
    var all: [Series] = []
    func add(_ name: String, _ labels: [String: String], _ value: (Int) -> Double?) {
      let samples = (0..<count).compactMap { index in
        value(index).map { (timeMs: startMs + 60_000 * Int64(index), value: $0) }
      }
      all.append(Series(labels: labels.merging(["__name__": name]) { first, _ in first }, samples: samples))
    }
    add("holes", ["a": "x"]) { $0 % 7 == 3 ? nil : Double($0 * 37 % 11 - 2) }
    add("holes", ["a": "y"]) { [0, 1, 10, 11, 29].contains($0) ? nil : 5 + Double($0 * 13 % 7) / 2 }
    add("holes", ["a": "z"]) { $0 < 12 ? nil : Double(100 - $0) }
    add("full", ["a": "x"]) { Double($0 * 17 % 13) }
    add("full", ["a": "y"]) { Double(20 - $0 * 5 % 9) }
    add("flat", ["a": "x"]) { _ in 4 }
    add("counter", ["a": "x"]) { Double($0 * 10 + $0 % 3) }
    add("counter", ["a": "y"]) { Double($0 < 14 ? $0 * 10 : ($0 - 14) * 20) }
    for number in 0..<6 {
      add("many", ["g": number % 2 == 0 ? "p" : "q", "i": "\(number)"]) {
        Double($0 * (number + 3) % 10 - (number == 3 ? 1 : 0)) + Double(number * number) / 8
      }
    }
    add("one", [:]) { _ in 7 }
    return all
  }()

  /// Queries that both answer alike. The step of a range query is a minute; holes shows its holes.
  private static let alike: [String] =
    [
      "\(holes)", "full",
      "abs(full) keep_metric_names", "sum_over_time(full[3m]) keep_metric_names", "(full * 2) keep_metric_names",
      "(full > bool 6) keep_metric_names", "(full - on (a) counter) keep_metric_names",
      "\(holes) default 0", "\(holes) default full", "\(holes) default on (a) counter", "\(holes) default sum(one)",
      "missing default 3", "missing default one", "sum(missing) default (0 / 0) default 2",
      "full / 0 * 0 default -1", "(full > 1000) default 3", "1 default full", "full default on () one",
      "full + 1 default one or flat",
      "WITH (x = full) x", "WITH (x = full + counter) x * x", "WITH (f(x) = x + x) f(full) / f(counter + 1)",
      "WITH (c = {a=\"x\"}) full{c} + counter{c}", "WITH (m = full{a=~\"x|y\"}) sum_over_time(m{a=\"x\"}[3m])",
      "WITH (v = \"x\") full{a=v}", "WITH (w = 5m, o = 1m) sum_over_time(full[w] offset o)",
      "WITH (x = counter, f(y) = x + y) WITH (x = full) f(x)",
      "2 * WITH (x = full) x + 1", "WITH (r(m, w) = sum_over_time(m[w])) r(full, 10m)",
      "running_sum(full)", "running_min(full)", "running_max(full)", "running_avg(full)",
      "running_sum(\(holes))", "running_min(\(holes))", "running_max(\(holes))",
      "range_avg(full)", "range_normalize(full, counter)",
      "range_zscore(flat)", "range_normalize(flat)", "range_linear_regression(flat)", "range_sum(full @ end())",
      "rollup(full[5m])", "rollup(full[5m], \"max\")", "rollup(\(holes)[10m:1m], \"min\")",
      "median(many)", "median(many) by (g)", "median(\(holes))",
      "mode_over_time(flat[10m])", "share(many)", "share(many) by (g)", "share(\(holes))",
      "outliersk(1, many)", "outliersk(2, many)", "outliersk(1, many) by (g)", "outliersk(0, many)",
      "limit_offset(1, 1, sort_by_label(many, \"i\"))", "limit_offset(9, 2, sort_by_label(many, \"i\"))",
      "union(full, one)", "(full, one)", "(full, full, one)", "sum((full, one))",
      "sum_over_time(full)", "count_over_time(full)", "last_over_time(holes)",
      "sum_over_time(count_over_time(full)[5m:1m])", "min_over_time(sum_over_time(full)[5m:30s])",
    ]
    + [full, holes].flatMap { vector in
      [
        "sum", "min", "max", "first", "last", "median", "mad", "stddev", "stdvar", "zscore", "normalize",
        "linear_regression",
      ]
      .map { "range_\($0)(\(vector))" }
        + ["quantile(0.3", "trim_outliers(1", "trim_spikes(0.3", "trim_zscore(1"].map { "range_\($0), \(vector))" }
    }

  private static let full = "full"
  private static let holes = "last_over_time(holes[1m])"

  /// The same at one time, the last one.
  private static let alikeAtOnce = [
    "rollup(full[5m])", "rollup_rate(counter[5m], \"min\")", "rollup_rate(counter[5m], \"max\")",
    "rollup_increase(counter[5m], \"max\")", "rollup_delta(counter[5m], \"max\")", "rollup_deriv(full[5m], \"min\")",
    "mode_over_time(full[40m])", "count_over_time(full)", "sum_over_time(full)", "median(many)", "range_sum(full)",
  ]

  /// Queries that are answered otherwise, and why: docs/promql.md has the list.
  private static let different: [String: String] = [
    "running_avg(\(holes))": "holes count in the divisor",
    "range_avg(\(holes))": "holes count in the divisor",
    "running_sum(full) keep_metric_names": "names are dropped all the same",
    "(full - counter) keep_metric_names": "finds no pair where names differ",
    "rollup_increase(counter[5m])": "a single sample has the change 0, and the last change counts twice",
    "rollup_rate(counter[5m])": "a single sample has the change 0, and the last change counts twice",
    "mode_over_time(full[10m])": "the sample before the window counts",
    "outliersk(1, \(holes))": "a series with a hole is the least of outliers",
    "(sum(full), sum(counter))": "series without labels are refused as duplicates",
    "WITH (l = (g, i)) sum(many) by (l)": "names for labels are refused",
    "rate(counter)": "the window has the sample before it",
    "increase(counter)": "the window has the sample before it",
  ]

  private static func quote(_ text: String) -> String { "\"" + text.replacing("\"", with: "\\\"") + "\"" }

  private static func object(_ labels: [String: String]) -> String {
    "{" + labels.sorted { $0.key < $1.key }.map { "\(quote($0.key)):\(quote($0.value))" }.joined(separator: ",") + "}"
  }

  private static func ourBlocks(_ scratch: TemporaryFolder) throws -> String {
    let lines = data.sorted { object($0.labels) < object($1.labels) }.map { series in
      "{\"labels\":\(object(series.labels)),\"samples\":["
        + series.samples.map { "[\($0.timeMs),\"\($0.value)\"]" }.joined(separator: ",") + "]}"
    }
    let dump = scratch.file("data.jsonl")
    try writeFile(dump, Array(lines.joined(separator: "\n").utf8))
    let blocks = scratch.file("blocks")
    let made = try BuiltProgram.run(["tools", "block", "create-from", "jsonl", "-o", blocks, dump])
    guard made.exitCode == 0 else { throw TestSupportError(made.errorText) }
    return blocks
  }

  /// A VictoriaMetrics with the data, and where it listens.
  private static func theirServer(_ scratch: TemporaryFolder) async throws -> (RunningProcess, String) {
    let port = try freePort()
    let url = "http://127.0.0.1:\(port)"
    let process = try RunningProcess(
      try Peers.require("victoria-metrics"),
      [
        "-storageDataPath=\(scratch.file("victoria"))", "-httpListenAddr=127.0.0.1:\(port)", "-retentionPeriod=100y",
        "-search.latencyOffset=0s", "-search.disableCache",
      ])
    try await waitUntilReady(url + "/health", process)
    let lines = data.map { series in
      "{\"metric\":\(object(series.labels)),\"values\":[\(series.samples.map { "\($0.value)" }.joined(separator: ","))]"
        + ",\"timestamps\":[\(series.samples.map { "\($0.timeMs)" }.joined(separator: ","))]}"
    }
    guard let target = URL(string: url + "/api/v1/import") else { throw TestSupportError("not a URL: \(url)") }
    var request = URLRequest(url: target)
    request.httpMethod = "POST"
    request.httpBody = Data(lines.joined(separator: "\n").utf8)
    _ = try await URLSession.shared.data(for: request)
    _ = try await get(url + "/internal/force_flush")
    return (process, url)
  }

  private static func answer(_ url: String, _ query: String, isRange: Bool) async throws -> QueryAnswer {
    let end = "\(startMs / 1000 + 60 * Int64(count - 1))"
    let times =
      isRange ? [("start", "\(startMs / 1000)"), ("end", end), ("step", "60")] : [("time", end)]
    let got = try await post(url + "/api/v1/query" + (isRange ? "_range" : ""), [("query", query)] + times)
    var answer = try QueryAnswer(status: got.status, body: got.body)
    // Remarks are not compared, and an error is an error.
    (answer.warnings, answer.infos) = ([], [])
    return answer
  }

  @Test(.needsPeers("victoria-metrics")) func extrasAreAnsweredAsVictoriaMetricsDoes() async throws {
    let scratch = try TemporaryFolder("victoria")
    let ours = try RunningStandalone(
      blocks: [try Self.ourBlocks(scratch)], flags: ["--enable-feature=promql-extras,promql-experimental-functions"])
    let (process, theirs) = try await Self.theirServer(scratch)
    defer { process.stop() }
    for (queries, isRange) in [(Self.alike, true), (Self.alikeAtOnce, false)] {
      for query in queries {
        let mine = try await Self.answer(ours.url, query, isRange: isRange)
        let other = try await Self.answer(theirs, query, isRange: isRange)
        #expect(mine.status == 200 && difference(mine, other, absoluteTolerance: 1e-9) == nil, "\(query)")
      }
    }
    for (query, reason) in Self.different {
      let mine = try await Self.answer(ours.url, query, isRange: true)
      let other = try await Self.answer(theirs, query, isRange: true)
      #expect(mine.status == 200 && difference(mine, other, absoluteTolerance: 1e-9) != nil, "\(query): \(reason)")
    }
  }

  @Test func withoutTheFeatureNothingIsThere() async throws {
    let scratch = try TemporaryFolder("victoria")
    let ours = try RunningStandalone(blocks: [try Self.ourBlocks(scratch)])
    for query in ["running_sum(full)", "full default 0", "WITH (x = full) x", "(full, one)", "rate(counter)"] {
      let answer = try await Self.answer(ours.url, query, isRange: true)
      #expect(answer.status == 400 && answer.errorType == "bad_data", "\(query)")
    }
  }
}
