// The queue of queries, the file that tells after a crash what ran, and what is told of both.
public import ComponentSupport
public import HTTPAPI
public import Observability

/// What a component that answers queries has beside its API.
public enum QueryFiles {
  /// Gives `api` its queue, what is counted of tenants, and the log of slow queries, as `settings` say. Throws where a file cannot be written.
  public static func add(to api: inout QueryAPI, _ settings: QuerySettings, _ context: ComponentContext) throws {
    api.queue = try queue(width: settings.concurrentQueriesMax, folder: settings.activeQueryFolder, context)
    api.tenants = TenantQueries(context.metrics, bytesMax: settings.tenantBytesMax, parent: api.options.budget)
    api.slowQueries = settings.slowMs.map { SlowQueryLog(thresholdMs: $0, logger: context.logger) }
  }

  /// The queue, and with a folder for it the file `queries.active` in Prometheus' form. What had not ended when the process did is logged.
  /// Throws where the file cannot be written.
  private static func queue(width: Int, folder: String?, _ context: ComponentContext) throws -> QueryQueue {
    guard let folder else { return QueryQueue(width: width) }
    let path = folder + "/queries.active"
    if let old = try StateFile.contents(of: path, bytesMax: 64 << 20), let unfinished = QueryQueue.unfinished(in: old) {
      context.logger.warn("these queries didn't finish in the last run", ("queries", .string(unfinished)))
    }
    let file = try StateFile.places(path, contents: QueryQueue.emptyFile(width: width))
    return QueryQueue(width: width, write: { file.write($0, at: $1) })
  }

  /// Metrics of `queue`, and of whether queries are written to a log.
  public static func addMetrics(_ queue: QueryQueue?, hasLog: Bool, _ registry: MetricsRegistry) {
    guard let queue else { return }
    registry.collect { metrics in
      let (running, waiting) = (queue.runningCount, queue.waitingCount)
      metrics.gauge("apus_query_running", "Queries that are being answered now.", Double(running), labels: [:])
      metrics.gauge("apus_query_waiting", "Queries that wait until others have ended.", Double(waiting), labels: [:])
      metrics.gauge(
        "prometheus_engine_queries", "Queries that are being answered or wait.", Double(running + waiting), labels: [:])
      metrics.gauge(
        "prometheus_engine_queries_concurrent_max", "The most queries that are answered at a time.",
        Double(queue.width), labels: [:])
      metrics.gauge(
        "prometheus_engine_query_log_enabled", "1 where queries are written to a log.", hasLog ? 1 : 0, labels: [:])
    }
  }
}
