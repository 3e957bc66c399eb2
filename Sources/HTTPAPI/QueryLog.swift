// The query log: a line of JSON for each query, in the form of Prometheus'.
internal import Observability
internal import PromQL
public import TSModel
internal import Transport

/// Writes queries down.
public struct QueryLog: Sendable {
  private let writeLine: @Sendable (String) -> Void
  private let nowNs: @Sendable () -> Int64

  /// A log whose lines, without their ends, are given to `write`, which takes them from several tasks at a time.
  public init(
    nowNs: @escaping @Sendable () -> Int64 = { WallClock.nowNs() }, write: @escaping @Sendable (String) -> Void
  ) {
    self.nowNs = nowNs
    writeLine = write
  }

  func write(_ request: QueryRequest, _ call: HTTPCall, _ statistics: QueryStatistics, failure: String?) {
    var json = JSONBytes()
    do {
      json.append("{\"time\":")
      try json.append(string: TimestampText.rfc3339Nano(unixNs: nowNs()))
      json.append(",\"level\":\"INFO\",\"msg\":\"promql query logged\",\"params\":{\"end\":")
      try json.append(string: Self.time(ms: request.endMs))
      json.append(",\"query\":")
      try json.append(string: request.query)
      json.append(",\"start\":")
      try json.append(string: Self.time(ms: request.startMs))
      json.append(raw: ",\"step\":\(request.stepMs / 1000)}")
      if let failure {
        json.append(",\"error\":")
        try json.append(string: failure)
      }
      json.append(",\"stats\":")
      let grid = StepGrid(startMs: request.startMs, endMs: request.endMs, stepMs: request.stepMs)
      try json.append(statistics: statistics, perStep: grid)
      if let span = call.span, span.isRecording {
        json.append(raw: ",\"spanID\":\"\(span.context.spanID)\",\"traceID\":\"\(span.context.traceID)\"")
      }
      json.append(",\"httpRequest\":{\"clientIP\":")
      try json.append(string: call.request.peer.address)
      json.append(",\"method\":")
      try json.append(string: call.method)
      json.append(",\"path\":")
      try json.append(string: call.request.head.path)
      json.append("}}")
    } catch {
      // A text that cannot be written, which the core has no reason for.
      return
    }
    writeLine(String(decoding: json.take(), as: UTF8.self))
  }

  /// `2025-06-02T01:00:00.000Z`
  private static func time(ms: Int64) -> String {
    func floored(_ value: Int64, by unit: Int64) -> (quotient: Int64, remainder: Int64) {
      let (quotient, remainder) = value.quotientAndRemainder(dividingBy: unit)
      return remainder < 0 ? (quotient - 1, remainder + unit) : (quotient, remainder)
    }
    func padded(_ number: Int64, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    let (days, ofDay) = floored(ms, by: 86_400_000)
    let clock = [ofDay / 3_600_000, ofDay / 60_000 % 60, ofDay / 1000 % 60].map { padded($0, 2) }
    return TimestampText.date(daysSinceEpoch: days) + "T" + clock.joined(separator: ":")
      + ".\(padded(ofDay % 1000, 3))Z"
  }
}
