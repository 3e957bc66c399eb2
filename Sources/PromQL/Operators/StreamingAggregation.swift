// Aggregations that take row after row: what they hold is groups × steps numbers, whatever the number of series.
internal import CTSDB
internal import TSModel

/// Which one it is.
enum StreamingAggregate: Sendable {
  case sum, average, count, minimum, maximum, group, deviation, variance

  /// How it is written.
  var name: String {
    switch self {
    case .sum: "sum"
    case .average: "avg"
    case .count: "count"
    case .minimum: "min"
    case .maximum: "max"
    case .group: "group"
    case .deviation: "stddev"
    case .variance: "stdvar"
    }
  }
}

/// Rows of groups.
final class StreamingAggregation: VectorOperator {
  private let child: any VectorOperator
  private let aggregate: StreamingAggregate
  private let context: QueryContext
  private let site: QuerySite
  private let stepCount: Int
  private var grouping: Grouping
  private var floats: FloatAccumulators
  private var histograms: HistogramAccumulators
  private var dropsName: [Bool] = []
  /// The group of each row of a batch.
  private var groups: [Int] = []
  private var isDone = false

  /// `site` is that of the aggregated expression.
  init(
    _ child: any VectorOperator, _ aggregate: StreamingAggregate, _ grouping: Grouping, at site: QuerySite,
    stepCount: Int, _ context: QueryContext
  ) throws {
    (self.child, self.aggregate, self.grouping, self.site) = (child, aggregate, grouping, site)
    (self.stepCount, self.context) = (stepCount, context)
    floats = try FloatAccumulators(aggregate, stepCount: stepCount, budget: context.budget)
    histograms = HistogramAccumulators(aggregate, stepCount: stepCount, at: site, context.annotations)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    while let batch = try await child.next() {
      try context.checkCancellation()
      groups.removeAll(keepingCapacity: true)
      for row in 0..<batch.count {
        let group = grouping.group(of: batch.labels[row])
        if group == dropsName.count {
          try checkTask()
          dropsName.append(false)
          try floats.addGroup(labelBytes: grouping.labels[grouping.count - 1].count)
        }
        if batch.dropsName[row] { dropsName[group] = true }
        groups.append(group)
      }
      try floats.add(batch, to: groups)
      guard batch.hasHistograms else { continue }
      for row in 0..<batch.count {
        try checkTask()
        add(histogramsOf: row, of: batch, to: groups[row])
      }
    }
    return try result()
  }

  private func add(histogramsOf row: Int, of batch: VectorBatch, to group: Int) {
    for step in 0..<stepCount {
      let index = batch.histogram(row, step)
      guard index >= 0 else { continue }
      switch aggregate {
      case .count, .group: floats.countOne(group, step)
      case .sum, .average:
        histograms.add(index, batch.pool, group, step, metricName: labelText(batch.labels[row], LabelNames.name)) {
          floats.hasValue(group, step)
        }
      case .minimum, .maximum, .deviation, .variance:
        context.annotations.add(.info, "ignored histogram in \(aggregate.name) aggregation", at: site)
      }
    }
  }

  private func result() throws -> VectorBatch {
    let result = try VectorBatch(stepCount: stepCount, capacity: grouping.count, budget: context.budget)
    for group in 0..<grouping.count {
      let row = try result.openRow()
      try unsafe floats.finish(group, into: result.floats(row))
      histograms.finish(group, into: result, row) { step in
        unsafe result.floats(row)[step].bitPattern != absentBits
      }
      if result.hasValues(row) { result.closeRow(grouping.labels[group], dropsName: dropsName[group]) }
    }
    return result
  }
}

/// Sums, means and so on of floats, by the C core: rows of `stepCount` numbers, up to three a group.
@safe struct FloatAccumulators: ~Copyable {
  private let aggregate: StreamingAggregate
  private let stepCount: Int
  private var groups: [UnsafeMutablePointer<Double>?] = unsafe []
  private var charge: BudgetCharge

  init(_ aggregate: StreamingAggregate, stepCount: Int, budget: QueryBudget) throws {
    self.aggregate = aggregate
    self.stepCount = stepCount
    charge = try BudgetCharge(budget.bytes, bytes: 0)
  }

