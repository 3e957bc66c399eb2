// Functions of whole rows: running_sum and its like, range_sum and its like.
internal import CTSDB
internal import TSModel

/// What is done with each row.
enum WholeRowFunction {
  /// Each step's value from those up to it.
  case running(tsdb_running)
  /// All steps' values from all of them; the parameter is the function's own.
  case whole(tsdb_whole_row, parameter: Double)

  /// The function of this name; nil where there is none. `parameter` is its first argument, where it has a number there.
  init?(name: String, parameter: Double?) {
    func whole(_ function: tsdb_whole_row) -> Self { .whole(function, parameter: parameter ?? 0) }
    switch name {
    case "running_sum": self = .running(TSDB_RUNNING_SUM)
    case "running_min": self = .running(TSDB_RUNNING_MIN)
    case "running_max": self = .running(TSDB_RUNNING_MAX)
    case "running_avg": self = .running(TSDB_RUNNING_AVG)
    case "range_sum": self = whole(TSDB_WHOLE_SUM)
    case "range_min": self = whole(TSDB_WHOLE_MIN)
    case "range_max": self = whole(TSDB_WHOLE_MAX)
    case "range_avg": self = whole(TSDB_WHOLE_AVG)
    case "range_first": self = whole(TSDB_WHOLE_FIRST)
    case "range_last": self = whole(TSDB_WHOLE_LAST)
    case "range_quantile": self = whole(TSDB_WHOLE_QUANTILE)
    case "range_median": self = .whole(TSDB_WHOLE_QUANTILE, parameter: 0.5)
    case "range_mad": self = whole(TSDB_WHOLE_MAD)
    case "range_stddev": self = whole(TSDB_WHOLE_STDDEV)
    case "range_stdvar": self = whole(TSDB_WHOLE_STDVAR)
    case "range_linear_regression": self = whole(TSDB_WHOLE_LINE)
    case "range_normalize": self = whole(TSDB_WHOLE_NORMALIZE)
    case "range_zscore": self = whole(TSDB_WHOLE_ZSCORE)
    case "range_trim_zscore": self = whole(TSDB_WHOLE_TRIM_ZSCORE)
    case "range_trim_outliers": self = whole(TSDB_WHOLE_TRIM_OUTLIERS)
    case "range_trim_spikes": self = whole(TSDB_WHOLE_TRIM_SPIKES)
    default: return nil
    }
  }

  /// Whether the values are another metric's: then names are dropped.
  static func changesMetric(_ name: String) -> Bool {
    switch name {
    case "range_sum", "range_min", "range_max", "range_avg": true
    default: name.hasPrefix("running_")
    }
  }
}

/// Rows of another operator, each changed as a whole. Histograms have no such result, and NaN counts as no value.
final class WholeRowOperator: VectorOperator {
  private let child: any VectorOperator
  private let function: WholeRowFunction
  private let labelChange: LabelChange
  private let grid: StepGrid
  private let context: QueryContext

  init(
    _ child: any VectorOperator, _ function: WholeRowFunction, _ labelChange: LabelChange, _ grid: StepGrid,
    _ context: QueryContext
  ) {
    (self.child, self.function, self.labelChange) = (child, function, labelChange)
    (self.grid, self.context) = (grid, context)
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    try context.checkCancellation()
    let rows = batch.hasHistograms ? try batch.withoutHistograms(context.budget) : batch
    let status: tsdb_status
    switch function {
    case .running(let function):
      status = unsafe rows.withRows { values in
        unsafe tsdb_rows_running(function, values.baseAddress, rows.count, rows.stepCount)
      }
    case .whole(let function, let parameter):
      let charge = try BudgetCharge(context.budget.bytes, bytes: 8 * rows.stepCount)
      var scratch = [Double](repeating: 0, count: rows.stepCount)
      status = unsafe rows.withRows { values in
        unsafe tsdb_rows_whole(
          function, parameter, grid.stepMs, values.baseAddress, rows.count, rows.stepCount, &scratch, scratch.count)
      }
      withExtendedLifetime(charge) {}
    }
    try check(status, "compute a function of whole rows")
    let result = try rows.withValuesOnly(context.budget)
    labelChange.apply(to: result)
    return result
  }
}

extension VectorBatch {
  /// The same rows without their histograms; rows that have nothing else are left out.
  func withoutHistograms(_ budget: QueryBudget) throws -> VectorBatch {
    let result = try VectorBatch(stepCount: stepCount, capacity: count, budget: budget)
    for row in 0..<count {
      let new = try result.openRow()
      _ = unsafe result.floats(new).update(fromContentsOf: floats(row))
      if result.hasValues(new) { result.closeRow(labels[row], dropsName: dropsName[row]) }
    }
    return result
  }

  /// The rows that have any value: the batch itself where all have one.
  func withValuesOnly(_ budget: QueryBudget) throws -> VectorBatch {
    guard (0..<count).contains(where: { !hasValues($0) }) else { return self }
    let result = try VectorBatch(stepCount: stepCount, capacity: count, pool: pool, budget: budget)
    for row in 0..<count where hasValues(row) { try result.append(row, of: self) }
    return result
  }
}
