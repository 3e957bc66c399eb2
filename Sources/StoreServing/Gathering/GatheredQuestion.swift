// The questions that are put to all endpoints which can answer them, beside those for series: rules, targets, metadata, exemplars,
// statistics. Each is a call whose answer is a stream of items and warnings.
internal import PromQL
internal import StoreAPI
internal import TSModel

/// One message of such an answer.
protocol GatheredAnswer: ProtobufMessage {
  associatedtype Item: Sendable
  /// The item that it carries.
  var item: Item? { get }
  /// What it says that went wrong.
  var warning: String? { get }
  init(item: Item)
  init(warning: String)
}

/// A question.
protocol GatheredQuestion: ProtobufMessage {
  associatedtype Answer: GatheredAnswer
  /// The service's full name, and its method's.
  static var service: String { get }
  static var method: String { get }
  /// What is asked for, in sentences about failures.
  static var subject: String { get }
  /// What reflection tells of the service.
  static var fileDescriptors: [[UInt8]] { get }
  /// Whether an endpoint has the service.
  static func isOffered(by info: InfoResponse) -> Bool
  var partialResponseStrategy: PartialResponseStrategy { get set }
  /// Throws `GatheringError` where the question makes no sense.
  func check() throws
  /// What this endpoint is asked; nil: it has nothing to say about it.
  func question(for endpoint: OfferedEndpoint) throws -> Self?
}

extension GatheredQuestion {
  func check() throws {}
  func question(for endpoint: OfferedEndpoint) throws -> Self? { self }
}

extension RulesRequest: GatheredQuestion {
  typealias Answer = RulesResponse
  static var service: String { "thanos.Rules" }
  static var method: String { "Rules" }
  static var subject: String { "rules" }
  static var fileDescriptors: [[UInt8]] { ServiceDescriptors.rules }
  static func isOffered(by info: InfoResponse) -> Bool { info.rules != nil }
}

extension RulesResponse: GatheredAnswer {
  var item: RuleGroupMessage? { if case .group(let group)? = result { group } else { nil } }
  var warning: String? { if case .warning(let text)? = result { text } else { nil } }
  init(item: RuleGroupMessage) { self.init(.group(item)) }
  init(warning: String) { self.init(.warning(warning)) }
}

extension TargetsRequest: GatheredQuestion {
  typealias Answer = TargetsResponse
  static var service: String { "thanos.Targets" }
  static var method: String { "Targets" }
  static var subject: String { "targets" }
  static var fileDescriptors: [[UInt8]] { ServiceDescriptors.targets }
  static func isOffered(by info: InfoResponse) -> Bool { info.targets != nil }
}

extension TargetsResponse: GatheredAnswer {
  var item: TargetDiscoveryMessage? { if case .targets(let targets)? = result { targets } else { nil } }
  var warning: String? { if case .warning(let text)? = result { text } else { nil } }
  init(item: TargetDiscoveryMessage) { self.init(.targets(item)) }
  init(warning: String) { self.init(.warning(warning)) }
}

extension MetricMetadataRequest: GatheredQuestion {
  typealias Answer = MetricMetadataResponse
  static var service: String { "thanos.Metadata" }
  static var method: String { "MetricMetadata" }
  static var subject: String { "metric metadata" }
  static var fileDescriptors: [[UInt8]] { ServiceDescriptors.metadata }
  static func isOffered(by info: InfoResponse) -> Bool { info.metricMetadata != nil }
}

extension MetricMetadataResponse: GatheredAnswer {
  var item: MetricMetadataMessage? { if case .metadata(let metadata)? = result { metadata } else { nil } }
  var warning: String? { if case .warning(let text)? = result { text } else { nil } }
  init(item: MetricMetadataMessage) { self.init(.metadata(item)) }
  init(warning: String) { self.init(.warning(warning)) }
}

extension TSDBStatisticsRequest: GatheredQuestion {
  typealias Answer = TSDBStatisticsResponse
  static var service: String { "thanos.Status" }
  static var method: String { "TSDBStatistics" }
  static var subject: String { "TSDB statistics" }
  static var fileDescriptors: [[UInt8]] { ServiceDescriptors.status }
  static func isOffered(by info: InfoResponse) -> Bool { info.status != nil }
}

extension TSDBStatisticsResponse: GatheredAnswer {
  var item: TSDBStatisticsMessage? { if case .statistics(let statistics)? = result { statistics } else { nil } }
  var warning: String? { if case .warning(let text)? = result { text } else { nil } }
  init(item: TSDBStatisticsMessage) { self.init(.statistics(item)) }
  init(warning: String) { self.init(.warning(warning)) }
}

extension ExemplarsResponse: GatheredAnswer {
  var item: ExemplarDataMessage? { if case .data(let data)? = result { data } else { nil } }
  var warning: String? { if case .warning(let text)? = result { text } else { nil } }
  init(item: ExemplarDataMessage) { self.init(.data(item)) }
  init(warning: String) { self.init(.warning(warning)) }
}

extension ExemplarsRequest: GatheredQuestion {
  typealias Answer = ExemplarsResponse
  static var service: String { "thanos.Exemplars" }
  static var method: String { "Exemplars" }
  static var subject: String { "exemplars" }
  static var fileDescriptors: [[UInt8]] { ServiceDescriptors.exemplars }
  static func isOffered(by info: InfoResponse) -> Bool { info.exemplars != nil }

  /// The selectors that can select anything of the endpoint, added up: what a query does with its series has no part in their exemplars.
  /// Of an endpoint that is no querier conditions on external labels are left out: Prometheus, which answers there, does not know them.
  func question(for endpoint: OfferedEndpoint) throws -> Self? {
    let sets = endpoint.info.labelSets.map(\.labelSet)
    let names = Set(sets.flatMap { $0.map(\.name) })
    var texts: [String] = []
    for matchers in try selectors() {
      guard RemoteStore.mayHave(sets, matchers) else { continue }
      let known =
        endpoint.info.componentType == "query" ? matchers : matchers.filter { !names.contains($0.name) }
      texts.append("{\(known.map(\.description).joined(separator: ", "))}")
    }
    guard !texts.isEmpty else { return nil }
    var question = self
    question.query = texts.joined(separator: "+")
    return question
  }

  func check() throws { _ = try selectors() }

  /// The conditions of each selector.
  private func selectors() throws -> [[LabelMatcher]] {
    let expression: PromQL.Expression
    do throws(ParseError) { expression = try PromQL.Expression(parsing: query, options: .everything) } catch {
      throw GatheringError(error.description)
    }
    return expression.selectors
  }
}
