// What a querier tells of its endpoints and memory, in Thanos' names where there are such.
internal import Observability
internal import StoreAPI
internal import StoreServing
internal import TSModel

enum QuerierMetrics {
  static func add(
    to registry: MetricsRegistry, _ endpoints: EndpointSet, _ discovery: EndpointDiscovery, _ budget: MemoryBudget
  ) {
    registry.collect { metrics in
      struct Kind: Hashable {
        var labels, type: String
      }
      var connections: [Kind: Int] = [:]
      for status in endpoints.statuses where status.failure == nil {
        guard let info = status.info else { continue }
        let labels = info.labelSets.map(\.labelSet.description).joined(separator: ",")
        connections[Kind(labels: String(labels.prefix(1000)), type: info.componentType), default: 0] += 1
      }
      for (kind, count) in connections {
        metrics.gauge(
          "thanos_store_nodes_grpc_connections", "Endpoints that answer, by their external labels and type.",
          Double(count), labels: ["external_labels": kind.labels, "store_type": kind.type])
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
