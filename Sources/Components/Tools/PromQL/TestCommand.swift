// `apus tools promql test`: queries tested by Prometheus' own kind of script.
internal import ComponentSupport
internal import Storage
internal import TSModel

/// Runs test scripts.
enum PromQLTestCommand {
  static let spec = CommandSpec(
    "test",
    "Run scripts in the language of Prometheus' PromQL tests: `load` series, `eval` queries, and see whether the answers are "
      + "those that stand below. All features of the language are enabled. Exit code 1 if an answer differs.",
    arguments: [ArgumentSpec("file", .string, "Scripts, usually *.test.", repeatable: true)])

  static func run(_ command: ParsedCommand) async throws -> Int32 {
    var (passed, failed) = (0, 0)
    for path in command.texts("file") {
      let reader = try FileReader(path: path)
      let region = try reader.region(offset: 0, count: reader.byteCount)
      let text = unsafe region.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
      do {
        for outcome in try await ScriptRunner().run(text) {
          if outcome.failures.isEmpty {
            passed += 1
            continue
          }
          failed += 1
          let differences = outcome.failures.prefix(10).map { "    \($0)\n" }.joined()
          try printOutput("\(path):\(outcome.line): \(outcome.query)\n\(differences)")
        }
      } catch let error as ScriptError {
        failed += 1
        try printOutput("\(path):\(error.line): \(error.message)\n")
      }
    }
    try printOutput("\(passed) passed, \(failed) failed\n")
    return failed == 0 ? 0 : 1
  }
}
