// Reading an argument vector as kingpin does. Two steps, as there: first the words are matched with commands, flags and
// arguments (a word that fits nowhere ends the program with 1 and one line), then values are read and what must be there
// is looked for (a refusal prints usage, the reason last, and ends it with 2). Help and version lie between the two.
internal import TSModel

/// The command line of a program: the table of its commands, and what to do with an argument vector.
public struct CommandLineTable: Sendable {
  /// The program.
  public let program: CommandSpec
  /// What `--version` prints.
  public let versionText: String

  /// The flags that every kingpin program has are put before the program's own ones.
  public init(program: CommandSpec, versionText: String) {
    var program = program
    program.flags = Self.builtInFlags + program.flags
    if !program.commands.isEmpty {
      let help = CommandSpec(
        "help", "Show help.",
        arguments: [ArgumentSpec("command", .string, "Show help on command.", required: false, repeatable: true)])
      program.commands.insert(help, at: 0)
    }
    self.program = program
    self.versionText = versionText
  }

  static let builtInFlags: [FlagSpec] = [
    FlagSpec("help", .bool, "Show context-sensitive help (also try --help-long and --help-man).", short: "h"),
    FlagSpec("help-long", .bool, "Generate long help.", hidden: true),
    FlagSpec("help-man", .bool, "Generate a man page.", hidden: true),
    FlagSpec("completion-bash", .bool, "Output possible completions for the given args.", hidden: true),
    FlagSpec("completion-script-bash", .bool, "Generate completion script for bash.", hidden: true),
    FlagSpec("completion-script-zsh", .bool, "Generate completion script for ZSH.", hidden: true),
    FlagSpec("version", .bool, "Show application version."),
  ]

  /// What to do with the words of a command line.
  public enum Outcome: Sendable {
    /// Run this command.
    case run(ParsedCommand)
    /// Print `standardOutput` and `standardError` and end with `code`.
    case exit(code: Int32, standardOutput: String, standardError: String)
  }

  /// Reads `arguments`, which begin with the word the program was called by. Files named by `@FILE` are read by
  /// `readFile`, variables of the environment by `environment`; `nowMs` is what relative times count from (the
  /// clock's time where nil).
  public func parse(
    _ arguments: [String], environment: (String) -> String? = { _ in nil },
    nowMs: Int64? = nil, readFile: @escaping (String) -> String? = { _ in nil }
  ) -> Outcome {
    let nowMs = nowMs ?? WallClock.nowMs()
    let words = Array(arguments.dropFirst())
    var isCompletion = false
    var matcher = WordMatcher(program: program, words: words, readFile: readFile)
    let mismatch = matcher.match()
    if let first = words.first, first == "--completion-bash" { isCompletion = true }
    let context = matcher.context
    if isCompletion {
      return .exit(code: 0, standardOutput: completions(for: Array(words.dropFirst())), standardError: "")
    }

    var values = ValueReader(context: context, nowMs: nowMs)
    if let problem = values.readDefaults(environment: environment) {
      return refusal(problem, arguments: arguments, context: context)
    }
    let badValue = values.readMatched()

    // What answers and ends the program comes before complaints about anything else.
    if values.isSet("help-long") { return .exit(code: 0, standardOutput: longHelp(), standardError: "") }
    if values.isSet("help-man") { return .exit(code: 0, standardOutput: manualPage(), standardError: "") }
    if values.isSet("completion-script-bash") { return .exit(code: 0, standardOutput: bashScript(), standardError: "") }
    if values.isSet("completion-script-zsh") { return .exit(code: 0, standardOutput: zshScript(), standardError: "") }
    if values.isSet("version") { return .exit(code: 0, standardOutput: "", standardError: versionText) }
    if let mismatch {
      return .exit(code: 1, standardOutput: "", standardError: "\(program.name): error: \(mismatch)\n")
    }
    if context.path.first?.name == "help" { return helpCommand(words: context.arguments.map(\.text)) }
    if values.isSet("help") { return .exit(code: 0, standardOutput: "", standardError: help(path: context.path)) }
    if let problem = badValue ?? values.missing() { return refusal(problem, arguments: arguments, context: context) }
    if context.path.isEmpty, !program.commands.isEmpty {
      return .exit(code: 0, standardOutput: "", standardError: help(path: []))
    }
    return .run(ParsedCommand(path: context.path.map(\.name), values: values.values, setByUser: values.setByUser))
  }

