// What the parser makes of texts, for machines without the recorded expressions: trees, messages, places, flags.
import PromQL
import TSModel
import Testing

/// The message of `text`, or nil where it is an expression.
private func message(_ text: String, _ options: ParserOptions = .everything) -> String? {
  do throws(ParseError) {
    _ = try Expression(parsing: text, options: options)
    return nil
  } catch { return error.description }
}

/// A tree as nested lists, with the bytes of each node.
private func outline(_ expression: Expression) -> String {
  let name =
    switch expression {
    case .numberLiteral(let node): "\(node.value)"
    case .stringLiteral(let node): "'\(node.value)'"
    case .vectorSelector(let node): "selector \(node.name)"
    case .matrixSelector: "range"
    case .subquery: "subquery"
    case .call(let node): node.function.name
    case .aggregation(let node): node.operation.rawValue
    case .binary(let node): node.operation.rawValue
    case .unary(let node): node.isNegation ? "neg" : "pos"
    case .parenthesized: "()"
    }
  let place = "\(name)@\(expression.position.start)-\(expression.position.end)"
  let children = expression.children
  return children.isEmpty ? place : place + "[" + children.map(outline).joined(separator: " ") + "]"
}

@Suite struct ParserTests {
  @Test(
    arguments: [
      ("a + b * c", "+@0-9[selector a@0-1 *@4-9[selector b@4-5 selector c@8-9]]"),
      ("a - b - c", "-@0-9[-@0-5[selector a@0-1 selector b@4-5] selector c@8-9]"),
      ("2 ^ 3 ^ 2", "^@0-9[2.0@0-1 ^@4-9[3.0@4-5 2.0@8-9]]"),
      ("-2 ^ 2", "neg@0-6[^@1-6[2.0@1-2 2.0@5-6]]"),
      ("-2", "-2.0@0-2"),
      ("2 ^ -3 * 4", "*@0-10[^@0-6[2.0@0-1 -3.0@4-6] 4.0@9-10]"),
      (
        "a or b and c == bool d",
        "or@0-22[selector a@0-1 and@5-22[selector b@5-6 ==@11-22[selector c@11-12 selector d@21-22]]]"
      ),
      ("-a[5m] offset 1m", nil),
      ("-a offset 1m", "neg@0-12[selector a@1-12]"),
      ("sum(a) by (b)", "sum@0-13[selector a@4-5]"),
      ("topk(3, (a))", "topk@0-12[()@8-11[selector a@9-10] 3.0@5-6]"),
      ("rate(a{b=\"c\"}[5m] @ end() offset -1m)", "rate@0-37[range@5-36[selector a@5-13]]"),
      (
        "max_over_time(rate(a[5m])[1h:1m] @ 10)",
        "max_over_time@0-38[subquery@14-37[rate@14-25[range@19-24[selector a@19-20]]]]"
      ),
      ("(sum(a) )", "()@0-9[sum@1-7[selector a@5-6]]"),
      ("sum(sum(a) )", "sum@0-12[sum@4-10[selector a@8-9]]"),
      ("start() + max_of(1, 2)", "+@0-22[start@0-7 max_of@10-22[1.0@17-18 2.0@20-21]]"),
      ("start + sum + by", "+@0-16[+@0-11[selector start@0-5 selector sum@8-11] selector by@14-16]"),
      ("\"a\\tb\"", "'a\tb'@0-6"),
    ] as [(String, String?)])
  func treesAreThoseOfTheGrammar(text: String, expected: String?) throws {
    guard let expected else {
      #expect(message(text) != nil)
      return
    }
    #expect(outline(try Expression(parsing: text, options: .everything)) == expected)
  }

