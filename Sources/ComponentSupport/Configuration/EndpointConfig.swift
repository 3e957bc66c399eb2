// `--endpoint.sd-config` and files of addresses: which stores a component asks.

/// How a client speaks to a store.
public struct EndpointClientConfig: Sendable, Equatable {
  /// Whether it speaks TLS.
  public var usesTLS = false
  /// Whether any certificate will do.
  public var skipsVerification = false
  /// Its certificate; empty for none.
  public var certificateFile = ""
  /// Its key.
  public var keyFile = ""
  /// Who must have signed the store's certificate; empty: the system's authorities.
  public var authorityFile = ""
  /// The lowest version of TLS: `1.0` up to `1.3`.
  public var minVersion = "1.3"
  /// The name in the store's certificate; empty: that of its address.
  public var serverName = ""
  /// Whether messages are compressed by snappy.
  public var usesSnappy = false

  /// Plain text.
  public init() {}

  /// Whether anything was said about TLS.
  fileprivate var saysTLS = false
}

/// The YAML of `--endpoint.sd-config`.
public struct EndpointConfig: Sendable {
  /// One entry.
  public struct Endpoint: Sendable {
    /// `host:port`, or a name with how it is looked up before it.
    public var address: String
    /// Whether it is asked whatever its state.
    public var isStrict: Bool
    /// Whether its addresses are one endpoint.
    public var isGroup: Bool
    /// How it is spoken to.
    public var client: EndpointClientConfig
  }

  /// How endpoints are spoken to that say nothing of it.
  public var defaultClient: EndpointClientConfig
  /// The entries, in their order.
  public var endpoints: [Endpoint] = []

  /// Reads the YAML; `flags` is what the flags say of clients. Throws `ConfigurationError`.
  public init(_ yaml: [UInt8], flags: EndpointClientConfig) throws(ConfigurationError) {
    do throws(ConfigurationError) {
      let problems = YAMLProblems()
      var root = YAMLFields(try YAMLDocument(yaml).root, as: "EndpointConfig", strict: false, problems)
      var fallback = root.fields("default_client_config", as: "clientConfig", strict: false)
      defaultClient = Self.client(&fallback, over: flags)
      for element in root.elements("endpoints", as: "[]EndpointSpec") ?? [] {
        var entry = YAMLFields(element, as: "EndpointSpec", strict: false, problems)
        let address = entry.string("address") ?? ""
        guard !address.isEmpty else {
          throw ConfigurationError(.value, "an endpoint has no address")
        }
        var client = entry.fields("client_config", as: "clientConfig", strict: false)
        var own = Self.client(&client, over: defaultClient)
        // Compression counts only beside TLS settings of the entry's own.
        if !own.saysTLS { own.usesSnappy = flags.usesSnappy }
        if let service = entry.string("service_config"), !service.isEmpty {
          throw ConfigurationError(
            .unsupported,
            "endpoint \(address): service_config is not supported; calls go to the addresses of a group by turns")
        }
        let endpoint = Endpoint(
          address: address, isStrict: entry.bool("strict") ?? false, isGroup: entry.bool("group") ?? false, client: own)
        if endpoint.isStrict, !endpoint.isGroup, address.contains("+") {
          throw ConfigurationError(
            .value,
            "\(address) is a dynamically specified endpoint i.e. it uses SD and that is not permitted under strict mode"
          )
        }
        endpoints.append(endpoint)
      }
      try problems.check()
    } catch {
      throw error.within("parsing endpoint configuration")
    }
  }

  private static func client(_ fields: inout YAMLFields, over base: EndpointClientConfig) -> EndpointClientConfig {
    var client = base
    client.saysTLS = false
    var tls = fields.fields("tls_config", as: "TLSConfiguration", strict: false)
    var hasFiles = false
    func take(_ name: String, _ set: (String) -> Void) {
      guard let text = tls.string(name) else { return }
      set(text)
      client.saysTLS = true
      if !text.isEmpty { hasFiles = true }
    }
    take("cert_file") { client.certificateFile = $0 }
    take("key_file") { client.keyFile = $0 }
    take("ca_file") { client.authorityFile = $0 }
    if let skips = tls.bool("insecure_skip_verify") {
      (client.skipsVerification, client.saysTLS) = (skips, true)
      hasFiles = hasFiles || skips
    }
    if let version = tls.string("min_version") { (client.minVersion, client.saysTLS) = (version, true) }
    if hasFiles { client.usesTLS = true }
    if let enabled = tls.bool("enabled") { (client.usesTLS, client.saysTLS) = (enabled, true) }
    if let name = fields.string("server_name") { (client.serverName, client.saysTLS) = (name, true) }
    if let compression = fields.string("compression") { client.usesSnappy = compression == "snappy" }
    return client
  }

  /// The addresses in a file of targets: YAML or JSON, a list of `{targets: [host:port, …]}`. Throws `ConfigurationError`.
  public static func targets(_ yaml: [UInt8]) throws(ConfigurationError) -> [String] {
    let problems = YAMLProblems()
    var addresses: [String] = []
    for element in try YAMLDocument(yaml).root?.elements ?? [] {
      var group = YAMLFields(element, as: "targetgroup", strict: false, problems)
      addresses += group.strings("targets") ?? []
    }
    try problems.check()
    return addresses
  }
}
