// The query API of a querier, in Thanos' dialect: what it reads, and what the status pages tell.
internal import ComponentSupport
internal import HTTPAPI
internal import Observability
internal import PromQL
internal import QuerySupport
internal import StoreAPI
internal import StoreServing
internal import TSModel
internal import Transport

/// Puts the query API of a querier together.
struct QuerierAPI {
  let context: ComponentContext
  let settings: QuerierSettings
  let endpoints: EndpointSet
  let budget: MemoryBudget

  /// The API. Throws where a file of its own cannot be opened.
  func make() throws -> QueryAPI {
    var options = QueryAPIOptions()
    options.dialect = .thanos
    options.budget = budget
    options.threads = BlockingThreads(countMax: ProcessFacts.processorCount)
    options.allowedOrigins = context.command.isOn("web.disable-cors") ? .none : .all
    options.tenancy = settings.query.tenancy
    options.enforcedTenantLabel = settings.query.enforcedTenantLabel
    options.defaultStepMs = settings.defaultStepMs
    options.metadataRangeMs = settings.metadataRangeMs
    let (endpoints, fanout) = (endpoints, settings.fanout)
    var stores = StoreDefaults { parameters in
      var fanout = fanout
      fanout.deduplicates = parameters.deduplicates
      if let labels = parameters.replicaLabels { fanout.replicaLabels = labels }
      fanout.storeMatchers = parameters.storeMatchers
      if let allows = parameters.allowsPartialResponse { fanout.allowsPartialResponse = allows }
      fanout.resolutionMsMax = parameters.resolutionMsMax
      fanout.tenant = parameters.tenant
      return FanoutQueryable(options: fanout) { endpoints.view }
    }
    stores.downsamplesAlways = settings.downsamplesAlways
    stores.instantResolutionMs = settings.instantResolutionMs
    stores.widensLookback = settings.widensLookback
    options.stores = stores
    var api = QueryAPI(
      engine: QueryEngine(options: settings.query.engine, parserOptions: settings.query.parser),
      source: FanoutQueryable(options: fanout) { endpoints.view }, options: options)
    api.queue = try QueryFiles.queue(
      width: settings.query.concurrentQueriesMax, folder: settings.query.activeQueryFolder, context)
    api.metrics = QueryMetrics(context.metrics, asThanos: true)
    if let queue = api.queue {
      context.metrics.collect { metrics in
        metrics.gauge(
          "thanos_query_concurrent_gate_queries_max", "The most queries that are answered at a time.",
          Double(queue.width), labels: [:])
        metrics.gauge(
          "thanos_query_concurrent_gate_queries_in_flight", "Queries that are being answered now.",
          Double(queue.runningCount), labels: [:])
      }
    }
    QueryFiles.addMetrics(api.queue, hasLog: false, context.metrics)
    addStatus(to: &api)
    return api
  }

  private func addStatus(to api: inout QueryAPI) {
    StatusFacts.add(to: &api, context, flags: QueryCommand.spec.flags + CommonFlags.global)
    let endpoints = endpoints
    api.status.stores = { EndpointsJSON.value(endpoints.statuses) }
  }
}

/// The endpoints as `/api/v1/stores` tells them.
enum EndpointsJSON {
  static func value(_ statuses: [EndpointStatus]) -> JSONValue {
    var types: [String: [JSONValue]] = [:]
    for status in statuses {
      let store = status.info?.store
      let type = status.info?.componentType ?? "unknown"
      types[type, default: []].append(
        .object([
          .init("name", .string(status.spec.address)),
          .init(
            "lastCheck",
            .string(
              status.checkedMs == 0
                ? "0001-01-01T00:00:00Z" : TimestampText.rfc3339Nano(unixNs: status.checkedMs &* 1_000_000))),
          .init("lastError", status.failure.map { .string($0) } ?? .null),
          .init(
            "labelSets",
            .array(
              (status.info?.labelSets ?? []).map { set in
                .object(set.labelSet.map { .init($0.name, .string($0.value)) })
              })), .init("minTime", .integer(store?.minTimeMs ?? .min)),
          .init("maxTime", .integer(store?.maxTimeMs ?? .max)),
        ]))
    }
    return .object(types.sorted { $0.key < $1.key }.map { .init($0.key, .array($0.value)) })
  }
}
