import Foundation
import TestSupport
import Testing

@testable import Tools

/// The recorded test scripts; none where they are not beside the repository.
private let recordedScripts: [String] = {
  guard let shared = Fixtures.shared else { return [] }
  let folder = shared + "/conformance/promqltest/testdata"
  return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".test") }
    .sorted()
    .map { folder + "/" + $0 }
}()

/// A value of an evaluation's first result, changed; nil where it has none that is a plain number.
private func changed(_ line: String) -> String? {
  guard let blank = line.lastIndex(where: { $0 == " " || $0 == "\t" }) else { return nil }
  let word = line[line.index(after: blank)...]
  guard !line.contains("expect"), !line.contains("{{"), let value = Double(word) else { return nil }
  return line[...blank] + (value.isFinite && value != 0 ? "\(value * -3)" : "12345")
}

@Suite struct ScriptTests {
  @Test(arguments: recordedScripts)
  func scriptsOfPrometheusPass(path: String) async throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let outcomes = try await ScriptRunner().run(text)
    #expect(!outcomes.isEmpty)
    for outcome in outcomes {
      #expect(outcome.failures.isEmpty, "line \(outcome.line): \(outcome.query)")
    }
  }

  @Test func allRecordedEvaluationsAreThere() async throws {
    guard Fixtures.shared != nil else { return }
    var count = 0
    for path in recordedScripts {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      count += text.split(separator: "\n").filter { $0.trimmingCharacters(in: .whitespaces).hasPrefix("eval") }.count
    }
    #expect(count == 2214)
  }

  /// Each changed expectation must fail, and no other.
  @Test(arguments: recordedScripts)
  func changedExpectationsFail(path: String) async throws {
    var lines = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
    var changedEvaluations: Set<Int> = []
    var evaluation: Int?
    for (index, line) in lines.enumerated() {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.isEmpty || text.hasPrefix("#") {
        evaluation = nil
      } else if text.hasPrefix("eval") {
        evaluation = index + 1
      } else if let known = evaluation, let new = changed(line) {
        lines[index] = new
        changedEvaluations.insert(known)
        evaluation = nil
      }
    }
    var runner = ScriptRunner()
    runner.variesInstants = false
    let outcomes = try await runner.run(lines.joined(separator: "\n"))
    for outcome in outcomes {
      #expect(
        outcome.failures.isEmpty != changedEvaluations.contains(outcome.line), "line \(outcome.line): \(outcome.query)")
    }
  }

  private static let small = """
    load 1m
      requests_total{job="api"} 0+60x10
      requests_total{job="db"}  0+30x10
      latency {{schema:0 sum:4 count:2 buckets:[1 1]}}x10

    eval instant at 10m sum by (job) (rate(requests_total[5m]))
      {job="api"} 1
      {job="db"} 0.5

    eval range from 1m to 3m step 1m requests_total{job="db"} > 30
      requests_total{job="db"} _ 60 90

    eval instant at 5m histogram_count(latency)
      expect no_warn
      {} 2

    eval instant at 5m requests_total / on() requests_total
      expect fail regex: found duplicate series
    """

  @Test func aScriptWithRightExpectationsPasses() async throws {
    let outcomes = try await ScriptRunner().run(Self.small)
    #expect(outcomes.count == 4)
    #expect(outcomes.flatMap(\.failures) == [])
  }

  @Test(arguments: [
    ("{job=\"api\"} 1\n", "{job=\"api\"} 2\n"), ("{job=\"db\"} 0.5", "{job=\"web\"} 0.5"),
    ("_ 60 90", "_ 60 91"), ("expect no_warn", "expect warn"), ("found duplicate", "no duplicate"),
    ("  {} 2\n", "  {} 2\n  {a=\"b\"} 2\n"),
  ])
  func aWrongExpectationFails(right: String, wrong: String) async throws {
    #expect(Self.small.contains(right))
    let outcomes = try await ScriptRunner().run(Self.small.replacingOccurrences(of: right, with: wrong))
    #expect(outcomes.filter { !$0.failures.isEmpty }.count == 1)
  }

  @Test(arguments: [
    "load\n  up 1", "load 1m\n  up 1xx", "load 1m\n  up{a} 1", "frobnicate", "eval instant at 1m",
    "eval sometimes at 1m up", "load 1m\n  up {{schema:x}}", "load 1m\n  up {{sum:1",
  ])
  func whatIsNoScriptIsRefusedWithItsLine(text: String) async throws {
    await #expect(throws: ScriptError.self) { try await ScriptRunner().run(text) }
  }
}
