// TLS: versions, certificates that are verified, read again, and asked for.
import Foundation
import TestSupport
import Testing
import Transport

@Suite struct TLSTests {
  @Test(arguments: ["--http1.1", "--http2"], ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"])
  func curlSpeaksBothVersionsOverTLS(version: String, tls: String) async throws {
    let certificates = try Certificates()
    let sample = try await SampleServer { $0.tls = certificates.serverTLS }
    let arguments = ["-sS", "-m", "10", version] + tls.split(separator: " ").map(String.init)
    let info = try await runBeside(
      "/usr/bin/curl", arguments + ["--cacert", certificates.file("ca.pem"), "https://localhost:\(sample.port)/info"])
    #expect(
      info.outputText.contains("GET https localhost:\(sample.port) /info HTTP/\(version == "--http2" ? "2.0" : "1.1")"))
    #expect(info.outputText.contains(tls.hasPrefix("--tlsv1.2") ? "tls TLSv1.2" : "tls TLSv1.3"), "\(info.errorText)")
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func ourClientVerifiesNameAndAuthority() async throws {
    let certificates = try Certificates()
    let sample = try await SampleServer { $0.tls = certificates.serverTLS }
    let connection = try await sample.connect { $0.tls = certificates.clientTLS }
    #expect(try await connection.call("GET", "/hello").collect() == Array("hello\n".utf8))
    let big = try await connection.call("GET", "/big?5000000").collect()
    #expect(big.count == 5_000_000)

    for (name, change) in [
      ("name", { (tls: inout TLSOptions) in tls.serverName = "elsewhere" }),
      ("authority", { (tls: inout TLSOptions) in tls.authorityFile = certificates.file("other-ca.pem") }),
    ] {
      var tls = certificates.clientTLS
      change(&tls)
      let wrong = tls
      let error = await #expect(throws: TransportError.self, "\(name)") {
        _ = try await sample.connect { $0.tls = wrong }
      }
      #expect(
        error?.code == .unreachable && error?.message.contains("TLS handshake:") == true, "\(error?.message ?? "")")
      var lenient = wrong
      lenient.skipsVerification = true
      let unverified = lenient
      _ = try await sample.connect { $0.tls = unverified }
    }
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func clientCertificatesAreAskedForAndToldToHandlers() async throws {
    let certificates = try Certificates()
    let sample = try await SampleServer {
      var tls = certificates.serverTLS
      tls.authorityFile = certificates.file("ca.pem")
      tls.clientAuthentication = .requireAndVerify
      $0.tls = tls
    }
    let url = "https://localhost:\(sample.port)/info"
    let ca = certificates.file("ca.pem")
    let good = try await sample.curl(
      "--cacert", ca, "--cert", certificates.file("client.pem"), "--key", certificates.file("client.key"), url)
    #expect(good.outputText.contains("CN=client O=[\"tenant-a\", \"second\"] OU=[\"unit\"]"), "\(good.errorText)")
    let none = try await sample.curl("--cacert", ca, url)
    #expect(none.exitCode != 0)
    let stranger = try await sample.curl(
      "--cacert", ca, "--cert", certificates.file("stranger.pem"), "--key", certificates.file("stranger.key"), url)
    #expect(stranger.exitCode != 0)
    #expect(sample.server.counts.tlsFailures == 2)
    let connection = try await sample.connect {
      var tls = certificates.clientTLS
      tls.certificateFile = certificates.file("client.pem")
      tls.keyFile = certificates.file("client.key")
      $0.tls = tls
    }
    #expect(try await connection.call("GET", "/hello").collect() == Array("hello\n".utf8))
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func certificatesAreReadAgainWhenTheyChange() async throws {
    let certificates = try Certificates()
    let sample = try await SampleServer { $0.tls = certificates.serverTLS }
    let subject = {
      let result = try await runBeside(
        "/bin/sh",
        ["-c", "echo | openssl s_client -connect 127.0.0.1:\(sample.port) 2>/dev/null | openssl x509 -noout -subject"])
      return result.outputText
    }
    #expect(try await subject() == "subject=CN = server\n")
    try certificates.make("server", subject: "/CN=renewed")
    let end = ContinuousClock.now + .seconds(10)
    var seen = ""
    while seen != "subject=CN = renewed\n" && ContinuousClock.now < end {
      seen = try await subject()
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(seen == "subject=CN = renewed\n")
    // A broken file leaves the one before in use.
    try writeFile(certificates.file("server.pem"), Array("broken".utf8))
    try await Task.sleep(for: .milliseconds(1100))
    #expect(try await subject() == "subject=CN = renewed\n")
    await sample.server.shutdown(graceMs: 1000)
  }

  @Test func filesThatCannotBeReadAreNamed() throws {
    let loops = try #require(SampleServer.loops)
    var options = HTTPServerOptions(loops: loops)
    var tls = TLSOptions()
    tls.certificateFile = "/does/not/exist.pem"
    tls.keyFile = "/does/not/exist.key"
    options.tls = tls
    let error = #expect(throws: TransportError.self) { _ = try HTTPServer(handler: SampleHandler(), options: options) }
    #expect(error?.code == .tls && error?.message.contains("/does/not/exist.pem") == true)
  }

  @Test func whatIsNoTLSIsRefusedAndHandshakesEnd() async throws {
    let certificates = try Certificates()
    let sample = try await SampleServer {
      $0.tls = certificates.serverTLS
      $0.limits.handshakeTimeoutMs = 300
    }
    let plain = try RawSocket(port: sample.port)
    try plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(try await !plain.receive(until: "never").contains("HTTP"))
    let silent = try RawSocket(port: sample.port)
    #expect(try await silent.receive(until: "never").isEmpty)
    let half = try RawSocket(port: sample.port)
    try half.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
    #expect(try await half.receive(until: "never").isEmpty)
    #expect(sample.server.counts.limits["handshake-timeout"] == 2)
    #expect(sample.server.counts.tlsFailures == 1)
    await sample.server.shutdown(graceMs: 0)
  }
}
