// What the status pages tell, given by the component that serves the API.
public import TSModel

/// Where the status pages take what they tell.
public struct StatusSources: Sendable {
  /// Something that is asked for anew with each request.
  public typealias Value<Type> = @Sendable () async throws -> Type

  /// What was built.
  public var build: Value<BuildInfo> = { BuildInfo() }
  /// What runs.
  public var runtime: Value<RuntimeInfo> = { RuntimeInfo() }
  /// Flags and their values, in any order.
  public var flags: Value<[(name: String, value: String)]> = { [] }
  /// The configuration file, as YAML.
  public var configuration: Value<String> = { "" }
  /// Statistics of the series.
  public var tsdb: (any TSDBStatusSource)?
  /// The meta.json of the blocks that are served.
  public var blocks: Value<[JSONValue]> = { [] }
  /// What the server can do: groups of features, each with its state.
  public var features: Value<[(group: String, features: [(name: String, isOn: Bool)])]> = { [] }
  /// The stores that are asked, as Thanos' `/api/v1/stores` tells them; nil: there is no such endpoint.
  public var stores: Value<JSONValue>?

  /// Rules, targets, metadata and exemplars, in Thanos' way; nil: there are none.
  public var monitoring: MonitoringSources?

  /// Nothing to tell.
  public init() {}
}

/// What was built, from which source.
public struct BuildInfo: Sendable {
  /// The program's version.
  public var version = ""
  /// The revision of its source.
  public var revision = ""
  /// The branch of its source.
  public var branch = ""
  /// Who built it.
  public var buildUser = ""
  /// When it was built.
  public var buildDate = ""
  /// What Grafana and others know as the version of Go: empty.
  public var goVersion = ""

  /// Nothing known.
  public init() {}
}

/// What runs, and since when.
public struct RuntimeInfo: Sendable {
  /// When the process started, milliseconds since the Unix epoch.
  public var startTimeMs: Int64 = 0
  /// The folder that it works in.
  public var workingFolder = ""
  /// The machine's name.
  public var hostname = ""
  /// Whether the configuration was taken over when it was read last.
  public var isConfigurationTaken = true
  /// When the configuration was taken over last, milliseconds since the Unix epoch.
  public var configuredMs: Int64 = 0
  /// How many times damaged data was found.
  public var corruptionCount = 0
  /// How many threads there are.
  public var threadCount = 1
  /// How many processors are used.
  public var processorCount = 1
  /// The most memory that the process tries to take, bytes.
  public var memoryBytesMax = Int64.max
  /// How long data is kept, as text: `15d`.
  public var storageRetention = ""

  /// Nothing known.
  public init() {}
}

/// Statistics of the series that are served.
public struct TSDBStatus: Sendable {
  /// A name with how many there are.
  public struct Count: Sendable, Hashable {
    /// What is counted.
    public var name: String
    /// How many there are.
    public var value: UInt64

    /// This many.
    public init(name: String, value: UInt64) {
      self.name = name
      self.value = value
    }
  }

  /// Series.
  public var seriesCount: UInt64 = 0
  /// Different pairs of a label's name and value.
  public var labelPairCount = 0
  /// Chunks.
  public var chunkCount: Int64 = 0
  /// The oldest sample, milliseconds since the Unix epoch.
  public var minTimeMs: Int64 = 0
  /// The newest sample, milliseconds since the Unix epoch.
  public var maxTimeMs: Int64 = 0
  /// Metric names with the most series, the largest number first, as in the lists below.
  public var seriesCountByMetricName: [Count] = []
  /// Label names with the most values.
  public var valueCountByLabelName: [Count] = []
  /// Label names whose values take the most bytes.
  public var bytesByLabelName: [Count] = []
  /// Pairs `name=value` with the most series.
  public var seriesCountByLabelPair: [Count] = []
  /// What is missing.
  public var warnings: [String] = []

  /// No series.
  public init() {}
}

/// Who knows such statistics.
public protocol TSDBStatusSource: Sendable {
  /// Statistics of the series that fulfil all `matchers`, with lists of at most `limit` entries.
  func tsdbStatus(limit: Int, matchers: [LabelMatcher]) async throws -> TSDBStatus
}
