// A server that is not ours: Python's http.server with one path for each thing that a client can meet. Also a proxy.
import Foundation
import TestSupport

/// A running server on a free port of this machine. It ends when the value is dropped.
final class ForeignServer: Sendable {
  /// `http://127.0.0.1:PORT` or `https://…`.
  let url: String
  let port: Int
  private let process: RunningProcess
  private let folder: TemporaryFolder

  /// What the server wrote about requests, one a line.
  var log: [String] { String(decoding: process.errors, as: UTF8.self).split(separator: "\n").map(String.init) }

  /// With a certificate it speaks TLS; with an authority it demands certificates of clients.
  init(certificate: String? = nil, key: String? = nil, authority: String? = nil) throws {
    folder = try TemporaryFolder("server")
    let script = folder.file("server.py")
    try Self.script.write(toFile: script, atomically: true, encoding: .utf8)
    let python = try Peers.require("python")
    let process = try RunningProcess(python, ["-u", script, certificate ?? "", key ?? "", authority ?? ""])
    var port: Int?
    for _ in 0..<2000 where port == nil {
      let text = String(decoding: process.output, as: UTF8.self)
      if text.hasSuffix("\n") { port = Int(text.dropLast()) } else { usleep(5000) }
      if let code = process.poll() {
        throw TestSupportError("server ended with \(code): \(String(decoding: process.errors, as: UTF8.self))")
      }
    }
    guard let port else { throw TestSupportError("server did not say its port") }
    self.process = process
    self.port = port
    url = "\(certificate == nil ? "http" : "https")://127.0.0.1:\(port)"
  }

  private static let script = #"""
    import gzip, hashlib, http.server, os, select, socket, ssl, sys, threading, time, urllib.parse
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *args): pass
        def body(self):
            if "chunked" in self.headers.get("transfer-encoding", ""):
                data = b""
                while True:
                    size = int(self.rfile.readline(), 16)
                    data += self.rfile.read(size)
                    self.rfile.readline()
                    if size == 0: return data
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        def answer(self, data, status=200, headers={}):
            self.send_response(status)
            for name, value in headers.items(): self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD": self.wfile.write(data)
        def handle_any(self):
            print(self.command, self.path, file=sys.stderr, flush=True)
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            path = url.path
            if path == "/echo":
                body = self.body()
                text = "%s %s\n" % (self.command, self.path)
                text += "".join("%s: %s\n" % (k.lower(), v) for k, v in self.headers.items())
                text += "\nbytes=%d md5=%s peer=%d" % (len(body), hashlib.md5(body).hexdigest(), self.client_address[1])
                self.answer(text.encode(), headers={"X-Two": "a", "x-empty": ""})
            elif path == "/redirect":
                self.body()
                self.answer(b"go away", int(query.get("code", 302)), {"Location": query["to"]})
            elif path == "/slow":
                time.sleep(float(query["s"]))
                self.answer(b"late")
            elif path == "/bytes":
                n = int(query["n"])
                self.send_response(200)
                if "chunked" in query: self.send_header("Transfer-Encoding", "chunked"); self.send_header("Trailer", "x-sum")
                else: self.send_header("Content-Length", str(n))
                self.end_headers()
                block = bytes(range(256)) * 256
                sent = 0
                while sent < n:
                    part = block[:min(len(block), n - sent)]
                    if "chunked" in query: self.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n")
                    else: self.wfile.write(part)
                    sent += len(part)
                    print("sent", sent, file=sys.stderr, flush=True)
                if "chunked" in query: self.wfile.write(b"0\r\nx-sum: %d\r\n\r\n" % n)
            elif path == "/gzip":
                plain = b"z" * int(query["n"])
                if "gzip" in self.headers.get("accept-encoding", ""):
                    self.answer(gzip.compress(plain), headers={"Content-Encoding": "gzip"})
                else: self.answer(plain)
            elif path == "/cut":
                self.send_response(200); self.send_header("Content-Length", "100"); self.end_headers()
                self.wfile.write(b"0123456789"); self.wfile.flush(); self.close_connection = True
            elif path == "/hang":
                try:
                    # Who has left already is met while writing.
                    self.send_response(200); self.send_header("Content-Length", "100"); self.end_headers()
                    self.wfile.write(b"0123456789"); self.wfile.flush()
                    self.rfile.read(1)
                finally: print("gone", file=sys.stderr, flush=True); self.close_connection = True
            elif path == "/refuse":
                self.answer(b"too much", 413, {"Connection": "close"}); self.close_connection = True
            elif path == "/head":
                self.send_response(200)
                for i in range(int(query["n"])): self.send_header("X-Field-%d" % i, "v" * 1000)
                self.send_header("Content-Length", "0"); self.end_headers()
            elif path == "/garbage":
                self.wfile.write(b"\x00\x01nothing of the kind\r\n\r\n"); self.close_connection = True
            elif path == "/once":
                # Answers, and closes the kept connection without a word.
                self.answer(b"once"); self.wfile.flush(); self.close_connection = True
            elif url.scheme == "http":
                # A proxy was asked.
                self.body()
                self.answer(("proxied %s %s" % (self.path, self.headers.get("proxy-authorization"))).encode())
            else: self.answer(b"", 404)
        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = handle_any
        def do_CONNECT(self):
            print("CONNECT", self.path, file=sys.stderr, flush=True)
            host, port = self.path.rsplit(":", 1)
            other = socket.create_connection(("127.0.0.1", int(port)))
            self.send_response(200); self.end_headers()
            ends = [self.connection, other]
            while True:
                for end in select.select(ends, [], [])[0]:
                    data = end.recv(65536)
                    if not data: self.close_connection = True; other.close(); return
                    (other if end is self.connection else self.connection).sendall(data)
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128
        def handle_error(self, *args): pass
    certificate, key, authority = sys.argv[1:4]
    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if authority: context.load_verify_locations(authority); context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    def leave_with_parent(parent):
        while os.getppid() == parent: time.sleep(0.5)
        os._exit(0)
    threading.Thread(target=leave_with_parent, args=(os.getppid(),), daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()
    """#
}

/// An authority with a certificate for `localhost` and 127.0.0.1, one for `apus.test`, and one for a client.
struct TestCertificates {
  let folder: TemporaryFolder
  var authority: String { folder.file("ca.pem") }

  func certificate(_ name: String) -> String { folder.file("\(name).pem") }
  func key(_ name: String) -> String { folder.file("\(name).key") }

  init() throws {
    folder = try TemporaryFolder("tls")
    let script = """
      set -e
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority 2>&1
      make() {
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj "/O=org/CN=$1" 2>&1
        printf "subjectAltName=$2" > $1.ext
        openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem -days 2 -extfile $1.ext 2>&1
      }
      make server DNS:localhost,IP:127.0.0.1
      make named DNS:apus.test
      make client DNS:client
      """
    let result = try runProcess("/bin/sh", ["-c", script], folder: folder.path)
    guard result.exitCode == 0 else { throw TestSupportError("openssl: \(result.outputText)") }
  }
}
