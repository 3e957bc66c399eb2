// The servers of a component, as its flags describe them.
public import Transport

/// Addresses, TLS and grace of a component's servers.
public struct ServiceOptions: Sendable {
  /// Where HTTP is served.
  public var httpAddress: String
  /// How long HTTP requests may go on, milliseconds.
  public var httpGraceMs: Int
  /// `--http.config`
  public var web: WebConfig
  /// Where gRPC is served; nil for a component without it.
  public var grpcAddress: String?
  /// How long gRPC calls may go on, milliseconds.
  public var grpcGraceMs: Int
  /// TLS of the gRPC server.
  public var grpcTLS: TLSOptions?
  /// When a gRPC connection is asked to go, milliseconds; 0 for never.
  public var grpcConnectionAgeMs: Int
  /// The longest gRPC message that is read, bytes.
  public var grpcMessageBytes = 64 << 20
  /// How far clients may go.
  public var limits = TransportLimits()
  /// Threads that sockets live on.
  public var loopCount = 2
  /// What is logged of requests.
  public var requestLogging: RequestLoggingConfig

  /// Servers at these addresses with the defaults of the flags.
  public init(httpAddress: String = "0.0.0.0:10902", grpcAddress: String? = nil) {
    self.httpAddress = httpAddress
    httpGraceMs = 120_000
    web = WebConfig()
    self.grpcAddress = grpcAddress
    grpcGraceMs = 120_000
    grpcTLS = nil
    grpcConnectionAgeMs = 3_600_000
    requestLogging = RequestLoggingConfig()
  }

  /// What the flags of `CommonFlags.http`, `.requestLogging`, `.transport` and, with `grpc`, `.grpcServer` and `.grpcMessage`
  /// say. Throws `ConfigurationError`.
  public init(_ command: ParsedCommand, grpc: Bool) throws(ConfigurationError) {
    self.init(httpAddress: command.text("http-address") ?? "")
    httpGraceMs = Self.milliseconds(command.integer("http-grace-period"))
    limits = try TransportLimits(command)
    if let path = command.text("http.config"), !path.isEmpty { web = try WebConfig.file(path) }
    if let yaml = try CommonFlags.requestLoggingSource.content(of: command) {
      requestLogging = try RequestLoggingConfig(yaml)
    }
    guard grpc else { return }
    grpcAddress = command.text("grpc-address")
    grpcGraceMs = Self.milliseconds(command.integer("grpc-grace-period").map { $0 / 1_000_000 })
    grpcConnectionAgeMs = Self.milliseconds(command.integer("grpc-server-max-connection-age").map { $0 / 1_000_000 })
    grpcTLS = try Self.grpcTLS(command)
    if let bytes = command.integer("transport.message-bytes") {
      guard (1...Int64(Int32.max)).contains(bytes) else {
        throw ConfigurationError(.value, "--transport.message-bytes must be from 1 to \(Int32.max), not \(bytes)")
      }
      grpcMessageBytes = Int(bytes)
    }
  }

  private static func milliseconds(_ value: Int64?) -> Int { Int(clamping: max(0, value ?? 0)) }

  private static func grpcTLS(_ command: ParsedCommand) throws(ConfigurationError) -> TLSOptions? {
    let certificate = command.text("grpc-server-tls-cert") ?? ""
    let key = command.text("grpc-server-tls-key") ?? ""
    let authorities = command.text("grpc-server-tls-client-ca") ?? ""
    if certificate.isEmpty && key.isEmpty {
      guard authorities.isEmpty else {
        throw ConfigurationError(.value, "when a client CA is used a server key and certificate must also be provided")
      }
      return nil
    }
    guard !certificate.isEmpty, !key.isEmpty else {
      throw ConfigurationError(.value, "both server key and certificate must be provided")
    }
    var options = TLSOptions()
    options.certificateFile = certificate
    options.keyFile = key
    if !authorities.isEmpty {
      options.authorityFile = authorities
      options.clientAuthentication = .requireAndVerify
    }
    options.setMinVersion(command.text("grpc-server-tls-min-version") ?? "1.3")
    try options.setCipherSuites(command.texts("grpc-server-tls-ciphers"))
    try options.setCurves(command.texts("grpc-server-tls-curves"))
    return options
  }
}
