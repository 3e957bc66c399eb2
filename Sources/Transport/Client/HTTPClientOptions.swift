// How a client of HTTP connects, whom it trusts, how long it waits and how much it takes.

/// Options of an `HTTPClient`. Times are milliseconds, 0 standing for no limit.
public struct HTTPClientOptions: Sendable {
  /// Whom the client trusts and what it shows.
  public struct TLS: Sendable, Equatable {
    /// A file of certificates to trust instead of the system's, PEM.
    public var caFile: String?
    /// The client's own certificate, a PEM file. Read anew for each connection.
    public var certificateFile: String?
    /// Its key, a PEM file.
    public var keyFile: String?
    /// The name asked for and looked for in the server's certificate, instead of the host of the URL.
    public var serverName: String?
    /// Takes any certificate. Only for tests and for networks that are trusted otherwise.
    public var insecureSkipVerify: Bool
    /// Oldest version that is spoken: `TLS10` to `TLS13`.
    public var minVersion: Version

    /// Versions of TLS.
    public enum Version: String, Sendable, CaseIterable {
      /// TLS 1.0.
      case tls10 = "TLS10"
      /// TLS 1.1.
      case tls11 = "TLS11"
      /// TLS 1.2.
      case tls12 = "TLS12"
      /// TLS 1.3.
      case tls13 = "TLS13"
    }

    /// The system's certificates, no certificate of its own, TLS 1.2 and newer.
    public init(
      caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil,
      insecureSkipVerify: Bool = false, minVersion: Version = .tls12
    ) {
      self.caFile = caFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.serverName = serverName
      self.insecureSkipVerify = insecureSkipVerify
      self.minVersion = minVersion
    }
  }

  /// Whether requests go over a proxy.
  public enum Proxy: Sendable, Equatable {
    /// As `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment say; never for this machine itself.
    case environment
    /// Never.
    case none
    /// Always over this one: `http://user:password@host:3128`, also https and socks5.
    case url(String)
  }

  /// Which version of HTTP is spoken.
  public enum Version: Sendable {
    /// HTTP/2 where TLS agrees on it, else HTTP/1.1.
    case automatic
    /// HTTP/1.1.
    case http1
    /// HTTP/2, also without TLS (prior knowledge; with libcurl before 8.0 on one connection a request).
    case http2
  }

  /// A secret, or the file that holds it and is read for each request.
  public enum Secret: Sendable, Equatable {
    /// The secret itself.
    case text(String)
    /// Path of a file whose content, blanks at both ends left out, is the secret.
    case file(String)
  }

  /// Who the client says it is.
  public enum Credentials: Sendable, Equatable {
    /// Nobody.
    case none
    /// User and password (RFC 7617).
    case basic(username: String, password: Secret)
    /// A token (RFC 6750).
    case bearer(Secret)
  }

  /// Whom it trusts.
  public var tls = TLS()
  /// Over which proxy it goes.
  public var proxy = Proxy.environment
  /// Which version it speaks.
  public var version = Version.automatic
  /// Who it says it is.
  public var credentials = Credentials.none
  /// Fields added to each request that has none of the same name.
  public var headers = HTTPHeaders()
  /// The `user-agent` of requests that name none.
  public var userAgent = "Apus"

  /// From the first try to the connection, TLS included.
  public var connectTimeoutMs = 40_000
  /// From the request's last byte to the head of the answer.
  public var responseHeaderTimeoutMs = 0
  /// How long a body waits for `100 Continue`.
  public var expectContinueTimeoutMs = 1000
  /// From the request to the last byte of the answer.
  public var totalTimeoutMs = 0
  /// How long an unused connection is kept.
  public var idleTimeoutMs = 90_000

  /// Connections that are kept, at most.
  public var idleConnectionCountMax = 100
  /// Connections to one host, at most; 0 is no limit. Requests beyond wait.
  public var hostConnectionCountMax = 0
  /// Requests under way and waiting, at most. A request beyond fails with `.limit`.
  public var requestCountMax = 10_000
  /// Whether redirects are followed, credentials going only to the first host.
  public var followsRedirects = true
  /// How many redirects of one request are followed.
  public var redirectCountMax = 10
  /// Whether answers may come compressed by gzip; they are given out as they were before.
  public var acceptsCompression = true
  /// The head of an answer, redirects before it included, bytes. A longer one fails with `.limit`; libcurl's own bound of
  /// 300 KiB fails with `.closed`.
  public var headBytesMax = 256 << 10
  /// The body of an answer once decompressed, bytes; 0 is no limit. A longer one fails with `.limit`.
  public var bodyBytesMax = 0
  /// Bytes of an answer that wait for the reader before the sender is held up, and of a request before its writer is. Over
  /// HTTP/2, libcurl itself takes up to 32 MiB more of a stream before it holds the sender up.
  public var bufferBytes = 256 << 10

  /// Thanos' defaults, without limits on time and size beyond those of connecting.
  public init() {}
}
