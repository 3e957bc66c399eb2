// /api/v1/query and /api/v1/query_range, and what reads a query without evaluating it.
internal import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  func query(_ call: HTTPCall) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    let limit = try parameters.limit()
    let time = try parameters.time("time", default: ParameterTime(ms: WallClock.nowMs()))
    let timeoutNs = try parameters.timeoutNs()
    var request = QueryRequest.instant(parameters["query"], atMs: time.nanosecondMs)
    let stores = try await storeParameters(call, parameters, automaticMs: options.stores?.instantResolutionMs ?? 0)
    request.lookbackMs = try parameters.lookbackMs() ?? lookbackMs(atResolution: stores?.resolutionMsMax ?? 0)
    return try await answer(call, request, parameters, stores, timeoutNs: timeoutNs, limit: limit)
  }

  func queryRange(_ call: HTTPCall) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    let limit = try parameters.limit()
    let start = try parameters.time("start")
    let end = try parameters.time("end")
    if end.isBefore(start) {
      throw APIParameters.invalid("end", "end timestamp must not be before start time")
    }
    let spanNs = end.nanoseconds(since: start)
    let stepNs = try stepNs(parameters, spanNs: spanNs)
    metrics?.observe(spanS: Double(spanNs) / 1e9)
    guard spanNs / stepNs <= options.pointsMax else {
      throw APIProblem(
        .badData,
        "exceeded maximum resolution of \(Self.grouped(options.pointsMax)) points per timeseries. Try decreasing the "
          + "query resolution (?step=XX)")
    }
    let timeoutNs = try parameters.timeoutNs()
    var request = QueryRequest.range(
      parameters["query"], startMs: start.nanosecondMs, endMs: end.nanosecondMs, stepMs: max(1, stepNs / 1_000_000))
    let stores = try await storeParameters(call, parameters, automaticMs: stepNs / 1_000_000 / 5)
    request.lookbackMs = try parameters.lookbackMs() ?? lookbackMs(atResolution: stores?.resolutionMsMax ?? 0)
    return try await answer(call, request, parameters, stores, timeoutNs: timeoutNs, limit: limit)
  }

  private func stepNs(_ parameters: APIParameters, spanNs: Int64) throws -> Int64 {
    if parameters["step"].isEmpty, dialect.missingStep == .derived {
      let derivedS = max(spanNs / 1_000_000_000 / 250, options.defaultStepMs / 1000)
      return max(1, derivedS) * 1_000_000_000
    }
    let stepNs = try parameters.durationNs("step")
    guard stepNs > 0 else {
      throw APIParameters.invalid(
        "step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
    }
    return stepNs
  }

  /// `11,000`
  private static func grouped(_ number: Int64) -> String {
    var text = ""
    for (index, digit) in String(number).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  private func answer(
    _ call: HTTPCall, _ request: QueryRequest, _ parameters: APIParameters, _ stores: StoreParameters?,
    timeoutNs: Int64?,
    limit: Int
  ) async throws -> APIAnswer {
    var request = request
    request.budget = requestBudget(ofTenant: try tenantName(of: call))
    let start = ContinuousClock.now
    let ofEngine =
      engine.options.timeoutMs > 0 ? start + .milliseconds(min(engine.options.timeoutMs, 31_536_000_000)) : nil
    // Longer than a year is as good as without end, and does not overflow clocks.
    let ofRequest = timeoutNs.map { start + .nanoseconds(min($0, 31_536_000_000_000_000)) }
    request.deadline = [ofEngine, ofRequest].compactMap { $0 }.min()
    request.wantsStatistics = !parameters["stats"].isEmpty || queryLog != nil
    request.wantsAnalysis = try parameters.flag("analyze") ?? false
    let (dialect, stats) = (dialect, parameters["stats"])
    let source = try source(for: call, stores)
    let outcome = try await run(request, call, source, streams: limit == 0) { result in
      try Self.ending(result, dialect, stats: stats)
    }
    let result: QueryResult
    switch outcome {
    case .reply(let reply): return APIAnswer(.reply(reply))
    case .result(let whole): result = whole
    }
    var isTruncated = false
    let data = try QueryData(
      result, limit: limit, ending: Self.ending(result, dialect, stats: stats), isTruncated: &isTruncated)
    return APIAnswer(
      .pieces(data), warnings: result.warnings + (isTruncated ? [APIAnswer.truncationWarning] : []),
      infos: result.infos, coverage: source.coverage)
  }

  /// What stands behind the result.
  private static func ending(_ result: QueryResult, _ dialect: Dialect, stats: String) throws -> String {
    var json = JSONBytes()
    if !stats.isEmpty {
      json.append(",\"stats\":")
      try json.append(statistics: result.statistics, perStep: stats == "all" ? result.grid : nil)
    }
    if dialect.hasAnalysis || result.analysis != nil {
      json.append(",\"analysis\":")
      json.append(raw: (result.analysis.map(AnalysisJSON.value) ?? .object([])).compactText)
    }
    return String(decoding: json.take(), as: UTF8.self)
  }

  func formatQuery(_ call: HTTPCall) async throws -> APIAnswer {
    let expression = try await expression(call)
    do throws(ParseError) {
      return APIAnswer(.string(try expression.formatted(sizeMax: options.formattedBytesMax)))
    } catch { throw APIProblem(.execution, error.message) }
  }

  func parseQuery(_ call: HTTPCall) async throws -> APIAnswer {
    guard let text = try await expression(call).jsonText else {
      // A tree with a number that JSON does not have.
      throw HTTPProblem(status: 500, "json: unsupported value: NaN")
    }
    return APIAnswer(.text(text))
  }

  private func expression(_ call: HTTPCall) async throws -> Expression {
    let (text, options) = (try await APIParameters(call)["query"], engine.parserOptions)
    do { return try await reading([text]) { try Expression(parsing: text, options: options) } } catch {
      guard let error = error as? ParseError else { throw error }
      throw APIParameters.invalid("query", error.description)
    }
  }

  func queryExemplars(_ call: HTTPCall) async throws -> APIAnswer {
    if let sources = status.monitoring { return try await queryExemplars(call, from: sources) }
    let parameters = try await APIParameters(call)
    let start = try parameters.time("start", default: .earliest)
    let end = try parameters.time("end", default: .latest)
    if end.isBefore(start) {
      throw APIProblem(.badData, "end timestamp must not be before start timestamp")
    }
    let (text, options) = (parameters["query"], engine.parserOptions)
    let expression: Expression
    do { expression = try await reading([text]) { try Expression(parsing: text, options: options) } } catch {
      guard let error = error as? ParseError else { throw error }
      throw APIProblem(.badData, error.description)
    }
    // As Prometheus: to a query without any series there is nothing to say at all.
    return !expression.selectors.isEmpty ? APIAnswer(.array([])) : APIAnswer(.reply(HTTPReply(status: 204)))
  }
}
