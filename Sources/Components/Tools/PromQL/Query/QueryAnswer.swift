// An answer of the query API, read from its JSON: docs/http-api.md.
internal import TSModel

/// JSON that is not as the API has it.
private typealias Malformed = TSModel.JSONError

/// What `/api/v1/query` or `/api/v1/query_range` answered.
struct QueryAnswer {
  /// What a sample holds.
  enum Value: Equatable {
    /// A number, and as the API wrote it.
    case float(Double, String)
    /// `{count:3, sum:4, (0.5,1]:1, (1,2]:2}`
    case histogram(String)

    /// The value as text.
    var text: String {
      switch self {
      case .float(_, let text), .histogram(let text): text
      }
    }

    /// The number; nil for a histogram.
    var number: Double? {
      guard case .float(let number, _) = self else { return nil }
      return number
    }
  }

  /// A value at a time, milliseconds since the Unix epoch.
  struct Point: Equatable {
    var timeMs: Int64
    var value: Value
  }

  /// Points in the order of time.
  struct Series {
    var labels: [(name: String, value: String)]
    var points: [Point]
  }

  /// The result by its type.
  enum Result {
    case vector([Series])
    case matrix([Series])
    case scalar(Point)
    case string(timeMs: Int64, String)
  }

  var result: Result
  var warnings: [String] = []
  var infos: [String] = []

  /// The series, where the result has some.
  var series: [Series] {
    switch result {
    case .vector(let series), .matrix(let series): series
    case .scalar, .string: []
    }
  }
}

/// An error that the query API answered.
struct QueryFailure: Error, CustomStringConvertible {
  /// `bad_data`, `execution`, `timeout` …
  var type: String
  var message: String

  var description: String {
    let text = "\(printable(type)): \(printable(message))"
    return remedy.map { "\(text)\n  \($0)" } ?? text
  }

  /// What the one who asked can do about it; nil where the message says all there is to say.
  var remedy: String? {
    if message.contains("maximum resolution") { return "Give a larger --step, or a shorter range." }
    switch type {
    case "timeout": return "Allow more by --timeout, or ask for fewer series, a shorter range or a larger step."
    case "canceled": return "The server gave up; ask again."
    case "unavailable", "not_found": return "The server cannot answer this now; its log says more."
    case "internal": return "The server failed; its log says more."
    case "execution" where message.contains("too many samples") || message.contains("limit"):
      return "Ask for fewer series, a shorter range or a larger step, or raise the limit (--query.max-samples)."
    case "bad_data" where message.contains("not enabled"):
      return "--enable-feature enables it over blocks; of a server it is a flag of its own (docs/promql.md)."
    case "bad_data" where message.contains("parse error"):
      return "Positions are line:column. Shells take quotes and blanks away: put the expression in single quotes."
    default: return nil
    }
  }
}

/// An answer that is none of the query API.
struct ForeignAnswer: Error, CustomStringConvertible {
  let description: String
}

extension QueryAnswer {
  /// Reads an answer. Throws `QueryFailure` for the API's own errors and `ForeignAnswer` for what is no answer of the API.
  init(status: Int, body: [UInt8]) throws {
    let document: [String: JSONValue]
    do { document = try Self.members(JSONValue(parsing: body), "answer") } catch {
      throw ForeignAnswer(
        description:
          "status \(status) with \(body.isEmpty ? "no text" : Self.beginning(of: body)), which is no answer of "
          + "the query API\n  \(Self.remedy(status: status))")
    }
    guard document["status"] == .string("success"), status / 100 == 2 else {
      throw QueryFailure(
        type: Self.text(document["errorType"]) ?? "status \(status)",
        message: Self.text(document["error"]) ?? "no reason given")
    }
    do {
      result = try Self.result(document["data"] ?? .null)
      warnings = try (document["warnings"] ?? .null).elements("warnings").compactMap { Self.text($0) }
      infos = try (document["infos"] ?? .null).elements("infos").compactMap { Self.text($0) }
    } catch {
      throw ForeignAnswer(description: "the answer cannot be read: \(error)")
    }
  }

