// Matchers to series: Prometheus' recorded answers, the semantics one by one, and random matchers over random series.
import Foundation
import PromQL
import Storage
import TSModel
import TestSupport
import Testing

/// An index of the series `labels`, which need not be sorted, in a temporary folder.
private func makeIndex(_ labels: [Labels]) throws -> (index: IndexReader, labels: [Labels], folder: TemporaryFolder) {
  let folder = try TemporaryFolder("selection")
  var writer = try IndexWriter(path: folder.file("index"), memoryLimitBytes: 16 << 20)
  let symbols = Set(labels.joined().flatMap { [$0.name, $0.value] }.map { Array($0.utf8) })
    .sorted { $0.lexicographicallyPrecedes($1) }
  var ids: [[UInt8]: UInt32] = [:]
  for (id, symbol) in symbols.enumerated() {
    ids[symbol] = UInt32(id)
    try writer.addSymbol(String(decoding: symbol, as: UTF8.self))
  }
  let sorted = Set(labels).sorted()
  for series in sorted {
    let pairs = series.flatMap { [ids[Array($0.name.utf8)]!, ids[Array($0.value.utf8)]!] }
    try writer.addSeries(labelIDs: pairs, chunks: [])
  }
  try writer.finish()
  return (try IndexReader(MappedFile(path: folder.file("index"))), sorted, folder)
}

private func labels(_ index: IndexReader, _ matchers: [LabelMatcher]) throws -> [Labels] {
  let batch = SeriesBatch(symbols: index.symbols)
  let refs = try index.select(matchers)
  #expect(zip(refs, refs.dropFirst()).allSatisfy { $0 < $1 })
  try index.series(refs, into: batch)
  return (0..<batch.seriesCount).map { batch.labels(at: $0) }
}

private func matchers(_ selector: String) throws -> [LabelMatcher] {
  try LabelMatcher.parse(selector: selector, allowingEmpty: true)
}

/// What the matchers say of each series by itself.
private func obvious(_ all: [Labels], _ matchers: [LabelMatcher]) -> [Labels] {
  all.filter { series in matchers.allSatisfy { $0.matches(series[$0.name] ?? "") } }
}

@Suite("Selection") struct SelectionTests {
  private static let small: [Labels] = [
    ["n": "1"], ["n": "1", "i": "a"], ["n": "1", "i": "b"], ["n": "2"], ["n": "2.5"], ["n": "1", "i": "c"],
    ["name": "testbar"], ["name": "testfoo"], ["n": "x1"],
  ]

  @Test(arguments: [
    ("{n=\"1\"}", 4), ("{n=\"1\",i=\"a\"}", 1), ("{n=\"1\",i=\"missing\"}", 0), ("{missing=\"\"}", 9),
    ("{missing!=\"\"}", 0), ("{i=\"\"}", 6), ("{i=~\"a?\"}", 7), ("{n=\"1\",i=~\"^a?$\"}", 2),
    ("{n=\"1\",i!~\"^a?$\"}", 2), ("{i=~\"c||d\"}", 7), ("{n=~\"x1|2\"}", 2), ("{n=~\"1|2\"}", 5),
    ("{n=~\"2|2\\\\.5\"}", 2), ("{n=\"1\",i!=\"\",i=\"a\"}", 1), ("{n=\"1\",i!=\"\",i!=\"a\"}", 2),
    ("{n=\"1\",n=\"2\"}", 0), ("{n=\"1\",n=\"1\",n=\"1\",n=\"1\",n=\"1\"}", 4),
    ("{name=~\"test.*\",name!~\"testfoo\",name!=\"\"}", 1), ("{n!=\"1\"}", 5), ("{n!=\"1\",n!=\"\"}", 3),
    ("{n=~\".*\"}", 9), ("{n=~\".+\"}", 7), ("{n!~\".*\"}", 0), ("{n!~\".+\"}", 2), ("{n=~\"\"}", 2), ("{n!~\"\"}", 7),
    ("{i=~\"a?\",i!=\"\"}", 1), ("{i=~\".*\",n=\"2\"}", 1), ("{n=~\".*\",n!~\"1|\"}", 3), ("{}", 9),
    ("{n!=\"missing\"}", 9), ("{n!~\"missing|\"}", 7), ("{n=\"\",name=\"\"}", 0),
  ])
  func emptyValuesAndMissingLabelsAreTheSame(selector: String, count: Int) throws {
    let (index, all, folder) = try makeIndex(Self.small)
    defer { withExtendedLifetime(folder) {} }
    let found = try labels(index, matchers(selector))
    #expect(found.count == count)
    #expect(found == obvious(all, try matchers(selector)))
  }

  @Test func theMatcherWithoutNameAndValueSelectsEverything() throws {
    let (index, all, folder) = try makeIndex(Self.small)
    defer { withExtendedLifetime(folder) {} }
    #expect(try labels(index, [LabelMatcher(.equal, name: "", value: "")]) == all)
  }

  @Test func namesAndValuesFollowMatchersAndLimits() throws {
    let (index, _, folder) = try makeIndex(Self.small)
    defer { withExtendedLifetime(folder) {} }
    #expect(try index.labelNames(matching: []) == ["i", "n", "name"])
    #expect(try index.labelNames(matching: [], limit: 2) == ["i", "n"])
    #expect(try index.labelNames(matching: matchers("{n=\"2\"}")) == ["n"])
    #expect(try index.labelNames(matching: matchers("{n=\"1\"}"), limit: 1) == ["i"])
    #expect(try index.labelValues(of: "n", matching: []) == ["1", "2", "2.5", "x1"])
    #expect(try index.labelValues(of: "n", matching: [], limit: 3) == ["1", "2", "2.5"])
    #expect(try index.labelValues(of: "n", matching: matchers("{i!=\"\"}")) == ["1"])
    #expect(try index.labelValues(of: "i", matching: matchers("{i!=\"b\",n=\"1\"}")) == ["a", "c"])
    #expect(try index.labelValues(of: "i", matching: matchers("{n=\"1\"}"), limit: 2) == ["a", "b"])
    #expect(try index.labelValues(of: "i", matching: matchers("{name=\"different\"}")) == [])
    #expect(try index.labelValues(of: "missing", matching: matchers("{n=\"1\"}")) == [])
    let error = #expect(throws: StorageError.self) { try index.labelValues(of: "", matching: []) }
    #expect(error?.message == "label name parameter cannot be empty")
    #expect(error?.disposition == .rejectRequest)
  }

