// The clients against a server of HTTP/2 that is not ours: nghttpd, which serves files and sends uploads back.
import Foundation
import TestSupport
import Testing

@testable import Transport

/// A running nghttpd. It ends when the value is dropped.
private final class NghttpServer: Sendable {
  let port: Int
  let folder: TemporaryFolder
  private let process: RunningProcess

  /// Serves a folder with files that are named by their sizes.
  init(certificates: TestCertificates? = nil, flags: [String] = []) async throws {
    folder = try TemporaryFolder("nghttpd")
    for size in Self.sizes { try writeFile(folder.file("\(size)"), Self.content(size)) }
    port = try Self.freePort()
    var arguments = ["-a", "127.0.0.1", "-d", folder.path, "--trailer=x-sum: 7"] + flags
    if certificates == nil { arguments.append("--no-tls") }
    arguments.append("\(port)")
    if let certificates { arguments += [certificates.key("server"), certificates.certificate("server")] }
    process = try RunningProcess("/usr/sbin/nghttpd", arguments)
    let end = ContinuousClock.now + .seconds(20)
    while !Self.isListening(port) {
      guard process.poll() == nil, ContinuousClock.now < end else {
        throw TestSupportError("nghttpd: \(String(decoding: process.errors, as: UTF8.self))")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  static let sizes = [0, 1, 16_384, 100_000, 3_000_000]

  static func content(_ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

  private static func socketAddress(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func with<Result>(
    _ port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = socketAddress(port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func isListening(_ port: Int) -> Bool { with(port) { connect($0, $1, $2) == 0 } }

  /// A port that nobody has at this moment: nghttpd takes none that it may choose.
  private static func freePort() throws -> Int {
    let found = with(0) { descriptor, address, length -> Int? in
      guard bind(descriptor, address, length) == 0 else { return nil }
      var bound = sockaddr_in()
      var size = length
      let result = withUnsafeMutablePointer(to: &bound) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
      }
      return result == 0 ? Int(UInt16(bigEndian: bound.sin_port)) : nil
    }
    guard let found else { throw TestSupportError("no free port") }
    return found
  }
}

@Suite(.timeLimit(.minutes(2))) struct ForeignHTTP2ServerTests {
  private func client(_ certificates: TestCertificates?) throws -> HTTPClient {
    var options = HTTPClientOptions()
    options.version = .http2
    options.tls.caFile = certificates?.authority
    return HTTPClient(options: options)
  }

  @Test(arguments: [true, false]) func filesComeWhole(_ tls: Bool) async throws {
    let certificates = tls ? try TestCertificates() : nil
    let server = try await NghttpServer(certificates: certificates)
    let client = try client(certificates)
    let url = "\(tls ? "https" : "http")://127.0.0.1:\(server.port)"
    for size in NghttpServer.sizes {
      let answer = try await client.send(HTTPClientRequest("GET", "\(url)/\(size)"))
      #expect(answer.status == 200 && answer.version == .http2)
      #expect(answer.headers["content-length"] == "\(size)")
      #expect(try await answer.collect(limitBytes: 4_000_000) == NghttpServer.content(size))
    }
    let missing = try await client.send(HTTPClientRequest("GET", "\(url)/none"))
    #expect(missing.status == 404)
    _ = try await missing.collect(limitBytes: 100_000)
  }

  @Test func uploadsComeBack() async throws {
    let certificates = try TestCertificates()
    let server = try await NghttpServer(certificates: certificates, flags: ["--echo-upload"])
    let client = try client(certificates)
    for size in [1, 70_000, 2_000_000] {
      let answer = try await client.send(
        HTTPClientRequest(
          "POST", "https://127.0.0.1:\(server.port)/echo", body: .bytes(NghttpServer.content(size))))
      #expect(try await answer.collect(limitBytes: 4_000_000) == NghttpServer.content(size))
    }
  }

  /// More requests than the server takes at a time wait for their turn.
  @Test func requestsWaitForAServerThatTakesThreeAtATime() async throws {
    let certificates = try TestCertificates()
    let server = try await NghttpServer(certificates: certificates, flags: ["-m", "3"])
    let client = try client(certificates)
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<100 {
        group.addTask {
          try await client.send(HTTPClientRequest("GET", "https://127.0.0.1:\(server.port)/100000"))
            .collect(limitBytes: 200_000).count
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(total == 10_000_000)
  }

  /// The client session that gRPC channels are made of, with padded frames and small windows of the other side.
  @Test func ourOwnSessionReadsAndWrites() async throws {
    let server = try await NghttpServer(flags: ["--echo-upload", "-b", "200", "-w", "14", "-W", "15"])
    guard let loops = SampleServer.loops else { throw TestSupportError("no event loops") }
    let connection = try await HTTP2ClientConnection.connect(
      to: .tcp(host: "127.0.0.1", port: server.port), options: HTTP2ClientOptions(loops: loops))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for size in NghttpServer.sizes {
        group.addTask {
          let file = try connection.call("GET", "/\(size)")
          #expect(try await file.responseHead().status == 200)
          #expect(try await file.collect() == NghttpServer.content(size))
          // (libcurl 7.88 reads none after a body whose length was announced.)
          if size > 0 { #expect(file.trailers["x-sum"] == "7") }
          let upload = try connection.call("POST", "/echo", body: NghttpServer.content(size))
          #expect(try await upload.collect() == NghttpServer.content(size))
        }
      }
      try await group.waitForAll()
    }
    connection.close()
  }
}
