// One transfer of libcurl, set up from a request and a client's options.
internal import Curl
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A transfer of libcurl with what it points to. Belongs to the loop's thread.
@safe final class CurlHandle {
  let easy: UnsafeMutableRawPointer
  private var lists: [UnsafeMutablePointer<curl_slist>] = unsafe []
  private let errorText: UnsafeMutablePointer<CChar>

  /// Sets up `transfer`; its callbacks get an unretained pointer to it.
  init(_ transfer: HTTPTransfer, _ options: HTTPClientOptions) throws(TransportError) {
    guard let easy = unsafe curl_easy_init() else { throw TransportError(.io, "no memory for a request") }
    unsafe self.easy = easy
    unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    unsafe pointer(CURLOPT_ERRORBUFFER, errorText)
    unsafe pointer(CURLOPT_PRIVATE, Unmanaged.passUnretained(transfer).toOpaque())
    let target = try Target(transfer.request.url)
    setConnection(options, target, timeoutMs: transfer.request.timeoutMs ?? options.totalTimeoutMs)
    try setTLS(options.tls, target)
    try setHead(transfer.request, options, target)
    setCallbacks(transfer)
  }

  deinit {
    unsafe curl_easy_cleanup(easy)
    unsafe lists.forEach { unsafe curl_slist_free_all($0) }
    unsafe errorText.deallocate()
  }

  // MARK: Answers

  /// The URL that was asked last, after redirects.
  var url: String {
    var text: UnsafePointer<CChar>?
    unsafe apus_curl_get_string(easy, CURLINFO_EFFECTIVE_URL, &text)
    return unsafe text.map { unsafe String(cString: $0) } ?? ""
  }

  /// Whether a connection is there and the request is being sent.
  var hasConnected: Bool {
    var microseconds: curl_off_t = 0
    unsafe apus_curl_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
    return microseconds > 0
  }

  /// What libcurl says of a failure.
  func failure(_ code: CURLcode, _ request: HTTPClientRequest, _ options: HTTPClientOptions) -> TransportError {
    var text = unsafe String(cString: errorText)
    if text.isEmpty { text = unsafe String(cString: curl_easy_strerror(code)) }
    return TransportError(Self.kind(of: code), "\(request.method) \(request.url): \(text)")
  }

