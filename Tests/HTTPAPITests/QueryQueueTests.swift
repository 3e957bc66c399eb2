// The turns of queries, and the file that tells which run.
import PromQL
import Synchronization
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

/// A file in memory.
private final class MemoryFile: Sendable {
  private let bytes: Mutex<[UInt8]>
  init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }
  func write(_ new: [UInt8], _ offset: Int) {
    bytes.withLock { bytes in
      precondition(offset >= 1 && offset + new.count <= bytes.count)
      bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }
  }
  var all: [UInt8] { bytes.withLock { $0 } }
}

/// How many run, and ran at most.
private final class Load: Sendable {
  private let counts = Mutex([0, 0])
  func begin() { counts.withLock { $0 = [$0[0] + 1, max($0[1], $0[0] + 1)] } }
  func end() { counts.withLock { $0[0] -= 1 } }
  var most: Int { counts.withLock { $0[1] } }
}

/// Lines of a log.
private final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  func append(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
}

/// Whether something has happened.
private final class Flag: Sendable {
  private let state = Mutex(false)
  func set() { state.withLock { $0 = true } }
  var isSet: Bool { state.withLock { $0 } }
}

@Suite struct QueryQueueTests {
  private static func queue(_ width: Int) -> (QueryQueue, MemoryFile) {
    let empty = QueryQueue.emptyFile(width: width)
    let file = MemoryFile(empty)
    return (QueryQueue(width: width, nowS: { 1_748_826_000 }, write: { file.write($0, $1) }), file)
  }

  @Test func theFileTellsWhatRuns() async throws {
    let (queue, file) = Self.queue(2)
    #expect(file.all.count == 2001 && file.all.first == UInt8(ascii: "["))
    #expect(QueryQueue.unfinished(in: file.all) == nil)
    let first = try await queue.enter("up", deadline: nil)
    let second = try await queue.enter("a < \"b\"", deadline: nil)
    // The very bytes that Prometheus writes.
    let entry = Array(#"{"query":"up","timestamp_sec":1748826000}"#.utf8)
    #expect(Array(file.all[1..<1 + entry.count]) == entry && file.all[1000] == UInt8(ascii: ","))
    #expect(file.all[(1 + entry.count)..<1000].allSatisfy { $0 == 0 })
    #expect(
      QueryQueue.unfinished(in: file.all)
        == #"[{"query":"up","timestamp_sec":1748826000},{"query":"a \u003c \"b\"","timestamp_sec":1748826000}]"#)
    queue.leave(first)
    #expect(QueryQueue.unfinished(in: file.all)?.contains("up") == false)
    queue.leave(second)
    #expect(QueryQueue.unfinished(in: file.all) == nil && queue.runningCount == 0)
  }

  @Test(arguments: ["x", "<", "é", "\"", "\u{1F525}"]) func longQueriesAreCut(_ character: String) async throws {
    let (queue, file) = Self.queue(2)
    for count in [900, 950, 960, 970, 5000] {
      let place = try await queue.enter(String(repeating: character, count: count), deadline: nil)
      let text = try #require(QueryQueue.unfinished(in: file.all))
      #expect(text.hasSuffix(#"","timestamp_sec":1748826000}]"#) && text.hasPrefix(#"[{"query":""#))
      #expect(file.all[1001...].allSatisfy { $0 == 0 })
      queue.leave(place)
    }
  }

  @Test func atMostSoManyRun() async throws {
    let (queue, _) = Self.queue(2)
    let load = Load()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<50 {
        group.addTask {
          let place = try await queue.enter("q\(number)", deadline: nil)
          load.begin()
          try await Task.sleep(for: .milliseconds(1))
          load.end()
          queue.leave(place)
        }
      }
      try await group.waitForAll()
    }
    #expect(load.most == 2 && queue.runningCount == 0 && queue.waitingCount == 0)
  }

