// What a query cost.

/// How long the parts of a query took, and how many samples it looked at.
public struct QueryStatistics: Sendable {
  /// Evaluating it altogether, seconds.
  public var evaluationS = 0.0
  /// Putting the answer in order, seconds.
  public var sortS = 0.0
  /// Planning, with what can be computed then, seconds.
  public var preparationS = 0.0
  /// Reading and computing, seconds.
  public var innerEvaluationS = 0.0
  /// Waiting for its turn, seconds.
  public var queueS = 0.0
  /// All of it, seconds.
  public var totalS = 0.0
  /// Samples that selectors gave, a sample once for each step that looks at it. A histogram counts for several.
  public var totalSamples: Int64 = 0
  /// The same, of a range only what the step before has not looked at.
  public var samplesRead: Int64 = 0
  /// Samples that selectors decoded, each once however many steps look at it; known of every query, `totalSamples` only where it was asked for.
  public var samplesDecoded = 0
  /// Series that selectors read.
  public var seriesRead = 0
  /// The most samples that were held in memory at a time.
  public var peakSamples = 0
  /// `totalSamples` and `samplesRead` by steps; nil unless the engine tells so much.
  public var perStep: (totalSamples: [Int64], samplesRead: [Int64])?

  /// Nothing yet.
  public init() {}
}
