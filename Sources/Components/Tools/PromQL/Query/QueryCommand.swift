// `apus tools promql query` and `apus tools promql query-range`.
internal import ComponentSupport
internal import Observability
internal import PromQL
internal import TSModel
internal import Transport

/// Asks a query and shows the answer.
enum QueryCommand {
  private static let httpConfig = PathOrContent("http.config", substitutesEnvironment: true)

  private static let expression = ArgumentSpec(
    "expr", .string,
    "The query; - reads it from standard input, @FILE from a file. Several words are put together, a line each.",
    repeatable: true)

  private static let sources: [FlagSpec] =
    [
      FlagSpec(
        "url", .string, "Server that is asked: Prometheus, Thanos, apus; with its path prefix, where it has one.",
        placeholder: "URL"),
      FlagSpec(
        "data-dir", .string,
        "Instead, the data folder of `apus standalone`: the blocks in its folder \"bucket\" are asked.",
        placeholder: "DIR"),
      FlagSpec(
        "blocks", .string,
        "Instead, or besides, a folder of blocks or the data folder of a Prometheus. May be given several times.",
        placeholder: "FOLDER", repeatable: true),
    ] + httpConfig.flags("YAML with credentials and TLS for --url, as Thanos' HTTP clients have it.")

  private static let evaluation: [FlagSpec] = [
    FlagSpec(
      "timeout", .duration, "The longest that the query may take. Without: 2m of blocks, else the server's own."),
    FlagSpec(
      "query.lookback-delta", .duration,
      "How far back an instant selector looks for a sample. Without: 5m of blocks, else the server's own."),
    FlagSpec(
      "query.max-samples", .int64, "Most samples that a query over blocks may hold in memory at a time.",
      default: "50000000"),
    FlagSpec(
      "enable-feature", .string,
      "Features of the language and of evaluation over blocks, under Prometheus' names (docs/promql.md); several separated by commas.",
      repeatable: true),
  ]

  private static func output(_ automatic: String) -> [FlagSpec] {
    [
      FlagSpec(
        "format", .enumeration(["auto", "table", "csv", "json", "plot"]),
        "How the answer is shown. auto: \(automatic). json is the answer of the API as it is.", default: "auto"),
      FlagSpec(
        "limit", .int, "Most series in a table or a plot, 0 for all. Without: 100 in a table, 10 in a plot.",
        placeholder: "N"),
      FlagSpec("width", .int, "Columns of a plot. Without: those of the terminal, else 80.", placeholder: "N"),
    ]
  }

  private static let timeForms = "RFC 3339, Unix seconds, or relative to now such as -1h"

  static let instant = CommandSpec(
    "query", "Ask a query at one time, of a server or of blocks on disk.",
    flags: sources + [FlagSpec("time", .string, "When: \(timeForms).", default: "now")] + evaluation
      + output("a table"),
    arguments: [expression])

  static let range = CommandSpec(
    "query-range", "Ask a query at the steps of a range of time, of a server or of blocks on disk.",
    flags: sources + [
      FlagSpec("start", .string, "First step: \(timeForms). Without: an hour before the end.", placeholder: "TIME"),
      FlagSpec("end", .string, "Last step: \(timeForms).", default: "now"),
      FlagSpec(
        "step", .string, "From one step to the next: 15s, or seconds. Without: a 250th of the range.",
        placeholder: "DURATION"),
    ] + evaluation + output("a plot on a terminal, else a table"),
    arguments: [expression])

  static let explanation = CommandSpec(
    "explain",
    "Show what a query does, as a tree: without a source its plan, over a server or blocks also what each part of it takes.",
    flags: sources + [
      FlagSpec("time", .string, "When: \(timeForms). For a query at one time.", default: "now"),
      FlagSpec(
        "start", .string, "First step of a query over a range: \(timeForms). Without: it is a query at one time.",
        placeholder: "TIME"),
      FlagSpec("end", .string, "Last step: \(timeForms).", default: "now"),
      FlagSpec(
        "step", .string, "From one step to the next: 15s, or seconds. Without: a 250th of the range.",
        placeholder: "DURATION"),
    ] + evaluation,
    arguments: [expression])

