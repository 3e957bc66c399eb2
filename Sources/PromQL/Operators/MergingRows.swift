// Rows that came to have equal labels become one, where their values lie at different steps.
internal import TSModel

/// A query must be run again with all rows of each operator held: rows that had been handed on turned out to belong together.
struct RestartMaterialized: Error {}

/// What happens to rows whose labels become equal.
enum Collision {
  /// They are an error at once, wherever their values lie.
  case fails
  /// They become one row; where both have a value at one step they are an error.
  case merges
}

/// Rows of another operator with their labels changed, distinct.
final class MergingRows: VectorOperator {
  private let child: any VectorOperator
  private let context: QueryContext
  private let collision: Collision
  private let stepCount: Int
  private var seen: Set<UInt64> = []
  private var isDone = false

  init(_ child: any VectorOperator, _ collision: Collision, stepCount: Int, _ context: QueryContext) {
    self.child = child
    self.collision = collision
    self.stepCount = stepCount
    self.context = context
  }

  func next() async throws -> VectorBatch? {
    guard collision == .fails || !context.holdsRows else {
      if isDone { return nil }
      isDone = true
      let merger = RowMerger(
        try VectorBatch(stepCount: stepCount, capacity: 0, budget: context.budget))
      while let batch = try await child.next() {
        for row in 0..<batch.count { try merger.add(row, of: batch) }
      }
      return merger.rows
    }
    guard let batch = try await child.next() else { return nil }
    for row in 0..<batch.count where !seen.insert(batch.labels.hash(row)).inserted {
      if collision == .fails {
        // Of several faults it is the last one that Prometheus would find: all rows are made before labels are compared.
        while try await child.next() != nil {}
        throw QueryError.duplicateLabels
      }
      throw RestartMaterialized()
    }
    return batch
  }
}

/// Puts rows of equal labels together.
final class RowMerger {
  /// The rows so far.
  let rows: VectorBatch
  private var places: [UInt64: Int] = [:]

  init(_ rows: VectorBatch) { self.rows = rows }

  /// Adds row `row` of `other`, with other labels if `set` is given. Throws where a row of the same labels has a value at the same
  /// step.
  func add(_ row: Int, of other: VectorBatch, labels set: LabelBytes? = nil, dropsName: Bool? = nil) throws {
    let set = set ?? other.labels[row]
    let hash = labelBytesHash(set)
    guard let place = places[hash] else {
      places[hash] = rows.count
      try rows.append(row, of: other, labels: set, dropsName: dropsName)
      return
    }
    for step in 0..<rows.stepCount where other.isPresent(row, step) {
      guard !rows.isPresent(place, step) else { throw QueryError.duplicateLabels }
      let index = other.histogram(row, step)
      if index >= 0 {
        rows.setHistogram(place, step, other.pool === rows.pool ? index : rows.pool.append(index, of: other.pool))
      } else {
        unsafe rows.floats(place)[step] = other.floats(row)[step]
      }
    }
  }
}