  deinit {
    for group in unsafe groups.indices { unsafe groups[group]?.deallocate() }
  }

  /// Room for one more group, whose labels take `labelBytes` in the table of groups.
  mutating func addGroup(labelBytes: Int) throws {
    try charge.grow(by: 3 * stepCount * 8 + 2 * labelBytes + 96)
    let rows = UnsafeMutablePointer<Double>.allocate(capacity: 3 * stepCount)
    unsafe tsdb_row_clear(rows, 3 * stepCount)
    unsafe groups.append(rows)
  }

  /// Whether a group has a value at a step.
  func hasValue(_ group: Int, _ step: Int) -> Bool {
    let place = aggregate == .count ? 2 * stepCount + step : step
    return unsafe groups[group]?[place].bitPattern ?? absentBits != absentBits
  }

  /// Counts something that is no float.
  func countOne(_ group: Int, _ step: Int) {
    let place = aggregate == .count ? 2 * stepCount + step : step
    guard let rows = unsafe groups[group] else { return }
    let old = unsafe rows[place]
    unsafe rows[place] = aggregate == .group || old.bitPattern == absentBits ? 1 : old + 1
  }

  /// Adds the values of rows to their groups.
  func add(_ batch: VectorBatch, to groups: [Int]) throws {
    let status = unsafe batch.withRows { rows in
      unsafe self.groups.withUnsafeBufferPointer { all in
        unsafe tsdb_groups_add(aggregate.core, rows.baseAddress, groups.count, stepCount, groups, all.baseAddress)
      }
    }
    try check(status, "add series to groups of \(aggregate.name)")
  }

  /// Writes the results of a group.
  func finish(_ group: Int, into row: UnsafeMutableBufferPointer<Double>) throws {
    var rows = unsafe self.rows(group)
    try check(
      unsafe tsdb_group_finish(aggregate.core, &rows, stepCount, row.baseAddress),
      "compute \(aggregate.name) of a group")
  }

  private func rows(_ group: Int) -> tsdb_group_rows {
    let base = unsafe groups[group]
    return unsafe tsdb_group_rows(
      value: base, rest: base.map { unsafe $0 + stepCount }, count: base.map { unsafe $0 + 2 * stepCount })
  }
}

extension StreamingAggregate {
  /// C's name of it.
  fileprivate var core: tsdb_aggregation {
    switch self {
    case .sum: TSDB_AGGREGATE_SUM
    case .average: TSDB_AGGREGATE_AVG
    case .count: TSDB_AGGREGATE_COUNT
    case .minimum: TSDB_AGGREGATE_MIN
    case .maximum: TSDB_AGGREGATE_MAX
    case .group: TSDB_AGGREGATE_GROUP
    case .deviation: TSDB_AGGREGATE_STDDEV
    case .variance: TSDB_AGGREGATE_STDVAR
    }
  }
}

/// Sums and means of histograms, by group and step. Few groups have any.
struct HistogramAccumulators {
  private struct State {
    var value: Int32
    var compensation: Int32 = -1
    var mean: Int32 = -1
    var count = 1.0
    var isIncompatible = false
    var sawReset: Bool
    var sawNoReset: Bool
  }

  private let aggregate: StreamingAggregate
  private let stepCount: Int
  private let site: QuerySite
  private let annotations: Annotations
  private let pool = HistogramPool()
  private var states: [Int: State] = [:]

  init(_ aggregate: StreamingAggregate, stepCount: Int, at site: QuerySite, _ annotations: Annotations) {
    (self.aggregate, self.stepCount, self.site, self.annotations) = (aggregate, stepCount, site, annotations)
  }

