// Statistics of series, counted from their labels: for sources that do not keep any.
public import PromQL
public import TSModel

/// Counts the series of a source, and which labels they have.
///
/// All labels are read for each request: about a second a million series. What is held in memory is a number for each pair of a
/// label's name and value.
public struct SeriesStatistics: TSDBStatusSource {
  /// What labels do not tell.
  public struct Facts: Sendable {
    /// Chunks of all series.
    public var chunkCount: Int64 = 0
    /// The oldest sample, milliseconds since the Unix epoch.
    public var minTimeMs: Int64 = 0
    /// The newest sample, milliseconds since the Unix epoch.
    public var maxTimeMs: Int64 = 0

    /// Nothing known.
    public init() {}
  }

  private let source: any Queryable
  private let facts: @Sendable () async throws -> Facts

  /// Statistics of all series of `source`.
  public init(_ source: any Queryable, facts: @escaping @Sendable () async throws -> Facts = { Facts() }) {
    self.source = source
    self.facts = facts
  }

  /// See `TSDBStatusSource`.
  public func tsdbStatus(limit: Int, matchers: [LabelMatcher]) async throws -> TSDBStatus {
    var tally = LabelTally()
    let every = try LabelMatcher(.notEqual, name: "__name__", value: "")
    let unnamed = try LabelMatcher(.equal, name: "__name__", value: "")
    for matcher in [every, unnamed] {
      var request = SelectRequest(matchers: [matcher] + matchers, timeRange: .all)
      request.function = "series"
      request.wantsSamples = false
      let stream = try await source.select(request)
      while let part = try await stream.next() {
        try Task.checkCancellation()
        var sets = LabelSets()
        try part.appendLabels(to: &sets)
        for index in 0..<sets.count { tally.add(sets[index]) }
      }
    }
    let facts = try await facts()
    var status = tally.status(limit: limit)
    status.chunkCount = facts.chunkCount
    status.minTimeMs = facts.minTimeMs
    status.maxTimeMs = facts.maxTimeMs
    return status
  }
}

/// Numbers of labels.
private struct LabelTally {
  private struct OfName {
    var values: [LabelBytes: UInt64] = [:]
    var valueBytes: UInt64 = 0

    mutating func add(_ value: LabelBytes) {
      valueBytes += UInt64(value.count)
      if let place = values.index(forKey: value) {
        values.values[place] += 1
      } else {
        values[LabelTally.copy(value)] = 1
      }
    }
  }

  private var seriesCount: UInt64 = 0
  private var names: [LabelBytes: OfName] = [:]

  mutating func add(_ set: LabelBytes) {
    seriesCount += 1
    for label in LabelBytesIterator(set) {
      // Keys are copied when they are new, so that they do not keep the labels of a whole part.
      if names[label.name] == nil { names[Self.copy(label.name)] = OfName() }
      guard let place = names.index(forKey: label.name) else { continue }
      names.values[place].add(label.value)
    }
  }

  private static func copy(_ bytes: LabelBytes) -> LabelBytes { Array(bytes)[...] }

  func status(limit: Int) -> TSDBStatus {
    func text(_ bytes: LabelBytes) -> String { String(decoding: bytes, as: UTF8.self) }
    func largest(_ counts: [TSDBStatus.Count]) -> [TSDBStatus.Count] {
      Array(
        counts.sorted { a, b in
          a.value != b.value ? a.value > b.value : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
        }.prefix(limit))
    }
    var status = TSDBStatus()
    status.seriesCount = seriesCount
    status.labelPairCount = names.values.reduce(0) { $0 + $1.values.count }
    let metricNames = names[Array("__name__".utf8)[...]]?.values ?? [:]
    status.seriesCountByMetricName = largest(metricNames.map { .init(name: text($0.key), value: $0.value) })
    status.valueCountByLabelName = largest(
      names.map { .init(name: text($0.key), value: UInt64($0.value.values.count)) })
    status.bytesByLabelName = largest(names.map { .init(name: text($0.key), value: $0.value.valueBytes) })
    var pairs: [TSDBStatus.Count] = []
    for (name, ofName) in names {
      let top = largest(ofName.values.map { .init(name: text($0.key), value: $0.value) })
      pairs += top.map { .init(name: "\(text(name))=\($0.name)", value: $0.value) }
    }
    status.seriesCountByLabelPair = largest(pairs)
    return status
  }
}
