// Routes that every component has: probes, metrics, profiles.
public import Observability
public import Transport

extension HTTPRouter {
  /// Adds `/-/healthy` and `/-/ready`: 200 `OK` or 503 `NOT OK`, for any method.
  public mutating func addProbes(_ probes: Probes) {
    any("/-/healthy") { _ in Self.probe(probes.isHealthy) }
    any("/-/ready") { _ in Self.probe(probes.isReady) }
  }

  private static func probe(_ holds: Bool) -> HTTPReply { .text(holds ? "OK" : "NOT OK", status: holds ? 200 : 503) }

  /// Adds `/metrics`, for any method.
  public mutating func addMetrics(_ metrics: MetricsRegistry) {
    any("/metrics") { call in
      let format = ExpositionFormat.negotiate(accept: call.headers.values(for: "accept").joined(separator: ","))
      return HTTPReply(headers: ["content-type": format.contentType], body: metrics.exposition(format))
    }
  }

  /// Adds `/debug/pprof/`: a page that says what there is, the threads, and for profiles the way to take them.
  public mutating func addProfiles() {
    any("/debug/pprof/*") { call in
      ProfileRoutes.reply(call.pathParameters["*"] ?? "", query: try call.query())
    }
    any("/debug/fgprof") { _ in ProfileRoutes.reply("fgprof") }
  }
}
