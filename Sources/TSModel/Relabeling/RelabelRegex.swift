// The expression of a relabelling rule. Prometheus compiles `^(?s:TEXT)$` and quotes that in its errors; where TEXT closes
// the group itself (`a)|(b`), that is not the same as the whole value having to match, and it is kept so.

/// A compiled expression of a relabelling rule. Thread-safe.
final class RelabelRegex: Sendable {
  /// The expression that all values match, group 1 being the whole value.
  static let defaultPattern = "(.*)"

  /// As it was given.
  let pattern: String
  private let expression: RE2Expression
  /// Decides faster, where the expression stands on its own.
  private let matcher: LabelRegex?

  /// Throws `.regex` with Go's text where it is not valid.
  init(_ pattern: String) throws(ModelError) {
    self.pattern = pattern
    guard pattern.utf8.count <= LabelRegex.patternBytesMax else {
      throw ModelError(
        .size, "regular expression of \(pattern.utf8.count) bytes: at most \(LabelRegex.patternBytesMax) are allowed")
    }
    expression = try RE2Expression("^(?s:\(pattern))$")
    matcher = try? LabelRegex(pattern)
  }

  /// Whether it matches every value.
  var matchesAll: Bool {
    if case .any = matcher?.shape { return true }
    return false
  }

  /// Whether it matches `value`.
  func matches(_ value: [UInt8]) -> Bool {
    unsafe value.withUnsafeBytes { bytes in
      if let matcher { return unsafe matcher.matches(bytes: bytes) }
      return unsafe expression.find(in: bytes, groupCount: 1) != nil
    }
  }

  /// The groups of the match of `value`, see `RelabelTemplate.expanded`; nil where it does not match.
  func find(in value: [UInt8], groupCount: Int) -> [Int64]? {
    if pattern.utf8.elementsEqual(Self.defaultPattern.utf8) {
      let end = Int64(value.count)
      return [0, end, 0, end]
    }
    // A quick no.
    if let matcher, unsafe !value.withUnsafeBytes({ unsafe matcher.matches(bytes: $0) }) { return nil }
    return unsafe value.withUnsafeBytes { unsafe expression.find(in: $0, groupCount: groupCount) }
  }

  /// `template` with its names replaced by the numbers of this expression's groups.
  func resolve(_ template: RelabelTemplate) -> RelabelTemplate {
    let names = template.names
    return names.isEmpty ? template : template.resolved(expression.groups(named: names).numbers)
  }

  /// How many groups it has, the whole match included.
  var groupCount: Int { expression.groups(named: []).count + 1 }
}
