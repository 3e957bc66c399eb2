// Clients of HTTP out of YAML, in the two forms that Thanos has: `http_config` of object stores, whose times are durations,
// and the HTTP client of `--prometheus.http-client`, `--query.config` and others, whose times are numbers of nanoseconds.
public import Transport

/// How a component speaks to a server of HTTP.
public struct HTTPClientConfig: Sendable {
  /// What the client is made with.
  public private(set) var options: HTTPClientOptions

  /// Idle connections to one host, at most. Kept for the record: the client bounds all idle connections together.
  public private(set) var idleConnectionsPerHostMax: Int

  /// Reads the YAML of `--prometheus.http-client`. Throws in Thanos' words.
  public init(_ yaml: [UInt8]) throws(ConfigurationError) {
    do {
      let problems = YAMLProblems()
      let fields = YAMLFields(try YAMLDocument(yaml).root, as: "clientconfig.HTTPClientConfig", problems)
      try self.init(fields)
      try problems.check()
    } catch {
      throw error.within("parsing http config YAML")
    }
  }

  /// Reads the fields of an HTTP client inside another document. Where `defaults` is false, times that are left out are none,
  /// as in `--query.config` and `--alertmanagers.config`.
  public init(_ fields: YAMLFields, defaults: Bool = true) throws(ConfigurationError) {
    var fields = fields
    options = HTTPClientOptions()
    var basic = fields.fields("basic_auth", as: "clientconfig.BasicAuth")
    let username = basic.string("username") ?? ""
    let password = Self.secret(basic.string("password"), file: basic.string("password_file"))
    basic.finish()
    let token = Self.secret(fields.string("bearer_token"), file: fields.string("bearer_token_file"))
    if let proxy = fields.string("proxy_url"), !proxy.isEmpty { options.proxy = .url(proxy) }
    options.tls = Self.tls(fields.fields("tls_config", as: "clientconfig.TLSConfig"))

    var transport = fields.fields("transport_config", as: "clientconfig.TransportConfig")
    func ms(_ name: String, _ defaultNs: Int64) -> Int {
      Int(clamping: (transport.int(name) ?? (defaults ? defaultNs : 0)) / 1_000_000)
    }
    func number(_ name: String, _ value: Int64) -> Int {
      Int(clamping: max(0, transport.int(name) ?? (defaults ? value : 0)))
    }
    options.idleConnectionCountMax = number("max_idle_conns", 100)
    idleConnectionsPerHostMax = number("max_idle_conns_per_host", 2)
    options.hostConnectionCountMax = number("max_conns_per_host", 0)
    options.idleTimeoutMs = ms("idle_conn_timeout", 90_000_000_000)
    options.responseHeaderTimeoutMs = ms("response_header_timeout", 0)
    options.expectContinueTimeoutMs = ms("expect_continue_timeout", 10_000_000_000)
    let handshakeMs = ms("tls_handshake_timeout", 10_000_000_000)
    let dialMs = ms("dialer_timeout", 5_000_000_000)
    options.connectTimeoutMs = dialMs == 0 || handshakeMs == 0 ? 0 : dialMs + handshakeMs
    options.acceptsCompression = !(transport.bool("disable_compression") ?? false)
    transport.finish()
    fields.finish()

    let hasBasic = basic.isPresent
    if hasBasic, token != nil {
      throw ConfigurationError(.value, "at most one of basic_auth, bearer_token & bearer_token_file must be configured")
    }
    if hasBasic { options.credentials = .basic(username: username, password: password ?? .text("")) }
    if let token { options.credentials = .bearer(token) }
  }

  /// Reads the `http_config` of an object store; what is left out has Thanos' defaults.
  public init(objectStore node: YAMLNode?, strict: Bool = true, _ problems: YAMLProblems) throws(ConfigurationError) {
    options = HTTPClientOptions()
    var fields = YAMLFields(node, as: "exthttp.HTTPConfig", strict: strict, problems)
    options.idleTimeoutMs = Int(clamping: try fields.prometheusDurationMs("idle_conn_timeout") ?? 90_000)
    options.responseHeaderTimeoutMs = Int(
      clamping: try fields.prometheusDurationMs("response_header_timeout") ?? 120_000)
    let skipsVerification = fields.bool("insecure_skip_verify")
    let handshakeMs = Int(clamping: try fields.prometheusDurationMs("tls_handshake_timeout") ?? 10_000)
    // Connecting itself has 30 s, as Go's dialer of these clients.
    options.connectTimeoutMs = handshakeMs == 0 ? 0 : 30_000 + handshakeMs
    options.expectContinueTimeoutMs = Int(clamping: try fields.prometheusDurationMs("expect_continue_timeout") ?? 1000)
    options.idleConnectionCountMax = Int(clamping: max(0, fields.int("max_idle_conns") ?? 100))
    idleConnectionsPerHostMax = Int(clamping: max(0, fields.int("max_idle_conns_per_host") ?? 100))
    options.hostConnectionCountMax = Int(clamping: max(0, fields.int("max_conns_per_host") ?? 0))
    options.tls = Self.tls(fields.fields("tls_config", as: "exthttp.TLSConfig"))
    // The outer one counts, whatever the inner one says.
    options.tls.insecureSkipVerify = skipsVerification ?? false
    options.acceptsCompression = !(fields.bool("disable_compression") ?? false)
    fields.finish()
  }

  /// `tls_config`: `ca_file`, `cert_file`, `key_file`, `server_name`, `insecure_skip_verify`.
  static func tls(_ fields: YAMLFields) -> HTTPClientOptions.TLS {
    var fields = fields
    func path(_ name: String) -> String? { fields.string(name).flatMap { $0.isEmpty ? nil : $0 } }
    let tls = HTTPClientOptions.TLS(
      caFile: path("ca_file"), certificateFile: path("cert_file"), keyFile: path("key_file"),
      serverName: path("server_name"), insecureSkipVerify: fields.bool("insecure_skip_verify") ?? false)
    fields.finish()
    return tls
  }

  private static func secret(_ text: String?, file: String?) -> HTTPClientOptions.Secret? {
    if let file, !file.isEmpty { return .file(file) }
    if let text, !text.isEmpty { return .text(text) }
    return nil
  }
}
