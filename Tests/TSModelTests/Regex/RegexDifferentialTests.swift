// Our own ways of deciding expressions against RE2, over random patterns and random values.
import Foundation
import TestSupport
import Testing

@testable import TSModel

/// Random patterns, most of them valid, from the kind of pieces that matchers have and from those that are easy to get wrong.
private struct PatternSource {
  var random: SplitMix64

  mutating func pick(_ choices: [String]) -> String { choices[random.below(choices.count)] }

  mutating func pattern() -> String {
    // Some of it is mere noise, so that errors are compared as well.
    if random.below(8) == 0 { return (0...random.below(6)).map { _ in noise() }.joined() }
    let flags = random.below(6) == 0 ? pick(["(?i)", "(?s)", "(?-s)", "(?i-s)", "^", "(?is)"]) : ""
    return flags + choice(depth: 3) + (random.below(10) == 0 ? "$" : "")
  }

  mutating func noise() -> String {
    pick([
      "a", "*", "+", "?", "{", "}", "{2}", "{2,}", "{,2}", "{2,1}", "{1001}", "{01}", "(", ")", "(?", "(?i", "(?:",
      "(?P<n>", "[",
      "]", "[^", "-", "\\", "\\d", "\\C", "\\b", "\\pL", "\\x", "\\x4", "\\x{41}", "\\8", "\\Q", "\\E", "^", "$", "|",
      ".", "é", "[[:alpha:]]",
      "[[:foo:]]", "[b-a]", "[a-\\d]", "[]", "[]a]", "\\_", "\\-", "\\z", "\\A", "(?-)", "(?)", "(?i-)", "(?U)", "(?m)",
      "[[", "[:alpha:]",
    ])
  }

  mutating func choice(depth: Int) -> String {
    (0..<(random.below(3) == 0 ? 1 + random.below(4) : 1)).map { _ in sequence(depth: depth) }.joined(separator: "|")
  }

  mutating func sequence(depth: Int) -> String {
    (0..<random.below(5)).map { _ in item(depth: depth) }.joined()
  }

  mutating func item(depth: Int) -> String {
    var text: String
    switch random.below(12) {
    case 0, 1, 2:
      text = pick([
        "a", "b", "c", "k", "s", "K", "S", "0", "-", "é", "€", "\u{FFFD}", "\\.", "\\n", "\\x41", "ab", "bc",
      ])
    case 3, 4: text = "."
    case 5:
      text = pick([
        "[a-c]", "[^a]", "[^a-c\\n]", "[ab]", "[[:alpha:]]", "[^[:digit:]]", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S",
        "[a-z0-9]",
        "[é-€]", "[^é]", "[\\x{80}-\\x{10FFFF}]", "[\\x{FFFD}]", "[^\\x{FFFD}]", "[a\\-c]", "[]a]", "[a-]", "[^]]",
        "[\\x{7f}-\\x{800}]",
        "[k-s]", "[\u{17F}k]", "[\\x{d7ff}-\\x{e000}]", "[\\x{10000}-\\x{1ffff}]",
      ])
    case 6 where depth > 0: text = "(" + choice(depth: depth - 1) + ")"
    case 7 where depth > 0: text = pick(["(?:", "(?i:", "(?-s:", "(?s-i:"]) + choice(depth: depth - 1) + ")"
    case 8: return pick([".*", ".+", ".*", "^", "$", "\\z", "\\A"])
    default: text = pick(["a", "b", "c", "ab", "0", "x"])
    }
    if random.below(4) == 0, !text.hasPrefix("^") {
      text = text.unicodeScalars.count > 1 && !"([\\".contains(text.first!) ? "(?:\(text))" : text
      text += pick(["*", "+", "?", "{2}", "{0,2}", "{1,}", "{2,3}", "*?", "+?", "??", "{0}"])
    }
    return text
  }

  /// Values near what the patterns talk about, with newlines and bytes that are not UTF-8.
  mutating func value() -> [UInt8] {
    (0..<random.below(8)).flatMap { _ -> [UInt8] in
      switch random.below(16) {
      case 0: [10]
      case 1: Array("é".utf8)
      case 2: Array("€".utf8)
      case 3: [UInt8(random.below(256))]
      case 4: Array(["\u{FFFD}", "\u{212A}", "\u{17F}", "\u{10FFFF}", "\u{800}", "\u{D7FF}"][random.below(6)].utf8)
      case 5:
        Array(
          [
            [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0x80],
          ][random.below(7)])
      default: [Array("aaabbcckKsS00x-A.".utf8)[random.below(17)]]
      }
    }
  }
}

private let isLong = ProcessInfo.processInfo.environment["APUS_LONG"] != nil

