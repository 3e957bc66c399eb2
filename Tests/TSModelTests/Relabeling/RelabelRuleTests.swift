// Every action of a relabelling, its refusals, and random rules beside a slow reference over Foundation's expressions.
import Foundation
import TestSupport
import Testing

@testable import TSModel

private let up: Labels = ["__name__": "up", "job": "api", "instance": "h1:9090", "a": "foo", "b": "bar"]

private func relabeled(_ labels: Labels, _ rules: RelabelRule...) -> String? {
  rules.apply(to: labels).map { $0.description }
}

@Suite struct RelabelActionTests {
  @Test func replaceTakesGroupsOfTheMatch() throws {
    let rule = try RelabelRule(
      sourceLabels: ["instance"], regex: "([^:]+):(\\d+)", targetLabel: "host", replacement: "${1}-$2$$")
    #expect(rule.apply(to: up)?["host"] == "h1-9090$")
    #expect(rule.apply(to: ["instance": "none"])?["host"] == nil)
  }

  @Test func replaceByDefaultCopiesTheSource() throws {
    let rule = try RelabelRule(sourceLabels: ["a", "b"], targetLabel: "c")
    #expect(rule.apply(to: up)?["c"] == "foo;bar")
    #expect(
      try RelabelRule(sourceLabels: ["a", "none", "b"], separator: "", targetLabel: "c").apply(to: up)?["c"] == "foobar"
    )
  }

  @Test func replaceWithNothingRemovesTheTarget() throws {
    #expect(try RelabelRule(targetLabel: "a", replacement: "").apply(to: up)?["a"] == nil)
    #expect(try RelabelRule(sourceLabels: ["none"], targetLabel: "a").apply(to: up)?["a"] == nil)
  }

  @Test func replaceTakesGroupsForTheNameToo() throws {
    let rule = try RelabelRule(
      sourceLabels: ["a", "b"], regex: "(?P<first>f.*);(.*)", targetLabel: "x_${first}", replacement: "$2")
    #expect(rule.apply(to: up)?["x_foo"] == "bar")
    // A name that comes out empty is none.
    let empty = try RelabelRule(sourceLabels: ["a"], regex: "foo()", targetLabel: "$1", replacement: "x")
    #expect(empty.apply(to: up) == up)
  }

  @Test func expressionsMatchTheWholeSourceAndNewlines() throws {
    let labels: Labels = ["a": "x\ny"]
    #expect(try RelabelRule(action: .keep, sourceLabels: ["a"], regex: "x").apply(to: labels) == nil)
    #expect(try RelabelRule(action: .keep, sourceLabels: ["a"], regex: "x.y").apply(to: labels) != nil)
  }

  @Test func expressionsThatCloseTheGroupAroundThemKeepTheirMeaning() throws {
    // `^(?s:a)|(b)$`: begins with a, or ends with b.
    let rule = try RelabelRule(action: .keep, sourceLabels: ["a"], regex: "a)|(b")
    #expect(rule.apply(to: ["a": "axx"]) != nil)
    #expect(rule.apply(to: ["a": "xxb"]) != nil)
    #expect(rule.apply(to: ["a": "xax"]) == nil)
    let joined = try RelabelRule(sourceLabels: ["a"], regex: "a)(b", targetLabel: "c")
    #expect(joined.apply(to: ["a": "ab"])?["c"] == "b")
  }

  @Test func keepAndDropDecideByTheExpression() throws {
    #expect(try RelabelRule(action: .keep, sourceLabels: ["job"], regex: "api|web").apply(to: up) == up)
    #expect(try RelabelRule(action: .keep, sourceLabels: ["job"], regex: "web").apply(to: up) == nil)
    #expect(try RelabelRule(action: .drop, sourceLabels: ["job"], regex: "ap.").apply(to: up) == nil)
    #expect(try RelabelRule(action: .drop, sourceLabels: ["job"], regex: "ap").apply(to: up) == up)
  }

  @Test func keepEqualAndDropEqualCompareWithTheTarget() throws {
    let same: Labels = ["a": "x", "b": "x", "c": "y"]
    #expect(try RelabelRule(action: .keepEqual, sourceLabels: ["a"], targetLabel: "b").apply(to: same) == same)
    #expect(try RelabelRule(action: .keepEqual, sourceLabels: ["a"], targetLabel: "c").apply(to: same) == nil)
    #expect(try RelabelRule(action: .dropEqual, sourceLabels: ["a"], targetLabel: "b").apply(to: same) == nil)
    #expect(try RelabelRule(action: .dropEqual, sourceLabels: ["a"], targetLabel: "none").apply(to: same) == same)
  }

  @Test(arguments: [("", 7, "1"), ("abc", 1000, "458"), ("foo;bar", 8, "6")] as [(String, UInt64, String)])
  func hashModIsTheLastEightBytesOfMD5(_ source: String, _ modulus: UInt64, _ expected: String) throws {
    let rule = try RelabelRule(action: .hashMod, sourceLabels: ["s"], modulus: modulus, targetLabel: "t")
    let digest = MD5.digest(Array(source.utf8)).suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    #expect(rule.apply(to: ["s": source])?["t"] == String(digest % modulus))
    #expect(String(digest % modulus) == expected)
  }

  @Test func labelMapCopiesUnderNewNames() throws {
    let labels: Labels = ["__meta_x": "1", "__meta_y": "2", "z": "3"]
    let rule = try RelabelRule(action: .labelMap, regex: "__meta_(.+)")
    #expect(rule.apply(to: labels) == ["__meta_x": "1", "__meta_y": "2", "x": "1", "y": "2", "z": "3"])
    // Two that get one name: the later by name wins. A label made by the rule is not mapped again.
    #expect(try RelabelRule(action: .labelMap, regex: "__meta_.+", replacement: "q").apply(to: labels)?["q"] == "2")
    #expect(
      try RelabelRule(action: .labelMap, regex: "(.)", replacement: "$1$1").apply(to: ["a": "1"]) == [
        "a": "1", "aa": "1",
      ])
  }

  @Test func labelDropAndLabelKeepDecideByTheName() throws {
    #expect(
      try RelabelRule(action: .labelDrop, regex: "(a|b|__.*)").apply(to: up) == ["instance": "h1:9090", "job": "api"])
    #expect(try RelabelRule(action: .labelKeep, regex: "a|b").apply(to: up) == ["a": "foo", "b": "bar"])
    #expect(try RelabelRule(action: .labelKeep, regex: "nothing").apply(to: up) == Labels())
  }

  @Test func lettersBecomeOneLetterEachAsInGo() throws {
    func upper(_ text: String) throws -> String? {
      try RelabelRule(action: .uppercase, sourceLabels: ["a"], targetLabel: "t").apply(to: ["a": text])?["t"]
    }
    func lower(_ text: String) throws -> String? {
      try RelabelRule(action: .lowercase, sourceLabels: ["a"], targetLabel: "t").apply(to: ["a": text])?["t"]
    }
    #expect(try upper("aé ß ǆ ŉ 1") == "AÉ ß Ǆ ŉ 1")
    #expect(try lower("AÉ Σ İ ẞ") == "aé σ i ß")
  }

  @Test func rulesApplyInOrderAndStopAtADrop() throws {
    let rules = [
      try RelabelRule(sourceLabels: ["job"], regex: "a(.*)", targetLabel: "job", replacement: "b$1"),
      try RelabelRule(action: .keep, sourceLabels: ["job"], regex: "bpi"),
      try RelabelRule(action: .labelKeep, regex: "job"),
    ]
    #expect(rules.apply(to: up) == ["job": "bpi"])
    #expect(([try RelabelRule(action: .drop)] + rules).apply(to: up) == nil)
    #expect([RelabelRule]().apply(to: up) == up)
  }

  @Test func canonicallyEqualNamesStayApart() throws {
    let labels: Labels = ["caf\u{e9}": "1", "cafe\u{301}": "2"]
    #expect(try RelabelRule(sourceLabels: ["cafe\u{301}"], targetLabel: "t").apply(to: labels)?["t"] == "2")
  }
}

