// The one table that a command line is made of: commands, their flags and their arguments. Parsing, help, the manual
// page, shell completion and the surface check all read it, so none of them can disagree with another.

/// What kind of text a flag or an argument takes, and how it is read.
public enum ValueKind: Sendable, Equatable {
  /// Any text.
  case string
  /// A whole number as kingpin's Int reads it: through a float, so that `1e3` is 1000.
  case int
  /// A whole number of 64 bits: decimal, or with the prefixes 0x, 0o, 0b, 0.
  case int64
  /// A floating-point number.
  case double
  /// A switch without a value: `--name` sets it, `--no-name` clears it.
  case bool
  /// One of these texts.
  case enumeration([String])
  /// A duration as Prometheus writes it (`1d12h`, `0`, no fractions), kept in milliseconds.
  case duration
  /// A duration as Go writes it (`1.5h`, `300ms`, `-2s`), kept in nanoseconds.
  case goDuration
  /// A number of bytes with a unit (`512MB`, `1GiB`; both are powers of 1024).
  case bytes
  /// An instant: RFC 3339, milliseconds since the Unix epoch, or a Prometheus duration relative to now (`-2h`).
  case time
}

/// A flag of a command.
public struct FlagSpec: Sendable {
  /// Its name without the dashes.
  public var name: String
  /// What its value is.
  public var kind: ValueKind
  /// One sentence or more for people.
  public var help: String
  /// Its one-letter form.
  public var short: Character?
  /// The text that stands for the value in help, where neither the default nor the name should.
  public var placeholder: String?
  /// Values it has where neither the command line nor the environment names it.
  public var defaults: [String]
  /// A variable of the environment that gives the value where the command line does not.
  public var environment: String?
  /// May be given more than once.
  public var isRepeatable: Bool
  /// Must be given.
  public var isRequired: Bool
  /// Left out of help.
  public var isHidden: Bool

  /// A flag, by default an optional one without a default.
  public init(
    _ name: String, _ kind: ValueKind = .string, _ help: String, short: Character? = nil, placeholder: String? = nil,
    default defaults: String..., environment: String? = nil, repeatable: Bool = false, required: Bool = false,
    hidden: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.help = help
    self.short = short
    self.placeholder = placeholder
    self.defaults = defaults
    self.environment = environment
    self.isRepeatable = repeatable
    self.isRequired = required
    self.isHidden = hidden
  }
}

/// A positional argument of a command. Only the last one may be repeatable.
public struct ArgumentSpec: Sendable {
  /// Its name, as errors and help show it.
  public var name: String
  /// What its value is.
  public var kind: ValueKind
  /// One sentence or more for people.
  public var help: String
  /// Must be given (at least once, where repeatable).
  public var isRequired: Bool
  /// Takes all that is left.
  public var isRepeatable: Bool

  /// An argument, by default a required one.
  public init(
    _ name: String, _ kind: ValueKind = .string, _ help: String, required: Bool = true, repeatable: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.help = help
    self.isRequired = required
    self.isRepeatable = repeatable
  }
}

/// A command with its flags, and either arguments or commands of its own. The outermost one is the program.
public struct CommandSpec: Sendable {
  /// The word that selects it; of the outermost one, the program's name.
  public var name: String
  /// One sentence or more for people.
  public var help: String
  /// Flags that count after the command's word (of the program: anywhere).
  public var flags: [FlagSpec]
  /// Positional arguments.
  public var arguments: [ArgumentSpec]
  /// Commands below it.
  public var commands: [CommandSpec]
  /// Left out of help and completion.
  public var isHidden: Bool

  /// A command; one that has commands of its own takes no arguments.
  public init(
    _ name: String, _ help: String, flags: [FlagSpec] = [], arguments: [ArgumentSpec] = [],
    commands: [CommandSpec] = [], hidden: Bool = false
  ) {
    precondition(arguments.isEmpty || commands.isEmpty, "\(name): a command has arguments or commands, not both")
    precondition(arguments.dropLast().allSatisfy { !$0.isRepeatable }, "\(name): only the last argument may repeat")
    self.name = name
    self.help = help
    self.flags = flags
    self.arguments = arguments
    self.commands = commands
    self.isHidden = hidden
  }
}

extension FlagSpec {
  /// Whether it is a switch, which takes no value and can be negated.
  var isSwitch: Bool { kind == .bool }

  /// What stands for the value in help: the placeholder, else the default (texts in quotes), else the name in capitals.
  var valueText: String {
    if let placeholder { return placeholder }
    guard let first = defaults.first else { return name.uppercased() }
    let ellipsis = defaults.count > 1 ? "..." : ""
    return (kind == .string ? quoted(first) : first) + ellipsis
  }

  /// The help text, with the variable of the environment behind it.
  var fullHelp: String { environment.map { "\(help) ($\($0))" } ?? help }
}

/// `text` in double quotes with `"`, `\` and line ends escaped, as Go's %q shows plain text.
func quoted(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\t": out += "\\t"
    case "\r": out += "\\r"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
