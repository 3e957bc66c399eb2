// The metrics of a channel's calls, under the names of go-grpc-middleware that dashboards and alerts of Thanos read.
public import Observability

/// Counts the calls of channels, their ends, their messages and their time.
public final class GRPCClientMetrics: GRPCClientObserver {
  private static let buckets = [0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720]

  private let started: CounterFamily
  private let handled: CounterFamily
  private let received: CounterFamily
  private let sent: CounterFamily
  private let seconds: HistogramFamily

  /// Registers the metrics in `registry`.
  public init(registry: MetricsRegistry) {
    let labels = ["grpc_method", "grpc_service", "grpc_type"]
    started = registry.counter("grpc_client_started_total", "Calls that began.", labels: labels)
    handled = registry.counter(
      "grpc_client_handled_total", "Calls that ended, by their code.", labels: ["grpc_code"] + labels)
    received = registry.counter("grpc_client_msg_received_total", "Messages read from servers.", labels: labels)
    sent = registry.counter("grpc_client_msg_sent_total", "Messages sent to servers.", labels: labels)
    seconds = registry.histogram(
      "grpc_client_handling_seconds", "How long calls took, in seconds.", labels: labels, buckets: Self.buckets)
  }

  /// Counts a call that begins; each attempt of one that is tried again is a call.
  public func callStarted(path: String, kind: GRPCMethod.Kind) { started.with(Self.values(path, kind)).add(1) }

  /// Counts the end of a call, its messages and its time.
  public func callEnded(
    path: String, kind: GRPCMethod.Kind, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int
  ) {
    let values = Self.values(path, kind)
    handled.with([code.name] + values).add(1)
    received.with(values).add(messagesReceived)
    sent.with(values).add(messagesSent)
    seconds.with(values).observe(duration)
  }

  /// Method, service and type of a call.
  private static func values(_ path: String, _ kind: GRPCMethod.Kind) -> [String] {
    let name = path.hasPrefix("/") ? path.dropFirst() : path[...]
    guard let slash = name.lastIndex(of: "/") else { return [String(name), "unknown", kind.rawValue] }
    return [String(name[name.index(after: slash)...]), String(name[..<slash]), kind.rawValue]
  }
}
