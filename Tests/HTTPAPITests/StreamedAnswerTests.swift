// Answers that are written while they are computed.
import Synchronization
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI
@testable import PromQL

@Suite struct StreamedAnswerTests {
  private static let many = (0..<400).map { number in
    let labels = Labels([("__name__", "m_total"), ("n", String(1000 + number)), ("s", number % 3 == 0 ? "" : "x")])
    return MemorySeries(labels, (0..<200).map { (Int64($0) * 1000, Double(number * $0) / 8) })
  }

  private static func router(_ source: MemorySource, log: QueryLog? = nil, queue: QueryQueue? = nil) -> HTTPRouter {
    var api = QueryAPI(engine: QueryEngine(parserOptions: .everything), source: source)
    (api.queryLog, api.queue) = (log, queue)
    var router = HTTPRouter()
    api.addRoutes(to: &router)
    return router
  }

  /// With a limit, though it cuts nothing, all of an answer is computed before any of it is written.
  @Test(arguments: [
    "m_total", "rate(m_total[1m])", "last_over_time({n=~\"1.*\"}[1m])", "quantile_over_time(0.5,m_total[30s])",
    "(m_total)",
    "m_total{n=\"nope\"}", "m_total @ 100", "rate({__name__=~\"m.*\"}[1m])", "sum(m_total)", "-m_total",
    "m_total offset -10s", "m_total{n=\"1007\"}",
  ]) func theTextIsThatOfTheWholeAnswer(_ query: String) async throws {
    let source = MemorySource(Self.many, warnings: ["part of it"], partSize: 7)
    let escaped = query.utf8.map { byte in "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    for step in ["1", "50"] {
      let target = "/api/v1/query_range?query=\(escaped)&start=0&end=199&step=\(step)"
      let streamed = try await ask(Self.router(source), target)
      let whole = try await ask(Self.router(source), target + "&limit=1000000")
      #expect(streamed.status == 200 && streamed.text == whole.text, "\(streamed.text.prefix(500))")
      let statistics = try await ask(Self.router(source), target + "&stats=all")
      #expect(
        statistics.text.contains(#","stats":{"timings":{"#)
          && statistics.text.hasSuffix(#","warnings":["part of it"]}"#))
    }
  }

  private struct Gone: Error, CustomStringConvertible { let description = "a block is gone" }

  private static func send(_ router: HTTPRouter, _ target: String) async -> (stream: MemoryStream, error: (any Error)?)
  {
    let stream = MemoryStream()
    do {
      try await router.handle(
        HTTPServerRequest(
          head: HTTPRequestHead(method: "GET", target: target), peer: PeerInfo(address: "127.0.0.1"), stream: stream),
        HTTPServerResponse(stream: stream))
      return (stream, nil)
    } catch { return (stream, error) }
  }

  @Test func failuresBeforeTheFirstPieceHaveTheirStatus() async throws {
    let source = MemorySource(Self.many, partSize: 7, onPart: { if $0 == 3 { throw Gone() } })
    let answer = try await ask(Self.router(source), "/api/v1/query_range?query=m_total&start=0&end=199&step=50")
    #expect(answer.status == 500 && answer.text.contains(#""error":"a block is gone""#))
  }

  @Test func laterFailuresCutTheAnswerOff() async throws {
    let kept = KeptLines()
    let queue = QueryQueue(width: 1)
    let source = MemorySource(Self.many, partSize: 7, onPart: { if $0 == 40 { throw Gone() } })
    let (stream, error) = await Self.send(
      Self.router(source, log: QueryLog { kept.append($0) }, queue: queue),
      "/api/v1/query_range?query=m_total&start=0&end=199&step=1")
    #expect(error is Gone && stream.resetCode == 2 && stream.responseTrailers == nil)
    #expect(stream.responseHead?.status == 200 && stream.responseBody.count > APIAnswer.wholeBytesMax)
    #expect(queue.runningCount == 0)
    #expect(kept.all.count == 1 && kept.all.first?.contains(#""error":"a block is gone","stats""#) == true)
  }

  @Test func whatIsWrittenIsNotHeld() async throws {
    let budget = MemoryBudget(name: "queries", limitBytes: 200_000)
    var options = QueryAPIOptions()
    options.budget = budget
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(), source: MemorySource(Self.many, partSize: 7), options: options).addRoutes(
      to: &router)
    // 400 series of 200 steps take 640,000 bytes at once.
    let target = "/api/v1/query_range?query=m_total&start=0&end=199&step=1"
    #expect(try await ask(router, target).status == 200)
    #expect(try await ask(router, target + "&limit=1000").status == 422)
    #expect(budget.usedBytes == 0)
  }

  @Test func aSlowReaderDoesNotUseTheQuerysTime() async throws {
    var request = QueryRequest.range("m_total", startMs: 0, endMs: 199_000, stepMs: 1000)
    let deadline = ContinuousClock.now + .seconds(3600)
    request.deadline = deadline
    let engine = QueryEngine(
      options: {
        var o = EngineOptions(); o.timeoutMs = 0; return o
      }())
    let stream = try #require(try await engine.stream(request, from: MemorySource(Self.many, partSize: 7)))
    _ = try await stream.next()
    try await Task.sleep(for: .milliseconds(50))
    _ = try await stream.next()
    #expect(try #require(stream.context.deadline) >= deadline + .milliseconds(50))
  }
}

/// Lines of a log.
private final class KeptLines: Sendable {
  private let lines = Mutex<[String]>([])
  func append(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
}
