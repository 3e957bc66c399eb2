// Requests that nobody means: each is answered, with JSON where it is the API's.
import Foundation
import PromQL
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

@Suite struct HostileRequestTests {
  private static let paths = [
    "query", "query_range", "query_exemplars", "format_query", "parse_query", "series", "labels", "label/job/values",
    "label/U__\u{FF}_/values", "metadata", "targets", "targets/metadata", "rules", "alerts", "status/tsdb",
    "status/flags",
    "status/runtimeinfo", "features", "scrape_pools",
  ]
  private static let names = [
    "query", "time", "start", "end", "step", "timeout", "limit", "lookback_delta", "stats", "match[]", "metric", "type",
    "group_limit", "state", "\u{0}", "",
  ]
  private static let values = [
    "up", "rate(up[5m])", "sum by (job) (up)", "{job=~\".+\"}", "up[1h]", "up[1h:1s]", "topk(2,up)", "0", "1", "-1",
    "60", "1e3",
    "NaN", "Inf", "-Inf", "1e300", "9223372036854775807", "5m", "1y", "2025-06-02T01:00:00Z", "", " ", "\u{0}", "%",
    "\"", "{", "((((",
    "\u{2028}<&>", "\u{FFFD}", "all", "x{a=~\"(a|b)*c\"}", "histogram_quantile(0.9, up)", "absent(nope)", "vector(1)",
    "up offset -1y", "label_replace(up,\"a\",\"$1\",\"job\",\"(.*)\")", "1/0", "\"text\"",
  ]

  @Test func anyRequestIsAnswered() async throws {
    let series = ["a", "b<c>", "\u{1F525}"].map { job in
      MemorySeries(Labels([("__name__", "up"), ("job", job)]), (0..<200).map { (Int64($0) * 15_000, Double($0 % 7)) })
    }
    var options = EngineOptions()
    options.samplesMax = 200_000
    options.timeoutMs = 60_000
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(options: options), source: MemorySource(series)).addRoutes(to: &router)
    let seed = UInt64.random(in: 0..<UInt64.max)
    var random = SplitMix64(seed: seed)
    func pick(_ list: [String]) -> String { list[Int(random.next() % UInt64(list.count))] }
    for _ in 0..<3000 {
      var form = ""
      for _ in 0..<random.next() % 6 {
        let value = random.next() % 8 == 0 ? String(random.next() % 100_000) : pick(Self.values)
        form += (form.isEmpty ? "" : "&") + Self.escaped(pick(Self.names)) + "=" + Self.escaped(value)
      }
      if random.next() % 20 == 0 { form += "&a=%Z;" }
      let path = "/api/v1/" + Self.escaped(pick(Self.paths), keeps: "/")
      let isPost = random.next() % 3 == 0
      let answer = try await ask(
        router, isPost ? "POST" : "GET", isPost ? path : "\(path)?\(form)",
        headers: isPost ? ["content-type": "application/x-www-form-urlencoded"] : [:],
        body: isPost ? Array(form.utf8) : [])
      let what = "seed \(seed): \(isPost ? "POST" : "GET") \(path) \(form): \(answer.status) \(answer.text.prefix(300))"
      #expect([200, 204, 400, 404, 405, 422, 503].contains(answer.status), "\(what)")
      if answer.headers["content-type"] == "application/json" {
        let json = try? JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
        #expect(json?["status"] as? String == (answer.status == 200 ? "success" : "error"), "\(what)")
      } else {
        #expect([204, 404, 405].contains(answer.status), "\(what)")
      }
    }
  }

  private static func escaped(_ text: String, keeps: String = "") -> String {
    text.utf8.map { byte in
      let character = Character(UnicodeScalar(byte))
      if byte < 0x80, character.isLetter || character.isNumber || keeps.contains(character) { return String(character) }
      return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
