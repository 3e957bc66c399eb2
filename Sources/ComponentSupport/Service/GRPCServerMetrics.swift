// What is seen of gRPC calls: metrics under the names of Go's middleware, spans, and lines in the log.
public import Observability
public import Transport

/// Counts the calls of a gRPC server.
public final class GRPCServerMetrics: GRPCServerObserver {
  private let started: CounterFamily
  private let handled: CounterFamily
  private let received: CounterFamily
  private let sent: CounterFamily
  private let duration: HistogramFamily

  /// Bounds of `grpc_server_handling_seconds`.
  public static let durationBuckets: [Double] = [0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120]

  /// Metrics in `metrics`, with a zero for each method of `services`, so that rates are right from the first call on.
  public init(metrics: MetricsRegistry, services: [any GRPCService] = []) {
    let labels = ["grpc_method", "grpc_service", "grpc_type"]
    started = metrics.counter(
      "grpc_server_started_total", "Total number of RPCs started on the server.", labels: labels)
    handled = metrics.counter(
      "grpc_server_handled_total", "Total number of RPCs completed on the server, regardless of success or failure.",
      labels: labels + ["grpc_code"])
    received = metrics.counter(
      "grpc_server_msg_received_total", "Total number of RPC stream messages received on the server.",
      labels: labels)
    sent = metrics.counter(
      "grpc_server_msg_sent_total", "Total number of gRPC stream messages sent by the server.", labels: labels)
    duration = metrics.histogram(
      "grpc_server_handling_seconds",
      "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.",
      labels: labels, buckets: Self.durationBuckets)
    // Nothing here can panic; the alert on this name stays quiet.
    _ = metrics.counter(
      "grpc_req_panics_recovered_total", "Total number of gRPC requests recovered from internal panic.")
    for service in services {
      for method in service.methods {
        let values = Self.labels(service.name, method)
        _ = started.with(values)
        _ = received.with(values)
        _ = sent.with(values)
        for code in GRPCStatus.Code.allCases { _ = handled.with(values + [code.name]) }
      }
    }
  }

  public func callStarted(service: String, method: GRPCMethod) {
    started.with(Self.labels(service, method)).add()
  }

  public func callEnded(
    service: String, method: GRPCMethod, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int
  ) {
    let values = Self.labels(service, method)
    handled.with(values + [code.name]).add()
    received.with(values).add(messagesReceived)
    sent.with(values).add(messagesSent)
    self.duration.with(values).observe(duration)
  }

  private static func labels(_ service: String, _ method: GRPCMethod) -> [String] {
    [method.name, service, method.kind.rawValue]
  }
}
