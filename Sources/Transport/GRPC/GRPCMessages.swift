// Protobuf messages of calls, and who asks.
public import TSModel

extension GRPCServerCall {
  /// The only message of the request. Throws Internal, as grpc-go does, for bytes that are no such message.
  public func request<Message: ProtobufMessage>(
    _ attempt: String = "error unmarshalling request"
  ) async throws -> Message {
    let bytes = try await onlyMessage()
    do throws(ModelError) { return try Message(protobuf: bytes) } catch {
      throw GRPCStatus(.internal, "grpc: \(attempt): \(error.message)")
    }
  }

  /// Who asks, by the metadata that Thanos' components send along.
  public var tenant: String {
    let tenant = metadata[GRPCTenant.field] ?? ""
    return tenant.isEmpty ? "default-tenant" : tenant
  }
}

/// How calls between components say whose they are.
public enum GRPCTenant {
  static let field = "thanos-tenant"

  /// The fields of a call of `tenant`'s.
  public static func fields(_ tenant: String) -> HTTPHeaders { [field: tenant] }
}

extension GRPCChannel {
  /// The answer to a call of one message. Throws `GRPCStatus`: Internal, as grpc-go does, for bytes that are no such answer.
  public func call<Answer: ProtobufMessage>(
    _ path: String, _ message: [UInt8], _ metadata: HTTPHeaders, timeoutMs: Int? = nil
  ) async throws -> Answer {
    try Self.message(await unary(path: path, message: message, metadata: metadata, timeoutMs: timeoutMs))
  }

  /// The messages of the answer to a call that streams them, each handed to `body` as it comes, with the bytes that it took. Throws
  /// `GRPCStatus`, and what `body` throws.
  public func call<Answer: ProtobufMessage>(
    streaming path: String, _ message: [UInt8], _ metadata: HTTPHeaders, timeoutMs: Int? = nil,
    _ body: (Answer, _ size: Int) async throws -> Void
  ) async throws {
    let call = try await serverStream(path: path, message: message, metadata: metadata, timeoutMs: timeoutMs)
    do {
      while let bytes = try await call.nextMessage() { try await body(Self.message(bytes), bytes.count) }
    } catch {
      call.cancel()
      throw error
    }
  }

  private static func message<Answer: ProtobufMessage>(_ bytes: [UInt8]) throws(GRPCStatus) -> Answer {
    do throws(ModelError) { return try Answer(protobuf: bytes) } catch {
      throw GRPCStatus(.internal, "grpc: failed to unmarshal the received message: \(error.message)")
    }
  }
}
