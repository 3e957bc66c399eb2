// Names of OpenTelemetry's metrics, units and attributes as Prometheus 3.14 has them. The rules are those of
// prometheus/otlptranslator 1.0.0, told by its tests.
internal import CTSDB
public import TSModel

/// How names become Prometheus' names.
public struct OTLPNames: Sendable {
  /// Which of the four strategies of Prometheus' `otlp.translation_strategy`.
  public enum Strategy: String, CaseIterable, Sendable {
    /// Characters outside `[a-zA-Z0-9_:]` become underscores; units and `_total` are appended. The default.
    case underscoreEscapingWithSuffixes = "UnderscoreEscapingWithSuffixes"
    /// The same, nothing is appended.
    case underscoreEscapingWithoutSuffixes = "UnderscoreEscapingWithoutSuffixes"
    /// Any UTF-8 stays; units and `_total` are appended.
    case noUTF8EscapingWithSuffixes = "NoUTF8EscapingWithSuffixes"
    /// Names stay as they are.
    case noTranslation = "NoTranslation"

    /// Whether characters are replaced.
    public var escapes: Bool { self == .underscoreEscapingWithSuffixes || self == .underscoreEscapingWithoutSuffixes }
    /// Whether units and kinds are appended.
    public var addsSuffixes: Bool { self == .underscoreEscapingWithSuffixes || self == .noUTF8EscapingWithSuffixes }
  }

  /// What a metric is, as far as its name depends on it.
  public enum Kind: Sendable {
    case gauge, monotonicCounter, other
  }

  /// The strategy.
  public var strategy: Strategy
  /// Whether labels that begin with one underscore get `key` before it.
  public var prefixesUnderscores: Bool
  /// Whether several underscores in a row stay several.
  public var keepsUnderscores: Bool

  /// Names by Prometheus' defaults, but for what is given.
  public init(
    strategy: Strategy = .underscoreEscapingWithSuffixes, prefixesUnderscores: Bool = true,
    keepsUnderscores: Bool = true
  ) {
    self.strategy = strategy
    self.prefixesUnderscores = prefixesUnderscores
    self.keepsUnderscores = keepsUnderscores
  }

  private static let units = [
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes", "m": "meters",
    "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz", "1": "",
    "%": "percent",
  ]
  private static let unitsPer = [
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
  ]

  // MARK: Characters

