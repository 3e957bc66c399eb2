// The client of HTTP beside a server that is not ours, over loopback.
import Foundation
import Locking
import Synchronization
import TestSupport
import Testing

@testable import Transport

private func get(_ client: HTTPClient, _ url: String, headers: HTTPHeaders = [:]) async throws -> (Int, String) {
  let answer = try await client.send(HTTPClientRequest("GET", url, headers: headers))
  return (answer.status, String(decoding: try await answer.collect(limitBytes: 1 << 20), as: UTF8.self))
}

private func failure(_ body: () async throws -> Void) async -> TransportError.Code? {
  do { try await body() } catch { return (error as? TransportError)?.code }
  return nil
}

private func options(_ change: (inout HTTPClientOptions) -> Void) -> HTTPClientOptions {
  var options = HTTPClientOptions()
  change(&options)
  return options
}

@Suite(.needsPeers("python"), .timeLimit(.minutes(2)))
struct HTTPClientTests {
  private static let shared = Guarded<ForeignServer?>(nil)

  private func server() throws -> ForeignServer {
    try Self.shared.withLock { shared in
      if let shared { return shared }
      let server = try ForeignServer()
      shared = server
      return server
    }
  }

  @Test func requestsArriveAsTheyWereMade() async throws {
    let server = try server()
    let client = HTTPClient(options: options { $0.headers = ["x-own": "1", "x-both": "client"] })
    let (status, text) = try await get(
      client, server.url + "/echo?a=%2F..%2f", headers: ["X-Both": "request", "x-nothing": ""])
    #expect(status == 200)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "GET /echo?a=%2F..%2f")
    let fields = Set(lines[1...].prefix { !$0.isEmpty })
    #expect(
      fields == [
        "host: 127.0.0.1:\(server.port)", "x-own: 1", "x-both: request", "x-nothing: ", "user-agent: Apus",
        "accept-encoding: gzip",
      ])
  }

  @Test(arguments: ["PUT", "POST", "PATCH", "DELETE"]) func bodiesOfBytesArrive(_ method: String) async throws {
    let client = HTTPClient()
    for count in [0, 1, 100_000, 3_000_000] {
      let body = [UInt8](repeating: 97, count: count)
      let answer = try await client.send(HTTPClientRequest(method, try server().url + "/echo", body: .bytes(body)))
      let text = String(decoding: try await answer.collect(limitBytes: 1 << 20), as: UTF8.self)
      #expect(text.hasPrefix("\(method) /echo\n") && text.contains("\nbytes=\(count) "), "\(count): \(text)")
      #expect(answer.headers["x-two"] == "a" && answer.headers["x-empty"] == "")
    }
  }

  @Test(arguments: [true, false], ["PUT", "POST"])
  func bodiesOfASourceAreStreamed(_ isLengthKnown: Bool, _ method: String) async throws {
    let left = Guarded(200)
    let body = HTTPClientRequest.Body.source(length: isLengthKnown ? 200 * 50_000 : nil) {
      let isMore = left.withLock { left in
        left -= 1
        return left >= 0
      }
      if isMore, left.withLock({ $0 }) % 50 == 0 { try await Task.sleep(for: .milliseconds(2)) }
      return isMore ? [UInt8](repeating: 98, count: 50_000) : nil
    }
    let answer = try await HTTPClient().send(HTTPClientRequest(method, try server().url + "/echo", body: body))
    let text = String(decoding: try await answer.collect(limitBytes: 1 << 20), as: UTF8.self)
    #expect(text.contains("\nbytes=10000000 "))
    #expect(text.contains(isLengthKnown ? "\ncontent-length: 10000000" : "\ntransfer-encoding: chunked"))
  }

  @Test func whatASourceThrowsEndsTheRequest() async throws {
    struct Broken: Error {}
    let body = HTTPClientRequest.Body.source(length: 100) { throw Broken() }
    let url = try server().url + "/echo"
    await #expect(throws: Broken.self) { try await HTTPClient().send(HTTPClientRequest("PUT", url, body: body)) }
  }

  @Test func aRefusalInTheMiddleOfABodyIsAnAnswer() async throws {
    let body = HTTPClientRequest.Body.source(length: nil) { [UInt8](repeating: 1, count: 100_000) }
    let url = try server().url + "/refuse"
    // The server may also have closed before the answer was read.
    do {
      let answer = try await HTTPClient().send(HTTPClientRequest("PUT", url, body: body))
      #expect(answer.status == 413)
    } catch let error as TransportError {
      #expect(error.code == .closed)
    }
  }

  @Test(arguments: ["", "&chunked=1"]) func answersAreStreamedWhole(_ form: String) async throws {
    let answer = try await HTTPClient().send(HTTPClientRequest("GET", try server().url + "/bytes?n=3000000" + form))
    var count = 0
    var isRight = true
    while let part = try await answer.nextBodyPart() {
      for (index, byte) in part.enumerated() where byte != UInt8((count + index) % 256) { isRight = false }
      count += part.count
    }
    #expect(count == 3_000_000 && isRight)
    #expect(answer.trailers["x-sum"] == (form.isEmpty ? nil : "3000000"))
    #expect(try await answer.nextBodyPart() == nil)
  }

  @Test func aReaderThatStandsStillHoldsTheServerUp() async throws {
    let server = try ForeignServer()
    let answer = try await HTTPClient().send(HTTPClientRequest("GET", server.url + "/bytes?n=60000000"))
    func sent() -> Int { server.log.last { $0.hasPrefix("sent ") }.flatMap { Int($0.dropFirst(5)) } ?? 0 }
    var last = -1
    while sent() != last {
      last = sent()
      try await Task.sleep(for: .milliseconds(300))
    }
    // What the system's buffers take, and no more.
    #expect(last < 30_000_000)
    var count = 0
    while let part = try await answer.nextBodyPart() { count += part.count }
    #expect(count == 60_000_000)
  }

  @Test func headsWithoutBodiesAreRead() async throws {
    let answer = try await HTTPClient().send(HTTPClientRequest("HEAD", try server().url + "/echo"))
    #expect(answer.status == 200 && answer.headers["content-length"] != nil && answer.version == .http1_1)
    #expect(try await answer.collect(limitBytes: 10).isEmpty)
  }

  @Test func gzipIsUndoneAndCountedAsItComesOut() async throws {
    let url = try server().url
    #expect(try await get(HTTPClient(), url + "/gzip?n=100000").1 == String(repeating: "z", count: 100_000))
    let small = HTTPClient(options: options { $0.bodyBytesMax = 99_999 })
    let code = await failure { _ = try await get(small, url + "/gzip?n=100000") }
    #expect(code == .limit)
    let plain = HTTPClient(options: options { $0.acceptsCompression = false })
    #expect(try await get(plain, url + "/gzip?n=10").1 == "zzzzzzzzzz")
  }

  @Test func connectionsAreUsedAgain() async throws {
    let client = HTTPClient()
    let url = try server().url + "/echo"
    var peers: Set<Substring> = []
    for _ in 0..<5 { peers.insert(try await get(client, url).1.split(separator: "=").last ?? "") }
    #expect(peers.count == 1)
    // One that the server closed meanwhile does no harm, also with a body.
    for _ in 0..<5 {
      #expect(try await get(client, try server().url + "/once").1 == "once")
      let answer = try await client.send(HTTPClientRequest("PUT", url, body: .bytes(Array("abc".utf8))))
      #expect(answer.status == 200)
      _ = try await answer.collect(limitBytes: 10_000)
    }
  }

  @Test func connectionsToAHostAreBounded() async throws {
    let client = HTTPClient(options: options { $0.hostConnectionCountMax = 2 })
    let url = try server().url + "/echo"
    let peers = try await withThrowingTaskGroup(of: Substring.self) { group in
      for _ in 0..<40 { group.addTask { try await get(client, url).1.split(separator: "=").last ?? "" } }
      var peers: Set<Substring> = []
      for try await peer in group { peers.insert(peer) }
      return peers
    }
    #expect(peers.count <= 2)
  }

  @Test func requestsBeyondTheLimitAreRefused() async throws {
    let client = HTTPClient(options: options { $0.requestCountMax = 1 })
    let url = try server().url
    let first = try await client.send(HTTPClientRequest("GET", url + "/hang"))
    let code = await failure { _ = try await get(client, url + "/echo") }
    #expect(code == .limit)
    first.cancel()
  }

  // MARK: Redirects

  @Test(arguments: [("301", "GET"), ("302", "GET"), ("303", "GET"), ("307", "POST"), ("308", "POST")])
  func redirectsOfAPostAreFollowed(_ code: String, _ method: String) async throws {
    let url = try server().url
    let answer = try await HTTPClient().send(
      HTTPClientRequest("POST", url + "/redirect?code=\(code)&to=/echo", body: .bytes(Array("abc".utf8))))
    let text = String(decoding: try await answer.collect(limitBytes: 10_000), as: UTF8.self)
    #expect(text.hasPrefix("\(method) /echo\n") && text.contains("bytes=\(method == "POST" ? 3 : 0) "))
    #expect(answer.url == url + "/echo")
  }

  @Test func redirectsAreBoundedAndCanBeLeftAlone() async throws {
    let url = try server().url + "/redirect?to=/redirect%3Fto=/echo"
    let alone = HTTPClient(options: options { $0.followsRedirects = false })
    let answer = try await alone.send(HTTPClientRequest("GET", url))
    #expect(answer.status == 302 && answer.headers["location"] == "/redirect?to=/echo")
    #expect(try await answer.collect(limitBytes: 100) == Array("go away".utf8))
    let code = await failure {
      _ = try await HTTPClient(options: options { $0.redirectCountMax = 1 }).send(HTTPClientRequest("GET", url))
    }
    #expect(code == .limit)
    let elsewhere = await failure {
      _ = try await HTTPClient().send(HTTPClientRequest("GET", try server().url + "/redirect?to=file:///etc/passwd"))
    }
    #expect(elsewhere == .argument)
  }

  @Test func credentialsStayWithTheirHost() async throws {
    let folder = try TemporaryFolder()
    try "  secret\n".write(toFile: folder.file("token"), atomically: true, encoding: .utf8)
    let other = try ForeignServer()
    for credentials in [
      HTTPClientOptions.Credentials.basic(username: "u", password: .text("p:q")), .bearer(.file(folder.file("token"))),
    ] {
      let client = HTTPClient(options: options { $0.credentials = credentials })
      let expected = if case .basic = credentials { "Basic dTpwOnE=" } else { "Bearer secret" }
      let url = try server().url
      #expect(try await get(client, url + "/echo").1.contains("\nauthorization: \(expected)\n"))
      #expect(try await get(client, url + "/redirect?to=/echo").1.contains("\nauthorization: \(expected)\n"))
      let moved = try await get(client, url + "/redirect?to=http://localhost:\(other.port)/echo").1
      #expect(moved.hasPrefix("GET /echo\n") && !moved.contains("authorization"))
      let own = try await get(client, url + "/echo", headers: ["authorization": "own"]).1
      #expect(own.contains("\nauthorization: own\n") && !own.contains(expected))
    }
    let missing = HTTPClient(options: options { $0.credentials = .bearer(.file(folder.file("none"))) })
    let code = await failure { _ = try await get(missing, try server().url + "/echo") }
    #expect(code == .io)
  }

  // MARK: Proxies

  @Test func proxiesAreAsked() async throws {
    let proxy = try ForeignServer()
    let client = HTTPClient(
      options: options { $0.proxy = .url("http://user:pass@127.0.0.1:\(proxy.port)") })
    #expect(
      try await get(client, "http://nowhere.invalid/x?y").1 == "proxied http://nowhere.invalid/x?y Basic dXNlcjpwYXNz")
    let certificates = try TestCertificates()
    let server = try ForeignServer(certificate: certificates.certificate("server"), key: certificates.key("server"))
    let tunnel = HTTPClient(
      options: options {
        $0.proxy = .url("http://127.0.0.1:\(proxy.port)")
        $0.tls.caFile = certificates.authority
      })
    #expect(try await get(tunnel, server.url + "/echo").0 == 200)
    #expect(proxy.log.contains("CONNECT 127.0.0.1:\(server.port)"))
  }

  // MARK: TLS

  @Test func certificatesAreChecked() async throws {
    let certificates = try TestCertificates()
    let server = try ForeignServer(certificate: certificates.certificate("server"), key: certificates.key("server"))
    func code(_ change: (inout HTTPClientOptions) -> Void) async -> TransportError.Code? {
      let client = HTTPClient(options: options(change))
      return await failure {
        let status = try await get(client, server.url + "/echo").0
        #expect(status == 200)
      }
    }
    #expect(await code { $0.tls.caFile = certificates.authority } == nil)
    #expect(await code { _ in } == .tls)
    #expect(await code { $0.tls.insecureSkipVerify = true } == nil)
    #expect(await code { $0.tls.caFile = "/nonexistent" } == .tls)
    let other = try TestCertificates()
    #expect(await code { $0.tls.caFile = other.authority } == .tls)
    #expect(
      await code {
        $0.tls.caFile = certificates.authority
        $0.tls.serverName = "apus.test"
      } == .tls)
  }

  @Test func theServersNameCanBeAnotherThanTheHost() async throws {
    let certificates = try TestCertificates()
    let server = try ForeignServer(certificate: certificates.certificate("named"), key: certificates.key("named"))
    let named = HTTPClient(
      options: options {
        $0.tls.caFile = certificates.authority
        $0.tls.serverName = "apus.test"
      })
    #expect(try await get(named, server.url + "/echo").1.contains("\nhost: 127.0.0.1:\(server.port)\n"))
    let unnamed = HTTPClient(options: options { $0.tls.caFile = certificates.authority })
    let code = await failure { _ = try await get(unnamed, server.url + "/echo") }
    #expect(code == .tls)
  }

  @Test func clientsShowTheirCertificate() async throws {
    let certificates = try TestCertificates()
    let server = try ForeignServer(
      certificate: certificates.certificate("server"), key: certificates.key("server"),
      authority: certificates.authority)
    let known = HTTPClient(
      options: options {
        $0.tls.caFile = certificates.authority
        $0.tls.certificateFile = certificates.certificate("client")
        $0.tls.keyFile = certificates.key("client")
      })
    #expect(try await get(known, server.url + "/echo").0 == 200)
    let unknown = HTTPClient(options: options { $0.tls.caFile = certificates.authority })
    let code = await failure { _ = try await get(unknown, server.url + "/echo") }
    #expect(code == .tls || code == .closed)
  }

  // MARK: What goes wrong

  @Test func failuresSayWhatTheyAre() async throws {
    let client = HTTPClient()
    let url = try server().url
    func code(_ url: String, headers: HTTPHeaders = [:], method: String = "GET") async -> TransportError.Code? {
      await failure {
        let answer = try await client.send(HTTPClientRequest(method, url, headers: headers))
        _ = try await answer.collect(limitBytes: 1 << 20)
      }
    }
    #expect(await code(url + "/cut") == .closed)
    #expect(await code(url + "/head?n=270") == .limit)
    #expect(await code("http://127.0.0.1:1/") == .unreachable)
    #expect(await code("http://nowhere.invalid/") == .unreachable)
    #expect(await code("ftp://127.0.0.1/") == .argument)
    #expect(await code("http://[::1/") == .argument)
    #expect(await code("") == .argument)
    #expect(await code(url + "/echo", headers: ["x": "a\r\nb: c"]) == .argument)
    #expect(await code(url + "/echo", headers: ["x y": "a"]) == .argument)
    #expect(await code(url + "/echo", method: "GET / HTTP/1.1\r\nx:") == .argument)
    #expect(await code(url + "/garbage") != nil)
    let answer = try await client.send(HTTPClientRequest("GET", url + "/bytes?n=1000"))
    let tooMuch = await failure { _ = try await answer.collect(limitBytes: 999) }
    #expect(tooMuch == .limit)
  }

  @Test func timesAreBounded() async throws {
    let url = try server().url
    func code(_ path: String, _ change: (inout HTTPClientOptions) -> Void) async -> TransportError.Code? {
      let client = HTTPClient(options: options(change))
      return await failure { _ = try await get(client, url + path) }
    }
    #expect(await code("/slow?s=30") { $0.responseHeaderTimeoutMs = 100 } == .timeout)
    #expect(await code("/slow?s=0.01") { $0.responseHeaderTimeoutMs = 20_000 } == nil)
    #expect(await code("/slow?s=30") { $0.totalTimeoutMs = 100 } == .timeout)
    #expect(await code("/hang") { $0.totalTimeoutMs = 200 } == .timeout)
    let one = await failure {
      _ = try await HTTPClient().send(HTTPClientRequest("GET", url + "/slow?s=30", timeoutMs: 100))
    }
    #expect(one == .timeout)
  }

  @Test func cancellingTheTaskEndsTheTransfer() async throws {
    let server = try ForeignServer()
    let client = HTTPClient()
    let reading = Task { () -> TransportError.Code? in
      await failure { _ = try await get(client, server.url + "/hang") }
    }
    while !server.log.contains("GET /hang") { try await Task.sleep(for: .milliseconds(2)) }
    reading.cancel()
    #expect(await reading.value == .cancelled)
    while !server.log.contains("gone") { try await Task.sleep(for: .milliseconds(2)) }
    let waiting = Task { () -> TransportError.Code? in
      await failure { _ = try await get(client, server.url + "/slow?s=30") }
    }
    while !server.log.contains("GET /slow?s=30") { try await Task.sleep(for: .milliseconds(2)) }
    waiting.cancel()
    #expect(await waiting.value == .cancelled)
    #expect(try await get(client, server.url + "/echo").0 == 200)
  }

  @Test func droppingAnAnswerEndsTheTransfer() async throws {
    let server = try ForeignServer()
    let client = HTTPClient()
    _ = try await client.send(HTTPClientRequest("GET", server.url + "/hang"))
    while !server.log.contains("gone") { try await Task.sleep(for: .milliseconds(2)) }
    #expect(try await get(client, server.url + "/echo").0 == 200)
  }

  @Test func shuttingDownEndsEverything() async throws {
    let client = HTTPClient()
    let url = try server().url
    let answer = try await client.send(HTTPClientRequest("GET", url + "/hang"))
    client.shutdown()
    let running = await failure { _ = try await answer.collect(limitBytes: 1000) }
    #expect(running == .cancelled)
    let late = await failure { _ = try await get(client, url + "/echo") }
    #expect(late == .cancelled)
    HTTPClient().shutdown()
  }

  @Test func manyRequestsAtOnceAreAllAnswered() async throws {
    let client = HTTPClient(options: options { $0.hostConnectionCountMax = 16 })
    let url = try server().url
    let bytes = try await withThrowingTaskGroup(of: Int.self) { group in
      for index in 0..<300 {
        group.addTask {
          let answer = try await client.send(HTTPClientRequest("GET", url + "/bytes?n=\(index * 1000)"))
          return try await answer.collect(limitBytes: 1 << 20).count
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(bytes == 1000 * 299 * 300 / 2)
  }
}
