// A binary operation between rows and rows. Rows of both sides are grouped by what they are matched on; each pair of a group
// makes one row of results, whose values are at the steps where both have one.
internal import CTSDB
internal import TSModel

/// Rows of a binary operation.
final class VectorBinaryOperator: VectorOperator {
  private let left: any VectorOperator
  private let right: any VectorOperator
  private let operation: BinaryOperator
  private let matching: VectorMatching
  private let returnsBool: Bool
  private let keepsNames: Bool
  private let site: QuerySite
  private let context: QueryContext
  private let stepCount: Int
  private var isDone = false

  init(
    _ left: any VectorOperator, _ operation: BinaryOperator, _ right: any VectorOperator, _ matching: VectorMatching,
    returnsBool: Bool, keepsNames: Bool, at site: QuerySite, stepCount: Int, _ context: QueryContext
  ) {
    (self.left, self.operation, self.right, self.matching) = (left, operation, right, matching)
    (self.returnsBool, self.keepsNames, self.site) = (returnsBool, keepsNames, site)
    (self.stepCount, self.context) = (stepCount, context)
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let leftRows = try await left.all(context, stepCount: stepCount)
    let rightRows = try await right.all(context, stepCount: stepCount)
    try context.checkCancellation()
    var join = try RowJoin(
      leftRows, rightRows, operation, matching, returnsBool: returnsBool, keepsNames: keepsNames, at: site,
      context)
    return try join.rows()
  }
}

/// One join of two sides.
private struct RowJoin: ~Copyable {
  private let many: VectorBatch
  private let one: VectorBatch
  private let manyGroups: [Int]
  private let oneGroups: [Int]
  private let groupCount: Int
  private let isSwapped: Bool
  private let matching: VectorMatching
  private let elements: ElementOperation
  private let returnsBool: Bool
  private let keepsNames: Bool
  private let context: QueryContext
  private let stepCount: Int
  private let merger: RowMerger
  private let resultFilter: LabelFilter?
  private let dropsMetadata: Bool
  /// Steps at which the operation is done at all: one side may be missing altogether.
  private var isActive: [Bool]
  /// The first step that fails, and why: Prometheus goes step by step and stops there.
  private var failure: (step: Int, error: QueryError)?
  /// Steps from here on make no difference any more.
  private var endStep: Int
  /// Whether rows of floats may be taken as a whole: see `pairWhole`.
  private let pairsWhole: Bool
  /// How many rows of the many side each group has, where that is asked for.
  private var manyCounts: [Int]
  /// Rows of the one side of each group.
  private var onesOfGroup: [[Int]]
  /// Which groups have a result at a step.
  private var isMatched: [Bool]
  /// The steps at which a group has a result of these labels, a bit each: many-to-one only.
  private var stepsOfResult: [ResultLabels: [UInt64]] = [:]
  /// What is held beside the rows.
  private var charge: BudgetCharge

  private struct ResultLabels: Hashable {
    var group: Int
    var hash: UInt64
  }

