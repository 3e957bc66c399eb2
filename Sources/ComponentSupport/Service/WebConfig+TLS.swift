// TLS of a web configuration in terms of the transport.
internal import Transport

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

extension WebConfig {
  /// TLS of the server, or nil for none. Throws `.unsupported` for what the transport does not have, `.io` where text
  /// that stands in the configuration cannot be kept.
  func tlsOptions() throws(ConfigurationError) -> TLSOptions? {
    guard let tls else { return nil }
    guard tls.allowedClientNames.isEmpty else {
      throw ConfigurationError(.unsupported, "tls_server_config: client_allowed_sans is not supported")
    }
    var options = TLSOptions()
    options.certificateFile = try Self.file(tls.certificate)
    options.keyFile = try Self.file(tls.key)
    options.authorityFile = try tls.clientAuthorities.map { source throws(ConfigurationError) in try Self.file(source) }
    options.clientAuthentication = Transport.ClientAuthentication(rawValue: tls.clientAuthentication.rawValue) ?? .none
    options.minVersion = Self.version(tls.minVersion)
    options.maxVersion = Self.version(tls.maxVersion)
    options.prefersServerCiphers = tls.prefersServerCipherSuites
    options.offersHTTP2 = allowsHTTP2
    try options.setCipherSuites(tls.cipherSuites)
    try options.setCurves(tls.curves)
    return options
  }

  private static func version(_ version: TLS.Version) -> TLSVersion {
    switch version {
    case .tls10: .tls1_0
    case .tls11: .tls1_1
    case .tls12: .tls1_2
    case .tls13: .tls1_3
    }
  }

  /// The path of a source. Text goes to a file without a name that lives as long as the process.
  private static func file(_ source: TLS.Source) throws(ConfigurationError) -> String {
    switch source {
    case .file(let path): return path
    case .text(let text):
      let descriptor = unsafe open("/tmp", 0o20000000 | 0o200000 | O_RDWR | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw ConfigurationError(.io, "keeping a certificate: no unnamed file in /tmp") }
      let bytes = Array(text.utf8)
      var written = 0
      while written < bytes.count {
        let rest = bytes[written...]
        let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { throw ConfigurationError(.io, "keeping a certificate: cannot write to /tmp") }
        written += count
      }
      return "/proc/self/fd/\(descriptor)"
    }
  }
}
