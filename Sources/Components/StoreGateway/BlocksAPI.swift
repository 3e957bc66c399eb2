// `/api/v1/blocks`: what the pages and people ask about blocks.
internal import BucketBlocks
internal import ComponentSupport
internal import ObjectStore
internal import StoreServing
internal import TSModel
internal import Transport

/// Answers with the blocks that are served, or with those that are set aside.
struct BlocksAPI: Sendable {
  let sync: BlockSync
  let bucket: any Bucket
  let label: String

  /// `view=loaded`: the blocks that are served, by their meta.json. `view=bad`: those that are set aside, with the reason. Any other view
  /// is that of the whole bucket, which a store gateway does not have: empty, as upstream.
  func answer(_ call: HTTPCall) async throws -> JSONValue {
    switch try call.query()["view"] ?? "" {
    case "loaded":
      let status = sync.status
      return list(await loaded(), refreshedMs: status.syncedMs, failure: status.failure)
    case "bad":
      let bad = sync.status.bad
      guard !bad.isEmpty else { return list([], refreshedMs: 0, failure: nil) }
      return list(
        bad.sorted { $0.key < $1.key }.map { ulid, block in
          .object([
            .init("ulid", .string("\(ulid)")), .init("state", .string(block.state)),
            .init("reason", .string(block.reason)),
          ])
        }, refreshedMs: sync.status.syncedMs, failure: nil)
    default: return list([], refreshedMs: 0, failure: nil)
    }
  }

  /// The metas as the bucket has them now; a block that vanished meanwhile is left out.
  private func loaded() async -> [JSONValue] {
    var metas: [JSONValue] = []
    for entry in sync.catalog.blocks.sorted(by: { ($0.minTimeMs, $0.ulid) < ($1.minTimeMs, $1.ulid) }) {
      guard let bytes = try? await bucket.get("\(entry.ulid)/meta.json"), let meta = try? JSONValue(parsing: bytes)
      else {
        continue
      }
      metas.append(meta)
    }
    return metas
  }

  private func list(_ blocks: [JSONValue], refreshedMs: Int64, failure: String?) -> JSONValue {
    .object([
      .init("label", .string(label)), .init("blocks", .array(blocks)),
      .init(
        "refreshedAt",
        .string(refreshedMs == 0 ? "0001-01-01T00:00:00Z" : TimestampText.nanoseconds(unixNs: refreshedMs * 1_000_000))),
      .init("err", failure.map { .string($0) } ?? .null),
    ])
  }
}