  @Test func randomMatchersAgreeWithMatchingEachSeries() throws {
    var random = SplitMix64(seed: 7)
    let values = (0..<400).map { "v\($0)" } + ["", "a", "aa", "ab", "b", "Ab", "x\ny", "é", "ü-1", "0"]
    let all: [Labels] = (0..<3000).map { number in
      var pairs = [(name: "__name__", value: "m\(number)")]
      for name in ["a", "b", "c", "dense"] where random.below(4) > 0 {
        pairs.append((name, name == "dense" ? ["x", "y"][random.below(2)] : values[random.below(values.count)]))
      }
      return Labels(pairs)
    }
    let (index, sorted, folder) = try makeIndex(all)
    defer { withExtendedLifetime(folder) {} }
    let patterns = [
      "", ".*", ".+", "v1.*", "v1.+", ".*1", "v.*9", "(v1|v2|a)?", "v[0-9]", "v[0-9]{2}", "(?i)AB", "a|b|", "[^v].*",
      "x.y",
      ".", "..", "v(1|2)(3|4).*", "missing", "missing|", ".*(0|1)$", "^v3", "v3.?.?", ".*é.*", "ü-\\d", "x|y",
      "\\bv1.*",
    ]
    for _ in 0..<200 {
      let set = try (0...random.below(4)).map { _ in
        let name = ["a", "b", "c", "dense", "missing", "__name__"][random.below(6)]
        let kind = [LabelMatcher.Kind.equal, .notEqual, .regex, .notRegex][random.below(4)]
        let isRegex = kind == .regex || kind == .notRegex
        return try LabelMatcher(
          kind, name: name, value: isRegex ? patterns[random.below(patterns.count)] : values[random.below(values.count)]
        )
      }
      #expect(try labels(index, set) == obvious(sorted, set), "\(set)")
    }
  }

  @Test(.needsShared) func version1IsSelectedFromLikeVersion2() throws {
    let index = try IndexReader(MappedFile(path: Fixtures.folder("prometheus/index-v1") + "/block/index"))
    #expect(index.version == 1)
    let batch = try IndexFixtureTests.allSeries(index)
    let all = (0..<batch.seriesCount).map { batch.labels(at: $0) }
    for name in try index.labelNames() {
      let values = try index.labelValues(of: name, matching: [])
      for (kind, value) in [
        (.equal, values[0]), (.notEqual, values[0]), (.regex, ".+"), (.notRegex, ".+"), (.regex, ".*[02468]"),
        (.notRegex, "(.*1.*)?"), (.regex, values.joined(separator: "|")), (.equal, ""),
      ] as [(LabelMatcher.Kind, String)] {
        let set = [try LabelMatcher(kind, name: name, value: value)]
        #expect(try labels(index, set) == obvious(all, set), "\(set)")
      }
    }
  }

  private struct Recorded: Decodable {
    let matchers: [[String]]
    let count: Int
    let sha256: String
    let series: [[String: String]]?
    let values_of_namespace, values_of_env: [String]
  }

  @Test(.needsShared) func the118RecordedMatcherSetsGiveTheirAnswers() throws {
    let root = try Fixtures.folder("prometheus/block-manyseries")
    let index = try IndexReader(MappedFile(path: Fixtures.block("prometheus/block-manyseries") + "/index"))
    let folder = try TemporaryFolder("selection")
    let lines = try textLines(root + "/matchers.jsonl.gz")
    #expect(lines.count == 118)
    for (number, line) in lines.enumerated() {
      let recorded = try JSONDecoder().decode(Recorded.self, from: Data(line.utf8))
      let kinds: [String: LabelMatcher.Kind] = ["=": .equal, "!=": .notEqual, "=~": .regex, "!~": .notRegex]
      let set = try recorded.matchers.map { try LabelMatcher(#require(kinds[$0[1]]), name: $0[0], value: $0[2]) }
      let found = try labels(index, set)
      #expect(found.count == recorded.count, "\(set)")
      if let series = recorded.series {
        let ours = found.map { Dictionary(uniqueKeysWithValues: $0.map { ($0.name, $0.value) }) }
        #expect(Set(ours) == Set(series), "\(set)")
      }
      // The values hold no character that JSON escapes.
      let objects = found.map { "{" + $0.map { "\"\($0.name)\":\"\($0.value)\"" }.joined(separator: ",") + "}" }
        .sorted()
      try writeFile(folder.file("\(number)"), objects.map { $0 + "\n" }.joined().utf8)
      #expect(try index.labelValues(of: "namespace", matching: set) == recorded.values_of_namespace, "\(set)")
      #expect(try index.labelValues(of: "env", matching: set) == recorded.values_of_env, "\(set)")
    }
    let sums = try runProcess("/usr/bin/sha256sum", (0..<lines.count).map { folder.file("\($0)") })
    let ours = sums.outputText.split(separator: "\n").map { String($0.prefix(64)) }
    #expect(try ours == lines.map { try JSONDecoder().decode(Recorded.self, from: Data($0.utf8)).sha256 })
  }
}
