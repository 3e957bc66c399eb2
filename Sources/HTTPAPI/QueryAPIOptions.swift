// How a query API is set up.
public import TSModel
public import Transport

/// Choices of a query API.
public struct QueryAPIOptions: Sendable {
  /// Whose habits it follows.
  public var dialect = Dialect.prometheus
  /// Step of range queries that say none, milliseconds; for the dialect that allows it.
  public var defaultStepMs: Int64 = 1000
  /// How far back series, labels and values are looked for where a request does not say, milliseconds; 0: to the beginning.
  public var metadataRangeMs: Int64 = 0
  /// The most steps between start and end of a range query.
  public var pointsMax: Int64 = 11_000
  /// The most bytes of memory that one query may take; `Int.max` is no limit.
  public var queryBytesMax = Int.max
  /// The most bytes of a formatted query.
  public var formattedBytesMax = 64 << 20
  /// Threads that queries are computed on, so that what else the process answers does not wait for them; nil: those of all
  /// tasks.
  public var threads: BlockingThreads?
  /// What the memory of all queries is charged to.
  public var budget: MemoryBudget?
  /// How requests name their tenant; nil: there are none.
  public var tenancy: Tenancy?
  /// The label by which series belong to a tenant, where a request may see those of its own alone.
  public var enforcedTenantLabel: String?
  /// What requests may say about stores, and what holds where they do not; nil: there are no stores.
  public var stores: StoreDefaults?
  /// Which pages may read answers.
  public enum Origins: Sendable {
    /// Those of this server alone.
    case none
    /// All.
    case all
    /// Those whose origin matches; for the dialect that looks at origins.
    case matching(LabelRegex)
  }

  /// Which pages may read answers.
  public var allowedOrigins = Origins.all

  /// The choices that Prometheus starts with.
  public init() {}
}
