// How batches of spans reach their receiver.
internal import Observability
internal import TSModel
internal import Transport

enum OTLPSenders {
  /// The sender that `config` describes. Throws `.value` where its address is not one, `.unsupported` for what Apus
  /// does not speak.
  static func sender(
    _ config: TracingConfig, component: String, build: BuildFacts
  ) throws(ConfigurationError) -> any SpanSender {
    switch config.form {
    case .otlpHTTP: return try OTLPHTTPSender(config, resource: resource(config, component, build), build: build)
    case .otlpGRPC: return OTLPGRPCSender(config, resource: resource(config, component, build), build: build)
    case .jaeger: return try OTLPHTTPSender(config, resource: resource(config, component, build), build: build)
    }
  }

  /// What all spans of the process have in common.
  private static func resource(
    _ config: TracingConfig, _ component: String, _ build: BuildFacts
  ) -> [(key: String, value: AttributeValue)] {
    let service = config.serviceName.isEmpty ? "thanos-\(component)" : config.serviceName
    return [
      ("service.name", .string(service)), ("service.version", .string(build.version)),
      ("telemetry.sdk.name", "apus"), ("telemetry.sdk.language", "swift"),
    ] + config.resourceAttributes.map { (key: $0.name, value: .string($0.value)) }
  }
}

/// OTLP over HTTP with protobuf bodies.
struct OTLPHTTPSender: SpanSender {
  private let client: HTTPClient
  private let url: String
  private let usesGzip: Bool
  private let resource: [(key: String, value: AttributeValue)]
  private let version: String

  init(
    _ config: TracingConfig, resource: [(key: String, value: AttributeValue)], build: BuildFacts
  ) throws(ConfigurationError) {
    url = try Self.url(config)
    usesGzip = config.usesGzip
    self.resource = resource
    version = build.version
    var options = HTTPClientOptions()
    options.tls = config.tls
    options.totalTimeoutMs = Int(clamping: config.timeoutMs > 0 ? config.timeoutMs : 10_000)
    options.bodyBytesMax = 1 << 20
    options.idleConnectionCountMax = 2
    options.followsRedirects = false
    options.userAgent = "Apus/\(build.version)"
    for (name, value) in config.headers { options.headers.add(name, value) }
    let (user, password) = config.basicAuthentication
    if !user.isEmpty { options.credentials = .basic(username: user, password: .text(password)) }
    client = HTTPClient(options: options)
  }

  /// `scheme://endpoint/path`. A Jaeger endpoint is a URL already, of a collector that takes OTLP.
  static func url(_ config: TracingConfig) throws(ConfigurationError) -> String {
    if config.form == .jaeger {
      guard config.endpoint.hasPrefix("http://") || config.endpoint.hasPrefix("https://") else {
        throw ConfigurationError(
          .unsupported,
          "tracing: Jaeger's agents are not supported: set endpoint to the OTLP URL of a collector, such as "
            + "http://jaeger:4318/v1/traces")
      }
      return config.endpoint
    }
    let endpoint = config.endpoint.isEmpty ? "localhost:4318" : config.endpoint
    let path = config.urlPath.isEmpty ? "/v1/traces" : config.urlPath
    let hasScheme = endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://")
    let base = hasScheme ? endpoint : (config.isInsecure ? "http://" : "https://") + endpoint
    return (base.hasSuffix("/") ? String(base.dropLast()) : base) + (path.hasPrefix("/") ? path : "/" + path)
  }

  func send(_ spans: [FinishedSpan]) async throws {
    var body = OTLPMessage.encode(spans, resource: resource, scopeVersion: version)
    var headers: HTTPHeaders = ["content-type": "application/x-protobuf"]
    if usesGzip {
      body = try ContentCoding.gzip.encode(body)
      headers.add("content-encoding", "gzip")
    }
    let response: HTTPClientResponse
    let answer: [UInt8]
    do {
      response = try await client.send(HTTPClientRequest("POST", url, headers: headers, body: .bytes(body)))
      answer = try await response.collect(limitBytes: 1 << 20)
    } catch let error as TransportError {
      throw SpanSendError(isRetryable: error.code != .argument, retryAfterMs: nil, description: "\(url): \(error)")
    }
    if (200..<300).contains(response.status) { return }
    let retryAfter = response.headers["retry-after"].flatMap { Int64($0) }.map { min(max(0, $0), 3600) * 1000 }
    throw SpanSendError(
      isRetryable: [429, 502, 503, 504].contains(response.status), retryAfterMs: retryAfter,
      description: "\(url) answers \(response.status)\(Self.reason(answer))")
  }

  /// The text of a `google.rpc.Status`, where the answer is one.
  private static func reason(_ answer: [UInt8]) -> String {
    let text = String(decoding: answer.prefix(200).filter { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
    return text.isEmpty ? "" : ": \(text)"
  }
}
