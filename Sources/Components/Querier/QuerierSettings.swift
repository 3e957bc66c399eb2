// What the flags of `apus query` say, read once at the start.
internal import ComponentSupport
internal import PromQL
internal import QuerySupport
internal import StoreServing
internal import TSModel
internal import Transport

/// The settings of a querier.
struct QuerierSettings: Sendable {
  /// Queries, their limits and tenants.
  var query: QuerySettings
  /// Least step of range queries that say none, milliseconds.
  var defaultStepMs: Int64
  /// How requests that say nothing want their series.
  var fanout = FanoutOptions()
  /// Whether queries that say nothing are answered from downsampled data.
  var downsamplesAlways: Bool
  /// Coarsest resolution of instant queries that leave it to the server, milliseconds.
  var instantResolutionMs: Int64
  /// Whether selectors look back further in downsampled data.
  var widensLookback: Bool
  /// How far back series and labels are looked for where a request does not say, milliseconds; 0: to the beginning.
  var metadataRangeMs: Int64
  /// Times of the endpoints.
  var times = EndpointTimes()
  /// Where the endpoints are.
  var discovery: EndpointDiscovery.Settings

  /// Reads the flags. Throws `ConfigurationError`.
  init(_ command: ParsedCommand) throws(ConfigurationError) {
    query = try QuerySettings(command)
    if let lookbackNs = command.integer("query.lookback-delta"), lookbackNs > 0 {
      query.engine.lookbackMs = max(1, lookbackNs / 1_000_000)
    }
    if command.isOn("query.enable-x-functions") { query.parser.extendedFunctions = true }
    defaultStepMs = try QuerySettings.positive("query.default-step", command)
    fanout.replicaLabels = command.texts("query.replica-label").flatMap { $0.split(separator: ",").map(String.init) }
    fanout.function = DeduplicationFunction(rawValue: command.text("deduplication.func") ?? "") ?? .penalty
    fanout.allowsPartialResponse = command.isOn("query.partial-response")
    fanout.responseTimeoutMs = Int(clamping: command.integer("store.response-timeout") ?? 0)
    downsamplesAlways = command.isOn("query.auto-downsampling")
    instantResolutionMs = command.integer("query.instant.default.max_source_resolution") ?? 0
    widensLookback = command.isOn("query.dynamic-lookback-delta")
    metadataRangeMs = (command.integer("query.metadata.default-time-range") ?? 0) / 1_000_000
    times.infoTimeoutMs = Int(clamping: try QuerySettings.positive("endpoint.info-timeout", command))
    times.unhealthyTimeoutMs = Int(clamping: try QuerySettings.positive("store.unhealthy-timeout", command))
    times.drainMs = Int(clamping: query.engine.timeoutMs)
    discovery = try EndpointDiscovery.Settings(command)
  }
}
