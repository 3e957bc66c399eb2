// `--http.config`: the web configuration file that exporters, Prometheus and Thanos share. It holds for every path of a
// component's HTTP address, metrics and probes included.

/// TLS, header fields, users and rate of a component's HTTP server.
public struct WebConfig: Sendable {
  /// TLS of the server.
  public struct TLS: Sendable {
    /// A certificate, a key or a list of authorities: as text or as a file.
    public enum Source: Sendable, Equatable {
      /// PEM text.
      case text(String)
      /// Path of a PEM file.
      case file(String)
    }

    /// What is asked of clients.
    public enum ClientAuthentication: String, Sendable, CaseIterable {
      /// Nothing.
      case none = "NoClientCert"
      /// A certificate, of which nothing is checked; none is fine.
      case request = "RequestClientCert"
      /// A certificate, of which nothing is checked.
      case requireAny = "RequireAnyClientCert"
      /// A certificate that an authority vouches for; none is fine.
      case verifyIfGiven = "VerifyClientCertIfGiven"
      /// A certificate that an authority vouches for.
      case requireAndVerify = "RequireAndVerifyClientCert"
    }

    /// Versions of TLS.
    public enum Version: String, Sendable, CaseIterable, Comparable {
      /// TLS 1.0.
      case tls10 = "TLS10"
      /// TLS 1.1.
      case tls11 = "TLS11"
      /// TLS 1.2.
      case tls12 = "TLS12"
      /// TLS 1.3.
      case tls13 = "TLS13"

      /// The older one first.
      public static func < (a: Version, b: Version) -> Bool { a.rawValue < b.rawValue }
    }

    /// The server's certificate and those between it and its authority.
    public var certificate: Source
    /// Its key.
    public var key: Source
    /// Who may vouch for clients.
    public var clientAuthorities: Source?
    /// What is asked of clients.
    public var clientAuthentication: ClientAuthentication
    /// Names of which a client's certificate must carry one; any where empty.
    public var allowedClientNames: [String]
    /// Suites for TLS 1.2 and older, by Go's names; the library's own choice where empty.
    public var cipherSuites: [String]
    /// Curves by Go's names, the best first; the library's own choice where empty.
    public var curves: [String]
    /// Oldest version.
    public var minVersion: Version
    /// Newest version.
    public var maxVersion: Version
    /// The server chooses among the suites that both know.
    public var prefersServerCipherSuites: Bool
  }

  /// How many requests are let in.
  public struct RateLimit: Sendable, Equatable {
    /// So many at once.
    public var burst: Int64
    /// One more after each of these, nanoseconds.
    public var intervalNs: Int64
  }

  /// TLS; nil where the server speaks without.
  public private(set) var tls: TLS?
  /// Whether HTTP/2 is spoken (over TLS).
  public private(set) var allowsHTTP2 = true
  /// Fields of every answer.
  public private(set) var headers: [(name: String, value: String)] = []
  /// How many requests are let in; nil for all.
  public private(set) var rateLimit: RateLimit?
  /// Users with the bcrypt hashes of their passwords. Whoever accepts this configuration must ask for them.
  public private(set) var users: [(name: String, hash: String)] = []

