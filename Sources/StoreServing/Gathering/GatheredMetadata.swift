// Metadata of metrics of many servers.
public import StoreAPI
internal import TSModel

extension Gathering {
  /// What all servers know of each metric, every description once; of `request.limit` metrics at most (negative: all), the first by
  /// name. Throws where a server fails and the request asks for all of them.
  public func metadata(
    _ request: MetricMetadataRequest, tenant: String
  ) async throws -> Gathered<[String: MetricMetadataEntry]> {
    let gathered: Gathered<[MetricMetadataMessage]>
    do { gathered = try await gather(request, tenant: tenant) } catch let error as GatheringError {
      throw GatheringError("proxy MetricMetadata: \(error)")
    }
    return Gathered(
      value: MetadataMerge.merged(gathered.value, limit: Int(request.limit)), warnings: gathered.warnings)
  }
}

enum MetadataMerge {
  static func merged(_ messages: [MetricMetadataMessage], limit: Int) -> [String: MetricMetadataEntry] {
    guard limit != 0 else { return [:] }
    var result: [String: MetricMetadataEntry] = [:]
    for (name, entry) in messages.flatMap(\.metadata) {
      var known = result[name] ?? MetricMetadataEntry()
      for meta in entry.metas where !known.metas.contains(meta) { known.metas.append(meta) }
      result[name] = known
    }
    guard limit > 0, result.count > limit else { return result }
    let kept = Set(result.keys.sorted().prefix(limit))
    return result.filter { kept.contains($0.key) }
  }
}
