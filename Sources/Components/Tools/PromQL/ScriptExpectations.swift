// What scripts expect of an answer besides its values.
internal import PromQL
internal import TSModel

/// The `expect` lines of an evaluation.
struct ScriptExpectations {
  /// A text that must be there.
  enum Pattern {
    case any
    case text(String)
    case regex(CapturingRegex)

    func matches(_ text: String) -> Bool {
      switch self {
      case .any: true
      case .text(let wanted): text == wanted
      case .regex(let regex): regex.expand(regex.template(""), in: Array(text.utf8)) != nil
      }
    }
  }

  var mustFail = false
  var isOrdered = false
  private var failure = Pattern.any
  var warnings: [Pattern] = []
  var infos: [Pattern] = []
  private var allowsWarnings = true
  private var allowsInfos = true
  /// The string that is the result.
  private(set) var text: String?
  /// Times of the values of a range vector.
  private(set) var rangeGrid: (startMs: Int64, endMs: Int64, stepMs: Int64)?

  /// Takes a line; false where it is none of these.
  mutating func read(_ line: String, _ number: Int) throws -> Bool {
    let deprecated = [("expected_fail_message ", "msg:"), ("expected_fail_regexp ", "regex:")]
    for (prefix, kind) in deprecated where line.hasPrefix(prefix) {
      failure = try pattern("\(kind)\(line.dropFirst(prefix.count))", number)
      return true
    }
    guard line.hasPrefix("expect ") else { return false }
    let rest = line.dropFirst(7).trimmingBlanks
    let word = String(rest.prefix { $0 != " " && $0 != "\t" })
    let tail = rest.dropFirst(word.count).trimmingBlanks
    switch word {
    case "fail":
      mustFail = true
      failure = try pattern(tail, number)
    case "warn": warnings.append(try pattern(tail, number))
    case "info": infos.append(try pattern(tail, number))
    case "no_warn": allowsWarnings = false
    case "no_info": allowsInfos = false
    case "ordered": isOrdered = true
    case "string":
      guard case .stringLiteral(let literal) = try Expression(parsing: tail) else {
        throw ScriptError(line: number, message: "no string: \(tail)")
      }
      text = literal.value
    case "range":
      let words = tail.split(separator: " ")
      guard words.count == 7 else { throw ScriptError(line: number, message: "no range vector: \(tail)") }
      rangeGrid = (
        try milliseconds(words[2], number), try milliseconds(words[4], number), try milliseconds(words[6], number)
      )
    default: throw ScriptError(line: number, message: "nothing to expect: \(word)")
    }
    return true
  }

  private func pattern(_ text: String, _ line: Int) throws -> Pattern {
    if text.isEmpty { return .any }
    if text.hasPrefix("msg:") { return .text(text.dropFirst(4).trimmingBlanks) }
    guard text.hasPrefix("regex:") else { throw ScriptError(line: line, message: "no pattern: \(text)") }
    // Found anywhere in the text.
    let regex = text.dropFirst(6).trimmingBlanks
    do throws(ModelError) { return .regex(try CapturingRegex(".*(?:\(regex)).*")) } catch {
      throw ScriptError(line: line, message: "\(error)")
    }
  }

  /// Expects nothing of warnings and infos any more.
  mutating func forgetAnnotations() {
    warnings = []
    infos = []
    allowsWarnings = true
    allowsInfos = true
  }

  /// What of an error is not as expected.
  func differences(ofError text: String) -> [String] {
    failure.matches(text) ? [] : ["it failed with: \(text)"]
  }

  /// What of the annotations is not as expected.
  func differences(warnings actualWarnings: [String], infos actualInfos: [String]) -> [String] {
    func compare(_ kind: String, _ patterns: [Pattern], _ allows: Bool, _ actual: [String]) -> [String] {
      if !allows { return actual.map { "there is a \(kind): \($0)" } }
      guard !patterns.isEmpty else { return [] }
      var found = actual.filter { text in !patterns.contains { $0.matches(text) } }.map {
        "there is a \(kind) that was not expected: \($0)"
      }
      if patterns.contains(where: { pattern in !actual.contains { pattern.matches($0) } }) {
        found.append("a \(kind) is missing; there are \(actual)")
      }
      return found
    }
    return compare("warning", warnings, allowsWarnings, actualWarnings)
      + compare("info", infos, allowsInfos, actualInfos)
  }
}
