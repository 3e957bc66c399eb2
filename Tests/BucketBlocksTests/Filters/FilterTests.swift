// Which blocks filters leave.
import BucketBlocks
import ObjectStore
import Storage
import TSModel
import TestSupport
import Testing

@Suite struct FilterTests {
  private func fetch(
    _ metas: [BlockMeta], _ filters: [any BlockFilter], nowMs: Int64 = 1_767_225_600_000
  ) async throws -> BlockView {
    let bucket = try await bucket(of: metas)
    return try await BlockFetcher(bucket: bucket, filters: filters, nowMs: { nowMs }).fetch()
  }

  @Test func rangeOfTimeTouchesBothEnds() async throws {
    let metas = [blockMeta(1, hours: 0...2), blockMeta(2, hours: 2...4), blockMeta(3, hours: 4...6)]
    func numbers(_ from: Int64, _ to: Int64) async throws -> [Int] {
      try await fetch(metas, [TimeRangeFilter(TimeRange(minTimeMs: from, maxTimeMs: to))]).numbers
    }
    #expect(try await numbers(0, .max) == [1, 2, 3])
    #expect(try await numbers(7_200_000, 7_200_000) == [1, 2])
    #expect(try await numbers(7_200_001, 14_399_999) == [2])
    #expect(try await numbers(.min, -1) == [])
    let view = try await fetch(metas, [TimeRangeFilter(TimeRange(minTimeMs: 30_000_000, maxTimeMs: .max))])
    #expect(view.counts[.timeExcluded] == 3 && view.blocks.isEmpty)
  }

  @Test func relabellingSeesExternalLabelsAndTheName() async throws {
    let metas = [
      blockMeta(1, labels: ["cluster": "a"]), blockMeta(2, labels: ["cluster": "b"]), blockMeta(3, labels: [:]),
    ]
    let keepB = try RelabelRule(action: .keep, sourceLabels: ["cluster"], regex: "b")
    #expect(try await fetch(metas, [RelabelFilter([keepB])]).numbers == [2])
    let dropOne = try RelabelRule(action: .drop, sourceLabels: ["__block_id"], regex: blockID(1).description)
    #expect(try await fetch(metas, [RelabelFilter([dropOne])]).numbers == [2, 3])
    #expect(try await fetch(metas, [RelabelFilter([])]).numbers == [1, 2, 3])
  }

  @Test func youngBlocksWaitUnlessACompactorMadeThem() async throws {
    let now = blockID(100).timeMs
    let metas = [
      blockMeta(69), blockMeta(71), blockMeta(72, source: "compactor"), blockMeta(73, source: "bucket.repair"),
      blockMeta(74, uploadTime: "2026-01-01T00:00:00Z"),
      blockMeta(1, uploadTime: TimestampText.nanoseconds(unixNs: (now - 60_000) * 1_000_000)),
    ]
    let view = try await fetch(metas, [ConsistencyDelayFilter(delayMs: 1_800_000)], nowMs: now)
    #expect(view.numbers == [69, 72, 73, 74])
    #expect(view.counts[.tooFresh] == 2)
    #expect(view.setAside[blockID(71)]?.reason.contains("1740 s old") == true)
    #expect(try await fetch(metas, [ConsistencyDelayFilter(delayMs: 0)], nowMs: now).numbers.count == 6)
  }

