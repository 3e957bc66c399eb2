// `apus tools block dump`: what is in a block, as text.
internal import ComponentSupport
internal import Storage
internal import TSModel

enum DumpCommand {
  static let spec = CommandSpec(
    "dump",
    "Print what is in a block: its series with samples and chunks, as JSON lines, or its float samples as OpenMetrics text.",
    flags: [
      FlagSpec("format", .enumeration(["jsonl", "openmetrics"]), "What to print.", default: "jsonl"),
      FlagSpec(
        "match", .string,
        "Only series that this selector matches, such as 'up{job=~\"a.*\"}'. Given more than once: that one of them matches.",
        placeholder: "SELECTOR", repeatable: true),
      FlagSpec("tombstones", .bool, "Leave out what the block's tombstones delete.", default: "true"),
    ] + SeriesChoice.timeFlags,
    arguments: [ArgumentSpec("block", .string, "Folder of the block.")])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let block = try Block.open(path: command.text("block") ?? "")
    let choice = try SeriesChoice(
      matching: command.texts("match"), minTimeMs: command.integer("min-time"), maxTimeMs: command.integer("max-time"))
    let tombstones = command.isOn("tombstones") ? block.tombstones : Tombstones()
    if command.text("format") == "openmetrics" {
      let dump = OpenMetricsDump(output: .standardOutput(), timeRange: choice.timeRange, tombstones: tombstones)
      try choice.forEachBatch(of: block) { try dump.write($0, name: block.path) }
      try dump.finish()
      if dump.leftOutHistograms > 0 {
        printError(
          "apus: \(dump.leftOutHistograms) native histogram samples are left out: OpenMetrics text cannot hold them\n")
      }
    } else {
      let dump = JSONLinesDump(output: .standardOutput(), timeRange: choice.timeRange, tombstones: tombstones)
      do {
        try choice.forEachBatch(of: block) { try dump.write($0, name: block.path) }
      } catch let error as StorageError {
        try dump.giveUp()
        throw error
      }
      try dump.finish()
    }
    return 0
  }
}