  /// Usage, and the reason as the last line.
  private func refusal(_ problem: String, arguments: [String], context: MatchedWords) -> Outcome {
    let line = "error parsing commandline arguments: [\(arguments.joined(separator: " "))]: \(problem)\n"
    return .exit(code: 2, standardOutput: "", standardError: help(path: context.path) + line)
  }

  private func helpCommand(words: [String]) -> Outcome {
    var path: [CommandSpec] = []
    var commands = program.commands
    for word in words {
      guard let next = commands.first(where: { $0.name == word }) else {
        let text = commands.isEmpty ? "unexpected \(word)" : "expected command but got \(quoted(word))"
        return .exit(code: 1, standardOutput: "", standardError: "\(program.name): error: \(text)\n")
      }
      path.append(next)
      commands = next.commands
    }
    return .exit(code: 0, standardOutput: "", standardError: help(path: path))
  }
}

/// The words of a command line, each where it belongs.
struct MatchedWords {
  /// The program; its flags count everywhere.
  let program: CommandSpec
  /// The commands selected, outermost first, without the program.
  var path: [CommandSpec] = []
  /// Flags in the order given, with the text of their values ("true" or "false" for switches).
  var flags: [(spec: FlagSpec, text: String)] = []
  /// Arguments in the order given.
  var arguments: [(spec: ArgumentSpec, text: String)] = []

  /// All flags that may be given here: the program's, and those of each selected command.
  var knownFlags: [FlagSpec] { program.flags + path.flatMap(\.flags) }
  /// The innermost command, or the program.
  var innermost: CommandSpec { path.last ?? program }
}

/// The first step: which word is what.
private struct WordMatcher {
  private enum Token {
    case long(String)
    case short(Character)
    case argument(String)
    /// An `@FILE` that cannot be read.
    case unreadable(String)

    var text: String {
      switch self {
      case .long(let name): "--\(name)"
      case .short(let letter): "-\(letter)"
      case .argument(let text): text
      case .unreadable(let path): "@\(path)"
      }
    }
  }

  private(set) var context: MatchedWords
  private var words: [String]
  private var onlyArguments = false
  private var pushedBack: [Token] = []
  private let readFile: (String) -> String?
  private var filesLeft = 100

  init(program: CommandSpec, words: [String], readFile: @escaping (String) -> String?) {
    self.context = MatchedWords(program: program)
    self.words = words.reversed()
    self.readFile = readFile
  }

  /// Matches all words. Returns why the first misfit does not fit.
  mutating func match() -> String? {
    var argumentsLeft = context.program.arguments[...]
    while let token = nextToken() {
      switch token {
      case .unreadable(let path):
        return "open \(path): no such file or directory"
      case .long, .short:
        if let problem = matchFlag(token) { return problem }
      case .argument(let text):
        if !context.innermost.commands.isEmpty {
          guard let command = context.innermost.commands.first(where: { $0.name == text }) else {
            let nearest = nearestName(to: text, among: context.innermost.commands.filter { !$0.isHidden }.map(\.name))
            return "expected command but got \(quoted(text))" + suggestion(nearest.map { quoted($0) })
          }
          context.path.append(command)
          argumentsLeft = command.arguments[...]
        } else if let argument = argumentsLeft.first {
          context.arguments.append((argument, text))
          if !argument.isRepeatable { argumentsLeft = argumentsLeft.dropFirst() }
        } else {
          return "unexpected \(text)"
        }
      }
    }
    return nil
  }

  private mutating func nextToken() -> Token? {
    if let token = pushedBack.popLast() { return token }
    while let word = words.popLast() {
      if onlyArguments { return .argument(word) }
      if word == "--" {
        onlyArguments = true
        continue
      }
      if word.hasPrefix("--") {
        let body = word.dropFirst(2)
        guard let equals = body.firstIndex(of: "=") else { return .long(String(body)) }
        pushedBack.append(.argument(String(body[body.index(after: equals)...])))
        return .long(String(body[..<equals]))
      }
      if word.hasPrefix("-"), word.count > 1 {
        // -abc is -a, then what -a makes of "bc": more switches, or a value.
        let body = word.dropFirst()
        let rest = body.dropFirst()
        if let letter = body.first {
          if !rest.isEmpty {
            if let flag = context.knownFlags.first(where: { $0.short == letter }), !flag.isSwitch {
              pushedBack.append(.argument(String(rest)))
            } else {
              words.append("-" + rest)
            }
          }
          return .short(letter)
        }
      }
      if word.hasPrefix("@"), word.count > 1 {
        let path = String(word.dropFirst())
        filesLeft -= 1  // a file that names itself ends here
        guard filesLeft >= 0, let text = readFile(path) else { return .unreadable(path) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true).filter { !$0.hasPrefix("#") }
        words.append(contentsOf: lines.reversed().map(String.init))
        continue
      }
      return .argument(word)
    }
    return nil
  }

