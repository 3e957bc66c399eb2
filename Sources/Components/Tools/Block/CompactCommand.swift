// `apus tools block compact`: several blocks become one.
internal import ComponentSupport
internal import Storage
internal import TSModel

enum CompactCommand {
  static let spec = CommandSpec(
    "compact", "Make one block of several: of neighbouring or overlapping blocks of one source, or of replicas.",
    flags: [
      FlagSpec(
        "output-dir", .string, "Folder that the block is written into. It is made where it does not exist.", short: "o",
        placeholder: "DIR", required: true),
      FlagSpec(
        "deduplication.func", .enumeration(Deduplication.allCases.map(\.rawValue)),
        "What becomes of samples of one series in several blocks. Empty: all are kept, each time once. penalty: one replica at a time, another one where it misses more than a sample. seamless: another one as soon as it misses a sample, and counters do not fall at a change. Both demand --deduplication.replica-label.",
        default: ""),
      FlagSpec(
        "deduplication.replica-label", .string,
        "External label that tells replicas apart; the new block does not have it.", placeholder: "NAME",
        repeatable: true),
    ],
    arguments: [ArgumentSpec("block", .string, "Folders of the blocks.", repeatable: true)])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    var options = BlockMerge.Options()
    options.deduplication = Deduplication(rawValue: command.text("deduplication.func") ?? "") ?? .chain
    options.replicaLabels = command.texts("deduplication.replica-label")
    guard options.deduplication == .chain || !options.replicaLabels.isEmpty else {
      throw StorageError(
        .argument,
        "deduplication.func=\(options.deduplication.rawValue) needs deduplication.replica-label: the labels that tell replicas apart",
        disposition: .rejectRequest)
    }
    let folder = command.text("output-dir") ?? "."
    var blocks: [Block] = []
    for path in command.texts("block") { blocks.append(try Block.open(path: path)) }
    let merge = try BlockMerge(blocks, options)
    try makeFolders(folder)
    var bar = ProgressBar("compact")
    defer { bar.clear() }
    let result = try merge.write(to: folder) { bar.show(done: $0, of: $1) }
    bar.clear()
    return try report(result, "in these \(blocks.count) blocks")
  }

  /// Says what was written; the exit code.
  static func report(_ result: BlockMerge.Result?, _ place: String) throws -> Int32 {
    guard let result else {
      printError("apus: no sample is left \(place): no block was made\n")
      return 0
    }
    let stats = result.meta.stats
    try printOutput(
      "\(result.path): \(stats.seriesCount) series, \(stats.sampleCount) samples, \(stats.chunkCount) chunks\n")
    return 0
  }
}
