// Messages of stores as windows of a merge: what comes out is what a slow reader finds in them, in whatever order fields come.
import StoreAPI
import TSModel
import TestSupport
import Testing

@testable import StoreServing
@testable import Transport

@Suite struct WireWindowTests {
  /// A message with series of one label set each, every one with a chunk that tells its number.
  private static func message(_ sets: [[(String, String)]], first: Int = 0) -> SeriesResponse {
    var batch = SeriesBatchMessage()
    for (index, set) in sets.enumerated() {
      var series = SeriesMessage()
      series.labels = set.map { name, value in
        var label = LabelMessage()
        (label.name, label.value) = (name, value)
        return label
      }
      var chunk = AggregateChunkMessage()
      (chunk.minTimeMs, chunk.maxTimeMs) = (Int64(first + index), Int64(first + index) + 10)
      var raw = ChunkMessage()
      raw.data = [0, 1, UInt8(truncatingIfNeeded: index)]
      chunk.raw = raw
      series.chunks = [chunk]
      batch.series.append(series)
    }
    return sets.count == 1 ? SeriesResponse(.series(batch.series[0])) : SeriesResponse(.batch(batch))
  }

  /// What a merge of one window gives: labels as texts, and the times of their chunks.
  private static func merged(
    _ messages: [[UInt8]], dropping: [String] = [], sorting: Bool = false
  ) throws -> (series: [String], times: [[Int64]], isInOrder: Bool, warnings: [String]) {
    let budget = MemoryBudget(name: "test")
    let window = try WireWindow(budget: budget)
    for message in messages {
      try window.append(GRPCMessages(message: message), dropping: dropping.map { Array($0.utf8) })
    }
    let isInOrder = try window.finish(sorting: sorting, after: nil)
    let merger = try SeriesMerger(sourceCount: 1, SeriesEncoding(batchSize: 0, aggregates: 0), budget: budget)
    merger.push(window, of: 0, isLast: true, withChunks: true)
    var (series, times): ([String], [[Int64]]) = ([], [])
    loop: while true {
      let step = try merger.step()
      while let part = try merger.takeSeries(limit: 0, budget: budget) {
        var sets = LabelSets()
        try part.appendLabels(to: &sets)
        for index in 0..<part.count {
          series.append(Labels(sets[index]).description)
          times.append(part.chunkRange(index).map { part.timeRange(ofChunk: $0).minTimeMs })
        }
      }
      if case .end = step { break loop }
    }
    return (series, times, isInOrder, window.warnings)
  }

  private static func text(_ set: [(String, String)]) -> String {
    Labels(set.map { (name: $0.0, value: $0.1) }).description
  }

  @Test func seriesAreThoseOfTheMessages() throws {
    let sets = [
      [("__name__", "a"), ("job", "x")], [("__name__", "a"), ("job", "y")],
      [("__name__", "b"), ("long", String(repeating: "v", count: 300)), ("z", "ü")],
    ]
    let found = try Self.merged([Self.message(sets).encoded()])
    #expect(found.series == sets.map(Self.text) && found.isInOrder)
    #expect(found.times == [[0], [1], [2]])
    let one = try Self.merged(sets.enumerated().map { Self.message([$1], first: $0).encoded() })
    #expect(one.series == found.series && one.times == found.times)
  }

