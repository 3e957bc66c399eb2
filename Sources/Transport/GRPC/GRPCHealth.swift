// grpc.health.v1.Health: whether services serve, asked once or watched.
internal import Locking
import Synchronization
internal import TSModel

/// What a server says about the health of its services. The name "" stands for the whole server.
public final class GRPCHealth: Sendable {
  /// How a service does.
  public enum Status: Int, Sendable {
    /// Not known.
    case unknown = 0
    /// It takes calls.
    case serving = 1
    /// It does not.
    case notServing = 2
    /// There is no such service; only in answers of `Watch`.
    case serviceUnknown = 3
  }

  private struct State {
    var statuses: [String: Status] = ["": .serving]
    var watchers: [String: [Int: AsyncStream<Status>.Continuation]] = [:]
    var watcherNext = 0
    var isShutDown = false
  }

  private let state = Guarded(State())

  /// Everything serves, as grpc-go's health server begins.
  public init() {}

  /// Says how `service` does from now on. Ignored after `shutdown()`.
  public func set(_ status: Status, service: String = "") {
    state.withLock { state in
      guard !state.isShutDown else { return }
      set(status, service, &state)
    }
  }

  /// Nothing serves any more, whatever is set later.
  public func shutdown() {
    state.withLock { state in
      state.isShutDown = true
      for service in Array(state.statuses.keys) { set(.notServing, service, &state) }
    }
  }

  private func set(_ status: Status, _ service: String, _ state: inout State) {
    guard state.statuses.updateValue(status, forKey: service) != status else { return }
    for watcher in (state.watchers[service] ?? [:]).values { watcher.yield(status) }
  }

  /// How `service` does; nil where nobody said.
  public func status(of service: String = "") -> Status? { state.withLock { $0.statuses[service] } }

  /// All that was said.
  var all: [String: Status] { state.withLock { $0.statuses } }

  /// How `service` does, now and whenever that changes. A watcher that is slow sees the newest only.
  func watch(_ service: String) -> AsyncStream<Status> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let number = state.withLock { state in
        let number = state.watcherNext
        state.watcherNext += 1
        state.watchers[service, default: [:]][number] = continuation
        continuation.yield(state.statuses[service] ?? .serviceUnknown)
        return number
      }
      continuation.onTermination = { [weak self] _ in
        self?.state.withLock { state in
          state.watchers[service]?[number] = nil
          if state.watchers[service]?.isEmpty == true { state.watchers[service] = nil }
        }
      }
    }
  }
}

/// The service over a `GRPCHealth`.
struct HealthService: GRPCService {
  let health: GRPCHealth

  var name: String { "grpc.health.v1.Health" }
  var methods: [GRPCMethod] { ["Check", "List", GRPCMethod("Watch", .serverStream)] }
  var fileDescriptors: [[UInt8]] { TransportDescriptors.health }

  var quickMethods: Set<String> { ["Check", "List"] }

  func handle(method: String, call: GRPCServerCall) async throws {
    guard method == "Watch" else { return try await answer(call) }
    for await status in health.watch(try Self.service(asked: try await call.onlyMessage())) {
      try await call.send(Self.response(status))
    }
    try Task.checkCancellation()
  }

  func answerQuickly(method: String, message: RawSpan) throws -> [UInt8] {
    if method == "Check" {
      guard let status = health.status(of: try Self.service(in: message)) else {
        throw GRPCStatus(.notFound, "unknown service")
      }
      return Self.response(status)
    }
    var writer = ProtobufWriter()
    for (service, status) in health.all.sorted(by: { $0.key < $1.key }) {
      writer.message(field: 1) { entry in
        entry.string(field: 1, service)
        entry.message(field: 2) { $0.int32(field: 1, Int32(status.rawValue)) }
      }
    }
    return writer.bytes
  }

  private static func response(_ status: GRPCHealth.Status) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.int32(field: 1, Int32(status.rawValue))
    return writer.bytes
  }

  /// The field `service` of a HealthCheckRequest.
  private static func service(in request: RawSpan) throws -> String {
    do {
      var reader = ProtobufReader(request)
      var service = ""
      while let field = try reader.next() {
        if field.number == 1 { service = try reader.string() }
      }
      return service
    } catch {
      throw unmarshalling(error)
    }
  }
}

extension HealthService {
  /// The same of a message that was read.
  private static func service(asked request: [UInt8]) throws -> String {
    let span = request.span
    return try service(in: unsafe span.bytes)
  }
}

/// The refusal of a message that is none, as grpc-go words it.
func unmarshalling(_ error: any Error) -> GRPCStatus {
  GRPCStatus(.internal, "grpc: error unmarshalling request: \(error)")
}
