// The examples of docs/http-api.md are asked and answered as they say.
import PromQL
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

@Suite struct DocumentedExamplesTests {
  /// The requests of the page, each with the answer that follows it.
  private static func examples() throws -> [(request: String, answer: String)] {
    let page = String(decoding: try readFile(Fixtures.repository + "/docs/http-api.md"), as: UTF8.self)
    var found: [(String, String)] = []
    var request: String?
    for part in page.components(between: "```") {
      if part.hasPrefix("http\n") {
        #expect(request == nil, "a request without an answer: \(request ?? "")")
        request = String(part.dropFirst(5).dropLast())
      } else if part.hasPrefix("json\n"), let asked = request {
        found.append((asked, part.dropFirst(5).split(separator: "\n").joined()))
        request = nil
      }
    }
    return found
  }

  private static func router() -> HTTPRouter {
    func samples(_ value: (Int64) -> Double) -> [(Int64, Double)] { (0...40).map { ($0 * 15_000, value($0)) } }
    let series = [
      MemorySeries(Labels([("__name__", "up"), ("instance", "h1:80"), ("job", "web")]), samples { _ in 1 }),
      MemorySeries(
        Labels([("__name__", "up"), ("instance", "h2:80"), ("job", "api")]), samples { $0 <= 20 ? 0 : 1 }),
      MemorySeries(Labels([("__name__", "requests_total"), ("job", "web")]), samples { Double($0) * 30 }),
    ]
    let source = MemorySource(series)
    var api = QueryAPI(engine: QueryEngine(), source: source)
    api.status.tsdb = SeriesStatistics(source)
    var router = HTTPRouter()
    api.addRoutes(to: &router)
    return router
  }

  /// Times that a query took, made alike.
  private static func withoutTimings(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let range = rest.firstRange(of: "Time\":") {
      result += rest[..<range.upperBound] + "0"
      rest = rest[range.upperBound...].drop { $0.isNumber || ".e-+".contains($0) }
    }
    return result + rest
  }

  @Test func examplesAreAnsweredAsDocumented() async throws {
    let router = Self.router()
    let examples = try Self.examples()
    #expect(examples.count >= 12)
    for (request, answer) in examples {
      let words = request.split(separator: " ", maxSplits: 1).map(String.init)
      let target = try #require(words.last).flatMap { character in
        " \"{}[]".contains(character) ? "%" + String(character.asciiValue ?? 0, radix: 16) : String(character)
      }
      let given = try await ask(router, words[0], String(target))
      // Shapes whose numbers are those of the process.
      let isTimed = request.contains("stats=")
      #expect(
        (isTimed ? Self.withoutTimings(given.text) : given.text) == (isTimed ? Self.withoutTimings(answer) : answer),
        "\(request)")
    }
  }
}

extension String {
  /// What lies behind each odd `fence` and before the next.
  fileprivate func components(between fence: String) -> [String] {
    let parts = split(separator: fence, omittingEmptySubsequences: false)
    return parts.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }
}
