// Rules of many rulers: those of replicas become one.
internal import PromQL
public import StoreAPI
internal import TSModel

extension Gathering {
  /// The groups of all rulers that fulfil the request, by file and name, without `replicaLabels`. Throws where a ruler fails and the
  /// request asks for all of them, or a matcher of it is none.
  public func rules(
    _ request: RulesRequest, replicaLabels: [String], tenant: String
  ) async throws -> Gathered<[RuleGroupMessage]> {
    let matcherSets = try request.matcherStrings.map { text in
      do throws(ModelError) { return try LabelMatcher.parse(selector: text, allowingEmpty: true) } catch {
        throw GatheringError("parser ParseMetricSelector: \(error.message)")
      }
    }
    let gathered: Gathered<[RuleGroupMessage]>
    do { gathered = try await gather(request, tenant: tenant) } catch let error as GatheringError {
      throw GatheringError("proxy Rules: \(error)")
    }
    var groups = gathered.value
    if !matcherSets.isEmpty { groups = groups.keeping { $0.fulfilsOne(of: matcherSets) } }
    if !request.ruleNames.isEmpty { groups = groups.keeping { request.ruleNames.contains($0.name) } }
    if !request.ruleGroups.isEmpty { groups.removeAll { !request.ruleGroups.contains($0.name) } }
    if !request.files.isEmpty { groups.removeAll { !request.files.contains($0.file) } }
    if !request.ruleNames.isEmpty || !request.ruleGroups.isEmpty || !request.files.isEmpty {
      groups.removeAll(where: \.rules.isEmpty)
    }
    return Gathered(value: RuleMerge.merged(groups, without: replicaLabels), warnings: gathered.warnings)
  }
}

extension [RuleGroupMessage] {
  /// The groups that have rules for which `isWanted` holds, with these alone.
  fileprivate func keeping(_ isWanted: (RuleMessage) -> Bool) -> Self {
    compactMap { group in
      var group = group
      group.rules.removeAll { !isWanted($0) }
      return group.rules.isEmpty ? nil : group
    }
  }
}

extension RuleMessage {
  /// The rule's name.
  var name: String {
    switch result {
    case .recording(let rule): rule.name
    case .alert(let alert): alert.name
    case nil: ""
    }
  }

  /// Its labels.
  var labels: Labels {
    get {
      switch result {
      case .recording(let rule): rule.labels.labelSet
      case .alert(let alert): alert.labels.labelSet
      case nil: Labels()
      }
    }
    set {
      switch result {
      case .recording(var rule):
        rule.labels = LabelSetMessage(newValue)
        result = .recording(rule)
      case .alert(var alert):
        alert.labels = LabelSetMessage(newValue)
        result = .alert(alert)
      case nil: break
      }
    }
  }

  fileprivate var query: String {
    switch result {
    case .recording(let rule): rule.query
    case .alert(let alert): alert.query
    case nil: ""
    }
  }

  /// Whether all matchers of one set hold. A label whose value is a template counts as missing: what it will be is not known.
  fileprivate func fulfilsOne(of sets: [[LabelMatcher]]) -> Bool {
    let labels = Labels(labels: labels.filter { !$0.value.contains("{{") })
    return sets.contains { $0.allSatisfy { $0.matches(labels[$0.name] ?? "") } }
  }
}

/// Groups of replicas become one, and so do their rules.
enum RuleMerge {
  /// The groups by file and name, each once, with the rules of all that are it. Rules that differ in `replicaLabels` alone are one: that
  /// which says more, firing before pending, evaluated later before earlier.
  static func merged(_ groups: [RuleGroupMessage], without replicaLabels: [String]) -> [RuleGroupMessage] {
    var result: [RuleGroupMessage] = []
    for group in groups.sorted(by: { ($0.file, $0.name) < ($1.file, $1.name) }) {
      if let last = result.last, last.file == group.file, last.name == group.name {
        result[result.count - 1].rules += group.rules
      } else {
        result.append(group)
      }
    }
    for index in result.indices { result[index].rules = merged(result[index].rules, without: replicaLabels) }
    return result
  }

  private static func merged(_ rules: [RuleMessage], without replicaLabels: [String]) -> [RuleMessage] {
    let bare = rules.map { rule in
      var rule = rule
      rule.labels = Labels(labels: rule.labels.filter { !replicaLabels.contains($0.name) })
      return rule
    }
    var result: [RuleMessage] = []
    for rule in bare.sorted(by: { Key($0) < Key($1) }) {
      guard let last = result.last, Key(last) == Key(rule) else {
        result.append(rule)
        continue
      }
      if saysMore(rule, than: last) { result[result.count - 1] = rule }
    }
    return result
  }

  /// What makes a rule the same as another: alerts come first.
  private struct Key: Comparable {
    let kind: Int
    let name: String
    let labels: Labels
    let query: String
    let duration: Double

    init(_ rule: RuleMessage) {
      (name, labels, query) = (rule.name, rule.labels, rule.query)
      if case .alert(let alert)? = rule.result {
        (kind, duration) = (0, alert.durationSeconds)
      } else {
        (kind, duration) = (1, 0)
      }
    }

    static func < (a: Key, b: Key) -> Bool {
      if a.kind != b.kind { return a.kind < b.kind }
      if a.name != b.name { return a.name < b.name }
      if a.labels != b.labels { return a.labels < b.labels }
      if a.query != b.query { return a.query < b.query }
      return a.duration < b.duration
    }
  }

  private static func saysMore(_ rule: RuleMessage, than other: RuleMessage) -> Bool {
    switch (rule.result, other.result) {
    case (.alert(let a)?, .alert(let b)?):
      a.state == b.state ? a.lastEvaluation.isLater(than: b.lastEvaluation) : a.state.rawValue > b.state.rawValue
    case (.recording(let a)?, .recording(let b)?): a.lastEvaluation.isLater(than: b.lastEvaluation)
    default: false
    }
  }
}

extension TimestampMessage {
  func isLater(than other: TimestampMessage) -> Bool { (seconds, nanos) > (other.seconds, other.nanos) }
}
