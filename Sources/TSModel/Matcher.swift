// Label matchers, the condition that a selector puts on one label. How they turn into lists of series is Storage's
// business (Selection/); PromQL's parser reads selectors from text.

/// One condition on one label of a series: `name="value"`, `name!="value"`, `name=~"regex"`, `name!~"regex"`. A label that
/// a series lacks has the empty value.
public struct LabelMatcher: Hashable, Sendable, CustomStringConvertible {
  /// How the label's value is compared.
  public enum Kind: Hashable, Sendable {
    /// `=`
    case equal
    /// `!=`
    case notEqual
    /// `=~`, the expression must match the whole value
    case regex
    /// `!~`, the expression must not match the whole value
    case notRegex

    /// Whether it holds where the comparison fails.
    public var isNegative: Bool { self == .notEqual || self == .notRegex }
  }

  /// How the label's value is compared.
  public let kind: Kind
  /// The label's name.
  public let name: String
  /// The value or the expression. Bytes that are not UTF-8, which a selector can contain, show as U+FFFD here; comparisons
  /// use the bytes.
  public let value: String
  /// The bytes of `value` as they were given.
  public let valueBytes: [UInt8]
  /// The compiled expression of `=~` and `!~`; nil for the others.
  public let regex: LabelRegex?

  /// A matcher of `kind` on the label `name`. Throws `.regex` with Go's text where an expression is not valid, `.size` where
  /// it is longer than `LabelRegex.patternBytesMax`.
  public init(_ kind: Kind, name: String, value: String) throws(ModelError) {
    try self.init(kind, name: name, valueBytes: Array(value.utf8))
  }

  /// The same for a value of any bytes.
  public init(_ kind: Kind, name: String, valueBytes: [UInt8]) throws(ModelError) {
    self.kind = kind
    self.name = name
    self.valueBytes = valueBytes
    self.value = String(decoding: valueBytes, as: UTF8.self)
    switch kind {
    case .equal, .notEqual: regex = nil
    case .regex, .notRegex:
      guard value.utf8.elementsEqual(valueBytes) else {
        throw ModelError(.regex, "error parsing regexp: invalid UTF-8: `\(value)`")
      }
      regex = try LabelRegex(value)
    }
  }

  /// Whether a label with this value (empty where the series lacks the label) fulfils the condition.
  public func matches(_ value: String) -> Bool {
    var copy = value
    return copy.withUTF8 { unsafe matches(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Whether a label whose value has these bytes fulfils the condition.
  public func matches(bytes: UnsafeRawBufferPointer) -> Bool {
    switch kind {
    case .equal: unsafe isValue(bytes)
    case .notEqual: unsafe !isValue(bytes)
    case .regex: regex.map { unsafe $0.matches(bytes: bytes) } ?? false
    case .notRegex: regex.map { unsafe !$0.matches(bytes: bytes) } ?? false
    }
  }

  /// Whether a series without the label fulfils the condition.
  public var matchesEmpty: Bool { unsafe matches(bytes: UnsafeRawBufferPointer(start: nil, count: 0)) }

  private func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
    unsafe valueBytes.withUnsafeBytes { unsafe compareBytes($0, bytes) == 0 }
  }

  /// As a selector writes it: `job=~"api|web"`; names that are not plain are quoted.
  public var description: String {
    let sign =
      switch kind {
      case .equal: "="
      case .notEqual: "!="
      case .regex: "=~"
      case .notRegex: "!~"
      }
    return (isPlainLabelName(name) ? name : quoted(name)) + sign + quoted(value)
  }

  /// Whether both put the same condition on the same label, byte for byte.
  public static func == (a: LabelMatcher, b: LabelMatcher) -> Bool {
    a.kind == b.kind && a.name.utf8.elementsEqual(b.name.utf8) && a.valueBytes == b.valueBytes
  }

  /// Feeds kind, name and value.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(kind)
    hashBytes(of: name, into: &hasher)
    hasher.combine(valueBytes)
  }
}
