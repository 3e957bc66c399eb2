// OTLP over gRPC.
internal import Locking
internal import Observability
internal import Synchronization
internal import Transport

/// Sends spans by `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
final class OTLPGRPCSender: SpanSender {
  private static let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

  private let target: String
  private let options: TracingConfig
  private let metadata: HTTPHeaders
  private let resource: [(key: String, value: AttributeValue)]
  private let version: String
  /// Made with the first batch, so that a process that traces nothing has no threads for it.
  private let channel = Guarded<GRPCChannel?>(nil)

  init(
    _ config: TracingConfig, resource: [(key: String, value: AttributeValue)], build: BuildFacts
  ) {
    target = Self.target(config)
    options = config
    var metadata = HTTPHeaders()
    for (name, value) in config.headers { metadata.add(name, value) }
    self.metadata = metadata
    self.resource = resource
    version = build.version
  }

  /// `host:port`, without a scheme that configurations may put before it.
  static func target(_ config: TracingConfig) -> String {
    var endpoint = config.endpoint.isEmpty ? "localhost:4317" : config.endpoint
    for scheme in ["http://", "https://"] where endpoint.hasPrefix(scheme) { endpoint.removeFirst(scheme.count) }
    return endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
  }

  func send(_ spans: [FinishedSpan]) async throws {
    let message = OTLPMessage.encode(spans, resource: resource, scopeVersion: version)
    let timeoutMs = options.timeoutMs > 0 ? Int(clamping: options.timeoutMs) : 10_000
    do {
      // What the answer says of spans that were refused one by one is for people who debug collectors.
      _ = try await openChannel().unary(path: Self.path, message: message, metadata: metadata, timeoutMs: timeoutMs)
    } catch let status as GRPCStatus {
      let retryable: Set<GRPCStatus.Code> = [
        .cancelled, .deadlineExceeded, .aborted, .outOfRange, .unavailable, .dataLoss, .resourceExhausted,
      ]
      throw SpanSendError(
        isRetryable: retryable.contains(status.code), retryAfterMs: nil, description: "\(target): \(status)")
    } catch let error as TransportError {
      throw SpanSendError(
        isRetryable: error.code != .argument && error.code != .tls, retryAfterMs: nil,
        description: "\(target): \(error)")
    }
  }

  private func openChannel() throws -> GRPCChannel {
    try channel.withLock { channel in
      if let channel { return channel }
      var channelOptions = GRPCChannelOptions(loops: try EventLoopGroup(count: 1))
      channelOptions.resolver = try DNSResolver()
      channelOptions.compression = options.usesGzip ? .gzip : .identity
      channelOptions.userAgent = "apus/\(version)"
      if options.reconnectionMs > 0 { channelOptions.backoff.maxMs = Int(clamping: options.reconnectionMs) }
      if !options.isInsecure, !options.endpoint.hasPrefix("http://") {
        var tls = TLSOptions()
        tls.authorityFile = options.tls.caFile
        tls.certificateFile = options.tls.certificateFile
        tls.keyFile = options.tls.keyFile
        tls.serverName = options.tls.serverName
        tls.skipsVerification = options.tls.insecureSkipVerify
        channelOptions.tls = tls
      }
      let made = try GRPCChannel(target: target, options: channelOptions)
      channel = made
      return made
    }
  }
}
