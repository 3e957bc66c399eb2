// info(): labels of info metrics, such as `target_info`, added to the rows of the same instance and job.
internal import TSModel

/// What an info call asks for.
struct InfoSelection {
  /// Conditions on the info metrics' names.
  var names: [LabelMatcher]
  /// Conditions on labels of info metrics, by label; if there are any, only these labels are added.
  var data: [String: [LabelMatcher]]

  /// Of a call without a selector.
  static func targetInfo() throws(ModelError) -> InfoSelection {
    InfoSelection(names: [try LabelMatcher(.equal, name: "__name__", value: "target_info")], data: [:])
  }

  /// Of a selector's conditions.
  init(_ matchers: [LabelMatcher]) throws(ModelError) {
    let named = matchers.filter { $0.name == "__name__" }
    data = Dictionary(grouping: matchers.filter { $0.name != "__name__" }, by: \.name)
    if named.isEmpty {
      names = try Self.targetInfo().names
    } else if named.contains(where: { $0.kind == .equal || $0.kind == .regex }) {
      names = named
    } else {
      names = [try LabelMatcher(.regex, name: "__name__", value: ".+_info")] + named
    }
  }

  private init(names: [LabelMatcher], data: [String: [LabelMatcher]]) { (self.names, self.data) = (names, data) }

  /// Whether a row of this name is itself such a metric.
  func isInfo(_ name: String) -> Bool { names.allSatisfy { $0.matches(name) } }

  /// Whether a row without any info metric stays.
  var allowsMissing: Bool { data.values.allSatisfy { $0.allSatisfy { $0.matchesEmpty } } }
}

/// Rows with labels of info metrics.
final class InfoOperator: VectorOperator {
  private static let identifying = [Array("instance".utf8), Array("job".utf8)]

  private let child: any VectorOperator
  private let selection: InfoSelection
  private let window: SelectorWindow
  private let grid: StepGrid
  private let context: QueryContext
  private let stepMs: Int64
  private let counts: SampleCounts?
  private var isDone = false

  /// `window` tells when the info metrics are looked at.
  init(
    _ child: any VectorOperator, _ selection: InfoSelection, _ window: SelectorWindow, grid: StepGrid,
    counts: SampleCounts?, _ context: QueryContext
  ) {
    self.counts = counts
    (self.child, self.selection, self.window, self.grid, self.context) = (child, selection, window, grid, context)
    stepMs = grid.count > 1 ? grid.stepMs : 0
  }

  func next() async throws -> VectorBatch? {
    guard !isDone else { return nil }
    isDone = true
    let base = try await child.all(context, stepCount: grid.count)
    let isInfo = (0..<base.count).map { selection.isInfo(labelText(base.labels[$0], LabelNames.name)) }
    let infos = try await infoRows(base, isInfo)
    let chosen = try choose(infos)
    let merger = RowMerger(try VectorBatch(stepCount: grid.count, capacity: base.count, budget: context.budget))
    let part = try VectorBatch(stepCount: grid.count, capacity: 1, pool: base.pool, budget: context.budget)
    for row in 0..<base.count {
      try context.checkCancellation()
      if isInfo[row] {
        try merger.add(row, of: base)
      } else {
        try add(row, of: base, infos, chosen, to: merger, part)
      }
    }
    return merger.rows
  }

  /// The info metrics of the rows' instances and jobs, with the times of their samples as values.
  private func infoRows(_ base: VectorBatch, _ isInfo: [Bool]) async throws -> VectorBatch {
    var matchers: [LabelMatcher] = []
    for name in Self.identifying {
      var values: Set<[UInt8]> = []
      for row in 0..<base.count where !isInfo[row] {
        let value = Array(labelValue(base.labels[row], name))
        if !value.isEmpty { values.insert(value) }
      }
      guard !values.isEmpty else { continue }
      let pattern = values.map(escaped).sorted().joined(separator: "|")
      matchers.append(try LabelMatcher(.regex, name: String(decoding: name, as: UTF8.self), value: pattern))
    }
    guard !matchers.isEmpty else {
      return try VectorBatch(stepCount: grid.count, capacity: 0, budget: context.budget)
    }
    matchers += selection.data.values.flatMap { $0 } + selection.names
    var request = SelectRequest(matchers: matchers, timeRange: window.timeRange)
    request.stepMs = stepMs
    request.function = "info"
    request.budget = context.budget.bytes
    let rows = SelectorOperator(
      request, InstantKernel(window: window, yields: .time, refusesHistograms: true), grid: grid,
      LabelChange(dropsName: false, isDelayed: false), counts: counts, context)
    return try await rows.all(context, stepCount: grid.count)
  }

