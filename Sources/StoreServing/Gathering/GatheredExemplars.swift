// Exemplars of many servers: those of replicas become one.
public import StoreAPI
internal import TSModel

extension Gathering {
  /// The exemplars of all series that the request selects, by labels without `replicaLabels`, ascending; those of one series by time.
  /// Throws where a server fails and the request asks for all of them, or its query is none.
  public func exemplars(
    _ request: ExemplarsRequest, replicaLabels: [String], tenant: String
  ) async throws -> Gathered<[ExemplarDataMessage]> {
    let gathered: Gathered<[ExemplarDataMessage]>
    do { gathered = try await gather(request, tenant: tenant) } catch let error as GatheringError {
      throw GatheringError("proxy Exemplars: \(error)")
    }
    return Gathered(value: ExemplarMerge.merged(gathered.value, without: replicaLabels), warnings: gathered.warnings)
  }
}

enum ExemplarMerge {
  static func merged(_ data: [ExemplarDataMessage], without replicaLabels: [String]) -> [ExemplarDataMessage] {
    var series: [Labels: [ExemplarMessage]] = [:]
    for one in data where !one.exemplars.isEmpty {
      let labels = Labels(labels: one.seriesLabels.labelSet.filter { !replicaLabels.contains($0.name) })
      series[labels, default: []] += one.exemplars
    }
    return series.sorted { $0.key < $1.key }.map { labels, exemplars in
      var one = ExemplarDataMessage()
      one.seriesLabels = LabelSetMessage(labels)
      let sorted = exemplars.sorted { Key($0) < Key($1) }
      for (index, exemplar) in sorted.enumerated() where index == 0 || Key(sorted[index - 1]) != Key(exemplar) {
        one.exemplars.append(exemplar)
      }
      return one
    }
  }

  private struct Key: Comparable {
    let timestampMs: Int64
    let labels: Labels
    let value: Double

    init(_ exemplar: ExemplarMessage) {
      (timestampMs, labels, value) = (exemplar.timestampMs, exemplar.labels.labelSet, exemplar.value)
    }

    // Not a number is what it is, so that two of them are one.
    static func == (a: Key, b: Key) -> Bool {
      a.timestampMs == b.timestampMs && a.labels == b.labels && a.value.bitPattern == b.value.bitPattern
    }

    static func < (a: Key, b: Key) -> Bool {
      if a.timestampMs != b.timestampMs { return a.timestampMs < b.timestampMs }
      if a.labels != b.labels { return a.labels < b.labels }
      return a.value.isTotallyOrdered(belowOrEqualTo: b.value) && a.value.bitPattern != b.value.bitPattern
    }
  }
}
