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
  /// The unary methods that `answerQuickly` answers.
  var quickMethods: Set<String> { get }
  /// Answers a call of one of `quickMethods`, on the thread that serves the connection: in microseconds, from memory, without waiting. Throws as
  /// `handle` does. Calls that do not come in one piece, or are not plain, go to `handle`.
  func answerQuickly(method: String, message: RawSpan) throws -> [UInt8]
}

extension GRPCService {
  /// None.
  public var quickMethods: Set<String> { [] }

  /// Nothing is answered so.
  public func answerQuickly(method: String, message: RawSpan) throws -> [UInt8] {
    throw GRPCStatus(.unimplemented, "unknown method \(method) for service \(name)")
  }

  /// What `handle` does for quick methods.
  public func answer(_ call: GRPCServerCall) async throws {
    let message = try await call.onlyMessage()
    try await call.send(try quickAnswer(call.method.name, message))
  }

  private func quickAnswer(_ method: String, _ message: [UInt8]) throws -> [UInt8] {
    let span = message.span
    // Bytes have no padding that could be read.
    return try answerQuickly(method: method, message: unsafe span.bytes)
  }

  /// No descriptors: reflection lists the service and cannot describe it.
  public var fileDescriptors: [[UInt8]] { [] }
}

/// Stands around the handlers of all calls, to log, trace, limit or count.
public protocol GRPCServerInterceptor: Sendable {
  /// Does what it does before, calls `next` once (or throws instead), and does what it does after.
  func intercept(_ call: GRPCServerCall, _ next: @Sendable () async throws -> Void) async throws
  /// The same around a quick call, on the thread that serves the connection, without waiting.
  func interceptQuick(_ call: GRPCQuickCall, _ next: () throws -> [UInt8]) throws -> [UInt8]
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
