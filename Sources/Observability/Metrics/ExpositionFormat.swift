// The forms in which a scraper reads metrics, and which of them it asks for.

/// A form of the answer to a scrape.
public struct ExpositionFormat: Sendable, Equatable {
  enum Kind: Sendable, Equatable { case text, openMetrics, protobuf }

  let kind: Kind
  let version: String
  let escaping: String

  /// Prometheus' text, version 0.0.4.
  public static let prometheusText = ExpositionFormat(kind: .text, version: "0.0.4", escaping: "underscores")
  /// OpenMetrics' text, version 1.0.0.
  public static let openMetrics = ExpositionFormat(kind: .openMetrics, version: "1.0.0", escaping: "underscores")
  /// Messages `io.prometheus.client.MetricFamily` behind their lengths: the one form that shows native histograms.
  public static let protobuf = ExpositionFormat(kind: .protobuf, version: "", escaping: "underscores")

  /// The answer's content-type.
  public var contentType: String {
    switch kind {
    case .text: "text/plain; version=\(version); charset=utf-8; escaping=\(escaping)"
    case .openMetrics: "application/openmetrics-text; version=\(version); charset=utf-8; escaping=\(escaping)"
    case .protobuf:
      """
      application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=\(escaping)
      """
    }
  }

  /// The form that a request's Accept field asks for: of those that can be served the one with the highest `q`, of
  /// equal ones the first. Without any of them, and where nothing is asked for, it is Prometheus' text.
  ///
  /// All names here are plain ASCII, so that every way of escaping names leaves them as they are: the one asked for is
  /// named in the answer.
  public static func negotiate(accept: String?) -> ExpositionFormat {
    guard let accept else { return .prometheusText }
    let ranges = MediaRange.parse(accept)
    var escaping = "underscores"
    for range in ranges {
      if let asked = range.parameters["escaping"],
        ["allow-utf-8", "underscores", "dots", "values"].contains(asked)
      {
        escaping = asked
      }
      if let format = range.format(escaping: escaping) { return format }
    }
    return ExpositionFormat(kind: .text, version: "0.0.4", escaping: escaping)
  }

  /// The metrics in this form.
  public func encode(_ families: [MetricFamilySnapshot]) -> [UInt8] {
    switch kind {
    case .text: MetricsText.encode(families, isOpenMetrics: false)
    case .openMetrics: MetricsText.encode(families, isOpenMetrics: true)
    case .protobuf: MetricsProtobuf.encode(families)
    }
  }
}

/// One entry of an Accept field.
struct MediaRange {
  var type: String
  var parameters: [String: String]
  var quality: Double

  /// The entries that are acceptable at all, those with the highest quality first, equal ones in their order. At most
  /// 32 entries are read.
  static func parse(_ accept: String) -> [MediaRange] {
    var ranges: [MediaRange] = []
    for entry in accept.split(separator: ",", maxSplits: 32).prefix(32) {
      let parts = entry.split(separator: ";").map(trimmed)
      guard let type = parts.first, !type.isEmpty else { continue }
      var range = MediaRange(type: type.lowercased(), parameters: [:], quality: 1)
      for part in parts.dropFirst() {
        guard let equals = part.firstIndex(of: "=") else { continue }
        let name = trimmed(part[..<equals]).lowercased()
        let value = trimmed(part[part.index(after: equals)...])
        if name == "q" {
          range.quality = Double(value).map { $0.isNaN ? 0 : $0 } ?? 0
        } else {
          range.parameters[name] =
            value.hasPrefix("\"") && value.hasSuffix("\"") && value.count > 1
            ? String(value.dropFirst().dropLast()) : value
        }
      }
      if range.quality > 0 { ranges.append(range) }
    }
    // Equal qualities keep their order: sorting is not promised to be stable.
    return ranges.enumerated().sorted {
      ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset)
    }.map(\.element)
  }

  func format(escaping: String) -> ExpositionFormat? {
    let version = parameters["version"] ?? ""
    switch type {
    case "application/vnd.google.protobuf":
      guard parameters["proto"] == "io.prometheus.client.MetricFamily", parameters["encoding"] == "delimited" else {
        return nil
      }
      return ExpositionFormat(kind: .protobuf, version: "", escaping: escaping)
    case "text/plain":
      guard ["", "0.0.4", "1.0.0"].contains(version) else { return nil }
      return ExpositionFormat(kind: .text, version: version == "1.0.0" ? version : "0.0.4", escaping: escaping)
    case "application/openmetrics-text":
      guard ["", "0.0.1", "1.0.0"].contains(version) else { return nil }
      return ExpositionFormat(
        kind: .openMetrics, version: version == "1.0.0" ? version : "0.0.1", escaping: escaping)
    default:
      return nil
    }
  }
}

func trimmed(_ text: some StringProtocol) -> String {
  let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
  var bytes = Substring(text).utf8
  while let first = bytes.first, isBlank(first) { bytes = bytes.dropFirst() }
  while let last = bytes.last, isBlank(last) { bytes = bytes.dropLast() }
  return String(Substring(bytes))
}