  /// `text` as an expression that matches just it.
  private func escaped(_ text: [UInt8]) -> String {
    var result: [UInt8] = []
    for byte in text {
      if "\\.+*?()|[]{}^$".utf8.contains(byte) { result.append(UInt8(ascii: "\\")) }
      result.append(byte)
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// For each metric name the rows of each instance and job, of which the one with the newest sample counts at a step.
  private struct Chosen {
    /// By name, then by instance and job: the row at each step, -1 where there is none.
    var rows: [[UInt8]: [[UInt8]: [Int]]] = [:]
  }

  private static let signature = LabelFilter.keeping(identifying)

  private func choose(_ infos: VectorBatch) throws -> Chosen {
    var chosen = Chosen()
    var failure: (step: Int, text: String)?
    for row in 0..<infos.count {
      let name = Array(labelValue(infos.labels[row], LabelNames.name))
      let signature = Self.signature.apply(infos.labels[row])
      var rows = chosen.rows[name, default: [:]][signature] ?? Array(repeating: -1, count: grid.count)
      let times = unsafe infos.floats(row)
      for step in 0..<grid.count where unsafe times[step].bitPattern != absentBits {
        guard rows[step] >= 0 else {
          rows[step] = row
          continue
        }
        let (old, new) = unsafe (infos.floats(rows[step])[step], times[step])
        if old == new, failure.map({ step < $0.step }) ?? true {
          let timeMs = Int64((new * 1000).rounded())
          failure = (
            step,
            "found duplicate series for info metric: existing \(labelSetText(infos.labels[rows[step]])) @ \(timeMs), "
              + "new \(labelSetText(infos.labels[row])) @ \(timeMs)"
          )
        }
        if old < new { rows[step] = row }
      }
      chosen.rows[name, default: [:]][signature] = rows
    }
    if let failure { throw QueryError.execution(failure.text) }
    return chosen
  }

  private func add(
    _ row: Int, of base: VectorBatch, _ infos: VectorBatch, _ chosen: Chosen, to merger: RowMerger,
    _ part: VectorBatch
  ) throws {
    let signature = Self.signature.apply(base.labels[row])
    let partners = chosen.rows.sorted { compareBytes($0.key, $1.key) < 0 }.compactMap { $0.value[signature] }
    // Steps with the same info metrics have the same labels.
    var stepsOf: [[Int]: [Int]] = [:]
    for step in 0..<grid.count where base.isPresent(row, step) {
      stepsOf[partners.map { $0[step] }.filter { $0 >= 0 }, default: []].append(step)
    }
    for (rows, steps) in stepsOf.sorted(by: { $0.value[0] < $1.value[0] }) {
      if rows.isEmpty, !selection.allowsMissing { continue }
      let labels = try self.labels(base.labels[row], rows, infos)
      part.removeAll()
      let new = try part.openRow()
      for step in steps {
        let index = base.histogram(row, step)
        if index >= 0 {
          part.setHistogram(new, step, index)
        } else {
          unsafe part.floats(new)[step] = base.floats(row)[step]
        }
      }
      part.closeRow(labels[...], dropsName: base.dropsName[row])
      try merger.add(0, of: part)
    }
  }

  private func labels(_ set: LabelBytes, _ rows: [Int], _ infos: VectorBatch) throws -> [UInt8] {
    var editor = LabelEditor(set)
    var added: [[UInt8]: [UInt8]] = [:]
    for row in rows {
      for label in LabelBytesIterator(infos.labels[row]) {
        let (name, value) = (Array(label.name), Array(label.value))
        guard name != LabelNames.name else { continue }
        let text = String(decoding: name, as: UTF8.self)
        if !selection.data.isEmpty, selection.data[text] == nil { continue }
        if let other = added[name], other != value { throw QueryError.execution("conflicting label: \(text)") }
        guard labelValue(set, name).isEmpty else { continue }
        added[name] = value
        editor.set(name, value)
      }
    }
    return editor.bytes
  }
}

extension Evaluator {
  /// The operator of a call of info().
  func info(_ arguments: [Expression], _ grid: StepGrid) async throws -> any VectorOperator {
    let child = try await vector(arguments[0], grid)
    let selection: InfoSelection
    if arguments.count > 1, case .vectorSelector(let selector) = arguments[1] {
      selection = try InfoSelection(selector.matchers)
    } else {
      selection = try .targetInfo()
    }
    var times = InfoTimes()
    try times.find(in: arguments[0], self)
    let offsetMs = times.offsetMs
    let window = SelectorWindow(
      grid: times.fixedMs.map { StepGrid(atMs: $0 &- offsetMs) } ?? grid.shifted(byMs: 0 &- offsetMs),
      stepCount: grid.count, rangeMs: 0, lookbackMs: context.lookbackMs, boundaries: .standard)
    return InfoOperator(child, selection, window, grid: grid, counts: counts, context)
  }

  /// When info metrics are looked at: at the time of the first selector, with its offset and those of subqueries around it, up to
  /// the first that fixes its time.
  private struct InfoTimes {
    var fixedMs: Int64?
    var offsetMs: Int64 = 0
    private var isFound = false

    mutating func find(in expression: Expression, _ evaluator: Evaluator) throws {
      try visit(expression, [], evaluator)
    }

    private mutating func visit(_ expression: Expression, _ path: [Subquery], _ evaluator: Evaluator) throws {
      guard !isFound else { return }
      if case .vectorSelector(let selector) = expression {
        isFound = true
        fixedMs = evaluator.fixedTimeMs(selector.at)
        offsetMs = try evaluator.durationMs(selector.offset, allowingNegative: true)
        for subquery in path.reversed() where fixedMs == nil {
          offsetMs = offsetMs &+ (try evaluator.durationMs(subquery.offset, allowingNegative: true))
          fixedMs = evaluator.fixedTimeMs(subquery.at)
        }
        return
      }
      var path = path
      if case .subquery(let node) = expression { path.append(node) }
      for child in expression.children { try visit(child, path, evaluator) }
    }
  }
}
