// Functions that put the rows of an instant query in order.
internal import TSModel

/// What rows are sorted by.
enum SortKey {
  /// Their values; rows of histograms are left out, NaN goes last.
  case value
  /// Labels of these names, digits in them as numbers; then all labels.
  case labels([[UInt8]])
}

/// Rows of another operator in another order.
final class SortOperator: VectorOperator {
  private let child: any VectorOperator
  private let key: SortKey
  private let isDescending: Bool
  private let stepCount: Int
  private let context: QueryContext
  private var isDone = false

  init(_ child: any VectorOperator, _ key: SortKey, isDescending: Bool, stepCount: Int, _ context: QueryContext) {
    (self.child, self.key, self.isDescending, self.stepCount, self.context) = (
      child, key, isDescending, stepCount, context
    )
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let rows = try await child.all(context, stepCount: stepCount)
    var order = Array(0..<rows.count)
    switch key {
    case .value:
      if rows.hasHistograms {
        for row in order {
          for step in 0..<stepCount where rows.histogram(row, step) >= 0 { rows.clear(row, step) }
        }
        order = order.filter { rows.hasValues($0) }
      }
      if stepCount == 1 { sortByValue(&order, rows) }
    case .labels(let names): sortByLabels(&order, rows, names)
    }
    let result = try VectorBatch(stepCount: stepCount, capacity: order.count, pool: rows.pool, budget: context.budget)
    for row in order { try result.append(row, of: rows) }
    return result
  }

  private func sortByValue(_ order: inout [Int], _ rows: VectorBatch) {
    let values = (0..<rows.count).map { unsafe rows.floats($0)[0] }
    order.sort { a, b in
      let (left, right) = (values[a], values[b])
      if left.isNaN || right.isNaN { return left.isNaN == right.isNaN ? a < b : right.isNaN }
      if left == right { return a < b }
      return isDescending ? left > right : left < right
    }
  }

  private func sortByLabels(_ order: inout [Int], _ rows: VectorBatch, _ names: [[UInt8]]) {
    let values = (0..<rows.count).map { row in names.map { Array(labelValue(rows.labels[row], $0)) } }
    order.sort { a, b in
      for index in names.indices where values[a][index] != values[b][index] {
        return isNaturallyLess(values[a][index], values[b][index]) != isDescending
      }
      let difference = compareLabels(rows.labels[a], rows.labels[b])
      return isDescending ? difference > 0 : difference < 0
    }
  }
}

/// Whether `a` goes before `b` where runs of digits compare as numbers: `a2` before `a10`.
func isNaturallyLess(_ a: [UInt8], _ b: [UInt8]) -> Bool {
  func runs(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
    var (runs, start) = ([ArraySlice<UInt8>](), 0)
    for index in text.indices.dropFirst() where isDigit(text[index]) != isDigit(text[index - 1]) {
      runs.append(text[start..<index])
      start = index
    }
    if start < text.count { runs.append(text[start...]) }
    return runs
  }
  func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  let (left, right) = (runs(a), runs(b))
  for (x, y) in zip(left, right) where x != y {
    if let first = x.first, let second = y.first, isDigit(first), isDigit(second) {
      let (u, v) = (x.drop { $0 == 0x30 }, y.drop { $0 == 0x30 })
      if u.count != v.count { return u.count < v.count }
      let order = compareBytes(u, v)
      if order != 0 { return order < 0 }
      // The same number: the one with more zeros in front is longer.
      return x.count < y.count
    }
    return compareBytes(x, y) < 0
  }
  return left.count < right.count
}
