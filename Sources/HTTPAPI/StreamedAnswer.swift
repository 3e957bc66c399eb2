// The answer of a query that is written while it is computed: small ones whole, so that a failure still has its status; large ones
// series by series, as fast as the client reads.
internal import PromQL
internal import TSModel
internal import Transport

/// Writes such an answer. Used by one task at a time.
final class StreamedAnswer: @unchecked Sendable {
  private let stream: QueryStream
  private let dialect: Dialect
  private let threads: BlockingThreads?
  private let coverage: (@Sendable () -> JSONValue)?
  private let ending: @Sendable (QueryResult) throws -> String
  private let onEnd: @Sendable (QueryStatistics, _ failure: (any Error)?) -> Void
  private let times: [UInt8]
  private var part: QueryData?
  private var hasSeries = false

  /// Bytes that are handed over at a time.
  private static let pieceBytes = 64 << 10

  /// Series are computed on `threads`, where there are some. `coverage` tells in the end where they came from; `ending` gives what stands
  /// behind the series, from the comma on; `onEnd` is told once how it went, unless the beginning fails already.
  init(
    _ stream: QueryStream, _ dialect: Dialect, threads: BlockingThreads?, coverage: (@Sendable () -> JSONValue)?,
    ending: @escaping @Sendable (QueryResult) throws -> String,
    onEnd: @escaping @Sendable (QueryStatistics, _ failure: (any Error)?) -> Void
  ) throws {
    self.stream = stream
    self.dialect = dialect
    self.threads = threads
    self.coverage = coverage
    self.ending = ending
    self.onEnd = onEnd
    times = try JSONBytes.times(of: stream.grid)
  }

  /// The reply, once its beginning is there. Throws what goes wrong until then.
  func reply() async throws -> HTTPReply {
    var headers: HTTPHeaders = ["content-type": "application/json"]
    var json = JSONBytes()
    json.append("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[")
    guard try await fill(&json, upTo: APIAnswer.wholeBytesMax) else {
      let warnings = try finish(&json)
      if dialect.forbidsStoring, warnings { headers.set("cache-control", "no-store") }
      return HTTPReply(headers: headers, body: json.take())
    }
    // Whether there will be warnings is not known yet.
    if dialect.forbidsStoring { headers.set("cache-control", "no-store") }
    let begun = json
    return HTTPReply(headers: headers) { writer in
      do {
        var json = begun
        repeat {
          try await writer.write(json.take())
        } while try await self.fill(&json, upTo: Self.pieceBytes)
        _ = try self.finish(&json)
        try await writer.write(json.take())
      } catch {
        self.onEnd(QueryStatistics(), error)
        throw error
      }
    }
  }

  /// Writes series until there are so many bytes. False once all series are written.
  private func fill(_ json: inout JSONBytes, upTo count: Int) async throws -> Bool {
    while json.count < count {
      if part != nil {
        if try part?.write(to: &json) == true { continue }
        part = nil
      }
      guard let series = try await withTaskExecutorPreference(threads, operation: { try await stream.next() }) else {
        return false
      }
      let next = QueryData(partOf: series, times: times, isFirst: !hasSeries)
      hasSeries = hasSeries || next.seriesCount > 0
      part = next
    }
    return true
  }

  /// Writes what stands behind the series. True where there are warnings.
  private func finish(_ json: inout JSONBytes) throws -> Bool {
    let result = try stream.ending()
    json.append("]")
    json.append(raw: try ending(result))
    json.append("}")
    let answer = APIAnswer(.text(""), warnings: result.warnings, infos: result.infos, coverage: coverage)
    json.append(raw: try answer.ending(dialect))
    onEnd(result.statistics, nil)
    return !result.warnings.isEmpty
  }
}
