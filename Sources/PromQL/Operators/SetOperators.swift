// `and`, `or` and `unless`: which rows have a partner, step by step.
internal import TSModel

/// Groups rows of two sides that match one another. Used by one task.
final class MatchSignatures {
  private let filter: LabelFilter
  private var ordinals: [[UInt8]: Int] = [:]
  /// What `ordinals` hold: a place in the dictionary and an array's head beside each signature.
  private var charge: BudgetCharge

  /// By the labels `names` only (`on`), or by all but these and the name (`ignoring`).
  init(on: Bool, names: [String], _ budget: QueryBudget) throws {
    let bytes = names.map { Array($0.utf8) }
    filter = on ? .keeping(bytes) : .dropping(bytes + [LabelNames.name])
    charge = try BudgetCharge(budget.bytes, bytes: 0)
  }

  /// How many groups there are.
  var count: Int { ordinals.count }

  /// The group of each row.
  func groups(of batch: VectorBatch) throws -> [Int] {
    try (0..<batch.count).map { row in
      let signature = filter.apply(batch.labels[row])
      if let known = ordinals[signature] { return known }
      try charge.grow(by: signature.count + 64)
      let ordinal = ordinals.count
      ordinals[signature] = ordinal
      return ordinal
    }
  }
}

/// Which set operation.
enum SetOperation {
  case and, or, unless
}

/// Rows of a set operation.
final class SetOperator: VectorOperator {
  private let left: any VectorOperator
  private let right: any VectorOperator
  private let operation: SetOperation
  private let context: QueryContext
  private let stepCount: Int
  private let signatures: MatchSignatures
  private var isDone = false

  init(
    _ operation: SetOperation, _ left: any VectorOperator, _ right: any VectorOperator, _ signatures: MatchSignatures,
    stepCount: Int, _ context: QueryContext
  ) {
    (self.operation, self.left, self.right) = (operation, left, right)
    (self.signatures, self.stepCount, self.context) = (signatures, stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let leftRows = try await left.all(context, stepCount: stepCount)
    let rightRows = try await right.all(context, stepCount: stepCount)
    let leftGroups = try signatures.groups(of: leftRows)
    let rightGroups = try signatures.groups(of: rightRows)
    // A byte for each step of a group.
    let charge = try BudgetCharge(context.budget.bytes, bytes: signatures.count * stepCount)
    defer { withExtendedLifetime(charge) {} }
    switch operation {
    case .and: try keep(leftRows, leftGroups, where: true, presence(rightRows, rightGroups))
    case .unless: try keep(leftRows, leftGroups, where: false, presence(rightRows, rightGroups))
    case .or:
      try keep(rightRows, rightGroups, where: false, presence(leftRows, leftGroups))
      let merger = RowMerger(try VectorBatch(stepCount: stepCount, capacity: 0, budget: context.budget))
      for row in 0..<leftRows.count { try merger.add(row, of: leftRows) }
      for row in 0..<rightRows.count where rightRows.hasValues(row) { try merger.add(row, of: rightRows) }
      return merger.rows
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: 0, pool: leftRows.pool, budget: context.budget)
    for row in 0..<leftRows.count where leftRows.hasValues(row) { try result.append(row, of: leftRows) }
    return result
  }

  /// Whether any row of a group has a value, group by group and step by step.
  private func presence(_ rows: VectorBatch, _ groups: [Int]) throws -> [Bool] {
    var present = [Bool](repeating: false, count: signatures.count * stepCount)
    for row in 0..<rows.count {
      let base = groups[row] * stepCount
      for step in 0..<stepCount where rows.isPresent(row, step) { present[base + step] = true }
    }
    return present
  }

  /// Takes out values of `rows` at steps where their group's presence is not `wanted`.
  private func keep(_ rows: VectorBatch, _ groups: [Int], where wanted: Bool, _ present: [Bool]) throws {
    for row in 0..<rows.count {
      let base = groups[row] * stepCount
      for step in 0..<stepCount where present[base + step] != wanted { rows.clear(row, step) }
    }
  }
}
