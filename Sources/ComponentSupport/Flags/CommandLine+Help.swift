// Help as kingpin lays it out: usage, the sentence, two columns of flags and arguments, the commands below. 80 columns.

extension CommandLineTable {
  static let columns = 80

  /// The help of the command at `path` (without the program), or of the program where `path` is empty.
  func help(path: [CommandSpec]) -> String {
    let command = path.last ?? program
    let words = ([program] + path).map(\.name).joined(separator: " ")
    var out = "usage: \(words)\(summary(of: command))"
    if !command.commands.isEmpty { out += " <command> [<args> ...]" }
    out += "\n"
    if !command.help.isEmpty { out += "\n" + wrapped(command.help, indent: 0, width: Self.columns) + "\n" }
    out += "\n"
    out += "Flags:\n" + twoColumns(flagRows(program.flags + path.flatMap(\.flags)), indent: 2) + "\n"
    if !command.arguments.isEmpty {
      out += "Args:\n" + twoColumns(command.arguments.map { (Self.usage(of: $0), $0.help) }, indent: 2) + "\n"
    }
    if !command.commands.isEmpty {
      out += path.isEmpty ? "Commands:\n" : "Subcommands:\n"
      for (words, leaf) in leaves(below: path) {
        out += "\(words)\(summary(of: leaf))\n" + wrapped(leaf.help, indent: 4, width: Self.columns) + "\n"
      }
      out += "\n"
    }
    return out
  }

  /// The help of all commands, each with its flags.
  func longHelp() -> String {
    var out = "usage: \(program.name)\(summary(of: program))"
    if !program.commands.isEmpty { out += " <command> [<args> ...]" }
    out += "\n\n" + wrapped(program.help, indent: 0, width: Self.columns) + "\n"
    out += "Flags:\n" + twoColumns(flagRows(program.flags), indent: 2) + "\n"
    if !program.commands.isEmpty { out += "Commands:\n" }
    for (words, leaf) in leaves(below: []) {
      out += "\(words)\(summary(of: leaf))\n" + wrapped(leaf.help, indent: 4, width: Self.columns) + "\n"
      let rows = flagRows(ownFlags(ofPath: words))
      if !rows.isEmpty { out += twoColumns(rows, indent: 4) }
      out += "\n"
    }
    return out
  }

  /// All commands that are no group, in order, with the words that select them; hidden ones and what is below them left out.
  func leaves(below path: [CommandSpec]) -> [(words: String, command: CommandSpec)] {
    var out: [(String, CommandSpec)] = []
    func visit(_ command: CommandSpec, _ words: [String]) {
      if command.isHidden { return }
      if command.commands.isEmpty { out.append((words.joined(separator: " "), command)) }
      for child in command.commands { visit(child, words + [child.name]) }
    }
    let start = path.last ?? program
    for child in start.commands { visit(child, path.map(\.name) + [child.name]) }
    return out
  }

  /// The flags of the command that these words select and of the groups it lies in, without the program's.
  private func ownFlags(ofPath words: String) -> [FlagSpec] {
    var flags: [FlagSpec] = []
    var commands = program.commands
    for word in words.split(separator: " ") {
      guard let next = commands.first(where: { $0.name == word }) else { break }
      flags += next.flags
      commands = next.commands
    }
    return flags
  }

  /// What follows the command in a usage line: required flags, `[<flags>]` where there are others, arguments.
  func summary(of command: CommandSpec) -> String {
    var parts = command.flags.filter(\.isRequired).map { flag in
      flag.isSwitch ? "--[no-]\(flag.name)" : "--\(flag.name)=\(flag.valueText)"
    }
    let builtIn = Set(Self.builtInFlags.map(\.name)).subtracting(["version"])
    if command.flags.contains(where: { !$0.isRequired && !builtIn.contains($0.name) }) { parts.append("[<flags>]") }
    parts += command.arguments.map(Self.usage)
    return parts.map { " " + $0 }.joined()
  }

  static func usage(of argument: ArgumentSpec) -> String {
    let text = "<\(argument.name)>" + (argument.isRepeatable ? "..." : "")
    return argument.isRequired ? text : "[\(text)]"
  }

  /// Flags as rows of help; those without a letter are moved right where another has one.
  func flagRows(_ flags: [FlagSpec]) -> [(String, String)] {
    let shown = flags.filter { !$0.isHidden }
    let hasShort = shown.contains { $0.short != nil }
    return shown.map { flag in
      var text = flag.short.map { "-\($0), " } ?? (hasShort ? "    " : "")
      text += flag.isSwitch ? "--[no-]\(flag.name)" : "--\(flag.name)=\(flag.valueText)"
      if flag.isRepeatable { text += " ..." }
      return (text, flag.fullHelp)
    }
  }

  /// Two columns: the left one as wide as its widest entry below 30 characters; a wider entry has a line of its own.
  func twoColumns(_ rows: [(String, String)], indent: Int) -> String {
    let padding = 2
    let left = rows.map(\.0.count).filter { $0 < 30 }.max() ?? 0
    let margin = String(repeating: " ", count: indent)
    let gap = String(repeating: " ", count: left + padding)
    var out = ""
    for (name, help) in rows {
      let lines = lines(of: help, width: Self.columns - left - padding - indent)
      out += margin + name + String(repeating: " ", count: max(0, left - name.count) + padding)
      if name.count >= 30 { out += "\n" + margin + gap }
      out += (lines.first ?? "") + "\n"
      for line in lines.dropFirst() { out += margin + gap + line + "\n" }
    }
    return out
  }

  private func wrapped(_ text: String, indent: Int, width: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    return lines(of: text, width: width - indent).map { margin + $0 + "\n" }.joined()
  }

  /// The words of `text` in lines of at most `width` characters; a longer word stands alone. As Go's doc printer breaks
  /// lines (observed on promtool's help): the sum of the squares of the blanks left over is smallest, where a line that ends
  /// without punctuation counts 64 more, and the last line nothing; of equal ways the one with the longer first lines.
  func lines(of text: String, width: Int) -> [String] {
    let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
    if words.isEmpty { return [""] }
    let lengths = words.map(\.count)
    // Best way to set words[i...]: its cost, and the word after its first line.
    var best = Array(repeating: (excess: 0, cost: 0, next: 0), count: words.count + 1)
    for first in words.indices.reversed() {
      var length = -1
      var choice: (excess: Int, cost: Int, next: Int)?
      for last in first..<words.count {
        length += lengths[last] + 1
        if length > width, last > first { break }
        var way = best[last + 1]
        way.next = last + 1
        way.excess += max(0, length - width)
        if last + 1 < words.count {
          let left = max(0, width - length)
          way.cost += left * left + (".,:;)".contains(words[last].last ?? " ") ? 0 : 64)
        }
        if let known = choice {
          if known.excess < way.excess || (known.excess == way.excess && known.cost < way.cost) { continue }
        }
        choice = way
      }
      best[first] = choice ?? (0, 0, words.count)
    }
    var out: [String] = []
    var first = 0
    while first < words.count {
      out.append(words[first..<best[first].next].joined(separator: " "))
      first = best[first].next
    }
    return out
  }
}
