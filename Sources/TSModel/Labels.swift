// The identity of a series: names and values, sorted by name. Everything here compares bytes: Swift's own `==` and `<` of
// strings look at canonical equivalence, which would take two different series for one.

/// A set of labels, sorted by the bytes of their names. An empty value is the same as no label, so none is kept.
public struct Labels: Hashable, Comparable, Sendable {
  /// One name with its value.
  public struct Label: Hashable, Comparable, Sendable {
    /// What the label is called, never empty in a valid series.
    public let name: String
    /// What it says.
    public let value: String

    /// A label of this name and value.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }

    /// Whether name and value have the same bytes.
    public static func == (a: Label, b: Label) -> Bool {
      a.name.utf8.elementsEqual(b.name.utf8) && a.value.utf8.elementsEqual(b.value.utf8)
    }

    /// Feeds the bytes of name and value.
    public func hash(into hasher: inout Hasher) {
      hashBytes(of: name, into: &hasher)
      hashBytes(of: value, into: &hasher)
    }

    /// Order of the names' bytes, then of the values' bytes.
    public static func < (a: Label, b: Label) -> Bool {
      let order = compareBytes(a.name, b.name)
      return order != 0 ? order < 0 : compareBytes(a.value, b.value) < 0
    }
  }

  private let sorted: [Label]

  /// No labels.
  public init() { sorted = [] }

  /// The labels `pairs`, in any order. Those with an empty value are dropped; where a name occurs twice, the last one counts.
  public init(_ pairs: [(name: String, value: String)]) {
    var labels: [Label] = []
    labels.reserveCapacity(pairs.count)
    for pair in pairs { labels.append(Label(name: pair.name, value: pair.value)) }
    self.init(labels: labels)
  }

  /// See `init(_:)`. Cheap where `labels` are sorted already, as they are in an index.
  public init(labels: [Label]) {
    let isSorted = zip(labels, labels.dropFirst()).allSatisfy { compareBytes($0.name, $1.name) < 0 }
    if isSorted {
      sorted = labels.contains { $0.value.isEmpty } ? labels.filter { !$0.value.isEmpty } : labels
      return
    }
    var last: [Label] = []
    // Sorted by name and, within one name, by the place in `labels`: the last of equals wins.
    for (_, label) in labels.enumerated().sorted(by: { a, b in
      let order = compareBytes(a.element.name, b.element.name)
      return order != 0 ? order < 0 : a.offset < b.offset
    }) {
      if let previous = last.last, compareBytes(previous.name, label.name) == 0 { last.removeLast() }
      last.append(label)
    }
    sorted = last.filter { !$0.value.isEmpty }
  }

  /// The value of the label `name`, or nil where there is none.
  public subscript(name: String) -> String? {
    for label in sorted where label.name.utf8.elementsEqual(name.utf8) { return label.value }
    return nil
  }

  /// Prometheus' order of series: pair by pair the bytes of the names, then those of the values; then the number of labels.
  public static func < (a: Labels, b: Labels) -> Bool {
    for (left, right) in zip(a.sorted, b.sorted) {
      var order = compareBytes(left.name, right.name)
      if order == 0 { order = compareBytes(left.value, right.value) }
      if order != 0 { return order < 0 }
    }
    return a.sorted.count < b.sorted.count
  }
}

extension Labels: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { sorted.count }
  /// The label at `position`, in order of names.
  public subscript(position: Int) -> Label { sorted[position] }
}

extension Labels: ExpressibleByDictionaryLiteral {
  /// `["__name__": "up", "job": "api"]`; see `init(_:)`.
  public init(dictionaryLiteral elements: (String, String)...) {
    self.init(elements.map { (name: $0.0, value: $0.1) })
  }
}

extension Labels: CustomStringConvertible {
  /// As Prometheus prints a series: `up{job="api"}`; names that are not plain identifiers are quoted, a metric name of that
  /// kind goes inside the braces: `{"my.metric", "label.name"="x"}`.
  public var description: String {
    let metricName = self["__name__"]
    let nameIsPlain = metricName.map { isPlainMetricName($0) } ?? false
    var text = nameIsPlain ? metricName ?? "" : ""
    var parts: [String] = []
    if let metricName, !nameIsPlain { parts.append(quoted(metricName)) }
    for label in sorted where label.name != "__name__" {
      parts.append("\(isPlainLabelName(label.name) ? label.name : quoted(label.name))=\(quoted(label.value))")
    }
    if !parts.isEmpty || !nameIsPlain { text += "{\(parts.joined(separator: ", "))}" }
    return text
  }
}

/// Negative, zero or positive as the bytes of `a` sort before, with or after those of `b`.
func compareBytes(_ a: String, _ b: String) -> Int {
  var (left, right) = (a, b)
  return left.withUTF8 { left in
    right.withUTF8 { right in
      unsafe compareBytes(UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
    }
  }
}

/// Negative, zero or positive as the bytes `a` sort before, with or after `b`.
func compareBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
  let common = min(a.count, b.count)
  var index = 0
  while index < common {
    let (left, right) = unsafe (a[index], b[index])
    if left != right { return left < right ? -1 : 1 }
    index += 1
  }
  return a.count - b.count
}

/// Feeds the bytes of `text`, and their number so that neighbours stay apart.
func hashBytes(of text: String, into hasher: inout Hasher) {
  var copy = text
  copy.withUTF8 { bytes in
    hasher.combine(bytes.count)
    unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
  }
}

/// Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`.
func isPlainLabelName(_ name: String) -> Bool { isPlainName(name, colons: false) }

/// Whether `name` matches `[a-zA-Z_:][a-zA-Z0-9_:]*`.
func isPlainMetricName(_ name: String) -> Bool { isPlainName(name, colons: true) }

private func isPlainName(_ name: String, colons: Bool) -> Bool {
  var isFirst = true
  for byte in name.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
    case UInt8(ascii: "0")...UInt8(ascii: "9"): if isFirst { return false }
    case UInt8(ascii: ":"): if !colons { return false }
    default: return false
    }
    isFirst = false
  }
  return !isFirst
}

/// `text` in double quotes with the escapes of Go's `strconv.Quote`.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\u{07}": result += "\\a"
    case "\u{08}": result += "\\b"
    case "\u{0C}": result += "\\f"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case "\u{0B}": result += "\\v"
    default:
      if isPrintable(scalar) {
        result.unicodeScalars.append(scalar)
      } else if scalar.value < 0x80 {
        result += "\\x" + hexadecimal(scalar.value, digits: 2)
      } else if scalar.value < 0x10000 {
        result += "\\u" + hexadecimal(scalar.value, digits: 4)
      } else {
        result += "\\U" + hexadecimal(scalar.value, digits: 8)
      }
    }
  }
  return result + "\""
}

/// What Go's `strconv.IsPrint` takes for printable: letters, marks, numbers, punctuation, symbols and the ASCII blank.
private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.value < 0x80 { return scalar.value >= 0x20 && scalar.value < 0x7F }
  switch scalar.properties.generalCategory {
  case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
    return false
  default:
    return true
  }
}

private func hexadecimal(_ value: UInt32, digits: Int) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
