// The network: CPU time a message, client and server together, each a process with one loop on a core of its own; and HTTP/1.1
// beside nginx, the server's CPU time alone. Peers do the same work between two processes of their own.
import Glibc

private let folder = benchFolder
private let program = ".build/release/bench-net"

/// One of the yardstick's five works: calls with a message each way, or messages that a server streams.
private struct Work: Sendable {
  let name: String
  let isUnary: Bool
  let count: Int
  let size: Int
  let inFlight: Int

  /// As both client programs take it, for `share` of its messages.
  func words(share: Double = 1) -> [String] {
    let wanted = benchSize == .full ? Double(count) * share : min(Double(count) / 100, 5000)
    let rounded = max(1, Int(wanted) / inFlight) * inFlight
    return [isUnary ? "U" : "S", "\(rounded)", "\(size)", "\(inFlight)"]
  }
}

private let works = [
  Work(name: "net_unary_64", isUnary: true, count: 100_000, size: 200, inFlight: 64),
  Work(name: "net_stream_200b", isUnary: false, count: 2_000_000, size: 200, inFlight: 1),
  Work(name: "net_stream_64k", isUnary: false, count: 20_000, size: 65_536, inFlight: 1),
  Work(name: "net_unary_1", isUnary: true, count: 10_000, size: 200, inFlight: 1),
  Work(name: "net_stream_64k_64", isUnary: false, count: 19_968, size: 65_536, inFlight: 64),
]

let networkRows: [Row] =
  works.map { row($0, hasTLS: false) } + works.map { row($0, hasTLS: true) } + [
    httpRow("net_http1_small", "us/request", path: "/small", requests: 50_000, connections: 8, units: 1, nginx: small),
    httpRow(
      "net_http1_bulk", "us/MB", path: "/bulk/104857600", requests: 20, connections: 1, units: 104.857_6, nginx: bulk),
  ]

// MARK: gRPC

private func row(_ work: Work, hasTLS: Bool) -> Row {
  Row(
    name: work.name + (hasTLS ? "_tls" : ""), unit: "us/message",
    peers: [yardstick(work, hasTLS), grpcio(work, hasTLS)]
  ) {
    let certificate = try hasTLS ? certificate() : nil
    return Workload {
      let serve = [program, "serve"] + (certificate.map { ["--tls", $0.file, $0.key] } ?? [])
      return try cost(server: serve) { port in [program, "load", "\(port)"] + work.words() + (hasTLS ? ["--tls"] : []) }
    }
  }
}

/// The cost of a message in nanoseconds that the client prints in µs, with a server that prints its port.
private func cost(server: [String], client: (Int) -> [String]) throws -> Double {
  let path = folder + "/port-\(getpid())"
  defer { unlink(path) }
  let running = try RunningProgram(server, core: serverCore, outputPath: path)
  defer { running.stop() }
  let port = try awaited("the port of \(server[0])") {
    readText(path)?.split(separator: "\n").first.flatMap { Int($0) }
  }
  return try total(output(of: client(port), core: clientCore))
}

/// `… bad=0 … tot=1.25 …` → 1250
private func total(_ text: String) throws -> Double {
  var values: [Substring: Substring] = [:]
  for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
    let parts = word.split(separator: "=")
    if parts.count == 2 { values[parts[0]] = parts[1] }
  }
  guard values["bad"] == "0", let total = values["tot"].flatMap({ Double($0) }) else {
    throw ProgramError(description: "wrong answers: \(text)")
  }
  return total * 1000
}

/// The measuring stick: nghttp2 on libuv with nothing between. Scripts/bench builds it where its source is.
private func yardstick(_ work: Work, _ hasTLS: Bool) -> Peer {
  Peer(name: "yardstick") {
    guard let programs = getenv("APUS_NET_YARDSTICK").map({ String(cString: $0) }),
      access(programs + "/osrv", X_OK) == 0
    else { return nil }
    let certificate = try certificate()
    let environment = [
      "WIN=1048576", "CWIN=4194304", "NOCOPY=0", "PACK=1", "TLS=\(hasTLS ? 1 : 0)", "CERT=\(certificate.file)",
      "KEY=\(certificate.key)",
    ]
    return Workload {
      let port = freePort()
      let server = try RunningProgram([programs + "/osrv", "\(port)"], core: serverCore, environment: environment)
      defer { server.stop() }
      try awaited("the yardstick's port") { listens(port) ? () : nil }
      return try total(
        output(of: [programs + "/ocli", "\(port)"] + work.words(), core: clientCore, environment: environment))
    }
  }
}