  private mutating func matchFlag(_ token: Token) -> String? {
    let known = context.knownFlags
    var flag: FlagSpec?
    var isNegated = false
    switch token {
    case .short(let letter):
      flag = known.first { $0.short == letter }
      if flag == nil { return "unknown short flag '-\(letter)'" }
    case .long(let name):
      flag = known.first { $0.name == name }
      if flag == nil, name.hasPrefix("no-"), let positive = known.first(where: { $0.name == name.dropFirst(3) }),
        positive.isSwitch
      {
        flag = positive
        isNegated = true
      }
      if flag == nil {
        let names = known.filter { !$0.isHidden }.map(\.name)
        return "unknown long flag '--\(name)'" + suggestion(nearestName(to: name, among: names).map { "'--\($0)'" })
      }
    default:
      break
    }
    guard let flag else { return nil }
    if flag.isSwitch {
      context.flags.append((flag, isNegated ? "false" : "true"))
      return nil
    }
    guard let next = nextToken(), case .argument(let text) = next else {
      return "expected argument for flag '\(token.text)'"
    }
    context.flags.append((flag, text))
    return nil
  }

  private func suggestion(_ name: String?) -> String { name.map { " (did you mean \($0)?)" } ?? "" }
}

/// The second step: what the texts mean, what is not given, what is missing.
private struct ValueReader {
  private let context: MatchedWords
  private let nowMs: Int64
  private(set) var values: [String: [FlagValue]] = [:]
  private(set) var setByUser: Set<String> = []

  init(context: MatchedWords, nowMs: Int64) {
    self.context = context
    self.nowMs = nowMs
  }

  func isSet(_ name: String) -> Bool { values[name]?.last == .flag(true) }

  /// Environment, else defaults, of flags that the command line does not name. Returns the first refusal.
  mutating func readDefaults(environment: (String) -> String?) -> String? {
    let given = Set(context.flags.map(\.spec.name))
    for flag in context.knownFlags where !given.contains(flag.name) {
      var texts = flag.defaults
      if let name = flag.environment, let text = environment(name), !text.isEmpty {
        texts = flag.isRepeatable ? text.split(separator: "\n").map(String.init) : [text]
        setByUser.insert(flag.name)
      }
      for text in texts {
        do { values[flag.name, default: []].append(try flag.kind.read(text, nowMs: nowMs)) } catch {
          return error.message
        }
      }
    }
    return nil
  }

  /// Flags and arguments of the command line. Returns the first refusal, after which it goes on, for help must be seen.
  mutating func readMatched() -> String? {
    var problem: String?
    for (flag, text) in context.flags {
      if !setByUser.insert(flag.name).inserted, !flag.isRepeatable {
        problem = problem ?? "flag '\(flag.name)' cannot be repeated"
        continue
      }
      do { values[flag.name, default: []].append(try flag.kind.read(text, nowMs: nowMs)) } catch {
        problem = problem ?? error.message
      }
    }
    for (argument, text) in context.arguments {
      do { values[argument.name, default: []].append(try argument.kind.read(text, nowMs: nowMs)) } catch {
        problem = problem ?? error.message
      }
    }
    return problem
  }

  /// What must be there and is not.
  func missing() -> String? {
    if let last = context.path.last, !last.commands.isEmpty {
      return "must select a subcommand of '\(context.path.map(\.name).joined(separator: " "))'"
    }
    let flags = context.knownFlags.filter { $0.isRequired && !setByUser.contains($0.name) }
    if !flags.isEmpty {
      return "required flag(s) \(flags.map { "'--\($0.name)'" }.joined(separator: ", ")) not provided"
    }
    for argument in context.innermost.arguments where argument.isRequired && values[argument.name] == nil {
      return "required argument '\(argument.name)' not provided"
    }
    return nil
  }
}
