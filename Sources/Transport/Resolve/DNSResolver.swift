// Names to addresses, by c-ares on a thread of its own: any number of lookups at the same time, none of which blocks a thread
// that does work.
internal import CAres
import Glibc
internal import Locking
import Synchronization

/// A service record (RFC 2782).
public struct ServiceRecord: Sendable, Hashable {
  /// The host that serves.
  public var target: String
  /// The port it serves at.
  public var port: Int
  /// Lower ones come first.
  public var priority: Int
  /// Among equal priorities, higher ones get more.
  public var weight: Int

  /// A record of these parts.
  public init(target: String, port: Int, priority: Int = 0, weight: Int = 0) {
    self.target = target
    self.port = port
    self.priority = priority
    self.weight = weight
  }
}

/// How a resolver asks.
public struct DNSResolverOptions: Sendable {
  /// Name servers as `address:port`; empty: those of /etc/resolv.conf.
  public var servers: [String] = []
  /// The first try's time; later ones take longer.
  public var timeoutMs = 2_000
  /// How often each server is asked.
  public var tries = 3

  /// The system's servers with the usual times.
  public init() {}
}

/// Looks up names.
public final class DNSResolver: Sendable {
  private let core: ResolverCore

  /// A resolver with its thread. Throws `.io` where the system gives none.
  public init(options: DNSResolverOptions = DNSResolverOptions()) throws(TransportError) {
    core = try ResolverCore(options)
    try core.start()
  }

  deinit { core.stop() }

  /// Which addresses are asked for.
  public enum Family: Sendable {
    /// IPv4 and IPv6.
    case any
    /// IPv4 alone.
    case ipv4
    /// IPv6 alone.
    case ipv6

    fileprivate var forC: CInt {
      switch self {
      case .any: AF_UNSPEC
      case .ipv4: AF_INET
      case .ipv6: AF_INET6
      }
    }
  }

  /// The numeric addresses of `host`, each once: by /etc/hosts, else by DNS. A numeric address is its own. Throws
  /// `.unreachable` where there are none, `.cancelled` where the resolver ends.
  public func addresses(of host: String, family: Family = .any) async throws(TransportError) -> [String] {
    let checked = try Self.checked(host)
    if Self.isNumeric(host) { return [host] }
    let result: Result<[String], TransportError> = await withCheckedContinuation { continuation in
      let lookup = Lookup<[String]>(name: host, continuation)
      core.run { channel in
        var hints = ares_addrinfo_hints()
        hints.ai_family = family.forC
        hints.ai_flags = CInt(ARES_AI_NOSORT)
        let context = unsafe Unmanaged.passRetained(lookup).toOpaque()
        unsafe ares_getaddrinfo(channel.handle, checked, nil, &hints, gotAddresses, context)
      } orElse: {
        lookup.finish(.failure(TransportError(.cancelled, "lookup \(host): the resolver has ended")))
      }
    }
    return try result.get()
  }

  /// The service records of `name`, by priority, then by weight. Throws as `addresses`.
  public func services(of name: String) async throws(TransportError) -> [ServiceRecord] {
    let checked = try Self.checked(name)
    let result: Result<[ServiceRecord], TransportError> = await withCheckedContinuation { continuation in
      let lookup = Lookup<[ServiceRecord]>(name: name, continuation)
      core.run { channel in
        let context = unsafe Unmanaged.passRetained(lookup).toOpaque()
        // Class IN, type SRV; with the search list of /etc/resolv.conf, as names in a cluster need it.
        unsafe ares_search(channel.handle, checked, 1, 33, gotServices, context)
      } orElse: {
        lookup.finish(.failure(TransportError(.cancelled, "lookup \(name): the resolver has ended")))
      }
    }
    return try result.get()
  }

  /// Whether `host` is an IPv4 or IPv6 address and no name.
  static func isNumeric(_ host: String) -> Bool {
    var address = in6_addr()
    return unsafe inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
  }

