// gRPC on requests of HTTP/2: which method is meant, what the client allows, how a call ends.
//
// Texts are those of grpc-go, which clients of Thanos know.

/// How a server takes calls.
public struct GRPCServerOptions: Sendable {
  /// The longest message that is read, compressed or not. Thanos sets the most that gRPC allows.
  public var maxReceiveMessageBytes = Int(Int32.max)
  /// The longest message that is sent.
  public var maxSendMessageBytes = Int(Int32.max)
  /// Stand around all handlers, the first outermost.
  public var interceptors: [any GRPCServerInterceptor] = []
  /// Is told of all calls of known methods.
  public var observer: (any GRPCServerObserver)?

  /// The defaults.
  public init() {}
}

/// Serves gRPC services, together with `grpc.health.v1.Health` and server reflection.
public final class GRPCServer: HTTPHandler {
  private struct Target: Sendable {
    var service: any GRPCService
    var serviceName: String
    var method: GRPCMethod
  }

  /// What the health service tells.
  public let health: GRPCHealth
  let options: GRPCServerOptions
  private let methods: [String: Target]
  private let serviceNames: Set<String>
  /// Those that need no task.
  let quickMethods: [QuickMethod]

  /// Itself.
  public var grpcServer: GRPCServer? { self }
  /// Whether there are any.
  var hasQuickMethods: Bool { !quickMethods.isEmpty }

  /// A server of these services. Health and reflection are added.
  public init(services: [any GRPCService], options: GRPCServerOptions = GRPCServerOptions(), health: GRPCHealth) {
    var options = options
    // The prefix holds 32 bits.
    options.maxReceiveMessageBytes = min(max(options.maxReceiveMessageBytes, 0), Int(UInt32.max))
    options.maxSendMessageBytes = min(max(options.maxSendMessageBytes, 0), Int(UInt32.max))
    self.options = options
    self.health = health
    let served: [any GRPCService] = services + [HealthService(health: health)]
    let reflected = ReflectionIndex(services: served)
    let all: [any GRPCService] =
      served + [
        ReflectionService(name: ReflectionService.nameV1, index: reflected),
        ReflectionService(name: ReflectionService.nameV1Alpha, index: reflected),
      ]
    var methods: [String: Target] = [:]
    for service in all {
      for method in service.methods {
        methods["/\(service.name)/\(method.name)"] = Target(
          service: service, serviceName: service.name, method: method)
      }
    }
    self.methods = methods
    quickMethods = all.flatMap { service in
      service.methods.filter { $0.kind == .unary && service.quickMethods.contains($0.name) }
        .map { QuickMethod(service, $0) }
    }
    serviceNames = Set(all.map(\.name))
  }

  /// Whether a request is one of gRPC, by its content type: for handlers that serve both.
  public static func isGRPC(_ head: HTTPRequestHead) -> Bool {
    contentSubtype(of: head.headers) != nil
  }

