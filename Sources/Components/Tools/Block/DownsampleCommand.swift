// `apus tools block downsample`: a block becomes a coarser one.
internal import ComponentSupport
internal import Storage
internal import TSModel

enum DownsampleCommand {
  static let spec = CommandSpec(
    "downsample", "Make a block of aggregates, five minutes or an hour a point, of a finer block.",
    flags: [
      FlagSpec(
        "resolution", .enumeration(["5m", "1h"]),
        "Distance of the points. 5m: of raw samples. 1h: of a block of 5m, or of raw samples.",
        placeholder: "5m|1h", required: true),
      FlagSpec(
        "output-dir", .string, "Folder that the block is written into. It is made where it does not exist.", short: "o",
        placeholder: "DIR", required: true),
    ],
    arguments: [ArgumentSpec("block", .string, "Folder of the block.")])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let block = try Block.open(path: command.text("block") ?? "")
    let downsampling = try BlockDownsampling(
      block, resolutionMs: BlockDownsampling.resolutionsMs[command.text("resolution") == "1h" ? 1 : 0])
    let folder = command.text("output-dir") ?? "."
    try makeFolders(folder)
    var bar = ProgressBar("downsample")
    defer { bar.clear() }
    let result = try downsampling.write(to: folder) { bar.show(done: $0, of: $1) }
    bar.clear()
    return try CompactCommand.report(result, "in \(block.path)")
  }
}
