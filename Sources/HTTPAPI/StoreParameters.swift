// What requests say about the stores behind a query: the parameters that Thanos has beside those of Prometheus.
internal import PromQL
public import TSModel
internal import Transport

/// One of several parts of all series, by a hash over some of their labels.
public struct SeriesShard: Sendable, Hashable {
  /// Which part.
  public var index: Int64
  /// How many parts there are.
  public var count: Int64
  /// Whether the labels are those that count, else those that do not.
  public var isBy: Bool
  /// Names of labels.
  public var labels: [String]

  /// A part.
  public init(index: Int64, count: Int64, isBy: Bool, labels: [String]) {
    (self.index, self.count, self.isBy, self.labels) = (index, count, isBy, labels)
  }
}

/// How one request wants the stores to be asked.
public struct StoreParameters: Sendable {
  /// `dedup`: whether replicas become one.
  public var deduplicates = true
  /// `replicaLabels[]`: the labels by which replicas differ; nil: those of the server.
  public var replicaLabels: [String]?
  /// `storeMatch[]`: which stores are asked.
  public var storeMatchers: [[LabelMatcher]] = []
  /// `partial_response`; nil: as the server does.
  public var allowsPartialResponse: Bool?
  /// `max_source_resolution`: the coarsest resolution that will do, milliseconds.
  public var resolutionMsMax: Int64 = 0
  /// `shard_info`: the part of the series that is wanted; nil: all.
  public var shard: SeriesShard?
  /// `coverage`: whether the answer tells where it came from.
  public var wantsCoverage = false
  /// Whose request it is.
  public var tenant = Tenancy.unnamed

  /// As requests are that say nothing.
  public init() {}
}

/// What one request reads.
public struct StoreSource: Sendable {
  /// The series.
  public var source: any QueryAPI.Source
  /// Where they came from, to be asked once the answer is whole; nil where nobody wants to know.
  public var coverage: (@Sendable () -> JSONValue)?

  /// Series, and where they come from.
  public init(_ source: any QueryAPI.Source, coverage: (@Sendable () -> JSONValue)? = nil) {
    (self.source, self.coverage) = (source, coverage)
  }
}

extension Tenancy {
  /// The tenant of requests where nobody has a name.
  static let unnamed = Tenancy().defaultTenant
}

/// What a server does where requests say nothing about stores.
public struct StoreDefaults: Sendable {
  /// Whether queries that say nothing are answered from downsampled data.
  public var downsamplesAlways = false
  /// `max_source_resolution` of an instant query that leaves it to the server, milliseconds.
  public var instantResolutionMs: Int64 = 0
  /// Whether selectors look back further in downsampled data.
  public var widensLookback = true
  /// Gives what a request may read.
  public var source: @Sendable (StoreParameters) -> StoreSource

  /// Reads what `source` gives.
  public init(source: @escaping @Sendable (StoreParameters) -> StoreSource) { self.source = source }
}

extension QueryAPI {
  /// What a request says about stores; nil where there are none. `automaticMs` is the resolution that `auto` means.
  func storeParameters(
    _ call: HTTPCall, _ parameters: APIParameters, automaticMs: Int64 = 0
  ) async throws -> StoreParameters? {
    guard let stores = options.stores else { return nil }
    var result = StoreParameters()
    result.deduplicates = try parameters.flag("dedup") ?? true
    let labels = parameters.values("replicaLabels[]")
    if !labels.isEmpty { result.replicaLabels = labels }
    let texts = parameters.values("storeMatch[]")
    do {
      result.storeMatchers = try await reading(texts) {
        try texts.map { try LabelMatcher.parse(selector: $0, allowingEmpty: true) }
      }
    } catch {
      guard let error = error as? ModelError else { throw error }
      throw APIProblem(.badData, error.message)
    }
    result.allowsPartialResponse = try parameters.flag("partial_response")
    let resolution = parameters["max_source_resolution"]
    if resolution == "auto" || (stores.downsamplesAlways && resolution.isEmpty) { result.resolutionMsMax = automaticMs }
    if !resolution.isEmpty, resolution != "auto" {
      result.resolutionMsMax = try parameters.quotedDurationNs("max_source_resolution") / 1_000_000
    }
    guard result.resolutionMsMax >= 0 else {
      throw APIProblem(.badData, "negative 'max_source_resolution' is not accepted. Try a positive integer")
    }
    let engine = parameters["engine"]
    guard ["", "prometheus", "thanos"].contains(engine) else { throw APIProblem(.badData, "'\(engine)' bad engine") }
    result.shard = try parameters.shard()
    result.wantsCoverage = try parameters.flag("coverage") ?? false
    result.tenant = try tenantName(of: call)
    return result
  }

  /// How far selectors look back at data of this resolution; nil: as the engine does. Points of downsampled data are further apart.
  public func lookbackMs(atResolution resolutionMs: Int64) -> Int64? {
    guard options.stores?.widensLookback == true else { return nil }
    let usual = engine.options.lookbackMs
    if resolutionMs > max(300_000, usual) { return max(3_600_000, usual) }
    return resolutionMs > usual ? max(300_000, usual) : nil
  }
}

extension APIParameters {
  /// `{"shard_index":0,"total_shards":2,"by":true,"labels":["pod"]}`; nil where it is missing.
  fileprivate func shard() throws(APIProblem) -> SeriesShard? {
    guard !self["shard_info"].isEmpty else { return nil }
    func problem(_ reason: String) -> APIProblem {
      APIProblem(.badData, "could not unmarshal parameter shard_info: \(reason)")
    }
    let value: JSONValue
    do throws(JSONError) { value = try JSONValue(parsing: Array(self["shard_info"].utf8)) } catch {
      throw problem("\(error)")
    }
    guard case .object(let members) = value else { throw problem("it is no object") }
    var shard = SeriesShard(index: 0, count: 0, isBy: false, labels: [])
    for member in members {
      switch (member.key, member.value) {
      case ("shard_index", .number(let text)):
        guard let number = Int64(text) else { throw problem("shard_index is no whole number") }
        shard.index = number
      case ("total_shards", .number(let text)):
        guard let number = Int64(text) else { throw problem("total_shards is no whole number") }
        shard.count = number
      case ("by", .bool(let isBy)): shard.isBy = isBy
      case ("labels", .array(let names)):
        for name in names {
          guard case .string(let name) = name else { throw problem("a label's name is no string") }
          shard.labels.append(name)
        }
      case ("labels", .null), ("shard_index", .null), ("total_shards", .null), ("by", .null): break
      case ("shard_index", _), ("total_shards", _), ("by", _), ("labels", _):
        throw problem("\(member.key) has another type")
      default: break
      }
    }
    return shard
  }

  /// A switch in Go's forms; nil where it is missing.
  func flag(_ name: String) throws(APIProblem) -> Bool? {
    let text = self[name]
    switch text {
    case "": return nil
    case "1", "t", "T", "TRUE", "true", "True": return true
    case "0", "f", "F", "FALSE", "false", "False": return false
    default:
      throw APIProblem(.badData, "'\(name)' parameter: strconv.ParseBool: parsing \(quotedText(text)): invalid syntax")
    }
  }

  /// Nanoseconds of a duration, with Thanos' error.
  fileprivate func quotedDurationNs(_ name: String) throws(APIProblem) -> Int64 {
    do throws(ParameterDuration.Refusal) { return try ParameterDuration.nanoseconds(self[name]) } catch {
      throw APIProblem(.badData, "'\(name)' parameter: \(error.description)")
    }
  }
}
