// `default`: what rows lack is taken from others, step by step.
internal import TSModel

/// Rows of the left side, with the values of the right side where they have none, or NaN.
final class DefaultOperator: VectorOperator {
  private let left: any VectorOperator
  private let right: any VectorOperator
  private let isPlain: Bool
  private let stepCount: Int
  private let context: QueryContext
  private let signatures: MatchSignatures
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
    let groups = try signatures.groups(of: rows)
    let isForAll = isPlain && others.count == 1 && others.labels[0].isEmpty
    // The first value that a group has at each step, so that a row costs no more than its steps however many others there are.
    let spares = try VectorBatch(
      stepCount: stepCount, capacity: min(others.count, 64), pool: others.pool, budget: context.budget)
    var spareOfGroup: [Int: Int] = [:]
    for (row, group) in try signatures.groups(of: others).enumerated() {
      if row % 64 == 63 { try context.checkCancellation() }
      if let spare = spareOfGroup[group] {
        fill(spares, spare, from: others, row)
      } else {
        spareOfGroup[group] = spares.count
        try spares.append(row, of: others)
      }
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: rows.count, pool: rows.pool, budget: context.budget)
    for row in 0..<rows.count {
      if row % 64 == 63 { try context.checkCancellation() }
      if let spare = isForAll ? 0 : spareOfGroup[groups[row]] { fill(rows, row, from: spares, spare) }
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
