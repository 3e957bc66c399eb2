// `apus tools wal repair`: a copy of the files of a head without what is damaged.
internal import ComponentSupport
internal import Storage

enum WALRepairCommand {
  static let spec = CommandSpec(
    "repair",
    "Write a copy of the files of a head that a Prometheus goes on with, and that has everything but what is damaged.",
    flags: [
      FlagSpec(
        "output-dir", .string, "Folder that the copy is written to. It must not exist, or be empty.", short: "o",
        placeholder: "DIR"),
      FlagSpec("dry-run", .bool, "Only say what would be lost.", default: "false"),
    ],
    arguments: [WALCommands.folder])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let head = try HeadFolder(path: command.text("folder") ?? "")
    var bar = ProgressBar("repair")
    var lines = DefectLines()
    defer { bar.clear() }
    let isDryRun = command.isOn("dry-run")
    if isDryRun {
      let inspection = try HeadInspection.of(
        head, progress: { bar.show(done: $0, of: $1) }, report: { lines.add($0, whenFull: bar.clear) })
      bar.clear()
      try lines.print()
      try printOutput("\(head.path): \(count(inspection.defectCount, "defect")); nothing was written\n")
      return 0
    }
    guard var output = command.text("output-dir"), !output.isEmpty else {
      throw StorageError(
        .argument, "repair \(head.path): say where to: --output-dir, or --dry-run", disposition: .rejectRequest)
    }
    while output.count > 1, output.hasSuffix("/") { output.removeLast() }
    let result = try HeadRepair(head).write(
      to: output, progress: { bar.show(done: $0, of: $1) }, report: { lines.add($0, whenFull: bar.clear) })
    bar.clear()
    try lines.print()
    if result.chunksLeftToLog > 0 {
      try printOutput("\(count(result.chunksLeftToLog, "chunk")) behind damage left out: the log has the samples\n")
    }
    if result.leavesOutSnapshot {
      try printOutput("the snapshot is left out: it names a place in the log; the log has the samples\n")
    }
    try printOutput(
      "\(output): \(count(result.copiedCount, "file")) copied, \(result.mendedCount) mended, \(result.addedCount) added\n"
    )
    return 0
  }

  private static func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }
}
