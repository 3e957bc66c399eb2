// Rules, alerts, targets, metadata and exemplars as Thanos' querier answers them: by asking others. Parameters and errors are Thanos'.
internal import PromQL
public import TSModel
internal import Transport

/// Where a querier takes rules, targets, metadata and exemplars.
public struct MonitoringSources: Sendable {
  /// Something that others answered, and what went wrong meanwhile.
  public struct Answer: Sendable {
    /// The data.
    public var value: JSONValue
    /// What is missing.
    public var warnings: [String]

    /// An answer.
    public init(_ value: JSONValue, warnings: [String] = []) { (self.value, self.warnings) = (value, warnings) }
  }

  /// Which rules are wanted.
  public struct RulesQuestion: Sendable {
    /// Kinds of rules.
    public enum Kind: String, Sendable, CaseIterable {
      case all, alert, record
    }

    /// Which kind.
    public var kind = Kind.all
    /// `match[]`: selectors on the rules' own labels, of which one must hold.
    public var matchers: [String] = []
    /// `rule_name[]`, `rule_group[]`, `file[]`; none: all.
    public var ruleNames: [String] = [], ruleGroups: [String] = [], files: [String] = []
    /// Whose request it is.
    public var tenant = Tenancy.unnamed

    /// All rules.
    public init() {}
  }

  /// Which targets are wanted.
  public enum TargetState: String, Sendable, CaseIterable {
    case any, active, dropped
  }

  /// Whose exemplars are wanted.
  public struct ExemplarsQuestion: Sendable {
    /// A query whose selectors count.
    public var query: String
    /// First and last instant.
    public var timeRange: TimeRange
    /// Whose request it is.
    public var tenant: String
  }

  /// Groups of rules.
  public var rules: @Sendable (RulesQuestion) async throws -> Answer
  /// Alerts that are there now.
  public var alerts: @Sendable (_ tenant: String) async throws -> Answer
  /// Targets.
  public var targets: @Sendable (TargetState, _ tenant: String) async throws -> Answer
  /// Metadata of metrics: of one, or of so many (negative: all).
  public var metadata: @Sendable (_ metric: String, _ limit: Int32, _ tenant: String) async throws -> Answer
  /// Exemplars.
  public var exemplars: @Sendable (ExemplarsQuestion) async throws -> Answer

  /// These.
  public init(
    rules: @escaping @Sendable (RulesQuestion) async throws -> Answer,
    alerts: @escaping @Sendable (_ tenant: String) async throws -> Answer,
    targets: @escaping @Sendable (TargetState, _ tenant: String) async throws -> Answer,
    metadata: @escaping @Sendable (_ metric: String, _ limit: Int32, _ tenant: String) async throws -> Answer,
    exemplars: @escaping @Sendable (ExemplarsQuestion) async throws -> Answer
  ) {
    (self.rules, self.alerts, self.targets) = (rules, alerts, targets)
    (self.metadata, self.exemplars) = (metadata, exemplars)
  }
}

extension QueryAPI {
  func rules(_ call: HTTPCall, from sources: MonitoringSources) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    var question = MonitoringSources.RulesQuestion()
    question.kind = try choice("type", "rules", parameters) ?? .all
    question.matchers = parameters.values("match[]")
    question.ruleNames = parameters.values("rule_name[]")
    question.ruleGroups = parameters.values("rule_group[]")
    question.files = parameters.values("file[]")
    question.tenant = try tenantName(of: call)
    return try await answer("error retrieving rules: ") { try await sources.rules(question) }
  }

  func alerts(_ call: HTTPCall, from sources: MonitoringSources) async throws -> APIAnswer {
    let tenant = try tenantName(of: call)
    return try await answer("error retrieving rules: ") { try await sources.alerts(tenant) }
  }

  func targets(_ call: HTTPCall, from sources: MonitoringSources) async throws -> APIAnswer {
    let state: MonitoringSources.TargetState = try choice("state", "targets", await APIParameters(call)) ?? .any
    let tenant = try tenantName(of: call)
    return try await answer("retrieving targets: ") { try await sources.targets(state, tenant) }
  }

  func metadata(_ call: HTTPCall, from sources: MonitoringSources) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    var limit: Int32 = -1
    if !parameters["limit"].isEmpty {
      guard let number = Int32(parameters["limit"]) else {
        throw APIProblem(.badData, "invalid metric metadata limit='0'")
      }
      limit = number
    }
    let (metric, wanted) = (parameters["metric"], limit)
    let tenant = try tenantName(of: call)
    return try await answer("retrieving metadata: ") { try await sources.metadata(metric, wanted, tenant) }
  }

  func queryExemplars(_ call: HTTPCall, from sources: MonitoringSources) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    func time(_ name: String, _ missing: ParameterTime) throws -> Int64 {
      guard !parameters[name].isEmpty else { return missing.milliseconds }
      guard let time = ParameterTime(parameters[name]) else {
        throw APIProblem(
          .badData,
          "Invalid time value for '\(name)': cannot parse \(quotedText(parameters[name])) to a valid timestamp")
      }
      return time.milliseconds
    }
    let question = MonitoringSources.ExemplarsQuestion(
      query: parameters["query"],
      timeRange: try TimeRange(minTimeMs: time("start", .earliest), maxTimeMs: time("end", .latest)),
      tenant: try tenantName(of: call))
    return try await answer("retrieving exemplars: ") { try await sources.exemplars(question) }
  }

  /// A parameter that is one of several words, in any case; nil where it is missing.
  private func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ name: String, _ subject: String, _ parameters: APIParameters
  ) throws -> Choice? {
    let text = parameters[name]
    if text.isEmpty { return nil }
    guard let choice = Choice.allCases.first(where: { $0.rawValue == text.lowercased() }) else {
      throw APIProblem(.badData, "invalid \(subject) parameter \(name)='\(text)'")
    }
    return choice
  }

  private func answer(
    _ attempt: String, _ ask: () async throws -> MonitoringSources.Answer
  ) async throws -> APIAnswer {
    do {
      let answer = try await ask()
      return APIAnswer(.value(answer.value), warnings: answer.warnings)
    } catch let error as CancellationError {
      throw error
    } catch let error as BudgetExceeded {
      throw error
    } catch {
      throw APIProblem(.internal, "\(attempt)\(error)")
    }
  }
}
