// Aggregations that need all values of a group at once: quantile and count_values.
internal import TSModel

/// A quantile of the values of each group.
final class QuantileAggregation: VectorOperator {
  private let child: any VectorOperator
  private let quantiles: [Double]
  private let site: QuerySite
  private let parameterSite: QuerySite
  private let context: QueryContext
  private let stepCount: Int
  private var grouping: Grouping
  private var isDone = false

  /// `quantiles` has one number a step.
  init(
    _ child: any VectorOperator, _ quantiles: [Double], _ grouping: Grouping, at site: QuerySite,
    parameterSite: QuerySite, stepCount: Int, _ context: QueryContext
  ) {
    (self.child, self.quantiles, self.grouping, self.site) = (child, quantiles, grouping, site)
    (self.parameterSite, self.stepCount, self.context) = (parameterSite, stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let rows = try await child.all(context, stepCount: stepCount)
    warn()
    var members: [[Int]] = []
    for row in 0..<rows.count {
      let group = grouping.group(of: rows.labels[row])
      if group == members.count { members.append([]) }
      members[group].append(row)
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: grouping.count, budget: context.budget)
    var values: [Double] = []
    for group in members.indices {
      try context.checkCancellation()
      let row = try result.openRow()
      for step in 0..<stepCount {
        try checkTask()
        values.removeAll(keepingCapacity: true)
        for member in members[group] {
          switch rows.element(member, step) {
          case .float(let value): values.append(value)
          case .histogram: context.annotations.add(.info, "ignored histogram in quantile aggregation", at: site)
          case nil: break
          }
        }
        if !values.isEmpty { unsafe result.floats(row)[step] = quantile(quantiles[step], of: &values) }
      }
      guard result.hasValues(row) else { continue }
      result.closeRow(grouping.labels[group], dropsName: members[group].contains { rows.dropsName[$0] })
    }
    return result
  }

  private func warn() {
    func warn(_ value: Double) {
      context.annotations.add(
        .warning, "quantile value should be between 0 and 1, got \(goText(value))", at: parameterSite)
    }
    let isNaN = quantiles.contains { $0.isNaN }
    if isNaN { warn(.nan) }
    guard !isNaN, let largest = quantiles.max(), let smallest = quantiles.min() else { return }
    if largest > 1 { warn(largest) }
    if smallest < 0 { warn(smallest) }
  }
}

/// The quantile of some values, linear between neighbours; they are sorted, NaN first. NaN without values.
func quantile(_ quantile: Double, of values: inout [Double]) -> Double {
  if values.isEmpty || quantile.isNaN { return .nan }
  if quantile < 0 { return -.infinity }
  if quantile > 1 { return .infinity }
  values.sort { a, b in a.isNaN ? !b.isNaN : a < b }
  let rank = quantile * (Double(values.count) - 1)
  let lower = max(0, rank.rounded(.down))
  let upper = min(Double(values.count) - 1, lower + 1)
  let weight = rank - rank.rounded(.down)
  return values[Int(lower)] * (1 - weight) + values[Int(upper)] * weight
}

/// How often each value occurs in each group: a row for each, with the value as a label.
final class CountValuesAggregation: VectorOperator {
  private let child: any VectorOperator
  private let label: [UInt8]
  private let context: QueryContext
  private let stepCount: Int
  private var grouping: Grouping
  private var isDone = false

  init(
    _ child: any VectorOperator, label: [UInt8], _ names: [String], isWithout: Bool, stepCount: Int,
    _ context: QueryContext
  ) throws {
    let text = String(validating: label, as: UTF8.self)
    guard let text, !text.isEmpty else {
      throw QueryError.execution("invalid label name \(quotedText(label[...]))")
    }
    (self.child, self.label, self.stepCount, self.context) = (child, label, stepCount, context)
    grouping = Grouping(isWithout ? names : names + [text], without: isWithout)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let result = try VectorBatch(stepCount: stepCount, capacity: 0, budget: context.budget)
    while let batch = try await child.next() {
      for row in 0..<batch.count {
        try context.checkCancellation()
        for step in 0..<stepCount {
          guard let element = batch.element(row, step) else { continue }
          var editor = LabelEditor(batch.labels[row])
          let text =
            switch element {
            case .float(let value): fixedText(value)
            case .histogram(let index, let pool): histogramText(index, pool)
            }
          editor.set(label, text.utf8)
          let group = grouping.group(of: editor.bytes[...])
          while result.count <= group {
            _ = try result.openRow()
            result.closeRow(grouping.labels[result.count], dropsName: false)
          }
          let values = unsafe result.floats(group)
          unsafe values[step] = values[step].bitPattern == absentBits ? 1 : values[step] + 1
        }
      }
    }
    return result
  }
}
