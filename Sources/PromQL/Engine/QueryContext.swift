// What all parts of one running query share.
internal import Locking
internal import Synchronization
internal import TSModel

/// Throws where the task has been cancelled, as it is when the client leaves and at the deadline. Cheap: for loops whose rounds take
/// microseconds.
func checkTask() throws {
  if Task.isCancelled { throw QueryError.canceled }
}

/// One running query. Any of its tasks may use it.
final class QueryContext: Sendable {
  /// What selectors read.
  let queryable: any Queryable
  /// How the engine was set up.
  let options: EngineOptions
  /// How far an instant selector looks back, milliseconds.
  let lookbackMs: Int64
  /// What the query may hold.
  let budget: QueryBudget
  /// What the query has to tell beside its answer.
  let annotations: Annotations
  /// Whether operators hold all their rows, so that rows whose labels become equal can be put together.
  let holdsRows: Bool
  private let endOfTime: Guarded<ContinuousClock.Instant?>

  init(
    queryable: any Queryable, options: EngineOptions, lookbackMs: Int64, budget: QueryBudget,
    annotations: Annotations, holdsRows: Bool, deadline: ContinuousClock.Instant?
  ) {
    self.queryable = queryable
    self.options = options
    self.lookbackMs = lookbackMs
    self.budget = budget
    self.annotations = annotations
    self.holdsRows = holdsRows
    endOfTime = Guarded(deadline)
  }

  /// When the query is given up.
  var deadline: ContinuousClock.Instant? { endOfTime.withLock { $0 } }

  /// Gives the query this much more time.
  func extendDeadline(by more: Duration) {
    endOfTime.withLock { deadline in deadline = deadline.map { $0 + more } }
  }

  /// Adds the numbers of samples to `statistics`.
  func report(_ counts: SampleCounts?, in statistics: inout QueryStatistics) {
    statistics.peakSamples = budget.peakSamples
    statistics.seriesRead = budget.seriesRead
    statistics.samplesDecoded = budget.samplesDecoded
    guard let tally = counts?.finished() else { return }
    statistics.totalSamples = tally.total.reduce(0, +)
    statistics.samplesRead = tally.read.reduce(0, +)
    if options.reportsPerStepStatistics { statistics.perStep = (tally.total, tally.read) }
  }

  /// Throws where the client left, or the query takes too long or holds too much. Called once a batch.
  func checkCancellation() throws {
    if let deadline, ContinuousClock.now >= deadline { throw QueryError.timedOut }
    if Task.isCancelled { throw QueryError.canceled }
    try budget.checkSamples()
  }
}
