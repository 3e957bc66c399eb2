// What an endpoint has to say, and the envelope around it: {"status":"success","data":…,"warnings":[…],"infos":[…]}.
internal import TSModel
internal import Transport

/// Data that is written piece by piece. A value: writing begins where the copy stands.
protocol DataPieces: Sendable {
  /// Writes some tens of kilobytes of the data behind what `json` holds. False once all of it is written.
  mutating func write(to json: inout JSONBytes) throws -> Bool
}

/// What an endpoint answers.
struct APIAnswer: Sendable {
  /// The data itself.
  enum Content: Sendable {
    case value(JSONValue)
    /// JSON as it is to be sent.
    case text(String)
    case pieces(any DataPieces)
    /// All of the answer.
    case reply(HTTPReply)
  }

  var content: Content
  var warnings: [String] = []
  var infos: [String] = []
  /// Where the data came from, as it is known once all of it was read; nil: nobody wants to know.
  var coverage: (@Sendable () -> JSONValue)?

  init(
    _ content: Content, warnings: [String] = [], infos: [String] = [], coverage: (@Sendable () -> JSONValue)? = nil
  ) {
    (self.content, self.warnings, self.infos, self.coverage) = (content, warnings, infos, coverage)
  }

  init(_ value: JSONValue) { self.init(.value(value)) }

  /// What was left out of an answer with a limit.
  static let truncationWarning = "results truncated due to limit"

  /// Larger answers are streamed.
  static let wholeBytesMax = 256 << 10

  /// The reply: whole where it is small, else written while it is made.
  func reply(_ dialect: Dialect) throws -> HTTPReply {
    if case .reply(let reply) = content { return reply }
    var headers: HTTPHeaders = ["content-type": "application/json"]
    if dialect.forbidsStoring, !warnings.isEmpty { headers.set("cache-control", "no-store") }
    var json = JSONBytes()
    json.append("{\"status\":\"success\",\"data\":")
    switch content {
    case .value(let value): json.append(raw: value.compactText)
    case .text(let text): json.append(raw: text)
    case .reply: break
    case .pieces(let pieces):
      var pieces = pieces
      while try pieces.write(to: &json) {
        if json.count < Self.wholeBytesMax { continue }
        let (begun, rest, end) = (json, pieces, try ending(dialect))
        return HTTPReply(headers: headers) { writer in
          var (json, pieces) = (begun, rest)
          repeat {
            try await writer.write(json.take())
            try Task.checkCancellation()
          } while try pieces.write(to: &json)
          json.append(raw: end)
          try await writer.write(json.take())
        }
      }
    }
    json.append(raw: try ending(dialect))
    return HTTPReply(headers: headers, body: json.take())
  }

  /// What stands behind the data.
  func ending(_ dialect: Dialect) throws -> [UInt8] {
    var json = JSONBytes()
    try Self.append("warning", warnings, dialect, to: &json)
    try Self.append("info", infos, dialect, to: &json)
    if let coverage {
      json.append(",\"coverage\":")
      json.append(raw: coverage().compactText)
    }
    json.append("}")
    return json.take()
  }

  private static func append(
    _ kind: String, _ texts: [String], _ dialect: Dialect, to json: inout JSONBytes
  ) throws {
    guard !texts.isEmpty else { return }
    json.append(raw: ",\"\(kind)s\":[")
    for (index, text) in texts.prefix(dialect.annotationsMax).enumerated() {
      if index > 0 { json.append(",") }
      try json.append(string: text)
    }
    let omitted = texts.count - min(texts.count, dialect.annotationsMax)
    if omitted > 0 {
      json.append(",")
      try json.append(string: "\(omitted) more \(kind) annotations omitted")
    }
    json.append("]")
  }
}

extension APIProblem {
  /// The reply that tells of it.
  func reply(_ dialect: Dialect) throws -> HTTPReply {
    var json = JSONBytes()
    json.append("{\"status\":\"error\",\"errorType\":")
    try json.append(string: type.rawValue)
    json.append(",\"error\":")
    try json.append(string: message)
    json.append("}")
    var headers: HTTPHeaders = ["content-type": "application/json"]
    if dialect.forbidsStoring { headers.set("cache-control", "no-store") }
    return HTTPReply(
      status: type == .canceled ? dialect.canceledStatus : type.status, headers: headers, body: json.take())
  }
}
