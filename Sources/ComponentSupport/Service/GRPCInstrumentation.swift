// Spans and log lines of gRPC calls.
internal import Observability
internal import Transport

/// Stands around all calls of a server.
struct GRPCInstrumentation: GRPCServerInterceptor {
  let config: RequestLoggingConfig
  let logger: Logger
  let tracer: Tracer

  func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws {
    let watch = Stopwatch()
    let parent = call.metadata["traceparent"].flatMap {
      SpanContext(traceparent: $0, tracestate: call.metadata.values(for: "tracestate").joined(separator: ","))
    }
    let forced = !(call.metadata["x-thanos-force-tracing"] ?? "").isEmpty
    let span = tracer.startSpan(call.path, parent: parent, kind: .server, forced: forced)
    defer { span.end() }
    if span.isRecording {
      span.setAttribute("rpc.system", "grpc")
      span.setAttribute("rpc.service", .string(call.service))
      span.setAttribute("rpc.method", .string(call.method.name))
      span.setAttribute("peer.address", .string(call.peer.description))
    }
    let isListed = config.grpcMethods.isEmpty || config.grpcMethods.contains(call.path)
    if config.grpc.logsStart, isListed, isLogged(.debug) { fields(call).debug("started call") }
    do {
      try await Tracer.$current.withValue(span) { try await next() }
      finish(call, .ok, watch, span, isListed)
    } catch {
      finish(call, GRPCStatus(of: error), watch, span, isListed)
      throw error
    }
  }

  private func finish(
    _ call: GRPCServerCall, _ status: GRPCStatus, _ watch: Stopwatch, _ span: Span, _ isListed: Bool
  ) {
    span.setAttribute("rpc.grpc.status_code", .integer(Int64(status.code.rawValue)))
    if status.code != .ok { span.setError(status.message) }
    let level: LogLevel
    switch status.code {
    case .unknown, .unimplemented, .internal, .dataLoss: level = .error
    default: level = .debug
    }
    guard config.grpc.logsEnd, isListed, isLogged(level) else { return }
    var logger = fields(call).with(
      ("grpc.code", .string(status.code.name)), ("grpc.time_ms", .string("\(watch.seconds * 1000)")))
    if status.code != .ok { logger = logger.with(("grpc.error", .string(status.description))) }
    logger.log(level, "finished call")
  }

  private func fields(_ call: GRPCServerCall) -> Logger {
    logger.with(
      ("grpc.service", .string(call.service)), ("grpc.method", .string(call.method.name)),
      ("grpc.method_type", .string(call.method.kind.rawValue)), ("grpc.component", "server"),
      ("peer.address", .string(call.peer.description)))
  }

  private func isLogged(_ level: LogLevel) -> Bool {
    level >= config.grpc.level.logLevel && logger.isEnabled(level)
  }
}

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
