// What queries read of blocks, compared with what was written into them.
import Foundation
import PromQL
import Storage
import StoreServing
import TSModel
import TestSupport
import Testing

@Suite struct BlockQueryableTests {
  private let pool = BlockingThreads(countMax: 2)

  private struct Read: Equatable {
    var times: [Int64]
    var values: [Double]
  }

  private func all(_ queryable: BlockQueryable, _ request: SelectRequest) async throws -> (
    series: [Labels: Read], order: [Labels], warnings: [String]
  ) {
    let stream = try await queryable.select(request)
    var (series, order) = ([Labels: Read](), [Labels]())
    var columns = SampleColumns()
    while let part = try await stream.next() {
      var sets = LabelSets()
      try part.appendLabels(to: &sets)
      for index in 0..<part.count {
        try part.decode(index, into: &columns)
        let (times, values) = (columns.floats.timestampsMs, columns.floats.values)
        let labels = Labels(sets[index])
        order.append(labels)
        series[labels] = Read(times: times.indices.map { times[$0] }, values: values.indices.map { values[$0] })
      }
    }
    return (series, order, stream.warnings)
  }

  private func everything() throws -> [LabelMatcher] { [try LabelMatcher(.notEqual, name: "__name__", value: "")] }

  /// Blocks whose ranges overlap in any way, some with external labels: each series once, in order, each time once.
  @Test func samplesOfOverlappingBlocksAreMerged() async throws {
    var random = SplitMix64(seed: 5)
    for round in 0..<8 {
      let blocks = try BlocksOfTest()
      var expected: [Labels: Set<Int64>] = [:]
      for _ in 0..<(2 + round % 3) {
        let series = (0..<Int(1 + random.next() % 40)).map { _ in
          Labels([("__name__", "m\(random.next() % 3)"), ("a", "v\(random.next() % 9)")])
        }
        let start = Int64(random.next() % 20) * 60_000 + Int64(random.next() % 3) * 7_000
        let end = start + Int64(1 + random.next() % 300) * 60_000
        let external: Labels = random.next() % 2 == 0 ? Labels() : ["cluster": "c"]
        try blocks.add(series, external: external, minTimeMs: start, maxTimeExclusiveMs: end)
        for labels in Set(series) {
          var pairs = labels.map { (name: $0.name, value: $0.value) }
          pairs += external.map { (name: $0.name, value: $0.value) }
          expected[Labels(pairs), default: []].formUnion(stride(from: start, to: end, by: 60_000))
        }
      }
      let (series, order, warnings) = try await all(
        BlockQueryable(blocks.catalog(), pool: pool), SelectRequest(matchers: everything(), timeRange: .all))
      #expect(warnings.isEmpty)
      #expect(order == expected.keys.sorted(), "round \(round)")
      for (labels, times) in expected {
        let times = times.sorted()
        #expect(series[labels] == Read(times: times, values: times.map(Double.init)), "\(labels), round \(round)")
      }
    }
  }

  @Test func samplesThatAreDeletedInPartAreLeftOut() async throws {
    let blocks = try BlocksOfTest()
    let labels: Labels = ["__name__": "m", "a": "1"]
    let entry = try blocks.add([labels, ["__name__": "m", "a": "2"]])
    let block = try Block.open(path: blocks.path(entry))
    let refs = try block.index.select([try LabelMatcher(.equal, name: "a", value: "1")])
    var tombstones = Tombstones()
    tombstones.add(TimeRange(minTimeMs: 60_000, maxTimeMs: 180_000), toSeries: UInt64(try #require(refs.first)))
    try Data(tombstones.encoded()).write(to: URL(fileURLWithPath: blocks.path(entry) + "/tombstones"))

    let (series, _, _) = try await all(
      BlockQueryable(blocks.catalog(), pool: pool), SelectRequest(matchers: everything(), timeRange: .all))
    let left = [0] + Array(stride(from: Int64(240_000), to: 600_000, by: 60_000))
    #expect(series[labels]?.times == left)
    #expect(series[["__name__": "m", "a": "2"]]?.times.count == 10)
  }

  /// A block that is gone when it is to be opened: with `refresh` what took its place answers, without it a warning tells.
  @Test func aBlockThatIsGoneCostsAWarningUnlessAnotherTookItsPlace() async throws {
    let blocks = try BlocksOfTest()
    let old = try blocks.add([["__name__": "m"]])
    let catalog = blocks.catalog()
    try FileManager.default.removeItem(atPath: blocks.path(old))
    let request = SelectRequest(matchers: try everything(), timeRange: .all)
    let (missing, _, warnings) = try await all(BlockQueryable(catalog, pool: pool), request)
    #expect(missing.isEmpty)
    #expect(warnings.count == 1 && warnings[0].contains("\(old.ulid)"))

    let new = try blocks.add([["__name__": "m"]])
    let refreshed = BlockQueryable(catalog, pool: pool, refresh: { catalog.replace(with: [new]) })
    let (series, _, none) = try await all(refreshed, request)
    #expect(none.isEmpty)
    #expect(series[["__name__": "m"]]?.times.count == 10)
  }

  @Test func labelNamesAndValuesAreThoseOfSeriesThatMatch() async throws {
    let blocks = try BlocksOfTest()
    try blocks.add([["__name__": "m", "a": "1"], ["__name__": "n", "b": "2"]])
    try blocks.add([["__name__": "m", "a": "3", "c": "4"]], external: ["replica": "r"], minTimeMs: 600_000)
    let queryable = BlockQueryable(blocks.catalog(), pool: pool)
    func names(_ sets: [[LabelMatcher]], _ range: TimeRange = .all, limit: Int = 0) async throws -> [String] {
      var request = LabelRequest(matcherSets: sets, timeRange: range)
      request.limit = limit
      return try await queryable.labelNames(request).strings
    }
    let isN = [try LabelMatcher(.equal, name: "__name__", value: "n")]
    let isReplica = [try LabelMatcher(.equal, name: "replica", value: "r")]
    #expect(try await names([]) == ["__name__", "a", "b", "c", "replica"])
    #expect(try await names([isN]) == ["__name__", "b"])
    #expect(try await names([isN, isReplica]) == ["__name__", "a", "b", "c", "replica"])
    #expect(try await names([], limit: 2) == ["__name__", "a"])
    #expect(try await names([], TimeRange(minTimeMs: 0, maxTimeMs: 1000)) == ["__name__", "a", "b"])
    let request = LabelRequest(matcherSets: [], timeRange: .all)
    #expect(try await queryable.labelValues(of: "a", request).strings == ["1", "3"])
    #expect(try await queryable.labelValues(of: "replica", request).strings == ["r"])
    #expect(try await queryable.labelValues(of: "none", request).strings == [])
  }

  @Test func seriesWithoutSamplesAndALimitedNumberOfThem() async throws {
    let blocks = try BlocksOfTest()
    try blocks.add((0..<2000).map { ["__name__": "m", "a": "\($0)"] })
    let queryable = BlockQueryable(blocks.catalog(), pool: pool)
    var request = SelectRequest(matchers: try everything(), timeRange: .all)
    request.wantsSamples = false
    #expect(try await all(queryable, request).order.count == 2000)
    request.limit = 700
    #expect(try await all(queryable, request).order.count == 700)
  }
}
