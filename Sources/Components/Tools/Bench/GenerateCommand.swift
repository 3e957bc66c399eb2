// `apus tools bench generate`: the data sets of the benchmarks. docs/components/data-sets.md.
internal import ComponentSupport
internal import Storage

enum GenerateCommand {
  static let spec = CommandSpec(
    "generate",
    "Make one of the data sets that the benchmarks run on. The same set has the same bytes on every machine.",
    flags: [
      FlagSpec(
        "set", .enumeration(DataSet.allCases.map(\.rawValue)),
        "Which one. D: a day of 50 targets with 500 series each, in 12 blocks. RA, RB: the same day as two replicas saw it. M1: one block of a million series with 4 samples each. B120: 120 small blocks of five sources.",
        placeholder: "SET", required: true),
      FlagSpec(
        "scale", .double,
        "How large, 1 being the set as described and 10 the most: so many times its targets (D, RA, RB, B120) or its series (M1), at least one target or pod. Times and numbers of blocks stay.",
        default: "1"),
      FlagSpec(
        "blocks", .int, "Only the first so many blocks of two hours; of B120, of each source.", placeholder: "N"),
      FlagSpec(
        "output-dir", .string, "Folder that the blocks are written into. It is made where it does not exist.",
        short: "o",
        placeholder: "DIR", required: true),
    ])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    guard let set = command.text("set").flatMap(DataSet.init(rawValue:)), let folder = command.text("output-dir") else {
      preconditionFailure("--set and --output-dir are required")
    }
    let scale = command.number("scale") ?? 1
    guard scale > 0, DataSet.scales.contains(scale) else {
      throw StorageError(
        .argument, "generate \(set.rawValue): --scale is to be above 0 and at most \(Int(DataSet.scales.upperBound))",
        disposition: .rejectRequest)
    }
    let blocksMax = command.integer("blocks").map { Int($0) }
    if let blocksMax, blocksMax < 1 {
      throw StorageError(
        .argument, "generate \(set.rawValue): --blocks is to be at least 1", disposition: .rejectRequest)
    }
    try makeFolders(folder)
    var bar = ProgressBar("generate \(set.rawValue)")
    defer { bar.clear() }
    let totals = try set.write(to: folder, scale: scale, blocksMax: blocksMax) { bar.show(done: $0, of: $1) }
    bar.clear()
    try printOutput(
      "\(folder): \(totals.blockCount) blocks of set \(set.rawValue), \(totals.seriesCount) series in them, "
        + "\(totals.sampleCount) samples\n")
    return 0
  }
}
