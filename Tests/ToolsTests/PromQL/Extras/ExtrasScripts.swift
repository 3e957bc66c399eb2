// Scripts whose queries may use what `promql-extras` enables.
import PromQL
import TestSupport
import Testing

@testable import Tools

/// Runs a script with the extras, and with names dropped at once and in the end.
func expectPasses(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
  for delays in [false, true] {
    var runner = ScriptRunner()
    var options = EngineOptions()
    options.timeoutMs = 0
    options.delaysNameRemoval = delays
    var parser = ParserOptions.everything
    let isKnown = parser.enable(feature: "promql-extras")
    #expect(isKnown)
    runner.engine = QueryEngine(options: options, parserOptions: parser)
    runner.variesInstants = false
    let outcomes = try await runner.run(script)
    #expect(!outcomes.isEmpty, sourceLocation: sourceLocation)
    for outcome in outcomes {
      #expect(
        outcome.failures.isEmpty, "line \(outcome.line), \(delays ? "delayed" : "at once"): \(outcome.query)",
        sourceLocation: sourceLocation)
    }
  }
}

/// Runs a script of `data` and of `cases`: queries, each with its answer indented below it, which are evaluated as `place` says.
func expectAnswers(
  _ data: String, _ place: String, _ cases: String, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  var script = data
  for line in cases.split(separator: "\n") where !line.hasPrefix("#") {
    script += line.hasPrefix(" ") ? "\(line)\n" : "\neval \(place) \(line)\n"
  }
  try await expectPasses(script, sourceLocation: sourceLocation)
}
