// From `--tracing.config` to a tracer.
internal import Observability

/// The tracer of a process, and the task that sends its spans.
struct TracingSetup: Sendable {
  let tracer: Tracer
  private let batches: SpanBatches?
  private let sender: (any SpanSender)?

  /// A tracer as `yaml` says; one that records nothing where there is no text. Throws `ConfigurationError`.
  init(
    _ yaml: [UInt8]?, component: String, build: BuildFacts, metrics: MetricsRegistry, logger: Logger
  ) throws(ConfigurationError) {
    guard let yaml else {
      (tracer, batches, sender) = (.none, nil, nil)
      return
    }
    logger.info("loading tracing configuration")
    let config = try TracingConfig(yaml)
    let batches = SpanBatches(config, metrics: metrics, logger: logger)
    sender = try OTLPSenders.sender(config, component: component, build: build)
    tracer = Tracer(sampler: Sampler(config.sampling), exporter: batches)
    self.batches = batches
  }

  /// Runs `body`, and sends spans meanwhile; what is left at its end is sent as well, for a few seconds at most.
  func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
    guard let batches, let sender else { return try await body() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await batches.run(sender) }
      do {
        try await body()
        batches.close()
      } catch {
        batches.close()
        throw error
      }
    }
  }
}

extension Sampler {
  /// The sampler that a configuration describes.
  init(_ sampling: TracingConfig.Sampling) {
    switch sampling {
    case .always: self = .always
    case .never: self = .never
    case .ratio(let ratio): self = .ratio(ratio)
    case .rateLimit(let perSecond): self = .rateLimiting(perSecond: perSecond)
    case .parentBased(let root): self = .parentBased(Sampler(root))
    }
  }
}