  @Test func labelsInAnyOrderAreTheSameSeries() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<500 {
      let set = (0..<random.below(6) + 1).map { ("n\($0)", "v\(random.below(3))") }
      let shuffled = set.shuffled(using: &random)
      // An empty label is none; a name that comes again replaces the first.
      let written = shuffled + [("empty", "")] + (random.below(2) == 0 ? [set[0]] : [])
      let found = try Self.merged([Self.message([set]).encoded(), Self.message([written]).encoded()])
      #expect(found.series == [Self.text(set)] && found.isInOrder, "\(written)")
      #expect(found.times == [[0]], "the same chunk is there once")
    }
  }

  @Test func fieldsOfOthersAreSkipped() throws {
    // A series: an unknown varint, a chunk, an unknown string, labels, and an unknown fixed number.
    let plain = Self.message([[("a", "b"), ("c", "d")]]).encoded()
    let series = Array(plain[2...])
    let (labels, chunk) = (Array(series[0..<16]), Array(series[16...]))
    let inner = [0x78, 0x05] + chunk + [0x7A, 2, 1, 2] + labels + [0x65, 1, 2, 3, 4]
    let message = [0x0A, UInt8(inner.count)] + inner
    let found = try Self.merged([message])
    #expect(found.series == [Self.text([("a", "b"), ("c", "d")])] && found.times == [[0]])
  }

  @Test func replicaLabelsAreLeftOutAndSeriesSorted() throws {
    let sets = [
      [("__name__", "a"), ("replica", "1"), ("z", "2")], [("__name__", "a"), ("replica", "2"), ("z", "1")],
      [("__name__", "a"), ("replica", "2"), ("z", "2")],
    ]
    let found = try Self.merged([Self.message(sets).encoded()], dropping: ["replica"], sorting: true)
    #expect(found.series == [[("__name__", "a"), ("z", "1")], [("__name__", "a"), ("z", "2")]].map(Self.text))
    #expect(found.times == [[1], [0, 2]])
  }

  @Test func seriesOutOfOrderEndTheWindow() throws {
    let sets = [[("a", "1")], [("a", "3")], [("a", "2")], [("a", "4")]]
    let found = try Self.merged([Self.message(sets).encoded()])
    #expect(!found.isInOrder && found.series == [Self.text(sets[0]), Self.text(sets[1])])
  }

  @Test func warningsAreKept() throws {
    let found = try Self.merged([
      SeriesResponse(.warning("half of it")).encoded(), Self.message([[("a", "1")]]).encoded(),
    ])
    #expect(found.warnings == ["half of it"] && found.series.count == 1)
  }

  /// Any damage is an error or other series, never more.
  @Test func damagedMessagesAreErrors() throws {
    let whole = Self.message([[("__name__", "a"), ("job", "x")], [("__name__", "b")]]).encoded()
    var refused = 0
    for length in 0..<whole.count {
      do { _ = try Self.merged([Array(whole[..<length])]) } catch is WireWindow.Refusal { refused += 1 }
    }
    #expect(refused > whole.count / 2)
    var random = SplitMix64(seed: 3)
    for index in whole.indices {
      for _ in 0..<8 {
        var bytes = whole
        bytes[index] = UInt8(truncatingIfNeeded: random.next())
        do {
          _ = try Self.merged([bytes], dropping: random.below(2) == 0 ? ["job"] : [], sorting: true)
        } catch is WireWindow.Refusal {}
      }
    }
    var huge = [UInt8](repeating: 0, count: 0)
    for index in stride(from: 6000, to: 0, by: -1) {
      var label = LabelMessage()
      (label.name, label.value) = ("n\(index)", "v")
      let bytes = label.encoded()
      huge += [0x0A, UInt8(bytes.count)] + bytes
    }
    var writer = [UInt8]()
    var length = huge.count
    while length >= 0x80 {
      writer.append(UInt8(length & 0x7F) | 0x80)
      length >>= 7
    }
    let message = [0x0A] + writer + [UInt8(length)] + huge
    #expect(throws: WireWindow.Refusal.self) { try Self.merged([message]) }
  }

  @Test func memoryIsChargedAndGivenBack() throws {
    let message = Self.message((0..<200).map { [("a", "\(1000 + $0)")] }).encoded()
    let budget = MemoryBudget(name: "test", limitBytes: 1 << 20)
    do {
      let window = try WireWindow(budget: budget)
      try window.append(GRPCMessages(message: message), dropping: [])
      #expect(budget.usedBytes > message.count)
    }
    #expect(budget.usedBytes == 0)
    let small = MemoryBudget(name: "small", limitBytes: 1000)
    #expect(throws: WireWindow.Refusal.self) {
      try WireWindow(budget: small).append(GRPCMessages(message: message), dropping: [])
    }
    #expect(small.usedBytes == 0)
  }
}
