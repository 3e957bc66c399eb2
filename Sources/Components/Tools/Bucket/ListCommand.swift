// `apus tools bucket ls`: the blocks of a bucket, one a line.
internal import BucketBlocks
internal import ComponentSupport
internal import ObjectStore
internal import Observability
internal import Storage
internal import TSModel

enum ListCommand {
  private static let selector = PathOrContent("selector.relabel-config", substitutesEnvironment: true)

  static let spec = CommandSpec(
    "ls", "List the blocks of a bucket.",
    flags: selector.flags(
      "YAML of relabelling rules that choose blocks by their external labels (keep, drop, hashmod).") + [
        FlagSpec(
          "output", .string, "What to print of each block: nothing but its name, 'wide' or 'json'.", short: "o",
          default: ""),
        FlagSpec("exclude-delete", .bool, "Leave out blocks that are marked for deletion."),
        FlagSpec(
          "min-time", .time,
          "Only blocks with samples at or after this time: RFC 3339, or a duration from now such as -1d.",
          default: "0000-01-01T00:00:00Z"),
        FlagSpec(
          "max-time", .time,
          "Only blocks with samples at or before this time: RFC 3339, or a duration from now such as -1d.",
          default: "9999-12-31T23:59:59Z"),
        BucketCommands.timeoutFlag,
      ])

  static func run(_ command: ParsedCommand, _ logger: Logger) async throws {
    let form = command.text("output") ?? ""
    guard ["", "wide", "json"].contains(form) else {
      throw BucketError(
        .argument,
        "--output=\(form): Go templates are not supported, as there is no Go in this program; 'json' gives all that they can name"
      )
    }
    let bucket = try BucketCommands.bucket(of: command, logger)
    let range = TimeRange(
      minTimeMs: command.integer("min-time") ?? .min, maxTimeMs: command.integer("max-time") ?? .max)
    guard !range.isEmpty else {
      throw BucketError(
        .argument,
        "invalid argument: --min-time '\(TimestampText.seconds(ms: range.minTimeMs))' can't be greater than --max-time "
          + "'\(TimestampText.seconds(ms: range.maxTimeMs))'")
    }
    var filters: [any BlockFilter] = [TimeRangeFilter(range)]
    if let rules = try selector.content(of: command), !rules.isEmpty {
      filters.append(RelabelFilter(try RelabelConfig.rules(rules, allowed: RelabelConfig.selectorActions)))
    }
    if command.isOn("exclude-delete") { filters.append(DeletionMarkFilter(delayMs: 0)) }
    let view = try await BucketCommands.view(
      of: bucket, command, filters: filters, keepsDetails: form == "json", logger)
    var output = OutputStream.standardOutput()
    for meta in view.blocks {
      switch form {
      case "json": output.buffer.append(String(decoding: meta.thanosJSON(), as: UTF8.self))
      case "wide": output.buffer.append(wide(meta) + "\n")
      default: output.buffer.append("\(meta.ulid)\n")
      }
      try output.drain()
    }
    try output.flush()
    logger.info("ls done", ("objects", .int(view.blocks.count)))
    try BucketCommands.checkComplete(view)
  }

  static func wide(_ meta: BlockMeta) -> String {
    // Thanos counts in whole seconds here.
    let (from, until) = (meta.minTimeMs / 1000 * 1000, meta.maxTimeExclusiveMs / 1000 * 1000)
    return "\(meta.ulid) -- \(TimestampText.seconds(ms: from)) - \(TimestampText.seconds(ms: until)) "
      + "Diff: \(GoDuration.text(ms: until &- from)), Compaction: \(meta.compaction.level), "
      + "Downsample: \(meta.thanos?.resolutionMs ?? 0), Source: \(meta.thanos?.source ?? "")"
  }
}
