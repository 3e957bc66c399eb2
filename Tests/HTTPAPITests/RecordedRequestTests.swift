// The recorded requests of ../shared/conformance/http: what needs no data of the recording server is answered alike, byte for
// byte. The rest is compared over the recorded blocks by the tests of the built executable.
import Foundation
import PromQL
import TSModel
import TestSupport
import Testing
import Transport

@testable import HTTPAPI

/// A recorded request and its answer.
private struct RecordedRequest {
  var line: Int
  var method: String
  var target: String
  var headers: HTTPHeaders = [:]
  var body: [UInt8] = []
  var status: Int
  var contentType: String?
  var answer: String
  var answerHeaders: [String: String]
  var isVolatile: Bool

  var path: String { String(target.prefix { $0 != "?" }) }

  static func all() throws -> [RecordedRequest] {
    guard let shared = Fixtures.shared else { return [] }
    let text = String(decoding: try readFile(shared + "/conformance/http/requests.jsonl"), as: UTF8.self)
    return try text.split(separator: "\n").enumerated().compactMap { index, line in
      let record = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return try RecordedRequest(line: index + 1, record)
    }
  }

  init(line: Int, _ record: [String: Any]) throws {
    self.line = line
    method = try #require(record["method"] as? String)
    target = try #require(record["path"] as? String)
    status = try #require(record["status"] as? Int)
    contentType = record["content_type"] as? String
    answer = record["body"] as? String ?? ""
    answerHeaders = record["headers"] as? [String: String] ?? [:]
    isVolatile = record["volatile"] as? Bool ?? false
    for (name, value) in record["request_headers"] as? [String: String] ?? [:] {
      headers.set(name.lowercased(), value)
    }
    let form = (record["params"] as? [[String]] ?? []).map { "\(Self.escaped($0[0]))=\(Self.escaped($0[1]))" }
      .joined(separator: "&")
    if record["params_in"] as? String == "body" {
      body = Array(form.utf8)
    } else if !form.isEmpty {
      target += (target.contains("?") ? "&" : "?") + form
    }
    if let raw = record["raw_body"] as? String { body = Array(raw.utf8) }
  }

  private static func escaped(_ text: String) -> String {
    var bytes = Array(text.utf8)
    if text.hasPrefix("base64:"), let data = Data(base64Encoded: String(text.dropFirst(7))) { bytes = [UInt8](data) }
    return bytes.map { byte in
      let isPlain = 0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte
      return isPlain ? String(UnicodeScalar(byte)) : "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
  }
}

@Suite(.enabled(if: Fixtures.shared != nil)) struct RecordedRequestTests {
  /// Paths that are not of this API.
  private static let otherPaths = [
    "/api/v1/admin", "/-/", "/federate", "/api/v1/write", "/api/v1/read", "/api/v1/otlp",
    "/api/v1/targets/relabel_steps",
    "/api/v1/status/self_metrics",
  ]

  /// Whether the answer tells of the recording server's data.
  private static func needsData(_ request: RecordedRequest) -> Bool {
    if request.isVolatile || otherPaths.contains(where: { request.path.hasPrefix($0) }) { return true }
    // These fail over data only.
    if [50, 51, 77, 78, 122].contains(request.line) { return true }
    guard request.status == 200 else { return false }
    if request.path.hasPrefix("/api/v1/status/") { return !request.path.hasSuffix("walreplay") }
    let ofData = [
      "instance", "job", "__name__", "demo_", "host", "h1:80", "+Inf", "metric\":{}", "infos", "admin", "127.0.0.1",
      "dead", "\"web\"", "latency",
    ]
    return !request.path.hasSuffix("_query") && ofData.contains { request.answer.contains($0) }
  }

  @Test func whatNeedsNoDataIsAnsweredAlike() async throws {
    let api = QueryAPI(engine: QueryEngine(parserOptions: .everything), source: MemorySource())
    var router = HTTPRouter()
    api.addRoutes(to: &router)
    var count = 0
    for request in try RecordedRequest.all() where !Self.needsData(request) {
      count += 1
      let answer = try await ask(
        router, request.method, request.target, headers: request.headers, body: request.body)
      let name = "\(request.line): \(request.method) \(request.target)"
      #expect(answer.status == request.status, "\(name)")
      #expect(answer.headers["content-type"] == request.contentType, "\(name)")
      #expect(answer.text == request.answer, "\(name)")
      for (field, value) in request.answerHeaders {
        #expect(answer.headers.values(for: field.lowercased()).joined(separator: ", ") == value, "\(name): \(field)")
      }
    }
    #expect(count > 150)
  }
}