/// gRPC's own library, from Python: a tenth of the messages, for it takes its time.
private func grpcio(_ work: Work, _ hasTLS: Bool) -> Peer {
  Peer(name: "grpcio") {
    guard let python = peerPath("python") else { return nil }
    let script = [python, "Peers/grpc_bench.py"]
    let certificate = try hasTLS ? certificate() : nil
    let tls = certificate.map { [$0.file, $0.key] } ?? []
    return Workload {
      try cost(server: script + ["serve"] + tls) { port in
        script + ["load", "\(port)"] + work.words(share: 0.1) + tls.prefix(1)
      }
    }
  }
}

/// A certificate that signs itself, made once.
private func certificate() throws -> (file: String, key: String) {
  let (file, key) = (folder + "/net.pem", folder + "/net.key")
  if access(file, R_OK) == 0 && access(key, R_OK) == 0 { return (file, key) }
  let words = [
    "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", file,
  ]
  _ = try output(of: words, core: serverCore)
  return (file, key)
}

// MARK: HTTP/1.1

/// What nginx is told to serve at `/`; the folder holds the bytes.
private struct Nginx: Sendable {
  let name: String
  let location: String
}

private let small = [
  Nginx(
    name: "nginx", location: "default_type text/plain; return 200 \"The quick brown fox jumps over the lazy dog.\\n\";")
]
private let bulk = [
  Nginx(name: "nginx", location: "sendfile off;"), Nginx(name: "nginx, sendfile", location: "sendfile on;"),
]

private func httpRow(
  _ name: String, _ unit: String, path: String, requests: Int, connections: Int, units: Double, nginx: [Nginx]
) -> Row {
  let requests = requests < 100 ? benchSize.pick(requests, toy: 2) : benchSize.pick(requests, toy: 200)
  let load: @Sendable (Int) -> [String] = { port in
    ["h2load", "--h1", "-n", "\(requests)", "-c", "\(connections)", "http://127.0.0.1:\(port)\(path)"]
  }
  return Row(
    name: name, unit: unit,
    peers: nginx.map { nginx in
      Peer(name: nginx.name) {
        guard let binary = peerPath("nginx") else { return nil }
        return Workload {
          let port = freePort()
          let configuration = try configure(nginx, port: port)
          let server = try RunningProgram(
            [binary, "-p", folder + "/nginx", "-e", "stderr", "-c", configuration], core: serverCore)
          defer { server.stop() }
          try awaited("nginx's port") { listens(port) ? () : nil }
          return try timeOfRequests(server, load(port), requests) / units
        }
      }
    }
  ) {
    Workload {
      let portFile = folder + "/port-\(getpid())"
      defer { unlink(portFile) }
      let server = try RunningProgram([program, "serve"], core: serverCore, outputPath: portFile)
      defer { server.stop() }
      let port = try awaited("a port") { readText(portFile)?.split(separator: "\n").first.flatMap { Int($0) } }
      return try timeOfRequests(server, load(port), requests) / units
    }
  }
}

/// The server's CPU time a request.
private func timeOfRequests(_ server: RunningProgram, _ load: [String], _ requests: Int) throws -> Double {
  let before = server.timeNs()
  let text = try output(of: load, core: clientCore)
  let after = server.timeNs()
  guard text.contains("\(requests) succeeded") else { throw ProgramError(description: "wrong answers: \(text)") }
  return (after - before) / Double(requests)
}

/// The path of a configuration of one process that serves at `port`, relative to nginx's folder.
private func configure(_ nginx: Nginx, port: Int) throws -> String {
  let root = folder + "/nginx"
  for path in [root, root + "/bulk"] { mkdir(path, 0o755) }
  let file = root + "/bulk/104857600"
  if access(file, R_OK) != 0 {
    let bytes = (0..<104_857_600).map { UInt8(truncatingIfNeeded: ($0 & 0xFFFF) * 131 + 7) }
    try write(bytes, to: file)
  }
  let text = """
    daemon off; master_process off; pid nginx.pid; error_log stderr;
    events { worker_connections 64; }
    http {
      access_log off; keepalive_requests 1000000;
      client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
      scgi_temp_path scgi;
      server { listen 127.0.0.1:\(port); root .; location / { \(nginx.location) } }
    }

    """
  try write(Array(text.utf8), to: root + "/nginx.conf")
  return "nginx.conf"
}

private func write(_ bytes: [UInt8], to path: String) throws {
  guard let file = fopen(path, "w") else { throw ProgramError(description: "\(path) cannot be written") }
  let written = fwrite(bytes, 1, bytes.count, file)
  guard fclose(file) == 0, written == bytes.count else { throw ProgramError(description: "\(path) cannot be written") }
}