  private static func isMetricCharacter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", ":": true
    default: false
    }
  }

  private static func beginsWithDigit(_ text: String) -> Bool {
    text.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? false
  }

  private static func isOnlyUnderscores(_ text: String) -> Bool { text.utf8.allSatisfy { $0 == 0x5F } }

  /// The runs of scalars that `keeps` takes.
  private static func runs(_ text: String, _ keeps: (Unicode.Scalar) -> Bool) -> [String] {
    text.unicodeScalars.split { !keeps($0) }.map { String(String.UnicodeScalarView($0)) }
  }

  /// Several underscores in a row become one.
  private static func collapsed(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars where scalar != "_" || result.last != "_" { result.append(scalar) }
    return String(result)
  }

  /// A unit in characters of label names.
  private static func cleaned(_ unit: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in unit.unicodeScalars { scalars.append(isMetricCharacter(scalar) ? scalar : "_") }
    let text = collapsed(String(scalars))
    return text.hasPrefix("_") ? String(text.dropFirst()) : text
  }

  // MARK: Units

  /// The words for a unit such as `By/s`: `bytes` and `per_second`. Units in braces are comments.
  private static func words(ofUnit unit: String) -> (main: String, per: String) {
    let parts = unit.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map { trimmed(String($0)) }
    func word(_ part: String, _ table: [String: String]) -> String {
      part.utf8.contains { $0 == 0x7B || $0 == 0x7D } ? "" : table[part] ?? part
    }
    let main = parts.first.map { word($0, units) } ?? ""
    let per = parts.count > 1 ? word(parts[1], unitsPer) : ""
    return (main, per.isEmpty ? "" : "per_" + per)
  }

  private static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
      let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
  }

  /// The unit of metadata and of the label `__unit__`.
  public func unit(_ unit: String, escapes: Bool) -> String {
    var (main, per) = Self.words(ofUnit: unit)
    if escapes { (main, per) = (Self.cleaned(main), Self.cleaned(per)) }
    var text = main.isEmpty ? per : per.isEmpty ? main : main + "_" + per
    if text.utf8.first == 0x5F { text.removeFirst() }
    if text.utf8.last == 0x5F { text.removeLast() }
    return text
  }

  // MARK: Metrics

  /// The name of a metric family. Throws where nothing is left of it.
  public func metric(_ name: String, unit: String, kind: Kind) throws(ModelError) -> String {
    guard strategy.escapes else { return strategy.addsSuffixes ? suffixed(name, unit: unit, kind: kind) : name }
    var result: String
    if strategy.addsSuffixes {
      result = tokens(name, unit: unit, kind: kind).joined(separator: "_")
    } else {
      result = Self.runs(name) { Self.isMetricCharacter($0) || $0 == "_" }.joined(separator: "_")
    }
    if Self.beginsWithDigit(result) { result = "_" + result }
    guard !result.isEmpty else {
      throw ModelError(.argument, "normalization for metric \(goQuoted(name)) resulted in empty name")
    }
    guard result.utf8.elementsEqual(name.utf8) || !Self.isOnlyUnderscores(result) else {
      throw ModelError(
        .argument, "normalization for metric \(goQuoted(name)) resulted in invalid name \(goQuoted(result))")
    }
    return result
  }

  /// The words of a name with those for unit and kind, each once, these at the end.
  private func tokens(_ name: String, unit: String, kind: Kind) -> [String] {
    var tokens = Self.runs(name, Self.isMetricCharacter)
    let words = Self.words(ofUnit: unit)
    var (main, per) = (Self.cleaned(words.main), Self.cleaned(words.per))
    if tokens.contains(main) { main = "" }
    if per == "per_" {
      per = ""
    } else {
      if per.hasSuffix("_") { per.removeLast() }
      if tokens.contains(per) { per = "" }
    }
    if !per.isEmpty, main.hasSuffix("_") { main.removeLast() }
    tokens += [main, per].filter { !$0.isEmpty }
    let suffix = kind == .monotonicCounter ? "total" : unit == "1" && kind == .gauge ? "ratio" : nil
    if let suffix { tokens = tokens.filter { $0 != suffix } + [suffix] }
    return tokens
  }

  /// A name that stays as it is, with the words for unit and kind at its end.
  private func suffixed(_ name: String, unit: String, kind: Kind) -> String {
    func without(_ suffix: String, _ text: String) -> String {
      // What stands before it is taken for a delimiter.
      text.hasSuffix(suffix) && text.utf8.count > suffix.utf8.count + 1
        ? String(decoding: text.utf8.dropLast(suffix.utf8.count + 1), as: UTF8.self) : text
    }
    var (text, ends) = (name, [String]())
    if unit == "1", kind == .gauge {
      text = without("ratio", text)
      ends.append("ratio")
    }
    if kind == .monotonicCounter {
      text = without("total", text)
      ends.append("total")
    }
    let (main, per) = Self.words(ofUnit: unit)
    if !per.isEmpty {
      text = without(per, text)
      ends.append(per)
    }
    if !main.isEmpty, !text.hasSuffix(main) { text += "_" + main }
    return ends.reversed().reduce(text) { $0 + "_" + $1 }
  }

  // MARK: Labels

  /// The name of a label. Throws for an empty one, and where only underscores are left.
  public func label(_ name: String) throws(ModelError) -> String {
    guard !name.isEmpty else { throw ModelError(.argument, "label name is empty") }
    guard strategy.escapes else {
      guard !Self.isOnlyUnderscores(name) else {
        throw ModelError(.argument, "label name \(goQuoted(name)) contains only underscores")
      }
      return name
    }
    let key = Array(name.utf8)
    var (size, status) = (0, TSDB_OK)
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: tsdb_otlp_label_name_bound(key.count)) { bytes, written in
      unsafe key.withUnsafeBufferPointer { key in
        let view = unsafe tsdb_bytes_view(bytes: key.baseAddress, size: key.count)
        unsafe status = tsdb_otlp_label_name(naming, view, bytes.baseAddress, bytes.count, &size)
      }
      written = size
    }
    let result = String(decoding: bytes, as: UTF8.self)
    guard status == TSDB_OK else {
      throw ModelError(
        .argument, "normalization for label name \(goQuoted(name)) resulted in invalid name \(goQuoted(result))")
    }
    return result
  }

  /// How the C core makes names of labels.
  var naming: UInt32 {
    (strategy.escapes ? TSDB_OTLP_ESCAPES.rawValue : 0)
      | (prefixesUnderscores ? TSDB_OTLP_PREFIXES_UNDERSCORES.rawValue : 0)
      | (keepsUnderscores ? TSDB_OTLP_KEEPS_UNDERSCORES.rawValue : 0)
  }
}

/// Text in quotes, as Go's `%q` has plain text; other characters stay.
func goQuoted(_ text: String) -> String {
  "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
}
