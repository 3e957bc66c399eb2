import Testing

@testable import ComponentSupport

private func read(_ kind: ValueKind, _ text: String) -> String {
  do {
    switch try kind.read(text, nowMs: 1_700_000_000_000) {
    case .text(let text): return text
    case .integer(let value): return String(value)
    case .number(let value): return "\(value)"
    case .flag(let value): return "\(value)"
    }
  } catch { return error.message }
}

@Test(
  arguments: [
    ("0", "0"), ("1h", "3600000"), ("1d12h", "129600000"), ("1y2w3d4h5m6s7ms", "33019506007"), ("5", "!"),
    ("", "empty duration string"),
    ("1h1d", "!"), ("1.5h", "!"), ("-5m", "!"), ("1h1h", "!"), ("99999999999y", "duration out of range"), ("5mm", "!"),
  ])
func prometheusDurations(text: String, wanted: String) {
  #expect(read(.duration, text) == (wanted == "!" ? "not a valid duration string: \"\(text)\"" : wanted))
}

@Test(
  arguments: [
    ("1.5h", "5400000000000"), ("300ms", "300000000"), ("-2s", "-2000000000"), ("1h2m3.25s", "3723250000000"),
    ("0", "0"),
    (".5s", "500000000"), ("1us", "1000"), ("bad", "time: invalid duration \"bad\""),
    ("5", "time: missing unit in duration \"5\""), ("5x", "time: unknown unit \"x\" in duration \"5x\""),
    ("9999999999h", "time: invalid duration \"9999999999h\""),
  ])
func goDurations(text: String, wanted: String) {
  #expect(read(.goDuration, text) == wanted)
}

@Test(
  arguments: [
    ("1KB", "1024"), ("512MB", "536870912"), ("1.5GiB", "1610612736"), ("0", "0"), ("1GB512MB", "1610612736"),
    ("1XB", "units: unknown unit XB in 1XB"), ("bad", "units: invalid bad"), ("", "units: invalid "),
    ("9999999EB", "units: invalid 9999999EB"),
  ])
func byteCounts(text: String, wanted: String) {
  #expect(read(.bytes, text) == wanted)
}

@Test(
  arguments: [
    ("1970-01-01T00:00:00Z", "0"), ("2026-01-01T00:00:00Z", "1767225600000"),
    ("2026-01-01T02:00:00.25+02:00", "1767225600250"),
    ("0000-01-01T00:00:00Z", "-62167219200000"), ("9999-12-31T23:59:59Z", "253402300799000"),
    ("1767225600000", "1767225600000"),
    ("-1h", "1699996400000"), ("1h", "1700003600000"),
    ("2026-02-30T00:00:00Z", "not a valid duration string: \"2026-02-30T00:00:00Z\""),
    ("bad", "not a valid duration string: \"bad\""), ("2024-02-29T23:59:59.999Z", "1709251199999"),
  ])
func times(text: String, wanted: String) {
  #expect(read(.time, text) == wanted)
}

@Test func wholeNumbers() {
  #expect(read(.int, "1e3") == "1000")
  #expect(read(.int, "-7") == "-7")
  #expect(read(.int64, "0x1F") == "31")
  #expect(read(.int64, "010") == "8")
  #expect(read(.int64, "-9223372036854775808") == "-9223372036854775808")
  #expect(
    read(.int64, "9223372036854775808") == "strconv.ParseInt: parsing \"9223372036854775808\": value out of range")
  #expect(read(.int64, "--1") == "strconv.ParseInt: parsing \"--1\": invalid syntax")
}
