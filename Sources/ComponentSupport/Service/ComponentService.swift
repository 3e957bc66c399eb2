// A component's servers and its work, from the first listener to the last request.
internal import Observability
public import Transport

/// HTTP and gRPC servers of a component.
///
/// It begins to listen, says healthy, and runs the work. When the process is asked to end, or the work ends, it says
/// not ready, lets gRPC calls finish, then HTTP requests, each within its grace, and cancels the work last, as requests
/// may need it.
public struct ComponentService: Sendable {
  private let context: ComponentContext
  private let options: ServiceOptions
  /// The HTTP routes; probes, metrics and profiles are there already.
  public var router: HTTPRouter
  /// What is served over gRPC, besides health and reflection.
  public var grpcServices: [any GRPCService] = []
  /// How gRPC calls are taken.
  public var grpcOptions = GRPCServerOptions()
  /// What gRPC health says; it follows the readiness probe.
  public let health = GRPCHealth()

  /// Servers as `options` describe them.
  public init(_ context: ComponentContext, _ options: ServiceOptions) {
    self.context = context
    self.options = options
    grpcOptions.maxReceiveMessageBytes = options.grpcMessageBytes
    router = HTTPRouter()
    router.addProbes(context.probes)
    router.addMetrics(context.metrics)
    router.addProfiles()
  }

  /// Runs the servers and `work`, until the process is asked to end or `work` ends. `onListening` is told the
  /// addresses, with the ports that were free where none was asked for. Throws what `work` throws, or what keeps the
  /// servers from starting.
  public func run(
    onListening: @escaping @Sendable (_ http: ListenAddress, _ grpc: ListenAddress?) -> Void = { _, _ in },
    _ work: @escaping @Sendable () async throws -> Void
  ) async throws {
    let loops = try EventLoopGroup(count: options.loopCount)
    let http = try httpServer(loops)
    let grpc = try options.grpcAddress.map { address in (try grpcServer(loops), address) }
    addTransportMetrics("http", http)
    if let (server, _) = grpc { addTransportMetrics("grpc", server) }
    let httpLog = context.logger.with(("service", "http/server"), ("component", .string(context.name)))
    let grpcLog = context.logger.with(("service", "gRPC/server"), ("component", .string(context.name)))

    let httpAddress = try await http.listen(on: ListenAddress.parse(options.httpAddress))
    httpLog.info("listening for requests and metrics", ("address", .string("\(httpAddress)")))
    var grpcAddress: ListenAddress?
    do {
      if let (server, address) = grpc {
        let bound = try await server.listen(on: ListenAddress.parse(address))
        grpcLog.info("listening for serving gRPC", ("address", .string("\(bound)")))
        grpcAddress = bound
      }
    } catch {
      await http.shutdown(graceMs: 0)
      throw error
    }
    context.probes.setHealthy()
    context.probes.onReadiness { [health] in health.set($0 ? .serving : .notServing) }
    onListening(httpAddress, grpcAddress)

    let shutdown = context.shutdown
    let probes = context.probes
    let options = options
    try await withThrowingTaskGroup(of: String?.self) { group in
      group.addTask {
        try await work()
        return nil
      }
      group.addTask { await shutdown.wait() }
      let outcome: Result<String?, any Error>
      do { outcome = .success(try await group.next() ?? nil) } catch { outcome = .failure(error) }
      let reason =
        switch outcome {
        case .success(let reason): reason ?? "done"
        case .failure(let error): "\(error)"
        }
      probes.setNotReady(reason)
      if let (server, _) = grpc {
        grpcLog.info("internal server is shutting down", ("err", .string(reason)))
        await server.shutdown(graceMs: options.grpcGraceMs)
        grpcLog.info("internal server is shutdown gracefully", ("err", .string(reason)))
      }
      httpLog.info("internal server is shutting down", ("err", .string(reason)))
      await http.shutdown(graceMs: options.httpGraceMs)
      httpLog.info("internal server is shutdown gracefully", ("err", .string(reason)))
      probes.setNotHealthy(reason)
      group.cancelAll()
      // What the work throws because it was cancelled is no failure; any other error of its is.
      do {
        while try await group.next() != nil {}
      } catch is CancellationError {
      } catch {
        if case .success = outcome { throw error }
      }
      if case .failure(let error) = outcome { throw error }
    }
  }

