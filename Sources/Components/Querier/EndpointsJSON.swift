// The endpoints of a querier as JSON.
internal import Observability
internal import StoreAPI
internal import StoreServing
internal import TSModel

/// The endpoints as `/api/v1/stores` tells them.
enum EndpointsJSON {
  static func value(_ statuses: [EndpointStatus]) -> JSONValue {
    var types: [String: [JSONValue]] = [:]
    for status in statuses {
      let store = status.info?.store
      let type = status.info?.componentType ?? "unknown"
      types[type, default: []].append(
        .object([
          .init("name", .string(status.spec.address)),
          .init(
            "lastCheck",
            .string(
              status.checkedMs == 0
                ? "0001-01-01T00:00:00Z" : TimestampText.rfc3339Nano(unixNs: status.checkedMs &* 1_000_000))),
          .init("lastError", status.failure.map { .string($0) } ?? .null),
          .init(
            "labelSets",
            .array(
              (status.info?.labelSets ?? []).map { set in
                .object(set.labelSet.map { .init($0.name, .string($0.value)) })
              })), .init("minTime", .integer(store?.minTimeMs ?? .min)),
          .init("maxTime", .integer(store?.maxTimeMs ?? .max)),
        ]))
    }
    return .object(types.sorted { $0.key < $1.key }.map { .init($0.key, .array($0.value)) })
  }
}
