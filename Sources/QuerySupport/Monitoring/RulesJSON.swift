// Rules and alerts as JSON, as Thanos' querier and ruler give them.
internal import Observability
internal import PromQL
public import StoreAPI
public import TSModel

/// Groups of rules, and alerts, as JSON.
public enum RulesJSON {
  /// `{"groups":[…]}`
  public static func groups(_ groups: [RuleGroupMessage]) -> JSONValue {
    .object([.init("groups", .array(groups.map(value)))])
  }

  /// `{"alerts":[…]}`: the alerts of all groups that are there now; null where there are none.
  public static func alerts(_ groups: [RuleGroupMessage]) -> JSONValue {
    let alerts = groups.flatMap(\.rules).flatMap { rule -> [AlertInstanceMessage] in
      if case .alert(let alert)? = rule.result { alert.alerts } else { [] }
    }
    return .object([.init("alerts", alerts.isEmpty ? .null : .array(alerts.map(value)))])
  }

  private static func value(_ group: RuleGroupMessage) -> JSONValue {
    .object([
      .init("name", .string(group.name)), .init("file", .string(group.file)),
      .init("rules", .array(group.rules.compactMap(value))), .init("interval", .double(group.intervalSeconds)),
      .init("evaluationTime", .double(group.evaluationDurationSeconds)),
      .init("lastEvaluation", .time(group.lastEvaluation)), .init("limit", .integer(group.limit)),
      .init("partialResponseStrategy", value(group.partialResponseStrategy)),
    ])
  }

  private static func value(_ rule: RuleMessage) -> JSONValue? {
    switch rule.result {
    case .recording(let rule):
      .object(
        [
          .init("name", .string(rule.name)), .init("query", .string(rule.query)),
          .init("labels", .labels(rule.labels)), .init("health", .string(rule.health)),
        ] + error(rule.lastError) + [
          .init("evaluationTime", .double(rule.evaluationDurationSeconds)),
          .init("lastEvaluation", .time(rule.lastEvaluation)), .init("type", .string("recording")),
        ])
    case .alert(let alert):
      .object(
        [
          .init("state", value(alert.state)), .init("name", .string(alert.name)),
          .init("query", .string(alert.query)), .init("duration", .double(alert.durationSeconds)),
          .init("labels", .labels(alert.labels)), .init("annotations", .labels(alert.annotations)),
          .init("alerts", .array(alert.alerts.map(value))), .init("health", .string(alert.health)),
        ] + error(alert.lastError) + [
          .init("evaluationTime", .double(alert.evaluationDurationSeconds)),
          .init("lastEvaluation", .time(alert.lastEvaluation)),
          .init("keepFiringFor", .double(alert.keepFiringForSeconds)), .init("type", .string("alerting")),
        ])
    case nil: nil
    }
  }

  private static func error(_ text: String) -> [JSONValue.Member] {
    text.isEmpty ? [] : [.init("lastError", .string(text))]
  }

  private static func value(_ alert: AlertInstanceMessage) -> JSONValue {
    .object(
      [
        .init("labels", .labels(alert.labels)), .init("annotations", .labels(alert.annotations)),
        .init("state", value(alert.state)),
      ] + (alert.activeAt.map { [.init("activeAt", .time($0))] } ?? []) + [
        .init("value", .string(alert.value)),
        .init("partialResponseStrategy", value(alert.partialResponseStrategy)),
      ])
  }

  private static func value(_ strategy: PartialResponseStrategy) -> JSONValue {
    .string(strategy == .abort ? "ABORT" : strategy == .warn ? "WARN" : "\(strategy.rawValue)")
  }

  private static func value(_ state: AlertState) -> JSONValue {
    switch state {
    case .inactive: .string("inactive")
    case .pending: .string("pending")
    case .firing: .string("firing")
    default: .string("unknown")
    }
  }
}

extension JSONValue {
  /// A number as Go writes it, in the shortest form that is read back as it; null where JSON has none.
  static func double(_ value: Double) -> JSONValue {
    guard value.isFinite else { return .null }
    return .number(value == 0 || (1e-6..<1e21).contains(abs(value)) ? fixedText(value) : "\(value)")
  }

  /// RFC 3339 with as many decimals as there are.
  static func time(_ time: TimestampMessage) -> JSONValue {
    .string(TimestampText.rfc3339Nano(unixSeconds: time.seconds, nanoseconds: Int64(time.nanos)))
  }

  /// `{"name":"value",…}`
  static func labels(_ labels: LabelSetMessage) -> JSONValue {
    .object(labels.labelSet.map { .init($0.name, .string($0.value)) })
  }
}
