// A client that asks for much at once does not keep the others of its loop waiting for all of it.
import Glibc
import Locking
import Synchronization
import TestSupport
import Testing

@testable import Transport

/// Writes down which targets were asked for, in their order.
private final class OrderHandler: HTTPHandler {
  let order = Guarded<[String]>([])

  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    order.withLock { $0.append(request.head.target) }
    try await response.respond(status: 200)
  }
}

@Suite struct FairnessTests {
  private func frame(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
    let length = (0..<3).map { UInt8(truncatingIfNeeded: payload.count >> (16 - 8 * $0)) }
    return length + [kind, flags] + (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * $0)) } + payload
  }

  /// GET http://h with the path `/` and, where it is given, one more byte (RFC 7541, 6.2.2).
  private func request(stream: UInt32, path: UInt8? = nil) -> [UInt8] {
    let target: [UInt8] = path.map { [0x04, 0x02, 0x2F, $0] } ?? [0x84]
    return frame(1, flags: 0x5, stream: stream, [0x82, 0x86] + target + [0x01, 0x01, 0x68])
  }

  private func connect(_ port: Int) -> Int32 {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(result == 0)
    return socket
  }

  private func send(_ socket: Int32, _ bytes: [UInt8]) { #expect(write(socket, bytes, bytes.count) == bytes.count) }

  @Test func aBatchOfRequestsLetsThoseOfOthersThrough() async throws {
    let handler = OrderHandler()
    let loops = try EventLoopGroup(count: 1)
    var options = HTTPServerOptions(loops: loops)
    options.limits.streams = 10_000
    let server = try HTTPServer(handler: handler, options: options)
    guard case .tcp(_, let port) = try await server.listen(on: .parse("127.0.0.1:0")) else { return }
    let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4)
    let (greedy, modest) = (connect(port), connect(port))
    for (socket, path) in [(greedy, UInt8(ascii: "a")), (modest, UInt8(ascii: "b"))] {
      send(socket, preface + request(stream: 1, path: path))
    }
    #expect(await eventually { handler.order.withLock { $0.count } == 2 })

    // The loop stands still until all of both is there.
    let isSent = Atomic<Bool>(false)
    let count: UInt32 = 4000
    let standing = Task { await loops.loops[0].run { while !isSent.load(ordering: .acquiring) { usleep(100) } } }
    send(greedy, (1...count).flatMap { request(stream: 1 + 2 * $0) })
    send(modest, request(stream: 3, path: UInt8(ascii: "b")))
    usleep(10_000)
    isSent.store(true, ordering: .releasing)
    await standing.value

    #expect(await eventually { handler.order.withLock { $0.count } == 2 + Int(count) + 1 })
    let place = handler.order.withLock { $0.lastIndex(of: "/b") } ?? Int.max
    // The first read takes 16 KiB, some 1,100 requests of these, the next ones less; helpers may change the order a little.
    #expect(place < 2000, "after \(place) others")
    for socket in [greedy, modest] { close(socket) }
    await server.shutdown(graceMs: 1000)
  }
}
