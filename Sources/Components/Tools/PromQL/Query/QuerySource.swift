// Whom `apus tools promql` asks: a server by HTTP, or the blocks of local folders, in this process.
internal import BlockFolders
internal import ComponentSupport
internal import HTTPAPI
internal import Observability
internal import PromQL
internal import StoreServing
internal import TSModel
internal import Transport

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A form for the query API.
struct QueryForm {
  /// `query` or `query_range`.
  var endpoint: String
  var parameters: [(name: String, value: String)]
  /// The longest that it may take, milliseconds.
  var timeoutMs: Int64?

  /// The query itself.
  var query: String { parameters.first { $0.name == "query" }?.value ?? "" }

  /// As a body of `application/x-www-form-urlencoded`.
  var encoded: String {
    parameters.map { "\($0.name)=\(Self.encoded($0.value))" }.joined(separator: "&")
  }

  private static func encoded(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default: out += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }
    return out
  }
}

/// What cannot be asked, or did not answer.
struct QuerySourceError: Error, CustomStringConvertible {
  let description: String
}

/// Somebody who answers as the query API does.
protocol QuerySource {
  /// The answer: its status and its JSON.
  func ask(_ form: QueryForm) async throws -> (status: Int, body: [UInt8])

  /// What may be the reason where an answer is empty.
  var remarkOnNothing: String? { get }
}

/// A server.
struct ServerSource: QuerySource {
  private let client: HTTPClient
  private let url: String

  /// The most bytes of an answer that are read.
  private static let answerBytesMax = 1 << 30

  /// The server at `url`: scheme and host, and the path before `/api/v1`.
  init(url: String, options: HTTPClientOptions) {
    var options = options
    // A body that is cut off after this long would be no answer: how long a query may take is the form's own matter.
    options.totalTimeoutMs = 0
    client = HTTPClient(options: options)
    var url = url.contains("://") ? url : "http://\(url)"
    while url.hasSuffix("/") { url.removeLast() }
    self.url = url
  }

  var remarkOnNothing: String? { nil }

  func ask(_ form: QueryForm) async throws -> (status: Int, body: [UInt8]) {
    let target = "\(url)/api/v1/\(form.endpoint)"
    // The server's own error comes sooner than ours.
    let timeoutMs = form.timeoutMs.map { Int(clamping: $0) + 5000 }
    do {
      var answer = try await client.send(
        HTTPClientRequest(
          "POST", target, headers: ["content-type": "application/x-www-form-urlencoded"],
          body: .bytes(Array(form.encoded.utf8)), timeoutMs: timeoutMs))
      if answer.status == 405 || answer.status == 501 {
        // Somewhere on the way only GET is allowed.
        answer = try await client.send(HTTPClientRequest("GET", "\(target)?\(form.encoded)", timeoutMs: timeoutMs))
      }
      return (answer.status, try await answer.collect(limitBytes: Self.answerBytesMax))
    } catch let error as TransportError {
      throw QuerySourceError(description: "ask \(Self.withoutPassword(url)): \(error)\n  \(Self.remedy(error))")
    }
  }

  private static func remedy(_ error: TransportError) -> String {
    switch error.code {
    case .unreachable, .closed: "Does the server run, and is --url its address (http://HOST:PORT with its prefix)?"
    case .timeout: "Allow more by --timeout, or ask for fewer series, a shorter range or a larger step."
    case .tls: "--http.config-file names a file that says which certificates to trust (tls_config)."
    case .limit: "Ask for fewer series, a shorter range or a larger step."
    default: "Is --url an address such as http://HOST:PORT?"
    }
  }

  /// `http://user:…@host` without what stands before the `@`.
  private static func withoutPassword(_ url: String) -> String {
    guard let scheme = url.firstRange(of: "://") else { return url }
    let host = url[scheme.upperBound...].prefix { $0 != "/" }
    guard let at = host.lastIndex(of: "@") else { return url }
    return String(url[..<scheme.upperBound] + url[url.index(after: at)...])
  }
}

/// The blocks of local folders.
struct FolderSource: QuerySource {
  private let router: HTTPRouter
  private let blocks: LocalBlocks

  /// The blocks of the bucket in `dataFolder`, as `apus standalone` keeps it, and of `blockFolders`.
  init(
    dataFolder: String?, blockFolders: [String], engine: EngineOptions, parser: ParserOptions, logger: Logger
  ) async throws {
    let folders =
      (dataFolder.map { [LocalBlocks.Folder(path: $0 + "/bucket", hasMarks: true)] } ?? [])
      + blockFolders.map { LocalBlocks.Folder(path: $0) }
    for folder in folders { try Self.check(folder.path) }
    blocks = LocalBlocks(folders, logger: logger)
    try await blocks.sync()
    let source = BlockQueryable(blocks.catalog, pool: BlockingThreads(countMax: 8))
    var router = HTTPRouter()
    QueryAPI(engine: QueryEngine(options: engine, parserOptions: parser), source: source).addRoutes(to: &router)
    self.router = router
  }

  private static func check(_ path: String) throws {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw QuerySourceError(description: "open folder \(path): \(errorText(errno))") }
    defer { close(descriptor) }
    if unsafe faccessat(descriptor, "meta.json", F_OK, 0) == 0 {
      throw QuerySourceError(description: "\(path) is a block\n  Give the folder that it lies in.")
    }
  }

  var remarkOnNothing: String? {
    let served = blocks.catalog.blocks
    if served.isEmpty { return "there are no blocks in the folder" }
    // Only raw samples are read.
    let raw = served.filter { $0.resolutionMs == 0 }
    guard let first = raw.map(\.minTimeMs).min(), let end = raw.map(\.maxTimeExclusiveMs).max() else {
      return "the blocks have downsampled data only, which is not read"
    }
    return "the blocks have samples from \(timeText(ms: first)) up to \(timeText(ms: end))"
  }

  func ask(_ form: QueryForm) async throws -> (status: Int, body: [UInt8]) {
    let stream = MemoryStream(body: Array(form.encoded.utf8))
    let head = HTTPRequestHead(
      method: "POST", target: "/api/v1/\(form.endpoint)", headers: ["content-type": "application/x-www-form-urlencoded"]
    )
    try await router.handle(
      HTTPServerRequest(head: head, peer: PeerInfo(address: ""), stream: stream), HTTPServerResponse(stream: stream))
    guard let answer = stream.responseHead, stream.responseTrailers != nil else {
      throw QuerySourceError(description: "the answer ended before its end")
    }
    return (answer.status, stream.responseBody)
  }
}
