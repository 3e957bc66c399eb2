// What `apus tools block stats` counts. The lists and their numbers are those of `promtool tsdb analyze`:
//
//   churn of a label pair    sum over its series of the share of the block's time that the series' chunks do not span
//   cardinality of a label   its values; of a metric name, its series
//
// and, beside them, what chunks weigh by encoding and by metric. Memory: a few words for each label pair that occurs.
internal import Storage
internal import TSModel

/// A name with a number, as the lists have it.
struct CountedName: Equatable {
  let name: String
  let value: Int
}

/// What the chunks of one encoding, or of one metric, weigh.
struct ChunkWeight {
  var chunkCount = 0
  var sampleCount = 0
  var byteCount = 0
  var samplesMin = Int.max
  var samplesMax = 0

  mutating func add(samples: Int, bytes: Int) {
    chunkCount += 1
    sampleCount += samples
    byteCount += bytes
    samplesMin = min(samplesMin, samples)
    samplesMax = max(samplesMax, samples)
  }

  /// Bytes a sample, or 0 where there are none.
  var bytesPerSample: Double { sampleCount == 0 ? 0 : Double(byteCount) / Double(sampleCount) }
}

/// The counts over a block, or over the series of it that selectors choose.
struct BlockStatistics {
  private struct Pair {
    var seriesCount = 0
    var uncoveredMs: Int64 = 0
  }

  /// Series counted.
  private(set) var seriesCount = 0
  /// Label pairs of all series together.
  private(set) var pairEntryCount = 0
  /// By encoding.
  private(set) var weightByEncoding: [ChunkEncoding: ChunkWeight] = [:]
  private(set) var tombstoneCount: Int
  /// Label names, and distinct pairs.
  var labelNameCount: Int { Set(pairs.keys.map { $0 >> 32 }).count }
  var labelPairCount: Int { pairs.count }

  /// By symbol ids: name << 32 | value.
  private var pairs: [UInt64: Pair] = [:]
  private var uncoveredByName: [UInt32: Int64] = [:]
  private var weightByMetric: [UInt32: ChunkWeight] = [:]
  private let symbols: any SymbolTable
  private let blockDurationMs: Int64
  private var nameSymbol: UInt32?

  init(of block: Block, choice: SeriesChoice) throws {
    symbols = block.index.symbols
    blockDurationMs = max(1, block.meta.maxTimeExclusiveMs &- block.meta.minTimeMs)
    tombstoneCount = block.tombstones.intervalCount
    try choice.forEachBatch(of: block) { batch in
      for series in 0..<batch.seriesCount { try add(batch, series) }
    }
  }

  private mutating func add(_ batch: SeriesBatch, _ series: Int) throws {
    let chunks = batch.chunkRange(at: series)
    // A series without chunks counts nowhere, as in promtool.
    guard let first = chunks.first, let last = chunks.last else { return }
    seriesCount += 1
    let spannedMs = batch.chunk(last).maxTimeMs &- batch.chunk(first).minTimeMs
    let uncoveredMs = max(0, blockDurationMs &- spannedMs)
    var metric: UInt32?
    let ids = batch.labelIDs
    for pair in batch.labelRange(at: series) {
      let (name, value) = (ids[2 * pair], ids[2 * pair + 1])
      pairEntryCount += 1
      pairs[UInt64(name) << 32 | UInt64(value), default: Pair()].seriesCount += 1
      pairs[UInt64(name) << 32 | UInt64(value), default: Pair()].uncoveredMs &+= uncoveredMs
      uncoveredByName[name, default: 0] &+= uncoveredMs
      if nameSymbol == nil, symbols.string(name) == "__name__" { nameSymbol = name }
      if name == nameSymbol { metric = value }
    }
    var weight = ChunkWeight()
    for index in chunks {
      guard let (number, bytes) = unsafe batch.chunkBytes(index) else { continue }
      let encoding = ChunkEncoding(rawValue: number)
      let samples = try sampleCount(unsafe RawSpan(_unsafeBytes: bytes), encoding)
      weightByEncoding[encoding, default: ChunkWeight()].add(samples: samples, bytes: bytes.count)
      weight.add(samples: samples, bytes: bytes.count)
    }
    if let metric {
      var all = weightByMetric[metric] ?? ChunkWeight()
      all.chunkCount += weight.chunkCount
      all.sampleCount += weight.sampleCount
      all.byteCount += weight.byteCount
      weightByMetric[metric] = all
    }
  }

