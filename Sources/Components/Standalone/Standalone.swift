// `apus standalone`: blocks of local folders, queries over them and the StoreAPI, in one process with no network between.
public import ComponentSupport
internal import BlockFolders
internal import HTTPAPI
internal import Observability
internal import Pages
internal import QuerySupport
internal import StoreAPI
internal import StoreServing
internal import TSModel
internal import Transport

/// All roles in one process over a local folder.
public enum StandaloneCommand {
  /// `apus standalone` with its flags.
  public static let spec = CommandSpec(
    "standalone", "Answers queries over the blocks of local folders: all of it in one process.",
    flags: CommonFlags.http + CommonFlags.grpcServer + CommonFlags.requestLogging + StandaloneFlags.all
      + CommonFlags.transport + CommonFlags.grpcMessage)

  /// Runs it until the process is asked to end. Returns the exit code.
  public static func run(_ command: ParsedCommand, build: BuildFacts) async -> Int32 {
    await runComponent(name: "standalone", command: command, build: build) { context in
      try await run(context, StandaloneSettings(command))
    }
  }

  /// The component itself: `onListening` is told the addresses.
  static func run(
    _ context: ComponentContext, _ settings: StandaloneSettings,
    onListening: @escaping @Sendable (_ http: ListenAddress, _ grpc: ListenAddress?) -> Void = { _, _ in }
  ) async throws {
    for name in settings.query.unknownFeatures {
      context.logger.warn("unknown option for --enable-feature", ("option", .string(name)))
    }
    for folder in settings.blockFolders where !LocalBlocks.isFolder(folder) {
      throw ConfigurationError(
        .value,
        "--blocks=\(folder): there is no such folder, or it may not be read; name a folder of blocks or the data "
          + "folder of a Prometheus")
    }
    let blocks = LocalBlocks(
      [LocalBlocks.Folder(path: settings.bucketFolder, hasMarks: true)]
        + settings.blockFolders.map { LocalBlocks.Folder(path: $0) },
      deletionDelayMs: settings.deletionDelayMs, logger: context.logger)
    var service = ComponentService(context, try ServiceOptions(context.command, grpc: true))
    let budget = MemoryBudget(name: "--query.max-memory", limitBytes: settings.query.memoryBytesMax)
    addMetrics(context.metrics, blocks, budget)
    let pool = BlockingThreads(countMax: 8)
    let store = localStore(blocks.catalog, budget, context)
    service.grpcServices = [
      StoreService(
        store, pool: pool, gate: ConcurrencyGate(width: settings.query.concurrentQueriesMax),
        fileDescriptors: ServiceDescriptors.store),
      InfoService(fileDescriptors: ServiceDescriptors.info) { store.info() },
    ]
    let api = try StandaloneAPI(context: context, settings: settings, blocks: blocks, budget: budget, pool: pool).make()
    api.addRoutes(to: &service.router, prefix: settings.query.routePrefix)
    FirstPage.add(
      to: &service.router, routePrefix: settings.query.routePrefix, externalPrefix: settings.query.externalPrefix)
    try await service.run(onListening: onListening) {
      try await blocks.sync()
      context.logger.info("serving blocks", ("blocks", .int(blocks.catalog.count)))
      context.probes.setReady()
      try await blocks.follow(intervalMs: settings.syncIntervalMs)
    }
  }

  private static func localStore(_ catalog: ServedBlocks, _ budget: MemoryBudget, _ context: ComponentContext)
    -> LocalStore
  {
    var options = LocalStoreOptions()
    let logger = context.logger
    options.onBlockFailure = { block, error in
      logger.warn("reading block failed", ("block", .string("\(block.ulid)")), error: error)
    }
    return LocalStore(catalog: catalog, options: options, budget: budget)
  }

  private static func addMetrics(_ metrics: MetricsRegistry, _ blocks: LocalBlocks, _ budget: MemoryBudget) {
    metrics.collect { metrics in
      metrics.gauge(
        "apus_standalone_blocks", "Blocks that are served.", Double(blocks.catalog.count), labels: [:])
      metrics.gauge(
        "apus_standalone_blocks_set_aside", "Blocks that are there and cannot be served.",
        Double(blocks.problems.count), labels: [:])
      metrics.gauge(
        "apus_query_memory_bytes", "Memory that queries and StoreAPI calls hold now.", Double(budget.usedBytes),
        labels: [:])
    }
  }
}
