// Addresses as flags and configurations give them: `host:port`, or a name to look up.
//
//   10.0.0.1:10901, store:10901      one address, as it is
//   dns+store:10901                  every address of the host, each with the port
//   dnssrv+_grpc._tcp.store          every service record, its host looked up as well
//   dnssrvnoa+_grpc._tcp.store       every service record, its host as it is
//   dnsdualstack+store:10901         every IPv4 and IPv6 address of the host

/// A host and a port.
public struct HostPort: Sendable, Hashable, CustomStringConvertible {
  /// A name or a numeric address, without brackets.
  public var host: String
  /// 1 up to 65535.
  public var port: Int

  /// These two.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Splits `host:port`, `[::1]:port`; nil where it is neither.
  public init?(_ text: some StringProtocol) {
    let text = String(text)
    guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...]) else {
      return nil
    }
    var host = text[..<colon]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]"), host.count > 2 else { return nil }
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    self.init(host: String(host), port: port)
  }

  /// A port's number in digits alone.
  static func port(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = Int(text),
      port > 0, port <= 65_535
    else { return nil }
    return port
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// An address or a name that stands for several.
public struct EndpointName: Sendable, Hashable, CustomStringConvertible {
  /// How it is looked up.
  public enum Lookup: String, Sendable, CaseIterable {
    /// Not at all.
    case none = ""
    /// The host's addresses.
    case dns
    /// Service records and the addresses of their hosts.
    case dnssrv
    /// Service records alone.
    case dnssrvnoa
    /// The host's addresses of both families.
    case dnsdualstack
  }

  /// How it is looked up.
  public var lookup: Lookup
  /// What is looked up, or the host itself.
  public var host: String
  /// The port; of service records it replaces theirs.
  public var port: Int?

  /// Parses one of the forms at the head of this file. Throws `.argument`.
  public init(_ text: String) throws(TransportError) {
    lookup = .none
    var rest = text[...]
    if let plus = text.firstIndex(of: "+"), let lookup = Lookup(rawValue: String(text[..<plus])), lookup != .none {
      self.lookup = lookup
      rest = text[text.index(after: plus)...]
    }
    if let address = HostPort(rest), !address.host.isEmpty {
      (host, port) = (address.host, address.port)
      return
    }
    switch lookup {
    case .dnssrv, .dnssrvnoa:
      guard !rest.isEmpty, !rest.contains(":") else {
        throw TransportError(.argument, "\(quoted(text)) is no name of a service")
      }
      (host, port) = (String(rest), nil)
    case .dns, .dnsdualstack:
      throw TransportError(.argument, "missing port in address given for dns lookup: \(rest)")
    case .none: throw TransportError(.argument, "\(quoted(text)) is no address: it must be host:port")
    }
  }

  public var description: String {
    let prefix = lookup == .none ? "" : lookup.rawValue + "+"
    return prefix + (port.map { HostPort(host: host, port: $0).description } ?? host)
  }

  /// What it stands for now; without a lookup, itself. Throws what the resolver throws; hosts of service records that cannot be
  /// found are left out as long as one can.
  public func addresses(by resolver: DNSResolver) async throws(TransportError) -> [HostPort] {
    switch lookup {
    case .none: return [HostPort(host: host, port: port ?? 0)]
    case .dns, .dnsdualstack:
      return try await resolver.addresses(of: host).map { HostPort(host: $0, port: port ?? 0) }
    case .dnssrvnoa:
      return try await resolver.services(of: host).map { HostPort(host: $0.target, port: port ?? $0.port) }
    case .dnssrv:
      var addresses: [HostPort] = []
      var failure: TransportError?
      for record in try await resolver.services(of: host) {
        do {
          for address in try await resolver.addresses(of: record.target) {
            let found = HostPort(host: address, port: port ?? record.port)
            if !addresses.contains(found) { addresses.append(found) }
          }
        } catch {
          failure = error
        }
      }
      if addresses.isEmpty, let failure { throw failure }
      return addresses
    }
  }
}
