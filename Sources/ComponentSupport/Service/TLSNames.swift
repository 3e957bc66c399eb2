// Names of ciphers and curves: configurations use those of Go's crypto/tls, OpenSSL has its own.
public import Transport

extension TLSOptions {
  /// Sets the lowest version by the names of flags: `1.0` up to `1.3`, which is what others stand for.
  public mutating func setMinVersion(_ name: String) {
    switch name {
    case "1.0": minVersion = .tls1_0
    case "1.1": minVersion = .tls1_1
    case "1.2": minVersion = .tls1_2
    default: minVersion = .tls1_3
    }
  }

  /// Suites up to TLS 1.2 that Go knows and OpenSSL still has, by Go's name.
  private static let openSSLNames: [String: String] = [
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
  ]

  private static let suitesOfTLS13: Set<String> = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
  ]

  private static let curveNames: [String: String] = [
    "CurveP256": "P-256", "CurveP384": "P-384", "CurveP521": "P-521", "X25519": "X25519",
  ]

  /// Sets the cipher suites by Go's names; none leaves OpenSSL's choice. Throws `.value` for an unknown name. As in Go,
  /// suites of TLS 1.3 cannot be chosen: naming them changes nothing.
  public mutating func setCipherSuites(_ names: [String]) throws(ConfigurationError) {
    var chosen: [String] = []
    for name in names {
      if let known = Self.openSSLNames[name] {
        chosen.append(known)
      } else if !Self.suitesOfTLS13.contains(name) {
        throw ConfigurationError(.value, "unknown cipher suite: \(name)")
      }
    }
    ciphers = chosen
  }

  /// Sets the curves by Go's names; none leaves OpenSSL's choice. Throws `.value` for an unknown name.
  public mutating func setCurves(_ names: [String]) throws(ConfigurationError) {
    var chosen: [String] = []
    for name in names {
      guard let known = Self.curveNames[name] else { throw ConfigurationError(.value, "unknown curve: \(name)") }
      chosen.append(known)
    }
    curves = chosen
  }
}
