// Where an answer came from, as JSON: what `coverage=true` adds to it.
//
//   {"complete":true,"stores":[{"address":"…","type":"store","labelSets":[{…}],"minTime":…,"maxTime":…,"state":"complete",
//     "series":…,"rawChunks":…,"downsampledChunks":…,"dataMinTime":…,"dataMaxTime":…,
//     "blocks":[{"id":"01…","minTime":…,"maxTime":…,"resolution":300000}],"failures":["…"]}]}
internal import HTTPAPI
internal import StoreAPI
internal import StoreServing
internal import TSModel

enum CoverageJSON {
  static func value(_ coverage: Coverage) -> JSONValue {
    .object([
      .init("complete", .bool(coverage.isComplete)), .init("stores", .array(coverage.stores.map(value))),
    ])
  }

  private static func value(_ store: Coverage.StorePart) -> JSONValue {
    let state =
      store.failures.isEmpty ? "complete" : store.answeredCount > 0 || store.seriesCount > 0 ? "partial" : "failed"
    var members: [JSONValue.Member] = [
      .init("address", .string(store.address)), .init("type", .string(store.componentType)),
      .init(
        "labelSets",
        .array(store.labelSets.map { set in .object(set.map { .init($0.name, .string($0.value)) }) })),
      .init("minTime", .integer(store.timeRange.minTimeMs)), .init("maxTime", .integer(store.timeRange.maxTimeMs)),
      .init("state", .string(state)), .init("series", .integer(store.seriesCount)),
      .init("rawChunks", .integer(store.rawChunkCount)),
      .init("downsampledChunks", .integer(store.downsampledChunkCount)),
    ]
    if let times = store.chunkTimes {
      members.append(.init("dataMinTime", .integer(times.minTimeMs)))
      members.append(.init("dataMaxTime", .integer(times.maxTimeMs)))
    }
    if !store.blocks.isEmpty { members.append(.init("blocks", .array(store.blocks.map(value)))) }
    if !store.failures.isEmpty { members.append(.init("failures", .array(store.failures.map { .string($0) }))) }
    return .object(members)
  }

  private static func value(_ block: Coverage.BlockPart) -> JSONValue {
    var members: [JSONValue.Member] = [.init("id", .string(block.id))]
    if let extent = block.extent {
      members.append(.init("minTime", .integer(extent.timeRange.minTimeMs)))
      members.append(.init("maxTime", .integer(extent.timeRange.maxTimeMs)))
      members.append(.init("resolution", .integer(extent.resolutionMs)))
    }
    return .object(members)
  }
}

extension ShardInfo {
  /// The same part for stores.
  init(_ shard: SeriesShard) {
    self.init()
    (shardIndex, totalShards) = (shard.index, shard.count)
    (isBy, labels) = (shard.isBy, shard.labels)
  }
}
