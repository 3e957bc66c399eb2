import Foundation
import TSModel
import TestSupport

@testable import Storage

/// One series of a recorded dump, as far as these tests compare it.
struct DumpedSeries: Equatable {
  var labels: String
  /// Times of its samples, and for floats the value's bits.
  var times: [Int64] = []
  var valueBits: [UInt64] = []

  /// The series of a dump (fixtures' README), floats by their bits, histograms by their times only.
  static func read(_ path: String) throws -> [DumpedSeries] {
    let bytes = path.hasSuffix(".gz") ? try gunzip(path) : try readFile(path)
    var all: [DumpedSeries] = []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let labels = object["labels"] as? [String: String]
      else { continue }
      var series = DumpedSeries(labels: Labels(labels.map { (name: $0.key, value: $0.value) }).description)
      for sample in object["samples"] as? [[Any]] ?? [] {
        series.times.append((sample[0] as? NSNumber)?.int64Value ?? 0)
        if let text = sample[1] as? String { series.valueBits.append(Self.bits(text)) }
      }
      all.append(series)
    }
    return all
  }

  private static func bits(_ text: String) -> UInt64 {
    if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) ?? 0 }
    if text == "+Inf" { return Double.infinity.bitPattern }
    if text == "-Inf" { return (-Double.infinity).bitPattern }
    return (Double(text) ?? .nan).bitPattern
  }
}

extension Block {
  /// All its series with their samples.
  func dumped(
    timeRange: TimeRange = .all, batchSize: Int = 3, budget: MemoryBudget? = nil, appliesTombstones: Bool = true
  ) throws -> [DumpedSeries] {
    var all: [DumpedSeries] = []
    var samples = SeriesSamples()
    let refs = try index.allPostings().refs()
    let deleted = appliesTombstones ? tombstones : Tombstones()
    let block =
      appliesTombstones
      ? self
      : try Block(
        name: path, meta: meta, index: indexSource, segments: segments.readers)
    try block.read(series: refs, timeRange: timeRange, batchSize: batchSize, budget: budget) { batch in
      for index in 0..<batch.seriesCount {
        var series = DumpedSeries(labels: batch.labels(at: index).description)
        for chunk in batch.chunkRange(at: index) {
          guard let (encoding, bytes) = batch.chunkBytes(chunk) else { continue }
          let content = try samples.decode(
            RawSpan(_unsafeBytes: bytes), encoding: ChunkEncoding(rawValue: encoding), timeRange: timeRange,
            tombstones: deleted, seriesRef: UInt64(batch.seriesRef(at: index)))
          let kept = samples.keptIndices
          for position in 0..<kept.count {
            let sample = Int(kept[position])
            switch content {
            case .floats:
              series.times.append(samples.floats.timestampsMs[sample])
              series.valueBits.append(samples.floats.values[sample].bitPattern)
            case .histograms: series.times.append(samples.histograms.timestampsMs[sample])
            case .aggregates: break
            }
          }
        }
        if !series.times.isEmpty { all.append(series) }
      }
    }
    return all
  }
}
