// The times at which an expression is evaluated.

/// Evaluation times: `startMs`, `startMs + stepMs`, …, `count` of them.
public struct StepGrid: Hashable, Sendable {
  /// The first time, milliseconds since the Unix epoch.
  public let startMs: Int64
  /// Distance between two, milliseconds; positive.
  public let stepMs: Int64
  /// How many there are.
  public let count: Int
  /// The end that was asked for; the last time may be before it.
  let endMs: Int64

  /// Times from `startMs` up to `endMs`, which is among them only if it lies on the grid. None where the end is before the start.
  public init(startMs: Int64, endMs: Int64, stepMs: Int64) {
    self.startMs = startMs
    self.endMs = endMs
    self.stepMs = max(1, stepMs)
    let (span, overflows) = endMs.subtractingReportingOverflow(startMs)
    count = overflows || span < 0 ? 0 : Int(span / self.stepMs) + 1
  }

  /// One time.
  public init(atMs timeMs: Int64) {
    startMs = timeMs
    endMs = timeMs
    stepMs = 1
    count = 1
  }

  /// The time of step `index`.
  public func timeMs(_ index: Int) -> Int64 { startMs &+ Int64(index) &* stepMs }

  /// The last time.
  public var lastMs: Int64 { timeMs(max(0, count - 1)) }

  /// The same steps, all this much later.
  func shifted(byMs offsetMs: Int64) -> StepGrid {
    StepGrid(startMs: startMs &+ offsetMs, stepMs: stepMs, count: count)
  }

  /// Some of the steps.
  func part(_ steps: Range<Int>) -> StepGrid {
    StepGrid(startMs: timeMs(steps.lowerBound), stepMs: stepMs, count: steps.count)
  }

  /// The first time at `count` steps.
  func standing(count: Int) -> StepGrid { StepGrid(startMs: startMs, stepMs: 0, count: count) }

  private init(startMs: Int64, stepMs: Int64, count: Int) {
    (self.startMs, self.stepMs, self.count) = (startMs, stepMs, count)
    endMs = startMs &+ Int64(max(0, count - 1)) &* stepMs
  }
}
