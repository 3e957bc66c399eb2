// How one request is answered from many stores.
public import StoreAPI
public import TSModel

/// What is done with the series of replicas.
public enum DeduplicationFunction: String, Sendable, CaseIterable {
  /// One replica is followed until it has a gap.
  case penalty
  /// The samples of all.
  case chain
  /// One replica is followed until it misses a sample, without holes and resets that the target did not have.
  case seamless
}

/// How a request wants its series.
public struct FanoutOptions: Sendable {
  /// Whether series that differ in replica labels alone are one.
  public var deduplicates = true
  /// The labels by which replicas differ.
  public var replicaLabels: [String] = []
  /// How they become one.
  public var function = DeduplicationFunction.penalty
  /// Which stores are asked: those that fulfil one set; none: all.
  public var storeMatchers: [[LabelMatcher]] = []
  /// Whether what is missing is a warning, else it is an error.
  public var allowsPartialResponse = true
  /// The part of the series that is wanted; nil: all.
  public var shard: ShardInfo?
  /// The coarsest resolution that will do, milliseconds; 0: raw data.
  public var resolutionMsMax: Int64 = 0
  /// Whose request it is: told to the stores.
  public var tenant = "default-tenant"
  /// How long a store may be silent, milliseconds; 0: as long as the request lasts.
  public var responseTimeoutMs = 0
  /// Limits of each selector, on series and samples that come.
  public var limits = StoreLimits()
  /// Is told of each store that had no series for a selector.
  public var onEmptyAnswer: @Sendable () -> Void = {}
  /// Where is written down what each store contributes; nil: nowhere.
  public var coverage: Coverage?

  /// Thanos' choices.
  public init() {}

  /// Labels that stores are asked to leave out.
  var droppedLabels: [String] { deduplicates ? replicaLabels : [] }
}
