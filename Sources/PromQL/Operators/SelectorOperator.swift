// A selector with the function over it: series are decoded one after the other, each into one row. Parts of a stream are
// worked on side by side and handed on in their order, so that an answer does not depend on the number of cores.
internal import TSModel

/// What makes one row of one series.
protocol RowKernel: Sendable {
  /// Whether stale markers must be among the samples.
  var wantsStaleMarkers: Bool { get }
  /// Writes the row of a series with these samples; steps without a result stay absent.
  func evaluate(
    _ samples: borrowing SampleColumns, _ labels: LabelBytes, into batch: VectorBatch, row: Int,
    _ scratch: inout KernelScratch
  ) throws
  /// The time T and the lookback where a row's only value is the newest sample in (T - lookback, T]; nil of other kernels.
  var newestAt: (timeMs: Int64, lookbackMs: Int64)? { get }
  /// Counts the samples that the steps of a row look at, after it was evaluated.
  func count(_ samples: borrowing SampleColumns, _ batch: VectorBatch, row: Int, into tally: inout SampleTally)
}

extension RowKernel {
  var newestAt: (timeMs: Int64, lookbackMs: Int64)? { nil }

  /// Each value of the row is a sample.
  func count(_ samples: borrowing SampleColumns, _ batch: VectorBatch, row: Int, into tally: inout SampleTally) {
    tally.add(row: row, of: batch)
  }
}

/// Rows of a selector.
final class SelectorOperator: VectorOperator {
  private let context: QueryContext
  private let request: SelectRequest
  private let kernel: any RowKernel
  private let grid: StepGrid
  private let labelChange: LabelChange
  private let keepsBuckets: Bool
  private let counts: SampleCounts?
  private var stream: (any SeriesStream)?
  private var ready: [VectorBatch] = []
  private var isAtEnd = false

  init(
    _ request: SelectRequest, _ kernel: any RowKernel, grid: StepGrid, _ labelChange: LabelChange,
    keepsBuckets: Bool = true, counts: SampleCounts?, _ context: QueryContext
  ) {
    self.request = request
    self.kernel = kernel
    self.grid = grid
    self.labelChange = labelChange
    self.keepsBuckets = keepsBuckets
    self.counts = counts
    self.context = context
  }

  func next() async throws -> VectorBatch? {
    while true {
      if !ready.isEmpty { return ready.removeFirst() }
      if isAtEnd { return nil }
      try context.checkCancellation()
      try await fill()
    }
  }

  private func fill() async throws {
    let stream: any SeriesStream
    if let open = self.stream {
      stream = open
    } else {
      stream = try await context.queryable.select(request)
      self.stream = stream
    }
    var parts: [any SeriesPart] = []
    // Where a part is little work, waiting for the tasks would be much of it.
    let partCount = context.options.parallelism * (grid.count <= 16 ? 4 : 1)
    while parts.count < partCount, !isAtEnd {
      guard let part = try await stream.next() else {
        isAtEnd = true
        break
      }
      try context.budget.read(series: part.count)
      parts.append(part)
    }
    // What cannot be decoded is known after that.
    defer { if isAtEnd { for warning in stream.warnings { context.annotations.add(sourceWarning: warning) } } }
    if parts.count <= 1 {
      for part in parts { ready.append(try work.rows(of: part)) }
      return
    }
    let (work, parallelism) = (work, context.options.parallelism)
    let perTask = (parts.count + parallelism - 1) / parallelism
    ready = try await withThrowingTaskGroup(of: (Int, [VectorBatch]).self) { group in
      for start in stride(from: 0, to: parts.count, by: perTask) {
        let own = Array(parts[start..<min(parts.count, start + perTask)])
        group.addTask { (start, try own.map(work.rows(of:))) }
      }
      var batches: [(Int, [VectorBatch])] = []
      for try await batch in group { batches.append(batch) }
      return batches.sorted { $0.0 < $1.0 }.flatMap(\.1)
    }
  }

  private var work: PartWork {
    PartWork(
      kernel: kernel, grid: grid, labelChange: labelChange, minTimeMs: request.timeRange.minTimeMs,
      keepsBuckets: keepsBuckets, counts: counts, operation: request.observer as? Operation, context: context)
  }
}

