// One query from its turn in the queue to its line in the query log.
internal import Observability
public import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  /// What a query gives.
  enum Outcome {
    case result(QueryResult)
    /// Some series at a time; the reply has begun with the first.
    case reply(HTTPReply)
  }

  /// Runs a query once it is its turn, and writes it down. With `streams` it may be answered series by series; `ending` is what
  /// then stands behind them.
  func run(
    _ request: QueryRequest, _ call: HTTPCall, _ source: StoreSource, streams: Bool,
    ending: @escaping @Sendable (QueryResult) throws -> String
  ) async throws -> Outcome {
    // What is no query is neither queued nor logged.
    let request = try await prepared(request)
    let tenant = try tenantName(of: call)
    return try await inTurn(request, call, tenant: tenant) { watch, queueS in
      let (threads, engine, api) = (options.threads, engine, self)
      if streams,
        let stream = try await withTaskExecutorPreference(
          threads, operation: { try await engine.stream(request, from: source.source) })
      {
        let answer = try StreamedAnswer(stream, dialect, threads: threads, coverage: source.coverage, ending: ending) {
          statistics, failure in
          var statistics = statistics
          statistics.queueS = queueS
          statistics.totalS = failure == nil ? queueS + statistics.evaluationS : watch.seconds
          api.tell(request, call, tenant: tenant, statistics, failure)
        }
        return .reply(try await answer.reply())
      }
      var result = try await withTaskExecutorPreference(threads) {
        try await engine.answer(request, from: source.source)
      }
      result.statistics.queueS = queueS
      result.statistics.totalS = watch.seconds
      tell(request, call, tenant: tenant, result.statistics, nil)
      return .result(result)
    }
  }

  /// Answers a query that did not come over HTTP as one that did: in its turn, and counted. Of answers that need not be whole at once
  /// `emit` gets some series at a time; what is returned has the rest of it, and the warnings.
  public func answer(
    _ request: QueryRequest, _ stores: StoreParameters, emit: @escaping @Sendable (QueryResult) async throws -> Void
  ) async throws -> QueryResult {
    var request = request
    request.budget = requestBudget(ofTenant: stores.tenant)
    request = try await prepared(request)
    let source = options.stores?.source(stores).source ?? source
    let (engine, final) = (engine, request)
    return try await inTurn(request, nil, tenant: stores.tenant) { watch, queueS in
      var result = try await withTaskExecutorPreference(options.threads) {
        guard let stream = try await engine.stream(final, from: source) else {
          return try await engine.answer(final, from: source)
        }
        while let part = try await stream.next() { try await emit(part) }
        return try stream.ending()
      }
      result.statistics.queueS = queueS
      result.statistics.totalS = watch.seconds
      tell(request, nil, tenant: stores.tenant, result.statistics, nil)
      return result
    }
  }

  /// Runs `body` once it is the query's turn, and tells of it where it fails. `body` gets a watch that runs since the query came, and how
  /// long it waited, in seconds.
  private func inTurn<Value>(
    _ request: QueryRequest, _ call: HTTPCall?, tenant: String,
    _ body: (_ watch: Stopwatch, _ queueS: Double) async throws -> Value
  ) async throws -> Value {
    let watch = Stopwatch()
    var queueS = 0.0
    do {
      let place = try await queue?.enter(request.query, deadline: request.deadline)
      defer { if let place { queue?.leave(place) } }
      queueS = watch.seconds
      try checkDeadline(request)
      return try await body(watch, queueS)
    } catch {
      var statistics = QueryStatistics()
      statistics.queueS = queueS
      statistics.totalS = watch.seconds
      tell(request, call, tenant: tenant, statistics, error)
      throw error
    }
  }

  /// Counts a query that ended, and writes it down; `call` is nil where it did not come over HTTP.
  private func tell(
    _ request: QueryRequest, _ call: HTTPCall?, tenant: String, _ statistics: QueryStatistics, _ error: (any Error)?
  ) {
    if error == nil { metrics?.observe(statistics) }
    tenants?.count(tenant, statistics, error)
    slowQueries?.write(request, call, tenant: tenant, statistics, error)
    if let call { queryLog?.write(request, call, statistics, failure: error.map { "\($0)" }) }
  }

  /// What was too late before it began is told in the words that Prometheus has for it.
  private func checkDeadline(_ request: QueryRequest) throws {
    guard let deadline = request.deadline, ContinuousClock.now >= deadline else { return }
    throw QueryError(.execution, "context deadline exceeded")
  }
}

extension JSONBytes {
  /// Statistics of a query; by steps, too, where `grid` is given and they are known.
  mutating func append(statistics: QueryStatistics, perStep grid: StepGrid?) throws {
    append("{\"timings\":{\"evalTotalTime\":")
    try append(number: statistics.evaluationS)
    append(",\"resultSortTime\":")
    try append(number: statistics.sortS)
    append(",\"queryPreparationTime\":")
    try append(number: statistics.preparationS)
    append(",\"innerEvalTime\":")
    try append(number: statistics.innerEvaluationS)
    append(",\"execQueueTime\":")
    try append(number: statistics.queueS)
    append(",\"execTotalTime\":")
    try append(number: statistics.totalS)
    append("},\"samples\":{")
    if let grid, let counts = statistics.perStep {
      append("\"totalQueryableSamplesPerStep\":")
      try append(counts: counts.totalSamples, at: grid)
      append(",")
    }
    append(raw: "\"totalQueryableSamples\":\(statistics.totalSamples),")
    if let grid, let counts = statistics.perStep {
      append("\"samplesReadPerStep\":")
      try append(counts: counts.samplesRead, at: grid)
      append(",")
    }
    append(raw: "\"samplesRead\":\(statistics.samplesRead),\"peakSamples\":\(statistics.peakSamples)}}")
  }

  private mutating func append(counts: [Int64], at grid: StepGrid) throws {
    append("[")
    for (step, count) in counts.enumerated() {
      if step > 0 { append(",") }
      append("[")
      try append(number: Double(grid.timeMs(step)) / 1000)
      append(raw: ",\(count)]")
    }
    append("]")
  }
}
