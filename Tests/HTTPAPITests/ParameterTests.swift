// Parameters as Prometheus reads them.
import Testing

@testable import HTTPAPI

@Suite struct ParameterTests {
  @Test(arguments: [
    ("1748826000", 1_748_826_000_000), ("1748826000.1239", 1_748_826_000_124), ("1e9", 1_000_000_000_000),
    ("-1.5", -1500),
    ("0x1p3", 8000), (".5", 500), ("5.", 5000), ("1_000", 1_000_000), ("+1", 1000),
    ("2025-06-02T01:00:00Z", 1_748_826_000_000),
    ("2025-06-02T01:00:00.123456789+02:00", 1_748_818_800_123), ("1969-12-31T23:59:59.5Z", -500),
    ("2024-02-29T00:00:00-00:30", 1_709_166_600_000),
    // What overflows wraps around, as Go has it.
    ("-62135596800", -6_795_364_578_871), ("9223372036854775", 192), ("1e300", 0), ("NaN", -9_223_372_036_854),
    ("nan", -9_223_372_036_854), ("Inf", -9_223_372_036_854), ("-inf", -9_223_372_036_854),
  ]) func timesAreThoseOfPrometheus(_ text: String, _ ms: Int64) throws {
    #expect(try #require(ParameterTime(text)).nanosecondMs == ms)
  }

  @Test(arguments: [
    "", " ", "yesterday", "1 ", " 1", "1__0", "_1", "1_", "1e400", "0x1", "0x", "1p3", "++1", "+-1", "1e", ".", "--5",
    "+nan",
    "2025-06-02", "2025-06-02T01:00:00", "2025-6-02T01:00:00Z", "2025-02-29T00:00:00Z", "2025-06-02T24:00:00Z",
    "2025-06-02T01:00:60Z", "2025-06-02T01:00:00.Z", "2025-06-02t01:00:00z", "2025-06-02T01:00:00+2:00", "1d", "１",
  ]) func otherTextsAreNoTimes(_ text: String) { #expect(ParameterTime(text) == nil) }

  @Test func boundaryTimesAreReadThoughNoCalendarHasThem() {
    #expect(ParameterTime("-292273086-05-16T16:47:06Z") == .earliest)
    #expect(ParameterTime("292277025-08-18T07:12:54.999999999Z") == .latest)
    #expect(ParameterTime.earliest.milliseconds == -9_223_309_901_257_974_000)
    #expect(ParameterTime.latest.isBefore(.earliest) == false && ParameterTime.earliest.isBefore(.latest))
    // Not a number is a time before all others, as Go compares it.
    let nan = ParameterTime("NaN")
    #expect(nan?.isBefore(.earliest) == true && ParameterTime.latest.isBefore(nan ?? .latest) == false)
    #expect(ParameterTime.latest.nanoseconds(since: .earliest) == .max)
    #expect(ParameterTime.earliest.nanoseconds(since: .latest) == .min)
    #expect(ParameterTime("0000-01-01T00:00:00Z")?.milliseconds == -62_167_219_200_000)
    #expect(ParameterTime(ms: 1500).nanoseconds(since: ParameterTime(ms: -500)) == 2_000_000_000)
    #expect(ParameterTime(ms: -1).nanosecondMs == -1 && ParameterTime(ms: -1000).seconds == -1)
  }

  @Test(arguments: [
    ("60", 60_000), ("1m", 60_000), ("1m30s", 90_000), ("0.5", 500), ("-5", -5000), ("1d2h", 93_600_000), ("7ms", 7),
    ("1y1w", 32_140_800_000), ("0", 0), ("1e3", 1_000_000),
  ]) func durationsAreThoseOfPrometheus(_ text: String, _ ms: Int64) throws {
    #expect(try ParameterDuration.nanoseconds(text) == ms * 1_000_000)
  }

  @Test(arguments: ["", "x", "-1s", "1ns", "1s1m", "1m1m", "m", "1", "300y", "1.5m"]) func otherTextsAreNoDurations(
    _ text: String
  ) {
    if text == "1" { return #expect((try? ParameterDuration.nanoseconds(text)) == 1_000_000_000) }
    #expect {
      _ = try ParameterDuration.nanoseconds(text)
    } throws: {
      "\($0)" == "cannot parse \"\(text)\" to a valid duration"
    }
  }

  @Test func hugeDurationsSaySo() {
    #expect {
      _ = try ParameterDuration.nanoseconds("1e300")
    } throws: {
      "\($0)" == "cannot parse \"1e300\" to a valid duration. It overflows int64"
    }
  }

  @Test func integersHaveGosErrors() throws {
    #expect(try GoNumber.integer("+5") == 5 && GoNumber.integer("-0") == 0)
    for (text, reason) in [
      ("", "invalid syntax"), ("1.0", "invalid syntax"), ("99999999999999999999", "value out of range"),
    ] {
      #expect {
        _ = try GoNumber.integer(text)
      } throws: {
        "\($0)" == "strconv.Atoi: parsing \"\(text)\": \(reason)"
      }
    }
    #expect(try GoNumber.bool("T") && !GoNumber.bool("0"))
    #expect(throws: GoNumber.Refusal.self) { try GoNumber.bool("yes") }
  }

  @Test(arguments: [
    ("job", "job"), ("U__my_2e_dotted", "my.dotted"), ("U__a__b", "a_b"), ("U___1f525_", "🔥"),
    ("U__bad_zz_", "U__bad_zz_"),
    ("U__open_2e", "U__open_2e"), ("U__", ""), ("u__x_2e_", "u__x_2e_"), ("U___d800_", "U___d800_"),
  ]) func escapedNamesAreRead(_ name: String, _ meaning: String) { #expect(EscapedName.unescaped(name) == meaning) }
}
