// Flags that components share, under Thanos' names and with its defaults.
public import Observability

/// Tables of flags for the commands of components.
public enum CommonFlags {
  /// How logs are written, which every command has.
  public static let logging = [
    FlagSpec("debug.name", .string, "Name of this process, put on every line of the log.", hidden: true),
    FlagSpec(
      "log.level", .enumeration(["error", "warn", "info", "debug"]), "Least important events that are logged.",
      default: "info"),
    FlagSpec(
      "log.format", .enumeration(["logfmt", "json", "journald"]), "Form of the log's lines.", default: "logfmt"),
  ]

  /// Where spans go, which every command has.
  public static let tracing = PathOrContent("tracing.config", substitutesEnvironment: true)
    .flags("YAML that says where traces go. See https://thanos.io/tip/thanos/tracing.md/#configuration for its form.")

  /// How memory is bounded, which every command has.
  public static let memory = [
    FlagSpec(
      "enable-auto-gomemlimit", .bool,
      "Take the bound of all buffers from the memory limit of the container, or else of the system."),
    FlagSpec(
      "auto-gomemlimit.ratio", .double, "Share of the memory limit that buffers may take, above 0 and at most 1.",
      default: "0.9"),
  ]

  /// Flags that stand before or after any command.
  public static let global = logging + tracing + memory

  /// The HTTP server.
  public static let http = [
    FlagSpec(
      "http-address", .string, "Address (host:port) that HTTP is served on: API, pages, metrics, probes.",
      default: "0.0.0.0:10902"),
    FlagSpec(
      "http-grace-period", .duration, "How long requests may go on after the process was asked to end.", default: "2m"),
    FlagSpec(
      "http.config", .string,
      "[EXPERIMENTAL] Path of a file that turns on TLS or asks for passwords on all HTTP paths.", default: ""),
  ]

  /// The gRPC server.
  public static let grpcServer = [
    FlagSpec(
      "grpc-address", .string, "Address (ip:port) that gRPC is served on: the StoreAPI and what goes with it.",
      default: "0.0.0.0:10901"),
    FlagSpec(
      "grpc-server-tls-cert", .string, "Certificate of the gRPC server; without one there is no TLS.", default: ""),
    FlagSpec("grpc-server-tls-key", .string, "Key of the gRPC server's certificate.", default: ""),
    FlagSpec(
      "grpc-server-tls-client-ca", .string,
      "Authorities that must vouch for clients' certificates; without them clients need none.", default: ""),
    FlagSpec(
      "grpc-server-tls-min-version", .enumeration(["1.0", "1.1", "1.2", "1.3"]),
      "Lowest version of TLS that clients may speak.", default: "1.3"),
    FlagSpec(
      "grpc-server-tls-ciphers", .string,
      "Cipher suites that clients may choose, by the names of Go's crypto/tls; may be given several times.",
      repeatable: true),
    FlagSpec(
      "grpc-server-tls-curves", .string,
      "Curves that clients may choose: CurveP256, CurveP384, CurveP521, X25519; may be given several times.",
      repeatable: true),
    FlagSpec(
      "grpc-server-max-connection-age", .goDuration,
      "Age at which a gRPC connection is asked to go, so that clients spread over servers again.", default: "60m"),
    FlagSpec(
      "grpc-grace-period", .goDuration, "How long gRPC calls may go on after the process was asked to end.",
      default: "2m"),
  ]

  /// The pair of flags for what is logged of requests.
  public static let requestLoggingSource = PathOrContent("request.logging-config", substitutesEnvironment: true)

  /// What is logged of requests.
  public static let requestLogging = requestLoggingSource.flags("YAML that says which requests are logged.")

  /// The pair of flags for where spans go.
  public static let tracingSource = PathOrContent("tracing.config", substitutesEnvironment: true)
}

extension Logger {
  /// The logger that the flags of `CommonFlags.logging` ask for. Throws `.unsupported` for journald.
  public init(_ command: ParsedCommand, sink: any LogSink = DescriptorSink.standardError) throws(ConfigurationError) {
    let format: LogFormat
    switch command.text("log.format") ?? "logfmt" {
    case "json": format = .json
    case "journald":
      throw ConfigurationError(
        .unsupported,
        "--log.format=journald is not supported: write logfmt or JSON to standard error, which the journal collects")
    default: format = .logfmt
    }
    let level = LogLevel(name: command.text("log.level") ?? "info") ?? .info
    let logger = Logger(level: level, format: format, sink: sink)
    let name = command.text("debug.name") ?? ""
    self = name.isEmpty ? logger : logger.with(("name", .string(name)))
  }
}
