// Queries that took long, told in the process' own log.
public import Observability
internal import PromQL
internal import Transport

/// Writes down queries that took longer than a threshold.
public struct SlowQueryLog: Sendable {
  private let thresholdS: Double
  private let logger: Logger

  /// The most bytes of a query that are written.
  private static let textBytesMax = 4096

  /// A log of queries of `thresholdMs` milliseconds or more; of all where it is negative.
  public init(thresholdMs: Int64, logger: Logger) {
    thresholdS = Double(thresholdMs) / 1000
    self.logger = logger
  }

  /// Seconds, whole ones without a fraction or an exponent.
  private static func seconds(_ ms: Int64) -> LogValue {
    ms % 1000 == 0 ? .integer(ms / 1000) : .number(Double(ms) / 1000)
  }

  /// Writes `request` where it took long. `call` is nil where it did not come over HTTP.
  func write(
    _ request: QueryRequest, _ call: HTTPCall?, tenant: String, _ statistics: QueryStatistics, _ error: (any Error)?
  ) {
    guard statistics.totalS >= thresholdS else { return }
    let text = request.query
    let shown =
      text.utf8.count <= Self.textBytesMax
      ? text : String(decoding: text.utf8.prefix(Self.textBytesMax), as: UTF8.self) + "… (\(text.utf8.count) bytes)"
    let trace = call?.span.map { $0.isRecording ? "\($0.context.traceID)" : "" } ?? ""
    logger.warn(
      "slow query detected", ("query", .string(shown)), ("start", Self.seconds(request.startMs)),
      ("end", Self.seconds(request.endMs)), ("step", Self.seconds(request.stepMs)),
      ("time_taken", .duration(.seconds(statistics.totalS))), ("queued", .duration(.seconds(statistics.queueS))),
      ("samples", .int(statistics.samplesDecoded)), ("series", .int(statistics.seriesRead)),
      ("peak_samples", .int(statistics.peakSamples)), ("tenant", .string(tenant)),
      ("path", .string(call?.request.head.path ?? "")), ("remote_addr", .string(call?.request.peer.address ?? "")),
      ("grafana_dashboard_uid", .string(call?.headers["x-dashboard-uid"] ?? "")),
      ("grafana_panel_id", .string(call?.headers["x-panel-id"] ?? "")), ("trace_id", .string(trace)), error: error)
  }
}
