// The form of log lines.
import TestSupport
import Testing

@testable import Observability

private struct Sad: Error, CustomStringConvertible {
  var description: String { "could not" }
}

private func logger(_ sink: MemorySink, level: LogLevel = .debug, format: LogFormat = .logfmt) -> Logger {
  Logger(level: level, format: format, sink: sink, clock: { 1_795_361_076_188_211_160 })
}

/// The one line that `body` writes, from behind the caller's line number.
private func line(_ format: LogFormat = .logfmt, _ body: (Logger) -> Void) -> String {
  let sink = MemorySink()
  body(logger(sink, format: format))
  #expect(sink.lines.count == 1)
  return sink.lines.first ?? ""
}

private func rest(_ line: String) -> Substring {
  let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
  return words.count == 3 ? words[2] : ""
}

@Suite struct LoggerTests {
  @Test func fieldsComeInTheOrderOfThanos() {
    let written = line {
      $0.with(("component", "block.BaseFetcher")).info(
        "successfully synchronized block metadata", ("duration", .duration(.nanoseconds(3_844_439))),
        ("duration_ms", 3), ("cached", .int(27)))
    }
    #expect(
      written.hasPrefix("ts=2026-11-22T15:24:36.18821116Z caller=LoggerTests.swift:")
        && rest(written) == """
          level=info component=block.BaseFetcher msg="successfully synchronized block metadata" duration=3.844439ms \
          duration_ms=3 cached=27
          """
    )
  }

  @Test(arguments: [
    ("plain", "plain"), ("", ""), ("two words", "\"two words\""), ("a=b", "\"a=b\""), ("say \"x\"", #""say \"x\"""#),
    ("line\nend\ttab\r", #""line\nend\ttab\r""#), ("null", "\"null\""), (#"back\slash"#, #"back\slash"#),
    (#"back \slash"#, #""back \\slash""#), ("\u{1}", #""\u0001""#), ("é✓", "é✓"), ("\u{FFFD}", #""\ufffd""#),
  ]) func logfmtQuotesWhatNeedsIt(_ value: String, _ expected: String) {
    #expect(rest(line { $0.info("m", ("k", .string(value))) }) == "level=info msg=m k=\(expected)")
  }

  @Test func everyKindOfValueHasItsForm() {
    #expect(
      rest(
        line {
          $0.error(
            "m", ("b", true), ("f", 1.5), ("n", .null), ("d", .duration(.seconds(86_400))), ("big", .int(UInt64.max)),
            ("we ird=\"", 1), ("=", 2), error: Sad())
        })
        == "level=error msg=m b=true f=1.5 n=null d=24h0m0s big=1.8446744073709552e+19 weird=1 err=\"could not\"")
  }

  @Test func jsonKeysAreSorted() {
    let written = line(.json) {
      $0.with(("z", 1), ("a", "<&>\u{2028}\"\\\u{7}")).warn(
        "m\n", ("nan", .number(.nan)), ("d", .duration(.milliseconds(1))), ("n", .null), ("z", 2))
    }
    let head = #"{"a":"<&>\u2028\"\\\u0007","caller":"LoggerTests.swift:"#
    #expect(written.hasPrefix(head))
    #expect(
      written.hasSuffix(
        #"","d":"1ms","level":"warn","msg":"m\n","n":null,"nan":"NaN","ts":"2026-11-22T15:24:36.18821116Z","z":2}"#))
  }

  @Test func eventsBelowTheLevelAreLeftOut() {
    let sink = MemorySink()
    let logger = logger(sink, level: .warn)
    logger.debug("a")
    logger.info("b")
    logger.warn("c")
    logger.log(.info, "d")
    logger.log(.error, "e")
    #expect(sink.lines.map { rest($0) } == ["level=warn msg=c", "level=error msg=e"])
    #expect(logger.isEnabled(.warn) && !logger.isEnabled(.info))
    #expect(LogLevel(name: "warn") == .warn && LogLevel(name: "WARN") == nil)
  }

  @Test(arguments: [
    (0, "0s"), (1, "1ns"), (-1500, "-1.5µs"), (2_000_000, "2ms"), (1_000_000_000, "1s"), (61_500_000_000, "1m1.5s"),
    (3_600_000_000_000, "1h0m0s"), (86_399_000_000_001, "23h59m59.000000001s"),
    (Int64.min, "-2562047h47m16.854775808s"),
  ]) func durationsAreWrittenAsGoDoes(_ ns: Int64, _ expected: String) {
    #expect(DurationText.go(ns: ns) == expected)
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
    (951_782_400_000_000_000, "2000-02-29T00:00:00Z"), (1_709_251_199_120_000_000, "2024-02-29T23:59:59.12Z"),
    (Int64.max, "2262-04-11T23:47:16.854775807Z"), (Int64.min, "1677-09-21T00:12:43.145224192Z"),
  ]) func instantsAreRFC3339(_ ns: Int64, _ expected: String) {
    #expect(TimestampText.rfc3339Nano(unixNs: ns) == expected)
  }

  @Test func anyFieldStaysOnOneLine() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = String(decoding: bytes, as: UTF8.self)
      for format in [LogFormat.logfmt, .json] {
        let written = line(format) { $0.info(text, (text, .string(text))) }
        #expect(!written.utf8.contains { $0 < 0x20 })
      }
    }
  }
}
