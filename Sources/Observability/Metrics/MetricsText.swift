// Metrics as text: Prometheus' 0.0.4 and OpenMetrics' 1.0.0, which differ in the names of counters, the form of
// numbers, the escapes of help, and the end.

enum MetricsText {
  static func encode(_ families: [MetricFamilySnapshot], isOpenMetrics: Bool) -> [UInt8] {
    var writer = Writer(isOpenMetrics: isOpenMetrics)
    for family in families { writer.write(family) }
    if isOpenMetrics { writer.append("# EOF\n") }
    return writer.bytes
  }

  private struct Writer {
    var bytes: [UInt8] = []
    let isOpenMetrics: Bool

    init(isOpenMetrics: Bool) {
      self.isOpenMetrics = isOpenMetrics
      bytes.reserveCapacity(16_384)
    }

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func write(_ family: MetricFamilySnapshot) {
      // OpenMetrics names a family of counters without the suffix that its samples have; what lacks the suffix is no
      // counter.
      let hasSuffix = family.name.hasSuffix("_total")
      let isCounter = family.kind == .counter
      let familyName = isOpenMetrics && isCounter && hasSuffix ? String(family.name.dropLast(6)) : family.name
      append("# HELP \(familyName) ")
      appendEscaped(family.help, quotes: isOpenMetrics)
      append("\n# TYPE \(familyName) ")
      append(isOpenMetrics && isCounter && !hasSuffix ? "unknown" : family.kind.rawValue)
      append("\n")
      for metric in family.metrics {
        switch metric.value {
        case .number(let number):
          writeLine(family.name, "", metric.labels, nil, text(number))
        case .histogram(let histogram):
          for bucket in histogram.buckets {
            writeLine(
              family.name, "_bucket", metric.labels, ("le", text(bucket.upperBound)), "\(bucket.cumulativeCount)")
          }
          writeLine(family.name, "_bucket", metric.labels, ("le", "+Inf"), "\(histogram.count)")
          writeLine(family.name, "_sum", metric.labels, nil, text(histogram.sum))
          writeLine(family.name, "_count", metric.labels, nil, "\(histogram.count)")
        case .summary(let count, let sum, let quantiles):
          for quantile in quantiles {
            writeLine(
              family.name, "", metric.labels, ("quantile", text(quantile.quantile)), text(quantile.value))
          }
          writeLine(family.name, "_sum", metric.labels, nil, text(sum))
          writeLine(family.name, "_count", metric.labels, nil, "\(count)")
        }
      }
    }

    private mutating func writeLine(
      _ name: String, _ suffix: String, _ labels: [MetricLabel], _ extra: (name: String, value: String)?,
      _ value: String
    ) {
      append(name)
      append(suffix)
      if !labels.isEmpty || extra != nil {
        var separator = "{"
        for label in labels {
          append("\(separator)\(label.name)=\"")
          appendEscaped(label.value, quotes: true)
          append("\"")
          separator = ","
        }
        if let extra { append("\(separator)\(extra.name)=\"\(extra.value)\"") }
        append("}")
      }
      append(" ")
      append(value)
      append("\n")
    }

    private mutating func appendEscaped(_ text: String, quotes: Bool) {
      for byte in text.utf8 {
        switch byte {
        case 0x5C: append("\\\\")
        case 0x0A: append("\\n")
        case 0x22 where quotes: append("\\\"")
        default: bytes.append(byte)
        }
      }
    }

    private func text(_ number: Double) -> String {
      let text = shortestText(number)
      guard isOpenMetrics, number.isFinite, !text.utf8.contains(where: { $0 == 0x2E || $0 == 0x65 }) else {
        return text
      }
      return text + ".0"
    }
  }
}

/// The shortest text that reads back as `number`, laid out as Go's strconv does with format `g`: with an exponent below
/// 10⁻⁴ and from 10⁶, of at least two digits.
func shortestText(_ number: Double) -> String {
  if number.isNaN { return "NaN" }
  if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
  if number == 0 { return number.sign == .minus ? "-0" : "0" }
  // Swift's text has the same digits; only the form differs: "1e-05", "123.45", "1e+16".
  var digits: [UInt8] = []
  var pointAt: Int?
  var exponent = 0
  var text = Substring(number.description)
  let isNegative = text.hasPrefix("-")
  if isNegative { text = text.dropFirst() }
  if let e = text.firstIndex(of: "e") {
    exponent = Int(text[text.index(after: e)...]) ?? 0
    text = text[..<e]
  }
  for byte in text.utf8 {
    if byte == 0x2E { pointAt = digits.count } else { digits.append(byte) }
  }
  // The number is 0.digits × 10^decimalPoint.
  var decimalPoint = (pointAt ?? digits.count) + exponent
  let leadingZeros = digits.prefix { $0 == 0x30 }.count
  digits.removeFirst(leadingZeros)
  decimalPoint -= leadingZeros
  while digits.last == 0x30 { digits.removeLast() }

  var out = isNegative ? "-" : ""
  let digitText = String(decoding: digits, as: UTF8.self)
  let power = decimalPoint - 1
  if power < -4 || power >= 6 {
    out += digitText.prefix(1)
    if digits.count > 1 { out += "." + digitText.dropFirst() }
    let size = power < 0 ? -power : power
    out += (power < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + "\(size)"
  } else if decimalPoint <= 0 {
    out += "0." + String(repeating: "0", count: -decimalPoint) + digitText
  } else if digits.count <= decimalPoint {
    out += digitText + String(repeating: "0", count: decimalPoint - digits.count)
  } else {
    out += digitText.prefix(decimalPoint) + "." + digitText.dropFirst(decimalPoint)
  }
  return out
}
