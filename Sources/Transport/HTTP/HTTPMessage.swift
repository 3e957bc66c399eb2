// What the head of a request says, and who sent it: the same for HTTP/1.1 and HTTP/2.

/// The protocol that a request came by.
public enum HTTPVersion: String, Sendable {
  /// HTTP/1.0: one request a connection, unless the client asks for more.
  case http1_0 = "HTTP/1.0"
  /// HTTP/1.1
  case http1_1 = "HTTP/1.1"
  /// HTTP/2, over TLS or by prior knowledge.
  case http2 = "HTTP/2.0"
}

/// A request's head.
public struct HTTPRequestHead: Sendable {
  /// `GET`, `POST` …, as sent.
  public var method: String
  /// `http` or `https`: how the request reached us.
  public var scheme: String
  /// The host (and port) that the client thinks it talks to; empty where it did not say.
  public var authority: String
  /// Path and query as sent.
  public var target: String
  /// The fields, without the pseudo fields of HTTP/2.
  public var headers: HTTPHeaders
  /// The protocol it came by.
  public var version: HTTPVersion

  /// A head of these parts.
  public init(
    method: String, target: String, headers: HTTPHeaders = [:], scheme: String = "http", authority: String = "",
    version: HTTPVersion = .http1_1
  ) {
    self.method = method
    self.scheme = scheme
    self.authority = authority
    self.target = target
    self.headers = headers
    self.version = version
  }

  /// The target up to its query, still percent-encoded.
  public var path: String { queryMark.map { String(target[..<$0]) } ?? target }

  /// What follows the first `?` of the target, or nil.
  public var query: String? {
    queryMark.map { String(target[target.utf8.index(after: $0)...]) }
  }

  private var queryMark: String.Index? { target.utf8.firstIndex(of: UInt8(ascii: "?")) }
}

/// The other end of a connection.
public struct PeerInfo: Sendable {
  /// What TLS found out.
  public struct TLS: Sendable {
    /// `TLSv1.3`
    public var version: String
    /// `TLS_AES_128_GCM_SHA256`
    public var cipher: String
    /// The subject's organizations of the client's certificate, empty without one.
    public var organizations: [String]
    /// The subject's organizational units of the client's certificate, empty without one.
    public var organizationalUnits: [String]
    /// The subject's common name of the client's certificate, empty without one.
    public var commonName: String

    /// What TLS found out.
    public init(
      version: String, cipher: String, organizations: [String] = [], organizationalUnits: [String] = [],
      commonName: String = ""
    ) {
      self.version = version
      self.cipher = cipher
      self.organizations = organizations
      self.organizationalUnits = organizationalUnits
      self.commonName = commonName
    }
  }

  /// The numeric address, or the socket's path, or empty where a Unix client has none.
  public var address: String
  /// The port; 0 for Unix sockets.
  public var port: Int
  /// Nil without TLS.
  public var tls: TLS?

  /// A peer at this address.
  public init(address: String, port: Int = 0, tls: TLS? = nil) {
    self.address = address
    self.port = port
    self.tls = tls
  }

  /// `127.0.0.1:4711`, `[::1]:4711`: as Go prints a remote address.
  public var description: String {
    if port == 0 { return address.isEmpty ? "@" : address }
    return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
  }
}

/// One `PeerInfo` for all requests of a connection.
final class PeerBox: Sendable {
  let peer: PeerInfo

  init(_ peer: PeerInfo) { self.peer = peer }
}
