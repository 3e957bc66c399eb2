// The metrics of a server's calls, under the names of go-grpc-middleware that dashboards and alerts of Thanos read.
public import Observability

/// Counts calls, their ends, their messages and their time.
public final class GRPCServerMetrics: GRPCServerObserver {
  private static let buckets = [0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120]

  private let started: CounterFamily
  private let handled: CounterFamily
  private let received: CounterFamily
  private let sent: CounterFamily
  private let seconds: HistogramFamily

  /// Registers the metrics in `registry`.
  public init(registry: MetricsRegistry) {
    let labels = ["grpc_method", "grpc_service", "grpc_type"]
    started = registry.counter(
      "grpc_server_started_total", "Calls that began.", labels: labels)
    handled = registry.counter(
      "grpc_server_handled_total",
      "Calls that ended, by their code.",
      labels: ["grpc_code"] + labels)
    received = registry.counter(
      "grpc_server_msg_received_total", "Messages read from clients.", labels: labels)
    sent = registry.counter(
      "grpc_server_msg_sent_total", "Messages sent to clients.", labels: labels)
    seconds = registry.histogram(
      "grpc_server_handling_seconds",
      "How long calls took, in seconds.",
      labels: labels, buckets: Self.buckets)
  }

  /// Lets the methods of a service show with 0 before their first call, as Thanos' do.
  public func prepare(_ service: any GRPCService) {
    for method in service.methods {
      let values = [method.name, service.name, method.kind.rawValue]
      _ = started.with(values)
      _ = received.with(values)
      _ = sent.with(values)
      _ = seconds.with(values)
      for code in GRPCStatus.Code.allCases { _ = handled.with([code.name] + values) }
    }
  }

  /// Counts a call that begins.
  public func callStarted(service: String, method: GRPCMethod) {
    started.with(method.name, service, method.kind.rawValue).add(1)
  }

  /// Counts the end of a call, its messages and its time.
  public func callEnded(
    service: String, method: GRPCMethod, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int
  ) {
    let values = [method.name, service, method.kind.rawValue]
    handled.with([code.name] + values).add(1)
    received.with(values).add(messagesReceived)
    sent.with(values).add(messagesSent)
    seconds.with(values).observe(duration)
  }
}
