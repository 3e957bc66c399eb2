// The data sets that benchmarks run on: which blocks each has, what they are called, and what is in them. The numbers
// are those of docs/components/data-sets.md.
internal import Storage
internal import TSModel

/// A data set that `apus tools bench generate` makes.
enum DataSet: String, CaseIterable, Sendable {
  /// A day of 50 targets.
  case day = "D"
  /// The same day as the first replica of a pair sees it, and as the second one does.
  case replicaA = "RA"
  case replicaB = "RB"
  /// One block of a million series.
  case manySeries = "M1"
  /// 120 small blocks of five sources.
  case manyBlocks = "B120"

  /// 2026-01-01T00:00:00Z, where each set begins: a multiple of 48 hours since the Unix epoch.
  static let startMs: Int64 = 1_767_225_600_000
  static let blockRangeMs: Int64 = 7_200_000

  /// What `--scale` may be. More than ten times a set would outgrow the addresses that instances have.
  static let scales: ClosedRange<Double> = 0.000_001...10

  /// Blocks of two hours, one after another, of one source: at most `limit`.
  func blocksPerSource(limit: Int?) -> Int {
    let all =
      switch self {
      case .day, .replicaA, .replicaB: 12
      case .manySeries: 1
      case .manyBlocks: 24
      }
    return min(all, limit ?? all)
  }

  /// Writes the set's blocks into `folder`. `progress` is told how much is done of how much.
  func write(
    to folder: String, scale: Double, blocksMax: Int? = nil, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> GeneratedTotals {
    let blocks = blocksPerSource(limit: blocksMax)
    var totals = GeneratedTotals()
    func scrape(_ targets: Range<Int>, replica: Int?, _ external: Labels, from done: Int, of total: Int) throws {
      var source = ScrapedSource(set: self, targets: targets, replica: replica, externalLabels: external)
      for block in 0..<blocks {
        let seriesBefore = done + block * source.activeSeriesCount
        totals += try source.writeBlock(block, to: folder) { progress(seriesBefore + $0, total) }
      }
    }
    switch self {
    case .day, .replicaA, .replicaB:
      let targets = 0..<Self.scaled(50, by: scale)
      let external: Labels = ["cluster": "bench", "replica": self == .replicaB ? "b" : "a"]
      let replica = self == .day ? nil : self == .replicaA ? 0 : 1
      try scrape(
        targets, replica: replica, external, from: 0, of: targets.count * ScrapeTarget.activeSeriesCount * blocks)
    case .manyBlocks:
      let (sources, targets) = (5, Self.scaled(2, by: scale))
      let seriesOfSource = targets * ScrapeTarget.activeSeriesCount * blocks
      for number in 0..<sources {
        let external: Labels = ["cluster": "bench-\(number)", "replica": "a"]
        try scrape(
          number * targets..<(number + 1) * targets, replica: nil, external, from: number * seriesOfSource,
          of: sources * seriesOfSource)
      }
    case .manySeries:
      if blocks > 0 {
        totals = try ManySeriesBlock(podCount: Self.scaled(100_000, by: scale)).write(to: folder, progress: progress)
      }
    }
    return totals
  }

  /// `count` times `scale`, at least one.
  private static func scaled(_ count: Int, by scale: Double) -> Int {
    max(1, Int((Double(count) * scale).rounded()))
  }

  /// The name of a set's block. The time in it is the end of the block's range; the rest follows from what is said here,
  /// not from the scale: two scales of one set in one folder are a mistake, and the second then finds its blocks there.
  func blockName(startMs: Int64, externalLabels: Labels) -> ULID {
    var random = SeededRandom(labelText: "block \(rawValue) \(printed(externalLabels)) \(startMs)".utf8)
    return ULID(timeMs: startMs + Self.blockRangeMs, randomBytes: random.tenBytes())
  }
}

/// What was written.
struct GeneratedTotals: Hashable {
  var blockCount = 0
  /// Series, counted once in each block.
  var seriesCount = 0
  var sampleCount = 0

  static func += (totals: inout GeneratedTotals, more: GeneratedTotals) {
    totals.blockCount += more.blockCount
    totals.seriesCount += more.seriesCount
    totals.sampleCount += more.sampleCount
  }
}

/// Collects the chunks of one block, series by series, and gives it the meta.json of a block that was cut from a head and
/// has its external labels.
struct GeneratedBlock {
  private let writer: BlockWriter
  private let startMs: Int64
  private let externalLabels: Labels
  private var totals = GeneratedTotals()

  init(set: DataSet, startMs: Int64, externalLabels: Labels, symbols: [String], folder: String) throws {
    self.startMs = startMs
    self.externalLabels = externalLabels
    let ulid = set.blockName(startMs: startMs, externalLabels: externalLabels)
    writer = try BlockWriter(parentFolder: folder, ulid: ulid, symbols: symbols)
  }

  mutating func add(_ labels: Labels, _ chunks: [EncodedChunk]) throws {
    try writer.addSeries(labels: labels, chunks: chunks)
    count(chunks)
  }

  mutating func add(labelIDs: [UInt32], _ chunks: [EncodedChunk]) throws {
    try writer.addSeries(labelIDs: labelIDs, chunks: chunks)
    count(chunks)
  }

  private mutating func count(_ chunks: [EncodedChunk]) {
    totals.seriesCount += 1
    for chunk in chunks { totals.sampleCount += chunk.sampleCount }
  }

  mutating func finish() throws -> GeneratedTotals {
    try writer.finish { meta in
      meta.minTimeMs = startMs
      meta.maxTimeExclusiveMs = startMs + DataSet.blockRangeMs
      var thanos = ThanosMeta()
      thanos.labels = Array(externalLabels)
      thanos.source = "test"
      meta.thanos = thanos
    }
    totals.blockCount = 1
    return totals
  }
}
