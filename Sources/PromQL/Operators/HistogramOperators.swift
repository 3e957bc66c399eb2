// Functions of native histograms, and estimates from native and classic ones.
internal import CTSDB
internal import TSModel

/// A number of each histogram: `histogram_count` and its kin. Floats have none.
final class HistogramFunctionOperator: VectorOperator {
  private let child: any VectorOperator
  private let function: String
  private let labelChange: LabelChange
  private let context: QueryContext

  init(_ child: any VectorOperator, _ function: String, _ labelChange: LabelChange, _ context: QueryContext) {
    (self.child, self.function, self.context) = (child, function, context)
    self.labelChange = labelChange
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    let result = try VectorBatch(stepCount: batch.stepCount, capacity: batch.count, budget: context.budget)
    guard batch.hasHistograms else { return result }
    for row in 0..<batch.count {
      let new = try result.openRow()
      let values = unsafe result.floats(new)
      for step in 0..<batch.stepCount {
        let index = batch.histogram(row, step)
        if index >= 0 { unsafe values[step] = value(index, batch.pool) }
      }
      if result.hasValues(new) { result.closeRow(batch.labels[row], dropsName: batch.dropsName[row]) }
    }
    labelChange.apply(to: result)
    return result
  }

  private func value(_ index: Int32, _ pool: HistogramPool) -> Double {
    let header = pool.headers[Int(index)]
    return switch function {
    case "histogram_count": header.count
    case "histogram_sum": header.sum
    case "histogram_avg": header.sum / header.count
    case "histogram_stdvar": HistogramMath.variance(index, pool)
    default: HistogramMath.variance(index, pool).squareRoot()
    }
  }
}

/// What is estimated from histograms.
enum HistogramEstimate {
  /// Quantiles: each has a number a step, and a place in the query. With `label`, there is a row for each, told by that label.
  case quantiles([[Double]], [QuerySite], label: [UInt8]?)
  /// The share of observations between two numbers a step.
  case fraction(lower: [Double], upper: [Double])
}

/// Rows of estimates: one for each native histogram, and one for all buckets of each classic one.
final class HistogramEstimateOperator: VectorOperator {
  private let child: any VectorOperator
  private let estimate: HistogramEstimate
  private let site: QuerySite
  private let grid: StepGrid
  private let context: QueryContext
  private var isDone = false