  init(
    _ left: VectorBatch, _ right: VectorBatch, _ operation: BinaryOperator, _ matching: VectorMatching,
    returnsBool: Bool, keepsNames: Bool, at site: QuerySite, _ context: QueryContext
  ) throws {
    // What can fail comes first.
    let signatures = try MatchSignatures(on: matching.isOn, names: matching.labels, context.budget)
    let leftGroups = try signatures.groups(of: left)
    let rightGroups = try signatures.groups(of: right)
    let result = try VectorBatch(
      stepCount: left.stepCount, capacity: matching.cardinality == .oneToMany ? right.count : left.count,
      budget: context.budget)
    let charge = try BudgetCharge(context.budget.bytes, bytes: signatures.count * left.stepCount)
    isSwapped = matching.cardinality == .oneToMany
    (many, one) = isSwapped ? (right, left) : (left, right)
    (manyGroups, oneGroups) = isSwapped ? (rightGroups, leftGroups) : (leftGroups, rightGroups)
    groupCount = signatures.count
    self.charge = charge
    self.matching = matching
    (self.returnsBool, self.keepsNames) = (returnsBool, keepsNames)
    self.context = context
    stepCount = left.stepCount
    merger = RowMerger(result)
    elements = ElementOperation(
      operation: operation, site: site, annotations: context.annotations, pool: result.pool)
    dropsMetadata =
      !keepsNames && (operation.changesMetric || returnsBool && !context.options.delaysNameRemoval)
    let names = matching.labels.map { Array($0.utf8) }
    let kept = keepsNames ? names + [LabelNames.name] : names
    resultFilter = matching.cardinality != .oneToOne ? nil : matching.isOn ? .keeping(kept) : .dropping(names)
    pairsWhole =
      matching.cardinality == .oneToOne && matching.fillLeft == nil && matching.fillRight == nil
      && !left.hasHistograms && !right.hasHistograms
      && (operation.arithmetic != nil || operation.comparison != nil)
    manyCounts = Array(repeating: 0, count: pairsWhole ? groupCount : 0)
    if pairsWhole { for group in manyGroups { manyCounts[group] += 1 } }
    onesOfGroup = Array(repeating: [], count: groupCount)
    for row in 0..<one.count { onesOfGroup[oneGroups[row]].append(row) }
    isMatched = Array(repeating: false, count: groupCount * stepCount)
    isActive = []
    endStep = left.stepCount
    isActive = activeSteps(left, right)
  }

  private func activeSteps(_ left: VectorBatch, _ right: VectorBatch) -> [Bool] {
    func presence(_ batch: VectorBatch) -> [Bool] {
      var present = [Bool](repeating: false, count: stepCount)
      for row in 0..<batch.count {
        for step in 0..<stepCount where batch.isPresent(row, step) { present[step] = true }
      }
      return present
    }
    let (leftPresent, rightPresent) = (presence(left), presence(right))
    let fills = matching.fillLeft != nil || matching.fillRight != nil
    return (0..<stepCount).map { step in
      fills ? leftPresent[step] || rightPresent[step] : leftPresent[step] && rightPresent[step]
    }
  }

  private mutating func fail(_ step: Int, _ message: String) {
    if let failure, failure.step <= step { return }
    failure = (step, .execution(message))
    endStep = step
  }

  /// Whether nothing that is still to come can matter: the first step of all has failed.
  private var isDecided: Bool { failure != nil && !isActive[..<endStep].contains(true) }

  /// All results.
  mutating func rows() throws -> VectorBatch {
    let chosen = try chooseOnes()
    let (one, onesOfGroup, stepCount) = (one, onesOfGroup, stepCount)
    let pairs = try VectorBatch(stepCount: stepCount, capacity: 1, pool: merger.rows.pool, budget: context.budget)
    for row in 0..<many.count where !isDecided {
      if row % 64 == 63 { try context.checkCancellation() }
      let group = manyGroups[row]
      if try pairWhole(row, group, in: pairs) { continue }
      // A value of the one side goes with a row once, so all of a group together have no more than there are steps.
      for oneRow in onesOfGroup[group] {
        try pair(row, oneRow, group, in: pairs, chosen.steps(of: oneRow)) { step in
          chosen.isAlone || chosen.rows[group * stepCount + step] == oneRow ? one.element(oneRow, step) : nil
        }
      }
      if let fill = matching.fillRight {
        try pair(row, nil, group, in: pairs, 0..<stepCount) { step in
          let isPresent =
            chosen.isAlone
            ? onesOfGroup[group].contains { one.isPresent($0, step) } : chosen.rows[group * stepCount + step] >= 0
          return isPresent ? nil : .float(fill)
        }
      }
    }
    if let fill = matching.fillLeft { try fillMany(fill, in: pairs) }
    if let failure { throw failure.error }
    return merger.rows
  }

  /// Which rows of the one side are used where.
  private struct ChosenOnes {
    /// No group has more than one: what follows is empty.
    var isAlone: Bool
    /// The row of each group at each step, or -1.
    var rows: [Int] = []
    /// From the first to the last step of each row.
    var ranges: [Range<Int>] = []
    var stepCount: Int

