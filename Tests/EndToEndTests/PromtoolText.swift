// What `promtool tsdb dump` prints of a block, made from a dump of ours, so that the two can be compared line by line.
import Foundation
import TestSupport

/// The lines that promtool 3.5 would print of the series in a JSON Lines dump: `{a="b", …} value ms`.
///
/// Of a histogram only count and sum are kept (`{count:14, sum:2, …`): how bounds of buckets are written is not the matter
/// here. promtool reads a series by three loops after each other, floats, float histograms, integer histograms, and the
/// sample that ends a loop is lost: the first two samples of an integer histogram series never appear. The same is done here.
func promtoolLines(ofDump lines: [String]) throws -> [String] {
  var out: [String] = []
  for line in lines {
    guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
      let labels = object["labels"] as? [String: String], let samples = object["samples"] as? [[Any]]
    else { throw TestSupportError("not a line of a dump: \(line.prefix(200))") }
    let name =
      "{"
      + labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { "\(labelName($0.key))=\(goQuoted($0.value))" }.joined(separator: ", ") + "}"
    var rest = samples[...]
    for wanted in [SampleKind.float, .floatHistogram, .histogram] {
      while let sample = rest.popFirst() {
        guard kind(of: sample[1]) == wanted else { break }
        out.append("\(name) \(valueText(sample[1])) \(sample[0])")
      }
    }
  }
  return out
}

/// The lines that promtool printed, with what follows a histogram's sum taken out.
func shortened(promtoolOutput text: String) -> [String] {
  text.split(separator: "\n").map { line in
    guard let start = line.range(of: "} {count:"),
      let sum = line.range(of: "sum:", range: start.upperBound..<line.endIndex),
      let end = line[sum.upperBound...].firstIndex(where: { $0 == "," || $0 == "}" }),
      let time = line.lastIndex(of: " ")
    else { return String(line) }
    return String(line[..<end] + line[time...])
  }
}

private enum SampleKind { case float, histogram, floatHistogram }

private func kind(of value: Any) -> SampleKind {
  guard let fields = value as? [String: Any] else { return .float }
  return fields["kind"] as? String == "float" ? .floatHistogram : .histogram
}

private func valueText(_ value: Any) -> String {
  guard let fields = value as? [String: Any] else { return withoutNaNBits("\(value)") }
  let count = fields["count"].map { "\($0)" } ?? ""
  let sum = fields["sum"].map { withoutNaNBits("\($0)") } ?? ""
  return "{count:\(count), sum:\(sum)"
}

/// A dump has a NaN's bits; promtool prints the word.
private func withoutNaNBits(_ text: String) -> String { text.hasPrefix("0x") ? "NaN" : text }

/// A label name, quoted where it is not one of the classic form.
private func labelName(_ name: String) -> String {
  let isClassic = name.utf8.enumerated().allSatisfy { index, byte in
    let isLetter = byte == UInt8(ascii: "_") || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    return isLetter || index > 0 && byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }
  return isClassic ? name : goQuoted(name)
}

/// A label value as Go's strconv.Quote writes it, for the characters that occur here.
private func goQuoted(_ value: String) -> String {
  var out = "\""
  for scalar in value.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\t": out += "\\t"
    case "\r": out += "\\r"
    default:
      switch scalar.properties.generalCategory {
      case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned,
        .surrogate:
        if scalar == " " { fallthrough }
        let hex = String(scalar.value, radix: 16)
        let (prefix, width) = scalar.value < 0x80 ? ("\\x", 2) : scalar.value < 0x1_0000 ? ("\\u", 4) : ("\\U", 8)
        out += prefix + String(repeating: "0", count: max(0, width - hex.count)) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
  }
  return out + "\""
}
