// The server over real sockets, asked by curl, by nghttp2's programs and by our own client.
import Foundation
import Locking
import Synchronization
import TestSupport
import Testing
import Transport

@Suite struct HTTPServerTests {
  @Test(arguments: ["--http1.1", "--http1.0", "--http2-prior-knowledge"])
  func curlGetsTheSameByEveryVersion(version: String) async throws {
    let sample = try await SampleServer()
    let url = "http://127.0.0.1:\(sample.port)"
    let hello = try await sample.curl(version, "-i", url + "/hello")
    #expect(hello.outputText.contains(" 200"))
    #expect(hello.outputText.lowercased().contains("content-length: 6\r\n"))
    #expect(hello.outputText.lowercased().contains("date: "))
    #expect(hello.outputText.hasSuffix("\r\n\r\nhello\n"))
    let info = try await sample.curl(version, "-i", url + "/info?a=%20b")
    #expect(info.outputText.contains("GET http 127.0.0.1:\(sample.port) /info?a=%20b HTTP/"))
    #expect(info.outputText.lowercased().contains("x-twice: a\r\nx-twice: b\r\n"))
    #expect(info.outputText.contains("peer 127.0.0.1\n"))
    let missing = try await sample.curl(version, "-o", "/dev/null", "-w", "%{http_code}", url + "/missing")
    #expect(missing.outputText == "404")
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test(arguments: ["--http1.1", "--http2-prior-knowledge"], [false, true])
  func bodiesComeBackAsTheyWent(version: String, isChunked: Bool) async throws {
    let sample = try await SampleServer()
    let folder = try TemporaryFolder()
    var random = SplitMix64(seed: 7)
    let body = (0..<3_000_000 / 8).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
    try writeFile(folder.file("body"), body)
    var arguments = [version, "-o", folder.file("answer"), "--data-binary", "@" + folder.file("body")]
    if isChunked { arguments += ["-H", "Transfer-Encoding: chunked"] }
    let result = try await runBeside(
      "/usr/bin/curl", ["-sS", "-m", "20"] + arguments + ["http://127.0.0.1:\(sample.port)/echo"])
    #expect(result.exitCode == 0, "\(result.errorText)")
    #expect(try readFile(folder.file("answer")) == body)
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func unixSocketsAndIPv6() async throws {
    let folder = try TemporaryFolder()
    let sample = try await SampleServer(on: "unix:" + folder.file("s"))
    let answer = try await sample.curl("--unix-socket", folder.file("s"), "http://any/hello")
    #expect(answer.outputText == "hello\n")
    let connection = try await sample.connect()
    #expect(try await connection.call("GET", "/hello").collect() == Array("hello\n".utf8))
    await sample.server.shutdown(graceMs: 1000)
    #expect(!FileManager.default.fileExists(atPath: folder.file("s")))

    let v6 = try await SampleServer(on: "[::1]:0")
    let info = try await v6.curl("http://[::1]:\(v6.port)/info")
    #expect(info.outputText.contains("peer ::1\n"))
    await v6.server.shutdown(graceMs: 1000)

    let both = try await SampleServer(on: ":0")
    #expect(try await both.curl("http://127.0.0.1:\(both.port)/info").outputText.contains("peer 127.0.0.1\n"))
    #expect(try await both.curl("http://[::1]:\(both.port)/info").outputText.contains("peer ::1\n"))
    await both.server.shutdown(graceMs: 1000)
  }

  @Test func socketFilesThatAreLeftOverAreReplacedAndOthersNot() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("s")
    let first = try await SampleServer(on: "unix:" + path)
    await #expect(throws: TransportError.self) { _ = try await SampleServer(on: "unix:" + path) }
    #expect(try await first.curl("--unix-socket", path, "http://any/hello").outputText == "hello\n")
    await first.server.shutdown(graceMs: 100)
    try writeFile(folder.file("file"), [1])
    await #expect(throws: TransportError.self) { _ = try await SampleServer(on: "unix:" + folder.file("file")) }
    #expect(try readFile(folder.file("file")) == [1])
  }

  @Test func addressesInUseAreToldAsSuch() async throws {
    let first = try await SampleServer()
    // With one loop the port is not shared, with more it is among them alone.
    for loopCount in [1, 3] {
      let error = await #expect(throws: TransportError.self) {
        let loops = try EventLoopGroup(count: loopCount)
        let server = try HTTPServer(handler: SampleHandler(), options: HTTPServerOptions(loops: loops))
        try await server.listen(on: .tcp(host: "127.0.0.1", port: first.port))
      }
      #expect(error?.message == "listening on 127.0.0.1:\(first.port): Address already in use")
    }
    await first.server.shutdown(graceMs: 100)
  }

