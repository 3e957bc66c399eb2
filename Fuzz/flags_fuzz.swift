// Command lines, fed by a fuzzer: each is a command whose values can be had, or ends with a text. Words are separated by line feeds; what follows
// an empty line is the file that `@file` names.
// module Locking: Sources/Locking/*.swift
// module TSModel: Sources/TSModel/*.swift Sources/TSModel/*/*.swift
// sources: Sources/ComponentSupport/Flags/*.swift Sources/ComponentSupport/Configuration/Durations.swift
// sources: Sources/ComponentSupport/Configuration/ConfigurationError.swift
// objects: Sources/CLibraries/RE2/re2_shim.cpp
// libraries: re2 stdc++
import TSModel

private let table = CommandLineTable(
  program: CommandSpec(
    "demo", "A program to be asked.",
    flags: [FlagSpec("log", .enumeration(["info", "warn"]), "How much.", default: "info")],
    commands: [
      CommandSpec("serve", "Serve.", flags: [FlagSpec("address", .string, "Where.", short: "a", required: true)]),
      CommandSpec(
        "copy", "Copy files.",
        flags: [
          FlagSpec("n", .int, "How many.", short: "n"), FlagSpec("big", .int64, "How many."),
          FlagSpec("ratio", .double, "Share."), FlagSpec("wait", .duration, "How long.", default: "1m"),
          FlagSpec("pause", .goDuration, "How long.", default: "1.5h"),
          FlagSpec("size", .bytes, "Bytes.", default: "1KiB"), FlagSpec("from-time", .time, "When."),
          FlagSpec("tag", .string, "A tag.", short: "t", repeatable: true),
          FlagSpec("kind", .enumeration(["a", "b"]), "Which.", default: "a"), FlagSpec("deep", .bool, "Below, too."),
        ], arguments: [ArgumentSpec("paths", .string, "Paths.", required: false, repeatable: true)]),
    ]), versionText: "demo, version 1\n")

private func read(_ command: ParsedCommand) {
  let spec = table.program.commands.first { $0.name == command.path.first }
  for flag in (spec?.flags ?? []) + table.program.flags {
    switch flag.kind {
    case .string: _ = command.texts(flag.name)
    case .enumeration(let allowed): precondition(allowed.contains(command.text(flag.name) ?? ""), flag.name)
    case .double: _ = command.number(flag.name)
    case .bool: _ = command.isOn(flag.name)
    default: _ = command.integer(flag.name)
    }
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFlags(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  let end = lines.firstIndex(of: "") ?? lines.endIndex
  let file = lines[end...].dropFirst().joined(separator: "\n")
  let outcome = table.parse(
    ["demo"] + lines[..<end], environment: { $0 == "DEMO_N" ? "7" : nil }, nowMs: 1_000_000,
    readFile: { $0 == "file" ? file : nil })
  switch outcome {
  case .run(let command): read(command)
  case .exit(let code, let output, let errors):
    precondition((0...2).contains(code), "an end that nobody knows")
    precondition(lines.first == "--completion-bash" || !(output + errors).isEmpty, "an end without a word")
  }
  return 0
}
