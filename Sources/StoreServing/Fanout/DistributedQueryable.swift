// Many queriers below one, each of which computes aggregations of its own series (`--query.mode=distributed`).
public import PromQL
internal import StoreAPI
public import TSModel
internal import Transport

/// The stores of a querier, some of them queriers themselves. Thread-safe.
public struct DistributedQueryable: AggregatingQueryable, LabelQueryable {
  private let fanout: FanoutQueryable
  private let endpoints: EndpointSet
  private let partitionLabels: [String]
  private let onDistribution: @Sendable () -> Void

  /// Series are those of `fanout`. Aggregations go to those of `endpoints` that are queriers, as long as no series can be in two: their
  /// external labels differ, replica labels aside; of these `partitionLabels` alone count, unless there are none. `onDistribution` is
  /// told of each aggregation that does.
  public init(
    _ fanout: FanoutQueryable, _ endpoints: EndpointSet, partitionLabels: [String],
    onDistribution: @escaping @Sendable () -> Void = {}
  ) {
    (self.fanout, self.endpoints, self.partitionLabels) = (fanout, endpoints, partitionLabels)
    self.onDistribution = onDistribution
  }

  /// See `Queryable`.
  public func select(_ request: SelectRequest) async throws -> any SeriesStream { try await fanout.select(request) }

  /// See `LabelQueryable`.
  public func labelNames(_ request: LabelRequest) async throws -> LabelStrings { try await fanout.labelNames(request) }

  /// See `LabelQueryable`.
  public func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings {
    try await fanout.labelValues(of: name, request)
  }

  /// See `AggregatingQueryable`.
  public func aggregators(of selectors: [[LabelMatcher]], in range: TimeRange) -> [any Aggregator]? {
    let options = fanout.options
    // What a querier below cannot be told, or what is only known here.
    guard options.storeMatchers.isEmpty, options.shard == nil, options.coverage == nil,
      options.limits == StoreLimits(), options.resolutionMsMax % 1000 == 0
    else { return nil }
    func concerns(_ store: RemoteStore) -> Bool { selectors.contains { store.mayHave($0, in: range) } }
    let view = fanout.stores()
    guard !view.missing.contains(where: { concerns($0.store) }) else { return nil }
    let queriers = endpoints.offering { $0.query != nil }
    let addresses = Set(queriers.endpoints.map(\.address))
    var parts: [OfferedEndpoint] = []
    for store in view.stores where concerns(store) {
      guard addresses.contains(store.address), store.restriction.isEmpty,
        let querier = queriers.endpoints.first(where: { $0.address == store.address })
      else { return nil }
      parts.append(querier)
    }
    guard areDisjoint(parts) else { return nil }
    onDistribution()
    return parts.map { RemoteQuerier(address: $0.address, channel: $0.channel, options: options) }
  }

  /// Whether no series can be in two of them: any two sets of labels have a label with different values.
  private func areDisjoint(_ parts: [OfferedEndpoint]) -> Bool {
    guard parts.count > 1 else { return true }
    let sets = parts.map { part in part.info.labelSets.map { counted($0.labelSet) } }
    guard sets.allSatisfy({ !$0.isEmpty }) else { return false }
    for first in sets.indices {
      for second in sets.indices where second > first {
        for a in sets[first] {
          for b in sets[second] {
            guard a.contains(where: { label in b[label.name].map { $0 != label.value } ?? false }) else { return false }
          }
        }
      }
    }
    return true
  }

  /// The labels that tell parts apart.
  private func counted(_ set: Labels) -> Labels {
    let replicas = fanout.options.replicaLabels
    return Labels(
      labels: set.filter { label in
        !replicas.contains(label.name) && (partitionLabels.isEmpty || partitionLabels.contains(label.name))
      })
  }
}

/// Another querier.
private struct RemoteQuerier: Aggregator {
  let address: String
  let channel: GRPCChannel
  let options: FanoutOptions

