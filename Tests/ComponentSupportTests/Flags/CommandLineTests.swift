// Kingpin's ways, one by one.
import Testing

@testable import ComponentSupport

private let table = CommandLineTable(
  program: CommandSpec(
    "demo", "A program to be asked.",
    flags: [
      FlagSpec(
        "level", .enumeration(["low", "high"]), "How much.", short: "l", default: "low", environment: "DEMO_LEVEL"),
      FlagSpec("quiet", .bool, "Say nothing.", short: "q"),
    ],
    commands: [
      CommandSpec(
        "copy", "Copy files.",
        flags: [
          FlagSpec("n", .int, "How many."), FlagSpec("tag", .string, "A tag.", short: "t", repeatable: true),
          FlagSpec("deep", .bool, "Below, too.", default: "true"),
          FlagSpec("wait", .duration, "How long.", default: "1m"),
        ],
        arguments: [
          ArgumentSpec("to", .string, "Target."), ArgumentSpec("from", .string, "Sources.", repeatable: true),
        ]),
      CommandSpec("list", "List files.", arguments: [ArgumentSpec("folder", .string, "Folder.", required: false)]),
      CommandSpec("group", "More.", commands: [CommandSpec("inner", "Inner.")]),
    ]), versionText: "demo, version 1\n")

private func parse(_ words: String..., environment: [String: String] = [:], files: [String: String] = [:])
  -> CommandLineTable.Outcome
{
  table.parse(["demo"] + words, environment: { environment[$0] }, nowMs: 1_000_000, readFile: { files[$0] })
}

private func command(_ outcome: CommandLineTable.Outcome) throws -> ParsedCommand {
  if case .run(let command) = outcome { return command }
  Issue.record("\(outcome)")
  throw ValueError(message: "not a command")
}

private func ending(_ outcome: CommandLineTable.Outcome) -> (code: Int32, text: String)? {
  if case .exit(let code, _, let text) = outcome { return (code, text) }
  return nil
}

@Test func flagsAndArgumentsMix() throws {
  let got = try command(parse("copy", "--n=3", "a", "--tag", "x", "b", "-t", "y", "-tz", "c", "--no-deep", "-q"))
  #expect(got.path == ["copy"])
  #expect(got.integer("n") == 3)
  #expect(got.texts("tag") == ["x", "y", "z"])
  #expect(got.text("to") == "a")
  #expect(got.texts("from") == ["b", "c"])
  #expect(!got.isOn("deep"))
  #expect(got.isOn("quiet"))
  #expect(got.integer("wait") == 60_000)
  #expect(got.isGiven("n") && !got.isGiven("wait"))
}

@Test func flagBeatsEnvironmentBeatsDefault() throws {
  #expect(try command(parse("list")).text("level") == "low")
  #expect(try command(parse("list", environment: ["DEMO_LEVEL": "high"])).text("level") == "high")
  #expect(try command(parse("list", "--level=low", environment: ["DEMO_LEVEL": "high"])).text("level") == "low")
  #expect(ending(parse("list", environment: ["DEMO_LEVEL": "odd"]))?.code == 2)
}

@Test func twoDashesEndFlags() throws {
  #expect(try command(parse("copy", "--", "--n", "-q")).texts("from") == ["-q"])
  #expect(try command(parse("list", "-")).text("folder") == "-")
}

@Test func filesGiveWords() throws {
  let got = try command(parse("copy", "@words", files: ["words": "--n=7\n# a remark\nto\nfrom one\n"]))
  #expect(got.integer("n") == 7)
  #expect(got.texts("from") == ["from one"])
  #expect(ending(parse("copy", "@nowhere"))?.code == 1)
  #expect(ending(parse("copy", "@loop", files: ["loop": "@loop\n@loop"]))?.code == 1)
}

@Test(
  arguments: [
    (["copy", "--n", "-3"], 1, "demo: error: expected argument for flag '--n'"),
    (["copy", "--n"], 1, "demo: error: expected argument for flag '--n'"),
    (["copy", "-t"], 1, "demo: error: expected argument for flag '-t'"),
    (["list", "--quiet=false", "x"], 1, "demo: error: unexpected x"),
    (["group", "--quiet=false"], 1, "demo: error: expected command but got \"false\""),
    (["list", "--no-level"], 1, "demo: error: unknown long flag '--no-level'"),
    (["--n=3", "copy"], 1, "demo: error: unknown long flag '--n'"),
    (["list", "-z"], 1, "demo: error: unknown short flag '-z'"),
    (["list", "--leve=low"], 1, "demo: error: unknown long flag '--leve' (did you mean '--level'?)"),
    (["lits"], 1, "demo: error: expected command but got \"lits\" (did you mean \"list\"?)"),
    (["something-else"], 1, "demo: error: expected command but got \"something-else\""),
    (["--help", "--nope"], 1, "demo: error: unknown long flag '--nope'"),
    (["list", "a", "b"], 1, "demo: error: unexpected b"),
  ])
