// Downsampled blocks beside those that Thanos made of the same blocks.
import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// A chunk as it lies in a block.
private struct StoredChunk: Equatable {
  var minTimeMs: Int64
  var maxTimeMs: Int64
  var encoding: UInt8
  var bytes: [UInt8]
}

extension Block {
  /// All series by their labels, with their chunks.
  fileprivate func stored() throws -> [(labels: String, chunks: [StoredChunk])] {
    var all: [(labels: String, chunks: [StoredChunk])] = []
    try read(series: try index.allPostings().refs()) { batch in
      for series in 0..<batch.seriesCount {
        var chunks: [StoredChunk] = []
        for index in batch.chunkRange(at: series) {
          guard let (encoding, bytes) = batch.chunkBytes(index) else { continue }
          let meta = batch.chunk(index)
          chunks.append(
            StoredChunk(
              minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs, encoding: encoding, bytes: Array(bytes)))
        }
        all.append((batch.labels(at: series).description, chunks))
      }
    }
    return all
  }
}

/// The histograms of one aggregate.
private func histograms(_ chunk: StoredChunk, _ slot: AggregateChunk.Slot) throws -> [Histogram] {
  let bytes = chunk.bytes.span.bytes
  guard let part = try AggregateChunk.parse(bytes)[slot] else { return [] }
  var columns = HistogramColumns()
  try columns.decode(bytes.extracting(part.bytes), encoding: part.encoding)
  return (0..<columns.count).map { columns.histogram(at: $0) }
}

/// The buckets of a histogram by their index, whatever spans they are in.
private func buckets(_ histogram: Histogram) -> [Int32: Double] {
  guard case .float(_, _, let positive, _) = histogram.counts else { return [:] }
  var found: [Int32: Double] = [:]
  var (index, place) = (Int32(0), 0)
  for span in histogram.positiveSpans {
    index += span.offset
    for _ in 0..<span.length {
      found[index] = positive[place]
      (index, place) = (index + 1, place + 1)
    }
  }
  return found
}

@Suite struct BlockDownsamplingTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder("downsample") }

  /// Every chunk is Thanos', byte for byte. But in one series, whose schema changes, Thanos keeps two spans that touch where ours
  /// are one: there the buckets are compared.
  @Test(
    .needsShared,
    arguments: [
      ("01M81WKWS0EJ49ZP70A92JHZDZ", "01M81WKWTKF9ZJB9NENJBXHXSY"),
      ("01M81WKWTKF9ZJB9NENJBXHXSY", "01M81WKX3NAGYF9V6XT7FTC765"),
    ])
  func aBlockBecomesWhatThanosMadeOfIt(input: String, recorded: String) throws {
    let bucket = try Fixtures.folder("thanos/blocks/bucket-downsampled/bucket")
    let wanted = try Block.open(path: bucket + "/" + recorded)
    let resolution = try #require(wanted.meta.thanos?.resolutionMs)
    let downsampling = try BlockDownsampling(try Block.open(path: bucket + "/" + input), resolutionMs: resolution)
    let result = try #require(try downsampling.write(to: folder.path))
    let (ours, theirs) = (try Block.open(path: result.path).stored(), try wanted.stored())
    #expect(ours.map(\.labels) == theirs.map(\.labels))
    var (same, spelledOtherwise) = (0, 0)
    for (our, their) in zip(ours, theirs) {
      #expect(our.chunks.count == their.chunks.count, "\(our.labels)")
      for (a, b) in zip(our.chunks, their.chunks) where a != b {
        #expect(our.labels.contains("schema_switch_seconds"), "\(our.labels) at \(a.minTimeMs)")
        for slot in [AggregateChunk.Slot.sum, .counter] {
          let (left, right) = (try histograms(a, slot), try histograms(b, slot))
          #expect(left.map(buckets) == right.map(buckets))
          #expect(left.map(\.sum) == right.map(\.sum))
        }
        spelledOtherwise += 1
      }
      same += zip(our.chunks, their.chunks).count { $0 == $1 }
    }
    #expect(same > 200 && spelledOtherwise <= 12, "\(same) chunks are the same, \(spelledOtherwise) are not")
    var meta = wanted.meta
    meta.ulid = result.meta.ulid
    meta.thanos?.files = []
    meta.thanos?.uploadTime = ThanosMeta().uploadTime
    // Thanos estimates the largest chunk from some of them.
    meta.thanos?.chunkSizeBytesMax = result.meta.thanos?.chunkSizeBytesMax ?? 0
    #expect(result.meta == meta)
  }

  /// Thanos ends with a panic on histograms with custom bounds; here they are added up like others.
  @Test(.needsShared) func histogramsWithCustomBoundsAreAggregated() throws {
    let path = Fixtures.blocks(in: try Fixtures.folder("thanos/blocks/cases/nhcb-downsample/bucket"))[0]
    let block = try Block.open(path: path)
    let result = try #require(try BlockDownsampling(block, resolutionMs: 300_000).write(to: folder.path))
    #expect(result.meta.stats.seriesCount == block.meta.stats.seriesCount)
    var defects: [String] = []
    try Block.open(path: result.path).verify(progress: { _ in }, report: { defects.append("\($0)") })
    #expect(defects.isEmpty)
    let counts = try Block.open(path: result.path).stored().flatMap(\.chunks).filter {
      try !histograms($0, .sum).isEmpty
    }
    #expect(!counts.isEmpty)
    for chunk in counts {
      for histogram in try histograms(chunk, .sum) { #expect(histogram.hasCustomBounds) }
    }
  }

  @Test func whatCannotBeDownsampledIsRefused() throws {
    func refusal(_ name: String, _ resolution: Int64) throws -> String {
      let block = try Block.open(path: try Fixtures.block(name))
      do throws(StorageError) { _ = try BlockDownsampling(block, resolutionMs: resolution) } catch {
        return error.message
      }
      return "nothing was refused"
    }
    #expect(try refusal("prometheus/block-floats", 60_000).hasSuffix("there are 300000 (5m) and 3600000 (1h)"))
    #expect(try refusal("thanos/downsampled-1h", 300_000).hasSuffix("its resolution is 3600000 ms"))
    #expect(try refusal("thanos/downsampled-1h", 3_600_000).hasSuffix("its resolution is 3600000 ms"))
    #expect(try refusal("prometheus/block-floats", 3_600_000) == "nothing was refused")
  }

  /// All kinds of series of the fixtures, deletions among them, give blocks without a defect.
  @Test(arguments: ["block-floats", "block-histograms", "block-tombstones", "block-multisegment"])
  func blocksOfPrometheusGiveSoundBlocks(name: String) throws {
    let block = try Block.open(path: try Fixtures.block("prometheus/" + name))
    for resolution in BlockDownsampling.resolutionsMs {
      let result = try #require(try BlockDownsampling(block, resolutionMs: resolution).write(to: folder.path))
      var defects: [String] = []
      try Block.open(path: result.path).verify(progress: { _ in }, report: { defects.append("\($0)") })
      #expect(defects.isEmpty)
      #expect(result.meta.thanos?.resolutionMs == resolution)
    }
  }
}
