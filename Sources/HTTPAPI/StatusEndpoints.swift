// /api/v1/status/… and /api/v1/features: what the component tells of itself.
internal import Observability
internal import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  func statusConfig(_ call: HTTPCall) async throws -> APIAnswer {
    APIAnswer(.object([.init("yaml", .string(try await status.configuration()))]))
  }

  func statusFlags(_ call: HTTPCall) async throws -> APIAnswer {
    let flags = try await status.flags().sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    return APIAnswer(.object(flags.map { .init($0.name, .string($0.value)) }))
  }

  func statusBuild(_ call: HTTPCall) async throws -> APIAnswer {
    let build = try await status.build()
    return APIAnswer(
      .object([
        .init("version", .string(build.version)), .init("revision", .string(build.revision)),
        .init("branch", .string(build.branch)), .init("buildUser", .string(build.buildUser)),
        .init("buildDate", .string(build.buildDate)), .init("goVersion", .string(build.goVersion)),
      ]))
  }

  func statusRuntime(_ call: HTTPCall) async throws -> APIAnswer {
    let runtime = try await status.runtime()
    func time(_ ms: Int64) -> JSONValue { .string(TimestampText.rfc3339Nano(unixNs: ms &* 1_000_000)) }
    let isFull = dialect.hasFullRuntimeInfo
    var members: [JSONValue.Member] = [
      .init("startTime", time(runtime.startTimeMs)), .init("CWD", .string(runtime.workingFolder)),
    ]
    if isFull {
      members += [
        .init("hostname", .string(runtime.hostname)),
        .init("serverTime", .string(TimestampText.rfc3339Nano(unixNs: WallClock.nowNs()))),
        .init("reloadConfigSuccess", .bool(runtime.isConfigurationTaken)),
        .init("lastConfigTime", time(runtime.configuredMs)),
        .init("corruptionCount", .integer(runtime.corruptionCount)),
      ]
    }
    members += [
      .init("goroutineCount", .integer(runtime.threadCount)), .init("GOMAXPROCS", .integer(runtime.processorCount)),
    ]
    let memory = JSONValue.Member("GOMEMLIMIT", .integer(runtime.memoryBytesMax))
    let (gc, debug) = (JSONValue.Member("GOGC", .string("")), JSONValue.Member("GODEBUG", .string("")))
    members += isFull ? [memory, gc, debug] : [gc, debug, memory]
    if isFull { members.append(.init("storageRetention", .string(runtime.storageRetention))) }
    return APIAnswer(.object(members))
  }

  func statusTSDB(_ call: HTTPCall) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    var limit = 10
    if !parameters["limit"].isEmpty {
      do throws(GoNumber.Refusal) { limit = try GoNumber.integer(parameters["limit"]) } catch {
        throw APIProblem(
          .badData,
          dialect.refusesLimitsBelowOne
            ? "limit must be a positive number" : "cannot parse \(quotedText(parameters["limit"])) to a valid limit")
      }
      if limit < 1 {
        if dialect.refusesLimitsBelowOne { throw APIProblem(.badData, "limit must be a positive number") }
        limit = 10
      }
      if dialect.refusesLimitsBelowOne, limit > Self.statusLimitMax {
        throw APIProblem(.badData, "limit must not exceed \(Self.statusLimitMax)")
      }
    }
    var matchers = try [tenantMatcher(for: call)].compactMap { $0 }
    if status.monitoring != nil {
      // Thanos' own: which databases count, by their external labels.
      for text in parameters.values("match[]") {
        do throws(ModelError) { matchers += try LabelMatcher.parse(selector: text, allowingEmpty: true) } catch {
          throw APIProblem(.badData, error.message)
        }
      }
    }
    let counts = try await status.tsdb?.tsdbStatus(limit: limit, matchers: matchers) ?? TSDBStatus()
    func list(_ counts: [TSDBStatus.Count]) -> JSONValue {
      .array(
        counts.prefix(limit).map { .object([.init("name", .string($0.name)), .init("value", .integer($0.value))]) })
    }
    return APIAnswer(
      .value(
        .object([
          .init(
            "headStats",
            .object([
              .init("numSeries", .integer(counts.seriesCount)), .init("numLabelPairs", .integer(counts.labelPairCount)),
              .init("chunkCount", .integer(counts.chunkCount)), .init("minTime", .integer(counts.minTimeMs)),
              .init("maxTime", .integer(counts.maxTimeMs)),
            ])), .init("seriesCountByMetricName", list(counts.seriesCountByMetricName)),
          .init("labelValueCountByLabelName", list(counts.valueCountByLabelName)),
          .init("memoryInBytesByLabelName", list(counts.bytesByLabelName)),
          .init("seriesCountByLabelValuePair", list(counts.seriesCountByLabelPair)),
        ])), warnings: counts.warnings)
  }

  /// Prometheus' own.
  private static let statusLimitMax = 10_000

  func statusBlocks(_ call: HTTPCall) async throws -> APIAnswer {
    APIAnswer(.object([.init("blocks", .array(try await status.blocks()))]))
  }

  func statusWALReplay(_ call: HTTPCall) async throws -> APIAnswer {
    APIAnswer(.object([.init("min", .integer(0)), .init("max", .integer(0)), .init("current", .integer(0))]))
  }

  func features(_ call: HTTPCall) async throws -> APIAnswer {
    let groups = try await status.features().sorted { $0.group < $1.group }
    return APIAnswer(
      .object(
        groups.map { group in
          let members = group.features.sorted { $0.name < $1.name }
          return .init(group.group, .object(members.map { .init($0.name, .bool($0.isOn)) }))
        }))
  }
}
