// What the flags of `apus query` say, read once at the start.
internal import ComponentSupport
internal import HTTPAPI
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
  /// Which of the endpoints' data is asked.
  var selector = LabelSetSelector()
  /// Labels that stand for this querier.
  var selectorLabels = Labels()
  /// Whether queriers below compute aggregations.
  var isDistributed: Bool
  /// The external labels by which their series differ; none: all but those of replicas.
  var partitionLabels: [String]
  /// Whether answers that lack a part are refused, whatever a request says.
  var requiresCoverage: Bool
  /// What connections to endpoints are counted by.
  var connectionLabels: [String] = []
  /// What times of queries are told apart by.
  var telemetry = QueryTelemetry()
  /// Whether answers that are no series may lack a part.
  var partialResponse = MonitoringPartialResponse()
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
    isDistributed = command.text("query.mode") == "distributed"
    partitionLabels = command.texts("query.partition-label").flatMap { $0.split(separator: ",").map(String.init) }
    requiresCoverage = command.isOn("query.require-coverage")
    if requiresCoverage {
      fanout.allowsPartialResponse = false
      times.expectsAll = true
    }
    fanout.responseTimeoutMs = Int(clamping: command.integer("store.response-timeout") ?? 0)
    fanout.limits.seriesMax = command.integer("store.limits.request-series") ?? 0
    fanout.limits.samplesMax = command.integer("store.limits.request-samples") ?? 0
    if let yaml = try QuerierFlags.selector.content(of: command) {
      selector = LabelSetSelector(try RelabelConfig.rules(yaml, allowed: RelabelConfig.selectorActions))
    }
    connectionLabels = try Self.connectionLabels(command.texts("query.conn-metric.label"))
    telemetry.durations = try Self.bounds("query.telemetry.request-duration-seconds-quantiles", command)
    telemetry.samples = try Self.bounds("query.telemetry.request-samples-quantiles", command)
    telemetry.series = try Self.bounds("query.telemetry.request-series-seconds-quantiles", command)
    selectorLabels = Labels(labels: try LabelFlags.parse(command.texts("selector-label")))
    partialResponse.rules = command.isOn("rule.partial-response")
    partialResponse.targets = command.isOn("target.partial-response")
    partialResponse.metadata = command.isOn("metric-metadata.partial-response")
    partialResponse.exemplars = command.isOn("exemplar.partial-response")
    partialResponse.status = command.isOn("status.partial-response")
    downsamplesAlways = command.isOn("query.auto-downsampling")
    instantResolutionMs = command.integer("query.instant.default.max_source_resolution") ?? 0
    widensLookback = command.isOn("query.dynamic-lookback-delta")
    metadataRangeMs = (command.integer("query.metadata.default-time-range") ?? 0) / 1_000_000
    times.infoTimeoutMs = Int(clamping: try QuerySettings.positive("endpoint.info-timeout", command))
    times.unhealthyTimeoutMs = Int(clamping: try QuerySettings.positive("store.unhealthy-timeout", command))
    times.drainMs = Int(clamping: query.engine.timeoutMs)
    discovery = try EndpointDiscovery.Settings(command)
  }

  private static func connectionLabels(_ texts: [String]) throws(ConfigurationError) -> [String] {
    let names = texts.flatMap { $0.split(separator: ",").map(String.init) }
    for name in names where !["external_labels", "store_type", "ip_port"].contains(name) {
      throw ConfigurationError(
        .value, "--query.conn-metric.label=\(name): it must be external_labels, store_type or ip_port")
    }
    return names
  }

  /// Numbers that a flag gives, each of which may be several separated by commas; ascending.
  private static func bounds(_ flag: String, _ command: ParsedCommand) throws(ConfigurationError) -> [Double] {
    var numbers: [Double] = []
    for text in command.texts(flag).flatMap({ $0.split(separator: ",") }) {
      guard let number = Double(text), number.isFinite else {
        throw ConfigurationError(.value, "--\(flag)=\(text): it is no number")
      }
      numbers.append(number)
    }
    return Array(Set(numbers)).sorted()
  }
}
