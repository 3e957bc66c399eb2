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
