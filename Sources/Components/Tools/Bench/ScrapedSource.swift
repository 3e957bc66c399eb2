// Blocks of scraped targets, one after another: the sets D, RA, RB and B120. Between two blocks only the state of each
// series' model is kept; within a block the series are made one by one, in the order in which the block has them.
internal import Storage
internal import TSModel

/// A Prometheus that scrapes `targets`, as far as its blocks show it.
struct ScrapedSource {
  private let set: DataSet
  private let externalLabels: Labels
  private let replica: Int?
  private let targets: [ScrapeTarget]
  private var scrapes: [ScrapeTimes]
  /// The series that stay, each with its target's place, in the order of labels.
  private var lasting: [(target: Int, series: TargetSeries)] = []

  /// `targets` are the numbers of the targets; `replica` is 0 or 1 for one of a pair, in which each misses some scrapes,
  /// and nil for one that misses none.
  init(set: DataSet, targets numbers: Range<Int>, replica: Int?, externalLabels: Labels) {
    self.set = set
    self.externalLabels = externalLabels
    self.replica = replica
    targets = numbers.map { ScrapeTarget(index: $0) }
    scrapes = targets.map { $0.scrapes() }
    for (number, target) in targets.enumerated() {
      for series in target.lastingSeries() { lasting.append((number, series)) }
    }
    lasting.sort { $0.series.labels < $1.series.labels }
  }

  /// Series in each block.
  var activeSeriesCount: Int { targets.count * ScrapeTarget.activeSeriesCount }

  /// Writes block number `block` (0, 1, 2, … one after another) into `folder`. `progress` is told the series done.
  mutating func writeBlock(_ block: Int, to folder: String, progress: (Int) -> Void) throws -> GeneratedTotals {
    let startMs = DataSet.startMs + Int64(block) * DataSet.blockRangeMs
    var columns: [ScrapeColumn] = []
    for target in targets.indices {
      columns.append(ScrapeColumn(scrapes[target].times(startMs: startMs, block: block, replica: replica)))
    }
    var pods: [(target: Int, series: TargetSeries)] = []
    for (number, target) in targets.enumerated() {
      for series in target.podSeries(block: block) { pods.append((number, series)) }
    }
    pods.sort { $0.series.labels < $1.series.labels }

    var output = try GeneratedBlock(
      set: set, startMs: startMs, externalLabels: externalLabels, symbols: symbols(and: pods), folder: folder)
    var encoder = ScrapeEncoder()
    // Both lists are in order: whichever has the smaller labels goes next.
    var (lastingDone, podsDone) = (0, 0)
    while lastingDone < lasting.count || podsDone < pods.count {
      let takesPod =
        podsDone < pods.count
        && (lastingDone == lasting.count || pods[podsDone].series.labels < lasting[lastingDone].series.labels)
      if takesPod {
        let column = columns[pods[podsDone].target]
        try output.add(
          pods[podsDone].series.labels, try encoder.encode(&pods[podsDone].series.model, at: column))
        podsDone += 1
      } else {
        let column = columns[lasting[lastingDone].target]
        try output.add(
          lasting[lastingDone].series.labels, try encoder.encode(&lasting[lastingDone].series.model, at: column))
        lastingDone += 1
      }
      let done = lastingDone + podsDone
      if done % 256 == 0 { progress(done) }
    }
    return try output.finish()
  }

  /// All names and values of the block, ascending. They are ASCII, so that Swift's order is that of the bytes.
  private func symbols(and pods: [(target: Int, series: TargetSeries)]) -> [String] {
    var symbols = Set<String>()
    for list in [lasting, pods] {
      for (_, series) in list {
        for label in series.labels {
          symbols.insert(label.name)
          symbols.insert(label.value)
        }
      }
    }
    return symbols.sorted()
  }
}

/// When a target is scraped in two hours: the scrapes that happened, and which of all did.
private struct ScrapeColumn {
  let timestampsMs: [Int64]
  let happened: [Bool]

  init(_ times: [Int64?]) {
    timestampsMs = times.compactMap { $0 }
    happened = times.map { $0 != nil }
  }
}

/// From a model and the times of two hours to chunks, with room for one series that all share.
private struct ScrapeEncoder {
  private var builder = FloatChunkBuilder()
  private var values: [Double] = []

  /// The model goes on by every scrape; values of missed ones are lost.
  mutating func encode(_ model: inout SeriesModel, at column: ScrapeColumn) throws(StorageError) -> [EncodedChunk] {
    values.removeAll(keepingCapacity: true)
    var state = model
    for happened in column.happened {
      let value = state.next()
      if happened { values.append(value) }
    }
    model = state
    return try Self.chunks(of: values, column, &builder)
  }

  private static func chunks(
    of values: [Double], _ column: ScrapeColumn, _ builder: inout FloatChunkBuilder
  ) throws(StorageError) -> [EncodedChunk] {
    try builder.append(timestampsMs: column.timestampsMs.span, values: values.span)
    return builder.finish()
  }
}