@Suite struct RelabelValidationTests {
  private func refusal(_ rule: RelabelRule) -> String? {
    do { try rule.validate() } catch { return error.message }
    return nil
  }

  @Test func whatTheActionNeedsMustBeThere() throws {
    #expect(
      refusal(try RelabelRule(action: .hashMod, targetLabel: "t"))
        == "relabel configuration for hashmod requires non-zero modulus")
    for action in [RelabelRule.Action.replace, .lowercase, .uppercase, .keepEqual, .dropEqual] {
      #expect(
        refusal(try RelabelRule(action: action))
          == "relabel configuration for \(action.rawValue) action requires 'target_label' value")
    }
    #expect(
      refusal(try RelabelRule(action: .labelMap, replacement: ""))
        == "\"\" is invalid 'replacement' for labelmap action")
  }

  @Test func whatTheActionDoesNotKnowMustNotBeThere() throws {
    #expect(
      refusal(try RelabelRule(action: .lowercase, targetLabel: "t", replacement: "x"))
        == "'replacement' can not be set for lowercase action")
    #expect(
      refusal(try RelabelRule(action: .keepEqual, separator: "-", targetLabel: "t"))
        == "keepequal action requires only 'source_labels' and `target_label`, and no other fields")
    #expect(
      refusal(try RelabelRule(action: .labelDrop, sourceLabels: [], regex: "x"))
        == "labeldrop action requires only 'regex', and no other fields")
  }

  @Test func ordinaryRulesAreFine() throws {
    #expect(refusal(try RelabelRule(action: .keep, sourceLabels: ["a"], regex: "x")) == nil)
    #expect(refusal(try RelabelRule(targetLabel: "t")) == nil)
    #expect(refusal(try RelabelRule(action: .labelDrop, regex: "x")) == nil)
    #expect(refusal(try RelabelRule(action: .hashMod, modulus: 2, targetLabel: "t")) == nil)
  }

  @Test func expressionsAreQuotedAsTheyAreCompiled() {
    func message(_ regex: String) -> String? {
      do { _ = try RelabelRule(regex: regex) } catch { return error.message }
      return nil
    }
    #expect(message("(") == "error parsing regexp: missing closing ): `^(?s:()$`")
    #expect(message("*") == "error parsing regexp: missing argument to repetition operator: `*`")
    #expect(message("\\Qx") == "error parsing regexp: missing closing ): `^(?s:\\Qx)$`")
  }
}

