// The server's end.
import Glibc
import Transport

/// Serves on a free port of the loopback until the process is killed.
func serve(certificate: (file: String, key: String)?) async throws {
  let loops = try EventLoopGroup(count: 1)
  var options = HTTPServerOptions(loops: loops)
  if let certificate {
    var tls = TLSOptions()
    tls.certificateFile = certificate.file
    tls.keyFile = certificate.key
    options.tls = tls
  }
  let grpc = GRPCServer(services: [BenchService()], health: GRPCHealth())
  let server = try HTTPServer(handler: Handler(grpc: grpc), options: options)
  guard case .tcp(_, let port) = try await server.listen(on: .tcp(host: "127.0.0.1", port: 0)) else { return }
  print(port)
  fflush(nil)
  while true { try await Task.sleep(for: .seconds(3600)) }
}

/// gRPC, and what the HTTP rows ask for.
private struct Handler: HTTPHandler {
  let grpc: GRPCServer
  private let small = Array("The quick brown fox jumps over the lazy dog.\n".utf8)
  private let part = payload(64 << 10)

  init(grpc: GRPCServer) { self.grpc = grpc }

  var grpcServer: GRPCServer? { grpc }

  func handle(_ request: HTTPServerRequest, _ response: HTTPServerResponse) async throws {
    if GRPCServer.isGRPC(request.head) { return try await grpc.handle(request, response) }
    try await answer(request.head.target, response)
  }

  private func answer(_ path: String, _ response: HTTPServerResponse) async throws {
    if path == "/small" {
      return try await response.respond(status: 200, headers: ["content-type": "text/plain"], body: small)
    }
    guard path.hasPrefix("/bulk/"), var left = Int(path.dropFirst("/bulk/".count)), left >= 0 else {
      return try await response.respond(status: 404)
    }
    try await response.start(
      status: 200, headers: ["content-type": "application/octet-stream", "content-length": "\(left)"])
    while left > 0 {
      try await response.write(left < part.count ? Array(part[..<left]) : part)
      left -= part.count
    }
    try await response.finish()
  }
}

/// The methods that the rows call.
private struct BenchService: GRPCService {
  let name = "b"
  let methods: [GRPCMethod] = ["U", "R", "T", GRPCMethod("S", .serverStream)]
  /// As the yardstick's, which knows no others.
  let quickMethods: Set<String> = ["U", "R"]
  private let answer = payload(200)

  func handle(method: String, call: GRPCServerCall) async throws {
    switch method {
    case "S": try await stream(try await call.onlyMessage(), call)
    case "T":
      _ = try await call.onlyMessage()
      try await call.send(answer)
    default: try await self.answer(call)
    }
  }

  func answerQuickly(method: String, message: RawSpan) throws -> [UInt8] {
    if method == "U" { return answer }
    let text = Array("\(Int(processTimeUs())) 0 0 0".utf8)
    return text + [UInt8](repeating: 0x20, count: 95 - text.count) + [0]
  }

  /// As many messages as were asked for; small ones are packed into parts of 64 KiB.
  private func stream(_ message: [UInt8], _ call: GRPCServerCall) async throws {
    guard message.count >= 8 else { throw GRPCStatus(.invalidArgument, "a size and a count, 32 bits each") }
    let size = message[0..<4].reduce(0) { $0 << 8 | Int($1) }
    var left = message[4..<8].reduce(0) { $0 << 8 | Int($1) }
    guard size <= 4 << 20 else { throw GRPCStatus(.invalidArgument, "at most 4 MiB a message") }
    let content = payload(size)
    let perPart = size < 32768 ? 65536 / (size + 5) : 1
    var packed: [UInt8] = []
    for _ in 0..<perPart {
      packed.append(0)
      packed += (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
      packed += content
    }
    while left > 0 {
      let count = min(left, perPart)
      try await call.sendFramed(
        count == perPart ? packed : Array(packed[..<(count * (size + 5))]), messageCount: count)
      left -= count
    }
  }
}
