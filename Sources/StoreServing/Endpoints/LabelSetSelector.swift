// Which of the endpoints' data is asked: that with the external labels which relabelling rules keep (`--selector.relabel-config`).
public import TSModel

/// Chooses data by external labels.
public struct LabelSetSelector: Sendable {
  private let rules: [RelabelRule]

  /// Data whose external labels `rules` keep.
  public init(_ rules: [RelabelRule] = []) { self.rules = rules }

  /// Whether data with these external labels is asked.
  func keeps(_ labels: Labels) -> Bool { rules.isEmpty || rules.apply(to: labels) != nil }

  /// The store with what is asked of it; nil where that is nothing. Of one that is asked in part the matchers that leave the rest out come
  /// along with each call.
  func restricted(_ store: RemoteStore) -> RemoteStore? {
    guard !rules.isEmpty, !store.labelSets.isEmpty else { return store }
    let kept = store.labelSets.filter(keeps)
    if kept.count == store.labelSets.count { return store }
    guard !kept.isEmpty else { return nil }
    var store = store
    store.labelSets = kept
    store.parts.removeAll { !keeps($0.labels) }
    store.restriction = Self.matchers(of: kept)
    return store
  }

  /// For each name a matcher on the values that it has in one of the sets; that it is missing counts as a value.
  static func matchers(of sets: [Labels]) -> [LabelMatcher] {
    let names = Set(sets.flatMap { $0.map(\.name) }).sorted()
    return names.compactMap { name in
      let values = Set(sets.map { $0[name] ?? "" }).sorted()
      // Values are quoted: the expression is always one.
      return try? LabelMatcher(.regex, name: name, value: values.map(quoted).joined(separator: "|"))
    }
  }

  /// A text as a regular expression that matches it alone.
  private static func quoted(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      if "\\.+*?()|[]{}^$".unicodeScalars.contains(character) { result.unicodeScalars.append("\\") }
      result.unicodeScalars.append(character)
    }
    return result
  }
}
