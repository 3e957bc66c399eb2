// `thanos.Query`: queries of other components, answered as those that come over HTTP.
public import HTTPAPI
internal import PromQL
internal import StoreAPI
internal import TSModel
public import Transport

/// The service `thanos.Query`.
public struct QueryService: GRPCService {
  /// The service's full name.
  public let name = "thanos.Query"
  /// Both stream their answers.
  public let methods: [GRPCMethod] = [GRPCMethod("Query", .serverStream), GRPCMethod("QueryRange", .serverStream)]
  /// What reflection tells of it.
  public let fileDescriptors = ServiceDescriptors.query

  private let api: QueryAPI
  private let defaults: StoreParameters

  /// Answers by `api`; requests that say nothing of the coarsest resolution get that of `defaults`.
  public init(_ api: QueryAPI, defaults: StoreParameters) {
    (self.api, self.defaults) = (api, defaults)
  }

  /// Answers a call; see `GRPCService`.
  public func handle(method: String, call: GRPCServerCall) async throws {
    switch method {
    case "Query":
      let message: StoreAPI.QueryRequest = try await call.request()
      let timeMs = message.timeSeconds == 0 ? WallClock.nowMs() : try Self.milliseconds(message.timeSeconds)
      try await answer(.instant(message.query, atMs: timeMs), message, call)
    case "QueryRange":
      let message: QueryRangeRequest = try await call.request()
      let (startMs, endMs) = try (Self.milliseconds(message.startSeconds), Self.milliseconds(message.endSeconds))
      let stepMs = try Self.milliseconds(message.intervalSeconds)
      let request = PromQL.QueryRequest.range(message.query, startMs: startMs, endMs: endMs, stepMs: stepMs)
      try await answer(request, message, call)
    default: throw GRPCStatus(.unimplemented, "unknown method \(method) for service \(name)")
    }
  }

  private static func milliseconds(_ seconds: Int64) throws(GRPCStatus) -> Int64 {
    let (product, overflows) = seconds.multipliedReportingOverflow(by: 1000)
    guard !overflows else { throw GRPCStatus(.invalidArgument, "\(seconds) seconds are too many") }
    return product
  }

  private func answer(_ request: PromQL.QueryRequest, _ message: some QueryMessage, _ call: GRPCServerCall) async throws
  {
    var request = request
    guard [.standard, .prometheus, .thanos].contains(message.engine) else {
      throw GRPCStatus(.invalidArgument, "invalid engine parameter")
    }
    let stores = try parameters(of: message, call)
    if message.lookbackDeltaSeconds > 0 {
      request.lookbackMs = try Self.milliseconds(message.lookbackDeltaSeconds)
    } else {
      request.lookbackMs = api.lookbackMs(atResolution: stores.resolutionMsMax)
    }
    if message.timeoutSeconds > 0 {
      request.deadline = .now + .seconds(min(message.timeoutSeconds, 31_536_000))
    }
    request.wantsStatistics = true
    let batchSize = Int(clamping: max(1, message.responseBatchSize))
    do {
      guard !message.isRange || request.stepMs > 0 else {
        throw QueryError(.execution, "a range query needs an interval of a second at least")
      }
      // A range that ends before it begins has no steps.
      guard !message.isRange || request.startMs <= request.endMs else {
        _ = try await api.prepared(request)
        return try await call.send(QueryResponse(.stats(QueryStatsMessage())).encoded())
      }
      let result = try await api.answer(request, stores) { part in
        try await Self.send(part, batchSize, call)
      }
      let notes = result.warnings + result.infos
      if !notes.isEmpty { try await call.send(QueryResponse(.warning(notes.joined(separator: ", "))).encoded()) }
      try await Self.send(result, batchSize, call)
      var statistics = QueryStatsMessage()
      statistics.samplesTotal = result.statistics.totalSamples
      statistics.peakSamples = Int64(result.statistics.peakSamples)
      try await call.send(QueryResponse(.stats(statistics)).encoded())
    } catch let error as QueryError {
      throw GRPCStatus(
        error.code == .badData ? .unknown : error.code == .canceled ? .cancelled : .aborted, error.message)
    } catch let error as BudgetExceeded {
      throw GRPCStatus(.resourceExhausted, "\(error)")
    }
  }

  private func parameters(of message: some QueryMessage, _ call: GRPCServerCall) throws -> StoreParameters {
    var stores = defaults
    stores.deduplicates = message.enablesDeduplication
    if !message.replicaLabels.isEmpty { stores.replicaLabels = message.replicaLabels }
    stores.storeMatchers = try message.storeMatchers.map { set in
      try set.labelMatchers.map { matcher in
        do throws(ModelError) { return try matcher.matcher() } catch {
          throw GRPCStatus(.invalidArgument, error.message)
        }
      }
    }
    stores.allowsPartialResponse = message.enablesPartialResponse
    if message.maxResolutionSeconds > 0 { stores.resolutionMsMax = try Self.milliseconds(message.maxResolutionSeconds) }
    stores.shard = message.shardInfo.map {
      SeriesShard(index: $0.shardIndex, count: $0.totalShards, isBy: $0.isBy, labels: $0.labels)
    }
    stores.tenant = call.tenant
    return stores
  }

  private static func send(_ result: QueryResult, _ batchSize: Int, _ call: GRPCServerCall) async throws {
    var series = ResultMessages(result, batchSize: batchSize)
    while let message = series.next() { try await call.send(message) }
  }
}

/// What the two requests have in common.
private protocol QueryMessage {
  var timeoutSeconds: Int64 { get }
  var maxResolutionSeconds: Int64 { get }
  var replicaLabels: [String] { get }
  var storeMatchers: [StoreMatchersMessage] { get }
  var enablesDeduplication: Bool { get }
  var enablesPartialResponse: Bool { get }
  var shardInfo: ShardInfo? { get }
  var lookbackDeltaSeconds: Int64 { get }
  var engine: StoreAPI.QueryEngine { get }
  var responseBatchSize: Int64 { get }
  var isRange: Bool { get }
}

extension StoreAPI.QueryRequest: QueryMessage {
  fileprivate var isRange: Bool { false }
}

extension QueryRangeRequest: QueryMessage {
  fileprivate var isRange: Bool { true }
}
