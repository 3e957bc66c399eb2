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
    options.queryBytesMax = settings.query.queryBytesMax
    options.threads = BlockingThreads(countMax: ProcessFacts.processorCount)
    options.allowedOrigins = context.command.isOn("web.disable-cors") ? .none : .all
    options.tenancy = settings.query.tenancy
    options.enforcedTenantLabel = settings.query.enforcedTenantLabel
    options.defaultStepMs = settings.defaultStepMs
    options.metadataRangeMs = settings.metadataRangeMs
    var fanout = settings.fanout
    let empty = ProxyMetrics.emptyAnswers(context.metrics)
    fanout.onEmptyAnswer = { empty.add(1) }
    let (endpoints, usual, requiresCoverage) = (endpoints, fanout, settings.requiresCoverage)
    let source = source
    var stores = StoreDefaults { parameters in
      var fanout = usual
      fanout.deduplicates = parameters.deduplicates
      if let labels = parameters.replicaLabels { fanout.replicaLabels = labels }
      fanout.storeMatchers = parameters.storeMatchers
      if let allows = parameters.allowsPartialResponse, !requiresCoverage { fanout.allowsPartialResponse = allows }
      fanout.resolutionMsMax = parameters.resolutionMsMax
      fanout.tenant = parameters.tenant
      fanout.shard = parameters.shard.map(ShardInfo.init)
      guard parameters.wantsCoverage else { return StoreSource(source(fanout)) }
      let coverage = Coverage()
      fanout.coverage = coverage
      return StoreSource(
        FanoutQueryable(options: fanout) { endpoints.view }, coverage: { CoverageJSON.value(coverage) })
    }
    stores.downsamplesAlways = settings.downsamplesAlways
    stores.instantResolutionMs = settings.instantResolutionMs
    stores.widensLookback = settings.widensLookback
    options.stores = stores
    var api = QueryAPI(
      engine: QueryEngine(options: settings.query.engine, parserOptions: settings.query.parser),
      source: source(fanout), options: options)
    try QueryFiles.add(to: &api, settings.query, context)
    api.metrics = QueryMetrics(context.metrics, asThanos: settings.telemetry)
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

  /// What a request reads, as its options say.
  private var source: @Sendable (FanoutOptions) -> any QueryAPI.Source {
    let (endpoints, partitionLabels) = (endpoints, settings.partitionLabels)
    guard settings.isDistributed else {
      return { options in FanoutQueryable(options: options) { endpoints.view } }
    }
    let distributed = context.metrics.counter(
      "apus_query_distributed_aggregations_total", "Aggregations that queriers below computed.")
    return { options in
      DistributedQueryable(
        FanoutQueryable(options: options) { endpoints.view }, endpoints, partitionLabels: partitionLabels
      ) { distributed.add(1) }
    }
  }

  /// Where rules, targets and the like are taken from.
  var monitoring: QuerierMonitoring {
    QuerierMonitoring(
      gathering: Gathering(endpoints, budget: budget), partialResponse: settings.partialResponse,
      replicaLabels: settings.fanout.replicaLabels)
  }

  private func addStatus(to api: inout QueryAPI) {
    StatusFacts.add(to: &api, context, flags: QueryCommand.spec.flags + CommonFlags.global)
    let endpoints = endpoints
    let monitoring = monitoring
    api.status.monitoring = monitoring.sources
    api.status.tsdb = monitoring
    api.status.stores = { EndpointsJSON.value(endpoints.statuses) }
  }
}
