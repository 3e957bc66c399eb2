// Whole values matched by an expression, and texts made of the groups that took part: what label_replace does.

/// A compiled expression that a whole value must match, with its groups. Thread-safe.
public struct CapturingRegex: Sendable {
  /// A text with references to groups: `$1`, `${name}`, `$$`.
  public struct Template: Sendable {
    fileprivate let template: RelabelTemplate
  }

  private let regex: RelabelRegex
  private let groupCount: Int

  /// Compiles `^(?s:pattern)$`, as Prometheus does. Throws `.regex`, with Go's text, where that is not valid, `.size` where it is
  /// too long.
  public init(_ pattern: String) throws(ModelError) {
    regex = try RelabelRegex(pattern)
    groupCount = regex.groupCount
  }

  /// A template for matches of this expression. References to groups that it does not have stand for nothing.
  public func template(_ text: String) -> Template { Template(template: regex.resolve(RelabelTemplate(text))) }

  /// The template's text for the match of `value`; nil where it does not match.
  public func expand(_ template: Template, in value: [UInt8]) -> [UInt8]? {
    regex.find(in: value, groupCount: groupCount).map { template.template.expanded(value, $0) }
  }
}
