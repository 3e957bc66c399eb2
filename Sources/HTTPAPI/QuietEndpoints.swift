// Endpoints about what nobody collects here yet: targets, rules, alerts, metadata. Their parameters are checked as Prometheus
// checks them; their answers have the right shape and nothing in it.
internal import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  func metadata(_ call: HTTPCall) async throws -> APIAnswer {
    if let sources = status.monitoring { return try await metadata(call, from: sources) }
    let parameters = try await APIParameters(call)
    try checkNumber("limit", parameters)
    try checkNumber("limit_per_metric", parameters)
    return APIAnswer(.object([]))
  }

  private func checkNumber(_ name: String, _ parameters: APIParameters) throws {
    guard !parameters[name].isEmpty else { return }
    do throws(GoNumber.Refusal) { _ = try GoNumber.integer(parameters[name]) } catch {
      throw APIProblem(.badData, "\(name) must be a number")
    }
  }

  func targets(_ call: HTTPCall) async throws -> APIAnswer {
    if let sources = status.monitoring { return try await targets(call, from: sources) }
    let state = try await APIParameters(call)["state"].lowercased()
    let showsDropped = ["", "any", "dropped"].contains(state)
    return APIAnswer(
      .object([
        .init("activeTargets", .array([])), .init("droppedTargets", .array([])),
        .init("droppedTargetCounts", showsDropped ? .object([]) : .null),
      ]))
  }

  func targetsMetadata(_ call: HTTPCall) async throws -> APIAnswer {
    let parameters = try await APIParameters(call)
    try checkNumber("limit", parameters)
    if !parameters["match_target"].isEmpty {
      do throws(ModelError) {
        _ = try LabelMatcher.parse(selector: parameters["match_target"], allowingEmpty: true)
      } catch { throw APIParameters.invalid("match_target", error.message) }
    }
    return APIAnswer(.array([]))
  }

  func scrapePools(_ call: HTTPCall) async throws -> APIAnswer {
    APIAnswer(.object([.init("scrapePools", .array([]))]))
  }

  func rules(_ call: HTTPCall) async throws -> APIAnswer {
    if let sources = status.monitoring { return try await rules(call, from: sources) }
    let parameters = try await APIParameters(call)
    let type = parameters["type"].lowercased()
    guard ["", "alert", "record"].contains(type) else {
      throw APIParameters.invalid("type", "not supported value \(quotedText(type))")
    }
    let excludesAlerts = parameters["exclude_alerts"].lowercased()
    if !excludesAlerts.isEmpty {
      do throws(GoNumber.Refusal) { _ = try GoNumber.bool(excludesAlerts) } catch {
        throw APIParameters.invalid("exclude_alerts", "error converting exclude_alerts: \(error)")
      }
    }
    _ = try parameters.matcherSets()
    try checkGroupPages(parameters)
    return APIAnswer(.object([.init("groups", .array([]))]))
  }

  private func checkGroupPages(_ parameters: APIParameters) throws {
    let token = parameters["group_next_token"]
    if parameters["group_limit"].isEmpty {
      if token.isEmpty { return }
      throw APIParameters.invalid(
        "group_next_token", "group_limit needs to be present in order to paginate over the groups")
    }
    let limit: Int
    do throws(GoNumber.Refusal) {
      limit = try GoNumber.integer(parameters["group_limit"], function: "ParseInt")
    } catch {
      throw APIParameters.invalid("group_limit", "group_limit needs to be a valid number: \(error)")
    }
    if limit <= 0 { throw APIParameters.invalid("group_limit", "group_limit needs to be greater than 0") }
    if !token.isEmpty {
      throw APIParameters.invalid(
        "group_next_token", "invalid group_next_token '\(token)'. were rule groups changed?")
    }
  }

  func alerts(_ call: HTTPCall) async throws -> APIAnswer {
    if let sources = status.monitoring { return try await alerts(call, from: sources) }
    return APIAnswer(.object([.init("alerts", .array([]))]))
  }

  func alertmanagers(_ call: HTTPCall) async throws -> APIAnswer {
    APIAnswer(.object([.init("activeAlertmanagers", .array([])), .init("droppedAlertmanagers", .array([]))]))
  }

  func notifications(_ call: HTTPCall) async throws -> APIAnswer { APIAnswer(.array([])) }
}
