// `apus tools block create-from openmetrics`: samples of any age become blocks, one for each two hours (or more, where it
// is asked for) that have samples. The input is read once and may be in any order.
//
// Memory: the labels of all series, 64 MiB of samples (SampleSpill), the samples of one series of one block. Temporary
// disk space in the output folder: 24 bytes a sample.
internal import Storage
internal import TSModel

/// Makes blocks of one OpenMetrics text.
struct OpenMetricsImport {
  /// The range of a block in Prometheus, and the shortest one here.
  static let blockRangeMsMin: Int64 = 7_200_000

  private let folder: String
  private let rangeMs: Int64
  private var seriesOfKey: [[UInt8]: Int] = [:]
  private var labels: [Labels] = []
  private var spill: SampleSpill

  /// Blocks of at most `blockDurationMsMax` go into `folder`: two hours, or that times a power of 3 where there is room,
  /// as Prometheus' own ranges grow.
  init(folder: String, blockDurationMsMax: Int64, samplesMax: Int = SampleSpill.samplesMaxUsual) {
    self.folder = folder
    var range = Self.blockRangeMsMin
    while range <= Int64.max / 6, range * 3 <= blockDurationMsMax { range *= 3 }
    rangeMs = range
    spill = SampleSpill(folder: folder, rangeMs: range, samplesMax: samplesMax)
  }

  /// Reads `path` (`-`: standard input) and calls `report` for each block written.
  mutating func run(path: String, report: (ImportResult) throws -> Void) throws {
    try read(path)
    let unordered = self.labels
    try spill.flush { unordered[$0] < unordered[$1] }
    seriesOfKey = [:]
    // Ranks by labels, now that all series are known.
    let labels = labels
    let order = labels.indices.sorted { labels[$0] < labels[$1] }
    var rank = [Int](repeating: 0, count: order.count)
    for (place, series) in order.enumerated() { rank[series] = place }
    for (_, file) in spill.files.sorted(by: { $0.key < $1.key }) {
      try report(try writeBlock(file, rank: rank))
    }
  }

  private mutating func read(_ path: String) throws {
    var lines = try LineReader(path: path, lineBytesMax: 1 << 24)
    var reader = ExpositionReader(.openMetrics, options: [.requiresTimestamps, .allowsNameless])
    do {
      while let range = try lines.nextLines(after: reader.lineCount) {
        var at = 0
        while at < range.count {
          at = try reader.read(lines.bytes(range), from: at)
          try take(reader)
        }
      }
    } catch let error as ExpositionError {
      throw InputError(source: lines.name, line: error.line, message: error.message)
    }
    if !reader.hasEnd {
      throw InputError(
        source: lines.name, line: reader.lineCount, message: "# EOF is missing: the text was cut short")
    }
  }

  /// Takes the samples of a batch.
  private mutating func take(_ batch: borrowing ExpositionReader) throws {
    let numbers = (0..<batch.seriesCount).map { seriesIndex(of: batch, at: $0) }
    let labels = labels
    for sample in 0..<batch.sampleCount {
      let series = numbers[Int(batch.series[sample])]
      try spill.add(
        SpilledSample(series: series, timestampMs: batch.timestampsMs[sample], value: batch.values[sample])
      ) { labels[$0] < labels[$1] }
    }
  }

  /// The number of a series of the batch.
  private mutating func seriesIndex(of batch: borrowing ExpositionReader, at index: Int) -> Int {
    let key = batch.labelBlob(at: index)
    if let known = seriesOfKey[key] { return known }
    labels.append(batch.labels(at: index))
    seriesOfKey[key] = labels.count - 1
    return labels.count - 1
  }

  private func writeBlock(_ file: SpillFile, rank: [Int]) throws -> ImportResult {
    // The symbols must be known before the first series: the runs are looked through for the series that occur.
    var present = Set<Int>()
    for run in file.runs {
      var at = run.lowerBound
      while at < run.upperBound {
        let samples = try file.read(from: at, capacity: min(1 << 16, run.upperBound - at))
        for sample in samples { present.insert(sample.series) }
        at += samples.count
      }
    }
    var symbols = SymbolCollector()
    for series in present { symbols.add(labels[series]) }
    let writer = try BlockWriter(parentFolder: folder, ulid: .generate(), symbols: symbols.sorted())
    var result = ImportResult(blockPath: "")
    var current: Int?
    // promtool fills a head of twice the range, whose chunks end where that does.
    var builder = FloatChunkBuilder(chunkRangeMs: 2 * rangeMs)
    var last: SpilledSample?
    func finishSeries(_ builder: inout FloatChunkBuilder) throws {
      guard let current else { return }
      try writer.addSeries(labels: labels[current], chunks: builder.finish())
      result.seriesCount += 1
    }
    try file.merge(rank: rank) { sample in
      if sample.series != current {
        try finishSeries(&builder)
        current = sample.series
        last = nil
      }
      if let last, last.timestampMs == sample.timestampMs {
        if last.value.bitPattern == sample.value.bitPattern { return }
        throw StorageError(
          .order, "series \(labels[sample.series]) has two values at \(sample.timestampMs) ms",
          disposition: .rejectRequest)
      }
      last = sample
      try builder.append(timestampMs: sample.timestampMs, value: sample.value)
      result.sampleCount += 1
    }
    try finishSeries(&builder)
    result.blockPath = try writer.finish()
    return result
  }
}