  /// Adds one histogram to a group at a step. Where the group has floats already, the sum is void anyhow.
  mutating func add(
    _ index: Int32, _ source: HistogramPool, _ group: Int, _ step: Int, metricName: String, hasFloats: () -> Bool
  ) {
    let hint = source.headers[Int(index)].resetHint
    let place = group * stepCount + step
    guard var state = states[place] else {
      states[place] = State(
        value: pool.append(index, of: source), sawReset: hint == .reset, sawNoReset: hint == .notReset)
      return
    }
    guard !state.isIncompatible else { return }
    defer { states[place] = state }
    if hint == .reset { state.sawReset = true }
    if hint == .notReset { state.sawNoReset = true }
    state.count += 1
    if aggregate == .average, state.mean >= 0 || !addDirectly(index, source, &state, metricName) {
      guard !state.isIncompatible else { return }
      addIncrementally(index, source, &state, metricName)
    } else if aggregate == .sum {
      _ = addDirectly(index, source, &state, metricName)
    }
  }

  /// Adds to the sum. Returns false, without a change, where that would overflow.
  private func addDirectly(_ index: Int32, _ source: HistogramPool, _ state: inout State, _ metricName: String) -> Bool
  {
    guard
      let sum = HistogramMath.compensatedSum(
        state.value, state.compensation, pool, adding: index, source)
    else {
      refuse(&state, metricName)
      return true
    }
    if sum.isReconciled { noteReconciled() }
    if aggregate == .average, HistogramMath.overflows(sum.value, pool) { return false }
    (state.value, state.compensation) = (sum.value, sum.compensation)
    return true
  }

  private func addIncrementally(_ index: Int32, _ source: HistogramPool, _ state: inout State, _ metricName: String) {
    if state.mean < 0 {
      state.mean = HistogramMath.divided(state.value, pool, by: state.count - 1, compacts: false, into: pool)
      if state.compensation >= 0 {
        state.compensation = HistogramMath.divided(
          state.compensation, pool, by: state.count - 1, compacts: false, into: pool)
      }
    }
    let share = (state.count - 1) / state.count
    if state.compensation >= 0 {
      state.compensation = HistogramMath.scaled(state.compensation, pool, by: share, compacts: false, into: pool)
    }
    let added = HistogramMath.divided(index, source, by: state.count, compacts: false, into: pool)
    let scaled = HistogramMath.scaled(state.mean, pool, by: share, compacts: false, into: pool)
    guard let sum = HistogramMath.compensatedSum(scaled, state.compensation, pool, adding: added, pool) else {
      refuse(&state, metricName)
      return
    }
    if sum.isReconciled { noteReconciled() }
    (state.mean, state.compensation) = (sum.value, sum.compensation)
  }

  private func refuse(_ state: inout State, _ metricName: String) {
    state.isIncompatible = true
    annotations.add(
      .warning,
      "vector contains a mix of histograms with exponential and custom buckets schemas for metric name "
        + quotedText(metricName), at: site)
  }

  private func noteReconciled() {
    annotations.add(.info, "mismatched custom buckets were reconciled during aggregation", at: site)
  }

  /// Writes the results of a group into a row that holds the results of its floats.
  func finish(_ group: Int, into batch: VectorBatch, _ row: Int, hasFloat: (Int) -> Bool) {
    guard !states.isEmpty else { return }
    for step in 0..<stepCount {
      guard let state = states[group * stepCount + step] else { continue }
      if hasFloat(step) {
        batch.clear(row, step)
        annotations.add(.warning, "encountered a mix of histograms and floats for aggregation", at: site)
        continue
      }
      guard !state.isIncompatible else { continue }
      var value = state.mean >= 0 ? state.mean : state.value
      if aggregate == .average, state.mean < 0 {
        value = HistogramMath.divided(value, pool, by: state.count, compacts: false, into: pool)
      }
      if state.compensation >= 0 {
        var rest = state.compensation
        if aggregate == .average, state.mean < 0 {
          rest = HistogramMath.divided(rest, pool, by: state.count, compacts: false, into: pool)
        }
        if let sum = HistogramMath.combined(value, pool, rest, pool, subtracts: false, compacts: false, into: pool) {
          value = sum.index
        }
      }
      if state.sawReset && state.sawNoReset {
        annotations.add(.warning, "conflicting counter resets during histogram aggregation", at: site)
      }
      batch.setHistogram(row, step, HistogramMath.compacted(value, pool, into: batch.pool))
    }
  }
}
