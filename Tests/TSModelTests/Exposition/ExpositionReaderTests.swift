// What the reader says of lines, in the words that people see.
import Foundation
import TSModel
import TestSupport
import Testing

/// What a text's lines say: labels, time and value of each sample, metadata, and the refusal, if there is one.
func said(
  _ text: [UInt8], _ format: ExpositionReader.Format = .openMetrics,
  options: ExpositionReader.Options = [.requiresTimestamps, .allowsNameless]
) -> [String] {
  var reader = ExpositionReader(format, options: options)
  var lines: [String] = []
  func take(_ reader: borrowing ExpositionReader) {
    for metadata in reader.metadata(of: text.span) {
      lines.append("\(metadata.kind) \(metadata.name) \(metadata.text)")
    }
    for sample in 0..<reader.sampleCount {
      let labels = reader.labels(at: Int(reader.series[sample]))
      let parts = labels.flatMap { [$0.name, $0.value] }.joined(separator: "|")
      let time = reader.flags(at: sample).contains(.hasTimestamp) ? "\(reader.timestampsMs[sample])" : "-"
      lines.append("\(parts) \(time) \(reader.values[sample])")
    }
  }
  var at = 0
  while at < text.count {
    do {
      at = try reader.read(text.span, from: at)
    } catch {
      take(reader)
      lines.append("! \(error.message)")
      return lines
    }
    take(reader)
  }
  if reader.hasEnd { lines.append("end") }
  return lines
}

private func said(_ line: String) -> String { said(Array((line + "\n").utf8)).joined(separator: "; ") }

@Test(
  arguments: [
    ("up 1 1.5", "__name__|up 1500 1.0"), ("up{} 1 2", "__name__|up 2000 1.0"),
    (#"a{z="1",b="2"} -1.5e3 1748742615.039"#, "__name__|a|b|2|z|1 1748742615039 -1500.0"),
    (#"{"my.metric","my label"="x"} 1 2"#, "__name__|my.metric|my label|x 2000 1.0"),
    (#"a{b="q\"\\\n\t"} 1 2"#, "__name__|a|b|q\"\\\n\\t 2000 1.0"), (#"a{b="",c="1",} 1 2"#, "__name__|a|c|1 2000 1.0"),
    ("a:b NaN -1", "__name__|a:b -1000 nan(0x1)"), ("a +Inf 1e3", "__name__|a 1000000 inf"),
    ("a -inf 0.0019", "__name__|a 1 -inf"),
    (#"a 1 2 # {trace="x"} 3 4"#, "__name__|a 2000 1.0"), (#"a 1 2 # {} 3"#, "__name__|a 2000 1.0"), ("# EOF", "end"),
    ("# TYPE a counter", "type a counter"), ("# HELP a some text", "help a some text"), ("# HELP a", "help a "),
    ("# UNIT a_seconds seconds", "unit a_seconds seconds"),
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
  #expect(said(line) == wanted)
}

/// A type tells of the samples behind it which of their labels are numbers; it goes on in the next batch.
@Test func numbersOfHistogramsAndSummariesAreWrittenAnew() {
  func labels(_ lines: String...) -> [String] {
    said(Array((lines.joined(separator: "\n") + "\n").utf8), options: []).filter { !$0.hasPrefix("type") }
      .map { String($0.split(separator: " ")[0].dropFirst("__name__|".count)) }
  }
  #expect(
    labels(
      #"a{le="1"} 1"#, "# TYPE a histogram", #"a{le="1"} 1"#, #"a{le="1"} 2"#, #"a{le="1.50"} 1"#, #"a{le="-0"} 1"#,
      #"a{le="1000000"} 1"#, #"a{le="+inf"} 1"#, #"a{le="x"} 1"#, #"a{le="0x1"} 1"#, #"a{quantile="1"} 1"#)
      == ["a|le|1"] + ["1.0", "1.0", "1.5", "0.0", "1e+06", "+Inf", "x", "0x1"].map { "a|le|" + $0 }
      + ["a|quantile|1"])
  #expect(
    labels("# TYPE a summary", #"b{le="1",quantile="1"} 1"#, "# TYPE a gauge", #"b{le="1",quantile="1"} 1"#)
      == ["b|le|1|quantile|1.0", "b|le|1|quantile|1"])
}
