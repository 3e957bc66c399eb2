// Runs Prometheus' PromQL test scripts: `load`, `clear` and `eval` with what is expected of them.
internal import PromQL
internal import TSModel

/// How an evaluation went.
struct ScriptOutcome {
  /// The line of the `eval`.
  var line: Int
  /// The query.
  var query: String
  /// What was not as expected; empty where all was.
  var failures: [String]
}

/// Runs one script.
struct ScriptRunner {
  /// How the script's queries are answered.
  var engine: QueryEngine
  /// Whether instant queries are also asked as range queries, and with their times fixed by `@`.
  var variesInstants = true

  private let storage = ScriptStorage()

  /// The engine that scripts are written for.
  init() {
    var options = EngineOptions()
    // A script's queries take as long as they take.
    options.timeoutMs = 0
    options.delaysNameRemoval = true
    options.usesStartTimestamps = true
    engine = QueryEngine(options: options, parserOptions: .everything)
  }

  /// What became of each evaluation of a script. Throws `ScriptError` where the script itself is not valid.
  func run(_ text: String) async throws -> [ScriptOutcome] {
    storage.removeAll()
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.trimmingBlanks }
    // A comment ends a block, as an empty line does.
    for index in lines.indices where lines[index].hasPrefix("#") { lines[index] = "" }
    var outcomes: [ScriptOutcome] = []
    var index = 0
    while index < lines.count {
      let start = index
      index += 1
      guard !lines[start].isEmpty else { continue }
      while index < lines.count, !lines[index].isEmpty { index += 1 }
      let body = Array(zip((start + 2)..., lines[(start + 1)..<index])).map { (line: $0.0, text: $0.1) }
      let words = lines[start].split(whereSeparator: { $0 == " " || $0 == "\t" })
      switch words[0].lowercased() {
      case "clear":
        storage.removeAll()
        // What follows on the next line is a command of its own.
        index = start + 1
      case "load", "load_with_nhcb":
        guard words.count == 2 else { throw ScriptError(line: start + 1, message: "load needs a step") }
        let load = try ScriptLoad(body, stepMs: try milliseconds(words[1], start + 1))
        load.store(in: storage)
        if words[0].lowercased() == "load_with_nhcb" { load.storeCustomBuckets(in: storage) }
      case let command where command.hasPrefix("eval"):
        let evaluation = try ScriptEvaluation(lines[start], body, line: start + 1)
        outcomes.append(await run(evaluation))
      default: throw ScriptError(line: start + 1, message: "no command: \(words[0])")
      }
    }
    return outcomes
  }

  private func run(_ evaluation: ScriptEvaluation) async -> ScriptOutcome {
    var outcome = ScriptOutcome(line: evaluation.line, query: evaluation.query, failures: [])
    outcome.failures = await failures(evaluation)
    if outcome.failures.isEmpty, variesInstants, let range = evaluation.asRange {
      outcome.failures = await failures(range).map { "as a range query: \($0)" }
    }
    return outcome
  }

  private func failures(_ evaluation: ScriptEvaluation) async -> [String] {
    let request =
      evaluation.stepMs > 0
      ? QueryRequest.range(
        evaluation.query, startMs: evaluation.startMs, endMs: evaluation.endMs, stepMs: evaluation.stepMs)
      : QueryRequest.instant(evaluation.query, atMs: evaluation.startMs)
    do {
      let result = try await engine.answer(request, from: storage)
      if evaluation.expectations.mustFail { return ["it was expected to fail"] }
      return evaluation.differences(result)
    } catch {
      return evaluation.expectations.mustFail ? evaluation.expectations.differences(ofError: "\(error)") : ["\(error)"]
    }
  }
}

/// The milliseconds of a duration as scripts have it: `5m`, `0`, `1m30s`, `-1m`.
func milliseconds(_ text: some StringProtocol, _ line: Int) throws -> Int64 {
  let isNegative = text.hasPrefix("-")
  let magnitude = isNegative ? String(text.dropFirst()) : String(text)
  if let expression = try? Expression(parsing: magnitude), case .numberLiteral(let literal) = expression {
    let value = (literal.value * 1000).rounded()
    return Int64(isNegative ? -value : value)
  }
  throw ScriptError(line: line, message: "no duration: \(text)")
}

extension StringProtocol {
  /// Without blanks and tabs at both ends.
  var trimmingBlanks: String {
    var text = self[...]
    while let first = text.unicodeScalars.first, first == " " || first == "\t" || first == "\r" {
      text = text.dropFirst()
    }
    while let last = text.unicodeScalars.last, last == " " || last == "\t" || last == "\r" { text = text.dropLast() }
    return String(text)
  }
}
