// Certificates, and what peers must show.
internal import CTransport

/// What a server asks of its clients; the names are those of Go and of Prometheus' configuration.
public enum ClientAuthentication: String, Sendable, CaseIterable {
  /// Nothing.
  case none = "NoClientCert"
  /// A certificate, if there is one; it is not verified.
  case request = "RequestClientCert"
  /// A certificate; it is not verified.
  case requireAny = "RequireAnyClientCert"
  /// A certificate is verified if there is one.
  case verifyIfGiven = "VerifyClientCertIfGiven"
  /// A verified certificate.
  case requireAndVerify = "RequireAndVerifyClientCert"

  fileprivate var forC: transport_client_auth {
    switch self {
    case .none: TRANSPORT_NO_CLIENT_CERT
    case .request: TRANSPORT_REQUEST_CLIENT_CERT
    case .requireAny: TRANSPORT_REQUIRE_ANY_CLIENT_CERT
    case .verifyIfGiven: TRANSPORT_VERIFY_CLIENT_CERT_IF_GIVEN
    case .requireAndVerify: TRANSPORT_REQUIRE_AND_VERIFY_CLIENT_CERT
    }
  }
}

/// A version of TLS.
public enum TLSVersion: UInt16, Sendable, CaseIterable {
  /// TLS 1.0
  case tls1_0 = 0x0301
  /// TLS 1.1
  case tls1_1 = 0x0302
  /// TLS 1.2
  case tls1_2 = 0x0303
  /// TLS 1.3
  case tls1_3 = 0x0304
}

/// TLS of one side of a connection. Files are PEM; servers read them again when they change.
public struct TLSOptions: Sendable {
  /// The certificate with its chain. A server must have one.
  public var certificateFile: String?
  /// Its key.
  public var keyFile: String?
  /// Who may have signed the peer's certificate. A client without it trusts the system's authorities.
  public var authorityFile: String?
  /// What a server asks of its clients.
  public var clientAuthentication = ClientAuthentication.none
  /// A client: the name to ask for and to verify; by default the host it connects to.
  public var serverName: String?
  /// A client takes any certificate.
  public var skipsVerification = false
  /// The lowest version, by default TLS 1.2.
  public var minVersion: TLSVersion?
  /// The highest version, by default TLS 1.3.
  public var maxVersion: TLSVersion?
  /// Ciphers up to TLS 1.2 by OpenSSL's names; empty: OpenSSL's default.
  public var ciphers: [String] = []
  /// Cipher suites of TLS 1.3; empty: OpenSSL's default.
  public var cipherSuites: [String] = []
  /// Curves by OpenSSL's names; empty: OpenSSL's default.
  public var curves: [String] = []
  /// A server's order of ciphers counts, not the client's.
  public var prefersServerCiphers = false
  /// Whether HTTP/2 is offered by ALPN.
  public var offersHTTP2 = true

  /// Nothing given.
  public init() {}
}

/// A context that connections are made of.
@safe final class TLSContext: @unchecked Sendable {
  /// Counted and locked by C.
  let handle: OpaquePointer

  /// Reads all files. Throws `.tls`.
  init(_ options: TLSOptions, isClient: Bool) throws(TransportError) {
    if !isClient && (options.certificateFile == nil || options.keyFile == nil) {
      throw TransportError(.tls, "setting up TLS: a server needs a certificate file and a key file")
    }
    var error = [CChar](repeating: 0, count: 512)
    let made = unsafe Self.make(options, isClient: isClient, error: &error)
    guard let made = unsafe made else {
      let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw TransportError(.tls, "setting up TLS: \(text)")
    }
    unsafe handle = made
  }

  deinit { unsafe transport_tls_release(handle) }

  private static func make(_ options: TLSOptions, isClient: Bool, error: inout [CChar]) -> OpaquePointer? {
    let joined = { (names: [String]) in names.isEmpty ? nil : names.joined(separator: ":") }
    return unsafe withOptionalCString(options.certificateFile) { certificate in
      unsafe withOptionalCString(options.keyFile) { key in
        unsafe withOptionalCString(options.authorityFile) { authority in
          unsafe withOptionalCString(options.serverName) { name in
            unsafe withOptionalCString(joined(options.ciphers)) { ciphers in
              unsafe withOptionalCString(joined(options.cipherSuites)) { suites in
                unsafe withOptionalCString(joined(options.curves)) { curves in
                  var forC = unsafe transport_tls_options(
                    is_client: isClient, certificate_file: certificate, key_file: key, ca_file: authority,
                    server_name: name, client_auth: options.clientAuthentication.forC,
                    skips_verification: options.skipsVerification, min_version: options.minVersion?.rawValue ?? 0,
                    max_version: options.maxVersion?.rawValue ?? 0, ciphers: ciphers, cipher_suites: suites,
                    curves: curves, prefers_server_ciphers: options.prefersServerCiphers,
                    offers_http2: options.offersHTTP2, offers_http1: true)
                  return unsafe transport_tls_new(&forC, &error, error.count)
                }
              }
            }
          }
        }
      }
    }
  }
}

/// Shows a text, if there is one, as C wants it.
private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
  guard let text else { return body(nil) }
  return unsafe text.withCString { unsafe body($0) }
}
