// Calls of functions, and selectors.
internal import CTSDB
internal import TSModel

extension Evaluator {
  /// The operator of an instant selector.
  func instantSelector(_ selector: VectorSelector, _ grid: StepGrid) throws -> any VectorOperator {
    let window = try window(
      grid, rangeMs: 0, offset: selector.offset, at: selector.at, boundaries: selector.boundaries)
    let kernel: any RowKernel =
      selector.boundaries == .smoothed
      ? SmoothedInstantKernel(window: window, site: site(selector.position), annotations: context.annotations)
      : InstantKernel(window: window, yields: .value)
    return SelectorOperator(
      request(selector, window), kernel, grid: grid, labelChange(dropsName: false),
      keepsBuckets: !statisticsOnly.contains(selector), counts: counts, context)
  }

  /// The operator of a call that gives a vector.
  func call(_ call: Call, _ grid: StepGrid) async throws -> any VectorOperator {
    let name = call.function.name
    let arguments = call.arguments.map(\.withoutParentheses)
    if let rows = try await extraCall(call, arguments, grid) { return rows }
    let labelChange = labelChange(dropsName: !call.keepsMetricNames)
    if let function = elementwiseFunction(name) {
      let child = try await vectorArgument(arguments.first, grid)
      return merged(
        ElementwiseOperator(child, labelChange, context, function), .merges, grid)
    }
    switch name {
    case "timestamp", "start_timestamp":
      if case .vectorSelector(let selector) = arguments[0] {
        return try timestamps(selector, name, labelChange, grid)
      }
      let child = try await vector(arguments[0], grid)
      return merged(
        EvaluationTimeOperator(child, grid, isEmpty: name != "timestamp", labelChange, context), .merges, grid)
    case "clamp", "clamp_min", "clamp_max", "round": return try await bounded(name, arguments, labelChange, grid)
    case "vector": return ConstantOperator(try await scalar(arguments[0], grid), context)
    case "absent":
      let child = try await vector(arguments[0], grid)
      return AbsentOperator(child, labels: absentLabels(arguments[0]), stepCount: grid.count, context)
    case "sort", "sort_desc", "sort_by_label", "sort_by_label_desc":
      let child = try await vector(arguments[0], grid)
      if grid.startMs != grid.endMs {
        context.annotations.add(
          .warning, "sort is ineffective for range queries since results are always ordered by labels",
          at: site(call.position))
      }
      let names = arguments.dropFirst().compactMap { argument -> [UInt8]? in
        if case .stringLiteral(let literal) = argument { literal.bytes } else { nil }
      }
      return SortOperator(
        child, name.hasPrefix("sort_by_label") ? .labels(names) : .value, isDescending: name.hasSuffix("_desc"),
        stepCount: grid.count, context)
    case "label_replace", "label_join":
      let child = try await vector(arguments[0], grid)
      let rewriting =
        name == "label_join" ? try LabelJoin(arguments) as any LabelRewriting : try LabelReplacement(arguments)
      return MergingRows(
        LabelRewritingOperator(child, rewriting, context), .merges, stepCount: grid.count, context)
    case "histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar":
      let child = try await vector(arguments[0], grid)
      return merged(
        HistogramFunctionOperator(
          child, name,
          LabelChange(
            dropsName: !call.keepsMetricNames, filter: .dropping([LabelNames.name]),
            isDelayed: context.options.delaysNameRemoval),
          context), .merges, grid)
    case "histogram_quantile", "histogram_quantiles", "histogram_fraction":
      return try await histogramEstimate(name, arguments, grid)
    case "info": return try await info(arguments, grid)
    default: return try await rangeCall(call, arguments, grid)
    }
  }

  private func vectorArgument(_ argument: Expression?, _ grid: StepGrid) async throws -> any VectorOperator {
    if let argument { return try await vector(argument, grid) }
    return ConstantOperator((0..<grid.count).map { Double(grid.timeMs($0)) / 1000 }, context)
  }

