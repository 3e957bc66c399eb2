// A server for tests: what handlers do, at paths of their own.
import Foundation
import Locking
import Synchronization
import TestSupport
import Transport

/// Answers at `/hello`, `/echo`, `/info`, `/big?BYTES`, `/wait`, `/throw`, `/throw-late`, `/nothing` and `/unread`.
final class SampleHandler: HTTPHandler {
  /// Milliseconds of the continuous clock at which waiting handlers were cancelled.
  let cancelled = Guarded<[ContinuousClock.Instant]>([])
  /// Bytes that `/big` handed over so far.
  let written = Atomic<Int>(0)

  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    switch request.head.path {
    case "/hello":
      try await response.respond(status: 200, headers: ["content-type": "text/plain"], body: Array("hello\n".utf8))
    case "/echo":
      try await response.start(status: 200)
      while let part = try await request.nextBodyPart() { try await response.write(part) }
      try await response.finish(trailers: ["x-trailer": request.trailers["x-trailer"] ?? "none"])
    case "/info":
      let head = request.head
      var text = "\(head.method) \(head.scheme) \(head.authority) \(head.target) \(head.version.rawValue)\n"
      text += "peer \(request.peer.address)\n"
      if let tls = request.peer.tls {
        text += "tls \(tls.version) CN=\(tls.commonName) O=\(tls.organizations) OU=\(tls.organizationalUnits)\n"
      }
      try await response.respond(status: 200, headers: ["x-twice": "a", "x-Twice": "b"], body: Array(text.utf8))
    case "/big":
      var left = request.head.query.flatMap(Int.init) ?? 0
      try await response.start(status: 200)
      while left > 0 {
        let part = [UInt8](repeating: UInt8(ascii: "x"), count: min(left, 65_536))
        left -= part.count
        try await response.write(part)
        written.wrappingAdd(part.count, ordering: .relaxed)
      }
      try await response.finish()
    case "/wait":
      do {
        try await response.start(status: 200)
        try await Task.sleep(for: .seconds(60))
      } catch {
        cancelled.withLock { $0.append(.now) }
        throw error
      }
    case "/throw": throw TransportError(.io, "on purpose")
    case "/throw-late":
      try await response.start(status: 200)
      try await response.write(Array("begun".utf8))
      throw TransportError(.io, "on purpose")
    case "/nothing": return
    case "/unread": try await response.respond(status: 413, body: Array("unread\n".utf8))
    default: try await response.respond(status: 404, body: Array("not here\n".utf8))
    }
  }
}

/// A running server with a sample handler.
struct SampleServer {
  static let loops: EventLoopGroup? = try? EventLoopGroup(count: 2)

  let server: HTTPServer
  let handler: SampleHandler
  let address: ListenAddress

  init(on address: String = "127.0.0.1:0", _ change: (inout HTTPServerOptions) -> Void = { _ in }) async throws {
    guard let loops = Self.loops else { throw TestSupportError("no event loops") }
    var options = HTTPServerOptions(loops: loops)
    change(&options)
    handler = SampleHandler()
    server = try HTTPServer(handler: handler, options: options)
    self.address = try await server.listen(on: .parse(address))
  }

  var port: Int {
    if case .tcp(_, let port) = address { return port }
    return 0
  }

  var peer: PeerAddress {
    switch address {
    case .tcp(let host, let port): .tcp(host: host, port: port)
    case .unix(let path): .unix(path: path)
    }
  }

  /// A connection of a client of ours.
  func connect(_ change: (inout HTTP2ClientOptions) -> Void = { _ in }) async throws -> HTTP2ClientConnection {
    guard let loops = Self.loops else { throw TestSupportError("no event loops") }
    var options = HTTP2ClientOptions(loops: loops)
    change(&options)
    return try await HTTP2ClientConnection.connect(to: peer, options: options)
  }

  /// What curl prints. Bounded to ten seconds.
  func curl(_ arguments: String...) async throws -> ProcessResult {
    try await runBeside("/usr/bin/curl", ["-sS", "-m", "10"] + arguments)
  }
}

extension HTTP2ClientConnection {
  /// A call with a body at hand.
  func call(
    _ method: String, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = [], ends: Bool = true
  ) throws -> HTTP2ClientStream {
    call(
      HTTPRequestHead(method: method, target: target, headers: headers, authority: "test", version: .http2), body: body,
      ends: ends)
  }
}

extension HTTP2ClientStream {
  /// The whole body.
  func collect() async throws -> [UInt8] {
    var body: [UInt8] = []
    while let part = try await nextBodyPart() { body.append(contentsOf: part) }
    return body
  }
}

/// Certificates of one authority, made by openssl: for a server, for a client, and one of another authority.
struct Certificates {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (name, subject) in [("ca", "/CN=authority"), ("other-ca", "/CN=other")] {
      try Self.openssl([
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj",
        subject, "-keyout", folder.file("\(name).key"), "-out", folder.file("\(name).pem"),
      ])
    }
    try make("server", subject: "/CN=server")
    try make("client", subject: "/O=tenant-a/O=second/OU=unit/CN=client")
    try make("stranger", subject: "/CN=stranger", authority: "other-ca")
  }

  func file(_ name: String) -> String { folder.file(name) }

  /// A certificate for localhost, signed by an authority.
  func make(_ name: String, subject: String, authority: String = "ca") throws {
    try Self.openssl([
      "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout",
      file("\(name).key"), "-out", file("\(name).csr"),
    ])
    try writeFile(file("\(name).ext"), Array("subjectAltName=DNS:localhost,IP:127.0.0.1\n".utf8))
    try Self.openssl([
      "x509", "-req", "-in", file("\(name).csr"), "-CA", file("\(authority).pem"), "-CAkey", file("\(authority).key"),
      "-CAcreateserial", "-days", "3650", "-extfile", file("\(name).ext"), "-out", file("\(name).pem"),
    ])
  }

  private static func openssl(_ arguments: [String]) throws {
    let result = try runProcess("/usr/bin/openssl", arguments, timeLimitSeconds: 60)
    guard result.exitCode == 0 else { throw TestSupportError("openssl \(arguments): \(result.errorText)") }
  }

  var serverTLS: TLSOptions {
    var tls = TLSOptions()
    tls.certificateFile = file("server.pem")
    tls.keyFile = file("server.key")
    return tls
  }

  var clientTLS: TLSOptions {
    var tls = TLSOptions()
    tls.authorityFile = file("ca.pem")
    tls.serverName = "localhost"
    return tls
  }
}
