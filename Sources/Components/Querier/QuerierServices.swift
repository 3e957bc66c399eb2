// What a querier offers over gRPC: all that its endpoints offer, so that another querier can ask it.
internal import ComponentSupport
internal import HTTPAPI
internal import Observability
internal import QuerySupport
internal import StoreAPI
internal import StoreServing
internal import TSModel
internal import Transport

/// Puts the gRPC services of a querier together.
struct QuerierServices {
  private let proxy: StoreProxy
  private let api: QueryAPI
  private let settings: QuerierSettings
  private let observer: ProxyStoreService.Observer
  private let threads: BlockingThreads
  private let gathering: Gathering

  init(
    _ context: ComponentContext, _ settings: QuerierSettings, _ endpoints: EndpointSet, _ api: QueryAPI,
    _ budget: MemoryBudget
  ) {
    var options = StoreProxyOptions()
    options.selectorLabels = settings.selectorLabels
    options.limits = settings.fanout.limits
    options.responseTimeoutMs = settings.fanout.responseTimeoutMs
    gathering = Gathering(endpoints, budget: budget)
    proxy = StoreProxy(options: options, budget: budget) { endpoints.view }
    self.api = api
    self.settings = settings
    observer = ProxyMetrics(context.metrics).observer
    threads = api.options.threads ?? BlockingThreads(countMax: ProcessFacts.processorCount)
  }

  /// The services.
  var all: [any GRPCService] {
    let proxy = proxy
    var defaults = StoreParameters()
    defaults.resolutionMsMax = settings.instantResolutionMs
    return [
      InfoService(fileDescriptors: ServiceDescriptors.info) {
        var info = proxy.info()
        (info.query, info.rules, info.targets) = (EmptyInfo(), EmptyInfo(), EmptyInfo())
        (info.metricMetadata, info.status) = (EmptyInfo(), EmptyInfo())
        var exemplars = ExemplarsInfo()
        (exemplars.minTimeMs, exemplars.maxTimeMs) = (.min, .max)
        info.exemplars = exemplars
        return info
      },
      ProxyStoreService(proxy, threads: threads, observer: observer, fileDescriptors: ServiceDescriptors.store),
      QueryService(api, defaults: defaults),
    ] + gathering.services
  }
}
