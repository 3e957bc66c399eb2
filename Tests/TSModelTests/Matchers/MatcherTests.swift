// Matchers by themselves.
import TSModel
import Testing

@Suite struct MatcherTests {
  @Test func valuesCompareByBytes() throws {
    let composed = try LabelMatcher(.equal, name: "a", value: "\u{E9}")
    #expect(!composed.matches("e\u{301}"))
    #expect(composed != (try LabelMatcher(.equal, name: "a", value: "e\u{301}")))
    #expect(try LabelMatcher(.notEqual, name: "a", value: "x").matchesEmpty)
    #expect(try !LabelMatcher(.notEqual, name: "a", value: "").matchesEmpty)
    #expect(try LabelMatcher(.regex, name: "a", value: "b?").matchesEmpty)
    #expect(try !LabelMatcher(.notRegex, name: "a", value: "b?").matchesEmpty)
  }
}
