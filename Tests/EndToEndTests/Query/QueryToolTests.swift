// `apus tools promql query` and `query-range`: a server asked and blocks asked give the same, and what people see of it.
import Foundation
import TestSupport
import Testing

@Suite struct QueryToolTests {
  /// A copy of blocks with floats and with histograms, as the data folder of a Prometheus.
  private static func dataFolder(_ scratch: TemporaryFolder, _ name: String = "data") throws -> String {
    try FileManager.default.createDirectory(atPath: scratch.file(name), withIntermediateDirectories: true)
    for block in ["prometheus/block-floats", "prometheus/block-histograms"] {
      let source = try Fixtures.block(block)
      try scratch.copy(source, as: "\(name)/\(URL(fileURLWithPath: source).lastPathComponent)")
    }
    return scratch.file(name)
  }

  private func run(_ arguments: [String], input: String = "/dev/null") throws -> ProcessResult {
    try BuiltProgram.run(["tools", "promql"] + arguments, input: input, timeLimitSeconds: 60)
  }

  private static let atTime = ["query", "--time=2025-06-01T00:33:20.5Z"]
  private static let overTime = [
    "query-range", "--start=1748736000", "--end=2025-06-01T02:00:00Z", "--step=97s", "--query.lookback-delta=4m",
  ]

  private static let queries: [(query: String, arguments: [String])] = [
    ("special_values", atTime), ("{__name__=~\"hist_.+\"}", atTime), ("constant_gauge[3m]", atTime),
    ("{__name__=~\"hist_.+\",kind=\"bounds_change\"}[2m]", atTime), ("42.5", atTime), ("\"a text\"", atTime),
    ("sort_desc(sum by (__name__) ({__name__=~\".+e\",__name__!~\"special.+\"}))", atTime),
    ("rate(constant_gauge[5m])", atTime), ("no_such_metric", atTime), ("-1 / 0", atTime),
    ("gappy_gauge", overTime), ("special_values", overTime), ("{__name__=~\"mixed_.+\"}", overTime),
    ("sum(rate(http_requests_total[5m]))", overTime), ("histogram_quantile(0.9, hist_counter_resets)", overTime),
    ("hist_gauge > 0 or hist_gauge", overTime), ("scalar(integer_gauge{n=\"0\"})", overTime),
    ("vector(time()) % 1000", overTime),
  ]