  static func explain(_ command: ParsedCommand) async throws -> Int32 {
    var question = try Question(command, isRange: command.isGiven("start"), nowMs: WallClock.nowMs())
    let terminal = Terminal.ofStandardOutput
    guard command.isGiven("url") || command.isGiven("data-dir") || command.isGiven("blocks") else {
      var parser = ParserOptions()
      for name in command.texts("enable-feature").flatMap({ $0.split(separator: ",") }).map(String.init) {
        if !parser.enable(feature: name) {
          printError("apus: warning: there is no feature \(printable(name)) of the language\n")
        }
      }
      let expression: PromQL.Expression
      do throws(ParseError) { expression = try PromQL.Expression(parsing: question.form.query, options: parser) } catch
      {
        throw QuerySourceError(description: error.description)
      }
      try printOutput(PlanDrawing.text(expression.plan))
      return 0
    }
    question.form.parameters.append(("analyze", "true"))
    let (status, body) = try await source(command).ask(question.form)
    _ = try QueryAnswer(status: status, body: body)
    try printOutput(PlanDrawing.text(ofAnswer: body, hasColors: terminal?.hasColors ?? false))
    return 0
  }

  static func run(_ command: ParsedCommand, isRange: Bool) async throws -> Int32 {
    let question = try Question(command, isRange: isRange, nowMs: WallClock.nowMs())
    let source = try await source(command)
    let (status, body) = try await source.ask(question.form)
    let answer = try QueryAnswer(status: status, body: body)
    for text in answer.warnings { printError("apus: warning: \(printable(text))\n") }
    for text in answer.infos { printError("apus: info: \(printable(text))\n") }
    try printOutput(show(answer, body, question, command))
    if isEmpty(answer) {
      let remark = source.remarkOnNothing.map { "; \($0)" } ?? ""
      printError("apus: no series \(isRange ? "in this range" : "at this time")\(remark)\n")
    }
    return 0
  }

  private static func isEmpty(_ answer: QueryAnswer) -> Bool {
    switch answer.result {
    case .vector(let series), .matrix(let series): series.isEmpty
    case .scalar, .string: false
    }
  }

  private static func show(
    _ answer: QueryAnswer, _ body: [UInt8], _ question: Question, _ command: ParsedCommand
  ) -> String {
    let terminal = Terminal.ofStandardOutput
    var format = command.text("format") ?? "auto"
    if format == "auto" { format = question.timesMs != nil && terminal != nil ? "plot" : "table" }
    let limit = command.integer("limit").map { Int(clamping: max(0, $0)) }
    var out = TextBuffer()
    switch format {
    case "json": return String(decoding: body, as: UTF8.self) + "\n"
    case "csv": AnswerTable(answer: answer).writeCSV(to: &out)
    case "plot":
      let width = command.integer("width").map { Int(clamping: min(1000, max(20, $0))) } ?? terminal?.columnCount ?? 80
      AnswerPlot(
        answer: answer, columnCount: width, seriesMax: limit ?? 10, timesMs: question.timesMs, stepMs: question.stepMs,
        isColored: terminal?.hasColors ?? false
      ).write(to: &out)
    default: AnswerTable(answer: answer, seriesMax: limit ?? 100, stepMs: question.stepMs).write(to: &out)
    }
    return out.text
  }

  private static func source(_ command: ParsedCommand) async throws -> any QuerySource {
    let (dataFolder, blockFolders) = (command.text("data-dir"), command.texts("blocks"))
    let isLocal = dataFolder != nil || !blockFolders.isEmpty
    if let url = command.text("url") {
      for name in ["data-dir", "blocks", "enable-feature", "query.max-samples"] where command.isGiven(name) {
        throw QuerySourceError(description: "--\(name) is for blocks on disk, not for a server: give it without --url")
      }
      let yaml = try httpConfig.content(of: command)
      let options = try yaml.map { yaml throws(ConfigurationError) in try HTTPClientConfig(yaml).options }
      return ServerSource(url: url, options: options ?? .init())
    }
    guard isLocal else {
      throw QuerySourceError(description: "whom to ask? Give --url=URL, --data-dir=DIR or --blocks=FOLDER")
    }
    var engine = EngineOptions()
    var parser = ParserOptions()
    engine.samplesMax = max(0, command.integer("query.max-samples") ?? 0)
    for name in command.texts("enable-feature").flatMap({ $0.split(separator: ",") }).map(String.init) {
      if !engine.enable(feature: name), !parser.enable(feature: name) {
        printError("apus: warning: there is no feature \(printable(name))\n")
      }
    }
    return try await FolderSource(
      dataFolder: dataFolder, blockFolders: blockFolders, engine: engine, parser: parser, logger: Logger(level: .warn))
  }
}

