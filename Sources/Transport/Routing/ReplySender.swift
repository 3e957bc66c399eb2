// From a reply to the answer on the wire: HEAD, compression, streams that break off.
internal import Locking
internal import Synchronization

/// Sends answers to one request, and knows what was sent.
public struct ReplySender: Sendable {
  /// Shorter bodies are not compressed: one packet holds them anyway.
  public static let compressedBytesMin = 1400

  private let response: HTTPServerResponse
  private let isHead: Bool
  private let coding: ContentCoding

  /// Sends by `response` what suits the request `head`.
  public init(_ response: HTTPServerResponse, for head: HTTPRequestHead) {
    self.response = response
    isHead = head.method == "HEAD"
    let accepted = head.headers.values(for: "accept-encoding")
    coding = accepted.isEmpty ? .identity : .negotiated(acceptEncoding: accepted.joined(separator: ","))
  }

  /// Sends `reply`; returns the number of body bytes on the wire.
  public func send(_ reply: HTTPReply) async throws -> Int {
    switch reply.body {
    case .bytes(let bytes): try await send(reply, bytes)
    case .stream(let write): try await send(reply, write)
    }
  }

  private func send(_ reply: HTTPReply, _ bytes: [UInt8]) async throws -> Int {
    var headers = reply.headers
    var body = bytes
    if bytes.count >= Self.compressedBytesMin, isCompressible(reply), coding != .identity {
      body = try coding.encode(bytes)
      addCoding(&headers)
    }
    if isHead {
      headers.set("content-length", "\(body.count)")
      try await response.respond(status: reply.status, headers: headers)
      return 0
    }
    let count = body.count
    try await response.respond(status: reply.status, headers: headers, body: body)
    return count
  }

  private func send(
    _ reply: HTTPReply, _ write: @Sendable (HTTPReplyWriter) async throws -> Void
  ) async throws -> Int {
    var headers = reply.headers
    let isCompressed = isCompressible(reply) && coding != .identity
    if isCompressed { addCoding(&headers) }
    if isHead {
      try await response.respond(status: reply.status, headers: headers)
      return 0
    }
    let encoder = try BodyEncoder(isCompressed ? coding : .identity)
    let response = response
    let counter = ByteCounter()
    let send: @Sendable ([UInt8]) async throws -> Void = { bytes in
      if bytes.isEmpty { return }
      counter.add(bytes.count)
      try await response.write(bytes)
    }
    try await response.start(status: reply.status, headers: headers)
    do {
      try await write(HTTPReplyWriter { bytes in try await send(try encoder.encode(bytes)) })
      try await send(try encoder.finish())
    } catch {
      // The client must not take what it got for all of it. 2: INTERNAL_ERROR.
      response.reset(http2Code: 2)
      throw error
    }
    try await response.finish()
    return counter.count
  }

  private func addCoding(_ headers: inout HTTPHeaders) {
    headers.set("content-encoding", coding.rawValue)
    if !headers.values(for: "vary").contains("Accept-Encoding") { headers.add("vary", "Accept-Encoding") }
  }

  private func isCompressible(_ reply: HTTPReply) -> Bool {
    guard !reply.headers.contains("content-encoding"), let type = reply.headers["content-type"] else { return false }
    let kinds = ["text/", "application/json", "application/openmetrics-text", "application/vnd.google.protobuf"]
    return kinds.contains { type.hasPrefix($0) }
  }
}

/// Encodes a body that comes in parts.
private final class BodyEncoder: Sendable {
  private let coding: ContentCoding
  private let gzip: Guarded<GzipEncoder>?
  private let zstd: Guarded<ZstdEncoder>?

  init(_ coding: ContentCoding) throws(TransportError) {
    self.coding = coding
    gzip = if coding == .gzip { Guarded(try GzipEncoder()) } else { nil }
    zstd = if coding == .zstd { Guarded(try ZstdEncoder()) } else { nil }
  }

  func encode(_ bytes: [UInt8]) throws -> [UInt8] {
    if coding == .identity { return bytes }
    var out: [UInt8] = []
    try gzip?.withLock { try $0.encode(bytes, into: &out) }
    try zstd?.withLock { try $0.encode(bytes, into: &out) }
    return out
  }

  func finish() throws -> [UInt8] {
    var out: [UInt8] = []
    try gzip?.withLock { try $0.finish(into: &out) }
    try zstd?.withLock { try $0.finish(into: &out) }
    return out
  }
}
