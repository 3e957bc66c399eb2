// A binary operation between rows and rows. Rows of both sides are grouped by what they are matched on; each pair of a group
// makes one row of results, whose values are at the steps where both have one.
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
private struct RowJoin {
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
  /// Rows of the one side of each group.
  private var onesOfGroup: [[Int]]
  /// Which groups have a result at a step.
  private var isMatched: [Bool]
  /// Hashes of the labels that a group's results have at a step: many-to-one only.
  private var resultHashes: [Int: Set<UInt64>] = [:]

  init(
    _ left: VectorBatch, _ right: VectorBatch, _ operation: BinaryOperator, _ matching: VectorMatching,
    returnsBool: Bool, keepsNames: Bool, at site: QuerySite, _ context: QueryContext
  ) throws {
    isSwapped = matching.cardinality == .oneToMany
    (many, one) = isSwapped ? (right, left) : (left, right)
    var signatures = MatchSignatures(on: matching.isOn, names: matching.labels)
    let leftGroups = signatures.groups(of: left)
    let rightGroups = signatures.groups(of: right)
    (manyGroups, oneGroups) = isSwapped ? (rightGroups, leftGroups) : (leftGroups, rightGroups)
    groupCount = signatures.count
    self.matching = matching
    (self.returnsBool, self.keepsNames) = (returnsBool, keepsNames)
    self.context = context
    stepCount = left.stepCount
    let result = try VectorBatch(stepCount: stepCount, capacity: many.count, budget: context.budget)
    merger = RowMerger(result)
    elements = ElementOperation(
      operation: operation, site: site, annotations: context.annotations, pool: result.pool)
    dropsMetadata =
      !keepsNames && (operation.changesMetric || returnsBool && !context.options.delaysNameRemoval)
    let names = matching.labels.map { Array($0.utf8) }
    let kept = keepsNames ? names + [LabelNames.name] : names
    resultFilter = matching.cardinality != .oneToOne ? nil : matching.isOn ? .keeping(kept) : .dropping(names)
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

  /// The row of one pair at `steps`. `partner` is the value of the one side at a step.
  private mutating func pair(
    _ row: Int, _ oneRow: Int?, _ group: Int, in pairs: VectorBatch, _ steps: Range<Int>, _ partner: (Int) -> Element?
  ) throws {
    let steps = steps.clamped(to: 0..<endStep)
    if steps.isEmpty { return }
    let oneLabels = oneRow.map { one.labels[$0] } ?? matchLabels(many.labels[row])[...]
    let labels = resultLabels(many.labels[row], oneLabels)
    let hash = labelBytesHash(labels[...])
    pairs.removeAll()
    let result = try pairs.openRow()
    var isAny = false
    for step in steps where isActive[step] {
      guard let manyElement = many.element(row, step), let oneElement = partner(step) else { continue }
      if combine(manyElement, oneElement, group, step, hash, into: pairs, result) { isAny = true }
    }
    guard isAny else { return }
    pairs.closeRow(labels[...], dropsName: returnsBool && !keepsNames)
    if failure == nil { try merger.add(0, of: pairs) }
  }

  /// One value. Returns whether there is one.
  private mutating func combine(
    _ manyElement: Element, _ oneElement: Element, _ group: Int, _ step: Int, _ hash: UInt64,
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
    } else if !resultHashes[place, default: []].insert(hash).inserted {
      fail(step, "multiple matches for labels: grouping labels must ensure unique matches")
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
      let hash = labelBytesHash(labels[...])
      pairs.removeAll()
      let result = try pairs.openRow()
      var isAny = false
      for step in 0..<stepCount where isActive[step] && !before[group * stepCount + step] {
        guard let element = one.element(row, step) else { continue }
        if combine(.float(fill), element, group, step, hash, into: pairs, result) { isAny = true }
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
