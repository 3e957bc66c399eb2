// `apus query`: PromQL over any number of stores.
public import ComponentSupport
internal import HTTPAPI
internal import Observability
internal import Pages
internal import QuerySupport
internal import StoreAPI
internal import StoreServing
internal import TSModel
internal import Transport

/// The querier.
public enum QueryCommand {
  /// `apus query` with its flags.
  public static let spec = CommandSpec(
    "query", "Answers queries over the data of any number of stores.",
    flags: CommonFlags.http + CommonFlags.grpcServer + CommonFlags.requestLogging + QuerierFlags.all
      + CommonFlags.transport + CommonFlags.grpcMessage)

  /// Runs it until the process is asked to end. Returns the exit code.
  public static func run(_ command: ParsedCommand, build: BuildFacts) async -> Int32 {
    await runComponent(name: "query", command: command, build: build) { context in
      try await run(context, QuerierSettings(command))
    }
  }

  /// The component itself: `onListening` is told the addresses.
  static func run(
    _ context: ComponentContext, _ settings: QuerierSettings,
    onListening: @escaping @Sendable (_ http: ListenAddress, _ grpc: ListenAddress?) -> Void = { _, _ in }
  ) async throws {
    for name in settings.query.unknownFeatures {
      context.logger.warn("unknown option for --enable-feature", ("option", .string(name)))
    }
    let given = QuerierFlags.withoutEffect.map(\.name).filter { context.command.isGiven($0) }
    if !given.isEmpty {
      context.logger.warn("flags without effect", ("flags", .string(given.joined(separator: ","))))
    }
    let discovery = try EndpointDiscovery(settings.discovery, logger: context.logger, metrics: context.metrics)
    let logger = context.logger
    let endpoints = EndpointSet(
      times: settings.times, selector: settings.selector, makeChannel: { try discovery.channel(to: $0) }
    ) {
      status, before in
      let address = status.spec.address
      if let failure = status.failure {
        logger.warn("update of endpoint failed", ("address", .string(address)), ("err", .string(failure)))
      } else {
        logger.info(
          "adding new \(status.info?.componentType ?? "store")", ("address", .string(address)),
          ("extLset", .string((status.info?.labelSets ?? []).map(\.labelSet.description).joined(separator: ","))))
      }
    }
    let budget = MemoryBudget(name: "--query.max-memory", limitBytes: settings.query.memoryBytesMax)
    QuerierMetrics.add(
      to: context.metrics, endpoints, discovery, budget, connectionLabels: settings.connectionLabels)
    var service = ComponentService(context, try ServiceOptions(context.command, grpc: true))
    let querier = QuerierAPI(context: context, settings: settings, endpoints: endpoints, budget: budget)
    let api = try querier.make()
    service.grpcServices = QuerierServices(context, settings, endpoints, api, budget).all
    api.addRoutes(to: &service.router, prefix: settings.query.routePrefix)
    FirstPage.add(
      to: &service.router, routePrefix: settings.query.routePrefix, externalPrefix: settings.query.externalPrefix)
    ListPage.stores.add(
      to: &service.router, at: ["/stores"], routePrefix: settings.query.routePrefix,
      externalPrefix: settings.query.externalPrefix, besideFirstPage: true)
    defer { endpoints.close() }
    try await service.run(onListening: onListening) {
      await endpoints.update(await discovery.specs())
      context.probes.setReady()
      while true {
        try await Task.sleep(for: .milliseconds(settings.times.infoTimeoutMs))
        await endpoints.update(await discovery.specs())
      }
    }
  }
}