  private static func kind(of code: CURLcode) -> TransportError.Code {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY: .unreachable
    case CURLE_OPERATION_TIMEDOUT: .timeout
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED:
      .tls
    case CURLE_TOO_MANY_REDIRECTS: .limit
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION: .argument
    case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .malformed
    case CURLE_OUT_OF_MEMORY: .io
    default: .closed
    }
  }

  // MARK: Setting up

  private func number(_ option: CURLoption, _ value: Int) { unsafe apus_curl_set_long(easy, option, value) }
  private func text(_ option: CURLoption, _ value: String) { unsafe apus_curl_set_string(easy, option, value) }
  private func pointer(_ option: CURLoption, _ value: UnsafeMutableRawPointer) {
    unsafe apus_curl_set_pointer(easy, option, value)
  }
  private func list(_ option: CURLoption, _ values: [String]) throws(TransportError) {
    var list: UnsafeMutablePointer<curl_slist>?
    for value in values {
      guard let longer = unsafe curl_slist_append(list, value) else {
        unsafe curl_slist_free_all(list)
        throw TransportError(.io, "no memory for a request")
      }
      unsafe list = longer
    }
    if let list = unsafe list {
      unsafe lists.append(list)
      unsafe apus_curl_set_list(easy, option, list)
    }
  }

  private func setConnection(_ options: HTTPClientOptions, _ target: Target, timeoutMs: Int) {
    number(CURLOPT_NOSIGNAL, 1)
    number(CURLOPT_TCP_NODELAY, 1)
    number(CURLOPT_TCP_KEEPALIVE, 1)
    number(CURLOPT_BUFFERSIZE, 128 << 10)
    number(CURLOPT_UPLOAD_BUFFERSIZE, 64 << 10)
    number(CURLOPT_PATH_AS_IS, 1)
    text(CURLOPT_PROTOCOLS_STR, "http,https")
    text(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
    number(CURLOPT_FOLLOWLOCATION, options.followsRedirects ? 1 : 0)
    number(CURLOPT_MAXREDIRS, options.redirectCountMax)
    // 0 stands for libcurl's own five minutes: no limit is a long time.
    number(CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeoutMs > 0 ? options.connectTimeoutMs : 86_400_000)
    number(CURLOPT_TIMEOUT_MS, max(0, timeoutMs))
    number(CURLOPT_EXPECT_100_TIMEOUT_MS, max(1, options.expectContinueTimeoutMs))
    if options.idleTimeoutMs > 0 { number(CURLOPT_MAXAGE_CONN, max(1, options.idleTimeoutMs / 1000)) }
    number(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    // Rather another stream of a connection that is being made than a connection more.
    if options.version != .http1, target.isTLS { number(CURLOPT_PIPEWAIT, 1) }
    switch options.version {
    case .automatic:
      number(
        CURLOPT_HTTP_VERSION, target.isTLS ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)
    case .http1: number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    case .http2:
      let version = target.isTLS ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
      number(CURLOPT_HTTP_VERSION, version)
      // libcurl before 8.0 (Debian 12 has 7.88) cannot use such a connection a second time.
      if !target.isTLS, apus_curl_version_number() < 0x08_00_00 {
        number(CURLOPT_FRESH_CONNECT, 1)
        number(CURLOPT_FORBID_REUSE, 1)
      }
    }
    switch options.proxy {
    case .none: text(CURLOPT_PROXY, "")
    case .url(let url): text(CURLOPT_PROXY, url)
    case .environment:
      // Never for this machine itself, as Go has it; libcurl does not know the names in capitals.
      text(CURLOPT_PROXY, target.isLoopback ? "" : environment(target.isTLS ? "HTTPS_PROXY" : "HTTP_PROXY"))
      text(CURLOPT_NOPROXY, environment("NO_PROXY"))
    }
  }

  private func environment(_ name: String) -> String {
    for name in [name, name.lowercased()] {
      if let value = unsafe getenv(name), unsafe value.pointee != 0 { return unsafe String(cString: value) }
    }
    return ""
  }

  private func setTLS(_ tls: HTTPClientOptions.TLS, _ target: Target) throws(TransportError) {
    if let file = tls.caFile { text(CURLOPT_CAINFO, file) }
    if let file = tls.certificateFile { text(CURLOPT_SSLCERT, file) }
    if let file = tls.keyFile { text(CURLOPT_SSLKEY, file) }
    number(CURLOPT_SSL_VERIFYPEER, tls.insecureSkipVerify ? 0 : 1)
    number(CURLOPT_SSL_VERIFYHOST, tls.insecureSkipVerify ? 0 : 2)
    let version =
      switch tls.minVersion {
      case .tls10: CURL_SSLVERSION_TLSv1_0
      case .tls11: CURL_SSLVERSION_TLSv1_1
      case .tls12: CURL_SSLVERSION_TLSv1_2
      case .tls13: CURL_SSLVERSION_TLSv1_3
      }
    number(CURLOPT_SSLVERSION, version)
    var url = target.url
    if let name = tls.serverName, target.isTLS, name.lowercased() != target.host.lowercased() {
      // The name of the certificate takes the place of the host, which is where the connection goes all the same.
      url = try target.withHost(name)
      try list(CURLOPT_CONNECT_TO, ["\(name):\(target.port):\(target.host):\(target.port)"])
    }
    text(CURLOPT_URL, url)
  }

  private func setHead(
    _ request: HTTPClientRequest, _ options: HTTPClientOptions, _ target: Target
  ) throws(TransportError) {
    var headers = request.headers
    for (name, value) in options.headers where !headers.contains(name) { headers.add(name, value) }
    if !headers.contains("user-agent"), !options.userAgent.isEmpty { headers.add("user-agent", options.userAgent) }
    if !headers.contains("authorization") {
      switch options.credentials {
      case .none: break
      case .basic(let username, let password):
        number(CURLOPT_HTTPAUTH, 1)
        text(CURLOPT_USERNAME, username)
        text(CURLOPT_PASSWORD, try secret(password))
      case .bearer(let token): headers.add("authorization", "Bearer \(try secret(token))")
      }
    }
    if options.acceptsCompression, request.method != "HEAD", !headers.contains("accept-encoding"),
      !headers.contains("range")
    {
      text(CURLOPT_ACCEPT_ENCODING, "gzip")
    }
    if options.tls.serverName != nil, target.isTLS, !headers.contains("host") { headers.add("host", target.authority) }
    var lines: [String] = []
    for (name, value) in headers {
      guard Self.isToken(name), !value.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else {
        throw TransportError(.argument, "\(request.method) \(request.url): header field \(name) is not well formed")
      }
      // libcurl takes a name with nothing behind the colon for one to leave out.
      lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    // What libcurl would add by itself.
    for name in ["accept", "content-type", "expect"] where !headers.contains(name) { lines.append("\(name):") }
    guard Self.isToken(request.method) else {
      throw TransportError(.argument, "\(request.method) \(request.url): not a method")
    }
    let length: Int64?
    switch request.body {
    case .none: length = 0
    case .bytes(let bytes): length = Int64(bytes.count)
    case .source(let given, _): length = given.map { max(0, $0) }
    }
    let isBodyless = if case .none = request.body { true } else { false }
    switch request.method {
    case "GET" where isBodyless: number(CURLOPT_HTTPGET, 1)
    case "HEAD" where isBodyless: number(CURLOPT_NOBODY, 1)
    case "POST":
      number(CURLOPT_POST, 1)
      if let length { unsafe apus_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(length)) }
      if isBodyless { text(CURLOPT_COPYPOSTFIELDS, "") }
      if length == nil { lines.append("transfer-encoding: chunked") }
    case let method where isBodyless:
      text(CURLOPT_CUSTOMREQUEST, method)
    case let method:
      number(CURLOPT_UPLOAD, 1)
      unsafe apus_curl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(length ?? -1))
      if method != "PUT" { text(CURLOPT_CUSTOMREQUEST, method) }
    }
    try list(CURLOPT_HTTPHEADER, lines)
  }

  /// Letters, digits and the signs of RFC 9110, 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: Array("!#$%&'*+-.^_`|~".utf8).contains(byte)
        }
      }
  }

  private func secret(_ secret: HTTPClientOptions.Secret) throws(TransportError) -> String {
    switch secret {
    case .text(let text): return text
    case .file(let path):
      let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
      guard file >= 0 else {
        throw TransportError(.io, "read secret of \(path): \(unsafe String(cString: strerror(errno)))")
      }
      defer { close(file) }
      var bytes = [UInt8](repeating: 0, count: 64 << 10)
      var count = 0
      while count < bytes.count {
        let more = unsafe bytes.withUnsafeMutableBytes { room in
          unsafe read(file, room.baseAddress.map { unsafe $0 + count }, room.count - count)
        }
        if more < 0, errno == EINTR { continue }
        guard more >= 0 else {
          throw TransportError(.io, "read secret of \(path): \(unsafe String(cString: strerror(errno)))")
        }
        if more == 0 { break }
        count += more
      }
      let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
      var text = bytes[..<count].drop(while: isBlank)
      while let last = text.last, isBlank(last) { text.removeLast() }
      return String(decoding: text, as: UTF8.self)
    }
  }

  private func setCallbacks(_ transfer: HTTPTransfer) {
    let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
    unsafe pointer(CURLOPT_WRITEDATA, context)
    unsafe pointer(CURLOPT_HEADERDATA, context)
    unsafe pointer(CURLOPT_READDATA, context)
    unsafe pointer(CURLOPT_SEEKDATA, context)
    unsafe apus_curl_set_transfer(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      guard let context = unsafe context, let bytes = unsafe bytes else { return 0 }
      let transfer = unsafe Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
      let total = size &* count
      switch unsafe transfer.take(UnsafeRawBufferPointer(start: bytes, count: total)) {
      case .taken: return total
      case .refused: return total == 0 ? 1 : 0
      case .later:
        transfer.loopIsReceivePaused = true
        return Int(CURL_WRITEFUNC_PAUSE)
      }
    }
    unsafe apus_curl_set_transfer(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      guard let context = unsafe context, let bytes = unsafe bytes else { return 0 }
      let transfer = unsafe Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
      let total = size &* count
      var line = unsafe UnsafeRawBufferPointer(start: bytes, count: total)[...]
      while let last = unsafe line.last, last == 10 || last == 13 { unsafe line.removeLast() }
      let isFine = unsafe transfer.takeHeaderLine(
        UnsafeRawBufferPointer(rebasing: line), followsRedirects: transfer.loopFollowsRedirects,
        url: { transfer.loopHandle?.url ?? "" })
      return isFine ? total : 0
    }
    unsafe apus_curl_set_transfer(easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
      guard let context = unsafe context, let bytes = unsafe bytes else { return Int(CURL_READFUNC_ABORT) }
      let transfer = unsafe Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
      return unsafe transfer.give(UnsafeMutableRawBufferPointer(start: bytes, count: size &* count))
    }
    unsafe apus_curl_set_seek(easy) { context, offset, origin in
      guard let context = unsafe context else { return CURL_SEEKFUNC_FAIL }
      let transfer = unsafe Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.seek(offset, origin) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK
    }
  }
}

