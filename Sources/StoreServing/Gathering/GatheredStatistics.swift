// Statistics of many databases added up.
public import StoreAPI
internal import TSModel

extension Gathering {
  /// Statistics of all databases, by tenant. Throws where one fails and the request asks for all of them.
  public func statistics(
    _ request: TSDBStatisticsRequest, tenant: String
  ) async throws -> Gathered<[String: TSDBStatisticsEntry]> {
    let gathered: Gathered<[TSDBStatisticsMessage]>
    do { gathered = try await gather(request, tenant: tenant) } catch let error as GatheringError {
      throw GatheringError("proxy TSDBStatistics: \(error)")
    }
    var result: [String: TSDBStatisticsEntry] = [:]
    for (tenant, entry) in gathered.value.flatMap(\.statistics) {
      result[tenant] = result[tenant].map { StatisticsMerge.sum($0, entry) } ?? entry
    }
    return Gathered(value: result, warnings: gathered.warnings)
  }
}

/// Adds up statistics.
public enum StatisticsMerge {
  /// Both together. Numbers of series and bytes are added; of the values of a label, which several databases may share, the larger
  /// number counts.
  public static func sum(_ a: TSDBStatisticsEntry, _ b: TSDBStatisticsEntry) -> TSDBStatisticsEntry {
    var result = a
    let head = b.headStatistics
    result.headStatistics.seriesCount = saturated(a.headStatistics.seriesCount, head.seriesCount)
    result.headStatistics.labelPairCount = saturated(a.headStatistics.labelPairCount, head.labelPairCount)
    result.headStatistics.chunkCount = saturated(a.headStatistics.chunkCount, head.chunkCount)
    if a.headStatistics.minTimeMs <= 0 || a.headStatistics.minTimeMs > head.minTimeMs {
      result.headStatistics.minTimeMs = head.minTimeMs
    }
    result.headStatistics.maxTimeMs = max(a.headStatistics.maxTimeMs, head.maxTimeMs)
    result.seriesCountByMetricName = merged(a.seriesCountByMetricName, b.seriesCountByMetricName, saturated)
    result.labelValueCountByLabelName = merged(a.labelValueCountByLabelName, b.labelValueCountByLabelName, max)
    result.memoryInBytesByLabelName = merged(a.memoryInBytesByLabelName, b.memoryInBytesByLabelName, saturated)
    result.seriesCountByLabelValuePair = merged(a.seriesCountByLabelValuePair, b.seriesCountByLabelValuePair, saturated)
    return result
  }

  private static func saturated<Number: FixedWidthInteger>(_ a: Number, _ b: Number) -> Number {
    let (sum, overflows) = a.addingReportingOverflow(b)
    return overflows ? .max : sum
  }

  /// The largest first, equal ones by name.
  private static func merged(
    _ a: [StatisticMessage], _ b: [StatisticMessage], _ combine: (UInt64, UInt64) -> UInt64
  ) -> [StatisticMessage] {
    var values: [String: UInt64] = [:]
    for one in a + b { values[one.name] = values[one.name].map { combine($0, one.value) } ?? one.value }
    return values.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { name, value in
      var one = StatisticMessage()
      (one.name, one.value) = (name, value)
      return one
    }
  }
}
