// Relabelling: rules that rewrite a label set, or drop it. The same as Prometheus' relabel configurations, with their
// defaults and their refusals.

/// One rule of a relabelling.
public struct RelabelRule: Sendable {
  /// What a rule does.
  public enum Action: String, Sendable, CaseIterable {
    /// Sets the target label to the replacement where the expression matches the source.
    case replace
    /// Drops the label set where the expression does not match the source.
    case keep
    /// Drops the label set where the expression matches the source.
    case drop
    /// Drops the label set where the source differs from the target label.
    case keepEqual = "keepequal"
    /// Drops the label set where the source equals the target label.
    case dropEqual = "dropequal"
    /// Sets the target label to a hash of the source, modulo `modulus`.
    case hashMod = "hashmod"
    /// Copies the labels whose name matches to the names that the replacement gives.
    case labelMap = "labelmap"
    /// Removes the labels whose name matches.
    case labelDrop = "labeldrop"
    /// Removes the labels whose name does not match.
    case labelKeep = "labelkeep"
    /// Sets the target label to the source in small letters.
    case lowercase
    /// Sets the target label to the source in capitals.
    case uppercase
  }

  /// The separator of a rule that names none.
  public static let defaultSeparator = ";"
  /// The replacement of a rule that names none.
  public static let defaultReplacement = "$1"

  /// What it does.
  public let action: Action
  /// The labels whose values, joined by the separator, are the source; nil where none are named.
  public let sourceLabels: [String]?
  /// What stands between the values of the source.
  public let separator: String
  /// The expression as it was given; nil where none was, which is the same as `(.*)` but for `validate()`.
  public let regex: String?
  /// What the hash is divided by.
  public let modulus: UInt64
  /// The label that is set, possibly with groups of the match in its name.
  public let targetLabel: String
  /// What it is set to, with groups of the match.
  public let replacement: String

  private let expression: RelabelRegex
  private let target: RelabelTemplate
  private let value: RelabelTemplate
  private let groupCount: Int

  /// A rule; what is left out has Prometheus' defaults. Throws `.regex` with Go's text where the expression is not valid.
  /// Whether action and fields go together is for `validate()` to say.
  public init(
    action: Action = .replace, sourceLabels: [String]? = nil, separator: String = defaultSeparator,
    regex: String? = nil, modulus: UInt64 = 0, targetLabel: String = "", replacement: String = defaultReplacement
  ) throws(ModelError) {
    self.action = action
    self.sourceLabels = sourceLabels
    self.separator = separator
    self.regex = regex
    self.modulus = modulus
    self.targetLabel = targetLabel
    self.replacement = replacement
    expression = try RelabelRegex(regex ?? RelabelRegex.defaultPattern)
    target = expression.resolve(RelabelTemplate(targetLabel))
    value = expression.resolve(RelabelTemplate(replacement))
    // A group that the expression lacks is not asked for, whatever its number.
    groupCount = min(max(target.groupMax, value.groupMax) + 1, expression.groupCount)
  }

  /// Throws `.argument`, in Prometheus' words, where fields are missing that the action needs, or given that it does not know.
  public func validate() throws(ModelError) {
    func refuse(_ message: String) -> ModelError { ModelError(.argument, message) }
    let name = action.rawValue
    if action == .hashMod, modulus == 0 {
      throw refuse("relabel configuration for hashmod requires non-zero modulus")
    }
    switch action {
    case .replace, .hashMod, .lowercase, .uppercase, .keepEqual, .dropEqual:
      if targetLabel.isEmpty {
        throw refuse("relabel configuration for \(name) action requires 'target_label' value")
      }
    case .labelMap:
      if replacement.isEmpty { throw refuse("\(quoted(replacement)) is invalid 'replacement' for \(name) action") }
    case .keep, .drop, .labelDrop, .labelKeep:
      break
    }
    let hasReplacement = !replacement.utf8.elementsEqual(Self.defaultReplacement.utf8)
    let hasSeparator = !separator.utf8.elementsEqual(Self.defaultSeparator.utf8)
    switch action {
    case .lowercase, .uppercase, .keepEqual, .dropEqual:
      if hasReplacement { throw refuse("'replacement' can not be set for \(name) action") }
    default: break
    }
    switch action {
    case .keepEqual, .dropEqual:
      if regex != nil || modulus != 0 || hasSeparator {
        throw refuse("\(name) action requires only 'source_labels' and `target_label`, and no other fields")
      }
    case .labelDrop, .labelKeep:
      if sourceLabels != nil || !targetLabel.isEmpty || modulus != 0 || hasSeparator || hasReplacement {
        throw refuse("\(name) action requires only 'regex', and no other fields")
      }
    default: break
    }
  }

  /// The labels as the rule leaves them, possibly none; nil where it drops the set.
  public func apply(to labels: Labels) -> Labels? { [self].apply(to: labels) }