@Suite("Regular expressions against RE2") struct RegexDifferentialTests {
  /// What RE2 takes and Go (1.26) does not, and the other way round, does not occur in these patterns.
  @Test func randomPatternsAndValuesGetRE2sAnswer() throws {
    var source = PatternSource(random: SplitMix64(seed: 2026))
    var (comparisons, ours, automata, invalid) = (0, 0, 0, 0)
    while comparisons < (isLong ? 1_000_000 : 60_000) {
      let pattern = source.pattern()
      let oracle: LabelRegex
      do { oracle = try LabelRegex(pattern, onlyRE2: true) } catch {
        invalid += 1
        let error = #expect(throws: ModelError.self, "\(pattern)") { try LabelRegex(pattern) }
        #expect(error?.message.hasPrefix("error parsing regexp: ") == true)
        continue
      }
      let regex = try LabelRegex(pattern)
      if regex.shape != .re2 { ours += 1 }
      if case .automaton = regex.shape { automata += 1 }
      for _ in 0..<(isLong ? 200 : 120) {
        let value = source.value()
        let (mine, theirs) = value.withUnsafeBytes { (regex.matches(bytes: $0), oracle.matches(bytes: $0)) }
        comparisons += 1
        if mine != theirs {
          Issue.record("\(pattern) as \(regex.shape) on \(value): \(mine), RE2 says \(theirs)")
        }
      }
    }
    // The test is worth something only if most patterns were ours to decide and all kinds occurred.
    #expect(
      ours > comparisons / (isLong ? 200 : 120) / 2 && automata > ours / 4 && invalid > 10,
      "\(ours) \(automata) \(invalid)")
  }

  @Test func allBytesInAllPlacesGetRE2sAnswer() throws {
    for pattern in [
      ".", "..", "...", ".*é.*x", "[^é]+a?", "[\\x{80}-\\x{7ff}]", "[^\\x{FFFD}]*", "(.|..)b?", "[^a]€?", "[é-€][^b]",
    ] {
      let (regex, oracle) = try (LabelRegex(pattern), LabelRegex(pattern, onlyRE2: true))
      #expect(regex.shape != .re2)
      var values: [[UInt8]] = [[]]
      for first in UInt8.min...UInt8.max {
        values.append([first])
        for second in [
          0x00, 0x61, 0x7F, 0x80, 0x82, 0x8F, 0x90, 0x9F, 0xA0, 0xA9, 0xAC, 0xBF, 0xC0, 0xC3, 0xE2, 0xF4, 0xFF,
        ] as [UInt8] {
          values += [[first, second], [0x62, first, second], [first, second, 0xAC], [first, second, 0x80, 0xBF]]
        }
      }
      for value in values {
        let (mine, theirs) = value.withUnsafeBytes { (regex.matches(bytes: $0), oracle.matches(bytes: $0)) }
        if mine != theirs { Issue.record("\(pattern) on \(value): \(mine), RE2 says \(theirs)") }
      }
    }
  }

  @Test func manyValuesAtOnceGiveTheAnswersOneByOne() throws {
    var source = PatternSource(random: SplitMix64(seed: 77))
    let words = (0..<3000).map { number in
      source.value() + (number % 3 == 0 ? Array("app0\(number % 7)-\(number)-0abc".utf8) : [])
    }
    var sorted: [[UInt8]] = []
    for word in words.sorted(by: { $0.lexicographicallyPrecedes($1) }) where sorted.last != word { sorted.append(word) }
    // Values as they lie in an index: other bytes between them.
    var (bytes, slices): ([UInt8], [UInt32]) = ([9], [])
    for word in sorted {
      slices += [UInt32(bytes.count), UInt32(word.count)]
      bytes += word + [2, 3, 0x70, 0x6F, 0x64, UInt8(truncatingIfNeeded: word.count)]
    }
    let patterns =
      [
        ".*", ".+", "", "a|b|app00-0-0abc", "app0.*", "app0.+", ".*abc", ".+abc", ".*abc.*", ".*-0abc.*",
        "app0(1|2)-[0-9]+-.*",
        "app.*-[0-9]+-0.*", "[^a].*", "\\bapp.*", "missing", "missing.*", ".*missing.*", "a.*0abc.*c", "a?", ".*\\n.*",
        "(?i)APP.*0ABC",
      ] + (0..<100).map { _ in source.pattern() }
    for pattern in patterns {
      guard let regex = try? LabelRegex(pattern) else { continue }
      let matcher = try LabelMatcher(.regex, name: "l", value: pattern)
      let negative = try LabelMatcher(.notRegex, name: "l", value: pattern)
      let expected = sorted.indices.filter { index in sorted[index].withUnsafeBytes { regex.matches(bytes: $0) } }
      let found = try bytes.withUnsafeBytes { bytes in
        try slices.withUnsafeBufferPointer { slices in
          let values = SortedValues(unsafeBytes: bytes, slices: slices)
          return (try matcher.matching(values).all, try negative.matching(values).all)
        }
      }
      #expect(found.0 == expected, "\(pattern) as \(regex.shape)")
      #expect(found.1 == sorted.indices.filter { !Set(expected).contains($0) }, "\(pattern) as \(regex.shape)")
    }
  }
}

extension ValueMatches {
  var all: [Int] {
    switch self {
    case .range(let range): Array(range)
    case .indices(let indices): indices.map { Int($0) }
    }
  }
}