/// What is asked.
struct Question {
  var form: QueryForm
  /// Start and end of a range query, milliseconds since the Unix epoch.
  var timesMs: ClosedRange<Int64>?
  /// The step of a range query, milliseconds.
  var stepMs: Int64?

  /// What the command line says.
  init(_ command: ParsedCommand, isRange: Bool, nowMs: Int64) throws {
    form = QueryForm(
      endpoint: isRange ? "query_range" : "query", parameters: [("query", try Self.expression(command.texts("expr")))])
    func time(_ name: String) throws -> Int64? {
      try command.text(name).map { try Self.timeMs($0, flag: name, nowMs: nowMs) }
    }
    if isRange {
      let endMs = try time("end") ?? nowMs
      let startMs = try time("start") ?? endMs - 3_600_000
      guard startMs <= endMs else {
        throw QuerySourceError(
          description: "--start=\(timeText(ms: startMs)) is after --end=\(timeText(ms: endMs))")
      }
      // Whole seconds, as Prometheus' own page divides ranges.
      let stepMs = try command.text("step").map(Self.stepMs) ?? max(1000, (endMs - startMs) / 250 / 1000 * 1000)
      form.parameters += [
        ("start", secondsText(ms: startMs)), ("end", secondsText(ms: endMs)), ("step", secondsText(ms: stepMs)),
      ]
      (timesMs, self.stepMs) = (startMs...endMs, stepMs)
    } else {
      form.parameters.append(("time", secondsText(ms: try time("time") ?? nowMs)))
    }
    if let timeoutMs = command.integer("timeout") {
      form.parameters.append(("timeout", secondsText(ms: timeoutMs)))
      form.timeoutMs = timeoutMs
    }
    if let lookbackMs = command.integer("query.lookback-delta") {
      form.parameters.append(("lookback_delta", secondsText(ms: lookbackMs)))
    }
  }

  /// The words of the command line; `-` is what standard input has.
  private static func expression(_ words: [String]) throws -> String {
    guard words == ["-"] else { return words.joined(separator: "\n") }
    var reader = try LineReader(path: "-", lineBytesMax: 1 << 20)
    var lines: [String] = []
    while let line = try reader.next() {
      let bytes = reader.bytes(line)
      lines.append(String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self))
      guard lines.count <= 100_000 else { throw QuerySourceError(description: "the query has more than 100,000 lines") }
    }
    return lines.joined(separator: "\n")
  }

  /// A time as flags give it, milliseconds since the Unix epoch.
  static func timeMs(_ text: String, flag: String, nowMs: Int64) throws -> Int64 {
    if text == "now" { return nowMs }
    if let seconds = Double(text) {
      // Inside what is counted in nanoseconds.
      if seconds.magnitude < 9_000_000_000 { return Int64((seconds * 1000).rounded()) }
    } else if let time = try? parseTimeOrDuration(text) {
      return time.resolved(nowMs: nowMs)
    }
    throw QuerySourceError(
      description: "--\(flag)=\(text) is no time: 2025-06-01T12:00:00Z, 1748779200 (Unix seconds), -1h and now are")
  }

  /// A step as flags give it, milliseconds.
  static func stepMs(_ text: String) throws -> Int64 {
    let stepMs: Int64?
    if let seconds = Double(text) {
      stepMs = Int64(exactly: (seconds * 1000).rounded())
    } else {
      stepMs = try? parsePrometheusDuration(text)
    }
    guard let stepMs, stepMs > 0 else {
      throw QuerySourceError(description: "--step=\(text) is no step: 15s, 1m30s and 15 (seconds) are")
    }
    return stepMs
  }
}