    func steps(of row: Int) -> Range<Int> { isAlone ? 0..<stepCount : ranges[row] }
  }

  /// Which row of the one side a group has at each step, and errors where there are several.
  private mutating func chooseOnes() throws -> ChosenOnes {
    guard onesOfGroup.contains(where: { $0.count > 1 }) else { return ChosenOnes(isAlone: true, stepCount: stepCount) }
    try charge.grow(by: 8 * groupCount * stepCount + 16 * one.count)
    var chosen = ChosenOnes(
      isAlone: false, rows: Array(repeating: -1, count: groupCount * stepCount),
      ranges: Array(repeating: 0..<0, count: one.count), stepCount: stepCount)
    for row in 0..<one.count where !isDecided {
      if row % 64 == 63 { try context.checkCancellation() }
      let group = oneGroups[row]
      for step in 0..<endStep where isActive[step] && one.isPresent(row, step) {
        let previous = chosen.rows[group * stepCount + step]
        if previous >= 0 {
          let text = duplicateText(row, previous)
          fail(step, text)
        }
        chosen.rows[group * stepCount + step] = row
        chosen.ranges[row] = (chosen.ranges[row].isEmpty ? step : chosen.ranges[row].lowerBound)..<step + 1
      }
    }
    return chosen
  }

  private func duplicateText(_ row: Int, _ previous: Int) -> String {
    let side = isSwapped ? "left" : "right"
    var names = [labelSetText(one.labels[row]), labelSetText(one.labels[previous])]
    names.sort { compareBytes($0.utf8, $1.utf8) < 0 }
    return
      "found duplicate series for the match group \(labelSetText(matchLabels(one.labels[row])[...])) on the \(side) "
      + "hand-side of the operation: [\(names[0]), \(names[1])];many-to-many matching not allowed: matching labels must be "
      + "unique on one side"
  }

  /// The labels of a set that are matched on.
  private func matchLabels(_ set: LabelBytes) -> [UInt8] {
    let names = matching.labels.map { Array($0.utf8) }
    return matching.isOn
      ? LabelFilter.keeping(names).apply(set) : LabelFilter.dropping(names + [LabelNames.name]).apply(set)
  }

  /// The row of one pair, a row at once, where floats meet and no other row has to do with them; false elsewhere.
  private mutating func pairWhole(_ row: Int, _ group: Int, in pairs: VectorBatch) throws -> Bool {
    guard pairsWhole, onesOfGroup[group].count == 1, manyCounts[group] == 1 else { return false }
    let oneRow = onesOfGroup[group][0]
    let labels = resultLabels(many.labels[row], one.labels[oneRow])
    pairs.removeAll()
    let result = try pairs.openRow()
    let (left, right, out) = unsafe (many.floats(row), one.floats(oneRow), pairs.floats(result))
    if let arithmetic = elements.operation.arithmetic {
      _ = unsafe tsdb_row_binary(arithmetic, left.baseAddress, right.baseAddress, stepCount, out.baseAddress)
    } else if let comparison = elements.operation.comparison {
      _ = unsafe tsdb_row_compare(
        comparison, left.baseAddress, right.baseAddress, stepCount,
        returnsBool ? TSDB_COMPARISON_BOOL : TSDB_COMPARISON_KEEPS_LEFT, out.baseAddress)
    }
    guard pairs.hasValues(result) else { return true }
    pairs.closeRow(labels[...], dropsName: returnsBool && !keepsNames)
    if failure == nil { try merger.add(0, of: pairs) }
    return true
  }

  /// The row of one pair at `steps`. `partner` is the value of the one side at a step.
  private mutating func pair(
    _ row: Int, _ oneRow: Int?, _ group: Int, in pairs: VectorBatch, _ steps: Range<Int>, _ partner: (Int) -> Element?
  ) throws {
    let steps = steps.clamped(to: 0..<endStep)
    if steps.isEmpty { return }
    let oneLabels = oneRow.map { one.labels[$0] } ?? matchLabels(many.labels[row])[...]
    let labels = resultLabels(many.labels[row], oneLabels)
    pairs.removeAll()
    let result = try pairs.openRow()
    var isAny = false
    try withStepsOfResult(group, labels) { join, taken throws in
      for step in steps where join.isActive[step] {
        guard let manyElement = join.many.element(row, step), let oneElement = partner(step) else { continue }
        if join.combine(manyElement, oneElement, group, step, &taken, into: pairs, result) { isAny = true }
      }
    }
    guard isAny else { return }
    pairs.closeRow(labels[...], dropsName: returnsBool && !keepsNames)
    if failure == nil { try merger.add(0, of: pairs) }
  }