  private func timestamps(
    _ selector: VectorSelector, _ function: String, _ labelChange: LabelChange, _ grid: StepGrid
  ) throws -> any VectorOperator {
    var window = try window(grid, rangeMs: 0, offset: selector.offset, at: selector.at)
    if let fixedMs = fixedTimeMs(selector.at) {
      // Here Prometheus forgets the offset when it looks for a sample, not when it chooses those that it looks at.
      let shiftMs = fixedMs &- window.grid.startMs
      window.grid = StepGrid(atMs: min(fixedMs, window.grid.startMs))
      window.lookbackMs = max(0, window.lookbackMs &- Int64(clamping: shiftMs.magnitude))
    }
    let isStart = function == "start_timestamp"
    let kernel = InstantKernel(window: window, yields: isStart ? .startTime : .time)
    let rows = SelectorOperator(
      request(selector, window, function: function), kernel, grid: grid, labelChange, counts: counts, context)
    guard isStart, !context.options.usesStartTimestamps else { return merged(rows, .merges, grid) }
    return ConstantOperator(nil, context)
  }

  private func bounded(
    _ name: String, _ arguments: [Expression], _ labelChange: LabelChange, _ grid: StepGrid
  ) async throws -> any VectorOperator {
    let child = try await vector(arguments[0], grid)
    var numbers: [[Double]] = []
    for argument in arguments.dropFirst() { numbers.append(try await scalar(argument, grid)) }
    if name == "round" {
      let units = numbers.first
      return unsafe merged(
        ElementwiseOperator(child, labelChange, context) { values in
          unsafe withOptionalRow(units) { units in
            unsafe tsdb_row_round(values.baseAddress, units, values.count, values.baseAddress)
          }
        }, .merges, grid)
    }
    let lows = name == "clamp_max" ? nil : numbers[0]
    let highs = name == "clamp_min" ? nil : numbers[numbers.count - 1]
    return unsafe merged(
      ElementwiseOperator(child, labelChange, context) { values in
        unsafe withOptionalRow(lows) { lows in
          unsafe withOptionalRow(highs) { highs in
            unsafe tsdb_row_clamp(values.baseAddress, lows, highs, values.count, values.baseAddress)
          }
        }
      }, .merges, grid)
  }

  // MARK: Functions over ranges

  private func rangeCall(_ call: Call, _ arguments: [Expression], _ grid: StepGrid) async throws -> any VectorOperator {
    let name = call.function.name
    guard let function = RangeFunction(name: name),
      let place = arguments.firstIndex(where: { $0.valueType == .matrix })
    else { throw QueryError(.internal, "function \(name) is not known to the engine") }
    var parameters: [[Double]] = []
    let argument = arguments[place]
    for (index, other) in arguments.enumerated() where index != place {
      parameters.append(try await scalar(other, grid))
    }
    let rows = try await rangeRows(
      function, argument, parameters: parameters, at: arguments[0],
      labelChange(dropsName: !function.keepsName && !call.keepsMetricNames), grid)
    if function == .absentOverTime {
      return AbsentOperator(rows, labels: absentLabels(arguments[0]), stepCount: grid.count, context)
    }
    return merged(rows, .fails, grid)
  }

  /// The rows of a function over a range vector, or of its changes from sample to sample. Annotations point to `place`, by default to
  /// the vector; `hint` is what the source hears of the function, by default its name.
  func rangeRows(
    _ function: RangeFunction, _ argument: Expression, parameters: [[Double]] = [], at place: Expression? = nil,
    change: RangeKernel.Change? = nil, hint: String? = nil, _ labelChange: LabelChange, _ grid: StepGrid
  ) async throws -> any VectorOperator {
    let matrix = try await matrixSource(argument, function, hint: hint ?? function.rawValue, grid)
    let kernel = RangeKernel(
      function: function, window: matrix.window, parameters: parameters, grid: grid,
      site: rangeSite(place ?? argument), annotations: context.annotations,
      usesStartTimestamps: context.options.usesStartTimestamps,
      checksTypeLabel: context.options.usesTypeAndUnitLabels, change: change)
    return matrix.rows(kernel, labelChange)
  }

  /// Where annotations about a function over a range point. Of a subquery Prometheus forgets where it stands.
  private func rangeSite(_ argument: Expression) -> QuerySite {
    if case .subquery = argument { return site(PositionRange(0, 0)) }
    return site(argument)
  }

  /// Where the samples of a range vector come from.
  private struct MatrixSource {
    var window: SelectorWindow
    var rows: (RangeKernel, LabelChange) -> any VectorOperator
  }