  private func httpServer(_ loops: EventLoopGroup) throws -> HTTPServer {
    var router = router
    if router.instrumentation == nil {
      let port: Int = if case .tcp(_, let port) = try ListenAddress.parse(options.httpAddress) { port } else { 0 }
      router.instrumentation = HTTPInstrumentation(
        metrics: context.metrics, logger: context.logger, tracer: context.tracer,
        requestLog: RequestLog(config: options.requestLogging, logger: context.logger, port: port))
    }
    var serverOptions = HTTPServerOptions(loops: loops)
    serverOptions.limits = options.limits
    serverOptions.tls = try options.web.tlsOptions()
    serverOptions.onHandlerError = handlerErrorLog("http/server")
    return try HTTPServer(handler: try WebGuard(options.web, router), options: serverOptions)
  }

  private func grpcServer(_ loops: EventLoopGroup) throws -> HTTPServer {
    var options = grpcOptions
    if options.observer == nil {
      let metrics = GRPCServerMetrics(registry: context.metrics)
      for service in grpcServices { metrics.prepare(service) }
      options.observer = metrics
    }
    // Nothing here can panic: the alert on this name stays quiet.
    _ = context.metrics.counter("grpc_req_panics_recovered_total", "Panics caught in handlers of gRPC; there are none.")
    options.interceptors.insert(
      GRPCInstrumentation(config: self.options.requestLogging, logger: context.logger, tracer: context.tracer), at: 0)
    let server = GRPCServer(services: grpcServices, options: options, health: health)
    var serverOptions = HTTPServerOptions(loops: loops)
    serverOptions.tls = self.options.grpcTLS
    serverOptions.limits = self.options.limits
    serverOptions.limits.connectionAgeMs = self.options.grpcConnectionAgeMs
    serverOptions.limits.connectionGraceMs = self.options.grpcGraceMs
    serverOptions.onHandlerError = handlerErrorLog("gRPC/server")
    return try HTTPServer(handler: server, options: serverOptions)
  }

  private func addTransportMetrics(_ name: String, _ server: HTTPServer) {
    context.metrics.collect { [weak server] metrics in
      guard let server else { return }
      let counts = server.counts
      metrics.gauge(
        "apus_transport_connections", "Connections that are open now.", Double(counts.open), labels: ["server": name])
      metrics.gauge(
        "apus_transport_requests_in_flight", "Requests that are being answered now.",
        Double(server.requestsInFlight), labels: ["server": name])
      metrics.counter(
        "apus_transport_connections_accepted_total", "Connections accepted.", Double(counts.accepted),
        labels: ["server": name])
      metrics.counter(
        "apus_transport_tls_failures_total", "TLS handshakes that failed.", Double(counts.tlsFailures),
        labels: ["server": name])
      metrics.counter(
        "apus_transport_received_bytes_total", "Bytes received from sockets.", Double(counts.receivedBytes),
        labels: ["server": name])
      metrics.counter(
        "apus_transport_sent_bytes_total", "Bytes given to sockets.", Double(counts.sentBytes),
        labels: ["server": name])
      for (limit, count) in counts.limits {
        metrics.counter(
          "apus_transport_limits_total", "How often a client met a limit of the transport (docs/security.md).",
          Double(count), labels: ["limit": limit, "server": name])
      }
    }
  }

  private func handlerErrorLog(_ service: String) -> @Sendable (HTTPRequestHead, any Error) -> Void {
    let logger = context.logger.with(("service", .string(service)), ("component", .string(context.name)))
    return { head, error in
      logger.warn(
        "request was not answered in full", ("method", .string(head.method)), ("path", .string(head.path)),
        error: error)
    }
  }
}
