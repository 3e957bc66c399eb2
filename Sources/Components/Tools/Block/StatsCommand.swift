// `apus tools block stats`: what a block is made of.
internal import ComponentSupport
internal import Storage
internal import TSModel

enum StatsCommand {
  static let spec = CommandSpec(
    "stats",
    "Tell what a block is made of: cardinality by label and metric, churn, and what samples weigh by encoding and metric.",
    flags: [
      FlagSpec("format", .enumeration(["table", "json"]), "How to print it.", default: "table"),
      FlagSpec("limit", .int, "How many items to show in each list.", default: "20"),
      FlagSpec("match", .string, "Only series that this selector matches.", placeholder: "SELECTOR", repeatable: true),
    ],
    arguments: [ArgumentSpec("block", .string, "Folder of the block.")])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let block = try Block.open(path: command.text("block") ?? "")
    let choice = try SeriesChoice(matching: command.texts("match"), minTimeMs: nil, maxTimeMs: nil)
    let limit = Int(clamping: max(0, command.integer("limit") ?? 20))
    let statistics = try BlockStatistics(of: block, choice: choice)
    try printOutput(
      command.text("format") == "json" ? json(block, statistics, limit) : tables(block, statistics, limit))
    return 0
  }

  /// The lists with their headings (promtool's) and their keys in JSON.
  private static func lists(_ statistics: BlockStatistics, _ limit: Int) -> [(
    heading: String, key: String, items: [CountedName]
  )] {
    [
      ("Label pairs most involved in churning", "churning_label_pairs", statistics.churningPairs(limit)),
      ("Label names most involved in churning", "churning_label_names", statistics.churningNames(limit)),
      ("Most common label pairs", "common_label_pairs", statistics.commonPairs(limit)),
      ("Label names with highest cumulative label value length", "label_value_bytes", statistics.longestNames(limit)),
      ("Highest cardinality labels", "label_cardinality", statistics.widestNames(limit)),
      ("Highest cardinality metric names", "metric_cardinality", statistics.widestMetrics(limit)),
    ]
  }

  private static func tables(_ block: Block, _ statistics: BlockStatistics, _ limit: Int) -> String {
    let meta = block.meta
    var out = """
      Block ID: \(meta.ulid)
      Duration: \(durationText(ms: meta.maxTimeExclusiveMs &- meta.minTimeMs))
      Total Series: \(statistics.seriesCount)
      Label names: \(statistics.labelNameCount)
      Postings (unique label pairs): \(statistics.labelPairCount)
      Postings entries (total label pairs): \(statistics.pairEntryCount)
      Tombstones: \(statistics.tombstoneCount)

      Files:

      """
    var files = Table([("file", .left), ("size", .right)])
    for file in block.fileSizes { files.add([file.relativePath, byteText(file.byteCount)]) }
    out += files.text
    for (heading, _, items) in lists(statistics, limit) {
      out += "\n\(heading):\n"
      let width = items.map { String($0.value).count }.max() ?? 0
      for item in items {
        let number = String(item.value)
        out += String(repeating: " ", count: width - number.count) + number + " " + oneLine(item.name) + "\n"
      }
    }
    out += "\nChunks by encoding:\n"
    var encodings = Table([
      ("encoding", .left), ("chunks", .right), ("samples", .right), ("bytes", .right), ("bytes/sample", .right),
      ("samples/chunk min", .right), ("avg", .right), ("max", .right),
    ])
    for (encoding, weight) in sorted(statistics.weightByEncoding) {
      encodings.add([
        encoding.description, String(weight.chunkCount), String(weight.sampleCount), String(weight.byteCount),
        fixed(weight.bytesPerSample, decimals: 2), String(weight.samplesMin),
        String(weight.sampleCount / max(1, weight.chunkCount)), String(weight.samplesMax),
      ])
    }
    out += encodings.text + "\nMetrics by bytes of their chunks:\n"
    var metrics = Table([
      ("metric", .left), ("chunks", .right), ("samples", .right), ("bytes", .right), ("bytes/sample", .right),
    ])
    for (name, weight) in statistics.heaviestMetrics(limit) {
      metrics.add([
        oneLine(name), String(weight.chunkCount), String(weight.sampleCount), String(weight.byteCount),
        fixed(weight.bytesPerSample, decimals: 2),
      ])
    }
    return out + metrics.text
  }

  private static func sorted(_ weights: [ChunkEncoding: ChunkWeight]) -> [(ChunkEncoding, ChunkWeight)] {
    weights.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
  }

  /// Line feeds and other control characters would tear a table.
  private static func oneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 }) else { return text }
    var buffer = TextBuffer()
    buffer.appendJSON(text)
    return buffer.text
  }

  /// `2h0m0s`, as Go writes durations.
  private static func durationText(ms: Int64) -> String {
    let seconds = ms / 1000
    let fraction = ms % 1000 == 0 ? "" : "." + String(1000 + ms % 1000).dropFirst()
    if seconds < 60 { return "\(seconds)\(fraction)s" }
    if seconds < 3600 { return "\(seconds / 60)m\(seconds % 60)\(fraction)s" }
    return "\(seconds / 3600)h\(seconds / 60 % 60)m\(seconds % 60)\(fraction)s"
  }

  private static func json(_ block: Block, _ statistics: BlockStatistics, _ limit: Int) -> String {
    var out = TextBuffer()
    out.append("{\"block\":")
    out.appendJSON(block.meta.ulid.description)
    out.appendMember("min_time_ms", block.meta.minTimeMs)
    out.appendMember("max_time_ms", block.meta.maxTimeExclusiveMs)
    out.appendMember("series", Int64(statistics.seriesCount))
    out.appendMember("label_names", Int64(statistics.labelNameCount))
    out.appendMember("label_pairs", Int64(statistics.labelPairCount))
    out.appendMember("label_pair_entries", Int64(statistics.pairEntryCount))
    out.appendMember("tombstones", Int64(statistics.tombstoneCount))
    out.append(",\"files\":[")
    for (index, file) in block.fileSizes.enumerated() {
      out.append(index == 0 ? "{\"name\":" : ",{\"name\":")
      out.appendJSON(file.relativePath)
      out.append(",\"bytes\":")
      out.append(file.byteCount)
      out.append("}")
    }
    out.append("]")
    for (_, key, items) in lists(statistics, limit) {
      out.append(",")
      out.appendJSON(key)
      out.append(":[")
      for (index, item) in items.enumerated() {
        out.append(index == 0 ? "{\"name\":" : ",{\"name\":")
        out.appendJSON(item.name)
        out.append(",\"value\":")
        out.append(item.value)
        out.append("}")
      }
      out.append("]")
    }
    append("chunks_by_encoding", to: &out, sorted(statistics.weightByEncoding).map { ($0.0.description, $0.1) })
    append("chunks_by_metric", to: &out, statistics.heaviestMetrics(limit).map { ($0.name, $0.weight) })
    out.append("}\n")
    return out.text
  }

  private static func append(_ key: StaticString, to out: inout TextBuffer, _ rows: [(String, ChunkWeight)]) {
    out.append(",\"")
    out.append(key)
    out.append("\":[")
    for (index, (name, weight)) in rows.enumerated() {
      out.append(index == 0 ? "{\"name\":" : ",{\"name\":")
      out.appendJSON(name)
      out.appendMember("chunks", Int64(weight.chunkCount))
      out.appendMember("samples", Int64(weight.sampleCount))
      out.appendMember("bytes", Int64(weight.byteCount))
      out.append(",\"bytes_per_sample\":")
      out.append(fixed(weight.bytesPerSample, decimals: 4))
      out.append("}")
    }
    out.append("]")
  }
}

extension TextBuffer {
  /// `,"key":value`, a member of a JSON object that is not the first.
  fileprivate mutating func appendMember(_ key: StaticString, _ value: Int64) {
    append(",\"")
    append(key)
    append("\":")
    append(value)
  }
}
