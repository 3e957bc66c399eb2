// Spans and log lines of gRPC calls.
internal import Observability
internal import Transport

/// Stands around all calls of a server.
struct GRPCInstrumentation: GRPCServerInterceptor {
  let config: RequestLoggingConfig
  let logger: Logger
  let tracer: Tracer

  func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws {
    let run = begin(call)
    defer { run.span.end() }
    do {
      try await Tracer.$current.withValue(run.span) { try await next() }
      finish(call, .ok, run)
    } catch {
      finish(call, GRPCStatus(of: error), run)
      throw error
    }
  }

  func interceptQuick(_ call: GRPCQuickCall, _ next: () throws -> [UInt8]) throws -> [UInt8] {
    let run = begin(call)
    defer { run.span.end() }
    do {
      let answer = try Tracer.$current.withValue(run.span) { try next() }
      finish(call, .ok, run)
      return answer
    } catch {
      finish(call, GRPCStatus(of: error), run)
      throw error
    }
  }

  /// A call that goes on.
  private struct Run {
    let watch = Stopwatch()
    let span: Span
    /// Whether its method is one of those to be logged.
    let isListed: Bool
  }

  private func begin(_ call: some InstrumentedCall) -> Run {
    let metadata = call.metadata
    let parent = metadata["traceparent"].flatMap {
      SpanContext(traceparent: $0, tracestate: metadata.values(for: "tracestate").joined(separator: ","))
    }
    let forced = !(metadata["x-thanos-force-tracing"] ?? "").isEmpty
    let run = Run(
      span: tracer.startSpan(call.path, parent: parent, kind: .server, forced: forced),
      isListed: config.grpcMethods.isEmpty || config.grpcMethods.contains(call.path))
    if run.span.isRecording {
      run.span.setAttribute("rpc.system", "grpc")
      run.span.setAttribute("rpc.service", .string(call.service))
      run.span.setAttribute("rpc.method", .string(call.method.name))
      run.span.setAttribute("peer.address", .string(call.peer.description))
    }
    if config.grpc.logsStart, run.isListed, isLogged(.debug) { fields(call).debug("started call") }
    return run
  }

  private func finish(_ call: some InstrumentedCall, _ status: GRPCStatus, _ run: Run) {
    run.span.setAttribute("rpc.grpc.status_code", .integer(Int64(status.code.rawValue)))
    if status.code != .ok { run.span.setError(status.message) }
    let level: LogLevel
    switch status.code {
    case .unknown, .unimplemented, .internal, .dataLoss: level = .error
    default: level = .debug
    }
    guard config.grpc.logsEnd, run.isListed, isLogged(level) else { return }
    var logger = fields(call).with(
      ("grpc.code", .string(status.code.name)), ("grpc.time_ms", .string("\(run.watch.seconds * 1000)")))
    if status.code != .ok { logger = logger.with(("grpc.error", .string(status.description))) }
    logger.log(level, "finished call")
  }

  private func fields(_ call: some InstrumentedCall) -> Logger {
    logger.with(
      ("grpc.service", .string(call.service)), ("grpc.method", .string(call.method.name)),
      ("grpc.method_type", .string(call.method.kind.rawValue)), ("grpc.component", "server"),
      ("peer.address", .string(call.peer.description)))
  }

  private func isLogged(_ level: LogLevel) -> Bool {
    level >= config.grpc.level.logLevel && logger.isEnabled(level)
  }
}

/// What logs and spans tell of a call.
private protocol InstrumentedCall {
  var service: String { get }
  var method: GRPCMethod { get }
  var path: String { get }
  var metadata: HTTPHeaders { get }
  var peer: PeerInfo { get }
}

extension GRPCServerCall: InstrumentedCall {}
extension GRPCQuickCall: InstrumentedCall {}

extension RequestLoggingConfig.Options.Level {
  /// The same in terms of the log.
  var logLevel: LogLevel {
    switch self {
    case .debug: .debug
    case .info: .info
    case .warning: .warn
    case .error: .error
    }
  }
}
