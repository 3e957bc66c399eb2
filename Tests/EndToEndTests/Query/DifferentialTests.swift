// A fuzzer: random queries over random data, asked of us and of a real Prometheus over the same block.
import Foundation
import TestSupport
import Testing

@Suite struct DifferentialTests {
  /// A query as it is asked.
  private struct Question: Sendable {
    var query: RandomQuery
    var isRange: Bool
    var startMs: Int64
    var endMs: Int64
    var stepMs: Int64

    var form: [(String, String)] {
      func seconds(_ ms: Int64) -> String { "\(Double(ms) / 1000)" }
      if !isRange { return [("query", query.text), ("time", seconds(startMs))] }
      return [
        ("query", query.text), ("start", seconds(startMs)), ("end", seconds(endMs)), ("step", seconds(stepMs)),
      ]
    }

    var path: String { isRange ? "/api/v1/query_range" : "/api/v1/query" }
    var description: String { "\(query.text) \(isRange ? "\(startMs)…\(endMs) by \(stepMs)" : "at \(startMs)")" }
  }

  /// What became of a question.
  private enum Outcome {
    case same
    case exempted(String)
    case different(String)
  }

  private func question(_ generator: inout QueryGenerator) -> Question {
    let query = generator.query()
    let isRange = generator.random.below(3) > 0
    let span = RandomData.endMs - RandomData.startMs
    let start = RandomData.startMs + Int64(generator.random.below(Int(span / 1000))) * 1000
    let step = [15_000, 30_000, 60_000, 77_000][generator.random.below(4)]
    let end = start + Int64(generator.random.below(40) * step)
    return Question(query: query, isRange: isRange, startMs: start, endMs: end, stepMs: Int64(step))
  }

  private func outcome(of question: Question, _ ours: String, _ theirs: String) async throws -> Outcome {
    async let mine = post(ours + question.path, question.form)
    async let other = post(theirs + question.path, question.form)
    let (a, b) = try await (mine, other)
    let answers = (try QueryAnswer(status: a.status, body: a.body), try QueryAnswer(status: b.status, body: b.body))
    guard let difference = difference(answers.0, answers.1) else { return .same }
    if let reason = Exemptions.reason(question.query.text, answers.0, answers.1) { return .exempted(reason) }
    if try await varies(question, answers.1, theirs), try await !varies(question, answers.0, ours) {
      return .exempted("Prometheus answers now this way, now that, by the order that series come in")
    }
    return .different(difference)
  }

  /// Whether a server answers otherwise than before when it is asked again.
  private func varies(_ question: Question, _ before: QueryAnswer, _ server: String) async throws -> Bool {
    for _ in 0..<12 {
      let again = try await post(server + question.path, question.form)
      let answer = try QueryAnswer(status: again.status, body: again.body)
      if difference(answer, before, relativeTolerance: 0) != nil { return true }
    }
    return false
  }

  /// The smallest part of the query that still differs.
  private func shrunk(_ question: Question, _ ours: String, _ theirs: String) async throws -> String {
    var best = question
    for part in question.query.allParts.sorted(by: { $0.text.utf8.count < $1.text.utf8.count }) {
      var smaller = question
      smaller.query = part
      if case .different = try await outcome(of: smaller, ours, theirs) {
        best = smaller
        break
      }
    }
    if best.isRange {
      for index in 0...((best.endMs - best.startMs) / best.stepMs) {
        var one = best
        (one.startMs, one.endMs) = (best.startMs + index * best.stepMs, best.startMs + index * best.stepMs)
        if case .different(let difference) = try await outcome(of: one, ours, theirs) {
          return "\(one.description): \(difference)"
        }
      }
    }
    guard case .different(let difference) = try await outcome(of: best, ours, theirs) else { return best.description }
    return "\(best.description): \(difference)"
  }

  @Test(.needsPeers("prometheus")) func randomQueriesAreAnsweredAsPrometheusDoes() async throws {
    let given = ProcessInfo.processInfo.environment["APUS_QUERY_SEED"].flatMap(UInt64.init)
    let seed = given ?? UInt64.random(in: 1...999_999_999)
    let rounds = isLongTier ? 20 : 2
    let perRound = isLongTier ? 2500 : 1100
    say("random queries: APUS_QUERY_SEED=\(seed) asks the same again")
    var (same, exempted, differences) = (0, [String: Int](), [String]())
    for round in 0..<rounds {
      let scratch = try TemporaryFolder("differential")
      let dump = scratch.file("data.jsonl")
      try writeFile(dump, Array(RandomData(seed: seed &+ UInt64(round)).text.utf8))
      let blocks = scratch.file("data")
      let made = try BuiltProgram.run(["tools", "block", "create-from", "jsonl", "-o", blocks, dump])
      try #require(made.exitCode == 0, "\(made.errorText)")
      let theirs = try await PrometheusServer(dataFolder: blocks, scratch: scratch, port: try freePort())
      let ours = try RunningStandalone(blocks: [blocks])
      var generator = QueryGenerator(seed: seed &+ 1000 &+ UInt64(round))
      let questions = (0..<perRound).map { _ in question(&generator) }
      let (a, b) = (ours.url, theirs.url)
      let outcomes = try await withThrowingTaskGroup(of: [(Question, Outcome)].self) { group in
        for worker in 0..<4 {
          group.addTask {
            var outcomes: [(Question, Outcome)] = []
            for index in stride(from: worker, to: questions.count, by: 4) {
              outcomes.append((questions[index], try await outcome(of: questions[index], a, b)))
            }
            return outcomes
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      for (question, outcome) in outcomes {
        switch outcome {
        case .same: same += 1
        case .exempted(let reason): exempted[reason, default: 0] += 1
        case .different:
          if differences.count < 20 {
            differences.append("seed \(seed &+ UInt64(round)): \(try await shrunk(question, a, b))")
          } else {
            differences.append(question.description)
          }
        }
      }
      theirs.stop()
    }
    let total = rounds * perRound
    let share = Double(exempted.values.reduce(0, +)) / Double(total) * 100
    say(
      "random queries: \(same) of \(total) answered alike, \(differences.count) not, \(share) % exempted: \(exempted)")
    #expect(differences.isEmpty, "\(differences.prefix(20).joined(separator: "\n"))")
    #expect(share < 5)
    #expect(same > total * 9 / 10)
  }
}
