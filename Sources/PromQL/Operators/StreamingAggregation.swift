// Aggregations that take row after row: what they hold is groups × steps numbers, whatever the number of series.
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
      for row in 0..<batch.count {
        let group = grouping.group(of: batch.labels[row])
        if group == dropsName.count {
          dropsName.append(false)
          try floats.addGroup()
        }
        if batch.dropsName[row] { dropsName[group] = true }
        unsafe floats.add(batch.floats(row), to: group)
        if batch.hasHistograms { add(histogramsOf: row, of: batch, to: group) }
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
      unsafe floats.finish(group, into: result.floats(row))
      histograms.finish(group, into: result, row) { step in
        unsafe result.floats(row)[step].bitPattern != absentBits
      }
      if result.hasValues(row) { result.closeRow(grouping.labels[group], dropsName: dropsName[group]) }
    }
    return result
  }
}

/// Sums, means and so on of floats: group by group, a number of columns of `stepCount` each.
struct FloatAccumulators: ~Copyable {
  private let aggregate: StreamingAggregate
  private let stepCount: Int
  private var groupCount = 0
  private var charge: BudgetCharge
  /// The running sum, minimum, maximum or sum of squares.
  private var values: [Double] = []
  /// What sums have lost to rounding.
  private var compensations: [Double] = []
  /// The running mean.
  private var means: [Double] = []
  /// How many values there were.
  private var counts: [Double] = []
  /// Whether a mean is made from means, because the sum would be too large.
  private var isIncremental: [Bool] = []

  init(_ aggregate: StreamingAggregate, stepCount: Int, budget: MemoryBudget?) throws {
    self.aggregate = aggregate
    self.stepCount = stepCount
    charge = try BudgetCharge(budget, bytes: 0)
  }

  mutating func addGroup() throws {
    try charge.grow(by: stepCount * 33)
    groupCount += 1
    func grow<Element>(_ column: inout [Element], _ value: Element) {
      column.append(contentsOf: repeatElement(value, count: stepCount))
    }
    grow(&counts, 0)
    grow(&values, 0)
    if aggregate == .sum || aggregate == .average { grow(&compensations, 0) }
    if aggregate == .average || aggregate == .deviation || aggregate == .variance { grow(&means, 0) }
    if aggregate == .average { grow(&isIncremental, false) }
  }

  func hasValue(_ group: Int, _ step: Int) -> Bool { counts[group * stepCount + step] > 0 }

  mutating func countOne(_ group: Int, _ step: Int) { counts[group * stepCount + step] += 1 }

  /// Adds the values of one row.
  mutating func add(_ row: UnsafeMutableBufferPointer<Double>, to group: Int) {
    let base = group * stepCount
    switch aggregate {
    case .sum: for step in 0..<stepCount { unsafe addToSum(row[step], base + step) }
    case .average: for step in 0..<stepCount { unsafe addToMean(row[step], base + step) }
    case .count, .group:
      for step in 0..<stepCount where unsafe row[step].bitPattern != absentBits { counts[base + step] += 1 }
    case .minimum, .maximum: for step in 0..<stepCount { unsafe addToExtreme(row[step], base + step) }
    case .deviation, .variance: for step in 0..<stepCount { unsafe addToVariance(row[step], base + step) }
    }
  }

  private mutating func addToSum(_ value: Double, _ place: Int) {
    guard value.bitPattern != absentBits else { return }
    if counts[place] == 0 {
      values[place] = value
    } else {
      (values[place], compensations[place]) = compensated(value, values[place], compensations[place])
    }
    counts[place] += 1
  }

  private mutating func addToMean(_ value: Double, _ place: Int) {
    guard value.bitPattern != absentBits else { return }
    counts[place] += 1
    let count = counts[place]
    guard count > 1 else {
      values[place] = value
      return
    }
    if !isIncremental[place] {
      let (sum, compensation) = compensated(value, values[place], compensations[place])
      if !sum.isInfinite {
        (values[place], compensations[place]) = (sum, compensation)
        return
      }
      isIncremental[place] = true
      means[place] = values[place] / (count - 1)
      compensations[place] /= count - 1
    }
    let share = (count - 1) / count
    (means[place], compensations[place]) = compensated(
      value / count, share * means[place], share * compensations[place])
  }

  private mutating func addToExtreme(_ value: Double, _ place: Int) {
    guard value.bitPattern != absentBits else { return }
    counts[place] += 1
    let old = values[place]
    if counts[place] == 1 || old.isNaN || (aggregate == .minimum ? old > value : old < value) { values[place] = value }
  }

  private mutating func addToVariance(_ value: Double, _ place: Int) {
    guard value.bitPattern != absentBits else { return }
    counts[place] += 1
    if counts[place] == 1 {
      means[place] = value
      values[place] = value.isFinite ? 0 : .nan
      return
    }
    let difference = value - means[place]
    means[place] += difference / counts[place]
    values[place] += difference * (value - means[place])
  }

  /// Writes the results of a group.
  func finish(_ group: Int, into row: UnsafeMutableBufferPointer<Double>) {
    for step in 0..<stepCount {
      let place = group * stepCount + step
      let count = counts[place]
      guard count > 0 else { continue }
      let value = values[place]
      unsafe row[step] =
        switch aggregate {
        case .sum: value + compensations[place]
        case .average:
          isIncremental[place] ? means[place] + compensations[place] : value / count + compensations[place] / count
        case .count: count
        case .group: 1
        case .minimum, .maximum: value
        case .variance: value / count
        case .deviation: (value / count).squareRoot()
        }
    }
  }
}

/// A sum with one more value, and what it has lost to rounding (Neumaier's variant of Kahan's method).
@inline(__always)
func compensated(_ value: Double, _ sum: Double, _ compensation: Double) -> (sum: Double, compensation: Double) {
  let next = sum + value
  // Infinities have nothing to compensate.
  if next.isInfinite { return (next, 0) }
  let lost = abs(sum) >= abs(value) ? (sum - next) + value : (value - next) + sum
  return (next, compensation + lost)
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
  private func addDirectly(_ index: Int32, _ source: HistogramPool, _ state: inout State, _ metricName: String) -> Bool {
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
