// Names of series, times and values as people read them on a terminal.
internal import Observability

/// `text` with what would move a terminal's cursor, or turn text around, escaped.
func printable(_ text: String) -> String { escaped(text, quotes: false) }

/// `text` in quotes, with the escapes of PromQL's strings.
private func quoted(_ text: String) -> String { "\"\(escaped(text, quotes: true))\"" }

private func escaped(_ text: String, quotes: Bool) -> String {
  var out = String.UnicodeScalarView()
  func hexadecimal(_ value: UInt32, _ width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"" where quotes: out.append(contentsOf: "\\\"".unicodeScalars)
    case "\\" where quotes: out.append(contentsOf: "\\\\".unicodeScalars)
    case "\n": out.append(contentsOf: "\\n".unicodeScalars)
    case "\t": out.append(contentsOf: "\\t".unicodeScalars)
    case "\r": out.append(contentsOf: "\\r".unicodeScalars)
    case "\0"..."\u{1F}", "\u{7F}": out.append(contentsOf: "\\x\(hexadecimal(scalar.value, 2))".unicodeScalars)
    case "\u{80}"..."\u{9F}", "\u{200E}", "\u{200F}", "\u{2028}"..."\u{202E}", "\u{2066}"..."\u{2069}":
      out.append(contentsOf: "\\u\(hexadecimal(scalar.value, 4))".unicodeScalars)
    default: out.append(scalar)
    }
  }
  return String(out)
}

extension QueryAnswer.Series {
  /// `up{instance="a",job="b"}`, `{"metric.name","label.name"="value"}`: as a query would have it.
  var name: String {
    var (metric, inside) = ("", [String]())
    for (name, value) in labels {
      if name == "__name__" {
        if Self.isPlain(value, colons: true) { metric = value } else { inside.insert(quoted(value), at: 0) }
      } else {
        inside.append((Self.isPlain(name, colons: false) ? name : quoted(name)) + "=" + quoted(value))
      }
    }
    if !metric.isEmpty, inside.isEmpty { return metric }
    return "\(metric){\(inside.joined(separator: ","))}"
  }

  private static func isPlain(_ name: String, colons: Bool) -> Bool {
    guard let first = name.utf8.first, first < 0x30 || first > 0x39 else { return false }
    return name.utf8.allSatisfy { byte in
      byte == 0x5F || byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A
        || colons && byte == 0x3A
    }
  }
}

/// `2025-06-01T00:00:00Z`, `2025-06-01T00:00:00.5Z`; beyond the year 2262, and before 1677, seconds since the Unix epoch.
func timeText(ms: Int64) -> String {
  let (ns, overflow) = ms.multipliedReportingOverflow(by: 1_000_000)
  return overflow ? secondsText(ms: ms) : TimestampText.rfc3339Nano(unixNs: ns)
}

/// Milliseconds as decimal seconds: `1748736000`, `-1.5`.
func secondsText(ms: Int64) -> String {
  let (whole, rest) = ms.magnitude.quotientAndRemainder(dividingBy: 1000)
  var text = (ms < 0 ? "-" : "") + String(whole)
  if rest > 0 {
    text += "." + String(1000 + rest).dropFirst()
    while text.hasSuffix("0") { text.removeLast() }
  }
  return text
}
