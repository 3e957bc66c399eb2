// Selectors by themselves, as in `match[]`.
import PromQL
import TSModel
import Testing

@Suite struct SelectorTests {
  @Test(
    arguments: [
      ("up", ["__name__=\"up\""]),
      ("a:b_1", ["__name__=\"a:b_1\""]),
      (" up { job = \"a\" , env != 'b' } # comment", ["job=\"a\"", "env!=\"b\"", "__name__=\"up\""]),
      ("up{}", ["__name__=\"up\""]),
      ("sum{by=\"x\"}", ["by=\"x\"", "__name__=\"sum\""]),
      ("offset", ["__name__=\"offset\""]),
      ("{on=\"x\",}", ["on=\"x\""]),
      ("{\"my.metric\"}", ["__name__=\"my.metric\""]),
      ("{\"my.metric\", \"l.b\"=~\"x.*\", c!~`\\d`}", ["__name__=\"my.metric\"", "\"l.b\"=~\"x.*\"", "c!~\"\\\\d\""]),
      ("up{__name__=\"x\"}", ["__name__=\"x\"", "__name__=\"up\""]),
      (
        "{a=\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\x41\\101\\u00e9\\U0001F600\"}",
        ["a=\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"AAé😀\""]
      ),
      ("{a='\\'\"'}", ["a=\"'\\\"\""]),
      ("{a=`\n`}", ["a=\"\\n\""]),
      ("{\na#}\n=\n\"x\"\n}", ["a=\"x\""]),
      ("{é=\"x\"}", nil), ("{a:b=\"x\"}", nil), ("", nil), ("{", nil), ("}", nil), ("up}", nil), ("up{", nil),
      ("up{,}", nil),
      ("up{a}", nil), ("up{a=}", nil), ("up{a=b}", nil), ("up{a=1}", nil), ("up{a==\"b\"}", nil), ("up{a!\"b\"}", nil),
      ("up{a=\"b\" c=\"d\"}", nil), ("up{a=\"b\",,}", nil), ("up{a=\"b}", nil), ("up{a='b}", nil), ("up{a=`b}", nil),
      ("up{a=\"b\nc\"}", nil), ("up{a=\"\\'\"}", nil), ("up{a=\"\\q\"}", nil), ("up{a=\"\\x4\"}", nil),
      ("up{a=\"\\400\"}", nil), ("up{a=\"\\ud800\"}", nil), ("up{a=\"\\U00110000\"}", nil), ("up{a=\"\\", nil),
      ("up[5m]", nil), ("up offset 5m", nil), ("up up", nil), ("1", nil), ("on", nil), ("NaN", nil), ("\"up\"", nil),
      ("up{a=~\"[\"}", nil), ("up{a!~\"(\"}", nil),
      ("{}", nil), ("{a=\"\"}", nil), ("{a=~\".*\"}", nil), ("{a!=\"x\"}", nil), ("{\"\"}", nil),
      ("{a=~\"x|\",b!~\"y\"}", nil),
      ("{a!=\"\"}", ["a!=\"\""]), ("{a=~\".+\"}", ["a=~\".+\""]), ("{a=\"\",b=\"c\"}", ["a=\"\"", "b=\"c\""]),
    ] as [(String, [String]?)])
  func selectorsReadAsPrometheusReadsThem(text: String, expected: [String]?) throws {
    if let expected {
      #expect(try LabelMatcher.parse(selector: text).map(\.description) == expected)
    } else {
      #expect(throws: ModelError.self) { try LabelMatcher.parse(selector: text) }
    }
  }

  @Test(arguments: [
    ("up{", "1:4: parse error: unexpected end of input inside braces"),
    ("up{a}", "1:5: parse error: unexpected \"}\" in label matching, expected label matching operator"),
    ("up{a=b}", "1:6: parse error: unexpected identifier \"b\" in label matching, expected string"),
    ("up offset 5m", "1:4: parse error: unexpected <offset>"),
    ("{}", "match[] must contain at least one non-empty matcher"),
    ("up{a=~\"[\"}", "1:4: parse error: error parsing regexp: missing closing ]: `[`"),
    ("\n up{a=\"b}", "2:7: parse error: unterminated quoted string"),
    ("up{a=\"\\'\"}", "1:6: parse error: unknown escape sequence U+0027 '''"),
  ])
  func errorsSayWhereAndWhat(text: String, message: String) {
    let error = #expect(throws: ModelError.self) { try LabelMatcher.parse(selector: text) }
    #expect(error?.message == message)
  }

  @Test func emptySelectorsCanBeAllowed() throws {
    #expect(try LabelMatcher.parse(selector: "{}", allowingEmpty: true).isEmpty)
  }

  @Test func escapedBytesThatAreNotUTF8AreKept() throws {
    let matcher = try #require(try LabelMatcher.parse(selector: "{a=\"\\xff\"}").first)
    #expect(matcher.valueBytes == [0xFF])
    #expect([0xFF].withUnsafeBytes { matcher.matches(bytes: UnsafeRawBufferPointer(rebasing: $0[..<1])) })
    #expect(!matcher.matches("\u{FFFD}"))
  }
}
