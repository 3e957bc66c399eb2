// What queries read through. Blocks in a folder, other stores and the scripts of tests answer it alike.
public import TSModel

/// Which series a selector wants, and what it will do with them.
public struct SelectRequest: Sendable {
  /// All must match.
  public var matchers: [LabelMatcher]
  /// Samples outside it are not looked at; a source may bring them nevertheless.
  public var timeRange: TimeRange
  /// Distance between evaluations, milliseconds; 0 where there is only one.
  public var stepMs: Int64 = 0
  /// The selector's range, milliseconds; 0 for an instant selector.
  public var rangeMs: Int64 = 0
  /// The function or aggregation that consumes the samples; empty where there is none.
  public var function = ""
  /// Labels of the aggregation around it.
  public var grouping: [String] = []
  /// Whether `grouping` are the labels to keep rather than those to leave out.
  public var isBy = false
  /// Whether samples are wanted; else only the labels of series that may have some in `timeRange`.
  public var wantsSamples = true
  /// The most series that are wanted; 0: all of them.
  public var limit = 0
  /// What memory is charged to.
  public var budget: MemoryBudget?
  /// Is told what a source had to do; nil: nobody wants to know.
  public var observer: (any SelectObserver)?

  /// Series that match, with samples in `timeRange`.
  public init(matchers: [LabelMatcher], timeRange: TimeRange) {
    self.matchers = matchers
    self.timeRange = timeRange
  }
}

/// A source of series.
public protocol Queryable: Sendable {
  /// The series that `request` wants, in ascending order of their labels and each once.
  func select(_ request: SelectRequest) async throws -> any SeriesStream
}

/// Which label names or values are wanted.
public struct LabelRequest: Sendable {
  /// Of series that fulfil all matchers of at least one set; without a set: of all series.
  public var matcherSets: [[LabelMatcher]]
  /// Of series that may have samples in it.
  public var timeRange: TimeRange
  /// The most strings that are wanted, the first in order; 0: all of them.
  public var limit = 0
  /// What memory is charged to.
  public var budget: MemoryBudget?

  /// Names or values of series that match, in `timeRange`.
  public init(matcherSets: [[LabelMatcher]], timeRange: TimeRange) {
    self.matcherSets = matcherSets
    self.timeRange = timeRange
  }
}

/// Label names or values.
public struct LabelStrings: Sendable {
  /// Ascending by bytes, each once.
  public var strings: [String]
  /// What could not be read, as sentences for people.
  public var warnings: [String]

  /// These.
  public init(strings: [String], warnings: [String] = []) {
    self.strings = strings
    self.warnings = warnings
  }
}

/// A source of label names and values.
public protocol LabelQueryable: Sendable {
  /// The names of the labels that series have.
  func labelNames(_ request: LabelRequest) async throws -> LabelStrings
  /// The values that the label `name` has.
  func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings
}

/// Series of one request, in order. Used by one task at a time.
public protocol SeriesStream: AnyObject, Sendable {
  /// The next series, a few hundred at most; nil at the end.
  func next() async throws -> (any SeriesPart)?
  /// What could not be read so far, as sentences for people.
  var warnings: [String] { get }
}

/// Some series of a stream, which any number of tasks may read.
public protocol SeriesPart: Sendable {
  /// How many series there are.
  var count: Int { get }
  /// Adds the labels of all of them to `sets`.
  func appendLabels(to sets: inout LabelSets) throws
  /// Replaces what `columns` hold by the samples of series `index`, ascending by time, each time once.
  func decode(_ index: Int, into columns: inout SampleColumns) throws
  /// The newest float in (timeMs - lookbackMs, timeMs] of each series; nil where that is known by decoding alone.
  func newest(at timeMs: Int64, lookbackMs: Int64) -> NewestSamples?
  /// Whether what was decoded so far can be trusted, asked once all that is wanted was. Else a warning of the stream says so, and nothing of
  /// the part is used.
  var isIntact: Bool { get }
}

extension SeriesPart {
  /// Series must be decoded.
  public func newest(at timeMs: Int64, lookbackMs: Int64) -> NewestSamples? { nil }
  /// Nothing can happen to it.
  public var isIntact: Bool { true }
}

/// The newest samples of many series at one time.
public struct NewestSamples: Sendable {
  /// One a series; the bits of a stale marker where there is none, and where the series is left.
  public var values: [Double] = []
  /// Series of which it is not known, ascending: they must be decoded.
  public var left: [Int] = []
  /// How many samples were looked at.
  public var sampleCount = 0

  /// Of no series.
  public init() {}
}
