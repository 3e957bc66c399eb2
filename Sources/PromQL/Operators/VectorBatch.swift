// Rows of results: what operators hand to one another.
//
//   labels      one set a row
//   floats      │ row 0: a value a step │ row 1 │ …       `absent` where a step has none
//   histograms  │ row 0: an index into the pool a step │ …       -1 where a step has none; not there before the first one
//
// At a step a row has a float, a histogram or nothing.
internal import TSModel

/// The bits of a step without a value: those of a stale marker, which no computation yields.
let absentBits: UInt64 = 0x7FF0_0000_0000_0002

/// A step without a value.
let absent = Double(bitPattern: absentBits)

/// Rows of the same steps. Filled by one task, then read or changed by the one that it was handed to.
@safe final class VectorBatch: @unchecked Sendable {
  /// Steps of a row.
  let stepCount: Int
  /// One set a row.
  var labels = LabelSets()
  /// Whether a row's name is to be dropped in the end, one a row.
  var dropsName: [Bool] = []
  /// Histograms of all rows.
  let pool: HistogramPool

  private var storage: UnsafeMutableBufferPointer<Double>
  private var indices: [Int32] = []
  private var charge: BudgetCharge
  /// What of labels, marks and indices is charged, bytes.
  private var chargedBesides = 0
  private let budget: QueryBudget
  private var heldSamples = 0

  /// No rows, with room for `capacity`. Throws where the budget does not allow it.
  init(stepCount: Int, capacity: Int, pool: HistogramPool = HistogramPool(), budget: QueryBudget) throws {
    self.stepCount = stepCount
    self.pool = pool
    self.budget = budget
    charge = try BudgetCharge(budget.bytes, bytes: capacity * stepCount * 8)
    unsafe storage = .allocate(capacity: capacity * stepCount)
  }

  deinit {
    budget.release(heldSamples)
    unsafe storage.deallocate()
  }

  /// Samples that the batch counts for, which from now on its taker counts.
  func handOverSamples() -> Int {
    defer { heldSamples = 0 }
    return heldSamples
  }

  /// How many rows are complete.
  var count: Int { labels.count }

  /// Whether any row has a histogram.
  var hasHistograms: Bool { !indices.isEmpty }

  /// The floats of row `row`: `stepCount` of them.
  func floats(_ row: Int) -> UnsafeMutableBufferPointer<Double> {
    let start = row * stepCount
    unsafe precondition(row >= 0 && start + stepCount <= storage.count, "no row \(row)")
    return unsafe UnsafeMutableBufferPointer(rebasing: storage[start..<start + stepCount])
  }

  /// Calls `body` with the floats of all rows, one row behind the other.
  func withRows<Result>(_ body: (UnsafeMutableBufferPointer<Double>) throws -> Result) rethrows -> Result {
    try unsafe body(UnsafeMutableBufferPointer(rebasing: storage[..<(count * stepCount)]))
  }

  /// The index of the histogram at `step` of row `row`; -1 where there is none.
  func histogram(_ row: Int, _ step: Int) -> Int32 { indices.isEmpty ? -1 : indices[row * stepCount + step] }

  /// Puts a histogram of the pool at `step` of row `row`, which then has no float there.
  func setHistogram(_ row: Int, _ step: Int, _ index: Int32) {
    if indices.isEmpty {
      guard index >= 0 else { return }
      indices = unsafe Array(repeating: -1, count: storage.count)
    }
    indices[row * stepCount + step] = index
    if index >= 0 { unsafe floats(row)[step] = absent }
  }

  /// Takes the value at `step` out of row `row`.
  func clear(_ row: Int, _ step: Int) {
    unsafe floats(row)[step] = absent
    if !indices.isEmpty { indices[row * stepCount + step] = -1 }
  }

  /// Whether row `row` has a value at `step`.
  func isPresent(_ row: Int, _ step: Int) -> Bool {
    unsafe floats(row)[step].bitPattern != absentBits || histogram(row, step) >= 0
  }

  /// Whether row `row` has any value.
  func hasValues(_ row: Int) -> Bool {
    let values = unsafe floats(row)
    for step in 0..<stepCount where unsafe values[step].bitPattern != absentBits { return true }
    return !indices.isEmpty && indices[(row * stepCount)..<((row + 1) * stepCount)].contains { $0 >= 0 }
  }

  /// Forgets all rows and keeps the memory and the pool.
  func removeAll() {
    labels.removeAll()
    dropsName.removeAll(keepingCapacity: true)
    budget.release(heldSamples)
    heldSamples = 0
  }

