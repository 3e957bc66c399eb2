// Command lines as Thanos' own binary answered them (fixtures/thanos/captures/cli), posed to tables that have the flags they name.
import Foundation
import TestSupport
import Testing

@testable import ComponentSupport

/// One recorded call.
private struct Recorded: Decodable {
  let args: [String]
  let exit_code: Int?
  let first_error_line: String
  let error_line_is: String?
}

/// A table with the recorded program's commands, as far as its command-line errors are generic.
private let thanos = CommandLineTable(
  program: CommandSpec(
    "thanos-slicelabels", "A block storage based long-term storage for Prometheus.",
    flags: [
      FlagSpec("log.level", .enumeration(["error", "warn", "info", "debug"]), "Log filtering level.", default: "info"),
      FlagSpec("log.format", .enumeration(["logfmt", "json", "journald"]), "Log format.", default: "logfmt"),
    ],
    commands: [
      CommandSpec(
        "query", "Query node.",
        flags: [
          FlagSpec("http-address", .string, "Address."), FlagSpec("grpc-address", .string, "Address."),
          FlagSpec("query.timeout", .duration, "Timeout.", default: "2m"),
          FlagSpec("query.max-concurrent", .int, "Queries.", default: "20"),
          FlagSpec("query.promql-engine", .enumeration(["prometheus", "thanos"]), "Engine.", default: "prometheus"),
          FlagSpec("query.mode", .enumeration(["local", "distributed"]), "Mode.", default: "local"),
          FlagSpec("query.lookback-delta", .goDuration, "Lookback."),
          FlagSpec("deduplication.func", .enumeration(["penalty", "chain"]), "Function.", default: "penalty"),
          FlagSpec("store.response-timeout", .duration, "Timeout.", default: "0ms"),
        ]),
      CommandSpec(
        "store", "Store node.",
        flags: [
          FlagSpec("http-address", .string, "Address."), FlagSpec("grpc-address", .string, "Address."),
          FlagSpec("objstore.config-file", .string, "File."),
          FlagSpec("index-cache-size", .bytes, "Size.", default: "250MB"),
          FlagSpec("min-time", .time, "Start.", default: "0000-01-01T00:00:00Z"),
          FlagSpec("store.grpc.series-max-concurrency", .int, "Number.", default: "20"),
          FlagSpec("consistency-delay", .duration, "Delay.", default: "0s"),
          FlagSpec("store.grpc.touched-series-limit", .int, "Limit."),
          FlagSpec("store.limits.request-series", .int, "Limit."),
        ]),
      CommandSpec(
        "compact", "Compactor.",
        flags: [
          FlagSpec("http-address", .string, "Address."), FlagSpec("objstore.config-file", .string, "File."),
          FlagSpec("data-dir", .string, "Folder."), FlagSpec("retention.resolution-raw", .duration, "Retention."),
          FlagSpec("hash-func", .enumeration(["SHA256", ""]), "Hash.", default: ""),
          FlagSpec("delete-delay", .duration, "Delay.", default: "48h"),
          FlagSpec("compact.block-max-index-size", .bytes, "Size.", default: "64GB", hidden: true),
        ]),
      CommandSpec(
        "rule", "Ruler.",
        flags: [
          FlagSpec("http-address", .string, "Address."), FlagSpec("grpc-address", .string, "Address."),
          FlagSpec("data-dir", .string, "Folder."), FlagSpec("query", .string, "Query.", repeatable: true),
          FlagSpec("label", .string, "Label.", repeatable: true), FlagSpec("eval-interval", .goDuration, "Interval."),
          FlagSpec("rule-concurrent-evaluation", .int64, "Number.", default: "1"),
          FlagSpec("tsdb.retention", .duration, "Retention."),
        ]),
      CommandSpec(
        "tools", "Tools.",
        commands: [
          CommandSpec(
            "bucket", "Buckets.", flags: [FlagSpec("objstore.config-file", .string, "File.")],
            commands: [
              CommandSpec(
                "mark", "Mark.",
                flags: [
                  FlagSpec("id", .string, "Block.", repeatable: true, required: true),
                  FlagSpec(
                    "marker", .enumeration(["deletion-mark.json", "no-compact-mark.json", "no-downsample-mark.json"]),
                    "Marker.", required: true),
                  FlagSpec("details", .string, "Details."),
                ])
            ]),
          CommandSpec(
            "rules-check", "Rules.", flags: [FlagSpec("rules", .string, "Files.", repeatable: true, required: true)]),
        ]),
    ]), versionText: versionText(program: "thanos", version: "", revision: "unknown"))

/// How many of the recorded calls the table above can answer: a change of the table that loses some must show.
private let answerable = 37

@Test(.needsShared) func recordedCommandLinesEndAsRecorded() throws {
  let path = try Fixtures.folder("thanos/captures/cli") + "/results.jsonl"
  var answered = 0
  for line in try textLines(path) {
    let recorded = try JSONDecoder().decode(Recorded.self, from: Data(line.utf8))
    let outcome = thanos.parse(["thanos"] + recorded.args, environment: { _ in nil }, nowMs: 0)
    let command = recorded.args.first { !$0.hasPrefix("-") }
    // Calls of components that the table above lacks, and those that got past the command line.
    guard command == nil || ["query", "store", "compact", "rule", "tools", "nope"].contains(command) else { continue }
    guard
      recorded.exit_code == 0 || recorded.exit_code == 2 || recorded.first_error_line.hasPrefix("thanos-slicelabels:")
    else { continue }
    guard case .exit(let code, let out, let err) = outcome else { continue }
    if err.contains("unknown long flag") && !recorded.first_error_line.contains("unknown long flag") { continue }
    if err.contains("expected command but got") && !recorded.first_error_line.contains("expected command") { continue }
    answered += 1
    #expect(Int(code) == recorded.exit_code, "\(recorded.args)")
    #expect(out.isEmpty)
    let lines = err.split(separator: "\n").map(String.init)
    if recorded.error_line_is == "last" {
      // Kingpin lists flags in the order they are declared; the recorded one is not known for `--marker` and `--id`.
      let wanted = recorded.first_error_line.replacingOccurrences(of: "'--marker', '--id'", with: "'--id', '--marker'")
      #expect(lines.last == wanted)
      #expect(lines.first?.hasPrefix("usage: thanos-slicelabels") == true)
    } else if recorded.exit_code == 1 {
      #expect(lines.count == 1)
      #expect(lines.first?.hasPrefix(recorded.first_error_line) == true, "\(err)")
    }
  }
  #expect(answered >= answerable, "only \(answered) recorded command lines were posed")
}
