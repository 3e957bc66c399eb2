import TestSupport
import Testing

@testable import Tools

/// What a line says, as text: labels, time and value; `metadata`; `end`; or the refusal.
private func say(_ line: String, _ parser: inout OpenMetricsParser) -> String {
  say(Array(line.utf8), &parser)
}

private func say(_ line: [UInt8], _ parser: inout OpenMetricsParser) -> String {
  do {
    switch try parser.parse(line.span) {
    case .metadata: return "metadata"
    case .end: return "end"
    case .sample(let timestampMs, let value):
      let parts = parser.key.split(separator: 0xFF, omittingEmptySubsequences: false).dropLast()
        .map { String(decoding: $0, as: UTF8.self) }
      return "\(parts.joined(separator: "|")) \(timestampMs) \(value)"
    }
  } catch { return "! \(error.message)" }
}

private func say(_ line: String) -> String {
  var parser = OpenMetricsParser()
  return say(line, &parser)
}

@Test(
  arguments: [
    ("up 1 1.5", "__name__|up 1500 1.0"), ("up{} 1 2", "__name__|up 2000 1.0"),
    (#"a{z="1",b="2"} -1.5e3 1748742615.039"#, "__name__|a|b|2|z|1 1748742615039 -1500.0"),
    (#"{"my.metric","my label"="x"} 1 2"#, "__name__|my.metric|my label|x 2000 1.0"),
    (#"a{b="q\"\\\n\t"} 1 2"#, "__name__|a|b|q\"\\\n\\t 2000 1.0"), (#"a{b="",c="1",} 1 2"#, "__name__|a|c|1 2000 1.0"),
    ("a:b NaN -1", "__name__|a:b -1000 nan(0x1)"), ("a +Inf 1e3", "__name__|a 1000000 inf"),
    ("a -inf 0.0019", "__name__|a 1 -inf"),
    (#"a 1 2 # {trace="x"} 3 4"#, "__name__|a 2000 1.0"), (#"a 1 2 # {} 3"#, "__name__|a 2000 1.0"), ("# EOF", "end"),
    ("# TYPE a counter", "metadata"), ("# HELP a some text", "metadata"), ("# HELP a", "metadata"),
    ("# UNIT a_seconds seconds", "metadata"),
    (#"{no_name="true"} 7 1"#, "no_name|true 1000 7.0"), (#"温度 1 2"#, "! expected a metric name or { at column 1"),
    ("a 1", "! a timestamp is missing: every sample of a block needs one"),
    (#"a 1 # {} 3"#, "! a timestamp is missing: every sample of a block needs one"),
    ("a", "! expected a blank and a value at column 2"),
    ("a  1 2", "! expected a blank and a value at column 2"), ("", "! empty line"),
    ("a 0x1 2", "! invalid value \"0x1\""),
    ("a 1 x", "! invalid timestamp \"x\""), ("a 1 NaN", "! invalid timestamp \"NaN\""),
    ("a 1 1e300", "! invalid timestamp \"1e300\""),
    ("a 1 2 3", "! unexpected text at column 6"), (#"a{b="1",b="2"} 1 2"#, "! label \"b\" occurs twice"),
    (#"a{b="1" 1 2"#, "! expected , or } at column 8"),
    (#"a{b="1"#, "! a text in quotes that begins at column 5 does not end"),
    (#"a{b=1} 1 2"#, "! expected a label value in quotes at column 5"),
    (#"a{1="x"} 1 2"#, "! expected a label name at column 3"),
    ("{} 1 2", "! a sample without a name and without labels"), ("# TYPE a thing", "! invalid metric type \"thing\""),
    ("# a remark", "! expected # TYPE, # HELP, # UNIT or # EOF"),
    ("# UNIT a seconds", "! the unit is not the end of the metric's name"),
    ("# EOF ", "! expected # TYPE, # HELP, # UNIT or # EOF"),
  ])
func lines(line: String, wanted: String) {
  #expect(say(line) == wanted)
}

@Test func theSameSeriesIsSeenAsTheSame() {
  var parser = OpenMetricsParser()
  _ = say(#"a{b="1"} 1 1"#, &parser)
  #expect(!parser.isSameSeries)
  #expect(say(#"a{b="1"} 2 2"#, &parser) == "__name__|a|b|1 2000 2.0")
  #expect(parser.isSameSeries)
  #expect(say(#"a{b="1",c="2"} 2 3"#, &parser) == "__name__|a|b|1|c|2 3000 2.0")
  #expect(!parser.isSameSeries)
  #expect(say("a 1 1", &parser) == "__name__|a 1000 1.0")
  #expect(say("ab 1 1", &parser) == "__name__|ab 1000 1.0")
}

@Test func noTruncationAndNoFlippedByteTraps() {
  let line = Array(
    ##"http_requests_total{code="2\n\"0",le="+Inf",π="x"} 1.25e-3 1748742615.039 # {trace_id="abc"} 0.5 1"##.utf8)
  var random = SplitMix64(seed: 3)
  for length in 0...line.count {
    var parser = OpenMetricsParser()
    _ = say(Array(line[..<length]), &parser)
    for _ in 0..<40 {
      var broken = Array(line[..<length])
      for _ in 0..<Int(random.next() % 4) where !broken.isEmpty {
        broken[Int(random.next() % UInt64(broken.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      _ = say(broken, &parser)
    }
  }
}

@Test func numbersReadAsTheLibraryReadsThem() {
  var random = SplitMix64(seed: 11)
  for round in 0..<50_000 {
    var value = Double(bitPattern: random.next())
    if round % 2 == 0 { value = Double(Int64(truncatingIfNeeded: random.next()) >> 24) / 1e6 }
    if !value.isFinite { continue }
    let bytes = Array("\(value)".utf8)
    #expect(double(of: bytes.span)?.bitPattern == value.bitPattern)
  }
  for text in ["1e", "", "-", ".", "1e+", "0x10", "1_0", "infi", "1 ", " 1", "--1", "+-1"] {
    #expect(double(of: Array(text.utf8).span) == nil)
  }
  #expect(double(of: Array(".5".utf8).span) == 0.5)
  #expect(double(of: Array("5.".utf8).span) == 5)
  #expect(double(of: Array("1e400".utf8).span) == .infinity)
  #expect(integer(of: Array("-9223372036854775808".utf8).span) == .min)
  #expect(integer(of: Array("9223372036854775808".utf8).span) == nil)
}

@Test func linesOfAFileComeOneByOne() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/lines"
  let long = String(repeating: "x", count: 700_000)
  try writeFile(path, Array("one\n\n\(long)\nlast".utf8))
  var reader = try LineReader(path: path)
  var lengths: [Int] = []
  var offsets: [Int64] = []
  while let range = try reader.next() {
    lengths.append(reader.bytes(range).count)
    offsets.append(reader.lineOffset)
  }
  #expect(lengths == [3, 0, 700_000, 4])
  #expect(offsets == [0, 4, 5, 700_006])
  #expect(reader.lineNumber == 4 && !reader.lineIsComplete)
  #expect(throws: (any Error).self) { _ = try LineReader(path: folder.path + "/none") }
}
