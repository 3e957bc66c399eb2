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
    let watch = Stopwatch()
    var queueS = 0.0
    do {
      let place = try await queue?.enter(request.query, deadline: request.deadline)
      defer { if let place { queue?.leave(place) } }
      queueS = watch.seconds
      try checkDeadline(request)
      let (threads, engine) = (options.threads, engine)
      if streams,
        let stream = try await withTaskExecutorPreference(
          threads, operation: { try await engine.stream(request, from: source.source) })
      {
        let (log, metrics, waitedS) = (queryLog, metrics, queueS)
        let answer = try StreamedAnswer(stream, dialect, threads: threads, coverage: source.coverage, ending: ending) {
          statistics, failure in
          var statistics = statistics
          statistics.queueS = waitedS
          statistics.totalS = waitedS + statistics.evaluationS
          metrics?.observe(statistics)
          log?.write(request, call, statistics, failure: failure)
        }
        return .reply(try await answer.reply())
      }
      var result = try await withTaskExecutorPreference(threads) {
        try await engine.answer(request, from: source.source)
      }
      result.statistics.queueS = queueS
      result.statistics.totalS = watch.seconds
      metrics?.observe(result.statistics)
      queryLog?.write(request, call, result.statistics, failure: nil)
      return .result(result)
    } catch {
      var statistics = QueryStatistics()
      statistics.queueS = queueS
      statistics.totalS = watch.seconds
      queryLog?.write(request, call, statistics, failure: "\(error)")
      throw error
    }
  }

  /// Answers a query that did not come over HTTP as one that did: in its turn, and counted. Of answers that need not be whole at once
  /// `emit` gets some series at a time; what is returned has the rest of it, and the warnings.
  public func answer(
    _ request: QueryRequest, _ stores: StoreParameters, emit: @escaping @Sendable (QueryResult) async throws -> Void
  ) async throws -> QueryResult {
    var request = request
    request.budget = requestBudget()
    request = try await prepared(request)
    let watch = Stopwatch()
    let source = options.stores?.source(stores).source ?? source
    let place = try await queue?.enter(request.query, deadline: request.deadline)
    defer { if let place { queue?.leave(place) } }
    let queueS = watch.seconds
    try checkDeadline(request)
    let (engine, final) = (engine, request)
    var result = try await withTaskExecutorPreference(options.threads) {
      guard let stream = try await engine.stream(final, from: source) else {
        return try await engine.answer(final, from: source)
      }
      while let part = try await stream.next() { try await emit(part) }
      return try stream.ending()
    }
    result.statistics.queueS = queueS
    result.statistics.totalS = watch.seconds
    metrics?.observe(result.statistics)
    return result
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