  init(
    _ child: any VectorOperator, _ estimate: HistogramEstimate, at site: QuerySite, grid: StepGrid,
    _ context: QueryContext
  ) {
    (self.child, self.estimate, self.site, self.grid, self.context) = (child, estimate, site, grid, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let rows = try await child.all(context, stepCount: grid.count)
    warnOfQuantiles()
    let classics = classicHistograms(rows)
    let natives = (0..<rows.count).filter { row in (0..<grid.count).contains { rows.histogram(row, $0) >= 0 } }
    let conflicts = self.conflicts(rows, natives, classics)
    let merger = RowMerger(try VectorBatch(stepCount: grid.count, capacity: rows.count, budget: context.budget))
    switch estimate {
    case .fraction(let lower, let upper):
      try addNatives(rows, natives, conflicts, merger, suffix: nil) { index, step, name in
        self.fraction(index, rows.pool, lower[step], upper[step], name)
      }
      try addClassics(classics, conflicts, merger, suffix: nil) { buckets, step, _ in
        unsafe tsdb_classic_fraction(&buckets, buckets.count, lower[step], upper[step])
      }
    case .quantiles(let quantiles, _, let label):
      for numbers in quantiles {
        // The label tells the first step's number: all are the same.
        let suffix = label.map { ($0, Array(openMetricsText(numbers.first ?? .nan).utf8)) }
        try addNatives(rows, natives, conflicts, merger, suffix: suffix) { index, step, name in
          self.quantile(index, rows.pool, numbers[step], name)
        }
        try addClassics(classics, conflicts, merger, suffix: suffix) { buckets, step, name in
          var repair = tsdb_classic_repair()
          let value = unsafe tsdb_classic_quantile(&buckets, buckets.count, numbers[step], &repair)
          if repair.is_forced { self.noteForced(repair, step, name) }
          return value
        }
      }
    }
    return merger.rows
  }

  private func warnOfQuantiles() {
    guard case .quantiles(let quantiles, let sites, _) = estimate else { return }
    for (numbers, site) in zip(quantiles, sites) {
      for quantile in Set(numbers.filter { !($0 >= 0 && $0 <= 1) }.map(\.bitPattern)) {
        context.annotations.add(
          .warning,
          "quantile value should be between 0 and 1, got \(goText(Double(bitPattern: quantile)))", at: site)
      }
    }
  }

  // MARK: Native

  private func addNatives(
    _ rows: VectorBatch, _ natives: [Int], _ conflicts: Set<Conflict>, _ merger: RowMerger,
    suffix: (name: [UInt8], value: [UInt8])?, _ value: (Int32, Int, String) -> Double
  ) throws {
    let one = try VectorBatch(stepCount: grid.count, capacity: 1, budget: context.budget)
    for row in natives {
      one.removeAll()
      let new = try one.openRow()
      let values = unsafe one.floats(new)
      let name = messageName(rows.labels[row])
      for step in 0..<grid.count {
        let index = rows.histogram(row, step)
        guard index >= 0, conflicts.isEmpty || !conflicts.contains(Conflict(key: Array(rows.labels[row]), step: step))
        else { continue }
        unsafe values[step] = value(index, step, name)
      }
      guard one.hasValues(new) else { continue }
      close(one, rows.labels[row], suffix)
      try merger.add(0, of: one)
    }
  }

  private func close(_ batch: VectorBatch, _ set: LabelBytes, _ suffix: (name: [UInt8], value: [UInt8])?) {
    var labels = context.options.delaysNameRemoval ? Array(set) : LabelFilter.withoutMetadata.apply(set)
    if let suffix {
      var editor = LabelEditor(labels[...])
      editor.set(suffix.name, suffix.value)
      labels = editor.bytes
    }
    batch.closeRow(labels[...], dropsName: true)
  }

  /// The metric's name as messages tell it: only where it is still there in the end.
  private func messageName(_ set: LabelBytes) -> String {
    context.options.delaysNameRemoval ? labelText(set, LabelNames.name) : ""
  }

  private func add(_ kind: Annotations.Kind, _ text: String, _ name: String) {
    context.annotations.add(kind, name.isEmpty ? text : "\(text) for metric name \(quotedText(name))", at: site)
  }

  private func quantile(_ index: Int32, _ pool: HistogramPool, _ quantile: Double, _ name: String) -> Double {
    let result = HistogramMath.quantile(quantile, of: index, pool)
    switch result.note {
    case .resultIsNaN: add(.info, "input to histogram_quantile has NaN observations, result is NaN", name)
    case .isSkewed: add(.info, "input to histogram_quantile has NaN observations, result is skewed higher", name)
    case .none: break
    }
    return result.value
  }

  private func fraction(
    _ index: Int32, _ pool: HistogramPool, _ lower: Double, _ upper: Double, _ name: String
  ) -> Double {
    let result = HistogramMath.fraction(from: lower, to: upper, of: index, pool)
    if result.hasNaNs {
      add(
        .info, "input to histogram_fraction has NaN observations, which are excluded from all fractions", name)
    }
    return result.value
  }

  // MARK: Classic

  /// The buckets of one classic histogram, by the labels that they have in common.
  private struct Classic {
    /// All labels but `le`.
    var labels: [UInt8]
    var rows: [(bound: Double, row: Int)]
    let source: VectorBatch
  }

  /// A native and a classic histogram of the same labels at one step: neither is looked at.
  private struct Conflict: Hashable {
    var key: [UInt8]
    var step: Int
  }

  private func classicHistograms(_ rows: VectorBatch) -> [Classic] {
    let filter = LabelFilter.dropping([LabelNames.bucket])
    var places: [[UInt8]: Int] = [:]
    var found: [Classic] = []
    for row in 0..<rows.count {
      let values = unsafe rows.floats(row)
      guard unsafe values.contains(where: { $0.bitPattern != absentBits }) else { continue }
      let text = labelText(rows.labels[row], LabelNames.bucket)
      guard let bound = number(text) else {
        add(
          .warning, "bucket label \"le\" is missing or has a malformed value of \(quotedText(text))",
          messageName(rows.labels[row]))
        continue
      }
      let key = filter.apply(rows.labels[row])
      if let place = places[key] {
        found[place].rows.append((bound, row))
      } else {
        places[key] = found.count
        found.append(Classic(labels: key, rows: [(bound, row)], source: rows))
      }
    }
    return found
  }

  private func conflicts(_ rows: VectorBatch, _ natives: [Int], _ classics: [Classic]) -> Set<Conflict> {
    guard !natives.isEmpty, !classics.isEmpty else { return [] }
    var byLabels: [[UInt8]: Classic] = [:]
    for classic in classics { byLabels[classic.labels] = classic }
    var found: Set<Conflict> = []
    for row in natives {
      guard let classic = byLabels[Array(rows.labels[row])] else { continue }
      for step in 0..<grid.count
      where rows.histogram(row, step) >= 0
        && classic.rows.contains(where: { unsafe rows.floats($0.row)[step].bitPattern != absentBits })
      {
        found.insert(Conflict(key: classic.labels, step: step))
        add(.warning, "vector contains a mix of classic and native histograms", messageName(rows.labels[row]))
      }
    }
    return found
  }

  private func addClassics(
    _ classics: [Classic], _ conflicts: Set<Conflict>, _ merger: RowMerger,
    suffix: (name: [UInt8], value: [UInt8])?, _ value: (inout [tsdb_classic_bucket], Int, String) -> Double
  ) throws {
    let one = try VectorBatch(stepCount: grid.count, capacity: 1, budget: context.budget)
    for classic in classics {
      one.removeAll()
      let new = try one.openRow()
      let values = unsafe one.floats(new)
      let name = messageName(classic.labels[...])
      // Bounds are the same at all steps: they are put in order once.
      let ordered = classic.rows.sorted { ($0.bound, $0.row) < ($1.bound, $1.row) }
      var buckets: [tsdb_classic_bucket] = []
      for step in 0..<grid.count {
        guard conflicts.isEmpty || !conflicts.contains(Conflict(key: classic.labels, step: step)) else { continue }
        buckets.removeAll(keepingCapacity: true)
        for (bound, row) in ordered {
          let count = unsafe classic.source.floats(row)[step]
          if count.bitPattern != absentBits { buckets.append(tsdb_classic_bucket(upper_bound: bound, count: count)) }
        }
        if !buckets.isEmpty { unsafe values[step] = value(&buckets, step, name) }
      }
      guard one.hasValues(new) else { continue }
      close(one, classic.labels[...], suffix)
      try merger.add(0, of: one)
    }
  }

  private func noteForced(_ forced: tsdb_classic_repair, _ step: Int, _ name: String) {
    let timeMs = grid.timeMs(step)
    context.annotations.add(
      ForcedMonotonicity(
        site: site, minTimeMs: timeMs, maxTimeMs: timeMs, minBucket: forced.bound_min, maxBucket: forced.bound_max,
        maxDifference: forced.difference_max), metricName: name)
  }
}
