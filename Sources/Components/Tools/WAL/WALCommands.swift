// The commands below `apus tools wal`.
internal import ComponentSupport

enum WALCommands {
  static let folder = ArgumentSpec(
    "folder", .string, "Data folder of a Prometheus that does not run, or a copy of one; or the folder of a log alone.")

  static let spec = CommandSpec(
    "wal", "Look into the files of a head, check them, and mend them: write-ahead log, chunks, snapshot.",
    commands: [WALDumpCommand.spec, WALVerifyCommand.spec, WALRepairCommand.spec])
}
