import TSModel
import Testing

@Suite("Regular expressions") struct RegexTests {
  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test(
    arguments: [
      (".*", .any), ("(?s).*", .any), ("^.*$", .any), (".+", .nonEmpty), ("(?s:.+)", .nonEmpty), ("", .set([[]])),
      ("up", .set([bytes("up")])), ("^up$", .set([bytes("up")])), ("^(up)$", .set([bytes("up")])),
      ("b|a|b", .set([bytes("a"), bytes("b")])), ("c||d", .set([[], bytes("c"), bytes("d")])),
      ("x1|2", .set([bytes("2"), bytes("x1")])), ("prod(uction)?", .set([bytes("prod"), bytes("production")])),
      ("v[0-2]{2}", .set(["v00", "v01", "v02", "v10", "v11", "v12", "v20", "v21", "v22"].map(bytes))),
      ("(?i)ab", .set(["AB", "Ab", "aB", "ab"].map(bytes))), ("a{0}", .set([[]])),
      ("é|\\.", .set([bytes("."), bytes("é")])), ("foo.*", .prefix(bytes("foo"), sizeMin: 3)),
      ("foo.+", .prefix(bytes("foo"), sizeMin: 4)), ("(foo)(.*)", .prefix(bytes("foo"), sizeMin: 3)),
      (".*foo", .suffix(bytes("foo"), sizeMin: 3)), (".+foo", .suffix(bytes("foo"), sizeMin: 4)),
      (".*foo.*", .contains(bytes("foo"))), (".+foo.*", .automaton(prefix: [], literal: bytes("foo"))),
      ("app(1|2)-x.*", .automaton(prefix: bytes("app"), literal: bytes("-x"))),
      ("(?-s).*", .automaton(prefix: [], literal: [])), ("a.*b.*", .automaton(prefix: bytes("a"), literal: bytes("b"))),
      ("\u{FFFD}", .automaton(prefix: [], literal: [])), ("a{1000}", .re2), ("(?m)^a$", .re2), ("a\\b.*", .re2),
      ("\\p{Greek}", .re2), ("(?i)é", .re2), ("[0-9]{9}x*", .automaton(prefix: [], literal: [])),
    ] as [(String, RegexShape)])
  func shapesAreTheCheapestThatDecide(pattern: String, shape: RegexShape) throws {
    if pattern == "a{1000}" {
      #expect(try LabelRegex(pattern).matches(String(repeating: "a", count: 1000)))
    } else {
      #expect(try LabelRegex(pattern).shape == shape)
    }
  }

  @Test(arguments: [
    ("[", "missing closing ]: `[`"), ("a[b-a]", "invalid character class range: `b-a`"),
    ("(", "missing closing ): `(`"),
    (")", "unexpected ): `)`"), ("a**", "invalid nested repetition operator: `**`"),
    ("*a", "missing argument to repetition operator: `*`"), ("a{1001}", "invalid repeat count: `{1001}`"),
    ("a\\", "trailing backslash at end of expression: ``"), ("\\8", "invalid escape sequence: `\\8`"),
    ("\\C", "invalid escape sequence: `\\C`"), ("(?z)", "invalid or unsupported Perl syntax: `(?z`"),
    ("\\pX", "invalid character class range: `\\pX`"), ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
    ("(?P<n", "invalid named capture: `(?P<n`"),
  ])
  func errorsAreGos(pattern: String, text: String) {
    let error = #expect(throws: ModelError.self) { try LabelRegex(pattern) }
    #expect(error?.message == "error parsing regexp: " + text)
    #expect(error?.code == .regex)
  }

  @Test(arguments: [
    ("a.b", "a\nb", true), ("a", "ab", false), ("a", "ba", false), (".", "é", true), (".", "", false),
    ("..", "é", false),
    ("(?i)k", "\u{212A}", true), ("(?i)s", "\u{17F}", true), ("[^a]", "\n", true), ("a|ab", "ab", true),
    ("(a|ab)(c|bcd)", "abcd", true),
    ("\\d+\\.\\d+", "12.5", true), ("[[:upper:]]x", "Ax", true), ("a{2,3}", "aaaa", false), ("a{,2}", "a{,2}", true),
    ("(^a|b$)+", "ab", true), ("a^b", "ab", false), ("x*", "", true), ("^$", "", true), ("$^", "", true),
  ])
  func expressionsMatchWholeValues(pattern: String, value: String, matches: Bool) throws {
    #expect(try LabelRegex(pattern).matches(value) == matches)
  }

  @Test func lengthsAndSizesAreBounded() throws {
    let error = #expect(throws: ModelError.self) {
      try LabelRegex(String(repeating: "a", count: LabelRegex.patternBytesMax + 1))
    }
    #expect(error?.code == .size)
    // Too many states for an automaton: RE2's business, and still right.
    let wide = try LabelRegex("(a|b)*a(a|b){14}")
    #expect(wide.shape == .re2)
    #expect(wide.matches("bba" + String(repeating: "b", count: 14)))
    // Thousands of alternatives are a set.
    let many = try LabelRegex((0..<20_000).map { "pod-\($0)" }.joined(separator: "|"))
    #expect(many.matches("pod-19999") && !many.matches("pod-20000"))
    // Nesting beyond any use.
    let deep = String(repeating: "(", count: 900) + "a" + String(repeating: ")", count: 900)
    #expect(try LabelRegex(deep).matches("a"))
  }

  @Test func oneExpressionServesManyThreads() async throws {
    let regex = try LabelRegex("\\bfoo[0-9]+\\b")
    #expect(regex.shape == .re2)
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask { (0..<500).allSatisfy { regex.matches("foo\($0)") && !regex.matches("foo\(task)x") } }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
