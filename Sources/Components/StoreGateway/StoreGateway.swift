// `apus store`: the blocks of a bucket over the StoreAPI.
public import ComponentSupport
internal import ObjectStore
internal import Observability
internal import Pages
internal import StoreAPI
internal import StoreServing
internal import TSModel
internal import Transport

/// The store gateway.
public enum StoreCommand {
  /// `apus store` with its flags.
  public static let spec = CommandSpec(
    "store", "Serves the blocks of a bucket over Thanos' StoreAPI.",
    flags: CommonFlags.http + CommonFlags.grpcServer + CommonFlags.requestLogging + StoreFlags.all
      + CommonFlags.transport + CommonFlags.grpcMessage)

  /// Runs it until the process is asked to end. Returns the exit code.
  public static func run(_ command: ParsedCommand, build: BuildFacts) async -> Int32 {
    await runComponent(name: "store", command: command, build: build) { context in
      try await run(context, StoreSettings(command))
    }
  }

  /// The component itself: `onListening` is told the addresses.
  static func run(
    _ context: ComponentContext, _ settings: StoreSettings,
    onListening: @escaping @Sendable (_ http: ListenAddress, _ grpc: ListenAddress?) -> Void = { _, _ in }
  ) async throws {
    let given = StoreFlags.withoutEffect.map(\.name).filter { context.command.isGiven($0) }
    if !given.isEmpty {
      context.logger.warn(
        "flags without effect: blocks of a folder are mapped in place", ("flags", .string(given.joined(separator: ",")))
      )
    }
    let bucket = try settings.bucket(context.metrics)
    let sync = BlockSync(settings, bucket: bucket, metrics: context.metrics, logger: context.logger)
    var service = ComponentService(context, try ServiceOptions(context.command, grpc: true))
    let store = localStore(sync, settings, context)
    let gate = ConcurrencyGate(width: settings.seriesConcurrency)
    let observer = SeriesMetrics(context.metrics, gate)
    let pool = BlockingThreads(countMax: 8)
    context.metrics.collect { metrics in
      for (name, threads) in [("calls", pool), ("files", BlockingThreads.files)] {
        let load = threads.load
        metrics.gauge(
          "apus_threads_waiting", "Pieces of work that wait for a thread that may block.", Double(load.waiting),
          labels: ["threads": name])
        metrics.gauge(
          "apus_threads_running", "Threads that may block and are at work.", Double(load.running),
          labels: ["threads": name])
      }
    }
    service.grpcServices = [
      StoreService(
        store, pool: pool, gate: gate, observer: observer, fileDescriptors: ServiceDescriptors.store),
      InfoService(fileDescriptors: ServiceDescriptors.info) { store.info() },
    ]
    service.grpcOptions.interceptors.append(ReadyOnly(probes: context.probes))
    if !context.command.isOn("web.disable") { addAPI(sync, bucket, context, &service.router) }

    try await service.run(onListening: onListening) {
      try await sync.sync()
      context.logger.info("bucket store ready", ("blocks", .int(sync.catalog.count)))
      context.probes.setReady()
      while true {
        try await Task.sleep(for: .milliseconds(settings.syncIntervalMs))
        do { try await sync.sync() } catch is CancellationError { throw CancellationError() } catch {
          // What was served is served on.
          context.logger.warn("syncing blocks failed", error: error)
        }
      }
    }
  }

  private static func localStore(_ sync: BlockSync, _ settings: StoreSettings, _ context: ComponentContext)
    -> LocalStore
  {
    let budget = MemoryBudget(name: "--store.max-memory", limitBytes: settings.memoryBytesMax)
    context.metrics.collect { metrics in
      metrics.gauge("apus_store_memory_bytes", "Memory that requests hold now.", Double(budget.usedBytes), labels: [:])
    }
    var options = LocalStoreOptions()
    options.limits = settings.limits
    options.timeRange = { settings.timeRange(nowMs: WallClock.nowMs()) }
    options.onBlockFailure = { block, error in sync.readingFailed(block, error) }
    return LocalStore(catalog: sync.catalog, options: options, budget: budget)
  }

  /// Empty, or with a slash before it and none behind.
  private static func externalPrefix(_ command: ParsedCommand) -> String {
    let words = (command.text("web.external-prefix") ?? "").split(separator: "/")
    return words.map { "/\($0)" }.joined()
  }

  private static func addAPI(
    _ sync: BlockSync, _ bucket: any Bucket, _ context: ComponentContext, _ router: inout HTTPRouter
  ) {
    let command = context.command
    let routes = APIRoutes(allowsOtherOrigins: !command.isOn("web.disable-cors"))
    let api = BlocksAPI(sync: sync, bucket: bucket, label: command.text("bucket-web-label") ?? "")
    routes.get("/blocks", name: "blocks", &router) { call in try await api.answer(call) }
    routes.addStatus(context, flags: StoreCommand.spec.flags + CommonFlags.global, &router)
    routes.addOptions(&router)
    // `/blocks` is the whole bucket upstream: what a store has of it is this.
    ListPage.blocks.add(to: &router, at: ["/", "/loaded", "/blocks"], externalPrefix: externalPrefix(command))
  }
}

/// Lets no call of Thanos' services through before the blocks are known: an answer without them would look whole.
private struct ReadyOnly: GRPCServerInterceptor {
  let probes: Probes

  func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws {
    try check(call.service)
    try await next()
  }

  func interceptQuick(_ call: GRPCQuickCall, _ next: () throws -> [UInt8]) throws -> [UInt8] {
    try check(call.service)
    return try next()
  }

  private func check(_ service: String) throws {
    if service.hasPrefix("thanos."), !probes.isReady { throw InfoService.notReady }
  }
}
