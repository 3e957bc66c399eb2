// `default`: what rows lack is taken from others, step by step.
internal import TSModel

/// Rows of the left side, with the values of the right side where they have none, or NaN.
final class DefaultOperator: VectorOperator {
  private let left: any VectorOperator
  private let right: any VectorOperator
  private let isPlain: Bool
  private let stepCount: Int
  private let context: QueryContext
  private var signatures: MatchSignatures
  private var isDone = false

  /// With `isPlain` a right side that is one row without labels goes with every row.
  init(
    _ left: any VectorOperator, _ right: any VectorOperator, _ signatures: MatchSignatures, isPlain: Bool,
    stepCount: Int, _ context: QueryContext
  ) {
    (self.left, self.right, self.signatures, self.isPlain) = (left, right, signatures, isPlain)
    (self.stepCount, self.context) = (stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let rows = try await left.all(context, stepCount: stepCount)
    let others = try await right.all(context, stepCount: stepCount)
    guard rows.count > 0 else { return others }
    let groups = signatures.groups(of: rows)
    let isForAll = isPlain && others.count == 1 && others.labels[0].isEmpty
    var othersOfGroup: [Int: [Int]] = [:]
    for (row, group) in signatures.groups(of: others).enumerated() { othersOfGroup[group, default: []].append(row) }
    let result = try VectorBatch(stepCount: stepCount, capacity: rows.count, pool: rows.pool, budget: context.budget)
    for row in 0..<rows.count {
      try context.checkCancellation()
      let sources = isForAll ? [0] : othersOfGroup[groups[row]] ?? []
      for source in sources { fill(rows, row, from: others, source) }
      if rows.hasValues(row) { try result.append(row, of: rows) }
    }
    return result
  }

  private func fill(_ rows: VectorBatch, _ row: Int, from others: VectorBatch, _ source: Int) {
    let values = unsafe rows.floats(row)
    let spare = unsafe others.floats(source)
    for step in 0..<stepCount where unsafe values[step].isNaN && rows.histogram(row, step) < 0 {
      let histogram = others.histogram(source, step)
      if histogram >= 0 {
        rows.setHistogram(row, step, rows.pool.append(histogram, of: others.pool))
      } else if unsafe spare[step].bitPattern != absentBits {
        unsafe values[step] = spare[step]
      }
    }
  }
}