  @Test func whoWaitsTooLongGivesUp() async throws {
    let (queue, _) = Self.queue(1)
    let place = try await queue.enter("a", deadline: nil)
    await #expect {
      _ = try await queue.enter("b", deadline: .now + .milliseconds(20))
    } throws: {
      ($0 as? QueryError)?.code == .execution && "\($0)" == "context deadline exceeded"
    }
    let waiting = Task { try await queue.enter("c", deadline: .now + .seconds(60)) }
    while queue.waitingCount == 0 { try await Task.sleep(for: .milliseconds(1)) }
    waiting.cancel()
    await #expect {
      _ = try await waiting.value
    } throws: {
      ($0 as? QueryError)?.code == .canceled && "\($0)" == "context canceled"
    }
    let next = Task { try await queue.enter("d", deadline: nil) }
    while queue.waitingCount == 0 { try await Task.sleep(for: .milliseconds(1)) }
    queue.leave(place)
    queue.leave(try await next.value)
    #expect(queue.runningCount == 0 && queue.waitingCount == 0)
  }

  private static let up = MemorySeries(Labels([("__name__", "up")]), (0..<100).map { (Int64($0) * 15_000, 1) })

  @Test func queriesAreLoggedAsPrometheusLogsThem() async throws {
    let lines = Lines()
    var api = QueryAPI(engine: QueryEngine(), source: MemorySource([Self.up]))
    api.queryLog = QueryLog(nowNs: { 1_748_826_000_500_000_000 }) { lines.append($0) }
    var router = HTTPRouter()
    api.addRoutes(to: &router)
    for target in [
      "/api/v1/query_range?query=rate(up[1m])&start=60.5&end=120.5&step=30", "/api/v1/query?query=sum(",
      "/api/v1/query?query=label_replace(up,'a','b','c','(')&time=-1",
    ] { _ = try await ask(router, target) }
    let all = lines.all
    // What is no query is not logged.
    try #require(all.count == 2)
    #expect(
      all[0].hasPrefix(
        #"{"time":"2025-06-02T01:00:00.5Z","level":"INFO","msg":"promql query logged","params":{"#
          + #""end":"1970-01-01T00:02:00.500Z","query":"rate(up[1m])","start":"1970-01-01T00:01:00.500Z","step":30},"#
          + #""stats":{"timings":{"evalTotalTime":"#))
    #expect(
      all[0].contains(#""samples":{"totalQueryableSamples":12,"samplesRead":8,"peakSamples":"#)
        && all[0].hasSuffix(
          #","httpRequest":{"clientIP":"127.0.0.1","method":"GET","path":"/api/v1/query_range"}}"#),
      "\(all[0])")
    #expect(
      all[1].contains(
        #""start":"1969-12-31T23:59:59.000Z","step":0},"error":"invalid regular expression in label_replace(): (","stats""#
      ))
  }

  /// Numbers of Prometheus 3.5 over the same samples: three series of one value each 15 s.
  @Test(arguments: [
    ("query?query=sum(up)&time=600", 3, 3), ("query_range?query=up&start=0&end=600&step=300", 9, 9),
    ("query_range?query=rate(up[5m])&start=300&end=600&step=300", 120, 120),
    ("query_range?query=rate(up[5m])&start=300&end=420&step=60", 180, 84),
    ("query_range?query=up@300&start=0&end=600&step=300", 9, 3),
    ("query_range?query=up%2Bup&start=0&end=600&step=300", 18, 18),
    ("query_range?query=sum_over_time(up[10m:1m])&start=600&end=900&step=300", 60, 45),
    ("query?query=up[1m]&time=600", 12, 12), ("query_range?query=1%2B1&start=0&end=600&step=300", 0, 0),
  ]) func samplesAreCounted(_ query: String, _ total: Int, _ read: Int) async throws {
    let series = ["a", "b", "c"].map { name in
      MemorySeries(Labels([("__name__", "up"), ("i", name)]), (0..<100).map { (Int64($0) * 15_000, 1) })
    }
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(), source: MemorySource(series)).addRoutes(to: &router)
    let answer = try await ask(router, "/api/v1/\(query)&stats=all")
    #expect(
      answer.text.contains(#""samples":{"totalQueryableSamples":\#(total),"samplesRead":\#(read),"peakSamples":"#),
      "\(answer.text)")
    #expect(answer.text.contains(#""stats":{"timings":{"evalTotalTime":"#))
  }

  @Test func stepsAreTold() async throws {
    var options = EngineOptions()
    options.reportsPerStepStatistics = true
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(options: options), source: MemorySource([Self.up])).addRoutes(to: &router)
    let target = "/api/v1/query_range?query=count_over_time(up[1m])&start=60&end=120.5&step=30.25&stats="
    let answer = try await ask(router, target + "all")
    #expect(
      answer.text.contains(
        #""samples":{"totalQueryableSamplesPerStep":[[60,4],[90.25,4],[120.5,4]],"totalQueryableSamples":12,"#
          + #""samplesReadPerStep":[[60,4],[90.25,2],[120.5,2]],"samplesRead":8,"peakSamples":"#), "\(answer.text)")
    #expect(try await ask(router, target + "1").text.contains("PerStep") == false)
    #expect(try await ask(router, target).text.contains("stats") == false)
  }

  @Test func tooManySamplesAreRefused() async throws {
    var options = EngineOptions()
    options.samplesMax = 50
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(options: options), source: MemorySource([Self.up])).addRoutes(to: &router)
    let text =
      #"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}"#
    for query in [
      "query?query=up[1h]&time=1500", "query_range?query=up&start=0&end=1000&step=10",
      "query?query=count_over_time(up[20m:10s])&time=1200",
    ] {
      let answer = try await ask(router, "/api/v1/\(query)")
      #expect(answer.status == 422 && answer.text == text, "\(query): \(answer.text)")
    }
    #expect(try await ask(router, "/api/v1/query_range?query=up&start=0&end=490&step=10").status == 200)
  }

  /// Long windows are computed in pieces; each step's value is that of an instant query.
  @Test(arguments: [
    "quantile_over_time(0.3,m[1h])", "sum_over_time(m[1h])", "predict_linear(m[1h],5)",
    "stddev_over_time(m[1h] @ 1800)",
    "double_exponential_smoothing(m[1h],0.5,0.1)", "quantile_over_time(scalar(m) / 200,m[1h])", "delta(m[1h] anchored)",
  ]) func longWindowsAreComputedInPieces(_ query: String) async throws {
    var random = SplitMix64(seed: 7)
    let samples = (0..<20_000).map { (Int64($0) * 100, Double(random.next() % 100)) }
    var router = HTTPRouter()
    QueryAPI(
      engine: QueryEngine(parserOptions: .everything),
      source: MemorySource([MemorySeries(Labels([("__name__", "m")]), samples)])
    ).addRoutes(to: &router)
    let escaped = query.replacing(" ", with: "%20")
    let range = try await ask(router, "/api/v1/query_range?query=\(escaped)&start=1500&end=2100&step=1")
    #expect(range.text.split(separator: "[").count >= 603, "\(range.text.prefix(300))")
    for time in [1500, 1501, 1603, 1604, 1605, 1900, 1999, 2100] {
      let instant = try await ask(router, "/api/v1/query?query=\(escaped)&time=\(time)")
      let sample = try #require(instant.text.firstMatch(of: /"value":(\[.*?\])/)?.1, "\(instant.text)")
      #expect(range.text.contains(sample), "\(sample)")
    }
  }

  @Test(.timeLimit(.minutes(5))) func deadlinesDoNotWaitForTheSource() async throws {
    let source = MemorySource([Self.up], onAsk: { try await Task.sleep(for: .seconds(3600)) })
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(), source: source).addRoutes(to: &router)
    let answer = try await ask(router, "/api/v1/query?query=up&timeout=500ms")
    #expect(answer.status == 503 && answer.text.contains(#""error":"query timed out in expression evaluation""#))
  }

  @Test(.timeLimit(.minutes(5))) func whoLeavesStopsTheQuery() async throws {
    let (isAsked, isStopped) = (Flag(), Flag())
    let source = MemorySource(
      [Self.up],
      onAsk: {
        isAsked.set()
        do { try await Task.sleep(for: .seconds(3600)) } catch {
          isStopped.set()
          throw error
        }
      })
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(), source: source).addRoutes(to: &router)
    let asked = router
    let request = Task { try await ask(asked, "/api/v1/query?query=up") }
    while !isAsked.isSet { try await Task.sleep(for: .milliseconds(1)) }
    request.cancel()
    let answer = try await request.value
    #expect(answer.status == 499 && answer.text.contains(#""errorType":"canceled","error":"query was canceled"#))
    #expect(isStopped.isSet)
  }
}
