// One address of a channel: at most one connection to it, and pauses between attempts that fail.
internal import Locking
import Synchronization

/// Keeps a connection to one address.
final class GRPCSubchannel: Sendable {
  private struct State {
    var connection: HTTP2ClientConnection?
    var attempt: Task<HTTP2ClientConnection, any Error>?
    var failures = 0
    var retryAt: ContinuousClock.Instant?
    var lastError: GRPCStatus?
    var isClosed = false
  }

  let address: PeerAddress
  private let options: HTTP2ClientOptions
  private let backoff: GRPCConnectionBackoff
  private let state = Guarded(State())

  init(address: PeerAddress, options: HTTP2ClientOptions, backoff: GRPCConnectionBackoff) {
    self.address = address
    self.options = options
    self.backoff = backoff
  }

  deinit { close() }

  /// The connection, where there is one that takes calls.
  var ready: HTTP2ClientConnection? {
    state.withLock { state in
      guard let connection = state.connection, connection.isUsable else { return nil }
      return connection
    }
  }

  /// The connection; connects where there is none. Throws Unavailable at once while a pause after a failure lasts.
  func connection() async throws(GRPCStatus) -> HTTP2ClientConnection {
    switch step() {
    case .ready(let connection): return connection
    case .failed(let status): throw status
    case .wait(let attempt):
      do { return try await attempt.value } catch { throw error as? GRPCStatus ?? GRPCStatus(of: error) }
    }
  }

  /// Begins to connect where that is due, and waits for nothing.
  func prepare() { _ = step() }

  private enum Step {
    case ready(HTTP2ClientConnection)
    case wait(Task<HTTP2ClientConnection, any Error>)
    case failed(GRPCStatus)
  }

  private func step() -> Step {
    state.withLock { state in
      if let connection = state.connection {
        if connection.isUsable { return .ready(connection) }
        state.connection = nil
      }
      if let attempt = state.attempt { return .wait(attempt) }
      if state.isClosed { return .failed(GRPCStatus(.cancelled, "grpc: the client connection is closing")) }
      if let retryAt = state.retryAt, let error = state.lastError, ContinuousClock.now < retryAt {
        return .failed(error)
      }
      let attempt = Task { try await self.connect() }
      state.attempt = attempt
      return .wait(attempt)
    }
  }

  private func connect() async throws(GRPCStatus) -> HTTP2ClientConnection {
    do {
      let connection = try await HTTP2ClientConnection.connect(to: address, options: options)
      let isClosed = state.withLock { state in
        state.attempt = nil
        state.failures = 0
        state.retryAt = nil
        state.lastError = nil
        if !state.isClosed { state.connection = connection }
        return state.isClosed
      }
      if isClosed {
        connection.close()
        throw GRPCStatus(.cancelled, "grpc: the client connection is closing")
      }
      return connection
    } catch let error as TransportError {
      let status = GRPCStatus(
        .unavailable,
        "connection error: desc = \"transport: Error while dialing: \(error)\"")
      state.withLock { state in
        state.attempt = nil
        state.failures += 1
        let delayMs = backoff.delayMs(afterFailures: state.failures, jitter: Double.random(in: -1...1))
        state.retryAt = .now + .milliseconds(delayMs)
        state.lastError = status
      }
      throw status
    } catch {
      throw error as? GRPCStatus ?? GRPCStatus(of: error)
    }
  }

  /// Lets calls that run go on and takes no more.
  func close() {
    let connection = state.withLock { state in
      state.isClosed = true
      defer { state.connection = nil }
      return state.connection
    }
    connection?.close()
  }
}