  @Test(.needsPeers("prometheus")) func blocksAreAskedAsPrometheusIs() async throws {
    let scratch = try TemporaryFolder("query-tool")
    let folder = try Self.dataFolder(scratch)
    let server = try await PrometheusServer(dataFolder: folder, scratch: scratch, port: try freePort())
    defer { server.stop() }
    var seriesCount = 0
    for (query, arguments) in Self.queries {
      func both(_ more: [String]) throws -> (ours: ProcessResult, theirs: ProcessResult) {
        let (mine, other) = (
          try run(arguments + ["--blocks=\(folder)"] + more + ["--", query]),
          try run(arguments + ["--url=\(server.url)/"] + more + ["--", query])
        )
        #expect(mine.exitCode == 0 && other.exitCode == 0, "\(query): \(mine.errorText)\(other.errorText)")
        return (mine, other)
      }
      let json = try both(["--format=json"])
      let answers = (
        try QueryAnswer(status: 200, body: Data(json.ours.output)),
        try QueryAnswer(status: 200, body: Data(json.theirs.output))
      )
      #expect(difference(answers.0, answers.1) == nil, "\(query)")
      seriesCount += answers.1.series.count
      // Remarks go to standard error, in the same words. How far the blocks reach is known of blocks alone.
      if !answers.1.series.isEmpty {
        #expect(json.ours.errorText == json.theirs.errorText, "\(query)")
        #expect(json.theirs.errorText.isEmpty == (answers.1.infos.isEmpty && answers.1.warnings.isEmpty), "\(query)")
      }
      // What is no computation is the same to the last digit.
      guard !query.contains("(") || query.contains("vector") else { continue }
      for format in ["table", "csv", "plot"] {
        let shown = try both(["--format=\(format)", "--limit=0"])
        func lines(_ result: ProcessResult) -> [String] {
          result.outputText.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).sorted()
        }
        #expect(lines(shown.ours) == lines(shown.theirs), "\(query) as \(format)")
      }
    }
    #expect(seriesCount > 80)
    let wrong = try run(["query", "--url=\(server.url)", "sum(up"])
    #expect(wrong.exitCode == 1 && wrong.outputText.isEmpty)
    #expect(wrong.errorText.hasPrefix("apus: error: bad_data: invalid parameter \"query\": 1:7: parse error: "))
    let elsewhere = try run(["query", "--url=\(server.url)/elsewhere", "up"])
    #expect(elsewhere.exitCode == 1 && elsewhere.errorText.contains("status 404"))
  }

  @Test func foldersAndExpressionsInAllForms() throws {
    let scratch = try TemporaryFolder("query-tool")
    let bucket = try Self.dataFolder(scratch, "own/bucket")
    let wanted = "scalar at 2025-06-01T00:00:00Z\n1\n"
    let at = ["query", "--time=1748736000"]
    let query = "scalar(count(\n  constant_gauge{n=\"1\"}))"
    #expect(try run(at + ["--data-dir=\(scratch.file("own"))", query]).outputText == wanted)
    #expect(try run(at + ["--blocks=\(bucket)", "--data-dir=\(scratch.file("own"))", query]).outputText == wanted)
    let file = scratch.file("query.promql")
    try writeFile(file, Array("# how many\n\(query)\n".utf8))
    #expect(try run(at + ["--blocks=\(bucket)", "-"], input: file).outputText == wanted)
    #expect(try run(at + ["--blocks=\(bucket)", "@\(file)"]).outputText == wanted)
    // Features are off until they are asked for.
    let experimental = "scalar(mad_over_time(constant_gauge{n=\"1\"}[5m]))"
    let refused = try run(at + ["--blocks=\(bucket)", experimental])
    #expect(refused.exitCode == 1 && refused.errorText.contains("\"mad_over_time\" is not enabled\n  --enable-feature"))
    let enabled = at + ["--blocks=\(bucket)", "--enable-feature=promql-experimental-functions", experimental]
    #expect(try run(enabled).outputText == "scalar at 2025-06-01T00:00:00Z\n0\n")
  }

  @Test(arguments: [
    (["--blocks=/nonexistent", "up"], "open folder /nonexistent: no such file or directory"),
    (["up"], "Give --url=URL, --data-dir=DIR or --blocks=FOLDER"),
    (["--url=http://x:y@127.0.0.1:1", "up"], "ask http://127.0.0.1:1: "),
    (["--url=http://127.0.0.1:1", "--blocks=x", "up"], "--blocks is for blocks on disk"),
    (["--blocks=/tmp", "--time=noon", "up"], "--time=noon is no time: 2025-06-01T12:00:00Z, 1748779200"),
  ])
  func errorsSayWhatToDo(arguments: [String], wanted: String) throws {
    let result = try run(["query"] + arguments)
    #expect(result.exitCode == 1 && result.outputText.isEmpty)
    #expect(result.errorText.hasPrefix("apus: error: ") && result.errorText.contains(wanted), "\(result.errorText)")
  }

  @Test func foldersWithoutAnswersSayWhy() throws {
    let block = try Fixtures.block("prometheus/block-floats")
    let inside = try run(["query", "--blocks=\(block)", "up"])
    #expect(inside.exitCode == 1)
    #expect(inside.errorText == "apus: error: \(block) is a block\n  Give the folder that it lies in.\n")
    let scratch = try TemporaryFolder("query-tool")
    let empty = try run(["query", "--blocks=\(scratch.path)", "up"])
    #expect(empty.exitCode == 0 && empty.outputText.isEmpty)
    #expect(empty.errorText == "apus: no series at this time; there are no blocks in the folder\n")
    let downsampled = URL(fileURLWithPath: try Fixtures.block("thanos/downsampled-1h")).deletingLastPathComponent().path
    let hours = try run(["query-range", "--blocks=\(downsampled)", "--format=json", "{__name__=~\".+\"}"])
    #expect(hours.exitCode == 0 && hours.errorText.hasSuffix("downsampled data only, which is not read\n"))
  }

  @Test func credentialsComeFromAFile() async throws {
    let scratch = try TemporaryFolder("query-tool")
    let web = scratch.file("web.yml")
    // The hash of "secret", of the least cost.
    try writeFile(
      web, Array("basic_auth_users: {me: $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW}".utf8))
    let server = try RunningStandalone(
      blocks: [try Fixtures.folder("prometheus/block-floats")],
      flags: ["--http.config=\(web)", "--web.route-prefix=/metrics/of"])
    let question = ["query", "--url=\(server.url)/metrics/of", "--time=1", "1"]
    let refused = try run(question)
    #expect(
      refused.exitCode == 1 && refused.errorText.contains("--http.config-file names a file"), "\(refused.errorText)")
    let client = scratch.file("client.yml")
    try writeFile(client, Array("basic_auth: {username: me, password: secret}".utf8))
    let answer = try run(question + ["--http.config-file=\(client)"])
    #expect(answer.outputText == "scalar at 1970-01-01T00:00:01Z\n1\n", "\(answer.errorText)")
  }

  @Test func limitsAreNamed() throws {
    let folder = try Fixtures.folder("prometheus/block-floats")
    let samples = try run([
      "query", "--blocks=\(folder)", "--time=1748738000", "--query.max-samples=10", "{__name__=~\".+\"}",
    ])
    #expect(samples.exitCode == 1 && samples.errorText.contains("raise the limit (--query.max-samples)"))
    let steps = try run(["query-range", "--blocks=\(folder)", "--start=0", "--end=100", "--step=1ms", "up"])
    #expect(steps.exitCode == 1 && steps.errorText.contains("Give a larger --step"))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func rangesAreDrawnOnATerminal() throws {
    let folder = try Fixtures.folder("prometheus/block-floats")
    let command =
      "stty cols 72; \(BuiltProgram.apus) tools promql query-range --blocks=\(folder) --start=1748736000 --end=1748743200"
      + " 'constant_gauge{n=~\"[12]\"}'"
    func drawn(_ environment: String) throws -> String {
      try runProcess("/usr/bin/env", [environment, "TERM=xterm", "/usr/bin/script", "-qec", command, "/dev/null"])
        .outputText
    }
    let colored = try drawn("NO_COLOR=")
    #expect(colored.contains(" ┤") && colored.contains("\u{1B}[36m") && colored.contains("\u{1B}[33m"))
    let plain = try drawn("NO_COLOR=1")
    #expect(plain.contains(" ┤") && !plain.contains("\u{1B}["))
    let axis = plain.split(whereSeparator: \.isNewline).first { $0.contains("└") } ?? ""
    #expect(axis.count == 72, "\(plain)")
  }
}