  private static func remedy(status: Int) -> String {
    switch status {
    case 401, 403: "Credentials are needed: --http.config-file names a file with them."
    case 502, 503, 504: "A proxy in front of the server may have given up; ask again, or ask for less."
    default: "Is the URL that of the server, with its prefix, as a browser has it before /api/v1/query?"
    }
  }

  private static func beginning(of body: [UInt8]) -> String {
    let text = String(decoding: body.prefix(200), as: UTF8.self).split(separator: "\n").first ?? ""
    return "\"\(printable(String(text)))\""
  }

  private static func text(_ value: JSONValue?) -> String? {
    guard case .string(let text) = value else { return nil }
    return text
  }

  private static func members(_ value: JSONValue, _ field: String) throws(Malformed) -> [String: JSONValue] {
    guard case .object(let members) = value else {
      throw Malformed("\(field) is of kind \(value.kindName), not object")
    }
    return Dictionary(members.map { ($0.key, $0.value) }) { _, last in last }
  }

  private static func result(_ data: JSONValue) throws(Malformed) -> Result {
    let data = try members(data, "data")
    let result = data["result"] ?? .null
    switch text(data["resultType"]) ?? "" {
    case "vector": return .vector(try series(result))
    case "matrix": return .matrix(try series(result))
    case "scalar": return .scalar(try point(result))
    case "string":
      let (timeMs, value) = try pair(result)
      return .string(timeMs: timeMs, text(value) ?? "")
    case let type: throw Malformed("result is of type \"\(type)\"")
    }
  }

  private static func series(_ result: JSONValue) throws(Malformed) -> [Series] {
    var all: [Series] = []
    for entry in try result.elements("result") {
      let entry = try members(entry, "series")
      var one = Series(labels: [], points: [])
      for label in try (entry["metric"] ?? .null).map("metric") ?? [] {
        one.labels.append((label.key, text(label.value) ?? ""))
      }
      for key in ["value", "histogram"] {
        if let value = entry[key] { one.points.append(try point(value)) }
      }
      for key in ["values", "histograms"] {
        for value in try (entry[key] ?? .null).elements(key) { one.points.append(try point(value)) }
      }
      if entry["values"] != nil, entry["histograms"] != nil { one.points.sort { $0.timeMs < $1.timeMs } }
      all.append(one)
    }
    return all
  }

  /// Times further from 1970 are refused: differences of those below are counted without care.
  private static let timeSecondsMax = 1e15

  private static func pair(_ value: JSONValue) throws(Malformed) -> (Int64, JSONValue) {
    let parts = try value.elements("sample")
    guard parts.count == 2, case .number(let digits) = parts[0], let seconds = Double(digits),
      seconds.magnitude <= timeSecondsMax
    else { throw Malformed("\(value.compactText.prefix(100)) is no sample") }
    return (Int64((seconds * 1000).rounded()), parts[1])
  }

  private static func point(_ value: JSONValue) throws(Malformed) -> Point {
    let (timeMs, value) = try pair(value)
    if case .string(let text) = value {
      guard let number = Double(text) else { throw Malformed("\"\(text.prefix(100))\" is no number") }
      return Point(timeMs: timeMs, value: .float(number, text))
    }
    return Point(timeMs: timeMs, value: .histogram(try histogram(value)))
  }

  /// As Prometheus prints histograms.
  private static func histogram(_ value: JSONValue) throws(Malformed) -> String {
    let fields = try members(value, "histogram")
    guard let count = text(fields["count"]), let sum = text(fields["sum"]) else {
      throw Malformed("a histogram without count or sum")
    }
    var out = "{count:\(count), sum:\(sum)"
    for bucket in try (fields["buckets"] ?? .null).elements("buckets") {
      let parts = try bucket.elements("bucket")
      guard parts.count == 4, case .number(let rule) = parts[0], let lower = text(parts[1]), let upper = text(parts[2]),
        let count = text(parts[3])
      else { throw Malformed("\(bucket.compactText.prefix(100)) is no bucket") }
      // Which bounds belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
      let (open, close) = (rule == "1" || rule == "3" ? "[" : "(", rule == "0" || rule == "3" ? "]" : ")")
      out += ", \(open)\(lower),\(upper)\(close):\(count)"
    }
    return out + "}"
  }
}
