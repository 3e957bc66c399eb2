// The query API over the blocks of a standalone process: what it reads, what the status pages tell, who waits for whom.
internal import BlockFolders
internal import ComponentSupport
internal import HTTPAPI
internal import Observability
internal import PromQL
internal import QuerySupport
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
    options.queryBytesMax = settings.query.queryBytesMax
    options.threads = BlockingThreads(countMax: ProcessFacts.processorCount)
    options.allowedOrigins = settings.allowedOrigins
    options.tenancy = settings.query.tenancy
    options.enforcedTenantLabel = settings.query.enforcedTenantLabel
    var api = QueryAPI(
      engine: QueryEngine(options: settings.query.engine, parserOptions: settings.query.parser), source: source,
      options: options)
    try QueryFiles.add(to: &api, settings.query, context)
    if let path = settings.queryLogFile {
      let file = try StateFile.lines(path)
      api.queryLog = QueryLog { file.append(line: $0) }
    }
    api.metrics = QueryMetrics(context.metrics)
    addStatus(to: &api, source)
    QueryFiles.addMetrics(api.queue, hasLog: api.queryLog != nil, context.metrics)
    return api
  }

  private func addStatus(to api: inout QueryAPI, _ source: BlockQueryable) {
    StatusFacts.add(to: &api, context, flags: StandaloneCommand.spec.flags + CommonFlags.global)
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
    let (engine, parser) = (settings.query.engine, settings.query.parser)
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
}
