// Where a server listens.
import Glibc

/// An address as flags give it.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// A numeric IPv4 or IPv6 address (empty: every address of both families) and a port (0: any that is free).
  case tcp(host: String, port: Int)
  /// A path in the file system.
  case unix(path: String)

  /// Reads `host:port`, `:port`, `[::1]:port` or `unix:path`. A name is looked up, and its first address taken. Throws
  /// `.argument`.
  public static func parse(_ text: String) throws(TransportError) -> ListenAddress {
    let reading = "reading the address \"\(text)\""
    if text.hasPrefix("unix:") {
      var path = text.dropFirst("unix:".count)
      if path.hasPrefix("//") { path = path.dropFirst(2) }
      guard !path.isEmpty else { throw TransportError(.argument, "\(reading): no path follows unix:") }
      return .unix(path: String(path))
    }
    guard let colon = text.lastIndex(of: ":") else {
      throw TransportError(.argument, "\(reading): missing port in address")
    }
    let digits = text[text.index(after: colon)...]
    guard let port = Int(digits), (0...65_535).contains(port), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { throw TransportError(.argument, "\(reading): the port is not a number up to 65535") }
    var host = text[..<colon]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]") else { throw TransportError(.argument, "\(reading): missing ']' in address") }
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw TransportError(.argument, "\(reading): too many colons in address; write [address]:port")
    }
    guard !host.isEmpty else { return .tcp(host: "", port: port) }
    guard let address = numeric(String(host)) else {
      throw TransportError(.argument, "\(reading): no such host \(host)")
    }
    return .tcp(host: address, port: port)
  }

  /// The numeric form of a host.
  private static func numeric(_ host: String) -> String? {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &found) == 0, let first = unsafe found else { return nil }
    defer { unsafe freeaddrinfo(first) }
    var text = [CChar](repeating: 0, count: 256)
    let result = unsafe getnameinfo(
      first.pointee.ai_addr, first.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
    guard result == 0 else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
