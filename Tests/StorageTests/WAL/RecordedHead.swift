import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// A sample, in a form in which recorded and recovered ones are equal: histograms without reset hints and empty buckets, which
/// depend on the chunk that a sample is in.
enum ComparedValue: Hashable {
  case float(UInt64)
  case stale(isFloat: Bool)
  case histogram(
    schema: Int32, threshold: UInt64, count: UInt64, zeroCount: UInt64, sum: UInt64, buckets: [Int: UInt64],
    bounds: [UInt64])
}

/// Samples of a series by time.
typealias ComparedSamples = [Int64: ComparedValue]

extension ComparedValue {
  init(_ histogram: Histogram) {
    if histogram.isStale {
      self = .stale(isFloat: histogram.kind == .float)
      return
    }
    var buckets: [Int: UInt64] = [:]
    func add(_ spans: [Histogram.Span], _ counts: [UInt64], isNegative: Bool) {
      var (index, taken) = (0, 0)
      for span in spans {
        index += Int(span.offset)
        for _ in 0..<span.length {
          // Negative buckets are told from positive ones by an offset no index comes near.
          if counts[taken] != 0 { buckets[index + (isNegative ? 1_000_000 : 0)] = counts[taken] }
          index += 1
          taken += 1
        }
      }
    }
    let (count, zeroCount): (UInt64, UInt64)
    switch histogram.counts {
    case .int(let total, let zeros, let positive, let negative):
      (count, zeroCount) = (total, zeros)
      add(histogram.positiveSpans, positive.map { UInt64(bitPattern: $0) }, isNegative: false)
      add(histogram.negativeSpans, negative.map { UInt64(bitPattern: $0) }, isNegative: true)
    case .float(let total, let zeros, let positive, let negative):
      (count, zeroCount) = (total.bitPattern, zeros.bitPattern)
      add(histogram.positiveSpans, positive.map(\.bitPattern), isNegative: false)
      add(histogram.negativeSpans, negative.map(\.bitPattern), isNegative: true)
    }
    self = .histogram(
      schema: histogram.schema, threshold: histogram.zeroThreshold.bitPattern, count: count, zeroCount: zeroCount,
      sum: histogram.sum.bitPattern, buckets: buckets, bounds: histogram.customValues.map(\.bitPattern))
  }
}

/// What Prometheus recovered of a fixture, and what we do.
struct RecordedHead {
  /// Samples by the series' labels.
  typealias Series = [Labels: ComparedSamples]

  let name: String
  let folder: String
  var data: String { folder + "/data" }

  init(_ name: String) throws {
    self.name = name
    folder = try Fixtures.folder("prometheus/" + name)
  }

