// All blocks of a store at one moment: by external labels, then by resolution, then by time. It never changes, so that a
// request that holds one is not concerned by blocks that come and go.
//
//   {cluster="a"}   1h  |----------------|
//                   5m  |------------------------|
//                   raw      |---|---|---|---|---|---|---|
//   {cluster="b"}   raw  |---|---|
//
// A time range is covered by the coarsest blocks that will do; finer ones fill the gaps between them.
internal import TSModel

/// The blocks of a store at one moment.
final class BlockSnapshot: Sendable {
  /// Blocks of one set of external labels.
  struct Group: Sendable {
    /// The labels.
    let externalLabels: Labels
    /// Blocks of each resolution, the coarsest first, each by time.
    let levels: [Level]
  }

  /// Blocks of one resolution, ascending by (first, last) time.
  struct Level: Sendable {
    let resolutionMs: Int64
    let blocks: [ServedBlock]
  }

  /// Ascending by external labels.
  let groups: [Group]
  /// How many blocks there are.
  let count: Int

  /// No blocks.
  init() {
    groups = []
    count = 0
  }

  /// `blocks`, each name once: the last one counts. Equal external labels are kept once.
  init(_ blocks: [ServedBlock]) {
    var byName: [ULID: ServedBlock] = [:]
    for block in blocks { byName[block.ulid] = block }
    var byLabels: [Labels: [Int64: [ServedBlock]]] = [:]
    for block in byName.values {
      byLabels[block.externalLabels, default: [:]][block.resolutionMs, default: []].append(block)
    }
    groups = byLabels.map { labels, levels in
      Group(
        externalLabels: labels,
        levels: levels.map { resolutionMs, blocks in
          Level(
            resolutionMs: resolutionMs,
            blocks: blocks.map { block in
              var block = block
              block.externalLabels = labels
              return block
            }.sorted {
              ($0.minTimeMs, $0.maxTimeExclusiveMs, $0.ulid) < ($1.minTimeMs, $1.maxTimeExclusiveMs, $1.ulid)
            })
        }.sorted { $0.resolutionMs > $1.resolutionMs })
    }.sorted { $0.externalLabels < $1.externalLabels }
    count = byName.count
  }

  /// All blocks, group by group.
  var blocks: [ServedBlock] { groups.flatMap { $0.levels.flatMap(\.blocks) } }
}

extension BlockSnapshot.Group {
  /// The blocks that together answer for the closed range from `minTimeMs` to `maxTimeMs`, none coarser than
  /// `maxResolutionMs`, each once.
  func blocks(minTimeMs: Int64, maxTimeMs: Int64, maxResolutionMs: Int64) -> [ServedBlock] {
    guard let first = levels.firstIndex(where: { $0.resolutionMs <= maxResolutionMs }) else { return [] }
    var found: [ServedBlock] = []
    cover(minTimeMs, maxTimeMs, from: first, &found)
    guard levels.count - first > 1 else { return found }
    // A fine block that reaches over several gaps was found once for each.
    var seen: Set<ULID> = []
    return found.filter { seen.insert($0.ulid).inserted }
  }

  /// As deep as there are resolutions.
  private func cover(_ minTimeMs: Int64, _ maxTimeMs: Int64, from level: Int, _ found: inout [ServedBlock]) {
    guard minTimeMs <= maxTimeMs, level < levels.count else { return }
    var startMs = minTimeMs
    for block in levels[level].blocks {
      if block.maxTimeExclusiveMs <= minTimeMs { continue }
      if block.minTimeMs > maxTimeMs { break }
      if block.minTimeMs > .min { cover(startMs, block.minTimeMs - 1, from: level + 1, &found) }
      found.append(block)
      startMs = block.maxTimeExclusiveMs
    }
    cover(startMs, maxTimeMs, from: level + 1, &found)
  }
}
