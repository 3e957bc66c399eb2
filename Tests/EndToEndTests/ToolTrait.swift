// Which tools the built executable has.
import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
  /// For a test over `apus tools block …`: skipped while the executable lacks that command. Goes once all of them are there;
  /// CI fails on a skip, so this hides nothing.
  static func needsTool(_ name: String) -> Self {
    .enabled("needs apus tools block \(name)") {
      try BuiltProgram.run(["tools", "block", name, "--help"]).exitCode == 0
    }
  }
}