func misfitsEndWithOneLineAndOne(words: [String], code: Int32, text: String) throws {
  guard case .exit(let got, let out, let err) = table.parse(["demo"] + words) else {
    Issue.record("it runs")
    return
  }
  #expect(got == code)
  #expect(out.isEmpty)
  #expect(err == text + "\n")
}

@Test(
  arguments: [
    (["copy", "--n=x", "a", "b"], "strconv.ParseFloat: parsing \"x\": invalid syntax"),
    (["copy", "--wait=5", "a", "b"], "not a valid duration string: \"5\""),
    (["copy", "--n=1", "--n=2", "a", "b"], "flag 'n' cannot be repeated"),
    (["copy", "a"], "required argument 'from' not provided"),
    (["copy"], "required argument 'to' not provided"),
    (["group"], "must select a subcommand of 'group'"),
    (["list", "--level=middle"], "enum value must be one of low,high, got 'middle'"),
  ])
func badValuesEndWithUsageAndTwo(words: [String], text: String) throws {
  guard case .exit(let code, _, let err) = table.parse(["demo"] + words) else {
    Issue.record("it runs")
    return
  }
  #expect(code == 2)
  #expect(err.hasPrefix("usage: demo \(words[0])"))
  #expect(err.hasSuffix("error parsing commandline arguments: [demo \(words.joined(separator: " "))]: \(text)\n"))
}

@Test func helpComesBeforeBadValuesAndVersionBeforeAll() {
  #expect(ending(parse("copy", "--n=x", "-h"))?.code == 0)
  #expect(ending(parse("--version", "--nope"))?.text == "demo, version 1\n")
  #expect(ending(parse())?.code == 0)
  #expect(ending(parse())?.text == ending(parse("--help"))?.text)
  #expect(ending(parse("help", "copy"))?.text == ending(parse("copy", "--help"))?.text)
  #expect(ending(parse("help", "nope"))?.code == 1)
}

@Test func helpHasTwoColumns() {
  let wanted = """
    usage: demo copy [<flags>] <to> <from>...

    Copy files.


    Flags:
      -h, --[no-]help     Show context-sensitive help (also try --help-long and
                          --help-man).
          --[no-]version  Show application version.
      -l, --level=low     How much. ($DEMO_LEVEL)
      -q, --[no-]quiet    Say nothing.
          --n=N           How many.
      -t, --tag=TAG ...   A tag.
          --[no-]deep     Below, too.
          --wait=1m       How long.

    Args:
      <to>       Target.
      <from>...  Sources.


    """
  #expect(ending(parse("copy", "--help"))?.text == wanted)
  #expect(ending(parse("--help"))?.text.contains("\ncopy [<flags>] <to> <from>...\n    Copy files.\n\n") == true)
}

@Test func linesBreakAsPromtoolsDo() {
  let text = """
    Ignore unknown fields in the rule groups read by the config files. This is useful when you want to extend rule files \
    with custom metadata. Ensure that those fields are removed before loading them into the Prometheus server as it \
    performs strict checks by default.
    """
  #expect(
    table.lines(of: text, width: 46) == [
      "Ignore unknown fields in the rule groups read", "by the config files. This is useful when",
      "you want to extend rule files with custom", "metadata. Ensure that those fields are removed",
      "before loading them into the Prometheus server", "as it performs strict checks by default.",
    ])
  #expect(table.lines(of: "a verylongwordindeed b", width: 8) == ["a", "verylongwordindeed", "b"])
}

@Test func wideFlagsStandAlone() {
  let rows = [("--a", "Short."), ("--a-flag-whose-name-is-rather-long", "Long.")]
  #expect(table.twoColumns(rows, indent: 2) == "  --a  Short.\n  --a-flag-whose-name-is-rather-long  \n       Long.\n")
}

@Test func manualPageAndCompletion() {
  guard case .exit(0, let page, "") = parse("--help-man") else {
    Issue.record("no manual page")
    return
  }
  #expect(page.hasPrefix(".TH demo 1 \"demo, version 1\"\n"))
  #expect(page.contains(".SS\n\\fBcopy [<flags>] <to> <from>...\\fR\n"))
  guard case .exit(0, let commands, "") = parse("--completion-bash", ""),
    case .exit(0, let flags, "") = parse("--completion-bash", "copy", "--"),
    case .exit(0, let values, "") = parse("--completion-bash", "copy", "--level", "")
  else {
    Issue.record("no completion")
    return
  }
  #expect(commands == "help\ncopy\nlist\ngroup\n")
  #expect(flags.hasPrefix("--n\n--tag\n"))
  #expect(values == "low\nhigh\n")
}

@Test func surfaceNamesEveryFlag() {
  let lines = table.surface().split(separator: "\n")
  #expect(lines.contains("global\t--level\tyes\tno\tlow\tno"))
  #expect(lines.contains("copy\t--tag\tyes\tyes\t\tno"))
  #expect(lines.contains("global\t--help\tno\tno\tfalse\tno"))
  #expect(lines.contains("global\t--help-man\tno\tno\tfalse\tyes"))
}
