// The query API over the blocks of a standalone process: what it reads, what the status pages tell, who waits for whom.
internal import BlockFolders
internal import ComponentSupport
internal import HTTPAPI
internal import Observability
internal import PromQL
internal import StoreServing
internal import TSModel

/// Puts the query API of a standalone process together.
struct StandaloneAPI {
  let context: ComponentContext
  let settings: StandaloneSettings
  let blocks: LocalBlocks
  let budget: MemoryBudget
  let pool: BlockingThreads

  /// The API. Throws `ConfigurationError` where a file of its own cannot be opened.
  func make() throws -> QueryAPI {
    let (logger, blocks) = (context.logger, blocks)
    let source = BlockQueryable(blocks.catalog, pool: pool, refresh: { try await blocks.sync() }) { block, error in
      logger.warn("reading block failed", ("block", .string("\(block.ulid)")), error: error)
    }
    var options = QueryAPIOptions()
    options.budget = budget
    options.threads = BlockingThreads(countMax: ProcessFacts.processorCount)
    options.allowedOrigins = settings.allowedOrigins
    options.tenancy = settings.tenancy
    options.enforcedTenantLabel = settings.enforcedTenantLabel
    var api = QueryAPI(
      engine: QueryEngine(options: settings.engine, parserOptions: settings.parser), source: source, options: options)
    api.queue = try queue()
    if let path = settings.queryLogFile {
      let file = try StateFile.lines(path)
      api.queryLog = QueryLog { file.append(line: $0) }
    }
    api.metrics = QueryMetrics(context.metrics)
    addStatus(to: &api, source)
    addMetrics(api.queue, hasLog: api.queryLog != nil)
    return api
  }

  /// The queue of queries, and with a folder for it the file that tells after a crash what ran.
  private func queue() throws -> QueryQueue {
    let width = settings.concurrentQueriesMax
    guard let folder = settings.activeQueryFolder else { return QueryQueue(width: width) }
    let path = folder + "/queries.active"
    if let old = try StateFile.contents(of: path, bytesMax: 64 << 20), let unfinished = QueryQueue.unfinished(in: old) {
      context.logger.warn("these queries didn't finish in the last run", ("queries", .string(unfinished)))
    }
    let file = try StateFile.places(path, contents: QueryQueue.emptyFile(width: width))
    let queue = QueryQueue(width: width, write: { file.write($0, at: $1) })
    return queue
  }

  private func addStatus(to api: inout QueryAPI, _ source: BlockQueryable) {
    let (build, started) = (context.build, context.startTimeMs)
    api.status.build = {
      var info = BuildInfo()
      (info.version, info.revision, info.branch) = (build.version, build.revision, build.branch)
      return info
    }
    api.status.runtime = {
      var info = RuntimeInfo()
      info.startTimeMs = started
      info.configuredMs = started
      info.workingFolder = ProcessFacts.workingFolder
      info.hostname = ProcessFacts.hostname
      info.threadCount = ProcessFacts.threadCount
      info.processorCount = ProcessFacts.processorCount
      return info
    }
    let flags = context.flagValues(StandaloneCommand.spec.flags + CommonFlags.global)
    api.status.flags = { flags }
    let features = features
    api.status.features = { features }
    let blocks = blocks
    api.status.tsdb = SeriesStatistics(source) {
      var facts = SeriesStatistics.Facts()
      let served = blocks.catalog.blocks
      facts.chunkCount = blocks.chunkCount
      facts.minTimeMs = served.map(\.minTimeMs).min() ?? 0
      facts.maxTimeMs = served.map(\.maxTimeExclusiveMs).max() ?? 0
      return facts
    }
  }

  /// What `/api/v1/features` tells, in Prometheus' groups.
  private var features: [(group: String, features: [(name: String, isOn: Bool)])] {
    let (engine, parser) = (settings.engine, settings.parser)
    return [
      (
        "api",
        ["label_values_match", "query_stats", "query_warnings", "time_range_labels", "time_range_series"].map {
          ($0, true)
        }
      ),
      (
        "promql",
        [
          ("anchored", parser.extendedRangeSelectors), ("at_modifier", true), ("bool", true), ("by", true),
          ("delayed_name_removal", engine.delaysNameRemoval), ("duration_expr", parser.durationExpressions),
          ("fill", parser.binopFillModifiers), ("fill_left", parser.binopFillModifiers),
          ("fill_right", parser.binopFillModifiers), ("group_left", true), ("group_right", true), ("ignoring", true),
          ("negative_offset", true), ("offset", true), ("on", true), ("per_query_lookback_delta", true),
          ("per_step_stats", engine.reportsPerStepStatistics), ("smoothed", parser.extendedRangeSelectors),
          ("subqueries", true), ("type_and_unit_labels", engine.usesTypeAndUnitLabels), ("without", true),
        ]
      ),
    ]
  }

  private func addMetrics(_ queue: QueryQueue?, hasLog: Bool) {
    guard let queue else { return }
    context.metrics.collect { metrics in
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
