// Range vectors that are the answer themselves: `up[5m]` and `up[5m:1m]` in an instant query.
internal import CTSDB
internal import TSModel

extension Evaluator {
  /// The samples of a range vector at the one step of `grid`.
  func samples(_ expression: Expression, _ grid: StepGrid) async throws -> ResultSamples {
    let pool = HistogramPool()
    var series: [ResultSamples.Series] = []
    switch expression {
    case .matrixSelector(let node):
      let window = try window(
        grid, rangeMs: try rangeMs(node), offset: node.selector.offset, at: node.selector.at,
        boundaries: node.selector.boundaries)
      let stream = try await context.queryable.select(request(node.selector, window))
      var samples = SampleColumns()
      var tally = SampleTally(stepCount: 1)
      while let part = try await stream.next() {
        try context.checkCancellation()
        try context.budget.read(series: part.count)
        var sets = LabelSets()
        try part.appendLabels(to: &sets)
        let countBefore = series.count
        for index in 0..<part.count {
          try part.decode(index, into: &samples)
          samples.removeStaleMarkers()
          var one = ResultSamples.Series(labels: Array(sets[index]))
          try one.take(samples, window, pool)
          context.budget.hold(one.weight(pool))
          tally.add(samples, in: window)
          if !one.isEmpty { series.append(one) }
        }
        if !part.isIntact { series.removeSubrange(countBefore...) }
      }
      counts?.add(tally)
      for warning in stream.warnings { context.annotations.add(sourceWarning: warning) }
    case .subquery(let node):
      let window = try window(grid, rangeMs: try durationMs(node.range), offset: node.offset, at: node.at)
      let inner = try subqueryGrid(node, window)
      let child = try await inSubquery(window, inner: inner) {
        try await vector(node.expression, inner)
      }
      let rows = try await child.all(context, stepCount: inner.count)
      for row in 0..<rows.count {
        let labels =
          rows.dropsName[row] ? LabelFilter.withoutMetadata.apply(rows.labels[row]) : Array(rows.labels[row])
        var one = ResultSamples.Series(labels: labels)
        for step in 0..<inner.count {
          switch rows.element(row, step) {
          case .float(let value): one.append(value, inner.timeMs(step))
          case .histogram(let index, let source): one.append(pool.append(index, of: source), inner.timeMs(step))
          case nil: break
          }
        }
        if !one.isEmpty { series.append(one) }
      }
    default: throw QueryError(.internal, "an expression of type \(expression.valueType) is no range vector")
    }
    series.sort { compareLabels($0.labels[...], $1.labels[...]) < 0 }
    return ResultSamples(series: series, pool: pool)
  }
}

extension ResultSamples.Series {
  fileprivate var isEmpty: Bool { floats.isEmpty && histograms.isEmpty }

  /// What its samples count for.
  fileprivate func weight(_ pool: HistogramPool) -> Int {
    histograms.reduce(floats.count) { $0 + SampleWeight.of($1, pool) }
  }

  fileprivate mutating func append(_ value: Double, _ timeMs: Int64) {
    floatTimesMs.append(timeMs)
    floats.append(value)
  }

  fileprivate mutating func append(_ histogram: Int32, _ timeMs: Int64) {
    histogramTimesMs.append(timeMs)
    histograms.append(histogram)
  }

  /// Takes the samples in the window's one step.
  fileprivate mutating func take(
    _ samples: borrowing SampleColumns, _ window: SelectorWindow, _ pool: HistogramPool
  ) throws {
    let endMs = window.grid.startMs
    if window.boundaries != .standard {
      try takeExtended(samples, window)
      return
    }
    guard window.rangeMs > 0 else { return }
    let (times, values) = (samples.floats.timestampsMs, samples.floats.values)
    for index in samples.floatRange(after: endMs &- window.rangeMs, upTo: endMs) { append(values[index], times[index]) }
    for index in samples.histogramRange(after: endMs &- window.rangeMs, upTo: endMs) {
      append(pool.append(samples.histogramIndices[index], of: samples.pool), samples.histogramTimesMs[index])
    }
  }

  private mutating func takeExtended(_ samples: borrowing SampleColumns, _ window: SelectorWindow) throws {
    let isSmoothed = window.boundaries == .smoothed
    let endMs = window.grid.startMs
    let lastMs = isSmoothed ? endMs &+ window.lookbackMs : endMs
    let firstMs = endMs &- window.rangeMs &- window.lookbackMs
    guard samples.histogramRange(after: firstMs, upTo: lastMs).isEmpty else {
      throw QueryError.execution("\(isSmoothed ? "smoothed" : "anchored") modifier is not supported with histograms")
    }
    let capacity = samples.floats.count + 2
    var count = 0
    var times = [Int64](repeating: 0, count: capacity)
    var values = [Double](repeating: 0, count: capacity)
    let status = unsafe withColumns(samples.floats, startTimes: false) { columns in
      unsafe tsdb_window_extend(
        columns, endMs, window.rangeMs, window.lookbackMs, isSmoothed, &times, &values, capacity, &count)
    }
    try check(status, "extend the range of a series")
    floatTimesMs = Array(times[..<count])
    floats = Array(values[..<count])
  }
}