  /// Room for one more row, all of it absent. The row counts once `closeRow` gave it labels. Throws where the query is to end.
  func openRow() throws -> Int {
    try budget.checkSamples()
    try checkTask()
    let row = count
    try chargeBesides()
    try reserve(rows: row + 1)
    unsafe floats(row).update(repeating: absent)
    if !indices.isEmpty {
      for step in 0..<stepCount { indices[row * stepCount + step] = -1 }
    }
    return row
  }

  private func hold(_ samples: Int) {
    budget.hold(samples)
    heldSamples += samples
  }

  /// Charges what labels, marks and indices take by now.
  private func chargeBesides() throws {
    let besides = labels.usedBytes + dropsName.count + 4 * indices.count
    guard besides > chargedBesides else { return }
    // Arrays grow ahead of what they hold.
    let ahead = besides + besides / 2 + 4096
    try charge.grow(by: ahead - chargedBesides)
    chargedBesides = ahead
  }

  private func reserve(rows: Int) throws {
    guard unsafe rows * stepCount > storage.count else { return }
    let capacity = unsafe max(rows, 2 * (storage.count / max(1, stepCount)))
    unsafe try charge.grow(by: (capacity * stepCount - storage.count) * 8)
    let larger = UnsafeMutableBufferPointer<Double>.allocate(capacity: capacity * stepCount)
    _ = unsafe larger.update(fromContentsOf: storage[..<(count * stepCount)])
    unsafe storage.deallocate()
    unsafe storage = larger
    if !indices.isEmpty {
      unsafe indices += Array(repeating: -1, count: storage.count - indices.count)
    }
  }

  /// Ends the row that `openRow` began.
  func closeRow(_ set: LabelBytes, dropsName: Bool) {
    hold(SampleWeight.of(row: count, self))
    labels.append(set)
    self.dropsName.append(dropsName)
  }

  /// Ends the row that `openRow` began, with what `filter` leaves of its labels.
  func closeRow(_ set: LabelBytes, _ filter: LabelFilter, dropsName: Bool) {
    hold(SampleWeight.of(row: count, self))
    labels.append(set, filter)
    self.dropsName.append(dropsName)
  }

  /// Adds a row for each value of `range` that is not absent, with the labels of that index. Rows must have one step.
  func append(_ values: [Double], _ range: Range<Int>, labels sets: LabelSets) throws {
    precondition(stepCount == 1, "a value for \(stepCount) steps")
    guard !range.isEmpty else { return }
    let first = try openRow()
    try reserve(rows: first + range.count)
    var row = first
    for index in range where values[index].bitPattern != absentBits {
      unsafe storage[row] = values[index]
      row += 1
    }
    if row - first == range.count {
      labels.append(sets, range)
    } else {
      for index in range where values[index].bitPattern != absentBits { labels.append(sets[index]) }
    }
    let added = row - first
    guard added > 0 else { return }
    if !indices.isEmpty { for place in first..<row { indices[place] = -1 } }
    dropsName.append(contentsOf: repeatElement(false, count: added))
    // As if they had come one by one: there is a look before each.
    hold(added - 1)
    try budget.checkSamples()
    hold(1)
    try chargeBesides()
  }

  /// Adds row `row` of `other`, with other labels if `set` is given. Histograms are copied unless the pool is the same.
  func append(_ row: Int, of other: VectorBatch, labels set: LabelBytes? = nil, dropsName: Bool? = nil) throws {
    let new = try openRow()
    _ = unsafe floats(new).update(fromContentsOf: other.floats(row))
    if other.hasHistograms {
      for step in 0..<stepCount {
        let index = other.histogram(row, step)
        if index >= 0 { setHistogram(new, step, other.pool === pool ? index : pool.append(index, of: other.pool)) }
      }
    }
    closeRow(set ?? other.labels[row], dropsName: dropsName ?? other.dropsName[row])
  }

  /// Puts other labels in the place of those of all rows; `sets` has one a row.
  func replaceLabels(_ sets: LabelSets) {
    precondition(sets.count == count, "\(sets.count) label sets for \(count) rows")
    labels = sets
  }
}

/// What makes rows: a node of a query's plan. Used by one task.
protocol VectorOperator: AnyObject {
  /// The next rows; nil at the end. Two rows never have the same labels and a value at the same step.
  func next() async throws -> VectorBatch?
}

extension VectorOperator {
  /// All rows in one batch.
  func all(_ context: QueryContext, stepCount: Int) async throws -> VectorBatch {
    guard let first = try await next() else {
      return try VectorBatch(stepCount: stepCount, capacity: 0, budget: context.budget)
    }
    while let batch = try await next() {
      try context.checkCancellation()
      for row in 0..<batch.count { try first.append(row, of: batch) }
    }
    return first
  }
}
