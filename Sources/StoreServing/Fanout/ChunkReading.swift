// What a selector needs of chunks: which resolution and aggregates are asked for, and which are read.
internal import PromQL
internal import StoreAPI
internal import TSModel

/// How the chunks of a selector are asked for and read.
struct ChunkReading: Sendable {
  /// What stands for the samples in a chunk of aggregates.
  enum Choice: Sendable {
    /// One aggregate: 1 count, 2 sum, 3 min, 4 max.
    case one(Int32)
    /// Sums divided by counts.
    case average
    /// The counter.
    case counter
  }

  /// What is read of aggregates.
  let choice: Choice
  /// Whether several replicas are to become one.
  let deduplicates: Bool
  /// How.
  let function: DeduplicationFunction
  /// Whether what is missing is a warning, else it is an error.
  let allowsPartialResponse: Bool
  /// Samples outside it are left out.
  let timeRange: TimeRange
  private let resolutionMs: Int64

  /// The selector of `request`.
  init(_ request: SelectRequest, _ options: FanoutOptions) {
    choice = Self.choice(for: request.function)
    deduplicates = !options.droppedLabels.isEmpty
    function = options.function
    allowsPartialResponse = options.allowsPartialResponse
    timeRange = request.timeRange
    // A window of a function over changes must hold two points at least.
    resolutionMs =
      Self.overChanges.contains(request.function) && request.rangeMs > 0
      ? min(options.resolutionMsMax, request.rangeMs / 2) : options.resolutionMsMax
  }

  private static let overChanges: Set<String> = [
    "rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "holt_winters",
    "double_exponential_smoothing",
  ]

  private static func choice(for function: String) -> Choice {
    switch function {
    case "increase", "rate", "irate", "resets", "xincrease", "xrate": .counter
    case _ where function == "min" || function.hasPrefix("min_"): .one(3)
    case _ where function == "max" || function.hasPrefix("max_"): .one(4)
    case _ where function == "count" || function.hasPrefix("count_"): .one(1)
    case _ where function.hasPrefix("sum_"): .one(2)
    default: .average
    }
  }

  /// Whether values are those of a counter, which replicas must not let fall.
  var isCounter: Bool { if case .counter = choice { true } else { false } }

  /// The call to a store.
  func message(_ request: SelectRequest, _ options: FanoutOptions) -> SeriesRequest {
    var message = SeriesRequest()
    (message.minTimeMs, message.maxTimeMs) = (request.timeRange.minTimeMs, request.timeRange.maxTimeMs)
    message.matchers = request.matchers.map(LabelMatcherMessage.init)
    message.maxResolutionWindowMs = resolutionMs
    switch choice {
    case .one(let aggregate): message.aggregates = [Aggregate(rawValue: aggregate)]
    case .average: message.aggregates = [.count, .sum]
    case .counter: message.aggregates = [.counter]
    }
    message.partialResponseDisabled = !options.allowsPartialResponse
    message.partialResponseStrategy = options.allowsPartialResponse ? .warn : .abort
    message.skipsChunks = !request.wantsSamples
    message.withoutReplicaLabels = options.droppedLabels
    message.limit = Int64(clamping: request.limit)
    message.responseBatchSize = 64
    message.shardInfo = options.shard
    var hints = QueryHints()
    hints.stepMs = request.stepMs
    if !request.function.isEmpty {
      var function = FunctionHint()
      function.name = request.function
      hints.function = function
    }
    if !request.grouping.isEmpty || request.isBy {
      var grouping = GroupingHint()
      (grouping.isBy, grouping.labels) = (request.isBy, request.grouping)
      hints.grouping = grouping
    }
    if request.rangeMs > 0 {
      var range = RangeHint()
      range.rangeMs = request.rangeMs
      hints.range = range
    }
    message.queryHints = hints
    if options.coverage != nil {
      var wanted = SeriesRequestHints()
      (wanted.wantsQueryStats, wanted.wantsBlockExtents) = (true, true)
      message.hints = AnyMessage(packing: wanted, named: "hintspb.SeriesRequestHints")
    }
    return message
  }
}
