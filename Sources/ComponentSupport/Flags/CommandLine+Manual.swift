// The manual page, in the roff macros of man(7).

extension CommandLineTable {
  /// The whole program as one manual page of section 1.
  func manualPage() -> String {
    let versionLine = versionText.split(separator: "\n").first.map(String.init) ?? program.name
    var out = ".TH \(program.name) 1 \"\(roff(versionLine))\"\n.SH \"NAME\"\n\(program.name)\n.SH \"SYNOPSIS\"\n.TP\n"
    out +=
      "\\fB\(program.name)\(roff(summary(of: program)))\(program.commands.isEmpty ? "" : " <command> [<args> ...]")\\fR\n\n"
    out += ".SH \"DESCRIPTION\"\n\(roff(program.help))\n.SH \"OPTIONS\"\n" + manualFlags(program.flags)
    if !program.commands.isEmpty { out += ".SH \"COMMANDS\"\n" }
    for (words, leaf) in leaves(below: []) {
      out += ".SS\n\\fB\(roff(words + summary(of: leaf)))\\fR\n.PP\n\(roff(leaf.help))\n" + manualFlags(leaf.flags)
    }
    return out
  }

  private func manualFlags(_ flags: [FlagSpec]) -> String {
    var out = ""
    for flag in flags where !flag.isHidden {
      let short = flag.short.map { "-\($0), " } ?? ""
      let value = flag.isSwitch ? "" : "=\(flag.valueText)"
      out += ".TP\n\\fB\(short)--\(roff(flag.name + value))\\fR\n\(roff(flag.fullHelp))\n"
    }
    return out
  }

  /// `text` so that roff takes none of it for a request or an escape.
  private func roff(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\\\")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
  }
}
