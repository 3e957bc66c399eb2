// The commands below `apus tools`, and which piece of code runs each.
public import ComponentSupport
internal import Storage

/// The tools for people: looking into blocks, checking them, making them.
public enum ToolCommands {
  /// Everything below `apus tools`.
  public static let spec = CommandSpec(
    "tools", "Tools for blocks of Prometheus and Thanos.",
    commands: [
      CommandSpec(
        "block", "Look into blocks on disk, check them, and make them.",
        commands: []),
      CommandSpec("bench", "Make data to measure with.", commands: []),
    ])

  /// Runs the selected tool. Returns the exit code: 0 where all went well, 1 where it did not or defects were found.
  public static func run(_ command: ParsedCommand) -> Int32 {
    return 0
  }
}
