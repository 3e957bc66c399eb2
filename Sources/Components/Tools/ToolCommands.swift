// The commands below `apus tools`, and which piece of code runs each.
public import ComponentSupport
internal import Storage
internal import TSModel

/// The tools for people: looking into blocks, checking them, making them.
public enum ToolCommands {
  /// Everything below `apus tools`.
  public static let spec = CommandSpec(
    "tools", "Tools for blocks of Prometheus and Thanos, on disk and in buckets.",
    commands: [
      CommandSpec(
        "block", "Look into blocks on disk, check them, and make them.",
        commands: [
          DumpCommand.spec, VerifyCommand.spec, StatsCommand.spec, CreateFromCommand.spec, CompactCommand.spec,
          DownsampleCommand.spec, RewriteCommand.spec,
        ]),
      BucketCommands.spec,
      WALCommands.spec,
      CommandSpec(
        "promql", "Ask and test queries.",
        commands: [QueryCommand.instant, QueryCommand.range, QueryCommand.explanation, PromQLTestCommand.spec]),
      CommandSpec("bench", "Data for benchmarks.", commands: [GenerateCommand.spec]),
    ])

  /// Runs the selected tool. Returns the exit code: 0 where all went well, 1 where it did not or defects were found.
  public static func run(_ command: ParsedCommand) async -> Int32 {
    do {
      if command.path.count == 3, command.path[1] == "bucket" {
        return try await BucketCommands.run(command.path[2], command)
      }
      switch command.path.dropFirst().joined(separator: " ") {
      case "block dump": return try DumpCommand.run(command)
      case "block verify": return try VerifyCommand.run(command)
      case "block stats": return try StatsCommand.run(command)
      case "block create-from openmetrics": return try CreateFromCommand.runOpenMetrics(command)
      case "block create-from jsonl": return try CreateFromCommand.runDump(command)
      case "block compact": return try CompactCommand.run(command)
      case "block downsample": return try DownsampleCommand.run(command)
      case "block rewrite": return try RewriteCommand.run(command)
      case "wal dump": return try WALDumpCommand.run(command)
      case "wal verify": return try WALVerifyCommand.run(command)
      case "wal repair": return try WALRepairCommand.run(command)
      case "promql query": return try await QueryCommand.run(command, isRange: false)
      case "promql query-range": return try await QueryCommand.run(command, isRange: true)
      case "promql explain": return try await QueryCommand.explain(command)
      case "promql test": return try await PromQLTestCommand.run(command)
      case "bench generate": return try GenerateCommand.run(command)
      default: preconditionFailure("a command without code: \(command.path)")
      }
    } catch is OutputClosed {
      return 1  // whoever read our output has seen enough
    } catch {
      printError("apus: error: \(error)\n")
      return 1
    }
  }
}
