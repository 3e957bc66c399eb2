// What was evaluated once, at every step.
internal import TSModel

/// Rows of one step, repeated.
final class StepInvariantOperator: VectorOperator {
  private let child: any VectorOperator
  private let stepCount: Int
  private let context: QueryContext

  init(_ child: any VectorOperator, stepCount: Int, _ context: QueryContext) {
    (self.child, self.stepCount, self.context) = (child, stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    let result = try VectorBatch(
      stepCount: stepCount, capacity: batch.count, pool: batch.pool, budget: context.budget)
    for row in 0..<batch.count {
      let new = try result.openRow()
      unsafe result.floats(new).update(repeating: batch.floats(row)[0])
      let index = batch.histogram(row, 0)
      if index >= 0 {
        for step in 0..<stepCount { result.setHistogram(new, step, index) }
      }
      result.closeRow(batch.labels[row], dropsName: batch.dropsName[row])
    }
    return result
  }
}
