// One question, put to all endpoints that can answer it, and their answers gathered.
internal import Locking
internal import StoreAPI
internal import Synchronization
public import TSModel
public import Transport

/// What cannot be asked.
struct GatheringError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// What was gathered.
public struct Gathered<Value: Sendable>: Sendable {
  /// The answers, become one.
  public var value: Value
  /// What went wrong without ending the answer.
  public var warnings: [String]
}

/// The endpoints of a querier, for questions beside those for series. Thread-safe.
public struct Gathering: Sendable {
  private let endpoints: EndpointSet
  private let budget: MemoryBudget

  /// Asks `endpoints`; what they answer is charged to `budget`.
  public init(_ endpoints: EndpointSet, budget: MemoryBudget) {
    (self.endpoints, self.budget) = (endpoints, budget)
  }

  /// The items of all answers, in the order of the addresses. Throws where an endpoint fails and the question asks for all of them.
  func gather<Question: GatheredQuestion>(
    _ question: Question, tenant: String
  ) async throws -> Gathered<[Question.Answer.Item]> {
    typealias Item = Question.Answer.Item
    try question.check()
    let view = endpoints.offering(Question.isOffered)
    var gathered = Gathered<[Item]>(value: [], warnings: [])
    func lacks(_ sentence: String) throws {
      if question.partialResponseStrategy == .abort { throw GatheringError(sentence) }
      if !gathered.warnings.contains(sentence) { gathered.warnings.append(sentence) }
    }
    for (endpoint, reason) in view.missing {
      try lacks("no answer from \(Question.subject) client \(endpoint.address): \(reason)")
    }
    var asked: [(OfferedEndpoint, [UInt8])] = []
    for endpoint in view.endpoints {
      if let own = try question.question(for: endpoint) { asked.append((endpoint, own.encoded())) }
    }
    let (path, fields) = ("/\(Question.service)/\(Question.method)", GRPCTenant.fields(tenant))
    // Charged as long as the answers are gathered: what becomes of them is smaller.
    let shared = SharedCharge(try BudgetCharge(budget, bytes: 0))
    let answers = await withTaskGroup(of: (Int, Partial<Item>).self) { group in
      for (index, (endpoint, message)) in asked.enumerated() {
        group.addTask {
          var partial = Partial<Item>()
          do {
            try await endpoint.channel.call(streaming: path, message, fields) { (answer: Question.Answer, size: Int) in
              try shared.grow(by: size)
              if let item = answer.item { partial.items.append(item) }
              if let warning = answer.warning { partial.warnings.append(warning) }
            }
          } catch {
            partial.failure =
              "receiving \(Question.subject) from \(Question.subject) client \(endpoint.address): "
              + GRPCStatus(of: error).description
          }
          return (index, partial)
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    try Task.checkCancellation()
    for (_, partial) in answers.sorted(by: { $0.0 < $1.0 }) {
      gathered.value += partial.items
      for warning in partial.warnings where !gathered.warnings.contains(warning) { gathered.warnings.append(warning) }
      if let failure = partial.failure { try lacks(failure) }
    }
    return gathered
  }

  /// The services that offer all of this to others.
  public var services: [any GRPCService] {
    [
      GatheringService<RulesRequest>(self), GatheringService<TargetsRequest>(self),
      GatheringService<MetricMetadataRequest>(self), GatheringService<ExemplarsRequest>(self),
      GatheringService<TSDBStatisticsRequest>(self),
    ]
  }
}

/// What one endpoint answered.
private struct Partial<Item: Sendable>: Sendable {
  var items: [Item] = []
  var warnings: [String] = []
  var failure: String?
}

/// A service that passes a question on, and the answers back.
private struct GatheringService<Question: GatheredQuestion>: GRPCService {
  let name = Question.service
  let methods = [GRPCMethod(Question.method, .serverStream)]
  let fileDescriptors = Question.fileDescriptors

  private let gathering: Gathering

  init(_ gathering: Gathering) { self.gathering = gathering }

  func handle(method: String, call: GRPCServerCall) async throws {
    let question: Question = try await call.request()
    let gathered: Gathered<[Question.Answer.Item]>
    do { gathered = try await gathering.gather(question, tenant: call.tenant) } catch let error as GatheringError {
      throw GRPCStatus(.unknown, error.description)
    } catch let error as BudgetExceeded {
      throw GRPCStatus(.resourceExhausted, "\(error)")
    }
    for warning in gathered.warnings { try await call.send(Question.Answer(warning: warning).encoded()) }
    for item in gathered.value { try await call.send(Question.Answer(item: item).encoded()) }
  }
}

/// Memory of one request that several tasks take. Thread-safe.
private final class SharedCharge: Sendable {
  private let charge: Guarded<BudgetCharge>

  init(_ charge: consuming BudgetCharge) { self.charge = Guarded(charge) }

  func grow(by size: Int) throws {
    try charge.withLock { charge in try charge.grow(by: size) }
  }
}