  /// Answers a call: refuses what is none, else carries it out until its end, its deadline or its client's leaving.
  public func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    switch judge(request, response) {
    case .refuse(let refusal): try await refuse(refusal, response)
    case .carryOut(let call, let service): await carryOut(call, service)
    }
  }

  @inline(never) private func refuse(_ refusal: Refusal, _ response: HTTPServerResponse) async throws {
    try await response.respond(status: refusal.httpStatus, headers: refusal.headers)
  }

  private enum Verdict {
    case carryOut(GRPCServerCall, any GRPCService)
    case refuse(Refusal)
  }

  private final class Refusal: Sendable {
    let httpStatus: Int
    let headers: HTTPHeaders

    init(contentType: String = GRPCServerCall.plainType, httpStatus: Int = 200, _ status: GRPCStatus) {
      self.httpStatus = httpStatus
      var headers: HTTPHeaders = ["content-type": contentType]
      status.write(to: &headers)
      self.headers = headers
    }
  }

  private func judge(_ request: HTTPServerRequest, _ response: HTTPServerResponse) -> Verdict {
    let head = request.head
    guard let subtype = Self.contentSubtype(of: head.headers) else {
      let contentType = quoted(head.headers["content-type"] ?? "")
      return .refuse(
        Refusal(
          httpStatus: 415, GRPCStatus(.invalidArgument, "invalid gRPC request content-type \(contentType)")))
    }
    let answerType = subtype.isEmpty ? GRPCServerCall.plainType : "application/grpc+\(subtype)"
    guard head.version == .http2 else {
      return .refuse(
        Refusal(contentType: answerType, httpStatus: 505, GRPCStatus(.internal, "gRPC requires HTTP/2")))
    }
    guard head.method == "POST" else {
      return .refuse(
        Refusal(
          contentType: answerType, httpStatus: 405,
          GRPCStatus(
            .internal, "Received a HEADERS frame with :method \(quoted(head.method)) which should be POST")))
    }
    var timeout: Duration?
    if let text = head.headers["grpc-timeout"] {
      timeout = GRPCTimeout.parse(text)
      guard timeout != nil else {
        return .refuse(
          Refusal(
            contentType: answerType, httpStatus: 400,
            GRPCStatus(.internal, "malformed grpc-timeout: transport: timeout is not valid: \(quoted(text))")))
      }
    }
    do { try GRPCMetadata.checkBinary(head.headers) } catch {
      return .refuse(Refusal(contentType: answerType, httpStatus: 400, error))
    }

    guard let target = methods[head.path] else {
      return .refuse(Refusal(contentType: answerType, unimplemented(head.path)))
    }
    var encoding = GRPCCompression.identity
    if let name = head.headers["grpc-encoding"] {
      guard let known = GRPCCompression(rawValue: name) else {
        return .refuse(
          Refusal(
            contentType: answerType,
            GRPCStatus(.unimplemented, "grpc: Decompressor is not installed for grpc-encoding \(quoted(name))")))
      }
      encoding = known
    }
    let call = GRPCServerCall(
      service: target.serviceName, method: target.method,
      deadline: timeout.map { ContinuousClock.now.advanced(by: $0) },
      encoding: encoding, contentType: answerType, request: request, response: response, options: options)
    return .carryOut(call, target.service)
  }

  // MARK: Carrying out

  /// Runs the handler, until the deadline where there is one, and tells the client how it ended. (What is rare stands apart, so that
  /// the memory that each call's task takes is little.)
  private func carryOut(_ call: GRPCServerCall, _ service: any GRPCService) async {
    let start = begin(call)
    if let deadline = call.deadline, !call.endsAtDeadline(deadline) {
      return await carryOut(call, service, until: deadline, start)
    }
    var failure: (any Error)?
    do {
      if options.interceptors.isEmpty {
        try await service.handle(method: call.method.name, call: call)
      } else {
        try await intercepted(call, service)
      }
    } catch {
      failure = error
    }
    if let ending = end(call, failure, start) { await send(ending, of: call) }
  }

  /// The same for streams without a clock.
  @inline(never) private func carryOut(
    _ call: GRPCServerCall, _ service: any GRPCService, until deadline: ContinuousClock.Instant,
    _ start: ContinuousClock.Instant?
  ) async {
    let status = await outcome(of: call, service, until: deadline)
    if let ending = end(call, status.code == .ok ? nil : status, start) { await send(ending, of: call) }
  }

  /// Tells the observer, if there is one; gives when the call began then.
  @inline(never) private func begin(_ call: GRPCServerCall) -> ContinuousClock.Instant? {
    guard let observer = options.observer else { return nil }
    observer.callStarted(service: call.service, method: call.method)
    return .now
  }

  /// Ends the call with what its handler came to. Returns what must be sent still: nothing, as a rule.
  @inline(never) private func end(
    _ call: GRPCServerCall, _ failure: (any Error)?, _ start: ContinuousClock.Instant?
  ) -> GRPCServerCall.Ending? {
    var status = failure.map { Self.status(of: $0) } ?? .ok
    if call.hasExpired { status = GRPCServerCall.expired }
    let ending = call.endNow(status)
    if let start { told(call, status, start) }
    return ending
  }

  /// A client that left cannot be told how its call ended.
  @inline(never) private func send(_ ending: GRPCServerCall.Ending, of call: GRPCServerCall) async {
    do { try await call.send(ending) } catch {}
  }

  private func told(_ call: GRPCServerCall, _ status: GRPCStatus, _ start: ContinuousClock.Instant) {
    let counts = call.messageCounts
    options.observer?.callEnded(
      service: call.service, method: call.method, code: status.code, duration: .now - start,
      messagesReceived: counts.received, messagesSent: counts.sent)
  }

  /// Whatever a handler makes of its cancellation, the client's leaving is what ended the call.
  private static func status(of error: any Error) -> GRPCStatus {
    Task.isCancelled ? GRPCStatus(.cancelled, "context canceled") : GRPCStatus(of: error)
  }

  private func outcome(of call: GRPCServerCall, _ service: any GRPCService) async -> GRPCStatus {
    do {
      try await run(call, service, options.interceptors[...])
      return .ok
    } catch {
      return Self.status(of: error)
    }
  }

  /// The outcome of the handler, or of the deadline where that comes first, for streams without a clock. Then the client is told at once, and the handler,
  /// which is cancelled, may take its time.
  private func outcome(
    of call: GRPCServerCall, _ service: any GRPCService, until deadline: ContinuousClock.Instant
  ) async -> GRPCStatus {
    await withTaskGroup(of: GRPCStatus?.self) { group in
      group.addTask { await self.outcome(of: call, service) }
      group.addTask {
        do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return nil }
        return GRPCServerCall.expired
      }
      for await status in group {
        // The sleeper was cancelled with the call: what the handler says counts.
        guard let status else { continue }
        if status.code == .deadlineExceeded, let ending = call.endNow(status) {
          do { try await call.send(ending) } catch {}
        }
        group.cancelAll()
        return status
      }
      return GRPCStatus(.internal, "a call without an outcome")
    }
  }

  @inline(never) private func intercepted(_ call: GRPCServerCall, _ service: any GRPCService) async throws {
    try await run(call, service, options.interceptors[...])
  }

  private func run(
    _ call: GRPCServerCall, _ service: any GRPCService, _ interceptors: ArraySlice<any GRPCServerInterceptor>
  ) async throws {
    guard let first = interceptors.first else {
      return try await service.handle(method: call.method.name, call: call)
    }
    try await first.intercept(call) { try await self.run(call, service, interceptors.dropFirst()) }
  }

  // MARK: Refusing

  private func unimplemented(_ path: String) -> GRPCStatus {
    let name = path.hasPrefix("/") ? path.dropFirst() : path[...]
    guard let slash = name.lastIndex(of: "/") else {
      return GRPCStatus(.unimplemented, "malformed method name: \(quoted(path))")
    }
    let (service, method) = (String(name[..<slash]), name[name.index(after: slash)...])
    return GRPCStatus(
      .unimplemented,
      serviceNames.contains(service)
        ? "unknown method \(method) for service \(service)" : "unknown service \(service)")
  }

  /// What follows `application/grpc` and its `+` or `;`; nil where the type is another one.
  private static func contentSubtype(of headers: HTTPHeaders) -> String? {
    let base = GRPCServerCall.plainType
    if headers.has("content-type", base) { return "" }
    let lowered = (headers["content-type"] ?? "").lowercased()
    guard lowered.hasPrefix(base) else { return nil }
    let rest = lowered.dropFirst(base.count)
    guard let separator = rest.first else { return "" }
    guard separator == "+" || separator == ";" else { return nil }
    return String(rest.dropFirst())
  }
}

/// Text in quotes as Go's `%q` prints it.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    default:
      if scalar.value < 0x20 || scalar.value == 0x7F {
        let digits = String(scalar.value, radix: 16)
        result += "\\x" + (digits.count < 2 ? "0" : "") + digits
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
  return result + "\""
}