  /// A name that C takes: not empty, not longer than names are, without a NUL that would end it early.
  private static func checked(_ name: String) throws(TransportError) -> String {
    guard !name.isEmpty, name.utf8.count <= 255, !name.utf8.contains(0) else {
      throw TransportError(.argument, "lookup \(quoted(name)): it is no name")
    }
    return name
  }
}

/// Who waits for an answer.
private final class Lookup<Value: Sendable>: Sendable {
  let name: String
  private let continuation: Guarded<CheckedContinuation<Result<Value, TransportError>, Never>?>

  init(name: String, _ continuation: CheckedContinuation<Result<Value, TransportError>, Never>) {
    self.name = name
    self.continuation = Guarded(continuation)
  }

  func finish(_ result: Result<Value, TransportError>) {
    let waiting = continuation.withLock { continuation in
      defer { continuation = nil }
      return continuation
    }
    waiting?.resume(returning: result)
  }

  func fail(_ status: CInt) {
    let (code, text): (TransportError.Code, String) =
      switch status {
      case ARES_ENOTFOUND: (.unreachable, "no such host")
      case ARES_ENODATA: (.unreachable, "no such record")
      case ARES_ETIMEOUT: (.timeout, "no name server answered in time")
      case ARES_ECONNREFUSED, ARES_ESERVFAIL: (.unreachable, "server misbehaving")
      case ARES_ECANCELLED, ARES_EDESTRUCTION: (.cancelled, "the resolver has ended")
      default: (.unreachable, unsafe String(cString: ares_strerror(status)))
      }
    finish(.failure(TransportError(code, "lookup \(name): \(text)")))
  }
}

private let gotAddresses:
  @convention(c) (UnsafeMutableRawPointer?, CInt, CInt, UnsafeMutablePointer<ares_addrinfo>?) -> Void = {
    context, status, _, answer in
    guard let context = unsafe context else { return }
    let lookup = unsafe Unmanaged<Lookup<[String]>>.fromOpaque(context).takeRetainedValue()
    defer { unsafe ares_freeaddrinfo(answer) }
    guard status == ARES_SUCCESS, let answer = unsafe answer else { return lookup.fail(status) }
    var addresses: [String] = []
    var node = unsafe answer.pointee.nodes
    while let current = unsafe node {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let result = unsafe getnameinfo(
        current.pointee.ai_addr, current.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
      if result == 0 {
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if !addresses.contains(address) { addresses.append(address) }
      }
      unsafe node = current.pointee.ai_next
    }
    guard !addresses.isEmpty else { return lookup.fail(ARES_ENODATA) }
    lookup.finish(.success(addresses))
  }

private let gotServices:
  @convention(c) (UnsafeMutableRawPointer?, CInt, CInt, UnsafeMutablePointer<CUnsignedChar>?, CInt) -> Void = {
    context, status, _, bytes, count in
    guard let context = unsafe context else { return }
    let lookup = unsafe Unmanaged<Lookup<[ServiceRecord]>>.fromOpaque(context).takeRetainedValue()
    guard status == ARES_SUCCESS, let bytes = unsafe bytes else { return lookup.fail(status) }
    var first: UnsafeMutablePointer<ares_srv_reply>?
    let parsed = unsafe ares_parse_srv_reply(bytes, count, &first)
    guard parsed == ARES_SUCCESS else { return lookup.fail(parsed) }
    defer { unsafe ares_free_data(first) }
    var records: [ServiceRecord] = []
    var node = unsafe first
    while let record = unsafe node {
      if let host = unsafe record.pointee.host {
        unsafe records.append(
          ServiceRecord(
            target: String(cString: host), port: Int(record.pointee.port), priority: Int(record.pointee.priority),
            weight: Int(record.pointee.weight)))
      }
      unsafe node = record.pointee.next
    }
    records.sort { ($0.priority, -$0.weight, $0.target, $0.port) < ($1.priority, -$1.weight, $1.target, $1.port) }
    lookup.finish(.success(records))
  }
