// `--tracing.config`: where spans go and which are taken.
public import Transport

/// Where spans go.
public struct TracingConfig: Sendable {
  /// Which traces are recorded.
  public enum Sampling: Sendable, Equatable {
    /// All.
    case always
    /// None.
    case never
    /// This share of the traces, by their id.
    case ratio(Double)
    /// At most so many a second.
    case rateLimit(Double)
    /// As the caller decided; without a caller as said.
    indirect case parentBased(Sampling)
  }

  /// How spans travel.
  public enum Form: Sendable, Equatable {
    /// OTLP as protobuf over HTTP.
    case otlpHTTP
    /// OTLP over gRPC.
    case otlpGRPC
    /// As Jaeger's clients were configured: a collector's URL, or an agent.
    case jaeger
  }

  /// How tries are repeated.
  public struct Retry: Sendable, Equatable {
    /// Whether they are.
    public var isEnabled: Bool
    /// First pause, milliseconds.
    public var initialIntervalMs: Int64
    /// Longest pause, milliseconds.
    public var maxIntervalMs: Int64
    /// How long in all, milliseconds.
    public var maxElapsedMs: Int64
  }

  /// How spans travel.
  public var form: Form
  /// The name of the service; empty for the component's own.
  public var serviceName: String
  /// Attributes of all spans, in the order of the document.
  public var resourceAttributes: [(name: String, value: String)] = []
  /// Where they go: `host:port`, or a URL for Jaeger's collector.
  public var endpoint: String
  /// The path of the URL, empty for `/v1/traces`.
  public var urlPath = ""
  /// No TLS.
  public var isInsecure = false
  /// Compressed by gzip.
  public var usesGzip = false
  /// How long one try may take, milliseconds; 0 for the exporter's default.
  public var timeoutMs: Int64 = 0
  /// How long until a lost connection is tried again, milliseconds; 0 for the exporter's default.
  public var reconnectionMs: Int64 = 0
  /// How tries are repeated.
  public var retry = Retry(isEnabled: false, initialIntervalMs: 0, maxIntervalMs: 0, maxElapsedMs: 0)
  /// Fields added to each request.
  public var headers: [(name: String, value: String)] = []
  /// Whom the exporter trusts.
  public var tls = HTTPClientOptions.TLS()
  /// Which traces are recorded.
  public var sampling = Sampling.parentBased(.ratio(1))
  /// User and password of Jaeger's collector, empty where it wants none.
  public var basicAuthentication: (user: String, password: String) = ("", "")
  /// Most spans that wait to be sent; 0 for the exporter's default.
  public var queueSizeMax = 0
  /// Host of Jaeger's agent, which spans go to where there is no endpoint.
  public var agentHost = ""
  /// Its port.
  public var agentPort = 0
  /// How often waiting spans are sent, milliseconds; 0 for the exporter's default.
  public var flushIntervalMs: Int64 = 0

  /// Kinds of tracing that Thanos knows and Apus has not.
  public static let unsupportedTypes = ["GOOGLE_CLOUD", "STACKDRIVER", "ELASTIC_APM", "LIGHTSTEP"]

  /// Reads the YAML of `--tracing.config`. Throws in Thanos' words: `tracing with type NOPE is not supported`; `.unsupported`
  /// for a kind that Thanos has and Apus has not.
  public init(_ yaml: [UInt8]) throws(ConfigurationError) {
    let problems = YAMLProblems()
    let type: String
    let config: YAMLNode?
    do {
      var root = YAMLFields(try YAMLDocument(yaml).root, as: "client.TracingConfig", problems)
      type = root.string("type") ?? ""
      config = root.take("config")
      root.finish()
      try problems.check()
    } catch {
      throw error.within("parsing config tracing YAML")
    }
    let inner = YAMLProblems()
    switch type.uppercased() {
    case "OTLP":
      self.init(form: .otlpGRPC)
      try readOTLP(YAMLFields(config, as: "otlp.Config", strict: false, inner))
    case "JAEGER":
      self.init(form: .jaeger)
      try readJaeger(YAMLFields(config, as: "jaeger.Config", strict: false, inner))
    case let known where Self.unsupportedTypes.contains(known):
      throw ConfigurationError(
        .unsupported, "tracing with type \(known) is not supported by Apus; supported: OTLP, JAEGER")
    default:
      throw ConfigurationError(.value, "tracing with type \(type) is not supported")
    }
    try inner.check()
  }

  private init(form: Form) {
    self.form = form
    serviceName = ""
    endpoint = ""
  }