  /// Of a chunk of aggregates, the samples of its count.
  private func sampleCount(_ bytes: RawSpan, _ encoding: ChunkEncoding) throws -> Int {
    if encoding == .aggregates { return try AggregateChunk.parse(bytes).sampleCount(bytes) }
    return try chunkSampleCount(bytes, encoding)
  }

  // MARK: Lists

  private func text(_ id: UInt32) -> String { symbols.string(id) ?? "" }

  private func pairText(_ key: UInt64) -> String { "\(text(UInt32(key >> 32)))=\(text(UInt32(key & 0xFFFF_FFFF)))" }

  /// The `limit` largest numbers with their names; equal ones in order of symbols, which is that of the texts' bytes.
  private func top<Key: Comparable>(
    _ counts: some Sequence<(Key, Int)>, _ limit: Int, _ name: (Key) -> String
  ) -> [CountedName] {
    let sorted = counts.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
    return sorted.prefix(limit).map { CountedName(name: name($0.0), value: $0.1) }
  }

  /// Label pairs most involved in churning, in whole blocks of time not covered.
  func churningPairs(_ limit: Int) -> [CountedName] {
    top(pairs.lazy.map { ($0.key, Int($0.value.uncoveredMs / blockDurationMs)) }, limit, pairText)
  }

  /// Label names most involved in churning.
  func churningNames(_ limit: Int) -> [CountedName] {
    top(uncoveredByName.lazy.map { ($0.key, Int($0.value / blockDurationMs)) }, limit, text)
  }

  /// Label pairs by number of series.
  func commonPairs(_ limit: Int) -> [CountedName] {
    top(pairs.lazy.map { ($0.key, $0.value.seriesCount) }, limit, pairText)
  }

  /// Label names by the bytes of all their values together.
  func longestNames(_ limit: Int) -> [CountedName] {
    var bytes: [UInt32: Int] = [:]
    for key in pairs.keys {
      let size = unsafe symbols.withSymbol(UInt32(key & 0xFFFF_FFFF)) { $0.count } ?? 0
      bytes[UInt32(key >> 32), default: 0] += size
    }
    return top(bytes.lazy.map { ($0.key, $0.value) }, limit, text)
  }

  /// Label names by number of values.
  func widestNames(_ limit: Int) -> [CountedName] {
    var values: [UInt32: Int] = [:]
    for key in pairs.keys { values[UInt32(key >> 32), default: 0] += 1 }
    return top(values.lazy.map { ($0.key, $0.value) }, limit, text)
  }

  /// Metric names by number of series.
  func widestMetrics(_ limit: Int) -> [CountedName] {
    top(
      pairs.lazy.filter { UInt32($0.key >> 32) == nameSymbol }.map {
        (UInt32($0.key & 0xFFFF_FFFF), $0.value.seriesCount)
      }, limit, text)
  }

  /// Metric names by the bytes of their chunks.
  func heaviestMetrics(_ limit: Int) -> [(name: String, weight: ChunkWeight)] {
    weightByMetric.map { (name: text($0.key), weight: $0.value) }
      .sorted {
        $0.weight.byteCount != $1.weight.byteCount ? $0.weight.byteCount > $1.weight.byteCount : $0.name < $1.name
      }
      .prefix(limit).map { $0 }
  }
}