/// What is done with each part of a stream, by any task.
private struct PartWork: Sendable {
  let kernel: any RowKernel
  let grid: StepGrid
  let labelChange: LabelChange
  let minTimeMs: Int64
  let keepsBuckets: Bool
  let counts: SampleCounts?
  let operation: Operation?
  let context: QueryContext

  /// What is used again from series to series.
  private struct Workplace: ~Copyable {
    var samples = SampleColumns()
    var scratch = KernelScratch()
    var tally: SampleTally
    var readCount = 0
  }

  func rows(of part: any SeriesPart) throws -> VectorBatch {
    let batch = try VectorBatch(stepCount: grid.count, capacity: part.count, budget: context.budget)
    var sets = LabelSets()
    try part.appendLabels(to: &sets)
    var place = Workplace(tally: SampleTally(stepCount: counts == nil ? 0 : grid.count))
    if !labelChange.dropsName, let (timeMs, lookbackMs) = kernel.newestAt,
      let newest = part.newest(at: timeMs, lookbackMs: lookbackMs)
    {
      // Series of which that is known need no look of their own.
      var next = 0
      for left in newest.left {
        try append(newest.values, next..<left, sets, to: batch, &place)
        try decode(part, left..<left + 1, sets, into: batch, &place)
        next = left + 1
      }
      try append(newest.values, next..<newest.values.count, sets, to: batch, &place)
      place.readCount += newest.sampleCount
    } else {
      try decode(part, 0..<part.count, sets, into: batch, &place)
    }
    guard part.isIntact else { return try VectorBatch(stepCount: grid.count, capacity: 0, budget: context.budget) }
    counts?.add(place.tally)
    context.budget.read(samples: place.readCount)
    operation?.read(samples: place.readCount)
    return batch
  }

  /// Rows of one value each.
  private func append(
    _ values: [Double], _ range: Range<Int>, _ sets: LabelSets, to batch: VectorBatch, _ place: inout Workplace
  ) throws {
    guard !range.isEmpty else { return }
    let first = batch.count
    try batch.append(values, range, labels: sets)
    if counts != nil { for row in first..<batch.count { place.tally.add(row: row, of: batch) } }
  }

  /// Rows of series that are decoded, one after the other.
  private func decode(
    _ part: any SeriesPart, _ range: Range<Int>, _ sets: LabelSets, into batch: VectorBatch, _ place: inout Workplace
  ) throws {
    for index in range {
      if index % 64 == 0 { try context.checkCancellation() }
      try part.decode(index, into: &place.samples)
      place.readCount += place.samples.floats.count + place.samples.histogramCount
      if !kernel.wantsStaleMarkers { place.samples.removeStaleMarkers() }
      if !keepsBuckets { place.samples.keepStatistics(from: minTimeMs) }
      let row = try batch.openRow()
      try kernel.evaluate(place.samples, sets[index], into: batch, row: row, &place.scratch)
      if counts != nil { kernel.count(place.samples, batch, row: row, into: &place.tally) }
      guard batch.hasValues(row) else { continue }
      labelChange.close(batch, sets[index], dropsName: false)
    }
  }
}

/// What an operation does to a row's metric name.
struct LabelChange: Sendable {
  /// The name, with what else tells of the metric, is no longer true.
  var dropsName: Bool
  /// What goes with it, where that is not delayed.
  var filter = LabelFilter.withoutMetadata
  /// It stays until the end of the evaluation, with a mark.
  var isDelayed: Bool

  /// Ends the open row of `batch` with the labels that it has then.
  func close(_ batch: VectorBatch, _ set: LabelBytes, dropsName already: Bool) {
    if dropsName, !isDelayed {
      batch.closeRow(set, filter, dropsName: already)
    } else {
      batch.closeRow(set, dropsName: dropsName || already)
    }
  }

  /// Changes the labels of all rows.
  func apply(to batch: VectorBatch) {
    guard dropsName else { return }
    if isDelayed {
      for row in 0..<batch.count { batch.dropsName[row] = true }
      return
    }
    var sets = LabelSets()
    for row in 0..<batch.count { sets.append(batch.labels[row], filter) }
    batch.replaceLabels(sets)
  }
}
