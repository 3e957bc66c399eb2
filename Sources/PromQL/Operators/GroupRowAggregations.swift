// Aggregations whose results stay in the rows that they come from: share and outliersk.
internal import CTSDB
internal import TSModel

/// Each value by the sum of its group at that step. Negative values, NaN and histograms have no share.
final class ShareAggregation: VectorOperator {
  private let child: any VectorOperator
  private let stepCount: Int
  private let context: QueryContext
  private var grouping: Grouping
  private var isDone = false

  init(_ child: any VectorOperator, _ grouping: Grouping, stepCount: Int, _ context: QueryContext) {
    (self.child, self.grouping, self.stepCount, self.context) = (child, grouping, stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let all = try await child.all(context, stepCount: stepCount)
    let rows = all.hasHistograms ? try all.withoutHistograms(context.budget) : all
    let sums = try VectorBatch(stepCount: stepCount, capacity: 1, budget: context.budget)
    var groups: [Int] = []
    for row in 0..<rows.count {
      let group = grouping.group(of: rows.labels[row])
      groups.append(group)
      if group == sums.count {
        _ = try sums.openRow()
        sums.closeRow([], dropsName: false)
      }
      unsafe tsdb_row_add_shares(rows.floats(row).baseAddress, stepCount, sums.floats(group).baseAddress)
    }
    for row in 0..<rows.count {
      unsafe tsdb_row_divide_shares(rows.floats(row).baseAddress, stepCount, sums.floats(groups[row]).baseAddress)
    }
    return try rows.withValuesOnly(context.budget)
  }
}

/// The rows of each group that are farthest from its median over all steps.
final class OutlierAggregation: VectorOperator {
  private let child: any VectorOperator
  private let counts: [Double]
  private let stepCount: Int
  private let context: QueryContext
  private var grouping: Grouping
  private var isDone = false

  /// `counts` has one number a step: how many rows of a group have their value there.
  init(
    _ child: any VectorOperator, _ counts: [Double], _ grouping: Grouping, stepCount: Int, _ context: QueryContext
  ) {
    (self.child, self.counts, self.grouping) = (child, counts, grouping)
    (self.stepCount, self.context) = (stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let all = try await child.all(context, stepCount: stepCount)
    let rows = all.hasHistograms ? try all.withoutHistograms(context.budget) : all
    var members: [[Int]] = []
    for row in 0..<rows.count {
      let group = grouping.group(of: rows.labels[row])
      if group == members.count { members.append([]) }
      members[group].append(row)
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: 0, budget: context.budget)
    let charge = try BudgetCharge(context.budget.bytes, bytes: 8 * (stepCount + rows.count))
    for group in members {
      try context.checkCancellation()
      let medians = try medians(of: group, rows)
      let distances = group.map { row in
        unsafe tsdb_row_squared_distance(rows.floats(row).baseAddress, medians, stepCount)
      }
      let ranked = group.indices.sorted { a, b in
        let (left, right) = (distances[a], distances[b])
        return left == right ? a < b : left > right
      }
      for (rank, index) in ranked.enumerated() {
        let row = group[index]
        // A count that is NaN chooses nothing.
        for step in 0..<stepCount where !(counts[step] >= Double(rank) + 1) { rows.clear(row, step) }
        if rows.hasValues(row) { try result.append(row, of: rows) }
      }
    }
    withExtendedLifetime(charge) {}
    return result
  }

  /// The median of a group's values at each step; absent where there are none.
  private func medians(of group: [Int], _ rows: VectorBatch) throws -> [Double] {
    var medians = [Double](repeating: absent, count: stepCount)
    var values: [Double] = []
    for step in 0..<stepCount {
      try checkTask()
      values.removeAll(keepingCapacity: true)
      for row in group {
        let value = unsafe rows.floats(row)[step]
        if !value.isNaN { values.append(value) }
      }
      if !values.isEmpty { medians[step] = unsafe tsdb_quantile_of(&values, values.count, 0.5) }
    }
    return medians
  }
}