extension HTTPTransfer {
  /// Fills `room` with the request's body; libcurl's count of bytes, or its word for waiting or giving up.
  fileprivate func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    if case .bytes(let body) = request.body {
      let count = min(room.count, body.count - loopBodyOffset)
      guard count > 0 else {
        loopHasSentBody = true
        return 0
      }
      unsafe body.withUnsafeBytes { bytes in
        unsafe UnsafeMutableRawBufferPointer(rebasing: room[..<count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[loopBodyOffset..<loopBodyOffset + count]))
      }
      loopBodyOffset += count
      if loopBodyOffset == body.count { loopHasSentBody = true }
      return count
    }
    guard let upload else {
      loopHasSentBody = true
      return 0
    }
    switch unsafe upload.read(into: room) {
    case .bytes(let count): return count
    case .end:
      loopHasSentBody = true
      return 0
    case .wait:
      loopIsSendPaused = true
      return Int(CURL_READFUNC_PAUSE)
    case .abort: return Int(CURL_READFUNC_ABORT)
    }
  }

  fileprivate func seek(_ offset: curl_off_t, _ origin: Int32) -> Bool {
    guard case .bytes(let body) = request.body, origin == SEEK_SET, offset >= 0, offset <= body.count else {
      return false
    }
    loopBodyOffset = Int(offset)
    return true
  }
}

