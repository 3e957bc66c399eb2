// Tasks run on the threads of the loops: one that blocks its thread keeps neither its loop nor the tasks behind it.
import CTransport
import Glibc
import Synchronization
import TestSupport
import Testing
import Transport

/// `/block` keeps its thread until `/release` was asked for as often as there are blocked ones; `/count` counts up to a large number.
private final class BlockingHandler: HTTPHandler {
  let blocked = Atomic<Int>(0)
  private let released = Atomic<Bool>(false)

  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    switch request.head.path {
    case "/block": try await response.respond(status: block() ? 200 : 503)
    case "/release":
      released.store(true, ordering: .releasing)
      try await response.respond(status: 200)
    default: try await response.respond(status: 404)
    }
  }

  /// Whether it was released before it lost patience.
  private func block() -> Bool {
    blocked.add(1, ordering: .relaxed)
    for _ in 0..<20_000 {
      if released.load(ordering: .acquiring) { return true }
      usleep(1000)
    }
    return false
  }
}

@Suite(.serialized) struct CrewTests {
  /// Blocks `count` calls of one connection on one loop; another call there releases them.
  private func block(_ count: Int) async throws {
    let handler = BlockingHandler()
    let server = try HTTPServer(handler: handler, options: HTTPServerOptions(loops: EventLoopGroup(count: 1)))
    guard case .tcp(let host, let port) = try await server.listen(on: .parse("127.0.0.1:0")) else { return }
    let connection = try await HTTP2ClientConnection.connect(
      to: .tcp(host: host, port: port), options: HTTP2ClientOptions(loops: EventLoopGroup(count: 1)))
    func call(_ path: String) -> HTTP2ClientStream {
      connection.call(HTTPRequestHead(method: "GET", target: path, authority: "test", version: .http2), ends: true)
    }
    let calls = (0..<count).map { _ in call("/block") }
    #expect(await eventually { handler.blocked.load(ordering: .relaxed) == count })
    #expect(try await call("/release").responseHead().status == 200)
    for call in calls { #expect(try await call.responseHead().status == 200) }
    connection.close()
    await server.shutdown(graceMs: 1000)
  }

  @Test func aTaskThatBlocksItsThreadLosesItsLoop() async throws {
    let before = transport_crew_takeovers()
    try await block(1)
    #expect(transport_crew_takeovers() > before)
  }

  @Test func tasksBehindOneThatBlocksAreRunByOthers() async throws { try await block(20) }

  @Test func loopsEndOnTheirOwnThreads() async throws {
    for _ in 0..<20 {
      let server = try HTTPServer(
        handler: BlockingHandler(), options: HTTPServerOptions(loops: EventLoopGroup(count: 1)))
      guard case .tcp(let host, let port) = try await server.listen(on: .parse("127.0.0.1:0")) else { return }
      let connection = try await HTTP2ClientConnection.connect(
        to: .tcp(host: host, port: port), options: HTTP2ClientOptions(loops: EventLoopGroup(count: 1)))
      let stream = connection.call(
        HTTPRequestHead(method: "GET", target: "/missing", authority: "test", version: .http2), ends: true)
      // From here on the test goes on where the answer came in; the last reference to that loop is let go of there.
      #expect(try await stream.responseHead().status == 404)
      await server.shutdown(graceMs: 1000)
    }
  }
}
