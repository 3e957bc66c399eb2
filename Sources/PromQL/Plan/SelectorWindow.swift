// Which samples a step of a selector sees.
internal import TSModel

/// The samples of a range selector at each step: those in (T - range, T], where T is the step's time less the offset, or one
/// fixed time.
struct SelectorWindow: Sendable {
  /// The times T; one step only where `@` fixes them.
  var grid: StepGrid
  /// Steps of the result: as many as `grid` has unless its time is fixed.
  var stepCount: Int
  /// How far a window looks back, milliseconds; 0 of an instant selector.
  var rangeMs: Int64
  /// How far beyond a window samples matter, milliseconds: of `anchored` and `smoothed`.
  var lookbackMs: Int64
  /// How samples at the borders are treated.
  var boundaries: RangeBoundaries

  /// All times that samples are needed of.
  var timeRange: TimeRange {
    var start = grid.startMs &- (rangeMs > 0 ? rangeMs : lookbackMs) &+ 1
    var end = grid.lastMs
    if rangeMs > 0, boundaries != .standard { start = start &- lookbackMs }
    if boundaries == .smoothed { end = end &+ lookbackMs }
    return TimeRange(minTimeMs: start, maxTimeMs: end)
  }

  /// Whether one time is meant at all steps.
  var isFixed: Bool { stepCount != grid.count }

  /// The same time at all steps.
  var standing: StepGrid { grid.standing(count: stepCount) }
}

extension Evaluator {
  /// The window of a selector evaluated at the steps of `grid`.
  func window(
    _ grid: StepGrid, rangeMs: Int64, offset: DurationValue?, at: AtModifier?, boundaries: RangeBoundaries = .standard
  ) throws -> SelectorWindow {
    let offsetMs = try durationMs(offset, allowingNegative: true)
    let times: StepGrid
    if let fixedMs = fixedTimeMs(at) {
      times = StepGrid(atMs: fixedMs &- offsetMs)
    } else {
      times = grid.shifted(byMs: 0 &- offsetMs)
    }
    return SelectorWindow(
      grid: times, stepCount: grid.count, rangeMs: rangeMs, lookbackMs: context.lookbackMs, boundaries: boundaries)
  }

  /// What a selector asks of its source.
  func request(_ selector: VectorSelector, _ window: SelectorWindow, function: String = "") -> SelectRequest {
    var request = SelectRequest(matchers: selector.matchers, timeRange: window.timeRange)
    request.stepMs = window.grid.count > 1 ? window.grid.stepMs : 0
    request.rangeMs = window.rangeMs
    request.function = function
    request.budget = context.budget.bytes
    request.observer = operation
    return request
  }
}
