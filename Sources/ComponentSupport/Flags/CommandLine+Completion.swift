// Shell completion: the shell hands the words typed so far to `--completion-bash` and chooses among the lines it prints.

extension CommandLineTable {
  /// What could come next: commands, or flags where the last word begins with a dash, or the values of an enumeration.
  func completions(for words: [String]) -> String {
    var path: [CommandSpec] = []
    var expectsValueOf: FlagSpec?
    for word in words.dropLast() {
      let known = program.flags + path.flatMap(\.flags)
      if expectsValueOf != nil {
        expectsValueOf = nil
      } else if word.hasPrefix("-") {
        let flag = known.first { "--\($0.name)" == word || $0.short.map { "-\($0)" } == word }
        if let flag, !flag.isSwitch { expectsValueOf = flag }
      } else if let next = (path.last ?? program).commands.first(where: { $0.name == word }) {
        path.append(next)
      }
    }
    let last = words.last ?? ""
    var lines: [String] = []
    if let flag = expectsValueOf {
      if case .enumeration(let values) = flag.kind { lines = values }
    } else if last.hasPrefix("-") {
      lines = (path.reversed().flatMap(\.flags) + program.flags).filter { !$0.isHidden }.map { "--\($0.name)" }
      lines = lines.filter { $0.hasPrefix(last) }
    } else {
      // A command typed in full is not yet left: the shell completes it, and then asks again with an empty word.
      lines = (path.last ?? program).commands.filter { !$0.isHidden && $0.name.hasPrefix(last) }.map(\.name)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// What a bash user sources.
  func bashScript() -> String {
    let function = "_\(program.name)_complete"
    return """
      # bash completion for \(program.name): source this file, or put it into a completions folder.
      \(function)() {
          local word="${COMP_WORDS[COMP_CWORD]}"
          local IFS=$'\\n'
          COMPREPLY=( $(compgen -W "$("${COMP_WORDS[0]}" --completion-bash "${COMP_WORDS[@]:1:COMP_CWORD}")" -- "$word") )
      }
      complete -o default -F \(function) \(program.name)

      """
  }

  /// What a zsh user puts into a file `_PROGRAM` on the function path, or sources.
  func zshScript() -> String {
    """
    #compdef \(program.name)
    _\(program.name)() {
        local -a candidates
        candidates=("${(@f)$(${words[1]} --completion-bash "${(@)words[2,CURRENT]}")}")
        compadd -a candidates
        (( compstate[nmatches] )) || _files
    }
    if [ "$funcstack[1]" = "_\(program.name)" ]; then _\(program.name) "$@"; else compdef _\(program.name) \(program.name); fi

    """
  }
}