  private func matrixSource(
    _ expression: Expression, _ function: RangeFunction, hint: String, _ grid: StepGrid
  ) async throws -> MatrixSource {
    switch expression {
    case .matrixSelector(let node):
      let selector = node.selector
      try function.check(selector.boundaries)
      let window = try window(
        grid, rangeMs: try rangeMs(node), offset: selector.offset, at: selector.at,
        boundaries: selector.boundaries)
      let request = request(selector, window, function: hint)
      let (context, keepsBuckets, counts) = (context, !statisticsOnly.contains(selector), counts)
      return MatrixSource(window: window) { kernel, labelChange in
        SelectorOperator(
          request, kernel, grid: grid, labelChange, keepsBuckets: keepsBuckets, counts: counts, context)
      }
    case .subquery(let node):
      let rangeMs = try durationMs(node.range)
      let window = try window(grid, rangeMs: rangeMs, offset: node.offset, at: node.at)
      let inner = try subqueryGrid(node, window)
      let child = try await inSubquery(window, inner: inner) {
        try await vector(node.expression, inner)
      }
      let context = context
      return MatrixSource(window: window) { kernel, labelChange in
        SubqueryOperator(child, inner: inner, kernel, grid: grid, labelChange, context)
      }
    default: throw QueryError(.internal, "an expression of type \(expression.valueType) is no range vector")
    }
  }

  /// The times at which a subquery's expression is evaluated: multiples of its step in its windows.
  func subqueryGrid(_ node: Subquery, _ window: SelectorWindow) throws -> StepGrid {
    let said = try durationMs(node.step)
    let stepMs = said > 0 ? said : context.options.subqueryStepMs
    let before = window.grid.startMs &- window.rangeMs
    // Division truncates toward zero, also of negative times.
    var start = stepMs &* (before / stepMs)
    if start <= before { start = start &+ stepMs }
    let grid = StepGrid(startMs: start, endMs: window.grid.lastMs, stepMs: stepMs)
    guard grid.count <= context.options.subqueryStepsMax else {
      throw QueryError.execution(
        "a subquery of \(grid.count) steps exceeds the limit of \(context.options.subqueryStepsMax); try a shorter range or "
          + "a larger step")
    }
    return grid
  }

  // MARK: Labels

  /// The labels of what `absent` gives: those that a selector fixes by equality, each once.
  func absentLabels(_ expression: Expression) -> Labels {
    let selector: VectorSelector
    switch expression {
    case .vectorSelector(let node): selector = node
    case .matrixSelector(let node): selector = node.selector
    default: return Labels()
    }
    var (values, dropped) = ([String: String](), Set<String>())
    for matcher in selector.matchers where matcher.name != "__name__" {
      if matcher.kind == .equal, values[matcher.name] == nil, !dropped.contains(matcher.name) {
        values[matcher.name] = matcher.value
      } else {
        values[matcher.name] = nil
        dropped.insert(matcher.name)
      }
    }
    return Labels(values.map { ($0.key, $0.value) })
  }

  // MARK: Histograms

  private func histogramEstimate(
    _ name: String, _ arguments: [Expression], _ grid: StepGrid
  ) async throws -> any VectorOperator {
    var numbers: [[Double]] = []
    var child: (any VectorOperator)?
    var label: [UInt8]?
    for argument in arguments {
      switch argument.valueType {
      case .scalar:
        numbers.append(try await scalar(argument, grid))
      case .string: if case .stringLiteral(let literal) = argument { label = literal.bytes }
      case .vector, .matrix:
        child = try await vector(argument, grid)
      }
    }
    // After all arguments: what the function says comes behind what they say.
    var sites: [QuerySite] = []
    var vectorSite = QuerySite(position: 0, order: 0)
    for argument in arguments {
      switch argument.valueType {
      case .scalar: sites.append(site(argument))
      case .string: break
      case .vector, .matrix: vectorSite = site(argument)
      }
    }
    guard let child else { throw QueryError(.internal, "\(name) without a vector") }
    let estimate: HistogramEstimate =
      name == "histogram_fraction"
      ? .fraction(lower: numbers[0], upper: numbers[1]) : .quantiles(numbers, sites, label: label)
    return merged(
      HistogramEstimateOperator(child, estimate, at: vectorSite, grid: grid, context), .merges, grid)
  }
}

/// Calls `body` with a row for C; with nil where there is none.
private func withOptionalRow(_ row: [Double]?, _ body: (UnsafePointer<Double>?) -> Void) {
  guard let row else { return body(nil) }
  unsafe row.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
}
