// What a querier tells of its endpoints and memory, in Thanos' names where there are such.
internal import Observability
internal import StoreAPI
internal import StoreServing
internal import TSModel

enum QuerierMetrics {
  static func add(
    to registry: MetricsRegistry, _ endpoints: EndpointSet, _ discovery: EndpointDiscovery, _ budget: MemoryBudget,
    connectionLabels: [String]
  ) {
    registry.collect { metrics in
      var connections: [[String: String]: Int] = [:]
      for status in endpoints.statuses where status.failure == nil {
        guard let info = status.info else { continue }
        var labels: [String: String] = [:]
        for name in connectionLabels {
          switch name {
          case "external_labels":
            labels[name] = String(info.labelSets.map(\.labelSet.description).joined(separator: ",").prefix(1000))
          case "store_type": labels[name] = info.componentType
          default: labels[name] = status.spec.address
          }
        }
        connections[labels, default: 0] += 1
      }
      for (labels, count) in connections {
        metrics.add(
          "thanos_store_nodes_grpc_connections", "Endpoints that answer, by their external labels and type.", .gauge,
          .number(Double(count)), labels.map { MetricLabel($0.key, $0.value) })
      }
      metrics.counter(
        "thanos_query_duplicated_endpoint_addresses_total", "How often an address was given that was there already.",
        Double(endpoints.duplicateCount), labels: [:])
      let counts = discovery.counts
      metrics.counter(
        "thanos_query_endpoints_dns_lookups_total", "Names of endpoints that were looked up.", Double(counts.lookups),
        labels: [:])
      metrics.counter(
        "thanos_query_endpoints_dns_failures_total", "Lookups of endpoints that failed.", Double(counts.failures),
        labels: [:])
      for (name, count) in counts.results {
        metrics.gauge(
          "thanos_query_endpoints_dns_provider_results", "Addresses that a name of endpoints stands for.",
          Double(count), labels: ["addr": name])
      }
      metrics.gauge(
        "apus_query_memory_bytes", "Memory that queries hold now.", Double(budget.usedBytes), labels: [:])
    }
  }
}
