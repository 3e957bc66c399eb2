// What comes out of many blocks, compared with plain sets of labels.
import Storage
import StoreAPI
import StoreServing
import TSModel
import TestSupport
import Testing

@Suite struct MergedSeriesTests {
  /// Blocks with labels of all kinds, external labels that lie anywhere among them, labels that are left out: the answer is
  /// sorted, each series once, whatever the windows.
  @Test func answersAreSortedAndWholeWhateverTheLabels() async throws {
    var random = SplitMix64(seed: 31)
    let names = ["a", "b", "c", "d", "replica", "z"]
    let externals: [Labels] = [Labels(), ["replica": "r1"], ["b": "ext", "x": "1"], ["A": "0"]]
    for round in 0..<12 {
      let blocks = try BlocksOfTest()
      var own: [(ServedBlock, [Labels])] = []
      for _ in 0..<Int(1 + random.next() % 4) {
        let series = (0..<Int(1 + random.next() % 400)).map { number -> Labels in
          var pairs = [(name: "__name__", value: "m\(random.next() % 3)")]
          for name in names where random.next() % 3 == 0 { pairs.append((name: name, value: "v\(random.next() % 4)")) }
          return Labels(pairs)
        }
        let entry = try blocks.add(series, external: externals[Int(random.next() % 4)])
        own.append((entry, Array(Set(series))))
      }
      let dropped = [[], ["replica"], ["b", "nothing"], ["__name__"]][round % 4]
      var expected: Set<Labels> = []
      for (entry, series) in own {
        for labels in series {
          var pairs = Dictionary(uniqueKeysWithValues: labels.map { ($0.name, $0.value) })
          for label in entry.externalLabels { pairs[label.name] = label.value }
          for name in dropped { pairs[name] = nil }
          expected.insert(Labels(pairs.map { (name: $0.key, value: $0.value) }))
        }
      }
      let asked = try request {
        $0.withoutReplicaLabels = dropped
        $0.responseBatchSize = Int64(random.next() % 70)
      }
      let (labels, answer) = try await series(blocks.store(), asked)
      #expect(labels == expected.sorted(), "round \(round)")
      // All blocks have the same samples: each chunk is there once.
      #expect(answer.chunks.allSatisfy { $0.count == 1 && $0[0].raw != nil })
      // The first series of a limited answer are those of the whole one.
      let limited = try await series(
        blocks.store(),
        request {
          $0.withoutReplicaLabels = dropped
          $0.limit = 7
        })
      #expect(limited.labels == Array(expected.sorted().prefix(7)))
      // Shards are a partition.
      var shards: [Labels] = []
      for index in 0..<3 {
        shards += try await series(
          blocks.store(),
          request {
            $0.withoutReplicaLabels = dropped
            var shard = ShardInfo()
            (shard.shardIndex, shard.totalShards, shard.labels) = (Int64(index), 3, ["a"])
            $0.shardInfo = shard
          }
        ).labels
      }
      #expect(shards.count == expected.count && Set(shards) == expected)
    }
  }

  @Test func manySeriesComeInMessagesOfModestSize() async throws {
    let blocks = try BlocksOfTest()
    try blocks.add((0..<5000).map { Labels(dictionaryLiteral: ("__name__", "m"), ("n", "\(10_000 + $0)")) })
    let asked = try request { $0.responseBatchSize = 64 }
    var largest = 0
    var messages = 0
    try await blocks.store().series(asked) { framed in
      largest = max(largest, framed.frames.count)
      messages += framed.messageCount
    }
    #expect(largest <= 64 << 10 && messages >= 5000 / 64 && messages < 120)
  }

  /// Chunks in encodings that messages have no type for are no reason to fail the rest.
  @Test func hintsTellTheBlocksWhereTheyAreWanted() async throws {
    let blocks = try BlocksOfTest()
    let entry = try blocks.add([["__name__": "m"]])
    let collected = Collected()
    let store = blocks.store { $0.sendsSeriesHints = true }
    var hints = SeriesRequestHints()
    hints.wantsQueryStats = true
    let asked = try request { $0.hints = AnyMessage(packing: hints, named: "hintspb.SeriesRequestHints") }
    try await store.series(asked) { try collected.add($0) }
    guard case .hints(let any) = try SeriesResponse(protobuf: collected.messages.last ?? []).result else {
      Issue.record("the last message holds no hints")
      return
    }
    let found: SeriesResponseHints = try any.unpacked(named: "hintspb.SeriesResponseHints")
    #expect(found.queriedBlocks.map(\.id) == [entry.ulid.description])
    #expect(found.queryStats?.mergedSeriesCount == 1 && found.queryStats?.mergedChunksCount == 1)
  }
}

@Suite struct ChunkConversionTests {
  /// Chunks with start timestamps, which the StoreAPI has no type for, are sent as chunks of the same samples.
  @Test func newerEncodingsAreSentAsTheOlderOnes() async throws {
    let blocks = try BlocksOfTest()
    try blocks.add([["__name__": "m"]], encoding: .xor2)
    let (_, answer) = try await series(blocks.store(), request())
    let chunk = try #require(answer.chunks.first?.first)
    #expect(chunk.raw?.encoding == .xor && chunk.minTimeMs == 0 && chunk.maxTimeMs == 540_000)
    let data = try #require(chunk.raw?.data)
    var floats = FloatColumns()
    try floats.append(decoding: data.span.bytes, encoding: .xor)
    let (times, values) = (floats.timestampsMs, floats.values)
    #expect(times.indices.map { times[$0] } == Array(stride(from: 0, to: 600_000, by: 60_000)))
    #expect(values.indices.map { values[$0] } == Array(stride(from: 0, to: 600_000, by: 60_000)))
  }
}
