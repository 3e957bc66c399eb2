// Aggregations that choose among their rows: topk, bottomk, limitk and limit_ratio. A chosen value stays in its row.
internal import TSModel

/// Which values are chosen.
enum RowSelection {
  case largest, smallest, first, share

  var name: String {
    switch self {
    case .largest: "topk"
    case .smallest: "bottomk"
    case .first: "limitk"
    case .share: "limit_ratio"
    }
  }
}

/// Rows with only those values that were chosen.
final class SelectingAggregation: VectorOperator {
  private let child: any VectorOperator
  private let selection: RowSelection
  private let parameters: [Double]
  private let isConstant: Bool
  private let site: QuerySite
  private let parameterSite: QuerySite
  private let context: QueryContext
  private let stepCount: Int
  private var grouping: Grouping
  private var isDone = false

  /// `parameters` has one number a step.
  init(
    _ child: any VectorOperator, _ selection: RowSelection, _ parameters: [Double], isConstant: Bool,
    _ grouping: Grouping, at site: QuerySite, parameterSite: QuerySite, stepCount: Int, _ context: QueryContext
  ) {
    (self.child, self.selection, self.parameters, self.isConstant) = (child, selection, parameters, isConstant)
    (self.grouping, self.site, self.parameterSite) = (grouping, site, parameterSite)
    (self.stepCount, self.context) = (stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let rows = try await child.all(context, stepCount: stepCount)
    guard try checkParameters() else { return nil }
    let groups = (0..<rows.count).map { grouping.group(of: rows.labels[$0]) }
    // Which rows keep their value, step by step; of the only step of an instant query in the order of the answer.
    var order: [Int] = []
    var kept = [Bool](repeating: false, count: rows.count * stepCount)
    for step in 0..<stepCount {
      if step % 64 == 63 { try context.checkCancellation() }
      for row in choose(rows, groups, step) {
        kept[row * stepCount + step] = true
        if stepCount == 1 { order.append(row) }
      }
    }
    if stepCount > 1 {
      order = (0..<rows.count).filter { row in
        (0..<stepCount).contains { kept[row * stepCount + $0] }
      }
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: order.count, pool: rows.pool, budget: context.budget)
    for row in order {
      for step in 0..<stepCount where !kept[row * stepCount + step] { rows.clear(row, step) }
      try result.append(row, of: rows)
    }
    return result
  }

  /// Whether anything can be chosen at all. Throws and warns for numbers that are none.
  private func checkParameters() throws -> Bool {
    let isNaN = parameters.contains { $0.isNaN }
    let largest = isNaN ? Double.nan : parameters.max() ?? 0
    let smallest = isNaN ? Double.nan : parameters.min() ?? 0
    switch selection {
    case .largest, .smallest, .first:
      if largest < 1 { return false }
      if isNaN { throw QueryError.execution("Parameter value is NaN") }
      if smallest <= -9_223_372_036_854_775_808 {
        throw QueryError.execution("Scalar value \(goText(smallest)) underflows int64")
      }
      if largest >= 9_223_372_036_854_775_808 {
        throw QueryError.execution("Scalar value \(goText(largest)) overflows int64")
      }
    case .share:
      if largest == 0, smallest == 0 { return false }
      if isNaN { throw QueryError.execution("Ratio value is NaN") }
      func warn(_ value: Double, _ bound: String) {
        context.annotations.add(
          .warning, "ratio value should be between -1 and 1, got \(goText(value)), capping to \(bound)",
          at: parameterSite)
      }
      if largest > 1 { warn(largest, "1") }
      if smallest < -1 { warn(smallest, "-1") }
    }
    return true
  }

  /// The rows that are chosen at a step, group by group, each group in the order of the answer.
  private func choose(_ rows: VectorBatch, _ groups: [Int], _ step: Int) -> [Int] {
    let parameter = parameters[step]
    let count = selection == .share ? 0 : min(Int(parameter), rows.count)
    if selection == .share ? parameter == 0 : count < 1 { return [] }
    var chosen = [ValueHeap](
      repeating: ValueHeap(keepsLargest: selection != .smallest), count: grouping.count)
    for row in 0..<rows.count {
      guard let element = rows.element(row, step) else { continue }
      var value = 0.0
      if case .float(let float) = element {
        value = float
      } else if selection == .largest || selection == .smallest {
        context.annotations.add(.info, "ignored histogram in \(selection.name) aggregation", at: site)
        continue
      }
      let group = groups[row]
      switch selection {
      case .largest, .smallest: chosen[group].offer(value, row, atMost: count)
      case .first: if chosen[group].count < count { chosen[group].push(value, row) }
      case .share: if isInShare(rows.labels.hash(row), parameter) { chosen[group].push(value, row) }
      }
    }
    return chosen.flatMap { heap in
      selection == .largest || selection == .smallest ? heap.sortedRows : heap.rows
    }
  }

  private func isInShare(_ hash: UInt64, _ parameter: Double) -> Bool {
    let ratio = min(1, max(-1, parameter))
    let offset = Double(hash) / Double(UInt64.max)
    return ratio >= 0 ? offset < ratio : offset >= 1 + ratio
  }
}

/// Values with their rows; the one that goes first where a better one comes is at the top. NaN is the worst of all.
private struct ValueHeap {
  private let keepsLargest: Bool
  private var entries: [(value: Double, row: Int)] = []

  init(keepsLargest: Bool) { self.keepsLargest = keepsLargest }

  var count: Int { entries.count }
  var rows: [Int] { entries.map(\.row) }

  /// The best first.
  var sortedRows: [Int] {
    // Entries of equal value stay in the order that they have here.
    entries.enumerated().sorted { a, b in
      if isWorse(b.element.value, a.element.value) {
        return !isWorse(a.element.value, b.element.value) || a.offset < b.offset
      }
      return isWorse(a.element.value, b.element.value) ? false : a.offset < b.offset
    }.map(\.element.row)
  }

  private func isWorse(_ a: Double, _ b: Double) -> Bool { a.isNaN || (keepsLargest ? a < b : a > b) }

  mutating func offer(_ value: Double, _ row: Int, atMost limit: Int) {
    if entries.count < limit {
      push(value, row)
      return
    }
    let top = entries[0].value
    let isBetter = keepsLargest ? top < value : top > value
    guard isBetter || top.isNaN && !value.isNaN else { return }
    entries[0] = (value, row)
    siftDown()
  }

  mutating func push(_ value: Double, _ row: Int) {
    entries.append((value, row))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard isWorse(entries[child].value, entries[parent].value) else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < entries.count else { return }
      if child + 1 < entries.count, isWorse(entries[child + 1].value, entries[child].value) { child += 1 }
      guard isWorse(entries[child].value, entries[parent].value) else { return }
      entries.swapAt(child, parent)
      parent = child
    }
  }
}
