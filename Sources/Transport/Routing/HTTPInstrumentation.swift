// What is seen of requests: metrics under Thanos' names, spans, and lines in the log as `--request.logging-config`
// says.
public import Observability

/// Writes lines about requests of named routes.
public protocol HTTPRequestLog: Sendable {
  /// A request has come; `name` is the label `handler` of its route.
  func begin(_ call: HTTPCall, _ name: String)

  /// It was answered with `status`; 499 where the client left before.
  func end(_ call: HTTPCall, _ name: String, status: Int, elapsed: Duration)
}

/// Counts, traces and logs requests of named routes, and compresses their answers.
public struct HTTPInstrumentation: Sendable {
  private let duration: HistogramFamily
  private let requestSize: HistogramFamily
  private let responseSize: HistogramFamily
  private let requests: CounterFamily
  private let inflight: GaugeFamily
  private let logger: Logger
  private let tracer: Tracer
  private let requestLog: (any HTTPRequestLog)?

  /// Bounds of `http_request_duration_seconds`.
  public static let durationBuckets: [Double] = [
    0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720,
  ]

  /// Metrics in `metrics`, spans by `tracer`, failures to `logger`; requests by `requestLog` where there is one.
  public init(
    metrics: MetricsRegistry, logger: Logger, tracer: Tracer = .none, requestLog: (any HTTPRequestLog)? = nil
  ) {
    let labels = ["code", "handler", "method"]
    let sizes = MetricBuckets.exponential(start: 64, factor: 2, count: 10)
    duration = metrics.histogram(
      "http_request_duration_seconds", "How long answers to HTTP requests took, in seconds.", labels: labels,
      buckets: Self.durationBuckets, native: true)
    requestSize = metrics.histogram(
      "http_request_size_bytes", "About how large HTTP requests were, in bytes.", labels: labels, buckets: sizes,
      native: true)
    responseSize = metrics.histogram(
      "http_response_size_bytes", "How large the bodies of answers to HTTP requests were, in bytes.", labels: labels,
      buckets: sizes, native: true)
    requests = metrics.counter("http_requests_total", "HTTP requests that were answered.", labels: labels)
    inflight = metrics.gauge(
      "http_inflight_requests", "HTTP requests that are being answered now.",
      labels: ["handler", "method"])
    self.logger = logger
    self.tracer = tracer
    self.requestLog = requestLog
  }

  func handle(
    _ call: HTTPCall, _ name: String, _ sender: ReplySender, _ answer: HTTPRouter.Answer
  ) async throws {
    let method = Self.label(of: call.method)
    let running = inflight.with(name, method)
    running.add()
    defer { running.subtract() }
    let watch = Stopwatch()
    let span = startSpan(call, name)
    defer { span.end() }
    var call = call
    call.span = span
    requestLog?.begin(call, name)

    // 499: the client left before it was answered, or the answer was cut off.
    var status = 499
    var sentBytes = 0
    defer {
      let code = "\(status)"
      duration.with(code, name, method).observe(watch.elapsed)
      requestSize.with(code, name, method).observe(Double(Self.approximateSize(call.request)))
      responseSize.with(code, name, method).observe(Double(sentBytes))
      requests.with(code, name, method).add()
      span.setAttribute("http.status_code", .integer(Int64(status)))
      if status >= 500 { span.setError("HTTP status \(status)") }
      requestLog?.end(call, name, status: status, elapsed: watch.elapsed)
    }
    let current = call
    try await Tracer.$current.withValue(span) {
      var reply = try await HTTPRouter.reply(current, answer, logger)
      if span.isRecording { reply.headers.set("x-thanos-trace-id", "\(span.context.traceID)") }
      if !reply.headers.contains("vary") { reply.headers.set("vary", "Accept-Encoding") }
      let sent = try await sender.send(reply)
      status = reply.status
      sentBytes = sent
    }
  }

  private func startSpan(_ call: HTTPCall, _ name: String) -> Span {
    let headers = call.headers
    let parent = headers["traceparent"].flatMap {
      SpanContext(traceparent: $0, tracestate: headers.values(for: "tracestate").joined(separator: ","))
    }
    let forced = !(headers["x-thanos-force-tracing"] ?? "").isEmpty
    let span = tracer.startSpan(name, parent: parent, kind: .server, forced: forced)
    if span.isRecording {
      span.setAttribute("http.method", .string(call.method))
      span.setAttribute("http.url", .string(call.request.head.target))
      span.setAttribute("request_id", .string(call.requestID))
      span.setAttribute("peer.address", .string(call.request.peer.description))
    }
    return span
  }

  /// The value of the label `method`: known methods in small letters, so that clients cannot make up values.
  static func label(of method: String) -> String {
    let known = [
      "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE",
    ]
    return known.contains(method) ? method.lowercased() : "unknown"
  }

  /// What the head takes on the wire, about, and the body as announced.
  private static func approximateSize(_ request: HTTPServerRequest) -> Int {
    let head = request.head
    let line = head.target.utf8.count + head.method.utf8.count + head.version.rawValue.utf8.count
    let body = head.headers["content-length"].flatMap { Int($0) } ?? 0
    let fields = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    return line + head.authority.utf8.count + fields + min(max(0, body), 1 << 50)
  }
}
