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
  /// Counts the samples that the steps of a row look at, after it was evaluated.
  func count(_ samples: borrowing SampleColumns, _ batch: VectorBatch, row: Int, into tally: inout SampleTally)
}

extension RowKernel {
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
    while parts.count < context.options.parallelism, !isAtEnd {
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
    let work = work
    ready = try await withThrowingTaskGroup(of: (Int, VectorBatch).self) { group in
      for (index, part) in parts.enumerated() {
        group.addTask { (index, try work.rows(of: part)) }
      }
      var batches: [(Int, VectorBatch)] = []
      for try await batch in group { batches.append(batch) }
      return batches.sorted { $0.0 < $1.0 }.map(\.1)
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

  func rows(of part: any SeriesPart) throws -> VectorBatch {
    let batch = try VectorBatch(stepCount: grid.count, capacity: part.count, budget: context.budget)
    var sets = LabelSets()
    try part.appendLabels(to: &sets)
    var samples = SampleColumns()
    var scratch = KernelScratch()
    var tally = SampleTally(stepCount: counts == nil ? 0 : grid.count)
    var read = 0
    for index in 0..<part.count {
      if index % 64 == 0 { try context.checkCancellation() }
      try part.decode(index, into: &samples)
      read += samples.floats.count + samples.histogramCount
      if !kernel.wantsStaleMarkers { samples.removeStaleMarkers() }
      if !keepsBuckets { samples.keepStatistics(from: minTimeMs) }
      let row = try batch.openRow()
      try kernel.evaluate(samples, sets[index], into: batch, row: row, &scratch)
      if counts != nil { kernel.count(samples, batch, row: row, into: &tally) }
      guard batch.hasValues(row) else { continue }
      labelChange.close(batch, sets[index], dropsName: false)
    }
    counts?.add(tally)
    operation?.read(samples: read)
    return batch
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
      batch.closeRow(filter.apply(set)[...], dropsName: already)
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
    for row in 0..<batch.count { sets.append(filter.apply(batch.labels[row])[...]) }
    batch.replaceLabels(sets)
  }
}
