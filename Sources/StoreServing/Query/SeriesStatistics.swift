// What makes the newest block large: series by metric name, label names with many values, label pairs with many series.
internal import Storage
internal import TSModel

/// Counts over the series of one block.
public struct SeriesStatistics: Sendable {
  /// A name with how many there are.
  public struct Count: Sendable, Equatable {
    /// What is counted.
    public var name: String
    /// How many there are.
    public var value: UInt64
  }

  /// Series.
  public var seriesCount = 0
  /// Chunks.
  public var chunkCount = 0
  /// Different label pairs.
  public var labelPairCount = 0
  /// Start of the block, milliseconds since the Unix epoch.
  public var minTimeMs = Int64.max
  /// Its end, exclusive, milliseconds.
  public var maxTimeExclusiveMs = Int64.min
  /// Metric names with the most series, the largest number first, as in the lists below.
  public var seriesByMetricName: [Count] = []
  /// Label names with the most values.
  public var valuesByLabelName: [Count] = []
  /// Label names with the most bytes: those of the values, once a series.
  public var bytesByLabelName: [Count] = []
  /// Label pairs, `name=value`, with the most series.
  public var seriesByLabelPair: [Count] = []
}

extension BlockQueryable {
  /// Statistics of the newest block, with lists of at most `limit` entries; of no series where there is no block.
  public func statistics(limit: Int) async throws -> SeriesStatistics {
    let newest = catalog.snapshot.blocks.filter { $0.resolutionMs == 0 }
      .max { ($0.maxTimeExclusiveMs, $0.ulid) < ($1.maxTimeExclusiveMs, $1.ulid) }
    guard let newest else { return SeriesStatistics() }
    return try await withTaskExecutorPreference(pool) {
      let block = try catalog.block(newest)
      var counts = PairCounts(symbols: block.index.symbols)
      try block.read(series: try block.index.select([]), loadsChunks: false) { batch in counts.add(batch) }
      var statistics = try counts.statistics(limit: max(0, limit))
      (statistics.minTimeMs, statistics.maxTimeExclusiveMs) = (newest.minTimeMs, newest.maxTimeExclusiveMs)
      return statistics
    }
  }
}

/// How many series have each label pair.
private struct PairCounts {
  private let symbols: any SymbolTable
  private var seriesCount = 0
  private var chunkCount = 0
  /// By symbol ids: name << 32 | value.
  private var seriesByPair: [UInt64: Int] = [:]

  init(symbols: any SymbolTable) { self.symbols = symbols }

  mutating func add(_ batch: SeriesBatch) {
    seriesCount += batch.seriesCount
    chunkCount += batch.chunkCount
    let ids = batch.labelIDs
    for pair in 0..<ids.count / 2 {
      seriesByPair[UInt64(ids[2 * pair]) << 32 | UInt64(ids[2 * pair + 1]), default: 0] += 1
    }
  }

  func statistics(limit: Int) throws -> SeriesStatistics {
    func text(_ id: UInt64) throws -> String {
      guard let text = symbols.string(UInt32(truncatingIfNeeded: id)) else { throw StoreServingErrors.labels }
      return text
    }
    var statistics = SeriesStatistics()
    statistics.seriesCount = seriesCount
    statistics.chunkCount = chunkCount
    statistics.labelPairCount = seriesByPair.count
    var (values, bytes, metrics): ([String: UInt64], [String: UInt64], [String: UInt64]) = ([:], [:], [:])
    var pairs: [(pair: UInt64, count: Int)] = []
    for (pair, count) in seriesByPair {
      let (name, value) = (try text(pair >> 32), try text(pair & 0xFFFF_FFFF))
      values[name, default: 0] += 1
      bytes[name, default: 0] += UInt64(value.utf8.count * count)
      if name == "__name__" { metrics[value] = UInt64(count) }
      pairs.append((pair, count))
    }
    pairs.sort { $0.count > $1.count }
    statistics.seriesByLabelPair = try pairs.prefix(limit).map {
      .init(name: "\(try text($0.pair >> 32))=\(try text($0.pair & 0xFFFF_FFFF))", value: UInt64($0.count))
    }
    func largest(_ counts: [String: UInt64]) -> [SeriesStatistics.Count] {
      counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit).map {
        .init(name: $0.key, value: $0.value)
      }
    }
    statistics.seriesByMetricName = largest(metrics)
    statistics.valuesByLabelName = largest(values)
    statistics.bytesByLabelName = largest(bytes)
    return statistics
  }
}
