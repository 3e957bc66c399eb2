// The surface of a command line as a table that can be compared with another program's.

extension CommandLineTable {
  /// One line a flag, with a header line: component, flag, takes_value, repeatable, default, hidden; separated by tabs. The
  /// component is "global" for flags of the program, else the words of the command. Commands that are hidden count, too.
  public func surface() -> String {
    var out = "component\tflag\ttakes_value\trepeatable\tdefault\thidden\n"
    func add(_ command: CommandSpec, _ component: String) {
      for flag in command.flags {
        let defaults = flag.isSwitch && flag.defaults.isEmpty ? "false" : flag.defaults.joined(separator: ",")
        let columns = [
          component, "--\(flag.name)", flag.isSwitch ? "no" : "yes", flag.isRepeatable ? "yes" : "no", defaults,
          flag.isHidden || command.isHidden ? "yes" : "no",
        ]
        out += columns.joined(separator: "\t") + "\n"
      }
      for child in command.commands { add(child, component == "global" ? child.name : "\(component) \(child.name)") }
    }
    add(program, "global")
    return out
  }
}
