// The parameters of a request, as the endpoints ask for them.
internal import PromQL
internal import TSModel
internal import Transport

/// Parameters of one request. Errors are those that Prometheus answers.
struct APIParameters {
  private let form: FormParameters
  /// What is wrong with the first parameter that could not be read.
  private let malformed: FormParameters.Malformed?

  /// Those of the body, where it is a form, then those of the URL.
  init(_ call: HTTPCall) async throws { (form, malformed) = try await call.legibleForm() }

  /// The first value of `name`; empty where there is none.
  subscript(name: String) -> String { form[name] ?? "" }

  /// All values of `name`.
  func values(_ name: String) -> [String] { form.values(name) }

  /// For endpoints that refuse what they cannot read.
  func checkLegible() throws(APIProblem) {
    if let malformed { throw APIProblem(.badData, "error parsing form values: \(malformed)") }
  }

  /// A parameter that is not as it should be.
  static func invalid(_ name: String, _ reason: String) -> APIProblem {
    APIProblem(.badData, "invalid parameter \"\(name)\": \(reason)")
  }

  /// The most items that are wanted; 0: all.
  func limit() throws(APIProblem) -> Int {
    guard !self["limit"].isEmpty else { return 0 }
    let limit: Int
    do throws(GoNumber.Refusal) { limit = try GoNumber.integer(self["limit"]) } catch {
      throw Self.invalid("limit", error.description)
    }
    if limit < 0 { throw Self.invalid("limit", "limit must be non-negative") }
    return limit
  }

  /// A time that must be given.
  func time(_ name: String) throws(APIProblem) -> ParameterTime {
    guard let time = ParameterTime(self[name]) else {
      throw Self.invalid(name, "cannot parse \(quotedText(self[name])) to a valid timestamp")
    }
    return time
  }

  /// A time that may be missing.
  func time(_ name: String, default missing: ParameterTime) throws(APIProblem) -> ParameterTime {
    guard !self[name].isEmpty else { return missing }
    guard let time = ParameterTime(self[name]) else {
      throw Self.invalid(
        name, "invalid time value for '\(name)': cannot parse \(quotedText(self[name])) to a valid timestamp")
    }
    return time
  }

  /// Nanoseconds of a duration.
  func durationNs(_ name: String) throws(APIProblem) -> Int64 {
    do throws(ParameterDuration.Refusal) { return try ParameterDuration.nanoseconds(self[name]) } catch {
      throw Self.invalid(name, error.description)
    }
  }

  /// Nanoseconds that a query may take; nil where the parameter is missing.
  func timeoutNs() throws(APIProblem) -> Int64? { self["timeout"].isEmpty ? nil : try durationNs("timeout") }

  /// How far instant selectors look back, milliseconds; nil where that is left to the engine.
  func lookbackMs() throws(APIProblem) -> Int64? {
    guard !self["lookback_delta"].isEmpty else { return nil }
    let lookbackNs: Int64
    do throws(ParameterDuration.Refusal) {
      lookbackNs = try ParameterDuration.nanoseconds(self["lookback_delta"])
    } catch {
      throw APIProblem(.badData, "error parsing lookback delta duration: \(error)")
    }
    return lookbackNs > 0 ? lookbackNs / 1_000_000 : nil
  }

  /// The selectors `match[]`; `isNamed`: errors say which parameter they are about.
  func matcherSets(isNamed: Bool = false) throws(APIProblem) -> [[LabelMatcher]] {
    func refuse(_ reason: String) -> APIProblem {
      isNamed ? Self.invalid("match[]", reason) : APIProblem(.badData, reason)
    }
    var sets: [[LabelMatcher]] = []
    for text in values("match[]") {
      do throws(ModelError) { sets.append(try LabelMatcher.parse(selector: text, allowingEmpty: true)) } catch {
        throw refuse(error.message)
      }
    }
    if sets.contains(where: { set in set.allSatisfy(\.matchesEmpty) }) {
      throw refuse("match[] must contain at least one non-empty matcher")
    }
    return sets
  }

  /// The times that `start` and `end` name; where they do not, the last `usualMs` milliseconds, or with 0 all of time.
  func timeRange(usualMs: Int64) throws(APIProblem) -> TimeRange {
    let nowMs = WallClock.nowMs()
    let start = try time("start", default: usualMs > 0 ? ParameterTime(ms: nowMs &- usualMs) : .earliest)
    let end = try time("end", default: usualMs > 0 ? ParameterTime(ms: nowMs) : .latest)
    return TimeRange(minTimeMs: start.milliseconds, maxTimeMs: end.milliseconds)
  }
}
