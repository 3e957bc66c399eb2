// The recorded expressions of ../shared/conformance/parser: what Prometheus 3.14 made of each, the text of errors included.
// Compared as ../shared/tools/compare-answers --parser compares: texts byte for byte, trees as JSON values.
import PromQL
import TSModel
import TestSupport
import Testing

/// One line of cases.jsonl.gz.
struct RecordedExpression: Sendable {
  /// What all errors of the endpoints begin with; it is theirs, not the parser's.
  static let prefix = "invalid parameter \"query\": "

  let query: String
  /// The pretty-printed text of a valid one.
  let formatted: String?
  /// The tree of a valid one, as JSON.
  let tree: JSONValue?
  let error: String?

  /// All of them, or nil where there is no ../shared.
  static func all() throws -> [RecordedExpression]? {
    guard let shared = Fixtures.shared else { return nil }
    let output = try runProcess("/usr/bin/gzip", ["-dc", shared + "/conformance/parser/cases.jsonl.gz"])
    return try output.output.split(separator: UInt8(ascii: "\n")).map { line in
      let value = try JSONValue(parsing: Array(line))
      func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = value else { return nil }
        return members.first { $0.key == name }?.value
      }
      func text(_ name: String) -> String? { if case .string(let text)? = member(name) { text } else { nil } }
      return RecordedExpression(
        query: try #require(text("query")), formatted: text("formatted"),
        tree: member("ast") == .null ? nil : member("ast").map(sorted),
        error: text("error").map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 })
    }
  }

  /// What differs, or nil.
  func difference() throws -> String? {
    let expression: Expression
    do throws(ParseError) {
      expression = try Expression(parsing: query, options: .everything)
    } catch {
      return error.description == self.error
        ? nil : "got error \(error.description), want \(self.error ?? formatted ?? "")"
    }
    guard let formatted else { return "got \(expression.description), want error \(error ?? "")" }
    let text = try expression.formatted()
    if text != formatted { return "got text \(text), want \(formatted)" }
    guard let tree else { return nil }
    let got = try expression.jsonText.map { sorted(try JSONValue(parsing: Array($0.utf8))) }
    return got == tree ? nil : "got tree \(got?.compactText ?? "none"), want \(tree.compactText)"
  }
}

/// `value` with the members of all objects in order.
private func sorted(_ value: JSONValue) -> JSONValue {
  switch value {
  case .array(let elements): .array(elements.map(sorted))
  case .object(let members):
    .object(members.map { JSONValue.Member($0.key, sorted($0.value)) }.sorted { $0.key < $1.key })
  default: value
  }
}

@Suite struct RecordedExpressionTests {
  @Test func allRecordedExpressionsAreReadAsPrometheusReadsThem() throws {
    guard let cases = try RecordedExpression.all() else { return }
    var failed = 0
    for recorded in cases {
      guard let difference = try recorded.difference() else { continue }
      failed += 1
      if failed <= 20 { Issue.record("\(recorded.query): \(difference)") }
    }
    print("parser: \(cases.count - failed) passed, \(failed) failed")
    #expect(cases.count == 3316)
    #expect(failed == 0)
  }

  @Test func whatIsPrintedIsReadAsTheSameTree() throws {
    guard let cases = try RecordedExpression.all() else { return }
    for recorded in cases where recorded.error == nil {
      let expression = try Expression(parsing: recorded.query, options: .everything)
      for text in [expression.description, try expression.formatted()] {
        let again = try Expression(parsing: text, options: .everything)
        #expect(again.description == expression.description, "\(recorded.query)")
      }
    }
  }
}