  func aggregate(_ request: AggregationRequest) async throws -> AggregatedSeries {
    var series = AggregatedSeries()
    var charge = try BudgetCharge(request.budget, bytes: 0)
    let (path, message) = call(request)
    let timeoutMs = request.deadline.map { max(1, Int((($0 - .now) / .milliseconds(1)).rounded())) }
    do {
      try await channel.call(streaming: path, message, GRPCTenant.fields(options.tenant), timeoutMs: timeoutMs) {
        (answer: QueryResponse, size: Int) in
        try charge.grow(by: 2 * size)
        switch answer.result {
        case .warning(let text): series.warnings.append(text)
        case .timeSeries(let one): series.append(one)
        case .timeSeriesBatch(let batch): for one in batch.series { series.append(one) }
        case .stats, nil: break
        }
      }
    } catch let error as BudgetExceeded {
      throw error
    } catch {
      try Task.checkCancellation()
      let sentence = "query \(address): \(GRPCStatus(of: error))"
      guard options.allowsPartialResponse else { throw QueryError(.execution, sentence, cause: error) }
      // A part of a part is no answer to an aggregation.
      series = AggregatedSeries()
      series.warnings = [sentence]
    }
    return series
  }

  private func call(_ request: AggregationRequest) -> (path: String, message: [UInt8]) {
    let timeoutS = request.deadline.map { max(1, Int64((($0 - .now) / .seconds(1)).rounded(.up))) } ?? 0
    let replicaLabels = options.deduplicates ? options.replicaLabels : []
    if request.stepMs == 0 {
      var message = StoreAPI.QueryRequest()
      (message.query, message.timeSeconds) = (request.query, request.startMs / 1000)
      (message.timeoutSeconds, message.maxResolutionSeconds) = (timeoutS, options.resolutionMsMax / 1000)
      (message.replicaLabels, message.enablesDeduplication) = (replicaLabels, options.deduplicates)
      message.enablesPartialResponse = options.allowsPartialResponse
      (message.lookbackDeltaSeconds, message.responseBatchSize) = (request.lookbackMs / 1000, 64)
      return ("/thanos.Query/Query", message.encoded())
    }
    var message = QueryRangeRequest()
    (message.query, message.startSeconds, message.endSeconds) = (
      request.query, request.startMs / 1000, request.endMs / 1000
    )
    message.intervalSeconds = request.stepMs / 1000
    (message.timeoutSeconds, message.maxResolutionSeconds) = (timeoutS, options.resolutionMsMax / 1000)
    (message.replicaLabels, message.enablesDeduplication) = (replicaLabels, options.deduplicates)
    message.enablesPartialResponse = options.allowsPartialResponse
    (message.lookbackDeltaSeconds, message.responseBatchSize) = (request.lookbackMs / 1000, 64)
    return ("/thanos.Query/QueryRange", message.encoded())
  }
}

extension AggregatedSeries {
  /// Adds one as a message carries it.
  fileprivate mutating func append(_ message: TimeSeriesMessage) {
    labels.append(Labels(message.labels.map { (name: $0.name, value: $0.value) }))
    floats.append(message.samples.map { ($0.timestampMs, $0.value) })
    histograms.append(message.histograms.compactMap { message in message.value.map { (message.timestampMs, $0) } })
  }
}

extension HistogramMessage {
  /// The histogram of floats that it carries; nil where it makes no sense.
  fileprivate var value: Histogram? {
    func fits(_ spans: [BucketSpanMessage], _ counts: [Double]) -> Bool {
      spans.reduce(0) { $0 + Int($1.length) } == counts.count
    }
    guard let countFloat, fits(positiveSpans, positiveCounts), fits(negativeSpans, negativeCounts),
      schema == Histogram.customBoundsSchema || Histogram.exponentialSchemas.contains(schema)
    else { return nil }
    let hint: Histogram.ResetHint =
      switch resetHint {
      case .yes: .reset
      case .no: .notReset
      case .gauge: .gauge
      default: .unknown
      }
    return Histogram(
      schema: schema, zeroThreshold: zeroThreshold, sum: sum, resetHint: hint,
      positiveSpans: positiveSpans.map { Histogram.Span(offset: $0.offset, length: $0.length) },
      negativeSpans: negativeSpans.map { Histogram.Span(offset: $0.offset, length: $0.length) },
      customValues: customValues,
      counts: .float(
        count: countFloat, zeroCount: zeroCountFloat ?? 0, positive: positiveCounts, negative: negativeCounts))
  }
}
