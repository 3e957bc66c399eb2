// The frame that every component runs in: logs, metrics, traces, signals; one call whose children end with it.
public import Observability
internal import TSModel
internal import Transport

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Facts about the program, for `thanos_build_info` and the status pages.
public struct BuildFacts: Sendable {
  /// `0.1.0`
  public var version: String
  /// The commit, or empty.
  public var revision: String
  /// The branch, or empty.
  public var branch: String

  /// Facts about the program.
  public init(version: String, revision: String = "", branch: String = "") {
    self.version = version
    self.revision = revision
    self.branch = branch
  }
}

/// What a component finds when it starts.
public struct ComponentContext: Sendable {
  /// Its name in metrics and logs: `store`, `query` …
  public let name: String
  /// What the command line said.
  public let command: ParsedCommand
  /// Facts about the program.
  public let build: BuildFacts
  /// Where it writes what happens.
  public let logger: Logger
  /// Where it counts; build, process and status metrics are there already.
  public let metrics: MetricsRegistry
  /// Where it traces.
  public let tracer: Tracer
  /// Whether it lives and can work.
  public let probes: Probes
  /// The wish that it ends.
  public let shutdown: ShutdownRequest
  /// SIGHUP, as often as it comes; those that nobody takes are one.
  public let reloads: ReloadRequests
  /// When it began, milliseconds since the Unix epoch.
  public let startTimeMs: Int64

  /// A context of these parts, for tests and for components that run others.
  public init(
    name: String, command: ParsedCommand, build: BuildFacts, logger: Logger, metrics: MetricsRegistry,
    tracer: Tracer = .none
  ) {
    self.name = name
    self.command = command
    self.build = build
    self.logger = logger
    self.metrics = metrics
    self.tracer = tracer
    probes = Probes(component: name, metrics: metrics, logger: logger)
    shutdown = ShutdownRequest()
    reloads = ReloadRequests()
    startTimeMs = WallClock.nowMs()
  }
}

/// Wishes that configurations are read again.
public final class ReloadRequests: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  /// Asks for it.
  public func request() { continuation.yield() }

  /// All wishes from now on, one task at a time. Ends when the task is cancelled.
  public var requests: AsyncStream<Void> { stream }
}

/// Runs a component to its end and returns the exit code of the process: 0 after SIGINT, SIGTERM or an end of its own
/// accord, 1 where it could not start or go on, which is logged.
///
/// `body` is all of the component: its work is child tasks of this call. On a signal `context.shutdown` is asked for;
/// at the second one the process ends at once.
public func runComponent(
  name: String, command: ParsedCommand, build: BuildFacts, sink: any LogSink = DescriptorSink.standardError,
  body: @escaping @Sendable (ComponentContext) async throws -> Void
) async -> Int32 {
  var logger = Logger(sink: sink)
  do {
    logger = try Logger(command, sink: sink)
    let metrics = MetricsRegistry()
    metrics.addProcessMetrics()
    metrics.addRuntimeMetrics()
    addBuildInfo(build, metrics)
    let tracing = try TracingSetup(
      CommonFlags.tracingSource.content(of: command), component: name, build: build, metrics: metrics, logger: logger)
    let context = ComponentContext(
      name: name, command: command, build: build, logger: logger, metrics: metrics, tracer: tracing.tracer)
    observeSignals(context)
    context.probes.onReadiness { isReady in
      if isReady { StartMemory.giveBack() }
    }
    try await tracing.run { try await body(context) }
    logger.info("exiting")
    return 0
  } catch {
    logger.error("", error: ComponentFailure(name: name, cause: error))
    return 1
  }
}

/// The last line of a component that failed.
private struct ComponentFailure: Error, CustomStringConvertible {
  let name: String
  let cause: any Error

  var description: String { "\(cause)\n\(name) command failed" }
}

private func addBuildInfo(_ build: BuildFacts, _ metrics: MetricsRegistry) {
  metrics.collect { metrics in
    metrics.gauge(
      "thanos_build_info",
      "Always 1; the labels say which build of the program runs.",
      1,
      labels: [
        "branch": build.branch, "goarch": architecture, "goos": "linux", "goversion": "", "revision": build.revision,
        "tags": "", "version": build.version,
      ])
  }
}

private var architecture: String {
  #if arch(x86_64)
    "amd64"
  #elseif arch(arm64)
    "arm64"
  #else
    "unknown"
  #endif
}

private func observeSignals(_ context: ComponentContext) {
  ProcessSignals.observe { signal in
    switch signal {
    case .reload:
      context.logger.info("caught signal, reloading", ("signal", "hangup"))
      context.reloads.request()
    case .end(let name):
      if context.shutdown.reason != nil {
        context.logger.warn("caught signal again, exiting at once", ("signal", .string(name)))
        _exit(130)
      }
      context.logger.info("caught signal, exiting", ("signal", .string(name)))
      context.shutdown.request("caught signal \(name)")
    }
  }
}