/// Where a request goes.
private struct Target {
  let url: String
  let host: String
  let port: String
  let isTLS: Bool
  private let hasPort: Bool

  init(_ url: String) throws(TransportError) {
    self.url = url
    let parts = unsafe try Self.parsed(url)
    defer { unsafe curl_url_cleanup(parts) }
    host = unsafe Self.part(parts, CURLUPART_HOST) ?? ""
    port = unsafe Self.part(parts, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)) ?? ""
    hasPort = unsafe Self.part(parts, CURLUPART_PORT) != nil
    isTLS = unsafe Self.part(parts, CURLUPART_SCHEME) == "https"
  }

  /// What a `host` field says.
  var authority: String { hasPort ? "\(host):\(port)" : host }

  /// This machine, by name or number.
  var isLoopback: Bool {
    host == "localhost" || host == "[::1]"
      || (host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 46 || ($0 >= 48 && $0 <= 57) })
  }

  /// The URL with another host.
  func withHost(_ host: String) throws(TransportError) -> String {
    let parts = unsafe try Self.parsed(url)
    defer { unsafe curl_url_cleanup(parts) }
    guard unsafe curl_url_set(parts, CURLUPART_HOST, host, 0) == CURLUE_OK,
      let text = unsafe Self.part(parts, CURLUPART_URL)
    else { throw TransportError(.argument, "\(url): \(host) is not a name of a server") }
    return text
  }

  private static func parsed(_ url: String) throws(TransportError) -> OpaquePointer {
    guard let parts = unsafe curl_url() else { throw TransportError(.io, "no memory for a request") }
    let code = unsafe curl_url_set(parts, CURLUPART_URL, url, UInt32(CURLU_PATH_AS_IS))
    guard code == CURLUE_OK else {
      unsafe curl_url_cleanup(parts)
      throw TransportError(.argument, "\(url): \(unsafe String(cString: curl_url_strerror(code)))")
    }
    return unsafe parts
  }

  private static func part(_ parts: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard unsafe curl_url_get(parts, part, &text, flags) == CURLUE_OK, let text = unsafe text else { return nil }
    defer { unsafe curl_free(text) }
    return unsafe String(cString: text)
  }
}