@Suite struct RelabelTemplateTests {
  @Test(arguments: [
    ("$1", "one"), ("${1}", "one"), ("$1x", ""), ("${1}x", "onex"), ("$$1", "$1"), ("$", "$"), ("a$", "a$"),
    ("${1", "${1"),
    ("${}", "${}"), ("$name-", "two-"), ("${name}y", "twoy"), ("$01", ""), ("$9", ""), ("$999999999999", ""),
    ("$-", "$-"),
    ("$0", "one two"), ("$1$2", "onetwo"), ("é$1é", "é"), ("é${1}é", "éoneé"), ("$é", ""), ("$$$1", "$one"),
  ])
  func expandsAsGoDoes(_ template: String, _ expected: String) throws {
    let rule = try RelabelRule(
      sourceLabels: ["a"], regex: "(\\w+) (?P<name>\\w+)", targetLabel: "t", replacement: template)
    #expect(rule.apply(to: ["a": "one two"])?["t"] ?? "" == expected)
  }

  @Test func groupsWithoutAPartAreNothing() throws {
    let rule = try RelabelRule(sourceLabels: ["a"], regex: "(x)|(y)", targetLabel: "t", replacement: "<$1$2>")
    #expect(rule.apply(to: ["a": "y"])?["t"] == "<y>")
  }
}

@Suite struct MD5Tests {
  /// RFC 1321, appendix A.5, and messages around the edges of a block (by another implementation).
  @Test(arguments: [
    ("", "d41d8cd98f00b204e9800998ecf8427e"), ("a", "0cc175b9c0f1b6a831c399e269772661"),
    ("abc", "900150983cd24fb0d6963f7d28e17f72"), ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    (String(repeating: "1234567890", count: 8), "57edf4a22be3c955ac49da2e2107b67a"),
    (String(repeating: "x", count: 55), "04364420e25c512fd958a70738aa8f72"),
    (String(repeating: "x", count: 56), "668a72d5ba17f08e62dabcafad6db14b"),
    (String(repeating: "x", count: 64), "c1bb4f81d892b2d57947682aeb252456"),
  ])
  func digestsAreThoseOfTheStandard(_ message: String, _ expected: String) {
    let digest = MD5.digest(Array(message.utf8)).map { String(format: "%02x", $0) }.joined()
    #expect(digest == expected)
  }
}

/// Random rules over few names and values, so that they meet, beside a reference that knows nothing of ours.
@Suite struct RelabelPropertyTests {
  /// More than one answer is right.
  private struct Ambiguous: Error {}

