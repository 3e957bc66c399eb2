// The services `thanos.Store` and `thanos.info.Info` of a store over local blocks.
public import StoreAPI
public import TSModel
public import Transport

/// `thanos.Store`.
public struct StoreService: GRPCService {
  /// The service's full name.
  public let name = "thanos.Store"
  /// Series, which streams, and the two label calls.
  public let methods: [GRPCMethod] = [GRPCMethod("Series", .serverStream), "LabelNames", "LabelValues"]
  /// What reflection tells of it.
  public let fileDescriptors: [[UInt8]]

  private let store: LocalStore
  private let pool: BlockingThreads
  private let gate: ConcurrencyGate
  private let observer: (any SeriesObserver)?

  /// The service over `store`, whose calls read blocks on the threads of `pool`, as many Series calls at a time as `gate`
  /// has places.
  public init(
    _ store: LocalStore, pool: BlockingThreads, gate: ConcurrencyGate, observer: (any SeriesObserver)? = nil,
    fileDescriptors: [[UInt8]] = []
  ) {
    self.observer = observer
    self.store = store
    self.pool = pool
    self.gate = gate
    self.fileDescriptors = fileDescriptors
  }

  /// Answers a call; see `GRPCService`.
  public func handle(method: String, call: GRPCServerCall) async throws {
    switch method {
    case "Series": try await series(call)
    case "LabelNames":
      let request: LabelNamesRequest = try await call.request()
      try await call.send(withTaskExecutorPreference(pool) { try await store.labelNames(request) }.encoded())
    case "LabelValues":
      let request: LabelValuesRequest = try await call.request()
      try await call.send(withTaskExecutorPreference(pool) { try await store.labelValues(request) }.encoded())
    default: throw GRPCStatus(.unimplemented, "unknown method \(method) for service \(name)")
    }
  }

  private func series(_ call: GRPCServerCall) async throws {
    let request: SeriesRequest = try await call.request()
    let begin = ContinuousClock.now
    observer?.seriesAsked()
    var outcome: SeriesOutcome?
    do {
      outcome = try await gate.run { place in
        observer?.seriesBegan(after: ContinuousClock.now - begin)
        return try await answer(request, call, place)
      }
      observer?.seriesEnded(outcome, tenant: call.tenant, error: nil)
    } catch {
      observer?.seriesEnded(outcome, tenant: call.tenant, error: error)
      throw error
    }
  }

  private func answer(
    _ request: SeriesRequest, _ call: GRPCServerCall, _ place: ConcurrencyGate.Place
  ) async throws -> SeriesOutcome? {
    try await withTaskExecutorPreference(pool) {
      var outcome: SeriesOutcome?
      try await store.series(request, observe: { outcome = $0 }) { messages in
        let messageCount = messages.messageCount
        // Who waits for its reader does not keep others from working.
        try await call.sendFramed(messages.frames, messageCount: messageCount) { wait in
          try await place.whileWaiting { try await wait() }
        }
      }
      return outcome
    }
  }
}

/// `thanos.info.Info`.
public struct InfoService: GRPCService {
  /// The service's full name.
  public let name = "thanos.info.Info"
  /// Its only method.
  public let methods: [GRPCMethod] = ["Info"]
  /// What reflection tells of it.
  public let fileDescriptors: [[UInt8]]

  private let info: @Sendable () throws -> InfoResponse

  /// The service that answers with what `info` says at that moment. It throws where the component is not ready:
  /// `InfoService.notReady`.
  public init(fileDescriptors: [[UInt8]] = [], info: @escaping @Sendable () throws -> InfoResponse) {
    self.info = info
    self.fileDescriptors = fileDescriptors
  }

  /// What a component that is not ready answers.
  public static let notReady = GRPCStatus(.unavailable, "Not ready")

  /// What a component is, it knows by heart.
  public let quickMethods: Set<String> = ["Info"]

  /// Answers a call; see `GRPCService`.
  public func handle(method: String, call: GRPCServerCall) async throws { try await answer(call) }

  /// Answers a call; see `GRPCService`.
  public func answerQuickly(method: String, message: RawSpan) throws -> [UInt8] {
    do throws(ModelError) { _ = try InfoRequest(protobuf: message) } catch {
      throw GRPCStatus(.internal, "grpc: error unmarshalling request: \(error.message)")
    }
    return try info().encoded()
  }
}