  /// Suites that can be chosen, as Go calls them.
  static let cipherSuites: Set<String> = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  ]
  private static let curves: Set<String> = ["CurveP256", "CurveP384", "CurveP521", "X25519"]
  /// Fields that can be set, with the values that are allowed; any where there are none.
  private static let headerValues: [String: [String]] = [
    "Strict-Transport-Security": [], "X-Content-Type-Options": ["nosniff"],
    "X-Frame-Options": ["deny", "sameorigin"], "X-XSS-Protection": [], "Content-Security-Policy": [],
  ]

  /// Nothing configured: no TLS, no users.
  public init() {}

  /// Reads the file at `path`; nothing is configured where it is empty. Throws in the words of the Go library.
  public static func file(_ path: String) throws(ConfigurationError) -> WebConfig {
    if path.isEmpty { return WebConfig() }
    let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? ""
    return try WebConfig(try readConfigurationFile(path, bytesMax: 1 << 20), folder: folder)
  }

  /// Reads the YAML of a web configuration. Relative paths in it count from `folder`.
  public init(_ yaml: [UInt8], folder: String = "") throws(ConfigurationError) {
    let problems = YAMLProblems()
    var root = YAMLFields(try YAMLDocument(yaml).root, as: "web.Config", problems)
    let tlsFields = root.fields("tls_server_config", as: "web.TLSConfig")
    let tls = try Self.tls(tlsFields, folder)
    var http = root.fields("http_server_config", as: "web.HTTPConfig")
    allowsHTTP2 = http.bool("http2") ?? true
    headers = http.stringMap("headers") ?? []
    http.finish()
    var rate = root.fields("rate_limit", as: "web.RateLimiterConfig")
    let burst = rate.int("burst") ?? 0
    let intervalNs = rate.goDurationNs("interval") ?? 0
    rate.finish()
    users = (root.stringMap("basic_auth_users") ?? []).map { (name: $0.name, hash: $0.value) }
    root.finish()
    try problems.check()

    self.tls = try tls?.checked()
    if burst > 0, intervalNs > 0 { rateLimit = RateLimit(burst: burst, intervalNs: intervalNs) }
    for (name, value) in headers {
      guard let allowed = Self.headerValues[name] else {
        throw ConfigurationError(.value, "HTTP header \(quoted(name)) can not be configured")
      }
      guard allowed.isEmpty || allowed.contains(value) else {
        throw ConfigurationError(
          .value,
          "invalid value for \(name). Expected one of: [\(allowed.map(quoted).joined(separator: " "))], but got: \(quoted(value))"
        )
      }
    }
    for user in users { try Self.checkHash(user.hash) }
  }

  /// TLS as it was given, not yet judged.
  private struct Draft {
    var certificate: TLS.Source?
    var key: TLS.Source?
    var authorities: TLS.Source?
    var hasBoth: String?
    var authentication: String
    var names: [String]
    var suites: [String]
    var curves: [String]
    var min: String
    var max: String
    var prefersServer: Bool

    func checked() throws(ConfigurationError) -> TLS? {
      func refuse(_ message: String) -> ConfigurationError { ConfigurationError(.value, message) }
      if let hasBoth { throw refuse("cannot specify both \(hasBoth) and \(hasBoth)_file") }
      // A section that sets neither certificate nor anything about clients is the same as none.
      if certificate == nil, key == nil, authorities == nil, authentication.isEmpty { return nil }
      guard let certificate else { throw refuse("missing one of cert or cert_file") }
      guard let key else { throw refuse("missing one of key or key_file") }
      guard
        let authentication = authentication.isEmpty
          ? TLS.ClientAuthentication.none : TLS.ClientAuthentication(rawValue: authentication)
      else { throw refuse("Invalid ClientAuth: \(self.authentication)") }
      if authorities != nil, authentication == .none {
        throw refuse("Client CA's have been configured without a Client Auth Policy")
      }
      for suite in suites where !WebConfig.cipherSuites.contains(suite) { throw refuse("unknown cipher: \(suite)") }
      for curve in curves where !WebConfig.curves.contains(curve) { throw refuse("unknown curve: \(curve)") }
      guard let minVersion = TLS.Version(rawValue: min) else { throw refuse("unknown TLS version: \(min)") }
      guard let maxVersion = TLS.Version(rawValue: max) else { throw refuse("unknown TLS version: \(max)") }
      if minVersion > maxVersion { throw refuse("min_version \(min) is newer than max_version \(max)") }
      return TLS(
        certificate: certificate, key: key, clientAuthorities: authorities, clientAuthentication: authentication,
        allowedClientNames: names, cipherSuites: suites, curves: curves, minVersion: minVersion, maxVersion: maxVersion,
        prefersServerCipherSuites: prefersServer)
    }
  }

  private static func tls(_ given: YAMLFields, _ folder: String) throws(ConfigurationError) -> Draft? {
    var fields = given
    var hasBoth: String?
    func source(_ name: String) -> TLS.Source? {
      let text = fields.string(name) ?? ""
      let file = fields.string("\(name)_file") ?? ""
      if !text.isEmpty, !file.isEmpty { hasBoth = name }
      if !file.isEmpty { return .file(file.hasPrefix("/") || folder.isEmpty ? file : "\(folder)/\(file)") }
      return text.isEmpty ? nil : .text(text)
    }
    let certificate = source("cert")
    let key = source("key")
    // The one with two words: client_ca, client_ca_file.
    let authorities = source("client_ca")
    let draft = Draft(
      certificate: certificate, key: key, authorities: authorities, hasBoth: hasBoth,
      authentication: fields.string("client_auth_type") ?? "", names: fields.strings("client_allowed_sans") ?? [],
      suites: fields.strings("cipher_suites", as: "[]web.Cipher") ?? [],
      curves: fields.strings("curve_preferences", as: "[]web.Curve") ?? [],
      min: fields.string("min_version") ?? "TLS12", max: fields.string("max_version") ?? "TLS13",
      prefersServer: fields.bool("prefer_server_cipher_suites") ?? true)
    fields.finish()
    return given.isPresent ? draft : nil
  }

  /// Whether `hash` looks like one of bcrypt: `$2y$10$` and 53 characters.
  private static func checkHash(_ hash: String) throws(ConfigurationError) {
    func refuse(_ message: String) -> ConfigurationError { ConfigurationError(.value, "crypto/bcrypt: \(message)") }
    let bytes = Array(hash.utf8)
    guard bytes.count >= 59 else { throw refuse("hashedSecret too short to be a bcrypted password") }
    guard bytes[0] == UInt8(ascii: "$") else {
      throw refuse("bcrypt hashes must start with '$', but hashedSecret started with '\(hash.prefix(1))'")
    }
    guard bytes[1] <= UInt8(ascii: "2") else {
      let version = String(decoding: bytes[1..<2], as: UTF8.self)
      throw refuse("bcrypt algorithm version '\(version)' requested is newer than current version '2'")
    }
    let start = bytes[2] == UInt8(ascii: "$") ? 3 : 4
    guard let cost = Int(String(decoding: bytes[start..<start + 2], as: UTF8.self)) else {
      throw refuse("the cost of a hash is not a number")
    }
    guard (4...31).contains(cost) else { throw refuse("cost \(cost) is outside allowed inclusive range 4..31") }
  }
}