  private struct Draft {
    var action = RelabelRule.Action.replace
    var source: [String] = []
    var regex = "(.*)"
    var target = ""
    var replacement = "$1"
  }

  @Test func randomRulesDoWhatTheReferenceDoes() throws {
    var random = SplitMix64(seed: 20_261_125)
    let names = ["a", "b", "ab", "ba", "c"]
    let values = ["a", "b", "ab", "abc", "", "cab"]
    let regexes = ["(.*)", "a(.*)", "(a|b)+", "(a)?(b)?c?", "[ab]+", "", "a", "(.)(.*)"]
    let replacements = ["$1", "x$2", "$1$1", "", "ab", "$3y"]
    for round in 0..<1000 {
      var labels: [String: String] = [:]
      for name in names where random.below(2) == 0 { labels[name] = values[random.below(values.count)] }
      labels = labels.filter { !$0.value.isEmpty }
      var drafts: [Draft] = []
      for _ in 0...random.below(3) {
        var draft = Draft()
        let actions = RelabelRule.Action.allCases.filter { $0 != .hashMod }
        draft.action = actions[random.below(actions.count)]
        draft.source = (0..<random.below(3)).map { _ in names[random.below(names.count)] }
        draft.regex = regexes[random.below(regexes.count)]
        draft.target = random.below(4) == 0 ? "$1" : names[random.below(names.count)]
        draft.replacement = replacements[random.below(replacements.count)]
        drafts.append(draft)
      }
      let rules = try drafts.map {
        try RelabelRule(
          action: $0.action, sourceLabels: $0.source, separator: "", regex: $0.regex, targetLabel: $0.target,
          replacement: $0.replacement)
      }
      let got = rules.apply(to: Labels(labels.map { (name: $0.key, value: $0.value) }))
      guard let answer = try? reference(labels, drafts) as [String: String]?? else { continue }
      let expected = answer.map { Labels($0.map { (name: $0.key, value: $0.value) }) }
      #expect(got == expected, "round \(round): \(labels) \(drafts)")
      if got != expected { return }
    }
  }

  private func reference(_ labels: [String: String], _ drafts: [Draft]) throws(Ambiguous) -> [String: String]? {
    var labels = labels
    for draft in drafts {
      let source = draft.source.map { labels[$0] ?? "" }.joined()
      let match = groups(draft.regex, source)
      func set(_ name: String, _ value: String) {
        if !name.isEmpty { labels[name] = value.isEmpty ? nil : value }
      }
      switch draft.action {
      case .keep: if match == nil { return nil }
      case .drop: if match != nil { return nil }
      case .keepEqual: if labels[draft.target] ?? "" != source { return nil }
      case .dropEqual: if labels[draft.target] ?? "" == source { return nil }
      case .replace: if let match { set(fill(draft.target, match), fill(draft.replacement, match)) }
      case .lowercase: set(draft.target, source.lowercased())
      case .uppercase: set(draft.target, source.uppercased())
      case .labelDrop: labels = labels.filter { groups(draft.regex, $0.key) == nil }
      case .labelKeep: labels = labels.filter { groups(draft.regex, $0.key) != nil }
      case .labelMap:
        // Which of two that get one name wins depends on the order of the rules before; other tests look at that.
        var made: [String: String] = [:]
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
          guard let match = groups(draft.regex, name) else { continue }
          let new = fill(draft.replacement, match)
          if let other = made[new], other != value { throw Ambiguous() }
          made[new] = value
        }
        for (name, value) in made { set(name, value) }
      case .hashMod: break
      }
    }
    return labels
  }

  private func groups(_ regex: String, _ text: String) -> [String]? {
    guard let expression = try? NSRegularExpression(pattern: "^(?:\(regex))$", options: [.dotMatchesLineSeparators])
    else {
      return nil
    }
    let whole = NSRange(text.startIndex..., in: text)
    guard let match = expression.firstMatch(in: text, range: whole) else { return nil }
    return (0..<match.numberOfRanges).map { index in
      Range(match.range(at: index), in: text).map { String(text[$0]) } ?? ""
    }
  }

  private func fill(_ template: String, _ groups: [String]) -> String {
    var out = template
    for index in 0..<10 {
      out = out.replacingOccurrences(of: "$\(index)y", with: "")
      out = out.replacingOccurrences(of: "$\(index)", with: index < groups.count ? groups[index] : "")
    }
    return out
  }
}
