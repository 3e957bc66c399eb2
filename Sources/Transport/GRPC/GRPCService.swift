// What a service has to say to be served.

/// A method of a service.
public struct GRPCMethod: Sendable, Hashable, ExpressibleByStringLiteral {
  /// Which sides send more than one message.
  public enum Kind: String, Sendable {
    /// One request, one answer.
    case unary = "unary"
    /// Many requests, one answer.
    case clientStream = "client_stream"
    /// One request, many answers.
    case serverStream = "server_stream"
    /// Many requests, many answers.
    case bidiStream = "bidi_stream"

    /// Whether the client may send any number of messages.
    public var clientStreams: Bool { self == .clientStream || self == .bidiStream }
    /// Whether the server may send any number of messages.
    public var serverStreams: Bool { self == .serverStream || self == .bidiStream }
  }

  /// Its name in the service: `Series`.
  public var name: String
  /// Which sides stream. The raw value is the `grpc_type` of metrics.
  public var kind: Kind

  /// A method.
  public init(_ name: String, _ kind: Kind = .unary) {
    self.name = name
    self.kind = kind
  }

  /// A unary method.
  public init(stringLiteral name: String) { self.init(name) }
}

/// A service: its names and what its methods do.
public protocol GRPCService: Sendable {
  /// Its full name: `thanos.Store`.
  var name: String { get }
  /// Its methods.
  var methods: [GRPCMethod] { get }
  /// Serialized `FileDescriptorProto`s for reflection: the file that declares the service, and those it imports.
  var fileDescriptors: [[UInt8]] { get }
  /// Carries out `method`, one of `methods`. Returning is OK, a thrown `GRPCStatus` is itself, any other error is Unknown with
  /// its text. The task is cancelled when the client gives up or the deadline passes.
  func handle(method: String, call: GRPCServerCall) async throws
}

extension GRPCService {
  /// No descriptors: reflection lists the service and cannot describe it.
  public var fileDescriptors: [[UInt8]] { [] }
}

/// Stands around the handlers of all calls, to log, trace, limit or count.
public protocol GRPCServerInterceptor: Sendable {
  /// Does what it does before, calls `next` once (or throws instead), and does what it does after.
  func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws
}

/// Is told what happens to calls, for metrics.
public protocol GRPCServerObserver: Sendable {
  /// A call of a known method began.
  func callStarted(service: String, method: GRPCMethod)
  /// It ended with `code`, after so long, having read and sent so many messages.
  func callEnded(
    service: String, method: GRPCMethod, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int)
}
