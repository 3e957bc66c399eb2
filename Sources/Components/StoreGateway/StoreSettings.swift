// What the flags of `apus store` say, read once at the start.
internal import BucketBlocks
internal import ComponentSupport
internal import ObjectStore
internal import Observability
internal import StoreServing
internal import TSModel

/// The settings of a store gateway.
struct StoreSettings: Sendable {
  /// Folder of the bucket.
  var folder: String
  /// Prefix inside it, empty for none.
  var prefix: String
  /// Folder for what is kept between starts.
  var dataFolder: String
  /// Between two looks at the bucket, milliseconds.
  var syncIntervalMs: Int64
  /// How blocks are found.
  var discovery: BlockFetcher.Discovery
  /// Metas that are fetched at the same time.
  var metaConcurrency: Int
  /// Blocks that are opened at the same time.
  var openConcurrency: Int
  /// The range of time that is served.
  var minTime: TimeOrDuration
  /// The end of it.
  var maxTime: TimeOrDuration
  /// Younger blocks are left alone, milliseconds.
  var consistencyDelayMs: Int64
  /// Marks for deletion older than this count, milliseconds.
  var deletionDelayMs: Int64
  /// Which blocks are served.
  var rules: [RelabelRule]
  /// Limits of each request.
  var limits: StoreLimits
  /// Series calls at the same time.
  var seriesConcurrency: Int
  /// Bytes of memory of all requests together.
  var memoryBytesMax: Int

  /// Reads the flags. Throws `ConfigurationError`.
  init(_ command: ParsedCommand) throws(ConfigurationError) {
    guard let yaml = try StoreFlags.objectStore.content(of: command) else {
      throw ConfigurationError(
        .value, "flag objstore.config-file or objstore.config is required for running this command")
    }
    let bucket = try ObjectStoreConfig(yaml)
    folder = bucket.directory
    prefix = bucket.prefix
    dataFolder = command.text("data-dir") ?? "./data"
    syncIntervalMs = max(1000, (command.integer("sync-block-duration") ?? 0) / 1_000_000)
    guard let discovery = BlockFetcher.Discovery(rawValue: command.text("block-discovery-strategy") ?? "") else {
      throw ConfigurationError(
        .value,
        "unknown sync strategy \(command.text("block-discovery-strategy") ?? ""); there are concurrent and recursive")
    }
    self.discovery = discovery
    metaConcurrency = try Self.count("block-meta-fetch-concurrency", command, most: 1024)
    openConcurrency = try Self.count("block-sync-concurrency", command, most: 1024)
    minTime = try parseTimeOrDuration(command.text("min-time") ?? "")
    maxTime = try parseTimeOrDuration(command.text("max-time") ?? "")
    let now = WallClock.nowMs()
    guard minTime.resolved(nowMs: now) <= maxTime.resolved(nowMs: now) else {
      throw ConfigurationError(
        .value,
        "invalid argument: --min-time '\(command.text("min-time") ?? "")' can't be greater than --max-time '\(command.text("max-time") ?? "")'"
      )
    }
    consistencyDelayMs = command.integer("consistency-delay") ?? 0
    deletionDelayMs = command.integer("ignore-deletion-marks-delay") ?? 0
    if let yaml = try StoreFlags.selector.content(of: command) {
      rules = try RelabelConfig.rules(yaml, allowed: RelabelConfig.selectorActions)
    } else {
      rules = []
    }
    var limits = StoreLimits()
    limits.seriesMax = try Self.limit("store.limits.request-series", "store.grpc.touched-series-limit", command)
    limits.samplesMax = try Self.limit("store.limits.request-samples", "store.grpc.series-sample-limit", command)
    limits.bytesMax = command.integer("store.grpc.downloaded-bytes-limit") ?? 0
    self.limits = limits
    seriesConcurrency = try Self.count("store.grpc.series-max-concurrency", command, most: 1 << 20)
    let memory = command.integer("store.max-memory") ?? 0
    memoryBytesMax = memory <= 0 ? .max : Int(clamping: memory)
  }

  /// The range of time that is served at the time `nowMs`.
  func timeRange(nowMs: Int64) -> TimeRange {
    TimeRange(minTimeMs: minTime.resolved(nowMs: nowMs), maxTimeMs: maxTime.resolved(nowMs: nowMs))
  }

  /// The bucket, with its metrics.
  func bucket(_ metrics: MetricsRegistry) throws -> any Bucket {
    let whole = InstrumentedBucket(FolderBucket(path: folder), registry: metrics)
    return prefix.isEmpty ? whole : try PrefixedBucket(whole, prefix: prefix)
  }

  private static func count(_ name: String, _ command: ParsedCommand, most: Int64) throws(ConfigurationError) -> Int {
    let value = command.integer(name) ?? 0
    guard (1...most).contains(value) else {
      throw ConfigurationError(.value, "--\(name) must be from 1 to \(most), not \(value)")
    }
    return Int(value)
  }

  /// A limit under its name or its older one; the newer wins where both are given.
  private static func limit(_ name: String, _ older: String, _ command: ParsedCommand) throws(ConfigurationError)
    -> Int64
  {
    let value = command.isGiven(name) || !command.isGiven(older) ? command.integer(name) : command.integer(older)
    guard let value, value >= 0 else {
      throw ConfigurationError(.value, "--\(name) must not be negative; 0 is no limit")
    }
    return value
  }
}
