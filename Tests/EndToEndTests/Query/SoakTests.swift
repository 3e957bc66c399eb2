// Thirty-two clients ask good queries, bad ones, and such that they do not wait for, for a while: answers stay the same, nobody else's mistake
// is anybody's error, and memory does not grow.
import Foundation
import TestSupport
import Testing

@Suite struct SoakTests {
  private struct Question: Sendable {
    var path: String
    var form: [(String, String)]
    /// What it is answered with.
    var status: Int
  }

  /// What one client did, or how much memory was seen.
  private struct Share: Sendable {
    var (good, bad, left) = (0, 0, 0)
    var sizesKiB: [Int] = []

    mutating func add(_ other: Share) {
      (good, bad, left) = (good + other.good, bad + other.bad, left + other.left)
      sizesKiB += other.sizesKiB
    }
  }

  private static let start = 1_767_225_600

  private static func range(_ query: String, step: Int = 60, status: Int = 200) -> Question {
    Question(
      path: "/api/v1/query_range",
      form: [("query", query), ("start", "\(start)"), ("end", "\(start + 3600)"), ("step", "\(step)")], status: status)
  }

  private static func instant(_ query: String, status: Int = 200) -> Question {
    Question(path: "/api/v1/query", form: [("query", query), ("time", "\(start + 60)")], status: status)
  }

  private static let good = [
    instant("count({__name__=~\".+\"})"), instant("topk(3, count by (namespace) ({__name__=~\".+\"}))"),
    range("sum by (job) ({__name__=~\".+\"})"), range("max by (namespace) (rate({__name__=~\".+_total\"}[5m]))"),
    range("quantile by (job) (0.9, {__name__=~\".+\"})"), range("max_over_time(count({job=\"job07\"})[10m:1m])"),
    Question(path: "/api/v1/labels", form: [("start", "\(start)"), ("end", "\(start + 3600)")], status: 200),
    Question(path: "/api/v1/series", form: [("match[]", "{pod=~\"app01.*\"}")], status: 200),
    range("sort({job=\"job03\"})"), instant("label_replace(sum({job=\"job01\"}), \"a\", \"b\", \"\", \"\")"),
  ]

  private static let bad = [
    instant("sum(", status: 400), instant("up{a=~\"(\"}", status: 400), range("up", step: -1, status: 400),
    range("{__name__=~\".+\"}", step: 0, status: 400),
    instant("{__name__=~\".+\"} + on() {__name__=~\".+\"}", status: 422),
    range("sort({__name__=~\".+\"})", step: 1, status: 422), instant(String(repeating: "(", count: 5000), status: 400),
    Question(path: "/api/v1/series", form: [("match[]", "{")], status: 400),
    Question(path: "/api/v1/nothing", form: [], status: 404),
  ]

  private static let left = [
    range("max_over_time({__name__=~\".+\"}[30m:1s])", step: 10),
    range("quantile_over_time(0.5, ({__name__=~\".+\"} * 2)[10m:1s])", step: 15),
  ]

  @Test func nothingGrowsAndNobodyElseFails() async throws {
    let folder = try TemporaryFolder("soak")
    let made = try BuiltProgram.run([
      "tools", "bench", "generate", "--set=M1", "--scale=0.002", "--output-dir=\(folder.file("blocks"))",
    ])
    try #require(made.exitCode == 0, "\(made.errorText)")
    let server = try RunningStandalone(
      blocks: [folder.file("blocks")],
      flags: ["--query.max-memory=256MiB", "--query.max-memory-per-query=16MiB", "--query.max-concurrent=8"])
    let (url, processID) = (server.url, server.process.processID)
    var answers: [Data] = []
    for question in Self.good {
      let reply = try await post(url + question.path, question.form)
      try #require(reply.status == 200, "\(question.form): \(String(decoding: reply.body.prefix(300), as: UTF8.self))")
      answers.append(reply.body)
    }
    let expected = answers
    let seconds = isLongTier ? 1800.0 : 8
    let end = ContinuousClock.now + .seconds(seconds)
    let share = try await withThrowingTaskGroup(of: Share.self) { group in
      for client in 0..<32 {
        group.addTask {
          var random = SplitMix64(seed: UInt64(client))
          var share = Share()
          while ContinuousClock.now < end {
            switch random.next() % 10 {
            case 0..<5:
              let number = Int(random.next() % UInt64(Self.good.count))
              let reply = try await post(url + Self.good[number].path, Self.good[number].form)
              #expect(reply.status == 200, "\(Self.good[number].form): \(reply.status)")
              #expect(reply.body == expected[number], "\(Self.good[number].form): another answer than before")
              share.good += 1
            case 5..<8:
              let question = Self.bad[Int(random.next() % UInt64(Self.bad.count))]
              let reply = try await post(url + question.path, question.form)
              #expect(reply.status == question.status, "\(question.form): \(reply.status)")
              share.bad += 1
            default:
              let question = Self.left[Int(random.next() % UInt64(Self.left.count))]
              let request = Task { try await post(url + question.path, question.form) }
              try await Task.sleep(for: .milliseconds(Int(random.next() % 80)))
              request.cancel()
              // It may have come to an answer: refused, or, to the fast, whole.
              if let reply = try? await request.value { #expect(reply.status == 200 || reply.status == 422) }
              share.left += 1
            }
            try await Task.sleep(for: .milliseconds(Int(random.next() % 400)))
          }
          return share
        }
      }
      group.addTask {
        var share = Share()
        while ContinuousClock.now < end {
          share.sizesKiB.append(try RunningServer.memoryKiB("RssAnon", ofProcess: processID))
          try await Task.sleep(for: .milliseconds(isLongTier ? 5000 : 100))
        }
        return share
      }
      var sum = Share()
      for try await share in group { sum.add(share) }
      return sum
    }
    let memory = share.sizesKiB
    func median(_ part: ArraySlice<Int>) -> Int { part.isEmpty ? 0 : part.sorted()[part.count / 2] }
    let quarter = memory.count / 4
    let (early, late) = (median(memory[quarter..<(2 * quarter)]), median(memory[(3 * quarter)...]))
    say(
      "soak of \(Int(seconds)) s: \(share.good) good, \(share.bad) bad, \(share.left) left; \(early >> 10) MiB in the second quarter, \(late >> 10) MiB in the last, "
        + "\((memory.max() ?? 0) >> 10) MiB at most")
    #expect(server.process.poll() == nil)
    #expect(early > 0 && late < early + early / 10 + (24 << 10), "\(early) KiB, then \(late) KiB")
    #expect(try server.get("/metrics").contains("\napus_query_memory_bytes 0\n"))
  }
}
