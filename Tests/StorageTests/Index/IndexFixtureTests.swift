// Indexes written by Prometheus, read by ours: versions 1 and 2, with and without label-index sections.
import Foundation
import Storage
import TSModel
import TestSupport
import Testing

@Suite("Recorded indexes") struct IndexFixtureTests {
  /// Every series of an index with its labels, in the order of the all-postings list.
  static func allSeries(_ index: IndexReader) throws -> SeriesBatch {
    let batch = SeriesBatch(symbols: index.symbols)
    try index.series(index.allPostings().refs(), into: batch)
    return batch
  }

  struct DumpLine: Decodable {
    struct Chunk: Decodable {
      let min, max: Int64
      let ref: String
    }
    let labels: [String: String]
    let chunks: [Chunk]?
  }

  static let dumps = [
    ("prometheus/block-floats", "dump.jsonl.gz"), ("prometheus/block-histograms", "dump.jsonl.gz"),
    ("prometheus/block-multisegment", "dump.jsonl.gz"), ("prometheus/index-v1", "dump.jsonl.gz"),
    ("prometheus/block-tombstones", "dump-without-tombstones.jsonl.gz"),
  ]

  @Test(.needsShared, arguments: dumps) func seriesAndChunksAreThoseOfTheDump(folder: String, dump: String) throws {
    let root = try Fixtures.folder(folder)
    let path = folder.hasSuffix("index-v1") ? root + "/block" : try Fixtures.block(folder)
    let index = try IndexReader(MappedFile(path: path + "/index"))
    let batch = try Self.allSeries(index)
    let lines = try textLines(root + "/" + dump).map {
      try JSONDecoder().decode(DumpLine.self, from: Data($0.utf8))
    }
    try #require(batch.seriesCount == lines.count)
    for (series, line) in lines.enumerated() {
      let labels = Dictionary(uniqueKeysWithValues: batch.labels(at: series).map { ($0.name, $0.value) })
      #expect(labels == line.labels)
      let chunks = batch.chunkRange(at: series).map(batch.chunk)
      #expect(
        chunks == (line.chunks ?? []).map { ChunkMeta(minTimeMs: $0.min, maxTimeMs: $0.max, ref: UInt64($0.ref)!) })
    }
  }

  @Test(.needsShared) func namesAndValuesOfManySeriesAreTheRecordedOnes() throws {
    struct Recorded: Decodable {
      let chunks: Int
      let label_names: [String]
      let label_values: [String: [String]]
    }
    let root = try Fixtures.folder("prometheus/block-manyseries")
    let recorded = try JSONDecoder().decode(Recorded.self, from: Data(gunzip(root + "/labels.json.gz")))
    let index = try IndexReader(MappedFile(path: Fixtures.block("prometheus/block-manyseries") + "/index"))
    #expect(try index.labelNames() == recorded.label_names)
    let batch = try Self.allSeries(index)
    #expect(batch.chunkCount == recorded.chunks)
    var seriesWithName: [String: Int] = [:]
    for pair in 0..<batch.labelIDs.count / 2 {
      seriesWithName[try #require(index.symbols.string(batch.labelIDs[2 * pair])), default: 0] += 1
    }
    for name in recorded.label_names {
      let values = try index.labelValues(of: name)
      #expect((0..<values.count).map(values.string) == recorded.label_values[name])
      var total = 0
      for value in 0..<values.count {
        let postings = try index.postings(values, at: value)
        total += postings.count
        if value % 97 == 0 {
          #expect(try index.postings(name: name, value: values.string(value)).refs() == postings.refs())
        }
      }
      #expect(total == seriesWithName[name])
    }
    #expect(try index.labelValues(of: "missing").count == 0)
    #expect(try index.postings(name: "env", value: "missing").count == 0)
  }
}