  @Test func whatHandlersThrowIsAnErrorForTheirClient() async throws {
    let told = Guarded<[String]>([])
    let sample = try await SampleServer { options in
      options.onHandlerError = { head, error in told.withLock { $0.append("\(head.path) \(error)") } }
    }
    let url = "http://127.0.0.1:\(sample.port)"
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      let early = try await sample.curl(version, "-w", "%{http_code}", url + "/throw")
      #expect(early.outputText == "Internal Server Error\n500")
      let late = try await sample.curl(version, url + "/throw-late")
      #expect(late.exitCode != 0, "\(version): an answer that was cut off looks whole")
      let nothing = try await sample.curl(version, url + "/nothing")
      #expect(nothing.exitCode != 0)
    }
    #expect(
      told.withLock { $0.sorted() } == [
        "/throw on purpose", "/throw on purpose", "/throw-late on purpose", "/throw-late on purpose",
      ])
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test(arguments: ["--http1.1", "--http2-prior-knowledge"])
  func aClientThatLeavesCancelsItsTask(version: String) async throws {
    let sample = try await SampleServer()
    let start = ContinuousClock.now
    let result = try await runBeside(
      "/usr/bin/curl", ["-sS", "-m", "0.5", version, "http://127.0.0.1:\(sample.port)/wait"])
    #expect(result.exitCode == 28)
    while sample.handler.cancelled.withLock({ $0.isEmpty }) && ContinuousClock.now - start < .seconds(20) {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(sample.handler.cancelled.withLock { $0.count } == 1)
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func aReaderThatStallsStopsItsHandlerAndNobodyElse() async throws {
    let sample = try await SampleServer()
    let connection = try await sample.connect()
    let stalled = try connection.call("GET", "/big?100000000")
    _ = try await stalled.responseHead()
    // Until nothing moves any more: window, and what may wait.
    var before = -1
    while sample.handler.written.load(ordering: .relaxed) != before {
      before = sample.handler.written.load(ordering: .relaxed)
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(before <= 3 << 20)
    // Another stream of the same connection goes on.
    #expect(try await connection.call("GET", "/hello").collect() == Array("hello\n".utf8))
    #expect(try await stalled.collect().count == 100_000_000)
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func stalledReadersOfHTTP1StopTheirHandlers() async throws {
    let sample = try await SampleServer()
    let socket = try RawSocket(port: sample.port)
    try socket.send("GET /big?100000000 HTTP/1.1\r\nHost: h\r\n\r\n")
    var before = -1
    while sample.handler.written.load(ordering: .relaxed) != before || before == 0 {
      before = sample.handler.written.load(ordering: .relaxed)
      try await Task.sleep(for: .milliseconds(200))
    }
    // What the kernel's buffers of both ends take, ours, and what may wait.
    #expect(before < 20_000_000)
    await sample.server.shutdown(graceMs: 0)
  }

  @Test func shutdownFinishesWhatRunsAndThenCuts() async throws {
    let sample = try await SampleServer()
    let connection = try await sample.connect()
    let running = try connection.call("POST", "/echo", ends: false)
    try await running.write(Array("first".utf8))
    _ = try await running.responseHead()
    let waiting = try connection.call("GET", "/wait")
    _ = try await waiting.responseHead()
    async let shutdown: Void = sample.server.shutdown(graceMs: 5000)
    while connection.isUsable {
      _ = try? await connection.call("GET", "/hello").collect()
      try await Task.sleep(for: .milliseconds(10))
    }
    await #expect(throws: TransportError.self) { _ = try await sample.connect() }
    try await running.write(Array(" second".utf8))
    try await running.finish()
    #expect(try await running.collect() == Array("first second".utf8))
    #expect(running.trailers["x-trailer"] == "none")
    await shutdown
    await #expect(throws: TransportError.self) { _ = try await waiting.collect() }
    #expect(sample.server.counts.open == 0)
  }

  @Test func unreadBodiesDoNotHurt() async throws {
    let sample = try await SampleServer()
    let folder = try TemporaryFolder()
    // (curl takes a server that stops a longer body of HTTP/2 for one that failed.)
    for (version, bytes) in [("--http1.1", 5_000_000), ("--http2-prior-knowledge", 200_000)] {
      try writeFile(folder.file("body"), [UInt8](repeating: 1, count: bytes))
      let result = try await sample.curl(
        version, "-w", "%{http_code}", "--data-binary", "@" + folder.file("body"), "-H", "Expect:",
        "http://127.0.0.1:\(sample.port)/unread")
      #expect(result.outputText == "unread\n413", "\(version): \(result.errorText)")
    }
    let connection = try await sample.connect()
    let call = try connection.call("POST", "/unread", body: [UInt8](repeating: 1, count: 5_000_000), ends: true)
    #expect(try await call.responseHead().status == 413)
    #expect(try await call.collect() == Array("unread\n".utf8))
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func moreConnectionsThanAllowedAreClosedAtOnce() async throws {
    let sample = try await SampleServer { $0.limits.connections = 3 }
    var sockets: [RawSocket] = []
    for _ in 0..<3 { sockets.append(try RawSocket(port: sample.port)) }
    for socket in sockets {
      try socket.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try await socket.receive(until: "hello\n").contains("200 OK"))
    }
    let fourth = try RawSocket(port: sample.port)
    #expect(try await fourth.receive(until: "never").isEmpty)
    #expect(sample.server.counts.limits["connections"] == 1)
    await sample.server.shutdown(graceMs: 0)
  }

  @Test func silentAndSlowConnectionsAreCutOff() async throws {
    let sample = try await SampleServer {
      $0.limits.headTimeoutMs = 300
      $0.limits.idleTimeoutMs = 600
    }
    let silent = try RawSocket(port: sample.port)
    let slow = try RawSocket(port: sample.port)
    try slow.send("GET /hello HTTP/1.1\r\nHo")
    let idle = try RawSocket(port: sample.port)
    try idle.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(try await silent.receive(until: "never").isEmpty)
    #expect(try await slow.receive(until: "never").isEmpty)
    #expect(try await idle.receive(until: "never").hasSuffix("hello\n"))
    let limits = sample.server.counts.limits
    #expect(limits["head-timeout"] == 2 && limits["idle-timeout"] == 1)
    await sample.server.shutdown(graceMs: 0)
  }

  @Test func nghttp2sOwnClientsAreServed() async throws {
    let sample = try await SampleServer()
    let load = try await runBeside(
      "/usr/bin/h2load", ["-n", "2000", "-c", "4", "-m", "16", "http://127.0.0.1:\(sample.port)/hello"])
    #expect(load.outputText.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(load.outputText)")
    let h1 = try await runBeside(
      "/usr/bin/h2load", ["--h1", "-n", "500", "-c", "4", "http://127.0.0.1:\(sample.port)/hello"])
    #expect(h1.outputText.contains("500 succeeded, 0 failed, 0 errored, 0 timeout"), "\(h1.outputText)")
    let one = try await runBeside("/usr/bin/nghttp", ["-v", "http://127.0.0.1:\(sample.port)/hello"])
    #expect(one.outputText.contains(":status: 200"))
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func addressesAreReadAsFlagsGiveThem() throws {
    #expect(try ListenAddress.parse("0.0.0.0:10902") == .tcp(host: "0.0.0.0", port: 10902))
    #expect(try ListenAddress.parse(":0") == .tcp(host: "", port: 0))
    #expect(try ListenAddress.parse("[::1]:9") == .tcp(host: "::1", port: 9))
    #expect(try ListenAddress.parse("localhost:9").description.hasSuffix(":9"))
    #expect(try ListenAddress.parse("unix:/a/b") == .unix(path: "/a/b"))
    for wrong in ["", "host", "1.2.3.4", "::1:9", "[::1:9", "a:65536", "a:-1", "a:x", "unix:", "no such host:1"] {
      #expect(throws: TransportError.self, "\(wrong)") { try ListenAddress.parse(wrong) }
    }
  }
}

/// A client that says what it likes.
final class RawSocket: @unchecked Sendable {
  private let socket: Int32

  init(port: Int) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw TestSupportError("connect to \(port): \(String(cString: strerror(errno)))") }
  }

  deinit { close(socket) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw TestSupportError("send: \(String(cString: strerror(errno)))") }
      sent += count
    }
  }

  /// What comes until `text` was seen or the peer closes, for at most ten seconds.
  func receive(until text: String) async throws -> String {
    let end = ContinuousClock.now + .seconds(10)
    var all: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65_536)
    while ContinuousClock.now < end {
      let count = recv(socket, &room, room.count, Int32(MSG_DONTWAIT))
      if count > 0 {
        all.append(contentsOf: room.prefix(count))
        if String(decoding: all, as: UTF8.self).contains(text) { break }
      } else if count == 0 || errno != EAGAIN {
        break
      } else {
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    return String(decoding: all, as: UTF8.self)
  }
}