  @Test func blocksCoveredByOthersOfTheirResolutionAreDuplicates() async throws {
    func left(_ metas: [BlockMeta]) async throws -> [Int] { try await fetch(metas, [DuplicateFilter()]).numbers }
    #expect(try await left([blockMeta(1), blockMeta(2), blockMeta(3, sources: [1, 2])]) == [3])
    #expect(
      try await left([blockMeta(1, sources: [9, 8]), blockMeta(2, sources: [8, 9])]) == [1], "equal: the first name")
    #expect(
      try await left([blockMeta(1, sources: [1, 2]), blockMeta(2, sources: [2, 3])]) == [1, 2], "part of it only")
    #expect(
      try await left([
        blockMeta(1, sources: [7, 8]), blockMeta(2, sources: [7, 8], resolutionMs: 300_000),
        blockMeta(3, sources: [7], resolutionMs: 300_000), blockMeta(4, sources: [7], resolutionMs: 3_600_000),
      ]) == [1, 2, 4])
    #expect(
      try await left([blockMeta(1, sources: []), blockMeta(2, sources: [2])]) == [1, 2], "nothing is known of it")
    let view = try await fetch([blockMeta(1), blockMeta(3, sources: [1, 2])], [DuplicateFilter()])
    #expect(view.setAside[blockID(1)] == SetAside(.duplicate, "all of its sources are in block \(blockID(3)) as well"))
  }

  /// Slow and plain: a block goes where an earlier one in the order (most sources, then name) that stays has all it has.
  @Test func duplicatesAreThoseThatAPlainSearchFinds() async throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<50 {
      let metas = (0..<20).map { number in
        blockMeta(
          number,
          sources: (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 0..<6, using: &random) },
          resolutionMs: [0, 300_000].randomElement(using: &random)!)
      }
      let order = metas.sorted { a, b in
        let (left, right) = (a.compaction.sources.count, b.compaction.sources.count)
        return left != right ? left > right : a.ulid < b.ulid
      }
      var kept: [BlockMeta] = []
      for meta in order {
        let isCovered = kept.contains { other in
          other.thanos?.resolutionMs == meta.thanos?.resolutionMs
            && Set(meta.compaction.sources).isSubset(of: other.compaction.sources)
        }
        if !isCovered { kept.append(meta) }
      }
      let view = try await fetch(metas, [DuplicateFilter()])
      #expect(view.blocks.ids == kept.map(\.ulid).sorted())
    }
  }

  @Test func replicaLabelsAreTakenAway() async throws {
    let metas = [
      blockMeta(1, labels: ["cluster": "a", "replica": "1"]), blockMeta(2, labels: ["replica": "2", "rule": "x"]),
      blockMeta(3, labels: ["cluster": "a"]),
    ]
    let view = try await fetch(metas, [ReplicaLabelFilter(["replica", "rule"])])
    #expect(
      view.blocks.map { $0.thanos?.externalLabels } == [["cluster": "a"], ["replica": "deduped"], ["cluster": "a"]])
    #expect(view.removedReplicaLabelCount == 3)
  }

  @Test func marksForDeletionCountAfterTheirDelay() async throws {
    let now: Int64 = 2_000_000_000_000
    let bucket = WatchedBucket(try await bucket(of: (1...5).map { blockMeta($0) }))
    for (number, ageS) in [(1, 3600), (2, 3601), (3, 0)] as [(Int, Int64)] {
      try await BlockMarkers.set(
        DeletionMark(id: blockID(number), details: "old", deletionTimeS: now / 1000 - ageS), in: bucket)
    }
    try await bucket.upload("\(blockID(4))/deletion-mark.json", bytes: Array("{".utf8))
    try await bucket.upload("\(blockID(5))/deletion-mark.json", bytes: Array(#"{"version":9}"#.utf8))
    let fetcher = BlockFetcher(
      bucket: bucket, filters: [DeletionMarkFilter(delayMs: 3_600_000)], nowMs: { now })
    let view = try await fetcher.fetch()
    #expect(view.numbers == [1, 3, 4, 5])
    #expect(Set(view.deletionMarks.keys) == Set([1, 2, 3].map(blockID)))
    #expect(view.setAside[blockID(2)]?.state == .markedForDeletion)
    #expect(view.counts[.markedForDeletion] == 1)
    #expect(view.failures[blockID(5)]?.hasSuffix("unexpected deletion-mark file version 9, expected 1") == true)
    // A mark that cannot be looked at is remembered: the block does not come back.
    bucket.refused = ["\(blockID(2))/deletion-mark.json"]
    #expect(try await fetcher.fetch().numbers == [1, 3, 4, 5])
  }

  @Test func marksAgainstCompactionAreGathered() async throws {
    let bucket = try await bucket(of: [blockMeta(1), blockMeta(2)])
    let mark = NoCompactMark(id: blockID(1), noCompactTimeS: 5, reason: "manual")
    try await BlockMarkers.set(mark, in: bucket)
    try await BlockMarkers.set(NoDownsampleMark(id: blockID(2), noDownsampleTimeS: 5, reason: "manual"), in: bucket)
    let view = try await BlockFetcher(
      bucket: bucket, filters: [NoCompactMarkFilter(), NoDownsampleMarkFilter()]
    ).fetch()
    #expect(view.numbers == [1, 2])
    #expect(view.noCompactMarks == [blockID(1): mark])
    #expect(Array(view.noDownsampleMarks.keys) == [blockID(2)])
    #expect(view.counts[.markedForNoCompact] == 1)
  }
}
