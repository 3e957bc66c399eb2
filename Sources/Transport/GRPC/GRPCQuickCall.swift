// Calls that need no task: they came in one piece, and their service answers them from memory.
internal import CTransport

/// Who asks what, for those that stand around quick calls.
public struct GRPCQuickCall: Sendable {
  /// The full name of the service: `grpc.health.v1.Health`.
  public let service: String
  /// The method that was called.
  public let method: GRPCMethod
  /// The request's metadata.
  public let metadata: HTTPHeaders
  /// Who calls.
  public var peer: PeerInfo { box.peer }
  /// `/grpc.health.v1.Health/Check`
  public var path: String { "/\(service)/\(method.name)" }

  private let box: PeerBox

  init(_ method: GRPCServer.QuickMethod, metadata: HTTPHeaders, peer: PeerBox) {
    service = method.serviceName
    self.method = method.method
    self.metadata = metadata
    box = peer
  }
}

extension GRPCServer {
  /// A method that is answered at once.
  final class QuickMethod: Sendable {
    let path: [UInt8]
    let service: any GRPCService
    let serviceName: String
    let method: GRPCMethod

    init(_ service: any GRPCService, _ method: GRPCMethod) {
      self.service = service
      serviceName = service.name
      self.method = method
      path = Array("/\(serviceName)/\(method.name)".utf8)
    }
  }

  private static let plainHead = PreparedFields(status: 200, GRPCServerCall.plainHead)
  private static let okTrailers = PreparedFields(status: 0, GRPCServerCall.okTrailers)

  /// Answers a request that came whole, if it calls a quick method and has nothing about it that is rare. False: it is to be answered the
  /// usual way.
  func answersQuickly(_ request: borrowing WholeMessage, _ stream: OpaquePointer) -> Bool {
    let head = unsafe request.head.pointee
    guard let method = unsafe quickMethod(at: head.target.buffer), unsafe head.method.isSame("POST"),
      unsafe request.trailers.isEmpty,
      let message = unsafe request.onlyMessage(limitBytes: options.maxReceiveMessageBytes)
    else { return false }
    var timeout: Duration?
    var isPlain = false
    let fields = unsafe request.fields
    for index in fields.indices {
      let field = unsafe fields[index]
      let name = unsafe field.name.buffer
      if unsafe field.name.isSame("content-type") {
        isPlain = unsafe field.value.isSame("application/grpc")
      } else if unsafe field.name.isSame("grpc-encoding") {
        guard unsafe field.value.isSame("identity") else { return false }
      } else if unsafe field.name.isSame("grpc-timeout") {
        guard let parsed = unsafe GRPCTimeout.parse(field.value.string) else { return false }
        timeout = parsed
      } else if unsafe GRPCMetadata.isBinary(name) {
        return false
      }
    }
    guard isPlain else { return false }

    let isTimed = timeout != nil || options.observer != nil
    let start = isTimed ? ContinuousClock.now : nil
    options.observer?.callStarted(service: method.serviceName, method: method.method)
    var status = GRPCStatus.ok
    do {
      let answer = unsafe try self.answer(to: method, message, request, stream)
      if let start, let timeout, .now - start >= timeout { throw GRPCServerCall.expired }
      guard answer.count <= options.maxSendMessageBytes else {
        throw GRPCServerCall.tooLarge(answer.count, options.maxSendMessageBytes)
      }
      let isSent = unsafe answer.withUnsafeBytes { answer in
        unsafe withUnsafeBytes(of: GRPCFraming.prefix(answer.count)) { prefix in
          unsafe transport_stream_answer(
            stream, Self.plainHead.handle, transport_text(prefix), transport_text(answer), Self.okTrailers.handle) == 0
        }
      }
      if !isSent { unsafe transport_stream_reset(stream, HTTP2Code.internalError) }
    } catch {
      status = GRPCStatus(of: error)
      var headers = GRPCServerCall.plainHead
      status.write(to: &headers)
      let result = unsafe headers.withFields { unsafe transport_stream_respond(stream, 200, $0, $1, -1, true) }
      if result != 0 { unsafe transport_stream_reset(stream, HTTP2Code.internalError) }
    }
    if let observer = options.observer, let start {
      observer.callEnded(
        service: method.serviceName, method: method.method, code: status.code, duration: .now - start,
        messagesReceived: 1, messagesSent: status.code == .ok ? 1 : 0)
    }
    return true
  }

  private func quickMethod(at path: UnsafeRawBufferPointer) -> QuickMethod? {
    for method in quickMethods where method.path.count == path.count {
      if unsafe method.path.elementsEqual(path) { return method }
    }
    return nil
  }

  private func answer(
    to method: QuickMethod, _ message: UnsafeRawBufferPointer, _ request: borrowing WholeMessage,
    _ stream: OpaquePointer
  ) throws -> [UInt8] {
    if options.interceptors.isEmpty { return unsafe try answer(to: method, message) }
    let all = unsafe HTTPHeaders(request.fields.baseAddress, count: request.fields.count)
    let call = unsafe GRPCQuickCall(
      method, metadata: all.filtered { name, _ in unsafe !GRPCMetadata.isReserved(name) }, peer: peer(of: stream))
    return unsafe try answer(to: method, message, call, options.interceptors[...])
  }

  private func answer(
    to method: QuickMethod, _ message: UnsafeRawBufferPointer, _ call: GRPCQuickCall,
    _ interceptors: ArraySlice<any GRPCServerInterceptor>
  ) throws -> [UInt8] {
    guard let first = interceptors.first else { return unsafe try answer(to: method, message) }
    return try first.interceptQuick(call) { unsafe try answer(to: method, message, call, interceptors.dropFirst()) }
  }

  private func answer(to method: QuickMethod, _ message: UnsafeRawBufferPointer) throws -> [UInt8] {
    try method.service.answerQuickly(method: method.method.name, message: unsafe RawSpan(_unsafeBytes: message))
  }
}