  /// What a dump says.
  static func samples(ofDump path: String) throws -> Series {
    var series: Series = [:]
    for line in try textLines(path) {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let labels = try labels(object["labels"])
      var samples: ComparedSamples = [:]
      for entry in try #require(object["samples"] as? [[Any]]) {
        let timeMs = try #require(entry[0] as? NSNumber).int64Value
        samples[timeMs] =
          if let text = entry[1] as? String { .float(try number(text).bitPattern) } else { try histogram(entry[1]) }
      }
      series[labels] = samples
    }
    return series
  }

  static func labels(_ json: Any?) throws -> Labels {
    let pairs = try #require(json as? [String: String])
    return Labels(pairs.map { (name: $0.key, value: $0.value) })
  }

  static func number(_ text: String) throws -> Double {
    if text.hasPrefix("0x") { return Double(bitPattern: try #require(UInt64(text.dropFirst(2), radix: 16))) }
    switch text {
    case "+Inf": return .infinity
    case "-Inf": return -.infinity
    default: return try #require(Double(text))
    }
  }

  private static func histogram(_ json: Any) throws -> ComparedValue {
    let object = try #require(json as? [String: Any])
    func value(_ key: String) throws -> Double { try number(try #require(object[key] as? String)) }
    func spans(_ key: String) throws -> [Histogram.Span] {
      try #require(object[key] as? [[NSNumber]]).map { .init(offset: $0[0].int32Value, length: $0[1].uint32Value) }
    }
    func floats(_ key: String) throws -> [Double] { try #require(object[key] as? [String]).map(number) }
    func integers(_ key: String) throws -> [Int64] { try #require(object[key] as? [NSNumber]).map(\.int64Value) }
    let counts: Histogram.Counts
    if object["kind"] as? String == "int" {
      counts = .int(
        count: try #require(object["count"] as? NSNumber).uint64Value,
        zeroCount: try #require(object["zero_count"] as? NSNumber).uint64Value,
        positive: try integers("positive_buckets"), negative: try integers("negative_buckets"))
    } else {
      counts = .float(
        count: try value("count"), zeroCount: try value("zero_count"), positive: try floats("positive_buckets"),
        negative: try floats("negative_buckets"))
    }
    return ComparedValue(
      Histogram(
        schema: try #require(object["schema"] as? NSNumber).int32Value, zeroThreshold: try value("zero_threshold"),
        sum: try value("sum"), positiveSpans: try spans("positive_spans"), negativeSpans: try spans("negative_spans"),
        customValues: try floats("custom_values"), counts: counts))
  }

  /// What we recover from a data folder, together with what is in its blocks.
  static func recover(
    _ data: String, batchBytes: Int = 256 << 20
  ) throws -> (series: Series, losses: RecoveryLosses, exemplars: [Labels: [WALRecord.Exemplar]]) {
    var series: Series = [:]
    var options = HeadRecovery.Options()
    options.batchBytes = batchBytes
    for path in Fixtures.blocks(in: data) {
      let block = try Block.open(path: path)
      if !block.meta.compaction.hints.contains("from-out-of-order") {
        options.minValidTimeMs = max(options.minValidTimeMs, block.meta.maxTimeExclusiveMs)
      }
      try add(block, to: &series)
    }
    var recovery = HeadRecovery(try HeadFolder(path: data), options)
    try recovery.read()
    try recovery.forEachSeries { recovered throws(StorageError) in
      var last = Int64.min
      for index in recovered.timestampsMs.indices {
        let timeMs = recovered.timestampsMs[index]
        #expect(timeMs > last)
        last = timeMs
        let place = recovered.histogramIndices[index]
        series[recovered.labels, default: [:]][timeMs] =
          place < 0 ? .float(recovered.values[index].bitPattern) : ComparedValue(recovered.histograms[Int(place)])
      }
    }
    let exemplars = Dictionary(grouping: recovery.exemplars, by: \.labels).mapValues { $0.map(\.exemplar) }
    return (series, recovery.losses, exemplars)
  }

  /// All values of samples that came out of order, by series and time.
  typealias Logged = [Labels: [Int64: Set<ComparedValue>]]

  /// Those in a data folder's log, in its chunks, and in its blocks.
  static func outOfOrder(in data: String) throws -> Logged {
    var labels: [UInt64: Labels] = [:]
    var logged: Logged = [:]
    var blocks: Series = [:]
    for path in Fixtures.blocks(in: data) { try add(try Block.open(path: path), to: &blocks) }
    for (labels, samples) in blocks { logged[labels] = samples.mapValues { [$0] } }
    for log in try HeadFolder(path: data).logs() {
      var reader = WALReader(log.segments)
      while let event = try reader.next() {
        guard case .record = event, reader.decode() == nil else { continue }
        let record = reader.record
        for index in 0..<record.count {
          if record.type == .series { labels[record.seriesRefs[index]] = Labels(labels: record.labelPairs(at: index)) }
          guard log.name == "wbl", let series = labels[record.seriesRefs[index]] else { continue }
          guard record.type.isSamples || record.type.isHistograms else { continue }
          logged[series, default: [:]][record.timestampsMs[index], default: []].insert(
            record.type.isSamples
              ? .float(record.values[index].bitPattern) : ComparedValue(record.histogram(at: index)))
        }
      }
    }
    for file in try HeadChunkFile.inFolder(data + "/chunks_head") {
      var samples = SeriesSamples()
      try file.forEachChunk { chunk, bytes throws(StorageError) in
        guard chunk.isOutOfOrder, let series = labels[chunk.seriesRef] else { return }
        if try samples.decode(bytes, encoding: chunk.encoding) == .floats {
          for row in 0..<samples.floats.count {
            logged[series, default: [:]][samples.floats.timestampsMs[row], default: []].insert(
              .float(samples.floats.values[row].bitPattern))
          }
        } else {
          for row in 0..<samples.histograms.count {
            logged[series, default: [:]][samples.histograms.timestampsMs[row], default: []].insert(
              ComparedValue(samples.histograms.histogram(at: row)))
          }
        }
      } onDamage: { _ throws(StorageError) in
      }
    }
    return logged
  }

  private static func add(_ block: Block, to series: inout Series) throws {
    var samples = SeriesSamples()
    try block.read(series: try block.index.allPostings().refs()) { batch in
      for index in 0..<batch.seriesCount {
        let labels = batch.labels(at: index)
        for chunk in batch.chunkRange(at: index) {
          guard let (encoding, bytes) = batch.chunkBytes(chunk) else { continue }
          let content = try samples.decode(RawSpan(_unsafeBytes: bytes), encoding: ChunkEncoding(rawValue: encoding))
          if content == .floats {
            for row in 0..<samples.floats.count {
              series[labels, default: [:]][samples.floats.timestampsMs[row]] = .float(
                samples.floats.values[row].bitPattern)
            }
          } else {
            for row in 0..<samples.histograms.count {
              series[labels, default: [:]][samples.histograms.timestampsMs[row]] = ComparedValue(
                samples.histograms.histogram(at: row))
            }
          }
        }
      }
    }
  }
}
