// Endpoints that have a service.
public import StoreAPI
public import Transport

/// An endpoint that offers what is wanted.
public struct OfferedEndpoint: Sendable {
  /// `host:port`
  public var address: String
  /// What it said of itself.
  public var info: InfoResponse
  /// Where it is asked.
  public var channel: GRPCChannel
}

/// Endpoints that offer a service.
public struct OfferedEndpoints: Sendable {
  /// Those that can be asked now.
  public var endpoints: [OfferedEndpoint] = []
  /// Those that should answer and do not, with what is wrong.
  public var missing: [(endpoint: OfferedEndpoint, reason: String)] = []
}
