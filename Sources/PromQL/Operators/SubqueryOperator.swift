// A function over a subquery: each row of the inner expression is a series whose samples lie at the inner steps.
internal import TSModel

/// Rows of a function over a subquery.
final class SubqueryOperator: VectorOperator {
  private let child: any VectorOperator
  private let inner: StepGrid
  private let kernel: RangeKernel
  private let grid: StepGrid
  private let labelChange: LabelChange
  private let context: QueryContext
  private var samples = SampleColumns()
  private var scratch = KernelScratch()
  /// As in Prometheus, all values of the inner expression count as held until the function is through.
  private var heldSamples = 0

  /// `child` has its rows at the steps of `inner`.
  init(
    _ child: any VectorOperator, inner: StepGrid, _ kernel: RangeKernel, grid: StepGrid, _ labelChange: LabelChange,
    _ context: QueryContext
  ) {
    (self.child, self.inner, self.kernel, self.grid) = (child, inner, kernel, grid)
    (self.labelChange, self.context) = (labelChange, context)
  }

  deinit { context.budget.release(heldSamples) }

  func next() async throws -> VectorBatch? {
    guard inner.count > 0, let batch = try await child.next() else { return nil }
    heldSamples += batch.handOverSamples()
    try context.checkCancellation()
    let result = try VectorBatch(stepCount: grid.count, capacity: batch.count, budget: context.budget)
    for row in 0..<batch.count {
      samples.fill(batch, row, inner)
      let new = try result.openRow()
      try kernel.evaluate(samples, batch.labels[row], into: result, row: new, &scratch)
      guard result.hasValues(new) else { continue }
      labelChange.close(result, batch.labels[row], dropsName: batch.dropsName[row])
    }
    return result
  }
}

extension SampleColumns {
  /// Takes the values of a row for samples at the times of `grid`.
  mutating func fill(_ batch: VectorBatch, _ row: Int, _ grid: StepGrid) {
    removeAll()
    let values = unsafe batch.floats(row)
    unsafe floats.append(upTo: grid.count) { times, floats, starts in
      var count = 0
      for step in 0..<grid.count where unsafe values[step].bitPattern != absentBits {
        unsafe times[count] = grid.timeMs(step)
        unsafe floats[count] = values[step]
        unsafe starts[count] = 0
        count += 1
      }
      return count
    }
    guard batch.hasHistograms else { return }
    for step in 0..<grid.count {
      let index = batch.histogram(row, step)
      guard index >= 0 else { continue }
      let copy = pool.append(index, of: batch.pool)
      // Samples between those of the subquery are not seen, so that nothing is known of resets.
      let hint = pool.headers[Int(copy)].resetHint
      if hint == .reset || hint == .notReset { pool.update(copy) { $0.resetHint = .unknown } }
      append(histogram: copy, timestampMs: grid.timeMs(step))
    }
  }
}
