// What `promql-extras` adds to the language: how it is read, written and refused.
import PromQL
import Testing

/// The whole language with the extras.
let extras: ParserOptions = {
  var options = ParserOptions.everything
  options.extras = true
  return options
}()

/// How a query is written that was read with the extras; where it cannot be read, the message.
private func printed(_ text: String, _ options: ParserOptions = extras) -> String {
  do { return try PromQL.Expression(parsing: text, options: options).description } catch { return error.description }
}

@Suite struct ExtrasTests {
  @Test(arguments: [
    ("rate(a)", "rate(a)"),
    ("rate((a offset 5m))", "rate(a offset 5m)"),
    ("quantile_over_time(0.5, a{b=\"c\"} @ end())", "quantile_over_time(0.5, a{b=\"c\"} @ end())"),
    ("(a, b)", "union(a, b)"),
    ("(a, (b, c), d)", "union(a, union(b, c), d)"),
    ("sum((a, b))", "sum(union(a, b))"),
    ("a default b + 1", "a default b + 1"),
    ("a DEFAULT on (x) b or c default 0", "a default on (x) b or c default 0"),
    ("rate(a[5m]) keep_metric_names", "rate(a[5m]) keep_metric_names"),
    ("(a / b) keep_metric_names", "(a / b) keep_metric_names"),
    ("sum(abs(a) keep_metric_names)", "sum(abs(a) keep_metric_names)"),
    ("median(a) by (b)", "median by (b) (a)"),
    ("share without (c) (a)", "share without (c) (a)"),
    ("outliersk(3, a)", "outliersk(3, a)"),
    ("median + default + share{a=\"b\"}", "median + default + share{a=\"b\"}"),
    ("rollup(a[5m], \"max\")", "rollup(a[5m], \"max\")"),
    ("sum by (default, keep_metric_names) (a)", "sum by (default, keep_metric_names) (a)"),
    ("with", "with"),
  ])
  func constructsAreReadAndWritten(text: String, expected: String) {
    #expect(printed(text) == expected)
    #expect(printed(expected) == expected)
  }

  @Test(arguments: [
    ("WITH (x = a) x", "a"),
    ("with (x = a + b) x * x", "(a + b) * (a + b)"),
    ("WITH (x = a, y = x + 1,) y", "(a + 1)"),
    ("WITH (f(x) = x + x) f(b) / f(c + d)", "(b + b) / ((c + d) + (c + d))"),
    ("WITH (f() = a) f()", "a"),
    // Names known at the place of a definition count, not those of a use.
    ("WITH (x = a, f(y) = x + y) WITH (x = b) f(x)", "(a + b)"),
    ("WITH (x = x) x", "x"),
    ("2 * WITH (x = a) x + 1", "2 * (a + 1)"),
    ("sum(WITH (x = a) x, b)", "1:18: parse error: "),
    ("(WITH (x = a) x, x)", "union(a, x)"),
    // Selectors.
    (
      "WITH (c = {job=\"a\",i=~\"b\"}) up{c} + up{z=\"y\", c} + c",
      "up{i=~\"b\",job=\"a\"} + up{i=~\"b\",job=\"a\",z=\"y\"} + {i=~\"b\",job=\"a\"}"
    ),
    ("WITH (c = {a=\"b\"}, d = c) up{d}", "up{a=\"b\"}"),
    ("WITH (c = {}) up{c} + up{c, a=\"b\"} + up{a=\"b\",c}", "up + up{a=\"b\"} + up{a=\"b\"}"),
    ("WITH (m = up{a=\"b\"}) m{c=\"d\"}[5m]", "up{a=\"b\",c=\"d\"}[5m]"),
    ("WITH (m = up{a=\"b\"}, n = m) rate(n{}[5m] offset 1m)", "rate(up{a=\"b\"}[5m] offset 1m)"),
    ("WITH (v = \"x\") up{a=v, v=\"y\"}", "up{a=\"x\",v=\"y\"}"),
    ("WITH (w = 5m, o = 1h) rate(a[w] offset o)", "rate(a[5m] offset 1h)"),
    ("WITH (w = 5m) rate(a[w * 2]) + max_over_time(a[1h:w])", "rate(a[5m * 2]) + max_over_time(a[1h:5m])"),
    ("WITH (l = (a, b)) sum(x) by (l, c)", "sum by (a, b, c) (x)"),
    ("WITH (l = a) sum by (l) (x / on (l) y)", "sum by (a) (x / on (a) y)"),
    // Functions and metrics of the same name.
    ("WITH (rate = 5) rate(a[5m]) + rate", "rate(a[5m]) + 5"),
    ("WITH (f(x) = x) f", "f"),
    ("WITH (f(x) = sum(x) by (a)) f(up) * 2", "(sum by (a) (up)) * 2"),
    ("WITH (r(m) = rate(m[5m])) r(a{b=\"c\"}) keep_metric_names", "rate(a{b=\"c\"}[5m]) keep_metric_names"),
  ])
  func templatesAreExpanded(text: String, expected: String) {
    let result = printed(text)
    #expect(expected.hasSuffix("error: ") ? result.contains("parse error") : result == expected)
  }

