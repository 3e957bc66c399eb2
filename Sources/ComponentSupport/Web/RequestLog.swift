// Lines about requests, as `--request.logging-config` asks for them, in the fields of Thanos' own.
public import Observability
public import Transport

/// Logs requests.
public struct RequestLog: HTTPRequestLog {
  private let config: RequestLoggingConfig
  private let logger: Logger
  private let port: Int

  /// Logs to `logger` what `config` asks for, of requests that come in on `port`.
  public init(config: RequestLoggingConfig, logger: Logger, port: Int) {
    self.config = config
    self.logger = logger
    self.port = port
  }

  /// Logs the start of a request, where the configuration asks for it.
  public func begin(_ call: HTTPCall, _ name: String) {
    guard config.http.logsStart, isListed(call), isLogged(.debug) else { return }
    logger.debug(
      "started call", ("http.method", .string("\(call.method) \(call.request.head.target)")),
      ("http.request_id", .string(call.requestID)), ("thanos.method_name", .string(name)))
  }

  /// Logs the end of a request, where the configuration asks for it.
  public func end(_ call: HTTPCall, _ name: String, status: Int, elapsed: Duration) {
    // What the server could not do is an error, everything else of interest to who looks closely.
    let level: LogLevel = (200..<500).contains(status) ? .debug : .error
    guard config.http.logsEnd, isListed(call), isLogged(level) else { return }
    let logger = logger.with(
      ("http.method", .string("\(call.method) \(call.request.head.target)")),
      ("http.request_id", .string(call.requestID)), ("http.status_code", .string("\(status)")),
      ("http.time_ms", .string("\(elapsed.seconds * 1000)")),
      ("http.remote_addr", .string(call.request.peer.description)), ("thanos.method_name", .string(name)))
    (status >= 500 ? logger.with(("http.error", .string("\(status)"))) : logger).log(level, "finished call")
  }

  private func isListed(_ call: HTTPCall) -> Bool {
    config.httpTargets.isEmpty
      || config.httpTargets.contains { $0.path == call.request.head.path && $0.port == UInt64(max(0, port)) }
  }

  private func isLogged(_ level: LogLevel) -> Bool {
    level >= config.http.level.logLevel && logger.isEnabled(level)
  }
}
