import TSModel
import TestSupport
import Testing

@Suite struct JSONTests {
  @Test(arguments: [
    ("[1,]", "invalid character ']' looking for beginning of value"),
    ("[1 2]", "invalid character '2' after array element"),
    ("{\"a\" 1}", "invalid character '1' after object key"),
    ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
    ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
    ("01", "invalid character '1' after top-level value"),
    ("-", "unexpected end of JSON input"),
    ("-a", "invalid character 'a' in numeric literal"),
    ("1.x", "invalid character 'x' after decimal point in numeric literal"),
    ("1ex", "invalid character 'x' in exponent of numeric literal"),
    ("nulx", "invalid character 'x' in literal null (expecting 'l')"),
    ("\"a\nb\"", "invalid character '\\n' in string literal"),
    ("\"\\q\"", "invalid character 'q' in string escape code"),
    ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
    ("'a'", "invalid character '\\'' looking for beginning of value"),
    ("\u{0}", "invalid character '\\x00' looking for beginning of value"),
    ("\"a", "unexpected end of JSON input"),
    ("tru", "unexpected end of JSON input"),
    ("  ", "unexpected end of JSON input"),
  ]) func errorsAreThoseOfGo(text: String, message: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    do { _ = try JSONValue(parsing: Array(text.utf8)) } catch { #expect(error.message == message) }
  }

  @Test(arguments: [
    (#""\ud83d\ude00""#, "😀"), (#""\ud83d""#, "\u{FFFD}"), (#""\ud83dx""#, "\u{FFFD}x"),
    (#""\ude00\u0041""#, "\u{FFFD}A"),
    (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\/\b\f\n\r\t\"\\""#, "/\u{8}\u{c}\n\r\t\"\\"), (#""\u0000""#, "\0"),
  ]) func escapes(text: String, string: String) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)) == .string(string))
  }

  @Test func invalidUTF8BecomesTheReplacementCharacter() throws {
    #expect(try JSONValue(parsing: [0x22, 0x61, 0xFF, 0x62, 0x22]) == .string("a\u{FFFD}b"))
  }

  @Test func nestingIsBounded() throws {
    let depth = JSONValue.depthMax
    let deepest = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect((try? JSONValue(parsing: Array(deepest.utf8))) != nil)
    let hostile = String(repeating: "[{\"a\":", count: 1_000_000)
    do {
      _ = try JSONValue(parsing: Array(hostile.utf8))
      Issue.record("accepted")
    } catch { #expect(error.message == "exceeded max depth") }
  }

  @Test func writesAsGoDoes() throws {
    let text = #"{"b":[],"a":{},"c":[1,-2.50e3,{"d":null,"e":true}],"<&>":"\u007fé"}"#
    let value = try JSONValue(parsing: Array(text.utf8))
    #expect(
      value.compactText
        == "{\"b\":[],\"a\":{},\"c\":[1,-2.50e3,{\"d\":null,\"e\":true}],\"\\u003c\\u0026\\u003e\":\"\u{7f}é\"}")
    #expect(
      value.indentedText()
        == "{\n\t\"b\": [],\n\t\"a\": {},\n\t\"c\": [\n\t\t1,\n\t\t-2.50e3,\n\t\t{\n\t\t\t\"d\": null,\n\t\t\t\"e\": true\n\t\t}\n\t],\n\t\"\\u003c\\u0026\\u003e\": \"\u{7f}é\"\n}"
    )
    #expect(try JSONValue(parsing: Array(value.indentedText().utf8)).compactText == value.compactText)
  }

  @Test func mapsResolveDuplicatesAndSortByBytes() throws {
    let value = try JSONValue(parsing: Array(#"{"b":1,"a":2,"B":3,"b":4,"é":5}"#.utf8))
    #expect(try value.map("x")?.map(\.key) == ["B", "a", "b", "é"])
    #expect(try value.map("x")?.map(\.value) == [.number("3"), .number("2"), .number("4"), .number("5")])
  }

  @Test func keysFoldAsInGo() throws {
    let value = try JSONValue(parsing: Array("{\"\u{212A}ey\u{17F}\":1,\"KEYS\":2}".utf8))
    #expect(try value.foldedMembers("x").map(\.key) == ["keys", "keys"])
  }
}
