// YAML as yaml.v2 reads it: what scalars mean, what is refused and in which words, limits, damaged documents.
import TestSupport
import Testing

@testable import ComponentSupport

private func message(_ text: String, limits: YAMLDocument.Limits = .init()) -> String? {
  do { _ = try YAMLDocument(text, limits: limits) } catch { return error.message }
  return nil
}

@Suite struct YAMLScalarTests {
  @Test(arguments: ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"])
  func truths(_ text: String) { #expect(YAMLScalar.plain(text) == .bool(true)) }

  @Test(arguments: ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"])
  func untruths(_ text: String) { #expect(YAMLScalar.plain(text) == .bool(false)) }

  @Test(arguments: ["", "~", "null", "Null", "NULL"]) func nothings(_ text: String) {
    #expect(YAMLScalar.plain(text) == .null)
  }

  @Test(
    arguments: [
      ("0", 0), ("010", 8), ("0o10", 8), ("0b101", 5), ("-0b101", -5), ("0x1F", 31), ("-0x1f", -31), ("1_000", 1000),
      ("+7", 7), ("9223372036854775807", .max), ("-9223372036854775808", .min), ("00", 0),
    ] as [(String, Int64)])
  func wholeNumbers(_ text: String, _ value: Int64) { #expect(YAMLScalar.plain(text) == .integer(value)) }

  @Test(
    arguments: [
      ("1.5", 1.5), ("-1e3", -1000), (".5", 0.5), ("1.", 1), ("+1.5E-1", 0.15), (".inf", .infinity),
      ("-.Inf", -.infinity),
      ("18446744073709551616", 18_446_744_073_709_551_616), ("089", 89), ("1_0.5", 10.5),
    ] as [(String, Double)])
  func numbers(_ text: String, _ value: Double) { #expect(YAMLScalar.plain(text) == .float(value)) }

  @Test func unsignedNumbersAboveInt64() {
    #expect(YAMLScalar.plain("18446744073709551615") == .unsigned(.max))
  }

  @Test(arguments: [
    "1:20", "tRue", "yEs", "0x", "0b2", "1e", "+", "-", ".", "..", "1.2.3", "abc", "-.nanx", "0xg", "1h", "2026-1",
    "e5", "NaN",
    "inf", "1 2",
  ])
  func texts(_ text: String) { #expect(YAMLScalar.plain(text) == .text) }

  @Test(arguments: ["2026-01-02", "2026-1-2", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05"])
  func timestamps(_ text: String) { #expect(YAMLScalar.plain(text) == .timestamp) }

  @Test func quotesAndTagsMakeTexts() throws {
    let root = try #require(
      try YAMLDocument("- '5'\n- \"true\"\n- !!str 5\n- !!int 5\n- !!float 5\n- !x 5\n- |\n  5\n").root)
    #expect(root.elements.map(\.scalar) == [.text, .text, .text, .integer(5), .float(5), .text, .text])
  }
}

@Suite struct YAMLDocumentTests {
  @Test func nodesKnowTheirPlace() throws {
    let root = try #require(try YAMLDocument("a: 1\nb:\n  - x\n  -  \"y z\"\n").root)
    #expect(root.kind == .mapping && root.line == 1 && root.column == 1)
    let list = root.pairs[1].value
    #expect(root.pairs[1].key.text == "b" && root.pairs[1].key.line == 2)
    #expect(list.elements.map(\.text) == ["x", "y z"])
    #expect(list.elements[1].line == 4 && list.elements[1].column == 6 && list.elements[1].isQuoted)
  }

  @Test func onlyTheFirstDocumentIsRead() throws {
    #expect(try YAMLDocument("a: 1\n---\n}{ no yaml").root?.pairs.count == 1)
    #expect(try YAMLDocument("# nothing\n").root == nil)
    #expect(try YAMLDocument("").root == nil)
  }

  @Test func aliasesStandForWhatTheyName() throws {
    let root = try #require(try YAMLDocument("a: &x {k: [1, 2]}\nb: *x\nc: *x\n").root)
    #expect(
      root.pairs.map { $0.value.pairs.first?.value.elements.map(\.text) ?? [] } == [
        ["1", "2"], ["1", "2"], ["1", "2"],
      ])
    #expect(message("a: *x\n") == "yaml: unknown anchor 'x' referenced")
    #expect(message("a: &x [*x]\n") == "yaml: anchor 'x' value contains itself")
    // The same name again is another anchor.
    #expect(try YAMLDocument("[&x 1, *x, &x 2, *x]").root?.elements.map(\.text) == ["1", "1", "2", "2"])
  }

  /// The words and lines that Thanos was seen to print.
  @Test(arguments: [
    ("bad: [1", "yaml: line 1: did not find expected ',' or ']'"),
    ("a: [1,\n b", "yaml: line 2: did not find expected ',' or ']'"),
  ])
  func syntaxErrorsReadAsUpstreams(_ text: String, _ expected: String) { #expect(message(text) == expected) }

  @Test func otherVersionsOfYAMLAreRefused() {
    #expect(message("%YAML 1.2\n---\na: 1\n") == "yaml: found incompatible YAML document")
    #expect(message("%YAML 1.1\n---\na: 1\n") == nil)
  }

  @Test func limitsHold() {
    #expect(message("abc", limits: .init(bytesMax: 2)) == "yaml: text of 3 bytes: at most 2 are allowed")
    #expect(message("[[[[1]]]]", limits: .init(depthMax: 3)) == "yaml: document exceeds a depth of 3")
    #expect(message("[1, 2, 3]", limits: .init(nodeCountMax: 3)) == "yaml: document has more than 3 nodes")
  }

  @Test func aBombOfAliasesIsRefused() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<30 {
      let alias = "*a\(level - 1)"
      text += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
    }
    #expect(message(text) == "yaml: document contains excessive aliasing")
  }

  @Test func tenThousandLevelsAreReadAndOneMoreIsNot() {
    let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
    #expect(message(deep) == nil)
    #expect(message("[" + deep + "]") == "yaml: document exceeds a depth of 10000")
  }

  @Test func deepAndLongAtOnceIsRefusedInTime() {
    let text = String(repeating: "[", count: 9_000) + String(repeating: "1,", count: 500_000)
    #expect(message(text) == "yaml: document is too deep for its length")
  }
}

@Suite struct YAMLFieldsTests {
  private func read(_ text: String, strict: Bool = true, _ body: (inout YAMLFields) -> Void) -> String? {
    do {
      let problems = YAMLProblems()
      var fields = YAMLFields(try YAMLDocument(text).root, as: "x.Config", strict: strict, problems)
      body(&fields)
      fields.finish()
      try problems.check()
    } catch {
      return error.message
    }
    return nil
  }

  @Test func problemsAreToldTogetherInTheOrderOfTheDocument() {
    let text = "foo: 1\nn: \"5\"\nflag: \"true\"\nlist: x\nn: 6\nlong: 12345678901\nmap: [1]\n"
    let got = read(text) { fields in
      _ = fields.stringMap("map")
      _ = fields.bool("long")
      _ = fields.strings("list")
      _ = fields.bool("flag")
      _ = fields.int("n")
    }
    #expect(
      got == """
        yaml: unmarshal errors:
          line 1: field foo not found in type x.Config
          line 3: cannot unmarshal !!str `true` into bool
          line 4: cannot unmarshal !!str `x` into []string
          line 5: field n already set in type x.Config
          line 6: cannot unmarshal !!int `1234567...` into bool
          line 7: cannot unmarshal !!seq into map[string]string
        """)
  }

  @Test func whatIsNotStrictForgivesKeysButNotTypes() {
    let forgiven = read("foo: 1\nn: 1\nn: 2\n", strict: false) { fields in
      let n = fields.int("n")
      #expect(n == 2)
    }
    #expect(forgiven == nil)
    #expect(
      read("n: [1]\n", strict: false) { _ = $0.int("n") }
        == "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into int")
  }

  @Test func scalarsFitWhatTheyCanBe() {
    let text =
      "s: 010\nt: true\nnothing: ~\ni: 1.9\nu: 5\nd: 3\ngo: 1.5h\nns: 7\npd: 1d\nb: 2KB\nl: [1, ~, x]\nm: {a: 1, b: ~}\n"
    let got = read(text) { fields in
      check(fields.string("s"), "010")
      check(fields.string("t"), "true")
      check(fields.string("nothing"), nil)
      check(fields.int("i"), 1)
      check(fields.uint("u"), 5)
      check(fields.double("d"), 3)
      check(fields.goDurationNs("go"), 5_400_000_000_000)
      check(fields.goDurationNs("ns"), 7)
      check(try? fields.prometheusDurationMs("pd"), 86_400_000)
      check(try? fields.bytes("b"), 2048)
      check(fields.strings("l"), ["1", "", "x"])
      check(fields.stringMap("m")?.map { "\($0.name)=\($0.value)" }, ["a=1", "b="])
      check(fields.string("missing"), nil)
    }
    #expect(got == nil)
  }

  /// Taking a field changes the fields, which `#expect` does not allow inside it.
  private func check<Value: Equatable>(
    _ got: Value?, _ expected: Value?, at location: SourceLocation = #_sourceLocation
  ) {
    #expect(got == expected, sourceLocation: location)
  }

  @Test func durationsThatAreNoneAreToldAtOnce() throws {
    var fields = YAMLFields(try YAMLDocument("a: 5x\nb: 1XB\nc: 1x\n").root, as: "t", YAMLProblems())
    #expect(throws: ConfigurationError(.value, "not a valid duration string: \"5x\"")) {
      try fields.prometheusDurationMs("a")
    }
    #expect(throws: ConfigurationError(.value, "units: unknown unit XB in 1XB")) { try fields.bytes("b") }
    check(fields.goDurationNs("c"), nil)
    #expect(throws: ConfigurationError.self) { try fields.problems.check() }
  }

  @Test func mergeKeysApplyInTheOrderOfTheDocument() {
    let anchors = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\n"
    func values(_ text: String) -> [String] {
      var out: [String] = []
      let problem = read(anchors + "t:\n" + text) { fields in
        _ = fields.take("x")
        _ = fields.take("y")
        var inner = fields.fields("t", as: "x.Inner")
        out = ["a", "b", "c"].map { inner.string($0) ?? "-" }
        inner.finish()
      }
      return out + (problem.map { [$0] } ?? [])
    }
    #expect(values("  <<: *x\n  b: 9\n") == ["1", "9", "-"])
    #expect(values("  b: 9\n  <<: *x\n") == ["1", "1", "-"])
    #expect(values("  <<: [*x, *y]\n") == ["1", "1", "2"])
    #expect(
      values("  <<: 5\n").last
        == "yaml: unmarshal errors:\n  line 4: map merge requires map or sequence of maps as the value")
  }

  @Test func aRootThatIsNoMappingIsAMismatch() {
    #expect(read("[1]") { _ in } == "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into x.Config")
    for nothing in ["", "~"] {
      var isPresent = true
      let problem = read(nothing) { isPresent = $0.isPresent }
      #expect(problem == nil && !isPresent)
    }
  }
}

@Suite struct YAMLDamageTests {
  private static let document = """
    # everything at once
    type: &t S3
    config: {a: "x\\u00e9\\n", 'b': 'it''s', c: [1, 2.5, ~, *t], ? d : !!str 5}
    text: |-
      one
       two
    folded: >+
      a
      b

    list:
    - &m {k: 1}
    - <<: *m
      z: 0x1F
    %: no
    ...
    """

  /// Every cut and every flipped bit gives a document or an error, and walking what came out ends.
  @Test func cutsAndFlippedBitsDoNoHarm() {
    let bytes = Array(Self.document.utf8)
    for count in 0...bytes.count { walk(Array(bytes.prefix(count))) }
    for index in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[index] ^= 1 << UInt8(bit)
        walk(damaged)
      }
    }
  }

  @Test func randomMixturesDoNoHarm() {
    var random = SplitMix64(seed: 7)
    let pieces = [
      "a", ":", " ", "\n", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "<<: ", "\"", "'", "|", ">", "!", "? ", "%", "#",
      "\t", "é", "\u{0}", "---\n", "...\n", "1",
    ]
    for _ in 0..<3000 {
      var text = ""
      for _ in 0..<random.below(40) { text += pieces[random.below(pieces.count)] }
      walk(Array(text.utf8))
    }
  }

  private func walk(_ bytes: [UInt8]) {
    guard let root = try? YAMLDocument(bytes).root else { return }
    var open = [root]
    var count = 0
    while let node = open.popLast(), count < 100_000 {
      count += 1
      _ = (node.scalar, node.tagName, node.text, node.line)
      open += node.elements
      for (key, value) in node.pairs { open += [key, value] }
    }
    #expect(count < 100_000)
    let problems = YAMLProblems()
    var fields = YAMLFields(root, as: "x", problems)
    _ = (fields.string("type"), fields.stringMap("config"), fields.strings("list"))
    fields.finish()
    try? problems.check()
  }
}
