// The answer of a query.
public import TSModel

/// What a query evaluates to.
public struct QueryResult: Sendable {
  /// The values, by the type of the expression.
  public enum Value: Sendable {
    /// Of a range query, and of an instant one over a range vector: series with their samples.
    case matrix(ResultRows)
    /// Of an instant query: series with one sample each, in the order of the answer.
    case vector(ResultRows)
    /// Of an instant query: a number.
    case scalar(Double)
    /// A text.
    case string([UInt8])
    /// Of an instant query over a range vector: series with the samples that they have.
    case samples(ResultSamples)
  }

  /// The values.
  public var value: Value
  /// The times of the values.
  public var grid: StepGrid
  /// Warnings, sorted.
  public var warnings: [String]
  /// Infos, sorted.
  public var infos: [String]
  /// What it cost; numbers of samples only where they were asked for.
  public var statistics = QueryStatistics()
  /// What its operations took, where that was asked for and there are any.
  public var analysis: OperationCost?
}

/// Rows of an answer: a label set and a value a step each.
public struct ResultRows: Sendable {
  let batch: VectorBatch

  /// How many rows there are.
  public var count: Int { batch.count }
  /// Steps of a row.
  public var stepCount: Int { batch.stepCount }
  /// Where histograms are.
  public var pool: HistogramPool { batch.pool }

  /// The labels of row `row`.
  public func labels(_ row: Int) -> LabelBytes { batch.labels[row] }

  /// Whether any row has a histogram.
  public var hasHistograms: Bool { batch.hasHistograms }

  /// Calls `body` with the floats of row `row`, `stepCount` of them; those with the bits of a stale marker stand for nothing.
  public func withFloats<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Double>) throws -> Result) rethrows -> Result
  {
    let floats = unsafe batch.floats(row)
    defer { withExtendedLifetime(batch) {} }
    return unsafe try body(UnsafeBufferPointer(floats))
  }

  /// The float at `step` of row `row`; nil where it has none.
  public func float(_ row: Int, _ step: Int) -> Double? {
    let value = unsafe batch.floats(row)[step]
    return value.bitPattern == absentBits ? nil : value
  }

  /// The index of the histogram at `step` of row `row`; nil where it has none.
  public func histogram(_ row: Int, _ step: Int) -> Int32? {
    let index = batch.histogram(row, step)
    return index >= 0 ? index : nil
  }
}

/// Series of an answer with the samples that they have.
public struct ResultSamples: Sendable {
  /// One series.
  public struct Series: Sendable {
    /// Its labels.
    public var labels: [UInt8]
    /// Times of its floats, milliseconds.
    public var floatTimesMs: [Int64] = []
    /// Its floats.
    public var floats: [Double] = []
    /// Times of its histograms, milliseconds.
    public var histogramTimesMs: [Int64] = []
    /// Its histograms, by their indices in the pool.
    public var histograms: [Int32] = []
  }

  /// The series, in ascending order of their labels.
  public var series: [Series]
  /// Where histograms are.
  public let pool: HistogramPool
}
