// The service `thanos.Store` of a proxy.
internal import StoreAPI
public import TSModel
public import Transport

/// `thanos.Store` over the stores of a `StoreProxy`.
public struct ProxyStoreService: GRPCService {
  /// Is told about Series calls.
  public struct Observer: Sendable {
    /// A call came.
    public var began: @Sendable () -> Void
    /// It has ended.
    public var ended: @Sendable (ProxyOutcome) -> Void

    /// Tells these.
    public init(began: @escaping @Sendable () -> Void, ended: @escaping @Sendable (ProxyOutcome) -> Void) {
      self.began = began
      self.ended = ended
    }
  }

  /// The service's full name.
  public let name = "thanos.Store"
  /// Series, which streams, and the two label calls.
  public let methods: [GRPCMethod] = [GRPCMethod("Series", .serverStream), "LabelNames", "LabelValues"]
  /// What reflection tells of it.
  public let fileDescriptors: [[UInt8]]

  private let proxy: StoreProxy
  private let threads: BlockingThreads
  private let observer: Observer?

  /// The service over `proxy`, whose calls are computed on `threads`.
  public init(
    _ proxy: StoreProxy, threads: BlockingThreads, observer: Observer? = nil, fileDescriptors: [[UInt8]] = []
  ) {
    self.proxy = proxy
    self.threads = threads
    self.observer = observer
    self.fileDescriptors = fileDescriptors
  }

  /// Answers a call; see `GRPCService`.
  public func handle(method: String, call: GRPCServerCall) async throws {
    switch method {
    case "Series":
      let request: SeriesRequest = try await call.request()
      observer?.began()
      let observer = observer
      try await withTaskExecutorPreference(threads) {
        try await proxy.series(request, tenant: call.tenant, observe: { observer?.ended($0) }) { messages in
          let messageCount = messages.messageCount
          try await call.sendFramed(messages.frames, messageCount: messageCount)
        }
      }
    case "LabelNames":
      let request: LabelNamesRequest = try await call.request()
      try await call.send(proxy.labelNames(request, tenant: call.tenant).encoded())
    case "LabelValues":
      let request: LabelValuesRequest = try await call.request()
      try await call.send(proxy.labelValues(request, tenant: call.tenant).encoded())
    default: throw GRPCStatus(.unimplemented, "unknown method \(method) for service \(name)")
    }
  }
}
