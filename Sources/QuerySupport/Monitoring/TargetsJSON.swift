// Targets, metadata and exemplars as JSON, as Thanos' querier gives them.
internal import PromQL
public import StoreAPI
public import TSModel

/// Targets as JSON.
public enum TargetsJSON {
  /// `{"activeTargets":[…],"droppedTargets":[…]}`
  public static func value(_ targets: TargetDiscoveryMessage) -> JSONValue {
    .object([
      .init("activeTargets", .array(targets.activeTargets.map(value))),
      .init(
        "droppedTargets",
        .array(targets.droppedTargets.map { .object([.init("discoveredLabels", .labels($0.discoveredLabels))]) })),
    ])
  }

  private static func value(_ target: ActiveTargetMessage) -> JSONValue {
    let health = target.health == .up ? "up" : target.health == .down ? "down" : "unknown"
    return .object([
      .init("discoveredLabels", .labels(target.discoveredLabels)), .init("labels", .labels(target.labels)),
      .init("scrapePool", .string(target.scrapePool)), .init("scrapeUrl", .string(target.scrapeURL)),
      .init("globalUrl", .string(target.globalURL)), .init("lastError", .string(target.lastError)),
      .init("lastScrape", .time(target.lastScrape)),
      .init("lastScrapeDuration", .double(target.lastScrapeDurationSeconds)), .init("health", .string(health)),
    ])
  }
}

/// Metadata of metrics as JSON.
public enum MetadataJSON {
  /// `{"metric":[{"type":…,"help":…,"unit":…}]}`, by name.
  public static func value(_ metadata: [String: MetricMetadataEntry]) -> JSONValue {
    .object(
      metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { name, entry in
        .init(
          name,
          .array(
            entry.metas.map { meta in
              .object([
                .init("type", .string(meta.type)), .init("help", .string(meta.help)),
                .init("unit", .string(meta.unit)),
              ])
            }))
      })
  }
}

/// Exemplars as JSON.
public enum ExemplarsJSON {
  /// `[{"seriesLabels":{…},"exemplars":[{"labels":{…},"timestamp":…,"value":"…"}]}]`
  public static func value(_ data: [ExemplarDataMessage]) -> JSONValue {
    .array(
      data.map { one in
        .object([
          .init("seriesLabels", .labels(one.seriesLabels)),
          .init(
            "exemplars",
            .array(
              one.exemplars.map { exemplar in
                .object([
                  .init("labels", .labels(exemplar.labels)),
                  .init("timestamp", .double(Double(exemplar.timestampMs) / 1000)),
                  .init("value", .string(fixedText(exemplar.value))),
                ])
              })),
        ])
      })
  }
}
