// Rules, targets, metadata, exemplars and statistics of a querier: what its endpoints answer, gathered.
internal import HTTPAPI
internal import QuerySupport
internal import StoreAPI
internal import StoreServing
internal import TSModel
internal import Transport

/// Whether answers of each kind may lack a part.
struct MonitoringPartialResponse: Sendable {
  var rules = true
  var targets = true
  var metadata = true
  var exemplars = true
  var status = true
}

/// Asks endpoints for what is no series.
struct QuerierMonitoring: TSDBStatusSource {
  let gathering: Gathering
  let partialResponse: MonitoringPartialResponse
  let replicaLabels: [String]

  private static func strategy(_ allowsPartialResponse: Bool) -> PartialResponseStrategy {
    allowsPartialResponse ? .warn : .abort
  }

  /// The sources of the HTTP API.
  var sources: MonitoringSources {
    let (gathering, labels, partialResponse) = (gathering, replicaLabels, partialResponse)
    @Sendable func rules(
      _ question: MonitoringSources.RulesQuestion
    ) async throws -> Gathered<[RuleGroupMessage]> {
      var request = RulesRequest()
      request.kind =
        switch question.kind {
        case .all: .all
        case .alert: .alerting
        case .record: .recording
        }
      request.partialResponseStrategy = Self.strategy(partialResponse.rules)
      request.matcherStrings = question.matchers
      (request.ruleNames, request.ruleGroups, request.files) = (question.ruleNames, question.ruleGroups, question.files)
      return try await gathering.rules(request, replicaLabels: labels, tenant: question.tenant)
    }
    return MonitoringSources(
      rules: { question in
        let found = try await rules(question)
        return .init(RulesJSON.groups(found.value), warnings: found.warnings)
      },
      alerts: { tenant in
        var question = MonitoringSources.RulesQuestion()
        (question.kind, question.tenant) = (.alert, tenant)
        let found = try await rules(question)
        return .init(RulesJSON.alerts(found.value), warnings: found.warnings)
      },
      targets: { state, tenant in
        var request = TargetsRequest()
        request.state =
          switch state {
          case .any: .any
          case .active: .active
          case .dropped: .dropped
          }
        request.partialResponseStrategy = Self.strategy(partialResponse.targets)
        let found = try await gathering.targets(request, replicaLabels: labels, tenant: tenant)
        return .init(TargetsJSON.value(found.value), warnings: found.warnings)
      },
      metadata: { metric, limit, tenant in
        var request = MetricMetadataRequest()
        (request.metric, request.limit) = (metric, limit)
        request.partialResponseStrategy = Self.strategy(partialResponse.metadata)
        let found = try await gathering.metadata(request, tenant: tenant)
        return .init(MetadataJSON.value(found.value), warnings: found.warnings)
      },
      exemplars: { question in
        var request = ExemplarsRequest()
        request.query = question.query
        (request.startMs, request.endMs) = (question.timeRange.minTimeMs, question.timeRange.maxTimeMs)
        request.partialResponseStrategy = Self.strategy(partialResponse.exemplars)
        let found = try await gathering.exemplars(request, replicaLabels: labels, tenant: question.tenant)
        return .init(ExemplarsJSON.value(found.value), warnings: found.warnings)
      })
  }

  /// See `TSDBStatusSource`. Of databases only those count whose external labels fulfil `matchers`.
  func tsdbStatus(limit: Int, matchers: [LabelMatcher]) async throws -> TSDBStatus {
    var request = TSDBStatisticsRequest()
    // Each database lists more than is wanted, so that what is frequent in all together is not missed.
    request.limit = Int32(clamping: max(limit, 100))
    request.matchers = matchers.map(LabelMatcherMessage.init)
    request.partialResponseStrategy = Self.strategy(partialResponse.status)
    let found: Gathered<[String: TSDBStatisticsEntry]>
    do { found = try await gathering.statistics(request, tenant: Tenancy().defaultTenant) } catch let error
      as BudgetExceeded
    {
      throw error
    } catch { throw APIProblem(.internal, "retrieving tsdb statistics: \(error)") }
    var status = TSDBStatus()
    status.warnings = found.warnings
    guard let first = found.value.values.first else { return status }
    let sum = found.value.values.dropFirst().reduce(first, StatisticsMerge.sum)
    let head = sum.headStatistics
    (status.seriesCount, status.chunkCount) = (head.seriesCount, head.chunkCount)
    (status.labelPairCount, status.minTimeMs) = (Int(clamping: head.labelPairCount), head.minTimeMs)
    status.maxTimeMs = head.maxTimeMs
    func counts(_ list: [StatisticMessage]) -> [TSDBStatus.Count] {
      list.map { TSDBStatus.Count(name: $0.name, value: $0.value) }
    }
    status.seriesCountByMetricName = counts(sum.seriesCountByMetricName)
    status.valueCountByLabelName = counts(sum.labelValueCountByLabelName)
    status.bytesByLabelName = counts(sum.memoryInBytesByLabelName)
    status.seriesCountByLabelPair = counts(sum.seriesCountByLabelValuePair)
    return status
  }
}
