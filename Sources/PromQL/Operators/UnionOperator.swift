// Rows of several vectors one behind the other, and some of the rows of one.
internal import TSModel

/// Rows of several operators, the first one's first. Of rows of equal labels only the first stays.
final class UnionOperator: VectorOperator {
  private var children: [any VectorOperator]
  private let stepCount: Int
  private let context: QueryContext
  private var seen: Set<[UInt8]> = []
  /// What `seen` holds: a place in the set and an array's head beside each key.
  private var charge: BudgetCharge

  init(_ children: [any VectorOperator], stepCount: Int, _ context: QueryContext) throws {
    (self.children, self.stepCount, self.context) = (children, stepCount, context)
    charge = try BudgetCharge(context.budget.bytes, bytes: 0)
  }

  func next() async throws -> VectorBatch? {
    while let child = children.first {
      try context.checkCancellation()
      guard let batch = try await child.next() else {
        children.removeFirst()
        continue
      }
      let result = try VectorBatch(
        stepCount: stepCount, capacity: batch.count, pool: batch.pool, budget: context.budget)
      for row in 0..<batch.count where batch.hasValues(row) {
        let labels = batch.labels[row]
        let key = batch.dropsName[row] ? LabelFilter.withoutMetadata.apply(labels) : Array(labels)
        guard seen.insert(key).inserted else { continue }
        try charge.grow(by: key.count + 64)
        try result.append(row, of: batch)
      }
      return result
    }
    return nil
  }
}

/// A page of the rows of another operator: some are skipped, some follow.
final class PageOperator: VectorOperator {
  private let child: any VectorOperator
  private let limit: Int
  private let offset: Int
  private let isSorted: Bool
  private let stepCount: Int
  private let context: QueryContext
  private var isDone = false

  /// The rows have the order of their labels, or, with `isSorted`, that in which they come.
  init(
    _ child: any VectorOperator, limit: Double, offset: Double, isSorted: Bool, stepCount: Int, _ context: QueryContext
  ) {
    func count(_ value: Double) -> Int { value >= 1 ? Int(exactly: value.rounded(.towardZero)) ?? .max : 0 }
    (self.child, self.limit, self.offset, self.isSorted) = (child, count(limit), count(offset), isSorted)
    (self.stepCount, self.context) = (stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let rows = try await child.all(context, stepCount: stepCount)
    var order = (0..<rows.count).filter { rows.hasValues($0) }
    if !isSorted { order.sort { compareLabels(rows.labels[$0], rows.labels[$1]) < 0 } }
    let page = order.dropFirst(offset).prefix(limit)
    let result = try VectorBatch(stepCount: stepCount, capacity: page.count, pool: rows.pool, budget: context.budget)
    for row in page { try result.append(row, of: rows) }
    return result
  }
}
