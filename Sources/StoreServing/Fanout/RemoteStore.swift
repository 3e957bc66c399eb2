// A store behind a channel, as it was when a request began.
public import StoreAPI
public import TSModel
public import Transport

/// A store that can be asked.
public struct RemoteStore: Sendable {
  /// Data with the same external labels, and when it is from.
  public struct Part: Sendable {
    /// The external labels.
    public var labels: Labels
    /// First and last instant.
    public var timeRange: TimeRange

    /// A part of a store.
    public init(labels: Labels, timeRange: TimeRange) {
      self.labels = labels
      self.timeRange = timeRange
    }
  }

  /// `host:port`
  public var address: String
  /// `sidecar`, `store`, `query` …; empty where it has not told yet.
  public var componentType: String
  /// The sets of external labels that its data has; none: anything.
  public var labelSets: [Labels]
  /// What it has; none where it does not tell.
  public var parts: [Part]
  /// When its data is from.
  public var timeRange: TimeRange
  /// What all series that are asked of it fulfil, besides the matchers of a request.
  public var restriction: [LabelMatcher] = []
  /// Whether it knows `without_replica_labels`.
  public var dropsReplicaLabels: Bool
  /// Whether it can give one of several parts of its series.
  public var supportsSharding: Bool
  /// Where it is asked.
  public var channel: GRPCChannel

  /// A store that has told nothing of itself yet: it may have anything.
  public init(address: String, channel: GRPCChannel) {
    self.address = address
    self.channel = channel
    (componentType, labelSets, parts, timeRange) = ("", [], [], .all)
    (dropsReplicaLabels, supportsSharding) = (true, true)
  }

  /// A store that answered `info`.
  public init(address: String, channel: GRPCChannel, info: InfoResponse) {
    self.init(address: address, channel: channel)
    componentType = info.componentType
    labelSets = info.labelSets.map(\.labelSet)
    guard let store = info.store else { return }
    timeRange = TimeRange(minTimeMs: store.minTimeMs, maxTimeMs: store.maxTimeMs)
    (dropsReplicaLabels, supportsSharding) = (store.supportsWithoutReplicaLabels, store.supportsSharding)
    parts = store.tsdbInfos.map {
      Part(labels: $0.labels.labelSet, timeRange: TimeRange(minTimeMs: $0.minTimeMs, maxTimeMs: $0.maxTimeMs))
    }
  }

  /// How warnings name it, in Thanos' words.
  var description: String {
    "Addr: \(address) MinTime: \(timeRange.minTimeMs) MaxTime: \(timeRange.maxTimeMs)"
  }

  /// The same for calls of Series, with its labels before.
  var seriesDescription: String {
    let sets = labelSets.map(\.description).joined(separator: ",")
    return "\(sets.isEmpty ? "Store Gateway" : String(sets.prefix(1000))) \(description)"
  }

  /// Whether it may have series that fulfil `matchers` with samples in `range`; of `storeMatchers` it must fulfil one set, unless there
  /// is none.
  public func mayHave(_ matchers: [LabelMatcher], in range: TimeRange, storeMatchers: [[LabelMatcher]] = []) -> Bool {
    guard !range.intersection(timeRange).isEmpty else { return false }
    guard storeMatchers.isEmpty || storeMatchers.contains(where: fulfils) else { return false }
    return Self.mayHave(labelSets, matchers)
  }

  /// Whether series with one of these sets of external labels can fulfil the matchers; without any set they can.
  static func mayHave(_ labelSets: [Labels], _ matchers: [LabelMatcher]) -> Bool {
    labelSets.isEmpty || labelSets.contains { Self.allows($0, matchers) }
  }

  /// Whether the store itself is meant, by `__address__` and its external labels.
  private func fulfils(_ matchers: [LabelMatcher]) -> Bool {
    let sets = labelSets.isEmpty ? [Labels()] : labelSets
    return sets.contains { set in
      matchers.allSatisfy { matcher in
        if matcher.name == "__address__" { return matcher.matches(address) }
        return set[matcher.name].map(matcher.matches) ?? true
      }
    }
  }

  /// Whether series with these external labels can fulfil the matchers.
  private static func allows(_ set: Labels, _ matchers: [LabelMatcher]) -> Bool {
    matchers.allSatisfy { matcher in set[matcher.name].map(matcher.matches) ?? true }
  }
}