  @Test(arguments: [
    ("", "unknown position: parse error: no expression found in input"),
    ("a +\n  ", "2:3: parse error: unexpected end of input"),
    ("(a", "1:3: parse error: unclosed left parenthesis"),
    ("a)", "1:3: parse error: unexpected right parenthesis ')'"),
    ("sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation"),
    ("abs(a b)", "1:7: parse error: unexpected identifier \"b\""),
    ("sum(abs(a b))", "1:11: parse error: unexpected identifier \"b\" in aggregation"),
    ("sum(a,)", "1:6: parse error: trailing commas not allowed in function call args"),
    ("sum by a (b)", "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""),
    ("sum by (a b) (c)", "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""),
    ("a * on (b) group_left )", "1:24: parse error: unexpected right parenthesis ')'"),
    ("(a * on (b) group_left )", "1:24: parse error: unexpected \")\" in grouping opts, expected \"(\""),
    ("a[5m", "1:5: parse error: unclosed left bracket"),
    ("a[0]", "1:3: parse error: duration must be greater than 0"),
    (
      "a[1 + (2]",
      "1:9: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"
    ),
    (
      "a[5m:1m+]",
      "1:9: parse error: unexpected \"]\" in subquery selector, expected number, duration, step(), range(), or \"]\""
    ),
    ("a offset (1m", "1:13: parse error: unclosed left parenthesis"),
    (
      "a offset b",
      "1:10: parse error: unexpected identifier \"b\" in offset, expected number, duration, step(), or range()"
    ),
    ("a @ b", "1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"),
    (
      "a @ 1e20",
      "1:1: parse error: timestamp out of bounds for @ modifier: 100000000000000000000.000000"
    ),
    ("a offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
    (
      "1 offset 1m",
      "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
    ),
    ("a[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors"),
    ("rate(a) $", "1:9: parse error: unexpected character: '$'"),
    ("fate(a) $", "1:1: parse error: unknown function with name \"fate\""),
    ("a{b}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator"),
    ("a{b=\"c\"", "1:8: parse error: unexpected end of input inside braces"),
    ("{a=~\"*\"}", "1:2: parse error: error parsing regexp: missing argument to repetition operator: `*`"),
    ("1e400", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range"),
    ("0x", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax"),
    ("300y", "1:1: parse error: duration out of range"),
    ("1m1h", "1:1: parse error: not a valid duration string: \"1m1h\""),
    ("\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"),
    ("'\\\"'", "1:1: parse error: unknown escape sequence U+0022 '\"'"),
    ("a\u{a0}b", "1:2: parse error: unexpected character: '\\u00a0'"),
    ("rate(a)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
    ("abs(a, b)", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2"),
    ("label_join(a, \"b\")", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2"),
    ("round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"),
    ("a and on(b) group_left c", "1:1: parse error: no grouping allowed for \"and\" operation"),
    ("a + on(b, c) group_left(c) d", "1:3: parse error: label \"c\" must not occur in ON and GROUP clause at once"),
    ("1 == 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
    ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
    (
      "-\"a\"",
      "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""
    ),
    ("{a=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ("a{__name__=\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""),
    ("info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead"),
    ("xrate(a[5m])", "1:1: parse error: unknown function with name \"xrate\""),
  ])
  func messagesAreThoseOfPrometheus(text: String, expected: String) { #expect(message(text) == expected) }

  @Test func partsBehindFlagsNeedThem() {
    let cases: [(String, WritableKeyPath<ParserOptions, Bool>, String)] = [
      (
        "limitk(1, a)", \.experimentalFunctions,
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
      ),
      ("info(a)", \.experimentalFunctions, "1:1: parse error: function \"info\" is not enabled"),
      ("start()", \.experimentalFunctions, "1:1: parse error: function \"start\" is not enabled"),
      ("a anchored", \.extendedRangeSelectors, "1:1: parse error: anchored modifier is experimental and not enabled"),
      (
        "a[5m] smoothed", \.extendedRangeSelectors,
        "1:1: parse error: smoothed modifier is experimental and not enabled"
      ),
      (
        "a + fill(0) b", \.binopFillModifiers, "1:1: parse error: binop fill modifiers are experimental and not enabled"
      ),
      ("a[5m*2]", \.durationExpressions, "1:3: parse error: experimental duration expression is not enabled"),
      (
        "range_sum(a)", \.extras,
        "1:1: parse error: unknown function with name \"range_sum\"; --enable-feature=promql-extras knows it"
      ),
      ("(a, b)", \.extras, "1:3: parse error: unexpected \",\""),
      ("a default b", \.extras, "1:3: parse error: unexpected identifier \"default\""),
      ("xrate(a[5m])", \.extendedFunctions, "1:1: parse error: unknown function with name \"xrate\""),
    ]
    for (text, flag, expected) in cases {
      var options = ParserOptions()
      options[keyPath: flag] = false
      #expect(message(text, options) == expected)
      options[keyPath: flag] = true
      #expect(message(text, options) == nil)
    }
  }

  @Test func flagsHaveTheNamesOfPrometheus() {
    var options = ParserOptions()
    for name in ["promql-experimental-functions", "promql-extended-range-selectors", "promql-binop-fill-modifiers"] {
      let before = options
      #expect(options.enable(feature: name) && options != before)
    }
    #expect(options == .everything)
    let isKnown = options.enable(feature: "promql-delayed-name-removal")
    #expect(!isKnown && options == .everything)
  }

  @Test(
    arguments: [
      ("017", 15), ("089", 89), ("0x1F", 31), ("1_000", 1000), ("0x_ff", 255), ("1e3", 1000), ("5.e3", 5000),
      (".5", 0.5),
      ("9223372036854775808", 9.223372036854775808e18), ("1_0.5", 10.5), ("Inf", .infinity), ("1h30m", 5400),
      ("7ms", 0.007),
      ("1e-400", 0),
    ] as [(String, Double)])
  func numbersAreReadAsGoReadsThem(text: String, value: Double) throws {
    guard case .numberLiteral(let literal) = try Expression(parsing: text) else {
      Issue.record("\(text) is no number")
      return
    }
    #expect(literal.value == value)
  }

  @Test func modifiersOfSelectorsAreKept() throws {
    guard
      case .matrixSelector(let range) = try Expression(
        parsing: "a{b!=\"c\"}[1h] anchored @ 1.5 offset -90s", options: .everything)
    else { return #expect(Bool(false), "a range selector") }
    #expect(range.selector.name == "a")
    #expect(range.selector.matchers.map(\.description) == ["b!=\"c\"", "__name__=\"a\""])
    #expect(range.selector.boundaries == .anchored)
    #expect(range.selector.at == .timestampMs(1500))
    #expect(try range.selector.offset?.milliseconds(stepMs: 0, rangeMs: 0, allowingNegative: true) == -90_000)
    #expect(try range.range.milliseconds(stepMs: 0, rangeMs: 0) == 3_600_000)
  }

  @Test func matchingIsOnlyThatOfVectors() throws {
    guard
      case .binary(let sum) = try Expression(
        parsing: "a + on (x) group_left (y) fill_right (2) b", options: .everything),
      case .binary(let choice) = try Expression(parsing: "a and b"),
      case .binary(let scalar) = try Expression(parsing: "a + 1")
    else { return #expect(Bool(false), "binary operations") }
    #expect(sum.matching?.cardinality == .manyToOne)
    #expect(sum.matching?.labels == ["x"] && sum.matching?.include == ["y"] && sum.matching?.isOn == true)
    #expect(sum.matching?.fillLeft == nil && sum.matching?.fillRight == 2)
    #expect(choice.matching?.cardinality == .manyToMany)
    #expect(scalar.matching == nil)
  }
}
