// Requests to handlers without sockets.
import Testing
import Transport

/// What a handler answered.
public struct Answer: Sendable {
  /// Its status.
  public var status: Int
  /// Its fields.
  public var headers: HTTPHeaders
  /// Its body, as it went over the wire.
  public var body: [UInt8]
  /// The body as text.
  public var text: String { String(decoding: body, as: UTF8.self) }
}

/// One GET to `handler`, in memory.
public func ask(_ handler: any HTTPHandler, _ target: String, headers: HTTPHeaders = [:]) async throws -> Answer {
  try await ask(handler, "GET", target, headers: headers)
}

/// One request to `handler`, in memory.
public func ask(
  _ handler: any HTTPHandler, _ method: String, _ target: String, headers: HTTPHeaders = [:],
  body: [UInt8] = []
) async throws -> Answer {
  let stream = MemoryStream(body: body)
  let head = HTTPRequestHead(method: method, target: target, headers: headers)
  try await handler.handle(
    HTTPServerRequest(head: head, peer: PeerInfo(address: "127.0.0.1", port: 4711), stream: stream),
    HTTPServerResponse(stream: stream))
  let answered = try #require(stream.responseHead)
  #expect(stream.responseTrailers != nil)
  return Answer(status: answered.status, headers: answered.headers, body: stream.responseBody)
}