  /// Calls `body` with the steps at which `group` has a result of these labels, of which it may make more.
  private mutating func withStepsOfResult(
    _ group: Int, _ labels: [UInt8], _ body: (inout RowJoin, inout [UInt64]) throws -> Void
  ) throws {
    guard matching.cardinality != .oneToOne else {
      var none: [UInt64] = []
      return try body(&self, &none)
    }
    let key = ResultLabels(group: group, hash: labelBytesHash(labels[...]))
    let wordCount = (stepCount + 63) / 64
    var steps: [UInt64] = []
    if let known = stepsOfResult.removeValue(forKey: key) {
      steps = known
    } else {
      try charge.grow(by: 8 * wordCount + 96)
      steps = Array(repeating: 0, count: wordCount)
    }
    try body(&self, &steps)
    stepsOfResult[key] = steps
  }

  /// One value. Returns whether there is one. `taken` are the steps that have a result of these labels already: many-to-one only.
  private mutating func combine(
    _ manyElement: Element, _ oneElement: Element, _ group: Int, _ step: Int, _ taken: inout [UInt64],
    into batch: VectorBatch, _ row: Int
  ) -> Bool {
    let outcome =
      isSwapped ? elements.apply(oneElement, manyElement) : elements.apply(manyElement, oneElement)
    if case .none = outcome { return false }
    let place = group * stepCount + step
    if matching.cardinality == .oneToOne {
      if isMatched[place] {
        fail(step, "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
      }
    } else {
      let bit = UInt64(1) << UInt64(step % 64)
      if taken[step / 64] & bit != 0 {
        fail(step, "multiple matches for labels: grouping labels must ensure unique matches")
      }
      taken[step / 64] |= bit
    }
    isMatched[place] = true
    if returnsBool {
      if case .dropped = outcome { batch.set(row, step, .float(0)) } else { batch.set(row, step, .float(1)) }
      return true
    }
    if case .dropped = outcome { return false }
    batch.set(row, step, outcome)
    return true
  }

  /// Results for values of the one side that no value of the many side matched.
  private mutating func fillMany(_ fill: Double, in pairs: VectorBatch) throws {
    let before = isMatched
    for row in 0..<one.count {
      let group = oneGroups[row]
      let manyLabels = matchLabels(one.labels[row])
      let labels = resultLabels(manyLabels[...], one.labels[row])
      pairs.removeAll()
      let result = try pairs.openRow()
      var isAny = false
      try withStepsOfResult(group, labels) { join, taken throws in
        for step in 0..<join.stepCount where join.isActive[step] && !before[group * join.stepCount + step] {
          guard let element = join.one.element(row, step) else { continue }
          if join.combine(.float(fill), element, group, step, &taken, into: pairs, result) { isAny = true }
        }
      }
      guard isAny else { continue }
      pairs.closeRow(labels[...], dropsName: returnsBool && !keepsNames)
      if failure == nil { try merger.add(0, of: pairs) }
    }
  }

  private func resultLabels(_ manyLabels: LabelBytes, _ oneLabels: LabelBytes) -> [UInt8] {
    var labels = Array(manyLabels)
    if dropsMetadata { labels = LabelFilter.withoutMetadata.apply(labels[...]) }
    if let resultFilter { labels = resultFilter.apply(labels[...]) }
    guard !matching.include.isEmpty else { return labels }
    var editor = LabelEditor(labels[...])
    for name in matching.include {
      let name = Array(name.utf8)
      editor.set(name, labelValue(oneLabels, name))
    }
    return editor.bytes
  }
}
