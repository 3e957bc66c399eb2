// Command lines that nobody meant: words of a real one mixed, cut and changed. Each is a command whose values can be had, or ends with a text.
import TestSupport
import Testing

@testable import ComponentSupport

private let table = CommandLineTable(
  program: CommandSpec(
    "demo", "A program to be asked.", flags: CommonFlags.global,
    commands: [
      CommandSpec("serve", "Serve.", flags: CommonFlags.http + CommonFlags.grpcServer + CommonFlags.transport),
      CommandSpec(
        "copy", "Copy files.",
        flags: [
          FlagSpec("n", .int, "How many.", short: "n"), FlagSpec("big", .int64, "How many."),
          FlagSpec("ratio", .double, "Share."), FlagSpec("wait", .duration, "How long.", default: "1m"),
          FlagSpec("pause", .goDuration, "How long.", default: "1.5h"),
          FlagSpec("size", .bytes, "Bytes.", default: "1KiB"),
          FlagSpec("from-time", .time, "When."), FlagSpec("tag", .string, "A tag.", short: "t", repeatable: true),
          FlagSpec("kind", .enumeration(["a", "b"]), "Which.", default: "a"), FlagSpec("deep", .bool, "Below, too."),
        ], arguments: [ArgumentSpec("paths", .string, "Paths.", required: false, repeatable: true)]),
    ]), versionText: "demo, version 1\n")

@Suite struct CommandLineMutationTests {
  private static let words = [
    "serve", "copy", "help", "--help", "--version", "--", "-", "@file", "@none", "--n=1e3", "-n5", "-n", "--big=0x7f",
    "--ratio=.5",
    "--wait=1d2h", "--pause=-2.5h3µs", "--size=1.5MiB", "--from-time=-2h", "--tag", "-tx", "--kind=b", "--deep",
    "--no-deep",
    "--log.level=warn", "--transport.streams=9", "--http-address", ":80", "path", "", "é", "--é=\u{0}", "=", "--=",
    "--n=99999999999999999999",
    "--size=9999999999EB", "--wait=99999999999y", "--pause=1h1h", "--from-time=2026-02-30T00:00:00Z", "--ratio=nan",
    "--big=-",
  ]
  private static let bytes = Array("-=@.0123456789abcxyzhmsdwyKMGiBµ: \n\"'\\".unicodeScalars)

  private static func change(_ word: String, _ random: inout SplitMix64) -> String {
    var scalars = Array(word.unicodeScalars)
    for _ in 0..<(1 + random.below(3)) {
      let at = random.below(scalars.count + 1)
      switch random.below(3) {
      case 0: scalars.insert(bytes[random.below(bytes.count)], at: at)
      case 1: if at < scalars.count { scalars.remove(at: at) }
      default: if at < scalars.count { scalars[at] = bytes[random.below(bytes.count)] }
      }
    }
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  @Test func anyWordsAreACommandOrAnEnd() {
    var random = SplitMix64(seed: 61)
    var (ran, ended) = (0, 0)
    for _ in 0..<(isLongTier ? 300_000 : 10_000) {
      var line = [["copy", "serve"][random.below(2)]]
      for _ in 0..<random.below(6) {
        let word = Self.words[random.below(Self.words.count)]
        line.append(random.below(3) == 0 ? Self.change(word, &random) : word)
      }
      if random.below(4) == 0 { line.removeFirst() }
      let content = Self.change(line.joined(separator: "\n"), &random)
      let outcome = table.parse(
        ["demo"] + line, environment: { _ in nil }, nowMs: 1_000_000, readFile: { $0 == "file" ? content : nil })
      switch outcome {
      case .run(let command):
        ran += 1
        read(command, line)
      case .exit(let code, _, let text):
        ended += 1
        #expect((0...2).contains(code), "\(line)")
        #expect(!text.isEmpty, "\(line)")
      }
    }
    #expect(ran > 1000 && ended > 1000)
  }

  /// Every value has the kind that the table says.
  private func read(_ command: ParsedCommand, _ line: [String]) {
    let spec = table.program.commands.first { $0.name == command.path.first }
    for flag in (spec?.flags ?? []) + table.program.flags {
      switch flag.kind {
      case .string, .enumeration: _ = command.texts(flag.name)
      case .double: _ = command.number(flag.name)
      case .bool: _ = command.isOn(flag.name)
      default: _ = command.integer(flag.name)
      }
      if !flag.defaults.isEmpty, case .enumeration(let allowed) = flag.kind {
        #expect(allowed.contains(command.text(flag.name) ?? ""), "\(line)")
      }
    }
  }

  @Test func anyTextIsAValueOrRefusedWithAReason() {
    var random = SplitMix64(seed: 62)
    let kinds: [ValueKind] = [.int, .int64, .double, .bool, .duration, .goDuration, .bytes, .time]
    let texts = [
      "1", "-1", "0x1F", "0b1", "017", "1e18", "1.5", "inf", "true", "1d12h", "1h30m10s5ms", "1.5h", "-2µs",
      "9223372036854775807",
      "512MB", "1GiB2KiB", "2026-01-02T03:04:05.678+01:00", "-2h", "1700000000000", "",
    ]
    var (taken, refused) = (0, 0)
    for _ in 0..<(isLongTier ? 300_000 : 20_000) {
      let text = texts[random.below(texts.count)]
      let word = random.below(4) == 0 ? text : Self.change(text, &random)
      let kind = kinds[random.below(kinds.count)]
      do {
        _ = try kind.read(word, nowMs: 1_000_000)
        taken += 1
      } catch {
        refused += 1
        #expect(!error.message.isEmpty, "\(kind) \(word)")
      }
    }
    #expect(taken > 1000 && refused > 1000)
  }
}
