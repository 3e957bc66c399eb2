// What a query would do, and what its operations took: /api/v1/query_explain, /api/v1/query_range_explain and `analyze=true`.
internal import PromQL
internal import TSModel
internal import Transport

extension QueryAPI {
  func queryExplain(_ call: HTTPCall) async throws -> APIAnswer {
    try await explained(await APIParameters(call), isRange: false)
  }

  func queryRangeExplain(_ call: HTTPCall) async throws -> APIAnswer {
    try await explained(await APIParameters(call), isRange: true)
  }

  private func explained(_ parameters: APIParameters, isRange: Bool) async throws -> APIAnswer {
    // As Thanos, whose other engine explains nothing.
    guard parameters["engine"] == "thanos" else { throw APIProblem(.badData, "engine type must be 'thanos'") }
    let request: QueryRequest =
      isRange
      ? .range(parameters["query"], startMs: 0, endMs: 0, stepMs: 1) : .instant(parameters["query"], atMs: 0)
    return APIAnswer(PlanJSON.value(try engine.plan(of: try await prepared(request))))
  }
}

/// `{"name":…,"children":[…]}`
enum PlanJSON {
  static func value(_ node: PlanNode) -> JSONValue {
    .object(
      [.init("name", .string(node.name))]
        + (node.children.isEmpty ? [] : [.init("children", .array(node.children.map(value)))]))
  }
}

/// The same with what each operation took, as Thanos tells it: `executionTime` (with what is below), `peakSamples`, `totalSamples`,
/// `fanout`; besides `rows` and `peakMemory` (bytes).
enum AnalysisJSON {
  static func value(_ cost: OperationCost) -> JSONValue {
    func count(_ name: String, _ number: Int64) -> [JSONValue.Member] {
      number == 0 ? [] : [.init(name, .integer(number))]
    }
    var members: [JSONValue.Member] = [
      .init("name", .string(cost.name)), .init("executionTime", .string(text(ofSeconds: cost.executionS))),
    ]
    members += count("totalSamples", cost.sampleCount) + count("rows", cost.rowCount)
    members += count("peakMemory", Int64(cost.peakBytes))
    if !cost.sources.isEmpty {
      members.append(
        .init(
          "fanout",
          .array(
            cost.sources.map { source in
              .object(
                [
                  .init("endpointAddr", .string(source.address)),
                  .init("duration", .string(text(ofSeconds: source.durationS))),
                ] + count("bytesProcessed", source.bytes) + count("numResponses", source.messageCount)
                  + count("series", source.seriesCount) + count("chunks", source.chunkCount))
            })))
    }
    if !cost.children.isEmpty { members.append(.init("children", .array(cost.children.map(value)))) }
    return .object(members)
  }

  /// As Go writes durations: `1.5ms`, `250µs`, `2m3.5s`.
  private static func text(ofSeconds seconds: Double) -> String {
    let nanoseconds = Int64(clamping: Int((seconds * 1e9).rounded()))
    func decimal(_ value: Int64, _ unit: Int64) -> String {
      let fraction = value % unit
      guard fraction > 0 else { return "\(value / unit)" }
      var digits = String(String(unit + fraction).dropFirst())
      while digits.hasSuffix("0") { digits.removeLast() }
      return "\(value / unit).\(digits)"
    }
    switch nanoseconds {
    case ..<1000: return "\(max(0, nanoseconds))ns"
    case ..<1_000_000: return decimal(nanoseconds, 1000) + "µs"
    case ..<1_000_000_000: return decimal(nanoseconds, 1_000_000) + "ms"
    case ..<60_000_000_000: return decimal(nanoseconds, 1_000_000_000) + "s"
    default:
      let minutes = nanoseconds / 60_000_000_000
      let hours = minutes >= 60 ? "\(minutes / 60)h" : ""
      return hours + "\(minutes % 60)m" + decimal(nanoseconds % 60_000_000_000, 1_000_000_000) + "s"
    }
  }
}