  private mutating func readOTLP(_ given: YAMLFields) throws(ConfigurationError) {
    var fields = given
    switch fields.string("client_type") ?? "" {
    case "http": form = .otlpHTTP
    case "grpc": form = .otlpGRPC
    case let other:
      throw ConfigurationError(
        .value, "otlp: invalid client type \(quoted(other)): only 'http' and 'grpc' are accepted")
    }
    serviceName = fields.string("service_name") ?? ""
    resourceAttributes = fields.stringMap("resource_attributes") ?? []
    reconnectionMs = (fields.goDurationNs("reconnection_period") ?? 0) / 1_000_000
    switch fields.string("compression") ?? "" {
    case "", "none": usesGzip = false
    case "gzip": usesGzip = true
    case let other:
      throw ConfigurationError(.value, "otlp: compression \(quoted(other)) is not supported: only gzip is")
    }
    isInsecure = fields.bool("insecure") ?? false
    endpoint = fields.string("endpoint") ?? ""
    urlPath = fields.string("url_path") ?? ""
    timeoutMs = (fields.goDurationNs("timeout") ?? 0) / 1_000_000
    var retry = fields.fields("retry_config", as: "otlp.retryConfig")
    self.retry = Retry(
      isEnabled: retry.bool("retry_enabled") ?? false,
      initialIntervalMs: (retry.goDurationNs("retry_initial_interval") ?? 0) / 1_000_000,
      maxIntervalMs: (retry.goDurationNs("retry_max_interval") ?? 0) / 1_000_000,
      maxElapsedMs: (retry.goDurationNs("retry_max_elapsed_time") ?? 0) / 1_000_000)
    headers = fields.stringMap("headers") ?? []
    tls = HTTPClientConfig.tls(fields.fields("tls_config", as: "exthttp.TLSConfig"))
    sampling = try Self.sampling(fields.string("sampler_type") ?? "", fields.string("sampler_param") ?? "")
  }

  private static func sampling(_ type: String, _ parameter: String) throws(ConfigurationError) -> Sampling {
    func ratio() throws(ConfigurationError) -> Sampling {
      guard let value = Double(parameter) else {
        throw ConfigurationError(.value, "otlp: sampler_param \(quoted(parameter)) is not a number")
      }
      return .ratio(value)
    }
    switch type.lowercased() {
    case "": return .parentBased(.ratio(1))
    case "alwayssample": return .always
    case "neversample": return .never
    case "traceidratiobased": return try ratio()
    case "parentbasedalwayssample": return .parentBased(.always)
    case "parentbasedneversample": return .parentBased(.never)
    case "parentbasedtraceidratiobased": return .parentBased(try ratio())
    default: throw ConfigurationError(.value, "otlp: sampler type \(quoted(type)) is not supported")
    }
  }

  private mutating func readJaeger(_ given: YAMLFields) throws(ConfigurationError) {
    var fields = given
    serviceName = fields.string("service_name") ?? ""
    // name=value,name=${VARIABLE:default}
    for tag in (fields.string("tags") ?? "").split(separator: ",") {
      guard let equals = tag.firstIndex(of: "=") else {
        throw ConfigurationError(.value, "jaeger: tag \(quoted(String(tag))) is not name=value")
      }
      let name = trimmed(tag[..<equals])
      let value = trimmed(tag[tag.index(after: equals)...])
      resourceAttributes.append((name, Self.tagValue(value)))
    }
    let parameter = fields.double("sampler_param")
    switch fields.string("sampler_type") ?? "" {
    // Jaeger's own default asks its agent; without one, the share is the initial rate.
    case "", "remote": sampling = .parentBased(.ratio(fields.double("initial_sampler_rate") ?? parameter ?? 0.001))
    case "const": sampling = .parentBased((parameter ?? 0) == 0 ? .never : .always)
    case "probabilistic": sampling = .parentBased(.ratio(parameter ?? 0))
    case "ratelimiting": sampling = .parentBased(.rateLimit(parameter ?? 0))
    case let other: throw ConfigurationError(.value, "jaeger: unknown sampler type \(quoted(other))")
    }
    queueSizeMax = Int(clamping: max(0, fields.int("reporter_max_queue_size") ?? 0))
    flushIntervalMs = (fields.goDurationNs("reporter_flush_interval") ?? 0) / 1_000_000
    endpoint = fields.string("endpoint") ?? ""
    basicAuthentication = (fields.string("user") ?? "", fields.string("password") ?? "")
    agentHost = fields.string("agent_host") ?? "localhost"
    agentPort = Int(clamping: fields.int("agent_port") ?? 6831)
  }

  /// `${VARIABLE:default}` by the environment, everything else as it is.
  private static func tagValue(_ text: String) -> String {
    guard text.hasPrefix("${"), text.hasSuffix("}") else { return text }
    let inner = text.dropFirst(2).dropLast()
    let name = inner.prefix { $0 != ":" }
    if let value = environmentVariable(String(name)), !value.isEmpty { return value }
    return String(inner.dropFirst(name.count + 1))
  }
}

private func trimmed(_ text: Substring) -> String {
  let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
  var text = text.drop(while: isBlank)
  while let last = text.last, isBlank(last) { text.removeLast() }
  return String(text)
}
