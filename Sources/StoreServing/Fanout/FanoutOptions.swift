// How one request is answered from many stores.
public import TSModel

/// What is done with the series of replicas.
public enum DeduplicationFunction: String, Sendable, CaseIterable {
  /// One replica is followed until it has a gap.
  case penalty
  /// The samples of all.
  case chain
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
  /// The coarsest resolution that will do, milliseconds; 0: raw data.
  public var resolutionMsMax: Int64 = 0
  /// Whose request it is: told to the stores.
  public var tenant = "default-tenant"
  /// How long a store may be silent, milliseconds; 0: as long as the request lasts.
  public var responseTimeoutMs = 0

  /// Thanos' choices.
  public init() {}

  /// Labels that stores are asked to leave out.
  var droppedLabels: [String] { deduplicates ? replicaLabels : [] }
}
