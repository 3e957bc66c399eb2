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
  private var parser = OpenMetricsParser()
  private var seriesOfKey: [[UInt8]: Int] = [:]
  private var labels: [Labels] = []
  private var spill: SampleSpill

  /// Blocks of at most `blockDurationMsMax` go into `folder`: two hours, or that times a power of 3 where there is room,
  /// as Prometheus' own ranges grow.
  init(folder: String, blockDurationMsMax: Int64, samplesMax: Int = SampleSpill.samplesMaxUsual) {
    self.folder = folder
    var range = Self.blockRangeMsMin
    while range <= Int64.max / 3, range * 3 <= blockDurationMsMax { range *= 3 }
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
    var reader = try LineReader(path: path, lineBytesMax: 1 << 24)
    var series = 0
    var hasEnd = false
    while let range = try reader.next() {
      if hasEnd { throw InputError(source: reader.name, line: reader.lineNumber, message: "text after # EOF") }
      do {
        switch try parser.parse(reader.bytes(range)) {
        case .metadata: break
        case .end: hasEnd = true
        case .sample(let timestampMs, let value):
          guard reader.lineIsComplete else {
            throw OpenMetricsError(message: "the line does not end: the text was cut short")
          }
          if !parser.isSameSeries { series = seriesIndex() }
          let labels = labels
          try spill.add(SpilledSample(series: series, timestampMs: timestampMs, value: value)) {
            labels[$0] < labels[$1]
          }
        }
      } catch let error as OpenMetricsError {
        throw InputError(source: reader.name, line: reader.lineNumber, message: error.message)
      }
    }
    if !hasEnd {
      throw InputError(
        source: reader.name, line: reader.lineNumber, message: "# EOF is missing: the text was cut short")
    }
  }

  /// The number of the parser's last series.
  private mutating func seriesIndex() -> Int {
    if let known = seriesOfKey[parser.key] { return known }
    let parts = parser.key.split(separator: 0xFF, omittingEmptySubsequences: false).dropLast()
      .map { String(decoding: $0, as: UTF8.self) }
    var pairs: [Labels.Label] = []
    for at in stride(from: 0, to: parts.count - 1, by: 2) {
      pairs.append(Labels.Label(name: parts[at], value: parts[at + 1]))
    }
    labels.append(Labels(labels: pairs))
    seriesOfKey[parser.key] = labels.count - 1
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
    var builder = FloatChunkBuilder(chunkRangeMs: rangeMs)
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
