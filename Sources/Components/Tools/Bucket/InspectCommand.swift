// `apus tools bucket inspect`: the blocks of a bucket as a table.
internal import BucketBlocks
internal import ComponentSupport
internal import ObjectStore
internal import Observability
internal import Storage
internal import TSModel

enum InspectCommand {
  static let columns = [
    "ULID", "FROM", "UNTIL", "RANGE", "UNTIL-DOWN", "#SERIES", "#SAMPLES", "#CHUNKS", "COMP-LEVEL", "COMP-FAILED",
    "LABELS", "RESOLUTION", "SOURCE",
  ]

  static let spec = CommandSpec(
    "inspect", "Show the blocks of a bucket as a table.",
    flags: [
      FlagSpec(
        "selector", .string, "Only blocks with this external label, as name=\"value\"; of several all must be there.",
        short: "l", placeholder: "<name>=\\\"<value>\\\"", repeatable: true),
      FlagSpec(
        "sort-by", .enumeration(columns), "Column to sort by; of several the first counts most.", default: "FROM",
        "UNTIL",
        repeatable: true),
      BucketCommands.timeoutFlag,
      FlagSpec("output", .enumeration(["table", "tsv", "csv"]), "Form of the table.", default: "table"),
    ])

  /// A place in the table: what it shows, and what it is sorted by where that is a number.
  struct Cell: Equatable {
    var text: String
    var number: Int64?
  }

  static func run(_ command: ParsedCommand, _ logger: Logger) async throws {
    let wanted: [Labels.Label]
    do throws(ConfigurationError) { wanted = try LabelFlags.parse(command.texts("selector")) } catch {
      throw BucketError(.argument, "error parsing selector flag", cause: error)
    }
    let bucket = try BucketCommands.bucket(of: command, logger)
    let view = try await BucketCommands.view(of: bucket, command, filters: [], keepsDetails: false, logger)
    var rows = view.blocks.filter { meta in
      let labels = meta.thanos?.externalLabels ?? Labels()
      return wanted.allSatisfy { (labels[$0.name] ?? "") == $0.value }
    }.map(cells)
    sort(&rows, by: command.texts("sort-by"))
    let lines = [columns] + rows.map { $0.map(\.text) }
    var output = OutputStream.standardOutput()
    switch command.text("output") {
    case "csv": output.buffer.append(separated(lines, by: ","))
    case "tsv": output.buffer.append(separated(lines, by: "\t"))
    default: output.buffer.append(table(lines))
    }
    try output.flush()
    try BucketCommands.checkComplete(view)
  }

  /// The row of a block.
  static func cells(_ meta: BlockMeta) -> [Cell] {
    let rangeMs = meta.maxTimeExclusiveMs.subtractingReportingOverflow(meta.minTimeMs).partialValue
    let resolutionMs = meta.thanos?.resolutionMs ?? 0
    // A block is downsampled once it spans this much; one of an hour's resolution never is.
    let spanMs: Int64? = resolutionMs == 0 ? 40 * 3_600_000 : resolutionMs == 300_000 ? 240 * 3_600_000 : nil
    let untilMs = spanMs.map { $0.subtractingReportingOverflow(rangeMs).partialValue }
    func time(_ ms: Int64) -> Cell { Cell(text: TimestampText.seconds(ms: ms), number: ms) }
    func count(_ number: UInt64) -> Cell { Cell(text: grouped(number), number: Int64(clamping: number)) }
    return [
      Cell(text: meta.ulid.description),
      time(meta.minTimeMs),
      time(meta.maxTimeExclusiveMs),
      Cell(text: GoDuration.text(ms: rangeMs), number: rangeMs),
      untilMs.map { Cell(text: GoDuration.text(ms: $0), number: $0) } ?? Cell(text: "-"),
      count(meta.stats.seriesCount),
      count(meta.stats.sampleCount),
      count(meta.stats.chunkCount),
      Cell(text: String(meta.compaction.level), number: Int64(meta.compaction.level)),
      Cell(text: meta.compaction.isFailed ? "true" : "false"),
      Cell(text: (meta.thanos?.labels ?? []).map { "\($0.name)=\($0.value)" }.joined(separator: ",")),
      Cell(text: GoDuration.text(ms: resolutionMs), number: resolutionMs),
      Cell(text: meta.thanos?.source ?? ""),
    ]
  }

  /// Sorts rows by the columns of these names, then by the blocks' names.
  static func sort(_ rows: inout [[Cell]], by names: [String]) {
    let order = (names + ["ULID"]).compactMap { columns.firstIndex(of: $0) }
    rows.sort { left, right in
      for column in order where left[column].text != right[column].text {
        let (a, b) = (left[column], right[column])
        if let first = a.number, let second = b.number, first != second { return first < second }
        return a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
      }
      return false
    }
  }

  /// `1,234,567`
  private static func grouped(_ number: UInt64) -> String {
    let digits = Array(String(number))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// Lines of fields as Go's encoding/csv writes them.
  static func separated(_ lines: [[String]], by separator: Character) -> String {
    var text = ""
    for line in lines {
      text += line.map { field(String($0), separator) }.joined(separator: String(separator)) + "\n"
    }
    return text
  }

  private static func field(_ text: String, _ separator: Character) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    let needsQuotes =
      text == "\\." || first.properties.isWhitespace
      || text.unicodeScalars.contains { $0 == "\"" || $0 == "\n" || $0 == "\r" || Character($0) == separator }
    guard needsQuotes else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  /// A table in Markdown: headings in the middle of their columns, texts to the left.
  static func table(_ lines: [[String]]) -> String {
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    var text = ""
    for (number, line) in lines.enumerated() {
      for (column, field) in line.enumerated() {
        let space = widths[column] - field.count
        let left = number == 0 ? space / 2 : 0
        text += "| " + String(repeating: " ", count: left) + field + String(repeating: " ", count: space - left + 1)
      }
      text += "|\n"
      if number == 0 {
        for width in widths { text += "|" + String(repeating: "-", count: width + 2) }
        text += "|\n"
      }
    }
    return text
  }
}
