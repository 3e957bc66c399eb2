// `apus tools block rewrite`: a block without some of its series, with other labels, or for a part of its time.
internal import ComponentSupport
internal import Storage
internal import TSModel

enum RewriteCommand {
  private static let relabel = PathOrContent("relabel-config")

  static let spec = CommandSpec(
    "rewrite", "Write a block again: without some series, with other labels, or for a part of its time.",
    flags: [
      FlagSpec(
        "output-dir", .string, "Folder that the new block is written into. It is made where it does not exist.",
        short: "o", placeholder: "DIR", required: true),
      FlagSpec(
        "delete", .string,
        "Leave out series that this selector matches. Given more than once: that one of them matches.",
        placeholder: "SELECTOR", repeatable: true),
    ] + SeriesChoice.timeFlags + relabel.flags("YAML of relabelling rules that the labels of all series go through."),
    arguments: [ArgumentSpec("block", .string, "Folder of the block.")])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let block = try Block.open(path: command.text("block") ?? "")
    let deletions = try SeriesChoice(
      matching: command.texts("delete"), minTimeMs: command.integer("min-time"), maxTimeMs: command.integer("max-time"))
    var changes = BlockRewriting.Changes()
    changes.deletions = deletions.selectors
    changes.timeRange = deletions.timeRange
    if let yaml = try relabel.content(of: command), !yaml.isEmpty {
      let rules = try RelabelConfig.rules(yaml)
      changes.relabel = { rules.apply(to: $0) }
      changes.relabelings = [.string(String(decoding: yaml, as: UTF8.self))]
    }
    guard changes.relabel != nil || !changes.deletions.isEmpty || changes.timeRange != .all else {
      throw StorageError(
        .argument,
        "rewrite \(block.path): nothing to change: give --delete, --relabel-config, --min-time or --max-time",
        disposition: .rejectRequest)
    }
    let folder = command.text("output-dir") ?? "."
    try makeFolders(folder)
    var bar = ProgressBar("rewrite")
    defer { bar.clear() }
    let result = try BlockRewriting(block, changes).write(to: folder) { bar.show(done: $0, of: $1) }
    bar.clear()
    return try CompactCommand.report(result, "of \(block.path)")
  }
}
