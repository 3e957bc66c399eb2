// What one Series call took: for metrics.

/// What a call for series took.
public struct SeriesOutcome: Sendable {
  /// Blocks that were looked into.
  public var blocksQueried: Int
  /// Postings that the matchers selected.
  public var postingsTouched: Int64
  /// Series that were read.
  public var seriesTouched: Int64
  /// Chunks that were read.
  public var chunksTouched: Int64
  /// Bytes of postings, series and chunks that were read.
  public var bytesTouched: Int64
  /// Series that were sent; known of whole answers.
  public var seriesSent: Int64
  /// Chunks that were sent; known of whole answers.
  public var chunksSent: Int64
  /// Until all blocks were prepared.
  public var selecting: Duration
  /// From then on.
  public var sending: Duration
  /// Whether the answer was sent to its end.
  public var isWhole: Bool
}

/// Is told about the calls of a store.
public protocol SeriesObserver: Sendable {
  /// A Series call came, and waits for its place.
  func seriesAsked()
  /// It has its place, after so long.
  func seriesBegan(after wait: Duration)
  /// It has ended. `tenant`: who asked, by the metadata of the call.
  func seriesEnded(_ outcome: SeriesOutcome?, tenant: String, error: (any Error)?)
}
