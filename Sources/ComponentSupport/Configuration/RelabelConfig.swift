// Relabelling rules out of YAML.
public import TSModel

/// A list of relabelling rules, read and checked.
public enum RelabelConfig {
  /// The actions that choose blocks by their external labels: all that `--selector.relabel-config` allows.
  public static let selectorActions: Set<RelabelRule.Action> = [.keep, .drop, .hashMod]

  /// The rules of a YAML list. Fields that are unknown are problems where `strict`; actions outside `allowed` are refused.
  ///
  /// Throws in upstream's words: ``unknown relabel action "nope"``, `unsupported relabel action: replace`, and what
  /// `RelabelRule.validate` says.
  public static func rules(
    _ yaml: [UInt8], allowed: Set<RelabelRule.Action>? = nil, strict: Bool = false
  ) throws(ConfigurationError) -> [RelabelRule] {
    let rules: [RelabelRule]
    do {
      let problems = YAMLProblems()
      rules = try self.rules(try YAMLDocument(yaml).root, strict: strict, problems)
      try problems.check()
    } catch {
      throw error.within("parsing relabel configuration")
    }
    for rule in rules {
      if let allowed, !allowed.contains(rule.action) {
        throw ConfigurationError(.value, "unsupported relabel action: \(rule.action.rawValue)")
      }
      do { try rule.validate() } catch {
        throw ConfigurationError(.value, error.message).within("validate relabel config")
      }
    }
    return rules
  }

  /// The rules of a list inside another document, not yet validated.
  public static func rules(
    _ node: YAMLNode?, strict: Bool, _ problems: YAMLProblems
  ) throws(ConfigurationError) -> [RelabelRule] {
    guard let node, !node.isNull else { return [] }
    guard node.kind == .sequence else {
      problems.addMismatch(of: node, with: "[]*relabel.Config")
      return []
    }
    var rules: [RelabelRule] = []
    for element in node.elements where !element.isNull {
      rules.append(try rule(element, strict: strict, problems))
    }
    return rules
  }

  private static func rule(
    _ node: YAMLNode, strict: Bool, _ problems: YAMLProblems
  ) throws(ConfigurationError) -> RelabelRule {
    var fields = YAMLFields(node, as: "relabel.plain", strict: strict, problems)
    let sourceLabels = fields.strings("source_labels", as: "model.LabelNames")
    for name in sourceLabels ?? [] where name.isEmpty {
      throw ConfigurationError(.value, "\(quoted(name)) is not a valid label name")
    }
    var action = RelabelRule.Action.replace
    if let text = fields.string("action") {
      guard let known = RelabelRule.Action(rawValue: text.lowercased()) else {
        throw ConfigurationError(.value, "unknown relabel action \(quoted(text))")
      }
      action = known
    }
    let separator = fields.string("separator") ?? RelabelRule.defaultSeparator
    let regex = fields.string("regex")
    let modulus = fields.uint("modulus") ?? 0
    let targetLabel = fields.string("target_label") ?? ""
    let replacement = fields.string("replacement") ?? RelabelRule.defaultReplacement
    fields.finish()
    do {
      return try RelabelRule(
        action: action, sourceLabels: sourceLabels, separator: separator, regex: regex, modulus: modulus,
        targetLabel: targetLabel, replacement: replacement)
    } catch {
      throw ConfigurationError(.value, error.message)
    }
  }
}
