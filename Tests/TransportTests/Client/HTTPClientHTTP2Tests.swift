// The client over HTTP/2, beside the server of this package: over TLS, where both agree on it, and without.
import Foundation
import Locking
import Synchronization
import TestSupport
import Testing

@testable import Transport

/// Answers what the path says: `/bytes/N` so many bytes, `/echo` the body, `/hang` nothing ever.
private final class Answers: HTTPHandler {
  let began = Guarded(0)
  let cancelled = Guarded(0)
  let written = Guarded(0)

  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    began.withLock { $0 += 1 }
    let path = request.head.path
    if path == "/echo" {
      let kind = request.head.headers["content-type"] ?? "none"
      try await response.start(status: 200, headers: ["x-kind": kind, "x-version": request.head.version.rawValue])
      while let part = try await request.nextBodyPart() { try await response.write(part) }
      try await response.finish(trailers: ["x-end": "1"])
    } else if path.hasPrefix("/bytes/"), let count = Int(path.dropFirst(7)) {
      try await response.start(status: 200, headers: [:])
      var left = count
      while left > 0 {
        let part = min(left, 65536)
        try await response.write([UInt8](repeating: 7, count: part))
        left -= part
        written.withLock { $0 += part }
      }
      try await response.finish()
    } else {
      do {
        try await Task.sleep(for: .seconds(1000))
      } catch {
        cancelled.withLock { $0 += 1 }
        throw error
      }
    }
  }
}

@Suite(.timeLimit(.minutes(2))) struct HTTPClientHTTP2Tests {
  private final class Running: Sendable {
    let answers = Answers()
    let server: HTTPServer
    let url: String

    init(certificates: TestCertificates?) async throws {
      var options = HTTPServerOptions(loops: try EventLoopGroup(count: 1))
      if let certificates {
        var tls = TLSOptions()
        tls.certificateFile = certificates.certificate("server")
        tls.keyFile = certificates.key("server")
        options.tls = tls
      }
      server = try HTTPServer(handler: answers, options: options)
      guard case .tcp(_, let port) = try await server.listen(on: .tcp(host: "127.0.0.1", port: 0)) else {
        throw TestSupportError("no port")
      }
      url = "\(certificates == nil ? "http" : "https")://127.0.0.1:\(port)"
    }
  }

  private func withServer(
    tls: Bool, _ version: HTTPClientOptions.Version, _ body: (HTTPClient, Running) async throws -> Void
  ) async throws {
    let certificates = tls ? try TestCertificates() : nil
    let running = try await Running(certificates: certificates)
    var options = HTTPClientOptions()
    options.version = version
    options.tls.caFile = certificates?.authority
    try await body(HTTPClient(options: options), running)
    await running.server.shutdown(graceMs: 0)
  }

  @Test(arguments: [(true, HTTPClientOptions.Version.automatic), (false, .http2)])
  func bodiesGoBothWays(_ tls: Bool, _ version: HTTPClientOptions.Version) async throws {
    try await withServer(tls: tls, version) { client, running in
      for count in [0, 1, 5_000_000] {
        let left = Guarded(count)
        let source = HTTPClientRequest.Body.source(length: nil) {
          let part = left.withLock { left in
            let part = min(left, 70_000)
            left -= part
            return part
          }
          return part > 0 ? [UInt8](repeating: 5, count: part) : nil
        }
        let bytes = HTTPClientRequest.Body.bytes([UInt8](repeating: 5, count: count))
        for body in [source, bytes] {
          // The answer is as long as the request, so it is read while the request is still sent.
          let limit = count <= 200_000
          if !limit, case .source = body { continue }
          let answer = try await client.send(
            HTTPClientRequest("POST", running.url + "/echo", headers: ["content-type": "x/y"], body: body))
          #expect(answer.version == .http2 && answer.status == 200)
          #expect(answer.headers["x-kind"] == "x/y" && answer.headers["x-version"] == HTTPVersion.http2.rawValue)
          #expect(try await answer.collect(limitBytes: 10_000_000) == [UInt8](repeating: 5, count: count))
          #expect(answer.trailers["x-end"] == "1")
        }
      }
    }
  }

  @Test func aClientOfHTTP1IsServedOverTLS() async throws {
    try await withServer(tls: true, .http1) { client, running in
      let answer = try await client.send(HTTPClientRequest("GET", running.url + "/bytes/1000"))
      #expect(answer.version == .http1_1)
      #expect(try await answer.collect(limitBytes: 1000).count == 1000)
    }
  }

  @Test(arguments: [true, false]) func oneConnectionServesManyRequests(_ tls: Bool) async throws {
    try await withServer(tls: tls, .http2) { client, running in
      _ = try await client.send(HTTPClientRequest("GET", running.url + "/bytes/1")).collect(limitBytes: 10)
      let total = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<90 {
          group.addTask {
            try await client.send(HTTPClientRequest("GET", running.url + "/bytes/\(index * 1000)"))
              .collect(limitBytes: 1 << 20).count
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(total == 1000 * 89 * 90 / 2)
      // Without TLS, libcurl before 8.0 makes a connection for each.
      if tls { #expect(running.server.counts.open == 1) }
    }
  }

  @Test func aReaderThatStandsStillHoldsUpItsStreamAlone() async throws {
    try await withServer(tls: false, .http2) { client, running in
      let slow = try await client.send(HTTPClientRequest("GET", running.url + "/bytes/80000000"))
      var last = -1
      while running.answers.written.withLock({ $0 }) != last {
        last = running.answers.written.withLock { $0 }
        try await Task.sleep(for: .milliseconds(200))
      }
      // The window that libcurl gives a stream, and what lies in buffers.
      #expect(last < 70_000_000)
      let other = try await client.send(HTTPClientRequest("GET", running.url + "/bytes/1000000"))
      #expect(try await other.collect(limitBytes: 1 << 20).count == 1_000_000)
      var count = 0
      while let part = try await slow.nextBodyPart() { count += part.count }
      #expect(count == 80_000_000)
    }
  }

  @Test(arguments: [true, false]) func cancellingATaskCancelsTheServersTask(_ tls: Bool) async throws {
    try await withServer(tls: tls, .http2) { client, running in
      let task = Task { try await client.send(HTTPClientRequest("GET", running.url + "/hang")) }
      while running.answers.began.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(2)) }
      task.cancel()
      let result = await task.result
      #expect(throws: TransportError.self) { try result.get() }
      while running.answers.cancelled.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(2)) }
      let answer = try await client.send(HTTPClientRequest("GET", running.url + "/bytes/3"))
      #expect(try await answer.collect(limitBytes: 3).count == 3)
    }
  }
}