  @Test(arguments: [
    (
      "a keep_metric_names",
      "1:3: parse error: keep_metric_names must follow a function or a binary operation in parentheses"
    ),
    ("a + default", "a + default"),
    ("a default group_left () b", "1:11: parse error: "),
    ("a default on (c) group_left () b", "1:1: parse error: no grouping allowed for \"default\" operation"),
    ("rate(sum(a))", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
    ("(a, 1)", "1:5: parse error: expected type instant vector in call to function \"union\", got scalar"),
    ("WITH (x = a) y(x", "1:17: parse error: unclosed left parenthesis"),
    ("WITH (x) x", "1:8: parse error: unexpected \")\" in WITH, expected \"=\""),
    ("WITH (x = ) x", "1:11: parse error: unexpected \")\" in WITH, expected an expression"),
    ("WITH (x = a)", "1:13: parse error: unexpected end of input in WITH, expected an expression"),
    ("WITH (x = a, x = b) x", "1:14: parse error: \"x\" is defined twice in WITH"),
    ("WITH (f(x) = x) f(a, b)", "1:17: parse error: expected 1 argument(s) in use of template \"f\", got 2"),
    ("WITH (f(x) = x) f()", "1:17: parse error: expected 1 argument(s) in use of template \"f\", got 0"),
    ("WITH (x = a + b) up{x}", "1:21: parse error: template \"x\" among matchers must be matchers in braces"),
    ("WITH (x = \"a\") y{x}", "1:18: parse error: template \"x\" among matchers must be matchers in braces"),
    ("WITH (sum = a) sum", "1:7: parse error: unexpected <aggr:sum> in WITH, expected a name"),
    ("rate(a[w])", "1:8: parse error: "),
  ])
  func faultsAreTold(text: String, expected: String) {
    let result = printed(text)
    #expect(expected.hasSuffix("error: ") ? result.hasPrefix(expected) : result == expected)
  }

  /// Messages point to where something was written, also where it was expanded.
  @Test func messagesPointIntoTheQuery() {
    #expect(printed("WITH (f(x) = rate(x)) f(a + b)").hasPrefix("1:19: "))
    #expect(printed("WITH (x = no_such(a)) 1 + x") == "1:11: parse error: unknown function with name \"no_such\"")
  }

  @Test func hostileTemplatesAreRefused() {
    var doubling = "x0 = a + a"
    for index in 1..<60 { doubling += ", x\(index) = x\(index - 1) + x\(index - 1)" }
    #expect(printed("WITH (\(doubling)) x59").contains("WITH templates expand to more than 100000 tokens"))
    #expect(
      printed("WITH (f(x) = x + x) " + String(repeating: "f(", count: 60) + "a" + String(repeating: ")", count: 60))
        .contains("WITH templates expand to more than 100000 tokens"))
    let many = (0..<300).map { "x\($0) = a" }.joined(separator: ", ")
    #expect(printed("WITH (\(many)) a").contains("WITH defines more than 256 names"))
    let nested = String(repeating: "WITH (x = a) ", count: 20_000) + "x"
    #expect(printed(nested).contains("WITH"))
    let parentheses = String(repeating: "(", count: 100_000)
    #expect(printed("WITH (x = \(parentheses)").contains("unclosed left parenthesis"))
    #expect(!printed("WITH (x = a{) x").isEmpty)
    #expect(!printed("WITH (x = (a]) x)").isEmpty)
  }

  /// Without the feature all of it is what it was.
  @Test(arguments: [
    "rate(a)", "(a, b)", "a default b", "rate(a[5m]) keep_metric_names", "median(a)", "share(a)", "WITH (x = a) x",
    "range_sum(a)", "rate(a[w])", "mode_over_time(a[5m])",
  ])
  func nothingIsReadWithoutTheFeature(text: String) {
    #expect(printed(text, .everything).contains("parse error"))
  }

  @Test func formattedQueriesReadBack() throws {
    let text =
      "WITH (r(x) = rate(x) keep_metric_names) (r(some_rather_long_metric_name{label=\"value\"}) / r(another_rather_long_metric_name)) keep_metric_names default 0"
    let tree = try PromQL.Expression(parsing: text, options: extras)
    let formatted = try tree.formatted()
    #expect(formatted.contains("\n") && formatted.contains(") keep_metric_names"))
    #expect(printed(formatted) == tree.description)
  }

  @Test func treesTellWhatIsKept() throws {
    let kept = try PromQL.Expression(parsing: "abs(a) keep_metric_names", options: extras).jsonText
    #expect(kept?.contains("\"keepMetricNames\":true") == true)
    let plain = try PromQL.Expression(parsing: "abs(a) + 1", options: extras).jsonText
    #expect(plain?.contains("keepMetricNames") == false)
  }
}
