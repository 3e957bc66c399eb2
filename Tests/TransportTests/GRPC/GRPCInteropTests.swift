// Our server and gRPC's own client: every kind of call over a real connection.
import Synchronization
import TestSupport
import Testing

@testable import Transport

/// A server of `EchoService` on a free port.
final class EchoServer: Sendable {
  let service = EchoService()
  let health = GRPCHealth()
  let server: HTTPServer
  let port: Int

  init(loops: Int = 2, limits: TransportLimits = TransportLimits()) async throws {
    var options = HTTPServerOptions(loops: try EventLoopGroup(count: loops))
    options.limits = limits
    server = try HTTPServer(handler: GRPCServer(services: [service], health: health), options: options)
    guard case .tcp(_, let port) = try await server.listen(on: .parse("127.0.0.1:0")) else {
      throw TransportError(.io, "no port")
    }
    self.port = port
  }
}

/// The programs in Tests/PeerPrograms.
func peerProgram(_ name: String) -> String { Fixtures.repository + "/Tests/PeerPrograms/" + name }

/// Waits for something that another thread brings about; false where it does not within half a minute.
func eventually(_ condition: () -> Bool) async -> Bool {
  for _ in 0..<3_000 {
    if condition() { return true }
    do { try await Task.sleep(for: .milliseconds(10)) } catch { return false }
  }
  return condition()
}

@Suite(.serialized) struct GRPCInteropTests {
  @Test(.needsPeers("python")) func grpcsOwnClientIsServed() async throws {
    let echo = try await EchoServer()
    let client = try RunningProcess(
      Peers.require("python"), [peerProgram("grpc_client.py"), "127.0.0.1:\(echo.port)"],
      environment: ["GRPC_VERBOSITY": "NONE"])
    #expect(await eventually { client.poll() != nil })
    let lines = String(decoding: client.output, as: UTF8.self).split(separator: "\n")
    for line in lines where !line.hasPrefix("ok ") { Issue.record("\(line)") }
    #expect(lines.count == 15, "\(lines.last ?? "") \(String(decoding: client.errors, as: UTF8.self))")
    // Deadlines and cancellations of the client reached the handlers that had begun.
    #expect(await eventually { echo.server.requestsInFlight == 0 })
    #expect(await eventually { echo.service.allWereCancelled })
    #expect(echo.service.cancellations.load(ordering: .relaxed) >= 2)
    await echo.server.shutdown(graceMs: 1_000)
  }
}
