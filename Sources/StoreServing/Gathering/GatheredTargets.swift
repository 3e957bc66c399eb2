// Targets of many Prometheus servers: those that replicas scrape become one.
public import StoreAPI
internal import TSModel

extension Gathering {
  /// The targets of all servers, without `replicaLabels`. Throws where a server fails and the request asks for all of them.
  public func targets(
    _ request: TargetsRequest, replicaLabels: [String], tenant: String
  ) async throws -> Gathered<TargetDiscoveryMessage> {
    let gathered: Gathered<[TargetDiscoveryMessage]>
    do { gathered = try await gather(request, tenant: tenant) } catch let error as GatheringError {
      throw GatheringError("proxy Targets: \(error)")
    }
    return Gathered(value: TargetMerge.merged(gathered.value, without: replicaLabels), warnings: gathered.warnings)
  }
}

enum TargetMerge {
  /// The targets in order, each once. Of active ones that differ in `replicaLabels` alone that counts which is down, then that which was
  /// scraped last.
  static func merged(
    _ discoveries: [TargetDiscoveryMessage], without replicaLabels: [String]
  ) -> TargetDiscoveryMessage {
    func bare(_ set: LabelSetMessage) -> LabelSetMessage {
      LabelSetMessage(Labels(labels: set.labelSet.filter { !replicaLabels.contains($0.name) }))
    }
    var result = TargetDiscoveryMessage()
    let active = discoveries.flatMap(\.activeTargets).sorted(by: { Key($0) < Key($1) }).map { target in
      var target = target
      (target.discoveredLabels, target.labels) = (bare(target.discoveredLabels), bare(target.labels))
      return target
    }
    // As they were in order with replica labels, those which are one without them need not be neighbours.
    for target in active.sorted(by: { Key($0) < Key($1) }) {
      guard let last = result.activeTargets.last, Key(last) == Key(target) else {
        result.activeTargets.append(target)
        continue
      }
      if saysMore(target, than: last) { result.activeTargets[result.activeTargets.count - 1] = target }
    }
    let dropped = discoveries.flatMap(\.droppedTargets).map { bare($0.discoveredLabels).labelSet }.sorted()
    for (index, set) in dropped.enumerated() where index == 0 || dropped[index - 1] != set {
      var target = DroppedTargetMessage()
      target.discoveredLabels = LabelSetMessage(set)
      result.droppedTargets.append(target)
    }
    return result
  }

  private struct Key: Comparable {
    let url, pool: String
    let discovered, labels: Labels

    init(_ target: ActiveTargetMessage) {
      (url, pool) = (target.scrapeURL, target.scrapePool)
      (discovered, labels) = (target.discoveredLabels.labelSet, target.labels.labelSet)
    }

    static func < (a: Key, b: Key) -> Bool {
      if a.url != b.url { return a.url < b.url }
      if a.pool != b.pool { return a.pool < b.pool }
      if a.discovered != b.discovered { return a.discovered < b.discovered }
      return a.labels < b.labels
    }
  }

  /// Down (0) before up (1) before unknown.
  private static func saysMore(_ target: ActiveTargetMessage, than other: ActiveTargetMessage) -> Bool {
    target.health == other.health
      ? target.lastScrape.isLater(than: other.lastScrape) : target.health.rawValue < other.health.rawValue
  }
}