  /// Rewrites `labels`; whether they are kept.
  fileprivate func rewrite(_ labels: inout RelabelSubject) -> Bool {
    switch action {
    case .replace:
      replace(&labels)
    case .keep:
      return expression.matches(source(labels))
    case .drop:
      return !expression.matches(source(labels))
    case .keepEqual:
      return source(labels).elementsEqual(labels[targetLabel].utf8)
    case .dropEqual:
      return !source(labels).elementsEqual(labels[targetLabel].utf8)
    case .hashMod:
      guard modulus > 0 else { break }
      let hash = MD5.digest(source(labels)).suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      labels.set(targetLabel, String(hash % modulus))
    case .lowercase:
      labels.set(targetLabel, mapped(source(labels), lowercased))
    case .uppercase:
      labels.set(targetLabel, mapped(source(labels), uppercased))
    case .labelMap:
      for label in labels.all {
        let name = Array(label.name.utf8)
        guard let bounds = expression.find(in: name, groupCount: groupCount) else { continue }
        let new = name[..<Int(bounds[0])] + value.expanded(name, bounds) + name[Int(bounds[1])...]
        labels.set(String(decoding: new, as: UTF8.self), label.value)
      }
    case .labelDrop:
      for label in labels.all where expression.matches(Array(label.name.utf8)) { labels.remove(label.name) }
    case .labelKeep:
      for label in labels.all where !expression.matches(Array(label.name.utf8)) { labels.remove(label.name) }
    }
    return true
  }

  private func replace(_ labels: inout RelabelSubject) {
    if target.isLiteral, value.isLiteral, expression.matchesAll {
      labels.set(
        String(decoding: target.expanded([], []), as: UTF8.self),
        String(decoding: value.expanded([], []), as: UTF8.self))
      return
    }
    let source = source(labels)
    guard let bounds = expression.find(in: source, groupCount: groupCount) else { return }
    labels.set(
      String(decoding: target.expanded(source, bounds), as: UTF8.self),
      String(decoding: value.expanded(source, bounds), as: UTF8.self))
  }

  private func source(_ labels: RelabelSubject) -> [UInt8] {
    var out: [UInt8] = []
    for (index, name) in (sourceLabels ?? []).enumerated() {
      if index > 0 { out += Array(separator.utf8) }
      out += Array(labels[name].utf8)
    }
    return out
  }
}

extension [RelabelRule] {
  /// The labels as these rules leave them, one after the other, possibly none; nil where one of them drops the set.
  public func apply(to labels: Labels) -> Labels? {
    var subject = RelabelSubject(labels)
    for rule in self {
      guard rule.rewrite(&subject) else { return nil }
    }
    return Labels(labels: subject.all)
  }
}

/// A label set in the making. The order is that in which Prometheus' builder walks: those that are as they were, by name, then
/// those that were set, in the order of their first setting. It tells which of two labels wins that `labelmap` gives one name.
private struct RelabelSubject {
  private(set) var all: [Labels.Label]
  private var untouchedCount: Int

  init(_ labels: Labels) {
    all = Array(labels)
    untouchedCount = all.count
  }

  /// The value of the label `name`; empty where there is none.
  subscript(name: String) -> String {
    index(of: name).map { all[$0].value } ?? ""
  }

  /// Sets a label; an empty value removes it. An empty name is no label.
  mutating func set(_ name: String, _ value: String) {
    if name.isEmpty { return }
    if value.isEmpty { return remove(name) }
    let label = Labels.Label(name: name, value: value)
    if let index = index(of: name) {
      if index >= untouchedCount {
        all[index] = label
        return
      }
      remove(name)
    }
    all.append(label)
  }

  mutating func remove(_ name: String) {
    guard let index = index(of: name) else { return }
    all.remove(at: index)
    if index < untouchedCount { untouchedCount -= 1 }
  }

  private func index(of name: String) -> Int? { all.firstIndex { $0.name.utf8.elementsEqual(name.utf8) } }
}

private func mapped(_ bytes: [UInt8], _ map: (Unicode.Scalar) -> Unicode.Scalar) -> String {
  var out = ""
  for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars { out.unicodeScalars.append(map(scalar)) }
  return out
}

/// The one small letter of `scalar`, as Go has it: a letter never becomes two.
private func lowercased(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
  if scalar.value == 0x130 { return "i" }
  return single(scalar.properties.lowercaseMapping) ?? scalar
}

/// The one capital of `scalar`, as Go has it: those that become two in full are left alone, but for those with a title form.
private func uppercased(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
  single(scalar.properties.uppercaseMapping) ?? single(scalar.properties.titlecaseMapping) ?? scalar
}

private func single(_ text: String) -> Unicode.Scalar? {
  let scalars = text.unicodeScalars
  return scalars.count == 1 ? scalars.first : nil
}
