// Rows that do not come from series.
internal import TSModel

/// One row without labels, or none at all.
final class ConstantOperator: VectorOperator {
  private var values: [Double]?
  private let context: QueryContext

  /// A row of these values, one a step; nothing where they are nil.
  init(_ values: [Double]?, _ context: QueryContext) { (self.values, self.context) = (values, context) }

  func next() async throws -> VectorBatch? {
    guard let values else { return nil }
    self.values = nil
    let batch = try VectorBatch(stepCount: values.count, capacity: 1, budget: context.budget)
    let row = try batch.openRow()
    let floats = unsafe batch.floats(row)
    for step in values.indices { unsafe floats[step] = values[step] }
    batch.closeRow([], dropsName: false)
    return batch
  }
}

/// The evaluation time in the place of each value: `timestamp` of an expression.
final class EvaluationTimeOperator: VectorOperator {
  private let child: any VectorOperator
  private let grid: StepGrid
  private let isEmpty: Bool
  private let labelChange: LabelChange
  private let context: QueryContext

  /// With `isEmpty` there is nothing to tell, only the argument to be evaluated.
  init(
    _ child: any VectorOperator, _ grid: StepGrid, isEmpty: Bool, _ labelChange: LabelChange, _ context: QueryContext
  ) {
    (self.child, self.grid, self.isEmpty, self.labelChange, self.context) = (child, grid, isEmpty, labelChange, context)
  }

  func next() async throws -> VectorBatch? {
    while let batch = try await child.next() {
      if isEmpty { continue }
      let result = try VectorBatch(stepCount: grid.count, capacity: batch.count, budget: context.budget)
      for row in 0..<batch.count {
        let new = try result.openRow()
        let values = unsafe result.floats(new)
        for step in 0..<grid.count where batch.isPresent(row, step) {
          unsafe values[step] = Double(grid.timeMs(step)) / 1000
        }
        result.closeRow(batch.labels[row], dropsName: batch.dropsName[row])
      }
      labelChange.apply(to: result)
      return result
    }
    return nil
  }
}

/// 1 at each step at which no row of another operator has a value.
final class AbsentOperator: VectorOperator {
  private let child: any VectorOperator
  private let labels: Labels
  private let stepCount: Int
  private let context: QueryContext
  private var isDone = false

  init(_ child: any VectorOperator, labels: Labels, stepCount: Int, _ context: QueryContext) {
    (self.child, self.labels, self.stepCount, self.context) = (child, labels, stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    var isPresent = [Bool](repeating: false, count: stepCount)
    while let batch = try await child.next() {
      try context.checkCancellation()
      for row in 0..<batch.count {
        for step in 0..<stepCount where !isPresent[step] && batch.isPresent(row, step) { isPresent[step] = true }
      }
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: 1, budget: context.budget)
    let row = try result.openRow()
    let values = unsafe result.floats(row)
    for step in 0..<stepCount where !isPresent[step] { unsafe values[step] = 1 }
    guard result.hasValues(row) else { return nil }
    var sets = LabelSets()
    sets.append(labels)
    result.closeRow(sets[0], dropsName: false)
    return result
  }
}
